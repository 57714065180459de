package compare

import (
	"context"
	"fmt"
	"time"

	"online-inference/lab/figures"
	"online-inference/lab/record"
)

// Names in the manifests of k8s-classic/ that rollouts work on.
const (
	rollingName    = "online-inference-deployment-rolling-update"
	rollingFile    = "k8s-classic/online-inference-deployment-rolling-update.yaml"
	rollingService = "k8s-classic/service-deployment-rolling-update.yaml"
	surgeName      = "online-inference-deployment-blue-green"
	surgeFile      = "k8s-classic/online-inference-deployment-blue-green.yaml"
	surgeService   = "k8s-classic/service-deployment-blue-green.yaml"
	classicPrefix  = "online-inference-classic-"

	replicas4 = "lab/compare/patches/replicas-4.yaml"
	careful   = "lab/compare/patches/careful.yaml"
	dyingV2   = "lab/compare/patches/dying-v2.yaml"
)

const (
	noLoss   = "no failed request"
	runsEach = 5
	wantPods = 4
)

// rollouts are the ways from version 1 to version 2 of a Deployment.
func rollouts() []Experiment {
	all := []Experiment{
		surge(),
		blueGreen(),
		rolling("rolling-50-50", "Rolling update, 50 % and 50 %", "",
			"Half of the old pods go at once while new ones come; half of the capacity carries the load meanwhile.",
			noneFailed(), least(2), peak(6), mixed()),
		rolling("rolling-25-25", "Rolling update, 25 % and 25 %", "lab/compare/patches/rolling-25-25.yaml",
			"The default replaces four pods one by one: three at least are ready, five at most exist.",
			noneFailed(), least(3), peak(5), mixed()),
		rolling("rolling-1-1", "Rolling update, one and one", "lab/compare/patches/rolling-1-1.yaml",
			"Of four pods one and one is the same as 25 % and 25 %; with minReadySeconds it takes longer.",
			noneFailed(), least(3), peak(5), mixed()),
		recreate(),
		unavailable(),
		noReadiness(),
		dying(),
		dyingCaught(),
		undo(),
	}
	for i := range all {
		e := &all[i]
		e.Family, e.Runs, e.Want = "rollouts", runsEach, wantPods
	}
	return all
}

// setImage is the change of most rollouts.
func setImage(name string) func(context.Context, *Stage) error {
	return func(ctx context.Context, s *Stage) error {
		if err := s.Trigger(ctx, "set", "image", "deployment/"+name, "online-inference=online-inference:v2"); err != nil {
			return err
		}
		return rolledOut(ctx, s, name)
	}
}

// rolledOut waits for the end of a rollout and marks it.
func rolledOut(ctx context.Context, s *Stage, name string) error {
	if err := s.RolledOut(ctx, name); err != nil {
		return err
	}
	return s.Done("kubectl rollout status deployment/" + name)
}

// deployed applies a Deployment, patched, with its Service and waits for its pods.
func deployed(name, file, service, address string, patches ...string) func(context.Context, *Stage) error {
	return func(ctx context.Context, s *Stage) error {
		if err := s.ApplyPatched(ctx, file, patches...); err != nil {
			return err
		}
		if err := s.Apply(ctx, service); err != nil {
			return err
		}
		if err := s.RolledOut(ctx, name); err != nil {
			return err
		}
		return s.EndpointsReady(ctx, address, wantPods)
	}
}

func rolling(name, title, patch, answer string, claims ...Claim) Experiment {
	files := []string{rollingFile, rollingService}
	var patches []string
	if patch != "" {
		patches = []string{patch}
	}
	return Experiment{
		Name: name, Title: title, Answer: answer, Promise: noLoss,
		Question: "How do pods and answers change over when old ones go while new ones come?",
		Files:    append(files, patches...),
		Load:     Load{Service: classicPrefix + "deployment-rolling-update"},
		Setup:    deployed(rollingName, rollingFile, rollingService, classicPrefix+"deployment-rolling-update", patches...),
		Script:   setImage(rollingName),
		Takes:    55 * time.Second,
		Claims:   claims,
	}
}

func surge() Experiment {
	return Experiment{
		Name: "surge", Title: "Blue-green by maxSurge 100 %", Promise: noLoss,
		Question: "Is maxSurge 100 % with maxUnavailable 0 a blue-green deployment?",
		Answer:   "For a moment all old and all new pods exist, but both versions answer meanwhile: it is a surge, not a switch.",
		Files:    []string{surgeFile, surgeService},
		Load:     Load{Service: classicPrefix + "deployment-blue-green"},
		Setup:    deployed(surgeName, surgeFile, surgeService, classicPrefix+"deployment-blue-green"),
		Script:   setImage(surgeName),
		Takes:    65 * time.Second,
		Claims: []Claim{noneFailed(), atLeast(wantPods), peak(2 * wantPods), mixed(), {
			Text: "at one moment all 4 old and all 4 new pods exist",
			Check: func(run *record.Run) (string, error) {
				for _, step := range figures.Steps(figures.Lanes(run)) {
					if step.Of["v1"] == wantPods && step.Of["v2"] == wantPods {
						return "4 and 4", nil
					}
				}
				return "never", fmt.Errorf("there was no such moment")
			},
		}},
	}
}

const blueGreenFolder = "k8s-classic/more/blue-green/"

func blueGreen() Experiment {
	const service = classicPrefix + "blue-green"
	green := func(ctx context.Context, s *Stage) error {
		if err := s.TriggerApply(ctx, blueGreenFolder+"deployment-green.yaml", replicas4); err != nil {
			return err
		}
		if err := s.RolledOut(ctx, "online-inference-green"); err != nil {
			return err
		}
		// Time to look at green before callers do.
		if err := s.For(ctx, 3*time.Second); err != nil {
			return err
		}
		if err := s.Marked(ctx, "switch", "patch", "service", service, "--patch-file=lab/compare/patches/switch-green.yaml"); err != nil {
			return err
		}
		if err := s.Wait(ctx, waitLimit, "the Service has green pods only", onlyVersion(service, "v2", wantPods)); err != nil {
			return err
		}
		if err := s.Done("all endpoints are green"); err != nil {
			return err
		}
		if err := s.For(ctx, 5*time.Second); err != nil {
			return err
		}
		return s.Marked(ctx, "blue to zero", "scale", "deployment/online-inference-blue", "--replicas=0")
	}
	return Experiment{
		Name: "blue-green", Title: "Blue-green by a selector", Promise: noLoss,
		Question: "What does a real blue-green deployment take, and what do callers see?",
		Answer:   "Two Deployments and one switch of the Service's selector: new connections change over in one moment, and blue stays for the way back.",
		Files: []string{blueGreenFolder + "deployment-blue.yaml", blueGreenFolder + "deployment-green.yaml",
			blueGreenFolder + "service.yaml", replicas4, "lab/compare/patches/switch-green.yaml"},
		Load:   Load{Service: service},
		Setup:  deployed("online-inference-blue", blueGreenFolder+"deployment-blue.yaml", blueGreenFolder+"service.yaml", service, replicas4),
		Script: green,
		Takes:  60 * time.Second,
		Claims: []Claim{noneFailed(), notMixed(), peak(2 * wantPods), atLeast(wantPods), keptStay()},
	}
}

// keptStay claims that a switch of the selector does not move connections.
func keptStay() Claim {
	return Claim{Text: "kept connections stay with blue until it ends", Check: func(run *record.Run) (string, error) {
		done, ok := figures.MarkAt(run, record.MarkDone)
		if !ok {
			return "", fmt.Errorf("not done")
		}
		zero, ok := figures.MarkAt(run, "blue to zero")
		if !ok {
			return "", fmt.Errorf("blue was not scaled down")
		}
		old, all := 0, 0
		for _, line := range run.Lines {
			if r := line.Request; r != nil && r.Client == Kept && line.T > done && line.T < zero {
				all++
				if r.Version == "v1" {
					old++
				}
			}
		}
		measured := fmt.Sprintf("%d of %d answers by v1 after the switch", old, all)
		if all == 0 || old < all*9/10 {
			return measured, fmt.Errorf("measured %s", measured)
		}
		return measured, nil
	}}
}

func recreate() Experiment {
	const name, folder, service = "online-inference-recreate", "k8s-classic/more/recreate/", classicPrefix + "recreate"
	return Experiment{
		Name: "recreate", Title: "Recreate",
		Question: "What does it cost that no two versions ever run together?",
		Answer:   "An outage: the new pods start only after the last old one has drained and gone.",
		Files:    []string{folder + "deployment.yaml", folder + "service.yaml", replicas4},
		Load:     Load{Service: service},
		Setup:    deployed(name, folder+"deployment.yaml", folder+"service.yaml", service, replicas4),
		Script:   setImage(name),
		Takes:    60 * time.Second,
		Claims:   []Claim{someFailed("between the old pods and the new ones", 20), least(0), peak(wantPods), notMixed()},
	}
}

func unavailable() Experiment {
	e := rolling("unavailable-100", "maxSurge 0 and maxUnavailable 100 %", "lab/compare/patches/unavailable-100.yaml",
		"No: all old pods are told to end at once and for a while none is ready; only their drain carries callers, and only if a new pod is ready before it ends.",
		least(0), peak(wantPods))
	e.Question, e.Promise = "Is a rolling update with maxUnavailable 100 % still one?", ""
	return e
}

// patchTo is the change of rollouts whose new version misbehaves.
func patchTo(file string) func(context.Context, *Stage) error {
	return func(ctx context.Context, s *Stage) error {
		return s.Trigger(ctx, "patch", "deployment", rollingName, "--patch-file="+file)
	}
}

func noReadiness() Experiment {
	const slow = "lab/compare/patches/slow-v2.yaml"
	e := rolling("no-readiness", "Without readiness probes", "lab/compare/patches/no-readiness.yaml",
		"The rollout is over in seconds, and traffic goes to processes that do not listen yet.",
		someFailed("until the new ones listen", 20))
	e.Question, e.Promise = "What does a rollout do that cannot ask whether a pod is ready?", ""
	e.Files = append(e.Files, slow)
	e.Script = func(ctx context.Context, s *Stage) error {
		if err := patchTo(slow)(ctx, s); err != nil {
			return err
		}
		return rolledOut(ctx, s, rollingName)
	}
	return e
}

func dying() Experiment {
	e := rolling("dying-image", "Dying version, minReadySeconds 0", "lab/compare/patches/at-once.yaml",
		"The rollout completes and is reported as a success; then every pod dies, again and again, and nothing rolls back.",
		someFailed("after the rollout, as the new ones die,", 20), least(0))
	e.Question, e.Promise = "Does a Deployment notice a version that is ready at first and dies half a minute later?", ""
	e.Files = append(e.Files, dyingV2)
	e.Script = func(ctx context.Context, s *Stage) error {
		if err := patchTo(dyingV2)(ctx, s); err != nil {
			return err
		}
		return rolledOut(ctx, s, rollingName)
	}
	// Two lives of 30 s, the restart between them, and the first back-off.
	e.Tail, e.Takes = 85*time.Second, 125*time.Second
	return e
}

// dyingCaught takes long, and not for want of patience: a pod that turns ready
// again counts as progress, so that the deadline of 180 s passes only once the
// kubelet waits 160 s between two lives, after the sixth.
func dyingCaught() Experiment {
	e := rolling("dying-image-caught", "Dying version, minReadySeconds 90", careful,
		"No new pod ever counts as available, no old one goes, and the rollout stalls; it is reported as failed only when the dying pod stays away for longer than the deadline, and nothing rolls back by itself.",
		atLeast(wantPods), peak(wantPods+1), fewFailed(0.02))
	e.Question, e.Promise = "What stops a version that is ready at first and dies half a minute later?", ""
	e.Files = append(e.Files, dyingV2)
	setup := deployed(rollingName, rollingFile, rollingService, classicPrefix+"deployment-rolling-update")
	e.Setup = func(ctx context.Context, s *Stage) error {
		if err := setup(ctx, s); err != nil {
			return err
		}
		// Only now: the first rollout would take 90 s more.
		return s.Kubectl(ctx, "patch", "deployment", rollingName, "--patch-file="+careful)
	}
	e.Script = func(ctx context.Context, s *Stage) error {
		if err := patchTo(dyingV2)(ctx, s); err != nil {
			return err
		}
		if err := s.Stalled(ctx, rollingName, 15*time.Minute); err != nil {
			return err
		}
		return s.Done("Progressing=False, ProgressDeadlineExceeded")
	}
	// Fewer requests, since the run is long.
	e.Load.Rate, e.Takes = 10, 540*time.Second
	return e
}

func undo() Experiment {
	e := rolling("undo", "Rollout undo", "",
		"The way back is a rollout like any other, with the old ReplicaSet, which was kept.",
		noneFailed(), least(2), peak(6), mixed())
	e.Question = "How fast, and how safe, is the way back?"
	setup := e.Setup
	e.Setup = func(ctx context.Context, s *Stage) error {
		if err := setup(ctx, s); err != nil {
			return err
		}
		if err := s.Kubectl(ctx, "set", "image", "deployment/"+rollingName, "online-inference=online-inference:v2"); err != nil {
			return err
		}
		if err := s.RolledOut(ctx, rollingName); err != nil {
			return err
		}
		return s.PodsReady(ctx, wantPods)
	}
	e.Script = func(ctx context.Context, s *Stage) error {
		if err := s.Trigger(ctx, "rollout", "undo", "deployment/"+rollingName); err != nil {
			return err
		}
		return rolledOut(ctx, s, rollingName)
	}
	e.Takes = 75 * time.Second
	return e
}
