// Package chart holds the Helm chart's files against what they speak of: the
// server's variables, the plain manifests, Kubernetes' types, and its own README.
// What the chart renders is held by lab/components/helm/charts with Helm's code.
package chart

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"online-inference/knative/configenv"
)

// ownVariables are set by other values of the chart, by the image or by the
// platform, and so are no keys of config.
var ownVariables = []string{"PORT", "MODEL", "MODEL_NAME", "MODEL_VERSION", "K_REVISION", "HOSTNAME", "KO_DATA_PATH"}

func variables(t *testing.T) map[string]string {
	t.Helper()
	env, err := configenv.Read("../../function/config.go")
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// TestSchemaKnowsEveryVariable keeps config's keys and the server's in step.
func TestSchemaKnowsEveryVariable(t *testing.T) {
	text, err := os.ReadFile("values.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties struct {
			Config struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	want := variables(t)
	for _, name := range ownVariables {
		if _, ok := want[name]; !ok {
			t.Errorf("the server does not know %s", name)
		}
		delete(want, name)
	}
	got := slices.Sorted(maps.Keys(schema.Properties.Config.Properties))
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), got); diff != "" {
		t.Errorf("config in values.schema.json (-the server's +the chart's):\n%s", diff)
	}
}

// decode reads one document of a render strictly into its type.
func decode(text []byte) (any, error) {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(text, &kind); err != nil {
		return nil, err
	}
	var into any
	switch kind.APIVersion + " " + kind.Kind {
	case "apps/v1 Deployment":
		into = &appsv1.Deployment{}
	case "v1 ConfigMap":
		into = &corev1.ConfigMap{}
	case "v1 Service":
		into = &corev1.Service{}
	case "v1 ServiceAccount":
		into = &corev1.ServiceAccount{}
	case "v1 Pod":
		into = &corev1.Pod{}
	case "autoscaling/v2 HorizontalPodAutoscaler":
		into = &autoscalingv2.HorizontalPodAutoscaler{}
	case "policy/v1 PodDisruptionBudget":
		into = &policyv1.PodDisruptionBudget{}
	default:
		return nil, fmt.Errorf("%s %s is no kind of this chart", kind.APIVersion, kind.Kind)
	}
	return into, yaml.UnmarshalStrict(text, into)
}

// render is what one set of values gives.
type render struct {
	deployment *appsv1.Deployment
	test       *corev1.Pod
	configs    map[string]*corev1.ConfigMap
}

func readRender(t *testing.T, path string) render {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := render{configs: map[string]*corev1.ConfigMap{}}
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		o, err := decode(document)
		if err != nil {
			t.Fatalf("%s: %v\n%s", path, err, document)
		}
		switch o := o.(type) {
		case *appsv1.Deployment:
			r.deployment = o
		case *corev1.Pod:
			r.test = o
		case *corev1.ConfigMap:
			r.configs[o.Name] = o
		}
	}
	if r.deployment == nil || r.test == nil || len(r.configs) == 0 {
		t.Fatalf("%s: no Deployment, test or ConfigMap", path)
	}
	return r
}

// TestRenders holds every render: each ConfigMap is read, each variable known,
// and the test's pod reads what the server does.
func TestRenders(t *testing.T) {
	paths, err := filepath.Glob("testdata/renders/*.yaml")
	if err != nil || len(paths) < 6 {
		t.Fatalf("%d renders (%v)", len(paths), err)
	}
	known := variables(t)
	for _, path := range paths {
		r := readRender(t, path)
		read := map[string]bool{}
		pod := r.deployment.Spec.Template.Spec
		for _, from := range pod.Containers[0].EnvFrom {
			if from.ConfigMapRef == nil {
				continue
			}
			c := r.configs[from.ConfigMapRef.Name]
			if c == nil {
				t.Fatalf("%s: variables of %s, which is not there", path, from.ConfigMapRef.Name)
			}
			read[c.Name] = true
			for name := range c.Data {
				if _, ok := known[name]; !ok {
					t.Errorf("%s: the server does not read %s", path, name)
				}
			}
		}
		for _, v := range pod.Volumes {
			if v.ConfigMap != nil && r.configs[v.ConfigMap.Name] != nil {
				read[v.ConfigMap.Name] = true
			}
		}
		for name := range r.configs {
			if !read[name] {
				t.Errorf("%s: nobody reads the ConfigMap %s", path, name)
			}
		}
		server, client := pod.Containers[0], r.test.Spec.Containers[0]
		if server.Image != client.Image || cmp.Diff(server.EnvFrom, client.EnvFrom) != "" ||
			cmp.Diff(server.VolumeMounts, client.VolumeMounts) != "" || cmp.Diff(pod.Volumes, r.test.Spec.Volumes) != "" {
			t.Errorf("%s: the test's pod reads another model than the server", path)
		}
	}
}

// TestDefaultIsThePlainManifest compares the default render with the Deployment
// that is applied without Helm: it may differ only in what is named here.
func TestDefaultIsThePlainManifest(t *testing.T) {
	text, err := os.ReadFile("../online-inference-deployment-rolling-update.yaml")
	if err != nil {
		t.Fatal(err)
	}
	plain := &appsv1.Deployment{}
	if err := yaml.UnmarshalStrict(text, plain); err != nil {
		t.Fatal(err)
	}
	r := readRender(t, "testdata/renders/default.yaml")
	got := r.deployment

	// The variables stand in a ConfigMap instead of in the pod; those that only
	// repeat the server's default are not in the plain manifest.
	c := &got.Spec.Template.Spec.Containers[0]
	for _, from := range c.EnvFrom {
		for name, value := range r.configs[from.ConfigMapRef.Name].Data {
			if variables(t)[name] != value {
				c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: value})
			}
		}
	}
	c.EnvFrom = nil
	byName := func(a, b corev1.EnvVar) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(c.Env, byName)
	slices.SortFunc(plain.Spec.Template.Spec.Containers[0].Env, byName)
	// A ServiceAccount of the release's own.
	got.Spec.Template.Spec.ServiceAccountName = ""
	if diff := cmp.Diff(plain.Spec.Template.Spec, got.Spec.Template.Spec); diff != "" {
		t.Errorf("pod template (-plain +chart):\n%s", diff)
	}
	// Names and labels are the release's, the template was compared; 2 pods that
	// are never fewer, where the plain manifest shows a rollout of 4 by halves.
	for _, d := range []*appsv1.Deployment{plain, got} {
		if d.Spec.Strategy.Type != appsv1.RollingUpdateDeploymentStrategyType || d.Spec.Strategy.RollingUpdate == nil || d.Spec.Replicas == nil {
			t.Errorf("%s: no rolling update or no number of pods", d.Name)
		}
		d.Spec.Strategy, d.Spec.Replicas, d.Spec.Selector, d.Spec.Template = appsv1.DeploymentStrategy{}, nil, nil, corev1.PodTemplateSpec{}
	}
	if diff := cmp.Diff(plain.Spec, got.Spec); diff != "" {
		t.Errorf("Deployment (-plain +chart):\n%s", diff)
	}
}
