package pages

import (
	"fmt"
	"strings"

	"online-inference/lab/compare"
	"online-inference/lab/timeline"
)

// idle writes, of an experiment in which nobody asks, what each part took, and
// from how many idle models on the platform takes less than their pods would.
func idle(d *document, r *Result) error {
	if r.Family != "idle" {
		return nil
	}
	parts, err := compare.Idle(r.shown())
	if err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	d.p("## What each part took")
	var rows [][]string
	for _, p := range parts.Of {
		rows = append(rows, []string{p.Name, megabytes(p.Bytes), fmt.Sprintf("%.2f s", p.Seconds), fmt.Sprintf("%.1f s", p.PerHour())})
	}
	d.table("lrrr", []string{"part", "memory", "CPU time, of " + minutes(parts.Of[0].Over), "CPU time, an hour"}, rows)
	d.p("Memory is the median of the readings, what the kernel accounts to the pods without caches (RSS). The platform is knative-serving and kourier-system as `make up` installs them, each part with one pod; metrics-server is what the HorizontalPodAutoscaler needs, and is not counted as Knative's.")
	d.p("## From how many idle models on")
	rows = nil
	for _, b := range parts.Breaks {
		rows = append(rows, []string{b.What, b.Each, b.Platform, fmt.Sprint(b.Models)})
	}
	d.table("lrrr", []string{"an idle pod", "takes", "the platform takes", "Knative takes less from"}, rows)
	d.p("Models that nobody asks, each of them kept by one pod all the time, against the platform that lets them have none. The sizes of 15 MB and 300 MB are round figures for this server and for a Python server with its framework; [performance/server.md](../performance/server.md) has measured ones. Models that are asked need their pods either way.")
	return nil
}

func megabytes(bytes float64) string {
	if bytes < 100e6 {
		return fmt.Sprintf("%.1f MB", bytes/1e6)
	}
	return timeline.Thousands(int(bytes/1e6+0.5)) + " MB"
}

func minutes(seconds float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", seconds/60), ".0") + " min"
}
