package compare

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"online-inference/lab/figures"
	"online-inference/lab/record"
	"online-inference/lab/watch"
)

// Files and names of the experiments on ReplicaSets.
const (
	setName    = "online-inference-replicaset"
	setFile    = "k8s-classic/online-inference-replicaset.yaml"
	setService = "k8s-classic/service-replicaset.yaml"
	setAddress = classicPrefix + "replicaset"
	setWants   = 3

	markRestart = "a container exits"
	markDelete  = "a pod is deleted"
	costKey     = "controller.kubernetes.io/pod-deletion-cost"
)

// replicasets are what happens to versions in a set that knows of none.
func replicasets() []Experiment {
	all := []Experiment{setFewer(), setMore(), setDrift(), setAdoption(), setCut()}
	for i := range all {
		e := &all[i]
		e.Family, e.Runs = "replicaset", 3
		e.Load = Load{Service: setAddress, Rate: 20}
		e.Files = append([]string{setFile, setService}, e.Files...)
	}
	return all
}

// setReady makes the set with its Service and waits for its pods.
func setReady(ctx context.Context, s *Stage) error {
	if err := s.Apply(ctx, setFile, setService); err != nil {
		return err
	}
	return s.EndpointsReady(ctx, setAddress, setWants)
}

// settled waits until there are so many pods, all of them ready, and the
// ReplicaSet says the same.
func (s *Stage) settled(ctx context.Context, n int) error {
	return s.Wait(ctx, waitLimit, fmt.Sprintf("%d pods, no other one is left", n), func(state *watch.State) bool {
		set := state.ReplicaSets[setName]
		if len(state.Pods) != n || set.Want != int32(n) || set.Ready != int32(n) {
			return false
		}
		for _, p := range state.Pods {
			if !isReady(&p) {
				return false
			}
		}
		return true
	})
}

// patchedSet changes image and number in one request and waits for the end.
func patchedSet(file string, n int) func(context.Context, *Stage) error {
	return func(ctx context.Context, s *Stage) error {
		if err := s.Trigger(ctx, "patch", "replicaset", setName, "--patch-file="+file); err != nil {
			return err
		}
		if err := s.settled(ctx, n); err != nil {
			return err
		}
		return s.Done(fmt.Sprintf("%d pods, all ready", n))
	}
}

func setFewer() Experiment {
	const file = "k8s-classic/patches/replicaset-fewer.yaml"
	return Experiment{
		Name: "replicaset-fewer", Title: "ReplicaSet: new image, fewer pods",
		Question: "The image of a ReplicaSet changes and at the same time its replicas get fewer. Which versions do the pods have?",
		Answer:   "All that are left are old: the surplus goes, and no pod of the new image is ever made.",
		Files:    []string{file},
		Setup:    setReady,
		Script:   patchedSet(file, 2),
		Takes:    45 * time.Second,
		Claims: []Claim{noneFailed(), template("v2"), versionsAtEnd(map[string]int{"v1": 2}), made("v2", 0), gone("v1", 1), keptAll("v1", 2),
			onlyAnswers(Fresh, "v1")},
	}
}

func setMore() Experiment {
	const file = "k8s-classic/patches/replicaset-more.yaml"
	return Experiment{
		Name: "replicaset-more", Title: "ReplicaSet: new image, more pods",
		Question: "The image of a ReplicaSet changes and at the same time its replicas get more. Which versions do the pods have?",
		Answer:   "The old pods stay as they are and only the added ones are new, so that both versions answer behind one Service.",
		Files:    []string{file},
		Setup:    setReady,
		Script:   patchedSet(file, 5),
		Takes:    40 * time.Second,
		Claims:   []Claim{noneFailed(), template("v2"), versionsAtEnd(map[string]int{"v1": 3, "v2": 2}), made("v2", 2), gone("v1", 0), keptAll("v1", 3), mixed()},
	}
}

func setDrift() Experiment {
	const dying = "lab/compare/patches/replicaset-one-dying.yaml"
	return Experiment{
		Name: "replicaset-drift", Title: "ReplicaSet: drift after a new image",
		Question: "The image of a ReplicaSet has changed and nothing else. When do its pods change?",
		Answer:   "Not when a container is started again, which keeps the image of its pod, but when a pod is replaced: the set changes silently, one deletion or eviction at a time.",
		Files:    []string{dying},
		Setup: func(ctx context.Context, s *Stage) error {
			// One pod of three will exit: a set's template is used once, for the pods
			// that it makes then.
			if err := s.ApplyPatched(ctx, setFile, dying); err != nil {
				return err
			}
			if err := s.Wait(ctx, waitLimit, "a pod that will exit", func(state *watch.State) bool { return len(state.Pods) == 1 }); err != nil {
				return err
			}
			return setReady(ctx, s)
		},
		Script: func(ctx context.Context, s *Stage) error {
			if err := s.Trigger(ctx, "set", "image", "replicaset/"+setName, "online-inference=online-inference:v2"); err != nil {
				return err
			}
			var other string
			err := s.Wait(ctx, time.Minute, "the container that exits is back", func(state *watch.State) bool {
				back := false
				for _, p := range state.Pods {
					if restartsOf(&p) == 0 {
						other = p.Name
					}
					back = back || restartsOf(&p) > 0 && isReady(&p)
				}
				return back && other != ""
			})
			if err != nil {
				return err
			}
			if err := s.Mark(markRestart, "EXIT_AFTER of one pod: its container was started again"); err != nil {
				return err
			}
			if err := s.For(ctx, 3*time.Second); err != nil {
				return err
			}
			if err := s.Marked(ctx, markDelete, "delete", "pod", other, "--wait=false"); err != nil {
				return err
			}
			if err := s.settled(ctx, setWants); err != nil {
				return err
			}
			return s.Done("3 pods, all ready")
		},
		Tail: 5 * time.Second, Takes: 60 * time.Second,
		Claims: []Claim{template("v2"), restartKeeps("v1"), comesBack("v1", "v2"), versionsAtEnd(map[string]int{"v1": 2, "v2": 1}), made("v2", 1), mixed()},
	}
}

func setAdoption() Experiment {
	const early, late = probesFolder + "stray-early.yaml", probesFolder + "stray-late.yaml"
	return Experiment{
		Name: "replicaset-adoption", Title: "ReplicaSet: pods that it takes in",
		Question: "What does a ReplicaSet do with a pod of somebody else that has its labels?",
		Answer:   "It adopts it: one that is there first counts as a replica, whatever its image, and one that comes later is surplus and is deleted at once.",
		Files:    []string{early, late},
		Setup: func(ctx context.Context, s *Stage) error {
			if err := s.Apply(ctx, setService, early); err != nil {
				return err
			}
			return s.EndpointsReady(ctx, setAddress, 1)
		},
		Script: func(ctx context.Context, s *Stage) error {
			if err := s.TriggerApply(ctx, setFile); err != nil {
				return err
			}
			if err := s.settled(ctx, setWants); err != nil {
				return err
			}
			if err := s.For(ctx, 3*time.Second); err != nil {
				return err
			}
			if err := s.MarkedApply(ctx, "one more", late); err != nil {
				return err
			}
			came := false
			if err := s.Wait(ctx, waitLimit, "the pod that came later has gone again", func(state *watch.State) bool {
				for _, p := range state.Pods {
					if p.Name == "stray-late" {
						came = true
						return false
					}
				}
				return came
			}); err != nil {
				return err
			}
			if err := s.settled(ctx, setWants); err != nil {
				return err
			}
			return s.Done("3 pods, all ready")
		},
		Takes: 45 * time.Second,
		Claims: []Claim{noneFailed(), adopted("stray-early"), endsReady("stray-early"), made("v1", setWants-1),
			versionsAtEnd(map[string]int{"v1": 2, "v2": 1}), mixed(),
			adopted("stray-late"), about("stray-late", "it is deleted and was never ready", func(s *said) (string, bool) {
				told, deleted := s.first(func(p *record.Pod) bool { return p.Deleting || p.Gone })
				_, ready := s.first(isReady)
				return "told to end " + seconds(told-s.at[0]) + " after it came", deleted && !ready && s.last().Gone
			})},
	}
}

func setCut() Experiment {
	const late = "lab/compare/patches/replicaset-late.yaml"
	const cheap, dear = "-100", "100"
	return Experiment{
		Name: "replicaset-cut-first", Title: "ReplicaSet: who goes first",
		Question: "A ReplicaSet gets fewer pods. Which go first?",
		Answer:   "First what is not ready, then the lower pod-deletion-cost; between equals age decides only roughly, so nobody should count on it.",
		Files:    []string{late},
		Setup: func(ctx context.Context, s *Stage) error {
			if err := setReady(ctx, s); err != nil {
				return err
			}
			var names []string
			s.watch.Look(func(state *watch.State) {
				for _, p := range state.Pods {
					names = append(names, p.Name)
				}
			})
			slices.Sort(names)
			for i, cost := range []string{cheap, dear} {
				if err := s.Marked(ctx, "cost "+cost, "annotate", "pod", names[i], costKey+"="+cost); err != nil {
					return err
				}
			}
			if err := s.Kubectl(ctx, "patch", "replicaset", setName, "--patch-file="+late); err != nil {
				return err
			}
			return s.Wait(ctx, waitLimit, "a fourth pod runs", func(state *watch.State) bool {
				running := 0
				for _, p := range state.Pods {
					if isRunning(&p) {
						running++
					}
				}
				return running == setWants+1
			})
		},
		Script: func(ctx context.Context, s *Stage) error {
			for n := setWants; n > 0; n-- {
				mark := record.MarkTrigger
				if n < setWants {
					mark = fmt.Sprintf("to %d", n)
				}
				if err := s.Marked(ctx, mark, "scale", "replicaset/"+setName, fmt.Sprintf("--replicas=%d", n)); err != nil {
					return err
				}
				if err := s.settled(ctx, n); err != nil {
					return err
				}
			}
			return s.Done("1 pod, ready")
		},
		Takes:  65 * time.Second,
		Claims: []Claim{noneFailed(), cutOrder(cheap, dear)},
	}
}

// template claims which image a set has at the end.
func template(version string) Claim {
	return Claim{Text: "the set's template names " + version, Check: func(run *record.Run) (string, error) {
		image := ""
		for _, line := range run.Lines {
			if line.ReplicaSet != nil && line.ReplicaSet.Name == setName {
				image = line.ReplicaSet.Image
			}
		}
		if !strings.HasSuffix(image, ":"+version) {
			return image, fmt.Errorf("measured %q", image)
		}
		return image, nil
	}}
}

// atEnd are the pods at a run's end that are not on their way out.
func atEnd(run *record.Run) []*record.Pod {
	return slices.DeleteFunc(figures.PodsAt(run, figures.End(run)), func(p *record.Pod) bool { return p.Deleting })
}

// versionsAtEnd claims how many ready pods of each version there are at the end.
func versionsAtEnd(want map[string]int) Claim {
	text := func(of map[string]int) string {
		var parts []string
		for _, v := range slices.Sorted(maps.Keys(of)) {
			parts = append(parts, fmt.Sprintf("%d of %s", of[v], v))
		}
		return strings.Join(parts, ", ")
	}
	return Claim{Text: "at the end the pods are " + text(want), Check: func(run *record.Run) (string, error) {
		have := map[string]int{}
		for _, p := range atEnd(run) {
			if isReady(p) {
				have[p.Version]++
			}
		}
		if !maps.Equal(have, want) {
			return text(have), fmt.Errorf("measured %q", text(have))
		}
		return text(have), nil
	}}
}

// made claims how many pods of a version come after the trigger.
func made(version string, want int) Claim {
	return Claim{Text: fmt.Sprintf("new pods of %s: %d", version, want), Check: func(run *record.Run) (string, error) {
		trigger, err := markAt(record.MarkTrigger)(run)
		if err != nil {
			return "", err
		}
		n := 0
		for _, l := range figures.Lanes(run) {
			if l.Version == version && l.First() >= trigger && !strings.HasPrefix(l.Name, "stray-") {
				n++
			}
		}
		if n != want {
			return fmt.Sprint(n), fmt.Errorf("measured %d", n)
		}
		return fmt.Sprint(n), nil
	}}
}

// gone claims how many pods of a version are told to end.
func gone(version string, want int) Claim {
	return Claim{Text: fmt.Sprintf("pods of %s that are told to end: %d", version, want), Check: func(run *record.Run) (string, error) {
		uids := map[string]bool{}
		for _, line := range run.Lines {
			if p := line.Pod; p != nil && p.Version == version && (p.Deleting || p.Gone) {
				uids[p.UID] = true
			}
		}
		if len(uids) != want {
			return fmt.Sprint(len(uids)), fmt.Errorf("measured %d", len(uids))
		}
		return fmt.Sprint(len(uids)), nil
	}}
}

// keptAll claims that so many pods are there from the trigger to the end, the same
// ones, with their image and without a restart.
func keptAll(version string, want int) Claim {
	return Claim{Text: fmt.Sprintf("%d pods of %s are the same from before the change to the end, not restarted", want, version), Check: func(run *record.Run) (string, error) {
		trigger, err := markAt(record.MarkTrigger)(run)
		if err != nil {
			return "", err
		}
		before := map[string]string{}
		for _, p := range figures.PodsAt(run, trigger) {
			before[p.UID] = p.Version
		}
		n := 0
		for _, p := range atEnd(run) {
			if before[p.UID] == version && p.Version == version && restartsOf(p) == 0 {
				n++
			}
		}
		if n != want {
			return fmt.Sprint(n), fmt.Errorf("measured %d", n)
		}
		return fmt.Sprint(n), nil
	}}
}
