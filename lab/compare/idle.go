package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"online-inference/lab/record"
	"online-inference/lab/watch"
)

// Idle cost: for how long, and how often it is read.
const (
	idleFor   = 15 * time.Minute
	idleEvery = 30 * time.Second
)

// The sizes of an idle pod that the platform is held against, in bytes.
const (
	smallPod  = 15e6  // this server
	pythonPod = 300e6 // a Python server with its framework
)

// Names of samples.
const (
	ofServing = "knative-serving"
	ofKourier = "kourier-system"
	ofMetrics = "metrics-server"
	ofPod     = "online-inference-pod"
	ofRoute   = "online-inference at zero"
)

// Values of samples: cumulative CPU time and what is in memory without caches.
const (
	cpuSeconds  = "cpu_seconds"
	memoryBytes = "memory_bytes"
)

func idleCost() Experiment {
	return Experiment{
		Name: "idle-cost", Title: "Idle: pods against a platform", Family: "idle", Runs: 1, Alone: true, Metrics: true,
		Question: "What does an idle pod cost, and what does a platform cost that needs none?",
		Answer:   "The platform's own pods are the price of scale to zero; from some number of idle models on it is the cheaper way, the sooner the larger their pods would be.",
		Files:    []string{podFile, serviceV1},
		Setup: func(ctx context.Context, s *Stage) error {
			if err := s.Apply(ctx, podFile); err != nil {
				return err
			}
			if err := applied(shares{revisionV1: 100}, serviceV1)(ctx, s); err != nil {
				return err
			}
			return s.Wait(ctx, waitLimit, "no pod of the revision", func(state *watch.State) bool { return len(state.Pods) == 1 && readyPods(state) == 1 })
		},
		Script: func(ctx context.Context, s *Stage) error {
			if err := s.Mark(record.MarkTrigger, fmt.Sprintf("nobody asks for %.0f minutes", idleFor.Minutes())); err != nil {
				return err
			}
			for end := time.Now().Add(idleFor); ; {
				if err := s.sampleIdle(ctx); err != nil {
					return err
				}
				if time.Now().After(end) {
					return s.Done("the last reading")
				}
				if err := s.For(ctx, idleEvery); err != nil {
					return err
				}
			}
		},
		Tail: time.Second, Takes: idleFor + time.Minute,
		Claims: []Claim{
			idleClaim("the revision has no pod, and so takes nothing", func(of map[string]Usage) (string, bool) {
				return fmt.Sprintf("%.0f MB", of[ofRoute].Bytes/1e6), of[ofRoute].Bytes == 0
			}),
			idleClaim("the idle pod takes less than 20 MB", func(of map[string]Usage) (string, bool) {
				pod := of[ofPod]
				return fmt.Sprintf("%.1f MB, %.2f CPU seconds an hour", pod.Bytes/1e6, pod.PerHour()), pod.Bytes > 0 && pod.Bytes < 20e6
			}),
			idleClaim("the platform takes more than one idle pod", func(of map[string]Usage) (string, bool) {
				platform := of[ofServing].Bytes + of[ofKourier].Bytes
				return fmt.Sprintf("%.0f MB, %.0f CPU seconds an hour", platform/1e6, of[ofServing].PerHour()+of[ofKourier].PerHour()), platform > of[ofPod].Bytes
			}),
			idleClaim("Knative is the cheaper one in memory from this number of idle models on", func(of map[string]Usage) (string, bool) {
				platform := of[ofServing].Bytes + of[ofKourier].Bytes
				small, python := Break(platform, smallPod), Break(platform, pythonPod)
				return fmt.Sprintf("%d of 15 MB, %d of 300 MB", small, python), small >= python && python >= 1
			}),
		},
	}
}

// Break is the smallest number of idle models of that size whose pods together
// take more than the platform.
func Break(platform, pod float64) int { return int(math.Floor(platform/pod)) + 1 }

// cadvisor matches the kubelet's readings of whole pods.
var cadvisor = regexp.MustCompile(`^container_(cpu_usage_seconds_total|memory_rss)\{container="",.*namespace="([^"]*)",pod="([^"]*)"\} ([0-9.e+]+)`)

// sampleIdle reads the kubelet's accounts of control groups and writes one
// sample for each part.
func (s *Stage) sampleIdle(ctx context.Context) error {
	nodes, err := s.tools.kubectl(ctx, s.Namespace, nil, "get", "nodes", "-o", "jsonpath={.items[*].metadata.name}")
	if err != nil {
		return err
	}
	values := map[string]map[string]float64{}
	for _, name := range []string{ofServing, ofKourier, ofMetrics, ofPod, ofRoute} {
		values[name] = map[string]float64{cpuSeconds: 0, memoryBytes: 0}
	}
	for _, node := range strings.Fields(string(nodes)) {
		text, err := s.tools.kubectl(ctx, s.Namespace, nil, "get", "--raw", "/api/v1/nodes/"+node+"/proxy/metrics/cadvisor")
		if err != nil {
			return err
		}
		if err := addUp(values, text, s.Namespace); err != nil {
			return err
		}
	}
	at := time.Now()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := s.out.Put(at, record.Line{Sample: &record.Sample{Of: name, Values: values[name]}}); err != nil {
			return err
		}
	}
	return nil
}

// addUp adds the readings of pods to the part that they belong to.
func addUp(values map[string]map[string]float64, text []byte, namespace string) error {
	n := 0
	for line := range bytes.Lines(text) {
		m := cadvisor.FindSubmatch(line)
		if m == nil {
			continue
		}
		n++
		part := partOf(string(m[2]), string(m[3]), namespace)
		if part == "" {
			continue
		}
		v, err := strconv.ParseFloat(string(m[4]), 64)
		if err != nil {
			return fmt.Errorf("cannot read %q: %w", line, err)
		}
		key := cpuSeconds
		if string(m[1]) == "memory_rss" {
			key = memoryBytes
		}
		values[part][key] += v
	}
	if n == 0 {
		return errors.New("the kubelet says nothing of pods")
	}
	return nil
}

func partOf(namespace, pod, ours string) string {
	switch {
	case namespace == ofServing, namespace == ofKourier:
		return namespace
	case namespace == ours && pod == ofPod:
		return ofPod
	case namespace == ours:
		return ofRoute
	case strings.HasPrefix(pod, ofMetrics):
		return ofMetrics
	}
	return ""
}

// Usage is what a part took while nobody asked.
type Usage struct {
	Bytes   float64 // of memory, the median of the samples
	Seconds float64 // of CPU, from the first sample to the last
	Over    float64 // seconds between them
}

// PerHour is CPU seconds an hour.
func (u Usage) PerHour() float64 { return u.Seconds / u.Over * 3600 }

// idleUsage reads a run's samples.
func idleUsage(run *record.Run) (map[string]Usage, error) {
	type series struct{ t, cpu, bytes []float64 }
	all := map[string]*series{}
	for _, line := range run.Lines {
		if v := line.Sample; v != nil {
			if all[v.Of] == nil {
				all[v.Of] = &series{}
			}
			a := all[v.Of]
			a.t = append(a.t, float64(line.T)/1000)
			a.cpu = append(a.cpu, v.Values[cpuSeconds])
			a.bytes = append(a.bytes, v.Values[memoryBytes])
		}
	}
	out := map[string]Usage{}
	for name, a := range all {
		last := len(a.t) - 1
		if last < 1 || a.t[last]-a.t[0] < idleFor.Seconds()-idleEvery.Seconds() {
			return nil, fmt.Errorf("%s: samples of less than %v", name, idleFor)
		}
		sorted := slices.Sorted(slices.Values(a.bytes))
		out[name] = Usage{Bytes: sorted[len(sorted)/2], Seconds: a.cpu[last] - a.cpu[0], Over: a.t[last] - a.t[0]}
	}
	if len(out) == 0 {
		return nil, errors.New("no samples")
	}
	return out, nil
}

// IdleUsage is what all parts took while nobody asked.
type IdleUsage struct {
	Of     []PartUsage
	Breaks []IdleBreak
}

// PartUsage is what one part took.
type PartUsage struct {
	Name string
	Usage
}

// An IdleBreak is the number of idle models from which on the platform takes less
// of something than one pod each.
type IdleBreak struct {
	What, Each, Platform string
	Models               int
}

// Idle reads a record of idle-cost.
func Idle(run *record.Run) (*IdleUsage, error) {
	of, err := idleUsage(run)
	if err != nil {
		return nil, err
	}
	out := &IdleUsage{}
	for _, part := range []struct{ name, title string }{
		{ofPod, "one idle pod of this server"}, {ofRoute, "the same model on Knative, at zero"},
		{ofServing, ofServing}, {ofKourier, ofKourier}, {ofMetrics, ofMetrics},
	} {
		u, ok := of[part.name]
		if !ok {
			return nil, fmt.Errorf("no samples of %s", part.name)
		}
		out.Of = append(out.Of, PartUsage{part.title, u})
	}
	pod, bytes, rate := of[ofPod], of[ofServing].Bytes+of[ofKourier].Bytes, of[ofServing].PerHour()+of[ofKourier].PerHour()
	memory := func(what string, each float64) {
		out.Breaks = append(out.Breaks, IdleBreak{what, fmt.Sprintf("%.1f MB", each/1e6), fmt.Sprintf("%.0f MB", bytes/1e6), Break(bytes, each)})
	}
	memory("of 15 MB", smallPod)
	memory("of 300 MB", pythonPod)
	memory("of this server, as measured here", pod.Bytes)
	if pod.Seconds > 0 {
		out.Breaks = append(out.Breaks, IdleBreak{"of this server, CPU time", fmt.Sprintf("%.1f s an hour", pod.PerHour()),
			fmt.Sprintf("%.0f s an hour", rate), Break(rate, pod.PerHour())})
	}
	return out, nil
}

func idleClaim(text string, check func(map[string]Usage) (string, bool)) Claim {
	return Claim{Text: text, Check: func(run *record.Run) (string, error) {
		of, err := idleUsage(run)
		if err != nil {
			return "", err
		}
		measured, holds := check(of)
		if !holds {
			return measured, fmt.Errorf("measured %s", measured)
		}
		return measured, nil
	}}
}
