package demo

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"knative.dev/serving/pkg/apis/serving"
	v1 "knative.dev/serving/pkg/apis/serving/v1"

	"online-inference/lab/deploy"
	"online-inference/lab/target"
)

// requests is how many patients the demonstration sends through the route.
const requests = 200

// zeroTimeout bounds the wait for scale to zero. Knative's defaults need about
// 90 s before the last pod is told to stop; the lab's need 30 s.
const zeroTimeout = 4 * time.Minute

// Show runs the demonstration on a deployed Service.
func Show(ctx context.Context, t *target.Target, root string, out io.Writer) error {
	f, err := os.Open(filepath.Join(root, "train", "data", "heart.csv"))
	if err != nil {
		return fmt.Errorf("cannot open the patients: %w", err)
	}
	defer f.Close()
	patients, err := ReadPatients(f)
	if err != nil {
		return err
	}
	service, err := t.Serving.ServingV1().Services(t.Namespace).Get(ctx, deploy.ServiceName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("cannot read the Service %s: %w", deploy.ServiceName, err)
	}
	if err := revisions(ctx, t, service, out); err != nil {
		return err
	}
	caller := NewCaller(t.Ingress)
	defer caller.Close()
	if err := predictions(ctx, caller, service, patients, out); err != nil {
		return err
	}
	if err := tags(ctx, caller, service, patients, out); err != nil {
		return err
	}
	caller.Close()
	old, err := scaleToZero(ctx, t, out)
	if err != nil {
		return err
	}
	if err := firstRequest(ctx, caller, service, patients, old, out); err != nil {
		return err
	}
	return reach(t, service, patients, out)
}

// revisions prints both revisions' state.
func revisions(ctx context.Context, t *target.Target, service *v1.Service, out io.Writer) error {
	fmt.Fprintln(out, "\nRevisions")
	for _, s := range service.Status.Traffic {
		r, err := t.Serving.ServingV1().Revisions(t.Namespace).Get(ctx, s.RevisionName, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("cannot read the revision %s: %w", s.RevisionName, err)
		}
		if !r.IsReady() {
			return fmt.Errorf("the revision %s is not Ready", r.Name)
		}
		percent := int64(0)
		if s.Percent != nil {
			percent = *s.Percent
		}
		fmt.Fprintf(out, "  %-32s Ready  tag %s  %d %%\n", r.Name, s.Tag, percent)
	}
	return nil
}

// predictions sends real patients through the route and counts who answered.
func predictions(ctx context.Context, caller *Caller, service *v1.Service, patients *Patients, out io.Writer) error {
	began := time.Now()
	byRevision, byClass := map[string]int{}, map[string]int{}
	for i := range requests {
		body, err := patients.Request(i)
		if err != nil {
			return err
		}
		answer, err := caller.Predict(ctx, service.Status.URL.URL(), body)
		if err != nil {
			return fmt.Errorf("prediction %d of %d: %w", i+1, requests, err)
		}
		byRevision[answer.Revision]++
		byClass[answer.Predictions[0].Class]++
	}
	fmt.Fprintf(out, "\n%d predictions of real patients through %s in %.1f s\n", requests, service.Status.URL, time.Since(began).Seconds())
	for _, name := range slices.Sorted(maps.Keys(byRevision)) {
		fmt.Fprintf(out, "  answered by %-32s %3d\n", name, byRevision[name])
	}
	for _, class := range slices.Sorted(maps.Keys(byClass)) {
		fmt.Fprintf(out, "  %-44s %3d\n", class, byClass[class])
	}
	return nil
}

// tags asks each tagged URL once: it must be answered by its own revision.
func tags(ctx context.Context, caller *Caller, service *v1.Service, patients *Patients, out io.Writer) error {
	fmt.Fprintln(out, "\nTag URLs")
	body, err := patients.Request(0)
	if err != nil {
		return err
	}
	for _, s := range service.Status.Traffic {
		if s.URL == nil {
			continue
		}
		answer, err := caller.Predict(ctx, s.URL.URL(), body)
		if err != nil {
			return err
		}
		if answer.Revision != s.RevisionName {
			return fmt.Errorf("%s was answered by %s, want %s", s.URL, answer.Revision, s.RevisionName)
		}
		fmt.Fprintf(out, "  %s  model version %s: %s\n", s.URL, answer.Version, answer.Predictions[0].Class)
	}
	return nil
}

// scaleToZero watches the Service's pods until none is left, and returns all
// that it saw. A pod that was told to stop drains first and still answers, so
// only its end counts.
func scaleToZero(ctx context.Context, t *target.Target, out io.Writer) (seen map[string]bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, zeroTimeout)
	defer cancel()
	began := time.Now()
	fmt.Fprintln(out, "\nScale to zero: waiting without a request")
	options := metav1.ListOptions{LabelSelector: serving.ServiceLabelKey + "=" + deploy.ServiceName}
	pods := t.Core.CoreV1().Pods(t.Namespace)
	list, err := pods.List(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("cannot list the pods: %w", err)
	}
	seen, left, stopping := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range list.Items {
		seen[list.Items[i].Name], left[list.Items[i].Name] = true, true
	}
	options.ResourceVersion = list.ResourceVersion
	w, err := pods.Watch(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("cannot watch the pods: %w", err)
	}
	defer w.Stop()
	for len(left) > 0 {
		event, ok := <-w.ResultChan()
		if !ok {
			return nil, fmt.Errorf("no scale to zero within %v; still there: %s", time.Since(began).Round(time.Second),
				strings.Join(slices.Sorted(maps.Keys(left)), ", "))
		}
		pod, isPod := event.Object.(*corev1.Pod)
		if !isPod {
			return nil, fmt.Errorf("the watch of the pods ended with %v", event.Object)
		}
		switch {
		case event.Type == watch.Deleted:
			delete(left, pod.Name)
		case pod.DeletionTimestamp != nil && !stopping[pod.Name]:
			stopping[pod.Name] = true
			fmt.Fprintf(out, "  %5.1f s  %s is told to stop\n", time.Since(began).Seconds(), pod.Name)
		default:
			seen[pod.Name], left[pod.Name] = true, true
		}
	}
	fmt.Fprintf(out, "  %5.1f s  no pod is left\n", time.Since(began).Seconds())
	return seen, nil
}

// firstRequest times one request from no pod to its answer.
func firstRequest(ctx context.Context, caller *Caller, service *v1.Service, patients *Patients, old map[string]bool, out io.Writer) error {
	body, err := patients.Request(1)
	if err != nil {
		return err
	}
	url := service.Status.URL.URL()
	began := time.Now()
	answer, err := caller.Predict(ctx, url, body)
	if err != nil {
		return err
	}
	cold := time.Since(began)
	if old[answer.Pod] {
		return fmt.Errorf("the request was answered by the old pod %s, so nothing was at zero", answer.Pod)
	}
	began = time.Now()
	if _, err := caller.Predict(ctx, url, body); err != nil {
		return err
	}
	warm := time.Since(began)
	fmt.Fprintf(out, "\nFrom zero: the first request took %.2f s (%s, a new pod %s); the next one %.1f ms\n",
		cold.Seconds(), answer.Revision, answer.Pod, float64(warm.Microseconds())/1000)
	return nil
}

// reach prints lines that work as pasted.
func reach(t *target.Target, service *v1.Service, patients *Patients, out io.Writer) error {
	body, err := patients.Request(0)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "\nReach it")
	routes := []*url.URL{service.Status.URL.URL()}
	for _, s := range service.Status.Traffic {
		if s.URL != nil {
			routes = append(routes, s.URL.URL())
		}
	}
	for _, route := range routes {
		fmt.Fprintf(out, "  %s\n", curl(t.Ingress, route, "/health", nil))
	}
	fmt.Fprintf(out, "  %s\n", curl(t.Ingress, routes[0], "/predict", body))
	if t.Existing {
		fmt.Fprintf(out, "\nStop it\n  make down LAB=existing KUBE_CONTEXT=%s NAMESPACE=%s\n", t.Context, t.Namespace)
		return nil
	}
	fmt.Fprintln(out, "\nkubectl, ko, helm and crane for this cluster\n  . .lab/env\nStop it\n  make down")
	return nil
}

// curl is a command line for a route; behind an ingress that no DNS knows, the
// route's name goes into the Host header.
func curl(ingress string, route *url.URL, path string, body []byte) string {
	var b strings.Builder
	b.WriteString("curl")
	base := route.String()
	if ingress != "" {
		fmt.Fprintf(&b, " -H 'Host: %s'", route.Host)
		base = "http://" + strings.TrimSuffix(ingress, ":80")
	}
	if body != nil {
		fmt.Fprintf(&b, " -H 'Content-Type: application/json' -d '%s'", body)
	}
	fmt.Fprintf(&b, " %s%s", strings.TrimSuffix(base, "/"), path)
	return b.String()
}
