package compare

import (
	"context"
	"fmt"
	"time"

	"online-inference/lab/figures"
	"online-inference/lab/record"
	"online-inference/lab/watch"
)

// Names in the manifests of knative/.
const (
	serviceV1   = "knative/10-service-v1.yaml"
	serviceV2   = "knative/20-service-v2.yaml"
	knativeName = "online-inference"
	revisionV1  = "online-inference-v1"
	revisionV2  = "online-inference-v2"

	trafficV1 = "lab/compare/patches/traffic-v1.yaml"
	trafficV2 = "lab/compare/patches/traffic-v2.yaml"
	gradual   = "lab/compare/patches/gradual.yaml"
	brokenV2  = "lab/compare/patches/broken-v2.yaml"
)

// shares are percentages by revision.
type shares = map[string]int64

// knativeRollouts are the ways from version 1 to version 2 of a Knative Service.
// Its revisions promise no number of pods: they follow the requests.
func knativeRollouts() []Experiment {
	all := []Experiment{knativeSplit(), knativeGradual(), knativeTag(), knativePromote(), knativeRollback(), knativeBroken()}
	for i := range all {
		e := &all[i]
		e.Family, e.Runs, e.Promise = "rollouts", runsEach, noLoss
		// Fewer than on the others: two proxies stand on the way of each request.
		e.Load.Route, e.Load.Rate = knativeName, 20
	}
	return all
}

// applied applies a Knative Service and waits until its route serves.
func applied(want shares, file string, patches ...string) func(context.Context, *Stage) error {
	return func(ctx context.Context, s *Stage) error {
		if err := s.ApplyPatched(ctx, file, patches...); err != nil {
			return err
		}
		return s.RouteServes(ctx, knativeName, want)
	}
}

// both makes v1 and then v2 with a tenth of the traffic.
func both(ctx context.Context, s *Stage) error {
	if err := applied(shares{revisionV1: 100}, serviceV1)(ctx, s); err != nil {
		return err
	}
	return applied(shares{revisionV1: 90, revisionV2: 10}, serviceV2)(ctx, s)
}

// shift is the command that changes the traffic of the Knative Service.
func shift(ctx context.Context, s *Stage, mark, file string) error {
	args := []string{"patch", "ksvc", knativeName, "--type=merge", "--patch-file=" + file}
	if mark == "" {
		return s.Kubectl(ctx, args...)
	}
	return s.Marked(ctx, mark, args...)
}

// served waits until the route serves these shares and marks the end.
func served(ctx context.Context, s *Stage, want shares) error {
	if err := s.RouteServes(ctx, knativeName, want); err != nil {
		return err
	}
	return s.Done("kubectl wait --for=condition=Ready ksvc/" + knativeName)
}

func knativeSplit() Experiment {
	return Experiment{
		Name: "knative-split", Title: "Knative: a split by percent",
		Question: "Does a tenth of the requests reach v2, whatever the number of pods and connections?",
		Answer:   "Each request is sent by the shares of the route, over kept connections too, whatever the number of pods.",
		Files:    []string{serviceV1, serviceV2},
		Setup:    applied(shares{revisionV1: 100}, serviceV1),
		Script: func(ctx context.Context, s *Stage) error {
			if err := s.TriggerApply(ctx, serviceV2); err != nil {
				return err
			}
			return served(ctx, s, shares{revisionV1: 90, revisionV2: 10})
		},
		Tail: 20 * time.Second, Takes: 60 * time.Second,
		// 360 requests a client: the standard deviation of the share is 1.6 %.
		Claims: []Claim{noneFailed(), mixed(), shareAfterDone(Fresh, 0.03, 0.17), shareAfterDone(Kept, 0.03, 0.17)},
	}
}

func knativeGradual() Experiment {
	return Experiment{
		Name: "knative-gradual", Title: "Knative: a gradual rollout",
		Question: "Can the platform itself shift the traffic step by step?",
		Answer:   "With rollout-duration the newest revision takes over in small steps; it goes on whatever the answers are.",
		Files:    []string{serviceV1, serviceV2, gradual},
		Setup:    applied(shares{revisionV1: 100}, serviceV1, gradual),
		Script: func(ctx context.Context, s *Stage) error {
			if err := s.TriggerApply(ctx, serviceV2, gradual); err != nil {
				return err
			}
			return served(ctx, s, shares{revisionV2: 100})
		},
		Takes: 70 * time.Second,
		Claims: []Claim{noneFailed(), mixed(), {
			Text: "the share of v2 rises from the first third of the change to the last",
			Check: func(run *record.Run) (string, error) {
				from, to, err := change(run)
				if err != nil {
					return "", err
				}
				third := (to - from) / 3
				early, late := share(run, Fresh, from, from+third), share(run, Fresh, to-third, to)
				measured := fmt.Sprintf("%.0f %% to %.0f %%", 100*early, 100*late)
				if late <= early {
					return measured, fmt.Errorf("measured %s", measured)
				}
				return measured, nil
			},
		}},
	}
}

func knativeTag() Experiment {
	return Experiment{
		Name: "knative-tag-only", Title: "Knative: a tag without traffic",
		Question: "Can v2 be tried in place before any caller meets it?",
		Answer:   "A tag with a share of 0 gives v2 an address of its own; all other callers stay on v1.",
		Files:    []string{serviceV1, serviceV2, trafficV1},
		Load:     Load{Tag: "v2"},
		Setup:    applied(shares{revisionV1: 100}, serviceV1),
		Script: func(ctx context.Context, s *Stage) error {
			if err := s.TriggerApply(ctx, serviceV2, trafficV1); err != nil {
				return err
			}
			if err := s.RevisionIs(ctx, revisionV2, "True"); err != nil {
				return err
			}
			if err := served(ctx, s, shares{revisionV1: 100}); err != nil {
				return err
			}
			return s.AskTag(ctx)
		},
		Takes:  50 * time.Second,
		Claims: []Claim{noneFailed(), onlyAnswers(Fresh, "v1"), onlyAnswers(Kept, "v1"), onlyAnswers(Tag, "v2")},
	}
}

func knativePromote() Experiment {
	return Experiment{
		Name: "knative-promote", Title: "Knative: promote v2",
		Question: "What do callers see when all traffic moves to v2?",
		Answer:   "One patch of the traffic moves every request to v2, connections and all, without waiting for a pod to be replaced.",
		Files:    []string{serviceV1, serviceV2, trafficV2},
		Setup:    both,
		Script: func(ctx context.Context, s *Stage) error {
			if err := shift(ctx, s, record.MarkTrigger, trafficV2); err != nil {
				return err
			}
			return served(ctx, s, shares{revisionV2: 100})
		},
		Takes:  60 * time.Second,
		Claims: []Claim{noneFailed(), lateAnswers("v2")},
	}
}

func knativeRollback() Experiment {
	return Experiment{
		Name: "knative-rollback", Title: "Knative: back to a revision at zero",
		Question: "What does the way back cost when v1 has no pod any more?",
		Answer:   "The same patch the other way; the first requests wait for a pod of v1 to start, and none is lost.",
		Files:    []string{serviceV1, serviceV2, trafficV1, trafficV2},
		Setup: func(ctx context.Context, s *Stage) error {
			if err := both(ctx, s); err != nil {
				return err
			}
			if err := shift(ctx, s, "", trafficV2); err != nil {
				return err
			}
			if err := s.RouteServes(ctx, knativeName, shares{revisionV2: 100}); err != nil {
				return err
			}
			return s.Wait(ctx, waitLimit, "no pod of v1", func(state *watch.State) bool {
				for _, p := range state.Pods {
					if p.Version == "v1" {
						return false
					}
				}
				return true
			})
		},
		Script: func(ctx context.Context, s *Stage) error {
			if err := shift(ctx, s, record.MarkTrigger, trafficV1); err != nil {
				return err
			}
			return served(ctx, s, shares{revisionV1: 100})
		},
		Takes:  100 * time.Second,
		Claims: []Claim{noneFailed(), lateAnswers("v1")},
	}
}

func knativeBroken() Experiment {
	return Experiment{
		Name: "knative-broken", Title: "Knative: a broken revision",
		Question: "What happens when v2 cannot start?",
		Answer:   "It never gets traffic, although the Service asks for a tenth: the route keeps what it served before, and after the progress deadline it says why.",
		Files:    []string{serviceV1, serviceV2, brokenV2},
		Setup:    applied(shares{revisionV1: 100}, serviceV1),
		Script: func(ctx context.Context, s *Stage) error {
			if err := s.TriggerApply(ctx, serviceV2, brokenV2); err != nil {
				return err
			}
			if err := s.RevisionIs(ctx, revisionV2, "False"); err != nil {
				return err
			}
			return s.Done("revision " + revisionV2 + " Ready=False")
		},
		Takes: 60 * time.Second,
		Claims: []Claim{noneFailed(), onlyAnswers(Fresh, "v1"), onlyAnswers(Kept, "v1"), {
			Text: "the revision is reported as failed and the route as not ready",
			Check: func(run *record.Run) (string, error) {
				revision, route := "", ""
				for _, line := range run.Lines {
					if r := line.Revision; r != nil && r.Name == revisionV2 && !r.Gone {
						revision = r.Ready + " " + r.Reason
					}
					if r := line.Route; r != nil {
						route = r.Ready + " " + r.Reason
					}
				}
				measured := fmt.Sprintf("revision %s, route %s", revision, route)
				if len(revision) < 5 || revision[:5] != "False" || len(route) >= 4 && route[:4] == "True" {
					return measured, fmt.Errorf("measured %s", measured)
				}
				return measured, nil
			},
		}},
	}
}

// change is the time of trigger and done.
func change(run *record.Run) (from, to int64, err error) {
	from, triggered := figures.MarkAt(run, record.MarkTrigger)
	to, done := figures.MarkAt(run, record.MarkDone)
	if !triggered || !done {
		return 0, 0, fmt.Errorf("no trigger or no end")
	}
	return from, to, nil
}

// answers counts a client's answers by version; 0 as to means the end.
func answers(run *record.Run, client string, from, to int64) (by map[string]int, n int) {
	by = map[string]int{}
	for _, line := range run.Lines {
		if r := line.Request; r != nil && r.Client == client && r.OK() && line.T >= from && (to == 0 || line.T < to) {
			by[r.Version]++
			n++
		}
	}
	return by, n
}

// share is the share of v2 among a client's answers.
func share(run *record.Run, client string, from, to int64) float64 {
	by, n := answers(run, client, from, to)
	if n == 0 {
		return 0
	}
	return float64(by["v2"]) / float64(n)
}

// settle is how long after the end of a change the gateway may take to have it
// everywhere, in milliseconds.
const settle = 2000

// shareAfterDone claims bounds for the share of v2 once the change is over.
func shareAfterDone(client string, low, high float64) Claim {
	return Claim{
		Text: fmt.Sprintf("after the change %.0f to %.0f %% of the %s connections' requests reach v2", 100*low, 100*high, client),
		Check: func(run *record.Run) (string, error) {
			_, to, err := change(run)
			if err != nil {
				return "", err
			}
			_, n := answers(run, client, to+settle, 0)
			got := share(run, client, to+settle, 0)
			measured := fmt.Sprintf("%.1f %% of %d", 100*got, n)
			if n < 100 || got < low || got > high {
				return measured, fmt.Errorf("measured %s", measured)
			}
			return measured, nil
		},
	}
}

// onlyAnswers claims that one version answers a client in the whole run.
func onlyAnswers(client, version string) Claim {
	return Claim{Text: fmt.Sprintf("only %s answers the client %s", version, client), Check: func(run *record.Run) (string, error) {
		by, n := answers(run, client, 0, 0)
		measured := fmt.Sprintf("%d of %d", by[version], n)
		if n < 100 || by[version] != n {
			return measured, fmt.Errorf("measured %s", measured)
		}
		return measured, nil
	}}
}

// lateAnswers claims that one version answers everything soon after the change.
func lateAnswers(version string) Claim {
	return Claim{Text: "after the change only " + version + " answers", Check: func(run *record.Run) (string, error) {
		_, to, err := change(run)
		if err != nil {
			return "", err
		}
		measured, sum := "", 0
		for i, client := range []string{Fresh, Kept} {
			by, n := answers(run, client, to+settle, 0)
			if i > 0 {
				measured += ", "
			}
			measured += fmt.Sprintf("%s %d of %d", client, by[version], n)
			sum += n
			if by[version] != n {
				return measured, fmt.Errorf("measured %s", measured)
			}
		}
		if sum < 100 {
			return measured, fmt.Errorf("measured %s", measured)
		}
		return measured, nil
	}}
}
