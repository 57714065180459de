package watch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"online-inference/lab/record"
)

func TestVersion(t *testing.T) {
	for image, want := range map[string]string{
		"online-inference:v2": "v2", "registry:5000/x/online-inference:v1": "v1", "registry:5000/x": "",
		"registry:5000/x@sha256:00": "", "x:v1@sha256:00": "",
	} {
		spec := &corev1.PodSpec{Containers: []corev1.Container{{Name: queueProxy, Image: "q:v9"}, {Name: "c", Image: image}}}
		if got := version(spec); got != want {
			t.Errorf("%s: %q, want %q", image, got, want)
		}
		spec.Containers[1].Env = []corev1.EnvVar{{Name: "MODEL_VERSION", Value: "2"}}
		if got := version(spec); got != "v2" {
			t.Errorf("%s with MODEL_VERSION: %q, want v2", image, got)
		}
	}
	if got := version(&corev1.PodSpec{}); got != "" {
		t.Errorf("no container: %q", got)
	}
}

// TestPod is a pod that was killed for its memory, runs again, and ends.
func TestPod(t *testing.T) {
	started := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	now, yes := metav1.NewTime(started), true
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "u", CreationTimestamp: metav1.NewTime(started.Add(-2 * time.Second)), DeletionTimestamp: &now,
			OwnerReferences: []metav1.OwnerReference{{Kind: "X", Name: "not the controller"}, {Kind: "ReplicaSet", Name: "r", Controller: &yes}}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i:v1"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, QOSClass: corev1.PodQOSBurstable,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue},
				{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable"}},
			ContainerStatuses: []corev1.ContainerStatus{
				{Name: queueProxy},
				{Name: "c", Image: "docker.io/library/i:v1", Ready: true, Started: &yes, RestartCount: 3,
					State:                corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
					LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}}},
			}},
	}
	exit := int32(137)
	want := &record.Pod{Name: "p", UID: "u", Owner: "ReplicaSet/r", Version: "v1", Phase: "Running", Unscheduled: "Unschedulable",
		Ready: true, QoS: "Burstable", Deleting: true, Created: -2000,
		Containers: []record.Container{{Name: "c", Image: "i:v1", State: "running", LastReason: "OOMKilled", LastExit: &exit, Restarts: 3, Started: true, Ready: true}}}
	if diff := cmp.Diff(want, pod(p, started)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	p.Status.ContainerStatuses[1].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
	if c := pod(p, started).Containers[0]; c.State != "waiting" || c.Reason != "CrashLoopBackOff" || *c.LastExit != 137 {
		t.Errorf("waiting: %+v", c)
	}
	p.Status.ContainerStatuses[1].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error"}}
	if c := pod(p, started).Containers[0]; c.State != "terminated" || *c.Exit != 1 || c.LastExit != nil {
		t.Errorf("terminated: %+v", c)
	}
}

// TestRouteNotObserved: the status of an older specification says nothing of
// the newest one.
func TestRouteNotObserved(t *testing.T) {
	percent := int64(90)
	r := &servingv1.Route{}
	r.Name, r.Generation = "r", 2
	r.Status.ObservedGeneration = 1
	r.Status.Traffic = []servingv1.TrafficTarget{{RevisionName: "r-v1", Percent: &percent}, {RevisionName: "r-v2", Tag: "v2"}}
	want := &record.Route{Name: "r", Ready: "Unknown", Reason: "NotObserved",
		Traffic: []record.Traffic{{Revision: "r-v1", Percent: 90}, {Revision: "r-v2", Tag: "v2"}}}
	if diff := cmp.Diff(want, route(r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestHorizontal(t *testing.T) {
	target, now := int32(70), int32(140)
	h := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "h"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{Metrics: []autoscalingv2.MetricSpec{{
			Resource: &autoscalingv2.ResourceMetricSource{Name: "cpu", Target: autoscalingv2.MetricTarget{AverageUtilization: &target}}}}},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{DesiredReplicas: 2, CurrentReplicas: 1}}
	if got := horizontal(h); got.Metric != "cpu unknown/70%" {
		t.Errorf("without a reading: %q", got.Metric)
	}
	h.Status.CurrentMetrics = []autoscalingv2.MetricStatus{{Resource: &autoscalingv2.ResourceMetricStatus{Current: autoscalingv2.MetricValueStatus{AverageUtilization: &now}}}}
	if diff := cmp.Diff(&record.Scaler{Kind: "hpa", Name: "h", Want: 2, Have: 1, Metric: "cpu 140%/70%"}, horizontal(h)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
