package watch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
	"knative.dev/serving/pkg/apis/autoscaling/v1alpha1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"online-inference/lab/record"
)

// queueProxy is the container that Knative adds to every pod of a revision.
const queueProxy = "queue-proxy"

func owner(refs []metav1.OwnerReference) string {
	for _, o := range refs {
		if o.Controller != nil && *o.Controller {
			return o.Kind + "/" + o.Name
		}
	}
	return ""
}

// tag is the part of an image's name behind the colon, "" where it has none.
func tag(image string) string {
	if strings.Contains(image, "@") {
		return ""
	}
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		return image[i+1:]
	}
	return ""
}

// version is v1 or v2: what MODEL_VERSION says, since it decides, else the
// image's tag.
func version(spec *corev1.PodSpec) string {
	for _, c := range spec.Containers {
		if c.Name == queueProxy {
			continue
		}
		for _, e := range c.Env {
			if e.Name == "MODEL_VERSION" && e.Value != "" {
				return "v" + e.Value
			}
		}
		return tag(c.Image)
	}
	return ""
}

func pod(p *corev1.Pod, started time.Time) *record.Pod {
	out := &record.Pod{
		Name: p.Name, UID: string(p.UID), Owner: owner(p.OwnerReferences), Version: version(&p.Spec),
		Phase: string(p.Status.Phase), Reason: p.Status.Reason, QoS: string(p.Status.QOSClass),
		Deleting: p.DeletionTimestamp != nil, Created: p.CreationTimestamp.Sub(started).Milliseconds(),
	}
	for _, c := range p.Status.Conditions {
		switch {
		case c.Type == corev1.PodReady:
			out.Ready = c.Status == corev1.ConditionTrue
		case c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse:
			out.Unscheduled = c.Reason
		}
	}
	for _, s := range p.Status.ContainerStatuses {
		if s.Name != queueProxy {
			out.Containers = append(out.Containers, container(p, s))
		}
	}
	slices.SortFunc(out.Containers, func(a, b record.Container) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func container(p *corev1.Pod, s corev1.ContainerStatus) record.Container {
	out := record.Container{Name: s.Name, Image: s.Image, Restarts: s.RestartCount,
		Started: s.Started != nil && *s.Started, Ready: s.Ready}
	// The status names an image as the node resolved it; the specification's
	// name is the one that people write.
	for _, c := range p.Spec.Containers {
		if c.Name == s.Name {
			out.Image = c.Image
		}
	}
	switch state := s.State; {
	case state.Running != nil:
		out.State = "running"
	case state.Terminated != nil:
		out.State, out.Reason = "terminated", state.Terminated.Reason
		out.Exit = &state.Terminated.ExitCode
	default:
		out.State = "waiting"
		if state.Waiting != nil {
			out.Reason = state.Waiting.Reason
		}
	}
	if last := s.LastTerminationState.Terminated; last != nil && s.State.Terminated == nil {
		out.LastReason, out.LastExit = last.Reason, &last.ExitCode
	}
	return out
}

func firstImage(spec *corev1.PodSpec) string {
	if len(spec.Containers) == 0 {
		return ""
	}
	return spec.Containers[0].Image
}

// replicas is what a field of a specification asks for: 1 where it says nothing.
func replicas(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

func replicaSet(r *appsv1.ReplicaSet) *record.ReplicaSet {
	return &record.ReplicaSet{
		Name: r.Name, Owner: owner(r.OwnerReferences), Image: firstImage(&r.Spec.Template.Spec),
		Want: replicas(r.Spec.Replicas), Pods: r.Status.Replicas, Ready: r.Status.ReadyReplicas, Available: r.Status.AvailableReplicas,
	}
}

func deployment(d *appsv1.Deployment) *record.Deployment {
	out := &record.Deployment{
		Name: d.Name, Observed: d.Status.ObservedGeneration >= d.Generation, Image: firstImage(&d.Spec.Template.Spec),
		Want: replicas(d.Spec.Replicas), Pods: d.Status.Replicas, Updated: d.Status.UpdatedReplicas,
		Ready: d.Status.ReadyReplicas, Available: d.Status.AvailableReplicas,
	}
	for _, c := range d.Status.Conditions {
		out.Conditions = append(out.Conditions, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
	}
	slices.Sort(out.Conditions)
	return out
}

// endpoints merges the slices of one Service.
func endpoints(service string, slicesOf map[string]*discoveryv1.EndpointSlice) *record.Endpoints {
	out := &record.Endpoints{Service: service, Ready: []string{}}
	is := func(b *bool) bool { return b != nil && *b }
	for _, s := range slicesOf {
		for _, e := range s.Endpoints {
			name := strings.Join(e.Addresses, ",")
			if e.TargetRef != nil {
				name = e.TargetRef.Name
			}
			switch {
			case is(e.Conditions.Terminating):
				if is(e.Conditions.Serving) {
					out.Terminating = append(out.Terminating, name)
				}
			case is(e.Conditions.Ready):
				out.Ready = append(out.Ready, name)
			default:
				out.NotReady = append(out.NotReady, name)
			}
		}
	}
	// One pod can stand in several slices, by port or family of addresses.
	for _, list := range []*[]string{&out.Ready, &out.NotReady, &out.Terminating} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return out
}

func status(c *apis.Condition) string {
	if c == nil {
		return "Unknown"
	}
	return string(c.Status)
}

func revision(r *servingv1.Revision) *record.Revision {
	ready := r.Status.GetCondition(servingv1.RevisionConditionReady)
	out := &record.Revision{Name: r.Name, Ready: status(ready), Active: status(r.Status.GetCondition(servingv1.RevisionConditionActive))}
	if ready != nil {
		out.Reason = ready.Reason
	}
	if n := r.Status.DesiredReplicas; n != nil {
		out.Want = *n
	}
	if n := r.Status.ActualReplicas; n != nil {
		out.Have = *n
	}
	return out
}

func route(r *servingv1.Route) *record.Route {
	ready := r.Status.GetCondition(servingv1.RouteConditionReady)
	out := &record.Route{Name: r.Name, Ready: status(ready), Traffic: []record.Traffic{}}
	if ready != nil {
		out.Reason = ready.Reason
	}
	if r.Status.ObservedGeneration < r.Generation {
		out.Ready, out.Reason = "Unknown", "NotObserved"
	}
	for _, t := range r.Status.Traffic {
		share := record.Traffic{Revision: t.RevisionName, Tag: t.Tag}
		if t.Percent != nil {
			share.Percent = *t.Percent
		}
		out.Traffic = append(out.Traffic, share)
	}
	return out
}

func horizontal(h *autoscalingv2.HorizontalPodAutoscaler) *record.Scaler {
	out := &record.Scaler{Kind: "hpa", Name: h.Name, Want: h.Status.DesiredReplicas, Have: h.Status.CurrentReplicas}
	for i, m := range h.Spec.Metrics {
		if m.Resource == nil || m.Resource.Target.AverageUtilization == nil {
			continue
		}
		now := "unknown"
		if i < len(h.Status.CurrentMetrics) {
			if r := h.Status.CurrentMetrics[i].Resource; r != nil && r.Current.AverageUtilization != nil {
				now = fmt.Sprintf("%d%%", *r.Current.AverageUtilization)
			}
		}
		out.Metric = fmt.Sprintf("%s %s/%d%%", m.Resource.Name, now, *m.Resource.Target.AverageUtilization)
	}
	return out
}

func podAutoscaler(p *v1alpha1.PodAutoscaler) *record.Scaler {
	out := &record.Scaler{Kind: "kpa", Name: p.Name, Metric: p.Metric()}
	if n := p.Status.DesiredScale; n != nil {
		out.Want = *n
	}
	if n := p.Status.ActualScale; n != nil {
		out.Have = *n
	}
	if target, ok := p.Target(); ok {
		out.Metric = fmt.Sprintf("%s, target %g", out.Metric, target)
	}
	return out
}

// noise are events that repeat what the pods' own states say.
func noise(reason string) bool {
	return slices.Contains([]string{"Scheduled", "Pulled", "Created", "Started", "FinalizerUpdate"}, reason)
}

func event(e *corev1.Event) *record.Event {
	count := e.Count
	if e.Series != nil {
		count = e.Series.Count
	}
	return &record.Event{Type: e.Type, Reason: e.Reason, Object: e.InvolvedObject.Kind + "/" + e.InvolvedObject.Name,
		Message: e.Message, Count: count}
}
