//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"
)

// TestBrokenModel rolls out a v3 whose model does not give the answers that its
// own artefact records, with half of the traffic meant for it. Its self-test
// fails, so it never turns ready; v1 and v2 go on as if nothing had happened.
func TestBrokenModel(t *testing.T) {
	feature(t, "broken model", func(ctx context.Context, t *testing.T, n *namespace) {
		n.deployed(ctx, t)
		n.brokenArtefact(ctx, t)
		l := n.startLoad(ctx, t, 20)

		s := n.service(ctx, t)
		s.Spec.Template.Name = "online-inference-v3"
		// Seconds, so that the verdict comes soon; the default is ten minutes.
		s.Spec.Template.Annotations["serving.knative.dev/progress-deadline"] = "20s"
		pod := &s.Spec.Template.Spec.PodSpec
		pod.Volumes = []corev1.Volume{{Name: "model", VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "broken"}},
		}}}
		container := &pod.Containers[0]
		container.VolumeMounts = []corev1.VolumeMount{{Name: "model", MountPath: "/models/broken", ReadOnly: true}}
		for i := range container.Env {
			if container.Env[i].Name == "MODEL_VERSION" {
				container.Env[i] = corev1.EnvVar{Name: "MODEL", Value: "/models/broken"}
			}
		}
		s.Spec.Traffic[0].RevisionName, s.Spec.Traffic[0].Tag = "online-inference-v1", "v1"
		*s.Spec.Traffic[0].Percent = 50
		s.Spec.Traffic[1].RevisionName, s.Spec.Traffic[1].Tag = "online-inference-v3", "v3"
		*s.Spec.Traffic[1].Percent = 50
		if _, err := lab.serving.ServingV1().Services(n.name).Update(ctx, s, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		n.neverReady(ctx, t, "online-inference-v3")
		l.stop(t, "rollout of a broken model")
		if l.versions["1"] == 0 || l.versions["2"] == 0 || len(l.versions) != 2 {
			t.Errorf("answers by model version %v, want only 1 and 2", l.versions)
		}
	})
}

// brokenArtefact is version 2 with the answers of its examples turned round.
func (n *namespace) brokenArtefact(ctx context.Context, t *testing.T) {
	t.Helper()
	dir := filepath.Join(lab.root, "function/kodata/models/heart-disease/2")
	model, err := os.ReadFile(filepath.Join(dir, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	card, err := os.ReadFile(filepath.Join(dir, "model.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	turned := regexp.MustCompile(`(?m)^(\s+label: )0$`).ReplaceAllString(string(card), "${1}1")
	if turned == string(card) {
		t.Fatal("model.yaml has no example of label 0 to turn round")
	}
	_, err = lab.kube.CoreV1().ConfigMaps(n.name).Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "broken"},
		Data:       map[string]string{"model.yaml": turned},
		BinaryData: map[string][]byte{"model.onnx": model},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// neverReady waits for the verdict on a revision and reads the reason in its log.
func (n *namespace) neverReady(ctx context.Context, t *testing.T, revision string) {
	t.Helper()
	log := ""
	err := poll(ctx, 3*time.Minute, revision+" failed", func(ctx context.Context) (bool, string, error) {
		out, err := lab.run(ctx, "kubectl", "-n", n.name, "logs", "-l", "serving.knative.dev/revision="+revision, "-c", "user-container", "--tail", "50")
		if err == nil && out != "" {
			log = out
		}
		r, err := lab.serving.ServingV1().Revisions(n.name).Get(ctx, revision, metav1.GetOptions{})
		if err != nil {
			return again(err)
		}
		c := r.Status.GetCondition(apis.ConditionReady)
		if c.IsTrue() {
			return false, "", fmt.Errorf("%s turned ready with a broken model", revision)
		}
		return c.IsFalse(), log, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log, "self-test") {
		t.Errorf("the log of %s does not name the self-test:\n%s", revision, log)
	}
}

// TestClusterLocal shows the variant that has no address outside the cluster.
func TestClusterLocal(t *testing.T) {
	feature(t, "cluster-local", func(ctx context.Context, t *testing.T, n *namespace) {
		out, err := n.koApply(ctx, "knative/cluster-local/10-service-v1.yaml")
		must(t, out, err)
		if err := n.ready(ctx, 90*time.Second); err != nil {
			t.Fatal(err)
		}
		url := n.service(ctx, t).Status.URL
		if want := service + "." + n.name + ".svc.cluster.local"; url.Host != want {
			t.Errorf("host %q, want %q", url.Host, want)
		}
		c := client(gateway(ctx, t))
		r, err := post(ctx, c, url.String(), "/predict", []byte("{}"))
		if err == nil || r.Status != 404 {
			t.Errorf("from outside: status %d, error %v, want the gateway's bare 404", r.Status, err)
		}
	})
}

// TestTogether applies all forms into one namespace, in each order: no name of
// one is a name of another.
func TestTogether(t *testing.T) {
	forms := []string{"knative/", "knative/gitops/", "k8s-classic/"}
	for number, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		var names []string
		for _, i := range order {
			names = append(names, forms[i])
		}
		// The chart in each place at least once, under the name that comes closest
		// to the Knative Service's.
		names = slices.Insert(names, number%4, chart)
		what := strings.Join(names, " then ")
		feature(t, what, func(ctx context.Context, t *testing.T, n *namespace) {
			for _, form := range names {
				switch form {
				case "k8s-classic/":
					n.kubectl(ctx, t, "apply", "-f", form)
				case chart:
					out, err := n.helm(ctx, "install", "online-inference", chart, "--set", "replicaCount=1")
					must(t, out, err)
				default:
					out, err := n.koApply(ctx, form)
					must(t, out, err)
				}
			}
			// Plain apply of knative/ may lose its race (TestDeploy counts how
			// often); applying again is the documented repair.
			if err := n.bothReady(ctx, time.Minute); err != nil {
				t.Log(err)
				out, err := n.koApply(ctx, "knative/")
				must(t, out, err)
				if err := n.bothReady(ctx, time.Minute); err != nil {
					t.Error(err)
				}
			}
			if err := n.routeReady(ctx, "online-inference-gitops", time.Minute); err != nil {
				t.Error(err)
			}
			if err := n.classicSettled(ctx); err != nil {
				t.Error(err)
			}
			n.kubectl(ctx, t, "rollout", "status", "deployment/online-inference-helm", "--timeout", "2m")
		})
	}
}
