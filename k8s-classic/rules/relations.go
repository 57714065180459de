package rules

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// rolling is what a rolling update of a Deployment may do, in pods: shares of the
// surge are rounded up, of the unavailable ones down. ok is false for Recreate,
// and for values that are neither numbers nor shares, which schemas refuse.
func rolling(d *appsv1.Deployment, replicas int32) (surge, unavailable int, ok bool) {
	if d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return 0, 0, false
	}
	standard := intstr.FromString("25%")
	up, down := &standard, &standard
	if r := d.Spec.Strategy.RollingUpdate; r != nil {
		if r.MaxSurge != nil {
			up = r.MaxSurge
		}
		if r.MaxUnavailable != nil {
			down = r.MaxUnavailable
		}
	}
	surge, err := intstr.GetScaledValueFromIntOrPercent(up, int(replicas), true)
	if err != nil {
		return 0, 0, false
	}
	unavailable, err = intstr.GetScaledValueFromIntOrPercent(down, int(replicas), false)
	return surge, unavailable, err == nil
}

// checkSurge finds Deployments that call themselves blue-green and never have all
// new pods beside all old ones.
func checkSurge(s *set, add report) {
	for _, o := range s.objects {
		d, ok := o.typed.(*appsv1.Deployment)
		if !ok || !strings.Contains(strings.ReplaceAll(strings.ToLower(o.name), "-", ""), "bluegreen") {
			continue
		}
		replicas := s.most(o)
		surge, unavailable, ok := rolling(d, replicas)
		switch {
		case !ok:
			add(o, "called blue-green, and replaces its pods by %s", d.Spec.Strategy.Type)
		case surge < int(replicas):
			add(o, "called blue-green, and has %d new pods beside %d old ones at most", surge, replicas)
		case unavailable > 0 && unavailable < int(replicas): // all of them: checkUnavailable
			add(o, "called blue-green, and takes %d old pods away before a new one is ready", unavailable)
		}
	}
}

// checkUnavailable finds rolling updates that may take all pods away at once, and
// those that may do nothing at all, which the API refuses.
func checkUnavailable(s *set, add report) {
	for _, o := range s.objects {
		d, ok := o.typed.(*appsv1.Deployment)
		if !ok {
			continue
		}
		replicas := s.most(o)
		surge, unavailable, ok := rolling(d, replicas)
		if !ok || replicas == 0 {
			continue
		}
		if unavailable >= int(replicas) {
			add(o, "maxUnavailable is %d of %d pods: an outage, by the name of a rolling update", unavailable, replicas)
		}
		r := d.Spec.Strategy.RollingUpdate
		if surge == 0 && unavailable == 0 && r != nil && isZero(r.MaxUnavailable) {
			add(o, "maxSurge and maxUnavailable are both 0: the API refuses it")
		}
	}
}

func isZero(v *intstr.IntOrString) bool {
	return v != nil && (v.String() == "0" || v.String() == "0%")
}

// fits tells whether a controller's selector takes pods with these labels.
func fits(selector *metav1.LabelSelector, of map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && !s.Empty() && s.Matches(labels.Set(of))
}

// checkOverlap finds controllers whose selector takes in pods of somebody else:
// they adopt them, and delete them as surplus.
func checkOverlap(s *set, add report) {
	for _, o := range s.objects {
		if o.pod == nil || o.pod.selector == nil {
			continue
		}
		for _, other := range s.objects {
			if other == o || other.pod == nil || other.knative() {
				continue
			}
			if fits(o.pod.selector, other.pod.labels) {
				add(o, "its selector takes in the pods of %s %s", other.kind, other.name)
			}
		}
	}
}

// checkServices finds Services whose selector fits no pod of the set, or whose
// port leads nowhere in the pods that it fits.
func checkServices(s *set, add report) {
	for _, o := range s.objects {
		service, ok := o.typed.(*corev1.Service)
		if !ok || len(service.Spec.Selector) == 0 || service.Spec.Type == corev1.ServiceTypeExternalName {
			continue
		}
		var behind []*object
		for _, other := range s.objects {
			if other.pod != nil && !other.knative() && labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(other.pod.labels)) {
				behind = append(behind, other)
			}
		}
		if len(behind) == 0 {
			add(o, "its selector %v fits no pod", labels.Set(service.Spec.Selector))
		}
		for _, port := range service.Spec.Ports {
			for _, other := range behind {
				if port.TargetPort.Type == intstr.String && !hasPort(other.pod.spec, port.TargetPort.StrVal) {
					add(o, "%s %s has no port named %s", other.kind, other.name, port.TargetPort.StrVal)
				}
			}
		}
	}
}

func hasPort(spec *corev1.PodSpec, name string) bool {
	for _, c := range spec.Containers {
		for _, p := range c.Ports {
			if p.Name == name {
				return true
			}
		}
	}
	return false
}
