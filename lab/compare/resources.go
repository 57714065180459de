package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"online-inference/lab/demo"
	"online-inference/lab/record"
)

// batchRows is the most that the server takes in one request.
const batchRows = 10_000

// Names of what is measured of a control group.
const (
	periods          = "periods"
	throttledPeriods = "throttled_periods"
	throttledSeconds = "throttled_seconds"
)

// resources are requests and limits.
func resources() []Experiment {
	const file = probesFolder + "resources.yaml"
	return []Experiment{{
		Name: "resources", Family: "resources", Title: "Requests and limits",
		Question: "What do requests and limits do to a pod?",
		Answer:   "Requests that no node can hold leave it pending, beyond its memory limit it is killed with code 137, beyond its CPU limit it waits; given limits alone are requests too.",
		Files:    []string{steadyFile, file},
		Load:     Load{Service: probesService, Rate: 30},
		Setup:    steady,
		Script: func(ctx context.Context, s *Stage) error {
			if err := s.TriggerApply(ctx, file); err != nil {
				return err
			}
			err := s.podsAre(ctx, waitLimit, "all are ready but the one that fits nowhere", map[string]func(*record.Pod) bool{
				"best-effort": isReady, "limits-only": isReady, "cpu-limit": isReady, "memory-limit": isReady,
				"too-big": func(p *record.Pod) bool { return p.Unscheduled != "" }})
			if err != nil {
				return err
			}
			// Requests for both, with and without a CPU limit.
			if err := s.For(ctx, 15*time.Second); err != nil {
				return err
			}
			if err := s.untilRestarted(ctx, "memory-limit"); err != nil {
				return err
			}
			if err := s.throttling(ctx, steadyName, "cpu-limit"); err != nil {
				return err
			}
			return s.Done("memory-limit is ready again")
		},
		Runs: 2, Takes: 70 * time.Second,
		Claims: []Claim{
			class(steadyName, "Burstable"), class("best-effort", "BestEffort"), class("limits-only", "Guaranteed"),
			about("too-big", "it stays Pending", func(s *said) (string, bool) {
				p := s.last()
				_, ran := s.first(isRunning)
				return strings.TrimSpace(p.Phase + " " + p.Unscheduled), p.Phase == "Pending" && p.Unscheduled == "Unschedulable" && !ran
			}),
			about("too-big", "the scheduler says FailedScheduling", func(s *said) (string, bool) {
				for _, e := range s.events {
					if e.Reason == "FailedScheduling" {
						first, _, _ := strings.Cut(e.Message, ". ")
						return first, strings.Contains(e.Message, "Insufficient cpu")
					}
				}
				return never, false
			}),
			endedWith("memory-limit", "OOMKilled 137"),
			readyAgain("memory-limit"),
			throttled("cpu-limit", true), throttled(steadyName, false),
			slower(steadyName, "cpu-limit", 2),
		},
	}}
}

// class claims a QoS class.
func class(name, want string) Claim {
	return about(name, "its QoS class is "+want, func(s *said) (string, bool) { return s.last().QoS, s.last().QoS == want })
}

// sampleOf is the last sample of a pod.
func sampleOf(run *record.Run, name string) map[string]float64 {
	var out map[string]float64
	for _, line := range run.Lines {
		if line.Sample != nil && line.Sample.Of == name {
			out = line.Sample.Values
		}
	}
	return out
}

// throttled claims that a pod had to wait for CPU, or that it never had to.
func throttled(name string, want bool) Claim {
	text := "it is never throttled"
	if want {
		text = "it is throttled in 20 periods of 100 ms or more"
	}
	return Claim{Text: name + ": " + text, Check: func(run *record.Run) (string, error) {
		values := sampleOf(run, name)
		if values == nil {
			return "", fmt.Errorf("there is no sample of %s", name)
		}
		measured := fmt.Sprintf("%.0f of %.0f periods, %.1f s", values[throttledPeriods], values[periods], values[throttledSeconds])
		if values[periods] == 0 {
			measured = "it has no limit"
		}
		if holds := values[throttledPeriods] >= 20; holds != want || !want && values[throttledPeriods] > 0 {
			return measured, fmt.Errorf("measured %s", measured)
		}
		return measured, nil
	}}
}

// slower claims that the median of one pod's answers takes so many times as long as
// that of another one, which answers at the same time.
func slower(base, name string, times float64) Claim {
	return Claim{Text: fmt.Sprintf("%s: the median of its latency is %g times that of %s or more", name, times, base), Check: func(run *record.Run) (string, error) {
		from, err := readyAt(name, 0)(run)
		if err != nil {
			return "", err
		}
		latencies := map[string][]int64{}
		for _, line := range run.Lines {
			if r := line.Request; r != nil && r.OK() && line.T >= from {
				latencies[r.Pod] = append(latencies[r.Pod], r.Micros)
			}
		}
		for _, all := range latencies {
			slices.Sort(all)
		}
		at := func(pod string, tenth int) float64 {
			all := latencies[pod]
			return float64(all[len(all)*tenth/10]) / 1000
		}
		if len(latencies[base]) < 20 || len(latencies[name]) < 20 {
			return "", fmt.Errorf("%d answers of %s and %d of %s, want 20 of each", len(latencies[base]), base, len(latencies[name]), name)
		}
		measured := fmt.Sprintf("%.1f ms with the limit, %.1f ms without (90th percentile: %.1f, %.1f)", at(name, 5), at(base, 5), at(name, 9), at(base, 9))
		if at(name, 5) < times*at(base, 5) {
			return measured, fmt.Errorf("measured %s", measured)
		}
		return measured, nil
	}}
}

// untilRestarted asks a pod for large batches, four at a time, until its container
// was started again.
func (s *Stage) untilRestarted(ctx context.Context, name string) error {
	asked, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	failed := make(chan error, 1)
	wg.Go(func() {
		for asked.Err() == nil {
			if err := s.batches(asked, "batches of 10,000 rows", 4, name); err != nil {
				failed <- err
				return
			}
		}
	})
	again := func(p *record.Pod) bool { return restartsOf(p) > 0 && isReady(p) }
	err := s.podsAre(ctx, time.Minute, name+" is ready again", map[string]func(*record.Pod) bool{name: again})
	cancel()
	select {
	case fault := <-failed:
		return errors.Join(err, fault)
	default:
		return err
	}
}

// batches asks each pod for so many of the largest requests at one time, past the
// Service, and waits for the answers. There may be none: a container that is killed
// meanwhile, which is what it is for, answers nothing.
func (s *Stage) batches(ctx context.Context, mark string, each int, pods ...string) error {
	body, err := batch(s.tools.root)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("kubectl create --raw /api/v1/namespaces/$NAMESPACE/pods/%s:8080/proxy/predict -f batch.json, %d at a time", strings.Join(pods, "|"), each)
	if err := s.Mark(mark, text); err != nil {
		return err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	answers := 0
	for _, name := range pods {
		for range each {
			wg.Go(func() {
				err := s.target.Core.CoreV1().RESTClient().Post().Namespace(s.Namespace).Resource("pods").Name(name+":8080").
					SubResource("proxy").Suffix("predict").SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error()
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					answers++
				}
			})
		}
	}
	wg.Wait()
	s.say("%d of %d batches were answered", answers, each*len(pods))
	return nil
}

// batch is a request of many rows.
func batch(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, "train", "data", "heart.csv"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the patients: %w", err)
	}
	patients, err := demo.ReadPatients(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	rows := make([][]any, batchRows)
	for i := range rows {
		rows[i] = patients.Rows[i%len(patients.Rows)]
	}
	body, err := json.Marshal(map[string]any{"features": patients.Features, "data": rows})
	if err != nil {
		return nil, fmt.Errorf("cannot encode a batch: %w", err)
	}
	return body, nil
}

// throttling writes a sample of what the pods' control groups say of their CPU, as
// the kubelet of each tells it: it looks every 10 to 20 s. A pod without a limit
// has no such figures, and zeros in its sample.
func (s *Stage) throttling(ctx context.Context, pods ...string) error {
	for _, name := range pods {
		pod, err := s.target.Core.CoreV1().Pods(s.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("cannot read the pod %s: %w", name, err)
		}
		text, err := s.target.Core.CoreV1().RESTClient().Get().Resource("nodes").Name(pod.Spec.NodeName).
			SubResource("proxy").Suffix("metrics/cadvisor").DoRaw(ctx)
		if err != nil {
			return fmt.Errorf("cannot ask the kubelet of %s: %w", pod.Spec.NodeName, err)
		}
		values, err := cfs(string(text), s.Namespace, name)
		if err != nil {
			return err
		}
		if err := s.out.Put(time.Now(), record.Line{Sample: &record.Sample{Of: name, Values: values}}); err != nil {
			return err
		}
	}
	return nil
}

// cfs reads a pod's figures out of the kubelet's metrics. Where they are told of
// the pod and of each container, the largest is the pod's.
func cfs(text, namespace, pod string) (map[string]float64, error) {
	names := map[string]string{
		"container_cpu_cfs_periods_total": periods, "container_cpu_cfs_throttled_periods_total": throttledPeriods,
		"container_cpu_cfs_throttled_seconds_total": throttledSeconds,
	}
	values := map[string]float64{periods: 0, throttledPeriods: 0, throttledSeconds: 0}
	for line := range strings.Lines(text) {
		metric, labels, _ := strings.Cut(line, "{")
		key, ok := names[metric]
		if !ok || !strings.Contains(labels, fmt.Sprintf(`namespace=%q,`, namespace)) || !strings.Contains(labels, fmt.Sprintf(`pod=%q}`, pod)) {
			continue
		}
		fields := strings.Fields(labels[strings.LastIndexByte(labels, '}')+1:])
		if len(fields) == 0 {
			return nil, fmt.Errorf("cannot read the kubelet's figure %q", line)
		}
		value, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			return nil, fmt.Errorf("cannot read the kubelet's figure %q: %w", line, err)
		}
		values[key] = max(values[key], value)
	}
	return values, nil
}
