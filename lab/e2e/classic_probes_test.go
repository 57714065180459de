//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// probesState is what one change of the Pod shows.
func probesState(p *corev1.Pod) string {
	for _, c := range p.Status.ContainerStatuses {
		switch {
		case c.State.Waiting != nil:
			return c.State.Waiting.Reason
		case c.State.Running != nil && c.Ready:
			return fmt.Sprintf("ready after %d restarts", c.RestartCount)
		case c.State.Running != nil:
			return fmt.Sprintf("running after %d restarts", c.RestartCount)
		case c.State.Terminated != nil:
			return fmt.Sprintf("exit code %d", c.State.Terminated.ExitCode)
		}
	}
	return string(p.Status.Phase)
}

// watchProbes reports each new state of -pod-probes from the beginning. A watch
// that the server ends is taken up where it ended.
func (n *namespace) watchProbes(ctx context.Context, t *testing.T) <-chan string {
	t.Helper()
	pods := lab.kube.CoreV1().Pods(n.name)
	one := fields.OneTermEqualSelector("metadata.name", "online-inference-pod-probes").String()
	now, err := pods.List(ctx, metav1.ListOptions{FieldSelector: one})
	if err != nil {
		t.Fatal(err)
	}
	w, err := watchtools.NewRetryWatcherWithContext(ctx, now.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = one
			return pods.Watch(ctx, o)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	states := make(chan string, 1000)
	go func() {
		defer close(states)
		defer w.Stop()
		last := ""
		for e := range w.ResultChan() { // closed when ctx is done
			p, ok := e.Object.(*corev1.Pod)
			if !ok {
				states <- fmt.Sprintf("watch: %s %+v", e.Type, e.Object)
				continue
			}
			if s := probesState(p); s != last {
				last = s
				states <- s
			}
		}
	}()
	return states
}

// probesInTurn reads the states of -pod-probes until it has been ready, in
// CrashLoopBackOff, and ready again. While it is ready its Service has one
// endpoint and answers; while it backs off there is none.
func (n *namespace) probesInTurn(ctx context.Context, t *testing.T, states <-chan string, golden map[string][]patient) {
	t.Helper()
	want := []string{"running after 0 restarts", "ready after 0 restarts", "exit code 1", "running after 1 restarts",
		"ready after 1 restarts", "exit code 1", "CrashLoopBackOff", "running after 2 restarts", "ready after 2 restarts"}
	var seen []string
	asked := map[string]bool{}
	for len(want) > 0 {
		var state string
		select {
		case <-ctx.Done():
			t.Fatalf("saw %v, waiting for %v", seen, want)
		case s, open := <-states:
			if !open {
				t.Fatalf("the watch ended after %v, waiting for %v", seen, want)
			}
			state = s
		}
		seen = append(seen, state)
		if state != want[0] {
			continue
		}
		want = want[1:]
		kind, _, _ := strings.Cut(state, " ")
		if asked[kind] || kind != "CrashLoopBackOff" && state != "ready after 2 restarts" {
			continue
		}
		asked[kind] = true
		ready := kind == "ready"
		err := poll(ctx, 9*time.Second, fmt.Sprintf("endpoints while %s", state), func(ctx context.Context) (bool, string, error) {
			addresses, err := n.endpoints(ctx, classicPrefix+"pod-probes")
			if err != nil {
				return again(err)
			}
			return len(addresses) == 1 == ready, fmt.Sprint(addresses), nil
		})
		if err != nil {
			t.Error(err)
		}
		if ready {
			if r, err := n.ask(ctx, classicPrefix+"pod-probes", golden, 3); err != nil || r.Version != "1" {
				t.Errorf("-pod-probes while ready: %+v, %v", r, err)
			}
		}
	}
	t.Logf("online-inference-pod-probes: %s", strings.Join(seen, ", "))
}
