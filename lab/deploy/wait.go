package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	v1 "knative.dev/serving/pkg/apis/serving/v1"
)

// failed marks an answer that waiting longer does not change.
type failed struct{ err error }

func (f *failed) Error() string { return f.err.Error() }
func (f *failed) Unwrap() error { return f.err }

// waitFor asks until the answer is nil or final, or the time is up.
func waitFor(ctx context.Context, limit time.Duration, ask func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		if f := (*failed)(nil); errors.As(err, &f) {
			return f.err
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up waiting (%w); last seen: %w", ctx.Err(), last)
		case <-time.After(interval):
		}
	}
}

// revisionReady waits for a revision; one that has failed is an error at once.
func (c *Client) revisionReady(ctx context.Context, name string) error {
	began := time.Now()
	err := waitFor(ctx, readyTimeout, func(ctx context.Context) error {
		r, err := c.Revisions.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		ready := r.Status.GetCondition(v1.RevisionConditionReady)
		switch {
		case ready.IsTrue() && r.Status.ObservedGeneration >= r.Generation:
			return nil
		case ready.IsFalse():
			return &failed{fmt.Errorf("%s: %s", ready.Reason, ready.Message)}
		}
		return fmt.Errorf("not Ready yet%s", reason(ready))
	})
	if err != nil {
		return fmt.Errorf("revision %s (it gets no traffic): %w", name, err)
	}
	fmt.Fprintf(c.Out, "revision %s Ready after %.1f s\n", name, time.Since(began).Seconds())
	return nil
}

// routeReady waits until the Service's traffic as last written is served. It
// asks for the route alone: a broken template must not keep a rollback from
// being seen as done.
func (c *Client) routeReady(ctx context.Context, name string) error {
	err := waitFor(ctx, readyTimeout, func(ctx context.Context) error {
		s, err := c.Services.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if s.Status.ObservedGeneration < s.Generation {
			return errors.New("the controller has not seen the last change")
		}
		if ready := s.Status.GetCondition(v1.ServiceConditionRoutesReady); !ready.IsTrue() {
			return fmt.Errorf("not Ready yet%s", reason(ready))
		}
		return served(s.Spec.Traffic, s.Status.Traffic)
	})
	if err != nil {
		return fmt.Errorf("the route of %s: %w", name, err)
	}
	return nil
}

// served compares the wanted traffic with the reported one.
func served(want, got []v1.TrafficTarget) error {
	if len(want) != len(got) {
		return fmt.Errorf("%d targets are served, want %d", len(got), len(want))
	}
	for i := range want {
		w, g := want[i], got[i]
		if w.Tag != g.Tag || (w.RevisionName != "" && w.RevisionName != g.RevisionName) || percentOf(w) != percentOf(g) {
			return fmt.Errorf("target %d is %s %d %%, want %s %d %%", i, g.RevisionName, percentOf(g), w.RevisionName, percentOf(w))
		}
	}
	return nil
}

// percentOf is a target's share; none written means 0.
func percentOf(t v1.TrafficTarget) int64 {
	if t.Percent == nil {
		return 0
	}
	return *t.Percent
}

func reason(c *apis.Condition) string {
	if c == nil || c.Reason == "" {
		return ""
	}
	return " (" + c.Reason + ": " + c.Message + ")"
}
