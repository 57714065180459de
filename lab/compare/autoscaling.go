package compare

import (
	"context"
	"fmt"
	"time"

	"online-inference/lab/figures"
	"online-inference/lab/record"
	"online-inference/lab/watch"
)

// The load step: requests of 2,000 patients, which take 4 ms of CPU each, so
// that 60 a second need a quarter of a core. The HPA wants 70m a pod, Knative
// 14 requests a second a pod, 70 % of its target.
const (
	stepRows = 2000
	stepLow  = 2  // requests a second and client before and after
	stepHigh = 30 // at the step
	// stepPods is what both autoscalers are expected to reach at least.
	stepPods = 3
)

const (
	hpaFolder = "k8s-classic/more/hpa/"
	hpaName   = "online-inference-hpa"
	rpsPatch  = "lab/compare/patches/scale-by-rps.yaml"
)

// autoscaling compares the two autoscalers under one load, and what they cost
// when nobody asks.
func autoscaling() []Experiment {
	byCPU, byRequests := hpa(), knativeScale()
	byCPU.Family, byRequests.Family = "autoscaling", "autoscaling"
	return []Experiment{byCPU, byRequests, idleCost()}
}

func hpa() Experiment {
	return Experiment{
		Name: "hpa", Title: "HorizontalPodAutoscaler by CPU", Runs: runsEach, Metrics: true,
		Question: "How soon do more pods answer after a step of the load, and when do they go?",
		Answer:   "It follows the CPU that metrics-server has seen, so the pods come tens of seconds after the load, and one always stays.",
		Files:    []string{hpaFolder + "deployment.yaml", hpaFolder + "hpa.yaml", hpaFolder + "service.yaml"},
		Load:     Load{Service: classicPrefix + "hpa", Rate: stepLow, Rows: stepRows},
		Setup: func(ctx context.Context, s *Stage) error {
			if err := s.Kubectl(ctx, "get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes"); err != nil {
				return fmt.Errorf("the HPA needs metrics-server (lab metrics): %w", err)
			}
			for _, f := range []string{"deployment.yaml", "service.yaml", "hpa.yaml"} {
				if err := s.Apply(ctx, hpaFolder+f); err != nil {
					return err
				}
			}
			if err := s.RolledOut(ctx, hpaName); err != nil {
				return err
			}
			// The autoscaler knows what the idle pod takes.
			return s.Wait(ctx, waitLimit, "a first reading", func(state *watch.State) bool {
				h := state.Scalers["hpa/"+hpaName]
				return h.Have == 1 && h.Metric != "" && h.Metric != "cpu unknown/70%"
			})
		},
		Script: loadStep,
		Takes:  240 * time.Second,
		Claims: []Claim{noneFailed(), scalesUp(), scalesDown()},
	}
}

func knativeScale() Experiment {
	return Experiment{
		Name: "knative-scale", Title: "Knative's autoscaler by requests", Runs: runsEach,
		Question: "How soon do more pods answer after a step of the load, and when do they go?",
		Answer:   "It counts the requests itself, every two seconds, so the pods come within seconds of the load.",
		Files:    []string{serviceV1, rpsPatch},
		Load:     Load{Route: knativeName, Rate: stepLow, Rows: stepRows},
		Setup:    applied(shares{revisionV1: 100}, serviceV1, rpsPatch),
		Script:   loadStep,
		Takes:    140 * time.Second,
		Claims:   []Claim{noneFailed(), scalesUp(), scalesDown()},
	}
}

// loadStep raises the load, waits for pods, holds it, and lowers it again until
// one pod is left.
func loadStep(ctx context.Context, s *Stage) error {
	ask := func(mark string, perSecond float64) error {
		if err := s.Mark(mark, fmt.Sprintf("%g requests a second of %d patients", 2*perSecond, stepRows)); err != nil {
			return err
		}
		for _, client := range []string{Fresh, Kept} {
			if err := s.Rate(client, perSecond); err != nil {
				return err
			}
		}
		return nil
	}
	if err := ask(record.MarkTrigger, stepHigh); err != nil {
		return err
	}
	err := s.Wait(ctx, waitLimit, "pods for the load", func(state *watch.State) bool { return readyPods(state) >= stepPods })
	if err != nil {
		return err
	}
	if err := s.Done(fmt.Sprintf("%d pods ready", stepPods)); err != nil {
		return err
	}
	if err := s.For(ctx, 20*time.Second); err != nil {
		return err
	}
	if err := ask("the load ends", stepLow); err != nil {
		return err
	}
	return s.Wait(ctx, waitLimit, "one pod again", func(state *watch.State) bool { return readyPods(state) == 1 })
}

func readyPods(state *watch.State) int {
	n := 0
	for _, p := range state.Pods {
		if p.Ready && !p.Deleting {
			n++
		}
	}
	return n
}

// scalesUp claims that the load brings more pods.
func scalesUp() Claim {
	return of(fmt.Sprintf("from 1 pod to %d or more under the load", stepPods), func(f *figures.Figures) (string, bool) {
		return fmt.Sprintf("%d pods, %d ready after %.0f s", f.PeakActive, stepPods, f.Done), f.PeakActive >= stepPods && f.Done > 0
	})
}

// scalesDown claims that one pod is left at the end.
func scalesDown() Claim {
	return Claim{Text: "one pod is left after the load", Check: func(run *record.Run) (string, error) {
		ended, ok := figures.MarkAt(run, "the load ends")
		if !ok {
			return "", fmt.Errorf("the load did not end")
		}
		ready, last := map[string]bool{}, int64(0)
		for _, line := range run.Lines {
			if p := line.Pod; p != nil {
				now := p.Ready && !p.Deleting && !p.Gone
				if ready[p.UID] && !now {
					last = line.T
				}
				ready[p.UID] = now
			}
		}
		left := 0
		for _, is := range ready {
			if is {
				left++
			}
		}
		measured := fmt.Sprintf("%d left after %.0f s", left, float64(last-ended)/1000)
		if left != 1 || last <= ended {
			return measured, fmt.Errorf("measured %s", measured)
		}
		return measured, nil
	}}
}
