package watch

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	servingfake "knative.dev/serving/pkg/client/clientset/versioned/fake"

	"online-inference/lab/record"
)

// sink keeps lines.
type sink struct {
	mu    sync.Mutex
	lines []record.Line
	err   error
}

func (s *sink) Put(_ time.Time, line record.Line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line)
	return s.err
}

const ns = "n"

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: ns, UID: "u-1"}
}

func start(t *testing.T, out Sink, objects ...runtime.Object) (*Watcher, *fake.Clientset, *servingfake.Clientset) {
	t.Helper()
	core, serving := fake.NewClientset(objects...), servingfake.NewSimpleClientset()
	w, err := Start(t.Context(), Options{Core: core, Serving: serving, Namespace: ns, Out: out, Started: time.Now(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return w, core, serving
}

// await waits for a state within a generous time.
func await(t *testing.T, w *Watcher, what string, holds func(*State) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := w.Wait(ctx, what, holds); err != nil {
		t.Fatal(err)
	}
}

// TestChangesOnly follows a pod from its list to its end: one line a written
// change, none for what is not written.
func TestChangesOnly(t *testing.T) {
	var out sink
	p := &corev1.Pod{ObjectMeta: meta("p"), Status: corev1.PodStatus{Phase: corev1.PodPending},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i:v1"}}}}
	w, core, _ := start(t, &out, p)
	await(t, w, "the listed pod", func(s *State) bool { return s.Pods["p u-1"].Phase == "Pending" })

	pods := core.CoreV1().Pods(ns)
	update := func(change func(*corev1.Pod)) {
		p = p.DeepCopy()
		change(p)
		if _, err := pods.Update(t.Context(), p, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	update(func(p *corev1.Pod) { p.Annotations = map[string]string{"not": "written"} })
	update(func(p *corev1.Pod) { p.Status.Phase = corev1.PodRunning })
	await(t, w, "the running pod", func(s *State) bool { return s.Pods["p u-1"].Phase == "Running" })
	if err := pods.Delete(t.Context(), "p", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	await(t, w, "no pod", func(s *State) bool { return len(s.Pods) == 0 })
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range out.lines {
		if line.Pod.Gone {
			got = append(got, "gone")
		} else {
			got = append(got, line.Pod.Phase)
		}
	}
	if diff := cmp.Diff([]string{"Pending", "Running", "gone"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if gaps := w.Gaps(); len(gaps) != 0 {
		t.Errorf("gaps %v, want none", gaps)
	}
}

// TestEndpointsMerged: two slices of one Service are one line, and a pod that
// stands in both stands there once.
func TestEndpointsMerged(t *testing.T) {
	var out sink
	yes, no := true, false
	slice := func(name string, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
		m := meta(name)
		m.Labels = map[string]string{discoveryv1.LabelServiceName: "s"}
		return &discoveryv1.EndpointSlice{ObjectMeta: m, Endpoints: endpoints}
	}
	end := func(pod string, ready, serving, terminating *bool) discoveryv1.Endpoint {
		return discoveryv1.Endpoint{TargetRef: &corev1.ObjectReference{Name: pod},
			Conditions: discoveryv1.EndpointConditions{Ready: ready, Serving: serving, Terminating: terminating}}
	}
	w, _, _ := start(t, &out,
		slice("s-1", end("a", &yes, &yes, &no), end("b", &no, &no, &no), end("c", &no, &yes, &yes)),
		slice("s-2", end("a", &yes, &yes, &no), end("d", &yes, &yes, nil), end("e", &no, &no, &yes)))
	want := record.Endpoints{Service: "s", Ready: []string{"a", "d"}, NotReady: []string{"b"}, Terminating: []string{"c"}}
	await(t, w, "both slices", func(s *State) bool { return cmp.Equal(s.Endpoints["s"], want) })
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
}

// TestKnative: routes and revisions of the other clientset arrive too.
func TestKnative(t *testing.T) {
	var out sink
	w, _, serving := start(t, &out)
	if _, err := serving.ServingV1().Revisions(ns).Create(t.Context(), &servingv1.Revision{ObjectMeta: meta("r-v1")}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	await(t, w, "the revision", func(s *State) bool { return s.Revisions["r-v1"].Ready == "Unknown" })
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
}

// TestRelist: a watch that the API server cannot resume is followed by a new
// list; the state is right again, and the gap is told.
func TestRelist(t *testing.T) {
	var out sink
	core := fake.NewClientset()
	first := apiwatch.NewFake()
	var once sync.Once
	core.PrependWatchReactor("deployments", func(clienttesting.Action) (bool, apiwatch.Interface, error) {
		var broken apiwatch.Interface
		once.Do(func() { broken = first })
		return broken != nil, broken, nil
	})
	w, err := Start(t.Context(), Options{Core: core, Namespace: ns, Out: &out, Started: time.Now(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	// This one is made while the watch is deaf.
	d := &appsv1.Deployment{ObjectMeta: meta("d")}
	d.Generation = 3
	if _, err := core.AppsV1().Deployments(ns).Create(t.Context(), d, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	first.Error(&metav1.Status{Status: metav1.StatusFailure, Code: 410, Reason: metav1.StatusReasonExpired, Message: "too old"})
	await(t, w, "the Deployment, from the second list", func(s *State) bool { return s.Generations["d"] == 3 })
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"*v1.Deployment listed again (1 times)"}, w.Gaps()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestQuietEvents: Events that are listed again are a gap only if one of them had
// not arrived.
func TestQuietEvents(t *testing.T) {
	for name, c := range map[string]struct {
		missed bool
		want   []string
	}{"nothing new": {}, "one was missed": {true, []string{"*v1.Event listed again (1 times)"}}} {
		t.Run(name, func(t *testing.T) {
			known := &corev1.Event{ObjectMeta: meta("known"), Reason: "Killing", InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "p"}}
			known.UID, known.ResourceVersion = "1", "7"
			core := fake.NewClientset(known)
			first, again := apiwatch.NewFake(), make(chan struct{})
			var calls atomic.Int32
			core.PrependWatchReactor("events", func(clienttesting.Action) (bool, apiwatch.Interface, error) {
				switch calls.Add(1) {
				case 1:
					return true, first, nil
				case 2:
					defer close(again)
				}
				return false, nil, nil
			})
			var out sink
			w, err := Start(t.Context(), Options{Core: core, Namespace: ns, Out: &out, Started: time.Now(), Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			if c.missed {
				e := known.DeepCopy()
				e.Name, e.UID, e.ResourceVersion = "missed", "2", "8"
				if _, err := core.CoreV1().Events(ns).Create(t.Context(), e, metav1.CreateOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			first.Error(&metav1.Status{Status: metav1.StatusFailure, Code: 410, Reason: metav1.StatusReasonExpired, Message: "too old"})
			<-again // which follows the second list
			if err := w.Stop(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, w.Gaps()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestNoise: events that only repeat a pod's states are left out.
func TestNoise(t *testing.T) {
	var out sink
	w, core, _ := start(t, &out)
	for i, reason := range []string{"Pulled", "Killing"} {
		m := meta(reason)
		m.UID = "e"
		e := &corev1.Event{ObjectMeta: m, Reason: reason, Count: int32(i), InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "p"}}
		if _, err := core.CoreV1().Events(ns).Create(t.Context(), e, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	await(t, w, "the event", func(*State) bool { return len(w.events) == 1 })
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
	want := []record.Line{{Event: &record.Event{Reason: "Killing", Object: "Pod/p", Count: 1}}}
	if diff := cmp.Diff(want, out.lines); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWaitGivesUp(t *testing.T) {
	w, _, _ := start(t, &sink{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := w.Wait(ctx, "a wonder", func(*State) bool { return false })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := w.Stop(); err != nil {
		t.Fatal(err)
	}
}

// TestSinkFails: Stop tells what the sink said.
func TestSinkFails(t *testing.T) {
	full := errors.New("disk full")
	w, _, _ := start(t, &sink{err: full}, &corev1.Pod{ObjectMeta: meta("p")})
	await(t, w, "the pod", func(s *State) bool { return len(s.Pods) == 1 })
	if err := w.Stop(); !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
}
