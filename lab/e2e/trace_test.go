//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
)

// TestTraceThroughRoute: a caller's W3C trace context reaches the function through
// gateway, activator and queue-proxy, also in the request that waits for the first
// pod: its log lines name the trace. Nobody takes the spans, which disturbs nothing.
func TestTraceThroughRoute(t *testing.T) {
	feature(t, "trace", func(ctx context.Context, t *testing.T, n *namespace) {
		out, err := n.koApply(ctx, "knative/10-service-v1.yaml")
		must(t, out, err)
		if err := n.ready(ctx, 90*time.Second); err != nil {
			t.Fatal(err)
		}
		const name = "traced"
		traced := &servingv1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: n.service(ctx, t).Spec}
		traced.Spec.Template.Name, traced.Spec.Traffic = "", nil
		c := &traced.Spec.Template.Spec.Containers[0]
		c.Env = append(c.Env, corev1.EnvVar{Name: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", Value: "http://127.0.0.1:4318/v1/traces"})
		if _, err := lab.serving.ServingV1().Services(n.name).Create(ctx, traced, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := n.readyService(ctx, name, 90*time.Second); err != nil {
			t.Fatal(err)
		}
		created, err := lab.serving.ServingV1().Services(n.name).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		base := created.Status.URL.String()
		web := client(gateway(ctx, t))
		if err := routed(ctx, web, base); err != nil {
			t.Fatal(err)
		}
		n.traced(ctx, t, web, base, name, "4bf92f3577b34da6a3ce929d0e0e4736")
		err = poll(ctx, 3*time.Minute, "no pod of traced", func(ctx context.Context) (bool, string, error) {
			pods, err := podsOf(ctx, n.name, name)
			return err == nil && len(pods) == 0, fmt.Sprint(len(pods), " pods"), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		n.traced(ctx, t, web, base, name, "00000000000000000000000000000abc")
	})
}

// traced sends a request in a trace and waits for the log line that names it.
func (n *namespace) traced(ctx context.Context, t *testing.T, c *http.Client, base, service, trace string) {
	t.Helper()
	body, err := json.Marshal([]any{goldenPatients(t)["1"][0].Row})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/predict", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
	err = poll(ctx, 30*time.Second, "a log line of trace "+trace, func(ctx context.Context) (bool, string, error) {
		pods, err := podsOf(ctx, n.name, service)
		if err != nil {
			return again(err)
		}
		seen := ""
		for _, p := range pods {
			text, err := lab.kube.CoreV1().Pods(n.name).GetLogs(p.Name, &corev1.PodLogOptions{Container: p.Spec.Containers[0].Name}).DoRaw(ctx)
			if err != nil {
				return again(err)
			}
			seen += string(text)
		}
		return strings.Contains(seen, `"trace_id":"`+trace+`"`), seen, nil
	})
	if err != nil {
		t.Error(err)
	}
}

func podsOf(ctx context.Context, namespace, service string) ([]corev1.Pod, error) {
	list, err := lab.kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "serving.knative.dev/service=" + service})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}
