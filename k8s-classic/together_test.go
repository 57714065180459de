package classic

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// member is one object with what it asks for, of pods and of the node.
type member struct {
	path, kind, name string
	selector         map[string]string // nil for a bare Pod
	pods             map[string]string // labels of the pods that it makes, nil for none
	most             int               // pods at the peak of a rollout
	spec             corev1.PodSpec
}

func members(t *testing.T, patterns ...string) []member {
	t.Helper()
	var list []member
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if len(paths) == 0 {
			t.Fatalf("no manifest in %s", pattern)
		}
		for _, path := range paths {
			if path == overlay {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range bytes.Split(text, []byte("\n---\n")) {
				list = append(list, readMember(t, path, part))
			}
		}
	}
	return list
}

func readMember(t *testing.T, path string, text []byte) member {
	t.Helper()
	var head metav1.PartialObjectMetadata
	into := func(v any) {
		t.Helper()
		if err := yaml.Unmarshal(text, v); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	into(&head)
	m := member{path: path, kind: head.Kind, name: head.Name}
	switch head.Kind {
	case "Pod":
		var p corev1.Pod
		into(&p)
		m.pods, m.spec, m.most = p.Labels, p.Spec, 1
	case "ReplicaSet", "Deployment": // their specs differ in what is not read here
		var d appsv1.Deployment
		into(&d)
		m.selector, m.pods, m.spec = d.Spec.Selector.MatchLabels, d.Spec.Template.Labels, d.Spec.Template.Spec
		if len(d.Spec.Selector.MatchExpressions) > 0 {
			t.Fatalf("%s: selectors here are labels alone", path)
		}
		m.most = peak(t, path, &d)
	case "Service":
		var s corev1.Service
		into(&s)
		m.selector = s.Spec.Selector
	case "PodDisruptionBudget":
		var p policyv1.PodDisruptionBudget
		into(&p)
		m.selector = p.Spec.Selector.MatchLabels
	}
	return m
}

// peak is the number of pods at the height of a rollout.
func peak(t *testing.T, path string, d *appsv1.Deployment) int {
	t.Helper()
	replicas := 1
	if d.Spec.Replicas != nil {
		replicas = int(*d.Spec.Replicas)
	}
	surge := intstr.FromString("25%")
	switch r := d.Spec.Strategy.RollingUpdate; {
	case d.Kind == "ReplicaSet" || d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType:
		return replicas
	case r != nil && r.MaxSurge != nil:
		surge = *r.MaxSurge
	}
	more, err := intstr.GetScaledValueFromIntOrPercent(&surge, replicas, true)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return replicas + more
}

// matches tells whether labels have all that a selector asks for.
func matches(selector, labels map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return len(selector) > 0
}

// exclude tells whether no pod at all can fit both: they want different values
// of one label.
func exclude(a, b map[string]string) bool {
	for key, value := range a {
		if other, ok := b[key]; ok && other != value {
			return true
		}
	}
	return false
}

// TestSelectorsAreDisjoint: everything here may lie in one namespace. No
// controller can take in a pod of another one, whatever its labels become, and
// no name is there twice.
func TestSelectorsAreDisjoint(t *testing.T) {
	all := members(t, "*.yaml", "more/*/*.yaml")
	names := map[string]string{}
	for i, m := range all {
		if other, twice := names[m.kind+" "+m.name]; twice {
			t.Errorf("%s and %s both have %s %s", m.path, other, m.kind, m.name)
		}
		names[m.kind+" "+m.name] = m.path
		if m.kind == "Service" && m.name != m.selector["app.kubernetes.io/name"] {
			t.Errorf("%s: Service %s selects %v", m.path, m.name, m.selector)
		}
		for _, other := range all[i+1:] {
			controllers := m.pods != nil && other.pods != nil
			if controllers && m.selector != nil && other.selector != nil && !exclude(m.selector, other.selector) {
				t.Errorf("%s and %s: a pod can fit both %v and %v", m.path, other.path, m.selector, other.selector)
			}
			if controllers && (matches(m.selector, other.pods) || matches(other.selector, m.pods)) {
				t.Errorf("%s and %s: one takes in the pods of the other", m.path, other.path)
			}
		}
	}
	// A Service and a budget select the pods of their own folder and name alone.
	for _, m := range all {
		if m.pods != nil || m.selector == nil {
			continue
		}
		behind := 0
		for _, other := range all {
			if !matches(m.selector, other.pods) {
				continue
			}
			behind++
			if filepath.Dir(other.path) != filepath.Dir(m.path) {
				t.Errorf("%s selects pods of %s", m.path, other.path)
			}
		}
		want := 1
		if filepath.Base(filepath.Dir(m.path)) == "canary" {
			want = 2 // both tracks
		}
		if behind != want {
			t.Errorf("%s selects the pods of %d objects, want %d", m.path, behind, want)
		}
	}
}

// TestOverlay: the registry overlay has every manifest of this folder, and changes
// the one image that they use.
func TestOverlay(t *testing.T) {
	text, err := os.ReadFile(overlay)
	if err != nil {
		t.Fatal(err)
	}
	var k struct {
		Resources []string
		Images    []struct{ Name, NewName, NewTag string }
	}
	if err := yaml.Unmarshal(text, &k); err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob("*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range k.Resources {
		k.Resources[i] = filepath.Join("more/registry", path)
	}
	slices.Sort(k.Resources)
	if !slices.Equal(paths, k.Resources) {
		t.Errorf("the overlay has %v, the folder %v", k.Resources, paths)
	}
	if len(k.Images) != 1 || k.Images[0].Name != "online-inference" || k.Images[0].NewName == "" || k.Images[0].NewTag != "" {
		t.Errorf("images %+v: the tags are to stay", k.Images)
	}
}

// TestFolderFits: all of the folder at once, each Deployment at the height of a
// rollout, fits a node of 2 CPUs and 2 GiB beside the system's pods. Those of
// kind request 950m and 290Mi, the most of kind, minikube and the lab: API
// server 250m, controller manager 200m, scheduler 100m, etcd 100m and 100Mi, two
// CoreDNS 200m and 140Mi, kindnet 100m and 50Mi.
func TestFolderFits(t *testing.T) {
	cpu, memory := resource.MustParse("950m"), resource.MustParse("290Mi")
	pods := 0
	for _, m := range members(t, "*.yaml") {
		for range m.most {
			pods++
			for _, c := range m.spec.Containers {
				cpu.Add(c.Resources.Requests[corev1.ResourceCPU])
				memory.Add(c.Resources.Requests[corev1.ResourceMemory])
			}
		}
	}
	t.Logf("%d pods at most; with the system %s CPU and %s of memory requested", pods, cpu.String(), memory.String())
	if pods < 14 {
		t.Errorf("only %d pods found", pods)
	}
	if cpu.Cmp(resource.MustParse("2")) > 0 || memory.Cmp(resource.MustParse("2Gi")) > 0 {
		t.Errorf("the folder needs %s CPU and %s of memory", cpu.String(), memory.String())
	}
}
