// Package watch records what happens to the objects of one namespace: each
// change of what a record.Line says of an object becomes a line, at the moment
// at which it arrives from the API server's watch.
package watch

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"knative.dev/serving/pkg/apis/autoscaling/v1alpha1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
	"knative.dev/serving/pkg/client/clientset/versioned"

	"online-inference/lab/record"
)

// Sink takes lines; record.Writer is one.
type Sink interface {
	Put(at time.Time, line record.Line) error
}

// Options of a Watcher.
type Options struct {
	Core      kubernetes.Interface
	Namespace string
	// Serving may be nil: Knative's objects are then not watched.
	Serving versioned.Interface
	Out     Sink
	// Started is the time of T = 0; Now is the clock.
	Started time.Time
	Now     func() time.Time
}

// Watcher holds the last state of the namespace and writes its changes.
type Watcher struct {
	opt     Options
	wg      sync.WaitGroup
	stop    context.CancelFunc
	started []cache.InformerSynced

	mu      sync.Mutex
	state   State
	changed chan struct{} // closed and replaced at each change
	slices  map[string]map[string]*discoveryv1.EndpointSlice
	events  map[string]record.Event
	seen    map[types.UID]string // versions of the Events that arrived
	lists   map[string]int
	err     error
}

// Start lists everything once, writes it, and goes on until Stop.
func Start(ctx context.Context, opt Options) (*Watcher, error) {
	w := &Watcher{opt: opt, changed: make(chan struct{}), state: newState(),
		slices: map[string]map[string]*discoveryv1.EndpointSlice{}, events: map[string]record.Event{}, seen: map[types.UID]string{}, lists: map[string]int{}}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stop = stop
	ns, core := opt.Namespace, opt.Core
	err := firstError(
		follow(running, w, core, core.CoreV1().Pods(ns).List, core.CoreV1().Pods(ns).Watch, w.pod),
		follow(running, w, core, core.AppsV1().ReplicaSets(ns).List, core.AppsV1().ReplicaSets(ns).Watch, w.replicaSet),
		follow(running, w, core, core.AppsV1().Deployments(ns).List, core.AppsV1().Deployments(ns).Watch, w.deployment),
		follow(running, w, core, core.DiscoveryV1().EndpointSlices(ns).List, core.DiscoveryV1().EndpointSlices(ns).Watch, w.slice),
		follow(running, w, core, core.AutoscalingV2().HorizontalPodAutoscalers(ns).List, core.AutoscalingV2().HorizontalPodAutoscalers(ns).Watch, w.horizontal),
		follow(running, w, core, core.CoreV1().Events(ns).List, core.CoreV1().Events(ns).Watch, w.event),
	)
	if k := opt.Serving; k != nil && err == nil {
		err = firstError(
			follow(running, w, k, k.ServingV1().Revisions(ns).List, k.ServingV1().Revisions(ns).Watch, w.revision),
			follow(running, w, k, k.ServingV1().Routes(ns).List, k.ServingV1().Routes(ns).Watch, w.route),
			follow(running, w, k, k.AutoscalingV1alpha1().PodAutoscalers(ns).List, k.AutoscalingV1alpha1().PodAutoscalers(ns).Watch, w.podAutoscaler),
		)
	}
	if err == nil && !cache.WaitForCacheSync(ctx.Done(), w.started...) {
		err = fmt.Errorf("cannot list the namespace %s: %w", ns, ctx.Err())
	}
	if err != nil {
		stop()
		w.wg.Wait()
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.lists) // the first lists are no gaps
	return w, nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// object is a pointer to a Kubernetes object of type T.
type object[T any] interface {
	*T
	runtime.Object
	metav1.Object
}

// follow starts an informer, which resumes a closed watch where it ended and
// lists again where the API server cannot resume it. Lists are counted: what
// happened between a broken watch and the list after it is not known.
func follow[T any, P object[T], L runtime.Object](ctx context.Context, w *Watcher, client any,
	list func(context.Context, metav1.ListOptions) (L, error),
	watch func(context.Context, metav1.ListOptions) (apiwatch.Interface, error),
	take func(obj P, gone bool),
) error {
	kind := fmt.Sprintf("%T", new(T))
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			l, err := list(ctx, o)
			if o.Continue == "" && (err != nil || w.news(l)) {
				w.listed(kind)
			}
			return l, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
			if o.SendInitialEvents != nil && *o.SendInitialEvents {
				w.listed(kind)
			}
			return watch(ctx, o)
		},
	}
	if _, ok := any(P(nil)).(*corev1.Event); ok {
		client = plainLists{} // whose items news looks at
	}
	informer := cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(lw, client), P(new(T)), 0, cache.Indexers{})
	handle := func(obj any, gone bool) {
		if last, ok := obj.(cache.DeletedFinalStateUnknown); ok {
			obj = last.Obj
		}
		if o, ok := obj.(P); ok {
			w.mu.Lock()
			defer w.mu.Unlock()
			if _, ok := any(o).(*corev1.Event); ok {
				w.seen[o.GetUID()] = o.GetResourceVersion()
			}
			take(o, gone)
		}
	}
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { handle(obj, false) },
		UpdateFunc: func(_, obj any) { handle(obj, false) },
		DeleteFunc: func(obj any) { handle(obj, true) },
	})
	if err != nil {
		return fmt.Errorf("cannot watch %s: %w", kind, err)
	}
	w.started = append(w.started, registration.HasSynced)
	w.wg.Go(func() { informer.RunWithContext(ctx) })
	return nil
}

// plainLists is a client whose lists are not sent through watches.
type plainLists struct{}

func (plainLists) IsWatchListSemanticsUnSupported() bool { return true }

// news reports whether a list shows what has not arrived yet. Of Events it need
// not: they are kept for an hour, and a namespace that is quiet for the five
// minutes between two compactions of etcd leaves their watch with nothing to
// resume from, because the API server sends no bookmarks for them. A list of
// known ones proves that nothing was missed. Other objects may have come and
// gone.
func (w *Watcher) news(list runtime.Object) bool {
	events, ok := list.(*corev1.EventList)
	if !ok {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range events.Items {
		if e := &events.Items[i]; w.seen[e.UID] != e.ResourceVersion || e.ResourceVersion == "" {
			return true
		}
	}
	return false
}

// listed notes that a kind was listed as a whole.
func (w *Watcher) listed(kind string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lists[kind]++
}

// Gaps says which kinds had to be listed again, so that changes in between may
// be missing; it is empty in a complete record.
func (w *Watcher) Gaps() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for kind, n := range w.lists {
		out = append(out, fmt.Sprintf("%s listed again (%d times)", kind, n))
	}
	return out
}

// Stop ends the watches and waits for their last lines. The error is the first
// that the sink gave.
func (w *Watcher) Stop() error {
	w.stop()
	w.wg.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// put writes a line and wakes who waits for a change. The lock is held.
func (w *Watcher) put(line record.Line) {
	if err := w.opt.Out.Put(w.opt.Now(), line); err != nil && w.err == nil {
		w.err = err
	}
	w.wake()
}

func (w *Watcher) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// keep stores a state by its name, or forgets it when gone, and says whether
// that is a change worth a line.
func keep[T any](all map[string]T, name string, next T, gone bool) bool {
	last, known := all[name]
	if gone {
		delete(all, name)
		return known
	}
	if known && reflect.DeepEqual(last, next) {
		return false
	}
	all[name] = next
	return true
}

func (w *Watcher) pod(p *corev1.Pod, gone bool) {
	next := pod(p, w.opt.Started)
	next.Gone = gone
	if keep(w.state.Pods, p.Name+" "+string(p.UID), *next, gone) {
		w.put(record.Line{Pod: next})
	}
}

func (w *Watcher) replicaSet(r *appsv1.ReplicaSet, gone bool) {
	next := replicaSet(r)
	next.Gone = gone
	if keep(w.state.ReplicaSets, r.Name, *next, gone) {
		w.put(record.Line{ReplicaSet: next})
	}
}

func (w *Watcher) deployment(d *appsv1.Deployment, gone bool) {
	next := deployment(d)
	next.Gone = gone
	// The generation is not written, but it is what a wait for a rollout needs.
	w.state.Generations[d.Name] = d.Generation
	if keep(w.state.Deployments, d.Name, *next, gone) {
		w.put(record.Line{Deployment: next})
		return
	}
	w.wake()
}

func (w *Watcher) slice(s *discoveryv1.EndpointSlice, gone bool) {
	service := s.Labels[discoveryv1.LabelServiceName]
	if service == "" {
		return
	}
	if w.slices[service] == nil {
		w.slices[service] = map[string]*discoveryv1.EndpointSlice{}
	}
	if gone {
		delete(w.slices[service], s.Name)
	} else {
		w.slices[service][s.Name] = s
	}
	next := endpoints(service, w.slices[service])
	if keep(w.state.Endpoints, service, *next, false) {
		w.put(record.Line{Endpoints: next})
	}
}

func (w *Watcher) horizontal(h *autoscalingv2.HorizontalPodAutoscaler, gone bool) {
	next := horizontal(h)
	if keep(w.state.Scalers, "hpa/"+h.Name, *next, gone) && !gone {
		w.put(record.Line{Scaler: next})
	}
}

func (w *Watcher) podAutoscaler(p *v1alpha1.PodAutoscaler, gone bool) {
	next := podAutoscaler(p)
	if keep(w.state.Scalers, "kpa/"+p.Name, *next, gone) && !gone {
		w.put(record.Line{Scaler: next})
	}
}

func (w *Watcher) revision(r *servingv1.Revision, gone bool) {
	next := revision(r)
	next.Gone = gone
	if keep(w.state.Revisions, r.Name, *next, gone) {
		w.put(record.Line{Revision: next})
	}
}

func (w *Watcher) route(r *servingv1.Route, gone bool) {
	next := route(r)
	if keep(w.state.Routes, r.Name, *next, gone) && !gone {
		w.put(record.Line{Route: next})
	}
}

func (w *Watcher) event(e *corev1.Event, gone bool) {
	if gone || noise(e.Reason) {
		return
	}
	next := event(e)
	if keep(w.events, string(e.UID), *next, false) {
		w.put(record.Line{Event: next})
	}
}
