//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// TestRestart restarts the pods behind a plain Service, twice, while eight
// clients send at least 10,000 predictions over kept connections. The clients
// never send a request a second time, so each one that a pod drops is seen.
func TestRestart(t *testing.T) {
	feature(t, "restart behind a Service", func(ctx context.Context, t *testing.T, n *namespace) {
		base := n.classic(ctx, t)
		var sent atomic.Int64
		stop := make(chan struct{})
		fault := make(chan error, 8)
		var clients sync.WaitGroup
		for worker := range 8 {
			rows := patients(t, "1")
			clients.Go(func() {
				if err := hammer(ctx, base, rows[worker:], stop, &sent); err != nil {
					fault <- err
				}
			})
		}
		restarts := 0
		for ; restarts < 2 || sent.Load() < 10_000; restarts++ {
			n.kubectl(ctx, t, "rollout", "restart", "deployment/restart")
			n.kubectl(ctx, t, "rollout", "status", "deployment/restart", "--timeout=120s")
			n.oldPodsGone(ctx, t)
			if len(fault) > 0 {
				break
			}
		}
		close(stop)
		clients.Wait()
		t.Logf("%d requests over kept connections during %d restarts of 2 pods", sent.Load(), restarts)
		select {
		case err := <-fault:
			t.Errorf("a request was lost: %v", err)
		default:
		}
	})
}

// hammer sends one prediction after the other over one kept connection, each
// exactly once.
func hammer(ctx context.Context, base string, rows []patient, stop <-chan struct{}, sent *atomic.Int64) error {
	c := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxConnsPerHost: 1, IdleConnTimeout: time.Minute}}
	defer c.CloseIdleConnections()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return nil
		case <-time.After(10 * time.Millisecond):
		}
		body, err := json.Marshal([]any{rows[i%len(rows)].Row})
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/predict", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.GetBody = nil // without it, net/http cannot send the request again by itself
		req.Header.Set("Content-Type", "application/json")
		res, err := c.Do(req)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d: %s", res.StatusCode, data)
		}
		sent.Add(1)
	}
}

// classic makes two pods like that of k8s-classic/ and a Service in front of
// them, and gives its address on the node.
func (n *namespace) classic(ctx context.Context, t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(lab.root, "k8s-classic/online-inference-pod.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var pod corev1.Pod
	if err := yaml.UnmarshalStrict(data, &pod); err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{"app.kubernetes.io/name": "restart"}
	replicas := int32(2)
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "restart"}, Spec: appsv1.DeploymentSpec{
		Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod.Spec},
	}}
	if _, err := lab.kube.AppsV1().Deployments(n.name).Create(ctx, d, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	s, err := lab.kube.CoreV1().Services(n.name).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "restart"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Selector: labels, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n.kubectl(ctx, t, "rollout", "status", "deployment/restart", "--timeout=120s")
	nodes, err := lab.kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil || len(nodes.Items) == 0 {
		t.Fatalf("no nodes: %v", err)
	}
	for _, a := range nodes.Items[0].Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			base := fmt.Sprintf("http://%s:%d", a.Address, s.Spec.Ports[0].NodePort)
			if err := routed(ctx, &http.Client{Timeout: time.Second}, base); err != nil {
				t.Fatal(err)
			}
			return base
		}
	}
	t.Fatal("the node has no address")
	return ""
}

// oldPodsGone waits until terminating pods have ended, and reads how.
func (n *namespace) oldPodsGone(ctx context.Context, t *testing.T) {
	t.Helper()
	err := poll(ctx, 2*time.Minute, "two pods left", func(ctx context.Context) (bool, string, error) {
		pods, err := lab.kube.CoreV1().Pods(n.name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return again(err)
		}
		for _, p := range pods.Items {
			for _, c := range p.Status.ContainerStatuses {
				if end := c.State.Terminated; end != nil && end.ExitCode != 0 {
					return false, "", fmt.Errorf("pod %s ended with code %d (%s)", p.Name, end.ExitCode, end.Reason)
				}
			}
		}
		return len(pods.Items) == 2, fmt.Sprintf("%d pods", len(pods.Items)), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
