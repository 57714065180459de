package compare

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"online-inference/lab/figures"
	"online-inference/lab/record"
	"online-inference/lab/watch"
)

// Files and names of the single pod.
const (
	podFile    = "k8s-classic/online-inference-pod.yaml"
	podService = "k8s-classic/service-pod.yaml"
	podName    = "online-inference-pod"
	podAddress = classicPrefix + "pod"

	markAnswer = "a prediction"
	// podDrain is DRAIN_DELAY of the manifest.
	podDrain = 5 * time.Second
	// told is how much earlier than the recorder kube-proxy may have heard of a
	// change of endpoints.
	told = 500 * time.Millisecond
)

// pods are what one pod does, with nobody who looks after it.
func pods() []Experiment {
	return []Experiment{{
		Name: "pod", Family: "pod", Title: "One pod from apply to delete",
		Question: "What happens to a single pod from kubectl apply to kubectl delete?",
		Answer:   "It runs, and is ready for predictions a moment later; told to end it goes on answering while it drains, as long as its Service sends to it, and then nothing replaces it.",
		Files:    []string{podFile, podService},
		Load:     Load{Service: podAddress, Rate: 20, Later: true},
		Setup:    func(ctx context.Context, s *Stage) error { return s.Apply(ctx, podService) },
		Script: func(ctx context.Context, s *Stage) error {
			if err := s.TriggerApply(ctx, podFile); err != nil {
				return err
			}
			if err := s.EndpointsReady(ctx, podAddress, 1); err != nil {
				return err
			}
			if err := s.StartLoad(ctx); err != nil {
				return err
			}
			if err := s.Mark(markAnswer, "curl --data @patient.json http://"+podAddress+"/predict"); err != nil {
				return err
			}
			if err := s.For(ctx, 8*time.Second); err != nil {
				return err
			}
			if err := s.Marked(ctx, markDelete, "delete", "pod", podName, "--wait=false"); err != nil {
				return err
			}
			if err := s.Wait(ctx, waitLimit, "the pod has gone", func(state *watch.State) bool { return len(state.Pods) == 0 }); err != nil {
				return err
			}
			return s.Done("the pod has gone")
		},
		Tail: 8 * time.Second, Runs: 3, Takes: 45 * time.Second,
		Claims: []Claim{
			readyWithin(podName, "it is ready within 10 s of running", 0, 10*time.Second),
			answered(),
			untouchedUntil(markDelete),
			about(podName, "told to end, it takes its 5 s of DRAIN_DELAY at least", func(s *said) (string, bool) {
				ends, _ := s.first(func(p *record.Pod) bool { return p.Deleting })
				gone, ok := s.first(func(p *record.Pod) bool { return p.Gone })
				return seconds(gone - ends), ok && gone-ends >= podDrain.Milliseconds()
			}),
			answersWhileDraining(),
			about(podName, "nothing comes in its place", func(s *said) (string, bool) { return "gone", s.last().Gone }),
			nobodyAfter(),
		},
	}}
}

// answered claims that the pod gave predictions under its own name.
func answered() Claim {
	return Claim{Text: "its answers carry its name and version", Check: func(run *record.Run) (string, error) {
		n := 0
		for _, line := range run.Lines {
			r := line.Request
			if r == nil || !r.OK() {
				continue
			}
			if r.Pod != podName || r.Version != "v1" {
				return "", fmt.Errorf("an answer of pod %q, version %q", r.Pod, r.Version)
			}
			n++
		}
		if n == 0 {
			return "", errors.New("there was no answer")
		}
		return fmt.Sprintf("%d answers", n), nil
	}}
}

// untouchedUntil claims that nobody kills or restarts the pod before a mark.
func untouchedUntil(mark string) Claim {
	return Claim{Text: "nobody kills or restarts it before it is deleted", Check: func(run *record.Run) (string, error) {
		until, err := markAt(mark)(run)
		if err != nil {
			return "", err
		}
		s, err := saidOf(run, podName)
		if err != nil {
			return "", err
		}
		for i, e := range s.events {
			if e.Reason == "Killing" && s.eventsAt[i] < until {
				return e.Message, fmt.Errorf("killed at %s", seconds(s.eventsAt[i]))
			}
		}
		if n := s.restarts(); n > 0 {
			return restartsText(s), errors.New("it was restarted")
		}
		return restartsText(s), nil
	}}
}

// answersWhileDraining claims that the drain loses no request as long as its delay
// lasts and the pod is an endpoint of its Service: at first as one that ends and
// still serves, until its readiness probe has failed often enough, since it says
// that it ends.
func answersWhileDraining() Claim {
	return Claim{Text: "no request fails in the 5 s of its DRAIN_DELAY as long as it is an endpoint, ready or terminating", Check: func(run *record.Run) (string, error) {
		deleted, err := markAt(markDelete)(run)
		if err != nil {
			return "", err
		}
		from, err := markAt(markAnswer)(run)
		if err != nil {
			return "", err
		}
		left := int64(-1)
		for _, line := range run.Lines {
			if e := line.Endpoints; e != nil && line.T > deleted && len(e.Ready)+len(e.Terminating) == 0 {
				left = line.T
				break
			}
		}
		if left < 0 {
			return "", errors.New("it stays an endpoint")
		}
		left = min(left, deleted+podDrain.Milliseconds())
		before, after, failed := 0, 0, 0
		for _, line := range run.Lines {
			r := line.Request
			if r == nil || line.T < from || line.T >= left-told.Milliseconds() {
				continue
			}
			if line.T < deleted {
				before++
			} else {
				after++
			}
			if figures.ClassOf(r, run.Header.Clients[r.Client]) == figures.Lost {
				failed++
			}
		}
		measured := fmt.Sprintf("%d of %d, %d of them in the %s after the deletion", failed, before+after, after, seconds(left-deleted))
		if failed > 0 || before == 0 || after == 0 {
			return measured, fmt.Errorf("measured %s", measured)
		}
		return measured, nil
	}}
}

// nobodyAfter claims that every request fails once the pod has gone.
func nobodyAfter() Claim {
	return Claim{Text: "once it has gone every request fails", Check: func(run *record.Run) (string, error) {
		done, err := markAt(record.MarkDone)(run)
		if err != nil {
			return "", err
		}
		kinds := map[string]bool{}
		n := 0
		for _, line := range run.Lines {
			r := line.Request
			if r == nil || line.T < done {
				continue
			}
			if r.OK() {
				return "", fmt.Errorf("an answer of %s at %s", r.Pod, seconds(line.T))
			}
			kinds[r.Error] = true
			n++
		}
		if n == 0 {
			return "", errors.New("there was no request")
		}
		return fmt.Sprintf("%d: %s", n, strings.Join(slices.Sorted(maps.Keys(kinds)), ", ")), nil
	}}
}
