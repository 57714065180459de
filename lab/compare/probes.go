package compare

import (
	"context"
	"fmt"
	"slices"
	"time"

	"online-inference/lab/record"
	"online-inference/lab/watch"
)

// Files and names of the experiments on probes.
const (
	probesFolder  = "lab/compare/testdata/"
	steadyFile    = probesFolder + "steady.yaml"
	steadyName    = "steady"
	probesService = "online-inference-probes"
	probesPod     = "k8s-classic/online-inference-pod-probes.yaml"
	probesPodName = "online-inference-pod-probes"

	// startDelay is what the late application of these manifests needs before it
	// listens.
	startDelay = 25 * time.Second
	// lateBudget is what their startup probe gives it.
	lateBudget = 60 * time.Second
	// noticed is how long it may take until a probe, the kubelet, the API server
	// and kube-proxy have passed on that a container is ready or is not.
	noticed = 4 * time.Second
)

// probes are what each probe does, what wrong ones do, and what comes without.
func probes() []Experiment {
	all := []Experiment{oneMore(), probesWrong(), exitAndHang()}
	for i := range all {
		e := &all[i]
		e.Family, e.Runs = "probes", 2
		e.Load = Load{Service: probesService, Rate: 20}
		e.Setup = steady
	}
	return append(all, crashLoop())
}

// steady makes the pod that works, and the Service of all.
func steady(ctx context.Context, s *Stage) error {
	if err := s.Apply(ctx, steadyFile); err != nil {
		return err
	}
	return s.EndpointsReady(ctx, probesService, 1)
}

// podsAre waits until each named pod is as it should be.
func (s *Stage) podsAre(ctx context.Context, limit time.Duration, what string, want map[string]func(*record.Pod) bool) error {
	return s.Wait(ctx, limit, what, func(state *watch.State) bool {
		have := 0
		for _, p := range state.Pods {
			if holds, ok := want[p.Name]; ok && holds(&p) {
				have++
			}
		}
		return have == len(want)
	})
}

// restarted says that a container was started again so often.
func restarted(times int) func(*record.Pod) bool {
	return func(p *record.Pod) bool { return restartsOf(p) >= times }
}

func oneMore() Experiment {
	const file = probesFolder + "probes.yaml"
	const late = startDelay - time.Second
	return Experiment{
		Name: "probes", Title: "A late start, one probe more each time",
		Question: "An application listens 25 s after its start. What do readiness, liveness and startup probes change?",
		Answer:   "Without a probe it gets requests while it sleeps; readiness keeps them away; liveness alone kills it before it listens, for ever; a startup probe holds the others back and all is well.",
		Files:    []string{steadyFile, file},
		Script: func(ctx context.Context, s *Stage) error {
			if err := s.TriggerApply(ctx, file); err != nil {
				return err
			}
			err := s.podsAre(ctx, waitLimit, "two are ready, one was killed twice", map[string]func(*record.Pod) bool{
				"readiness": isReady, "and-startup": isReady, "and-liveness": restarted(2)})
			if err != nil {
				return err
			}
			return s.Done("and-liveness was restarted a second time")
		},
		Takes: 90 * time.Second,
		Claims: []Claim{
			readyWithin("no-probes", "it counts as ready long before it listens", 0, startDelay/2),
			failedBetween("no-probes: requests that it gets while it sleeps fail, and no others do", 20,
				markAt(record.MarkTrigger), readyAt("no-probes", startDelay+noticed)),
			readyWithin("readiness", "it is ready when it listens, 25 s after it ran, and not before", late, lateBudget),
			untouched("readiness"),
			neverReady("and-liveness"),
			killedBy("and-liveness", "liveness", 2),
			missed("and-startup", "Startup", 8),
			readyWithin("and-startup", "it is ready when it listens, 25 s after it ran, and not before", late, lateBudget),
			untouched("and-startup"),
		},
	}
}

func probesWrong() Experiment {
	const file = probesFolder + "probes-wrong.yaml"
	stalled := []string{"one-miss", "copied-readiness", "right"}
	return Experiment{
		Name: "probes-wrong", Title: "Five wrong settings",
		Question: "What does the kubelet do with settings that people use and that are wrong?",
		Answer:   "It kills what still starts and what is only busy, sends requests to what has hung, and leaves for dead what ended with code 0; the same work under probes that fit does no harm.",
		Files:    []string{steadyFile, file},
		Script: func(ctx context.Context, s *Stage) error {
			if err := s.TriggerApply(ctx, file); err != nil {
				return err
			}
			ready := map[string]func(*record.Pod) bool{}
			for _, name := range stalled {
				ready[name] = isReady
			}
			if err := s.podsAre(ctx, waitLimit, "the three that will be busy are ready", ready); err != nil {
				return err
			}
			if err := s.batches(ctx, "10,000 rows x 5", 5, stalled...); err != nil {
				return err
			}
			err := s.podsAre(ctx, waitLimit, "each has shown its fault", map[string]func(*record.Pod) bool{
				"short-budget": restarted(2), "one-miss": restarted(1), "copied-readiness": restarted(1),
				"on-failure": func(p *record.Pod) bool { return p.Phase == "Succeeded" }, "right": isReady})
			if err != nil {
				return err
			}
			return s.Done("each has shown its fault")
		},
		Takes: 80 * time.Second,
		Claims: []Claim{
			killedBy("short-budget", "startup", 2),
			neverReady("short-budget"),
			killedBy("one-miss", "liveness", 1),
			killedBy("copied-readiness", "liveness", 1),
			untouched("right"),
			missed("right", "Readiness", 1),
			endsReady("right"),
			untouched("tcp-ready"),
			endsReady("tcp-ready"),
			someFailed("at tcp-ready, which has hung and still counts as ready, and at those that are killed", 10),
			killedBy("on-failure", "liveness", 1),
			endedWith("on-failure", "Completed 0"),
			neverReady("on-failure"),
			about("on-failure", "it is Succeeded in the end, and nobody starts it any more", func(s *said) (string, bool) {
				t, _ := s.first(func(p *record.Pod) bool { return p.Phase == "Succeeded" })
				return fmt.Sprintf("since %s before the end, %s", seconds(s.end-t), restartsText(s)), s.last().Phase == "Succeeded"
			}),
		},
	}
}

func exitAndHang() Experiment {
	const file = probesFolder + "exit-and-hang.yaml"
	return Experiment{
		Name: "exit-and-hang", Title: "A process that exits, one that hangs",
		Question: "What brings back a process that has exited, and what one that hangs?",
		Answer:   "A process that exits is started again by restartPolicy, without any liveness probe; one that hangs stays for ever, out of its Service, unless a liveness probe has it killed.",
		Files:    []string{steadyFile, file},
		Script: func(ctx context.Context, s *Stage) error {
			if err := s.TriggerApply(ctx, file); err != nil {
				return err
			}
			again := func(p *record.Pod) bool { return restartsOf(p) >= 1 && isReady(p) }
			hung := false
			err := s.podsAre(ctx, waitLimit, "two are back, the third is not ready", map[string]func(*record.Pod) bool{
				"exits": restarted(1), "hangs-liveness": again, "hangs": func(p *record.Pod) bool {
					hung = hung || isReady(p)
					return hung && !isReady(p)
				}})
			if err != nil {
				return err
			}
			return s.Done("hangs-liveness is ready again")
		},
		Takes: 70 * time.Second,
		Claims: []Claim{
			endedWith("exits", "Error 1"),
			about("exits", "it is started again, and no probe had it killed", func(s *said) (string, bool) {
				return restartsText(s), s.restarts() > 0 && len(s.kills("liveness")) == 0 && len(s.kills("startup")) == 0
			}),
			readyAgain("exits"),
			untouched("hangs"),
			about("hangs", "it runs on, and readiness has taken it out of the Service", func(s *said) (string, bool) {
				was, ready := s.first(isReady)
				if !ready || isReady(s.last()) || !isRunning(s.last()) {
					return "ready at the end, or never, or not running", false
				}
				// From the end back to the last change of its readiness.
				left := s.end
				for i := len(s.pods) - 1; i >= 0 && !isReady(s.pods[i]); i-- {
					left = s.at[i]
				}
				return "running and not ready for " + seconds(s.end-left), left > was && s.end-left > noticed.Milliseconds()
			}),
			missed("hangs", "Readiness", 2),
			killedBy("hangs-liveness", "liveness", 1),
			readyAgain("hangs-liveness"),
			someFailed("until a process that exits or hangs is out of the Service,", 5),
		},
	}
}

// readyAgain claims that a pod was ready after a restart. What is measured is how
// long it was not.
func readyAgain(name string) Claim {
	return about(name, "it is ready again after its restart", func(s *said) (string, bool) {
		again := slices.IndexFunc(s.pods, func(p *record.Pod) bool { return restartsOf(p) > 0 && isReady(p) })
		if again < 0 {
			return never, false
		}
		lost := again
		for lost > 0 && !isReady(s.pods[lost-1]) {
			lost--
		}
		return "not ready for " + seconds(s.at[again]-s.at[lost]), true
	})
}

// restartsText is the number of restarts as it is measured.
func restartsText(s *said) string { return fmt.Sprintf("restarts: %d", s.restarts()) }
