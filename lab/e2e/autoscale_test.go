//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestMetricsServer adds the metrics server to the cluster, has kubectl top show
// pods, and a release of the chart grow by its load.
func TestMetricsServer(t *testing.T) {
	feature(t, "kubectl top, and an autoscaler by CPU", func(ctx context.Context, t *testing.T, n *namespace) {
		for range 2 { // the second one has nothing to do
			out, err := command(ctx, lab.root, lab.environ, "make", "metrics")
			must(t, out, err)
		}
		r := &release{n, "heart", "heart-online-inference"}
		r.upgrade(ctx, t, "--set", "autoscaling.enabled=true,autoscaling.minReplicas=1,autoscaling.maxReplicas=3,autoscaling.targetCPUUtilizationPercentage=50",
			"--set", "resources.requests.cpu=10m")
		err := poll(ctx, 2*time.Minute, "figures of the pod", func(ctx context.Context) (bool, string, error) {
			out, err := lab.run(ctx, "kubectl", "-n", n.name, "top", "pods", "--no-headers")
			if err != nil {
				return again(err)
			}
			fields := strings.Fields(out)
			return len(fields) == 3 && strings.HasSuffix(fields[1], "m") && strings.HasSuffix(fields[2], "Mi"), out, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.autoscaler(ctx, "figures in its status", func(h *autoscalingv2.HorizontalPodAutoscaler) bool {
			return len(h.Status.CurrentMetrics) > 0 && active(h)
		}); err != nil {
			t.Fatal(err)
		}
		stop := r.startLoad(ctx, t, 150)
		if err := r.autoscaler(ctx, "more than one pod", func(h *autoscalingv2.HorizontalPodAutoscaler) bool { return h.Status.CurrentReplicas > 1 }); err != nil {
			t.Error(err)
		}
		// Another upgrade must not set the number of pods back.
		r.upgrade(ctx, t, "--reuse-values", "--set", "podAnnotations.note=x")
		if pods := r.pods(ctx, t); len(pods) < 2 {
			t.Errorf("after an upgrade under load: %v", pods)
		}
		stop("scaling up and an upgrade")
	})
}

func active(h *autoscalingv2.HorizontalPodAutoscaler) bool {
	for _, c := range h.Status.Conditions {
		if c.Type == autoscalingv2.ScalingActive {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// autoscaler waits until the release's HorizontalPodAutoscaler is as it should be.
func (r *release) autoscaler(ctx context.Context, what string, holds func(*autoscalingv2.HorizontalPodAutoscaler) bool) error {
	return poll(ctx, 4*time.Minute, what, func(ctx context.Context) (bool, string, error) {
		h, err := lab.kube.AutoscalingV2().HorizontalPodAutoscalers(r.namespace.name).Get(ctx, r.objects, metav1.GetOptions{})
		if err != nil {
			return again(err)
		}
		return holds(h), fmt.Sprintf("%+v", h.Status), nil
	})
}
