package watch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"online-inference/lab/record"
)

// State is what the watches have told last, by name.
type State struct {
	// Pods are by "NAME UID", since a name can come again.
	Pods        map[string]record.Pod
	ReplicaSets map[string]record.ReplicaSet
	Deployments map[string]record.Deployment
	// Generations are those of the Deployments' specifications.
	Generations map[string]int64
	Endpoints   map[string]record.Endpoints
	Revisions   map[string]record.Revision
	Routes      map[string]record.Route
	// Scalers are by "hpa/NAME" or "kpa/NAME".
	Scalers map[string]record.Scaler
}

func newState() State {
	return State{
		Pods: map[string]record.Pod{}, ReplicaSets: map[string]record.ReplicaSet{}, Deployments: map[string]record.Deployment{},
		Generations: map[string]int64{}, Endpoints: map[string]record.Endpoints{}, Revisions: map[string]record.Revision{},
		Routes: map[string]record.Route{}, Scalers: map[string]record.Scaler{},
	}
}

// Wait returns once holds says yes of the state; it is asked at every change,
// under the watcher's lock. The error of a wait that was given up has the last state.
func (w *Watcher) Wait(ctx context.Context, what string, holds func(*State) bool) error {
	for {
		w.mu.Lock()
		ok, changed := holds(&w.state), w.changed
		w.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			w.mu.Lock()
			defer w.mu.Unlock()
			return fmt.Errorf("%s: %w; last seen: %s", what, ctx.Err(), w.state.String())
		}
	}
}

// Look calls f with the state, under the watcher's lock.
func (w *Watcher) Look(f func(*State)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.state)
}

// String tells the state in a line.
func (s *State) String() string {
	var out []string
	for _, p := range s.Pods {
		text := fmt.Sprintf("pod %s %s %s ready=%v", p.Name, p.Version, p.Phase, p.Ready)
		for _, c := range p.Containers {
			text += " " + strings.TrimSpace(c.State+" "+c.Reason)
		}
		out = append(out, text)
	}
	for _, d := range s.Deployments {
		out = append(out, fmt.Sprintf("deployment %s %d of %d updated, %d available %v", d.Name, d.Updated, d.Want, d.Available, d.Conditions))
	}
	for _, r := range s.Revisions {
		out = append(out, fmt.Sprintf("revision %s ready=%s %s", r.Name, r.Ready, r.Reason))
	}
	for _, r := range s.Routes {
		out = append(out, fmt.Sprintf("route %s ready=%s %s %+v", r.Name, r.Ready, r.Reason, r.Traffic))
	}
	if len(out) == 0 {
		return "nothing"
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}
