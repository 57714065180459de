package pages

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"online-inference/lab/compare"
	"online-inference/lab/record"
	"online-inference/lab/timeline"
)

// overviewPage is docs/comparisons.md.
func overviewPage(results []*Result, all []compare.Experiment) []byte {
	d := &document{}
	d.p("# Comparisons")
	d.p("What the classic controllers and Knative do with one and the same image, answered by recorded runs. " +
		"Each page has a question, an answer in one sentence, a picture of one run on one axis of time, and claims that are held against every run. " +
		"These pages are written by `make docs` from records of every pod, endpoint, event and request; `make check` fails where they differ.")
	if rollouts := ofFamily(results, familyRollouts); len(rollouts) > 0 {
		d.p("## Rollouts side by side")
		d.picture("comparisons/rollouts.svg", timeline.Width, summaryTitle+". "+summaryConclusion(rollouts))
		rolloutTable(d, rollouts)
	}
	d.p("## Which one when")
	guide(d, results)
	d.p("## Not measured")
	notMeasured(d)
	for _, f := range families() {
		all := ofFamily(results, f.name)
		if len(all) == 0 || f.name == familyRollouts {
			continue
		}
		d.p("## %s", f.title)
		var rows [][]string
		for _, r := range all {
			rows = append(rows, []string{link(r), r.Question, r.Answer})
		}
		d.table("lll", []string{"", "question", "answer"}, rows)
	}
	if lines := incomplete(results, all); len(lines) > 0 {
		d.p("## Not recorded yet")
		d.p("%s", strings.Join(lines, "\n"))
	}
	d.p("## Method")
	overviewMethod(d, results)
	d.p("## Again")
	d.code("make experiments             # all of them, with the expected duration\nmake experiments NAME=surge  # one\nmake docs                    # pages and pictures from the records")
	return []byte(strings.TrimRight(d.String(), "\n") + "\n")
}

// incomplete lists the experiments with fewer runs than they want.
func incomplete(results []*Result, all []compare.Experiment) []string {
	var lines []string
	for _, e := range all {
		i := slices.IndexFunc(results, func(r *Result) bool { return r.Name == e.Name })
		switch {
		case i < 0:
			lines = append(lines, fmt.Sprintf("- %s (`%s`): no run", e.Title, e.Command()))
		case len(results[i].Runs) < e.Runs:
			lines = append(lines, fmt.Sprintf("- %s (`%s`): %d of %d runs", link(results[i]), e.Command(), len(results[i].Runs), e.Runs))
		}
	}
	return lines
}

// busy is how many of the runs began while the machine had other things to do.
func busy(results []*Result) (some, all int) {
	for _, r := range results {
		for _, run := range r.Runs {
			if all++; compare.Busy(run) {
				some++
			}
		}
	}
	return some, all
}

func link(r *Result) string {
	return fmt.Sprintf("[%s](%s)", r.Title, path.Join("comparisons", r.Name+".md"))
}

// rolloutTable puts all rollouts side by side.
func rolloutTable(d *document, rollouts []*Result) {
	var rows [][]string
	want := 0
	for _, r := range rollouts {
		s := r.Summary
		want = max(want, s.Want)
		short := "–"
		if s.Want > 0 {
			short = spread(s.Short, timeline.Seconds)
		}
		promise := r.Promise
		if promise == "" {
			promise = "–"
		}
		rows = append(rows, []string{link(r), promise, withBound(s.Requests()), short,
			spread(s.PeakActive, whole) + " + " + spread(s.PeakTerminating, whole), spread(s.Mixed, timeline.Seconds), spread(s.Done, timeline.Seconds), fmt.Sprint(s.Runs)})
	}
	d.table("llrrrrrr", []string{"", "promises", "failed requests, all runs", "too few ready", "peak pods + terminating", "both versions answered", "change to done", "runs"}, rows)
	d.p("Median and, where runs differ, (smallest–largest). Too few ready: for how long fewer pods were ready than the workload asks for (%d where it is a Deployment). "+
		"Where no request failed, the bound in brackets is the share that could still fail and go unseen in so many requests (95 %%, rule of three: 3/N).", want)
}

type family struct{ name, title string }

func families() []family {
	return []family{
		{"pod", "A pod"}, {"resources", "Requests and limits"}, {"probes", "Probes and restarts"}, {"crash-loop", "Restarts for ever"},
		{"replicaset", "ReplicaSet"}, {familyRollouts, "Rollouts"}, {"autoscaling", "Autoscaling"}, {"idle", "While nobody asks"},
	}
}

// overviewMethod says what holds for all, and what the clients of the records
// were.
func overviewMethod(d *document, results []*Result) {
	d.p("- **Clients.** Two, with an open loop: a request is sent when it is due, whether or not the last ones were answered, so that an outage is not hidden by clients that wait for it. A request's latency counts from the moment at which it was due.")
	d.p("- **Fresh and kept connections.** kube-proxy chooses a pod for a connection, Envoy one for a request. A client that keeps its connections sees a Service's share by the pods that it happens to hold, and keeps it after a change of selector; so the share of each version is measured with one connection a request. Real clients keep connections, and those break when a pod goes: a second client, with kept ones, is what the row of requests shows. The failures of both are counted.")
	d.p("- **Ready.** A pod counts as ready from the moment at which the watch tells its condition until it is told to end. A terminating pod may go on answering and is counted apart.")
	d.p("- **Peak pods** is the most that were there together for at least half a second, terminating ones left out: a Deployment counts what its ReplicaSets ask for, and these make and delete their pods each for itself, so that one pod too many can be seen for a moment.")
	d.p("- **Both versions answered.** The time during which the answers to fresh connections came from both; a version that is silent for three seconds has stopped.")
	d.p("- **Times** are those at which the events of watches arrived, on one clock, in milliseconds.")
	d.p("- **Repetition.** Each rollout is run at least five times. Tables have the median and the extremes, the picture shows the median run. Runs of one experiment follow each other at a distance.")
	if some, all := busy(results); some > 0 {
		d.p("- **Load.** Of %d runs %d began at a load average above %d, and their times may be longer for it. Each page says that of the run in its picture.", all, some, compare.BusyLoad)
	}
	seen := map[string]bool{}
	for _, r := range results {
		for _, run := range r.Runs {
			for _, c := range run.Header.Clients {
				seen[clientLine(c)] = true
			}
		}
	}
	if len(seen) > 0 {
		d.p("Clients were: %s.", strings.Join(slices.Sorted(maps.Keys(seen)), "; "))
	}
}

func clientLine(c record.Client) string {
	policy := "kept"
	if c.Fresh {
		policy = "fresh"
	}
	return fmt.Sprintf("%s, %s connections, %g a second, %s", c.Path, policy, c.Rate, c.Place)
}
