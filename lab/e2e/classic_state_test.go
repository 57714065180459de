//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// podReady tells whether a pod counts: it is ready and stays.
func podReady(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue && p.DeletionTimestamp == nil
		}
	}
	return false
}

// podSettled: ready, never restarted, in the QoS class that its requests and
// limits make.
func podSettled(name string, class corev1.PodQOSClass) settled {
	return func(ctx context.Context, n *namespace) (bool, string, error) {
		p, err := lab.kube.CoreV1().Pods(n.name).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		restarts := int32(-1)
		if len(p.Status.ContainerStatuses) == 1 {
			restarts = p.Status.ContainerStatuses[0].RestartCount
		}
		return podReady(p) && restarts == 0 && p.Status.QOSClass == class,
			fmt.Sprintf("phase %s, ready %v, %d restarts, %s", p.Status.Phase, podReady(p), restarts, p.Status.QOSClass), nil
	}
}

// podThere: scheduled and started at least; TestClassic watches what it does.
func podThere(name string) settled {
	return func(ctx context.Context, n *namespace) (bool, string, error) {
		p, err := lab.kube.CoreV1().Pods(n.name).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		return p.Status.Phase == corev1.PodRunning, string(p.Status.Phase), nil
	}
}

// replicaSetSettled: as many pods as asked for, all ready.
func replicaSetSettled(name string, replicas int32) settled {
	return func(ctx context.Context, n *namespace) (bool, string, error) {
		r, err := lab.kube.AppsV1().ReplicaSets(n.name).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		s := r.Status
		return s.ObservedGeneration == r.Generation && s.Replicas == replicas && s.ReadyReplicas == replicas && s.AvailableReplicas == replicas,
			fmt.Sprintf("%+v", s), nil
	}
}

// deploymentSettled: its rollout is complete, and nothing of an older one left.
func deploymentSettled(name string, replicas int32) settled {
	return func(ctx context.Context, n *namespace) (bool, string, error) {
		d, err := lab.kube.AppsV1().Deployments(n.name).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, "", err
		}
		s, complete := d.Status, false
		for _, c := range s.Conditions {
			complete = complete || c.Type == appsv1.DeploymentProgressing && c.Reason == "NewReplicaSetAvailable"
		}
		return complete && s.ObservedGeneration == d.Generation && s.Replicas == replicas && s.UpdatedReplicas == replicas &&
			s.ReadyReplicas == replicas && s.AvailableReplicas == replicas, fmt.Sprintf("%+v", s), nil
	}
}

// endpoints are the addresses to which a Service sends requests.
func (n *namespace) endpoints(ctx context.Context, service string) ([]string, error) {
	list, err := lab.kube.DiscoveryV1().EndpointSlices(n.name).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service})
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, slice := range list.Items {
		for _, e := range slice.Endpoints {
			if e.Conditions.Ready != nil && *e.Conditions.Ready {
				addresses = append(addresses, e.Addresses...)
			}
		}
	}
	slices.Sort(addresses)
	return addresses, nil
}

// serviceSettled: its endpoints are as many as it should have, and are the ready
// pods of its selector.
func serviceSettled(suffix string, count int) settled {
	return func(ctx context.Context, n *namespace) (bool, string, error) {
		want, got, err := n.behind(ctx, classicPrefix+suffix)
		return len(want) == count && slices.Equal(want, got), fmt.Sprintf("ready pods %v, endpoints %v", want, got), err
	}
}

// probesServiceSettled: the Service of the Pod that comes and goes has that Pod
// as its endpoint exactly while the Pod is ready.
func probesServiceSettled(ctx context.Context, n *namespace) (bool, string, error) {
	want, got, err := n.behind(ctx, classicPrefix+"pod-probes")
	return len(want) <= 1 && slices.Equal(want, got), fmt.Sprintf("ready pods %v, endpoints %v", want, got), err
}

// behind are the addresses of the ready pods that a Service selects, and its
// endpoints.
func (n *namespace) behind(ctx context.Context, service string) (pods, endpoints []string, err error) {
	s, err := lab.kube.CoreV1().Services(n.name).Get(ctx, service, metav1.GetOptions{})
	if err != nil {
		return nil, nil, err
	}
	list, err := lab.kube.CoreV1().Pods(n.name).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: s.Spec.Selector})})
	if err != nil {
		return nil, nil, err
	}
	for _, p := range list.Items {
		if podReady(&p) {
			pods = append(pods, p.Status.PodIP)
		}
	}
	slices.Sort(pods)
	endpoints, err = n.endpoints(ctx, service)
	return pods, endpoints, err
}

// hpaSettled: the autoscaler has found its Deployment. Whether it can measure
// depends on metrics-server: it says either that it can or what it lacks.
func hpaSettled(ctx context.Context, n *namespace) (bool, string, error) {
	h, err := lab.kube.AutoscalingV2().HorizontalPodAutoscalers(n.name).Get(ctx, "online-inference-hpa", metav1.GetOptions{})
	if err != nil {
		return false, "", err
	}
	able, active := false, false
	for _, c := range h.Status.Conditions {
		switch c.Type {
		case autoscalingv2.AbleToScale:
			able = c.Status == corev1.ConditionTrue
		case autoscalingv2.ScalingActive:
			active = c.Status == corev1.ConditionTrue || c.Reason == "FailedGetResourceMetric"
		}
	}
	return able && active, fmt.Sprintf("%+v", h.Status.Conditions), nil
}

// budgetSettled: three pods are counted, and one of them may go.
func budgetSettled(ctx context.Context, n *namespace) (bool, string, error) {
	b, err := lab.kube.PolicyV1().PodDisruptionBudgets(n.name).Get(ctx, "online-inference-pdb", metav1.GetOptions{})
	if err != nil {
		return false, "", err
	}
	s := b.Status
	return s.CurrentHealthy == 3 && s.DesiredHealthy == 2 && s.DisruptionsAllowed == 1, fmt.Sprintf("%+v", s), nil
}

// await waits until an object is as expected.
func (n *namespace) await(ctx context.Context, name string, holds settled) error {
	return poll(ctx, settleTime, name, func(ctx context.Context) (bool, string, error) {
		ok, seen, err := holds(ctx, n)
		if err != nil {
			return again(err)
		}
		return ok, seen, nil
	})
}

// classicSettled waits until k8s-classic/ is as documented beside whatever else
// the namespace holds.
func (n *namespace) classicSettled(ctx context.Context) error {
	for name, holds := range classicState() {
		if err := n.await(ctx, name, holds); err != nil {
			return err
		}
	}
	return nil
}
