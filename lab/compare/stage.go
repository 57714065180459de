package compare

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"online-inference/lab/load"
	"online-inference/lab/record"
	"online-inference/lab/target"
	"online-inference/lab/watch"
)

// waitLimit bounds each wait of a script that does not say otherwise.
const waitLimit = 4 * time.Minute

// Stage is where an experiment is played: a clean namespace under a watch. Its
// methods are the verbs of scripts.
type Stage struct {
	Namespace  string
	target     *target.Target
	tools      *tools
	watch      *watch.Watcher
	out        *record.Writer
	runner     *Runner
	experiment Experiment
	started    time.Time
	// clients and tagged are nil where an experiment has none.
	clients, tagged *clients
	say             func(format string, args ...any)
	used            map[string]bool
}

// Mark writes a moment of the script. Names stand in pictures: 24 characters at
// most.
func (s *Stage) Mark(name, text string) error {
	s.say("%s: %s", name, text)
	return s.out.Put(time.Now(), record.Line{Mark: &record.Mark{Name: name, Text: text}})
}

// Trigger runs kubectl with these arguments as the change that the run is about.
func (s *Stage) Trigger(ctx context.Context, args ...string) error {
	return s.Marked(ctx, record.MarkTrigger, args...)
}

// Marked runs kubectl with a mark, whose text is the command.
func (s *Stage) Marked(ctx context.Context, mark string, args ...string) error {
	if err := s.Mark(mark, commandText("kubectl", args)); err != nil {
		return err
	}
	return s.Kubectl(ctx, args...)
}

// Kubectl runs kubectl in the stage's namespace, in the project's root.
func (s *Stage) Kubectl(ctx context.Context, args ...string) error {
	for _, a := range args {
		s.use(strings.TrimPrefix(a, "--patch-file="))
	}
	_, err := s.tools.kubectl(ctx, s.Namespace, nil, args...)
	return err
}

// Apply applies files of the project as they are, with the function's image
// resolved by ko where they name it.
func (s *Stage) Apply(ctx context.Context, files ...string) error {
	for _, file := range files {
		if err := s.ApplyPatched(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

// ApplyPatched applies a file changed by patch files: strategic merge patches
// for Kubernetes' own kinds, JSON merge patches for Knative's.
func (s *Stage) ApplyPatched(ctx context.Context, file string, patches ...string) error {
	s.use(file)
	for _, p := range patches {
		s.use(p)
	}
	text, err := s.tools.patched(ctx, file, patches)
	if err != nil {
		return err
	}
	_, err = s.tools.kubectl(ctx, s.Namespace, text, "apply", "-f", "-")
	return err
}

// TriggerApply marks the trigger and applies a patched file.
func (s *Stage) TriggerApply(ctx context.Context, file string, patches ...string) error {
	return s.MarkedApply(ctx, record.MarkTrigger, file, patches...)
}

// MarkedApply marks a moment and applies a patched file.
func (s *Stage) MarkedApply(ctx context.Context, mark, file string, patches ...string) error {
	text, err := applyText(s.tools.root, file, patches)
	if err != nil {
		return err
	}
	if err := s.Mark(mark, text); err != nil {
		return err
	}
	return s.ApplyPatched(ctx, file, patches...)
}

// use notes a file of the project, since the record has to have its hash.
func (s *Stage) use(name string) {
	if strings.HasSuffix(name, ".yaml") {
		s.used[name] = true
	}
}

// Done marks the moment at which the controller is done, or has given up.
func (s *Stage) Done(text string) error { return s.Mark(record.MarkDone, text) }

// For lets time pass.
func (s *Stage) For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Wait waits for a state of the namespace.
func (s *Stage) Wait(ctx context.Context, limit time.Duration, what string, holds func(*watch.State) bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	s.say("waits: %s", what)
	return s.watch.Wait(ctx, what, holds)
}

// RolledOut waits until a Deployment's newest template is rolled out, as
// `kubectl rollout status` says it.
func (s *Stage) RolledOut(ctx context.Context, name string) error {
	return s.deployment(ctx, name, waitLimit, name+" rolled out", func(d record.Deployment) bool {
		return d.Updated == d.Want && d.Pods == d.Want && d.Available == d.Want
	})
}

// Stalled waits until a Deployment has passed its progress deadline.
func (s *Stage) Stalled(ctx context.Context, name string, limit time.Duration) error {
	return s.deployment(ctx, name, limit, name+" past its progress deadline", func(d record.Deployment) bool {
		for _, c := range d.Conditions {
			if c == "Progressing=False ProgressDeadlineExceeded" {
				return true
			}
		}
		return false
	})
}

// deployment waits for a state of a Deployment that belongs to its newest
// specification: the watch may still hold the one before.
func (s *Stage) deployment(ctx context.Context, name string, limit time.Duration, what string, holds func(record.Deployment) bool) error {
	d, err := s.target.Core.AppsV1().Deployments(s.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("cannot read the Deployment %s: %w", name, err)
	}
	return s.Wait(ctx, limit, what, func(state *watch.State) bool {
		now, ok := state.Deployments[name]
		return ok && state.Generations[name] >= d.Generation && now.Observed && holds(now)
	})
}

// PodsReady waits until n pods are ready and none is on its way out.
func (s *Stage) PodsReady(ctx context.Context, n int) error {
	return s.Wait(ctx, waitLimit, fmt.Sprintf("%d pods ready", n), func(state *watch.State) bool {
		ready := 0
		for _, p := range state.Pods {
			if p.Deleting {
				return false
			}
			if p.Ready {
				ready++
			}
		}
		return ready == n
	})
}

// EndpointsReady waits until a Service has n ready pods.
func (s *Stage) EndpointsReady(ctx context.Context, service string, n int) error {
	return s.Wait(ctx, waitLimit, fmt.Sprintf("%d endpoints of %s", n, service), func(state *watch.State) bool {
		return len(state.Endpoints[service].Ready) == n
	})
}

// RouteServes waits until a Route is ready and reports these shares in percent
// by revision, tags with a share of 0 left out.
func (s *Stage) RouteServes(ctx context.Context, name string, want map[string]int64) error {
	return s.Wait(ctx, waitLimit, fmt.Sprintf("route %s serves %v", name, want), func(state *watch.State) bool {
		r, ok := state.Routes[name]
		if !ok || r.Ready != "True" {
			return false
		}
		have := map[string]int64{}
		for _, t := range r.Traffic {
			if t.Percent > 0 {
				have[t.Revision] += t.Percent
			}
		}
		if len(have) != len(want) {
			return false
		}
		for revision, percent := range want {
			if have[revision] != percent {
				return false
			}
		}
		return true
	})
}

// RevisionIs waits until a revision's Ready condition is True or False.
func (s *Stage) RevisionIs(ctx context.Context, name, status string) error {
	return s.Wait(ctx, waitLimit, fmt.Sprintf("revision %s ready=%s", name, status), func(state *watch.State) bool {
		return state.Revisions[name].Ready == status
	})
}

// AskTag starts the client that asks for the tag of the experiment's load: the
// tag has an address only once it is there.
func (s *Stage) AskTag(ctx context.Context) error {
	c, err := s.runner.tagClient(ctx, s.experiment, s.Namespace)
	if err != nil {
		return err
	}
	if err := s.Mark("callers of the tag", "POST "+c.Host+"/predict"); err != nil {
		return err
	}
	s.tagged, err = startClients(ctx, s.runner.Load, s.target.Environ, s.started, []load.Client{c}, s.out)
	if err != nil {
		return err
	}
	s.tagged.record(time.Now())
	return nil
}

// StartLoad starts the clients of an experiment; there may be none.
func (s *Stage) StartLoad(ctx context.Context) error {
	list, err := s.runner.clientsOf(ctx, s.experiment, s.Namespace)
	if err != nil || len(list) == 0 {
		return err
	}
	return s.runner.startLoad(ctx, s.experiment, s, list, s.started)
}

// Rate changes the rate of a client.
func (s *Stage) Rate(client string, perSecond float64) error {
	return s.clients.rate(client, perSecond)
}

// commandText writes a command as one types it.
func commandText(name string, args []string) string {
	words := []string{name}
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " {}\"'$&|;<>()*[]") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// onlyVersion says whether n pods, all of one version, are a Service's ready
// endpoints.
func onlyVersion(service, version string, n int) func(*watch.State) bool {
	return func(state *watch.State) bool {
		of := map[string]bool{}
		for _, p := range state.Pods {
			if p.Version == version {
				of[p.Name] = true
			}
		}
		ready := state.Endpoints[service].Ready
		for _, name := range ready {
			if !of[name] {
				return false
			}
		}
		return len(ready) == n
	}
}
