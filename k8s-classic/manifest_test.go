package classic

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"online-inference/knative/configenv"
)

// knownEnv returns the environment names, with defaults, that the server reads.
func knownEnv(t *testing.T) map[string]string {
	t.Helper()
	env, err := configenv.Read("../function/config.go")
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// decode is strict: a field that the kind does not have is an error. It gives
// the pod that the manifest makes, nil where it makes none.
func decode(text []byte) (*corev1.Pod, error) {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(text, &kind); err != nil {
		return nil, err
	}
	template := func(t corev1.PodTemplateSpec) *corev1.Pod { return &corev1.Pod{ObjectMeta: t.ObjectMeta, Spec: t.Spec} }
	switch kind.APIVersion + " " + kind.Kind {
	case "v1 Pod":
		pod := &corev1.Pod{}
		return pod, yaml.UnmarshalStrict(text, pod)
	case "apps/v1 ReplicaSet":
		var set appsv1.ReplicaSet
		err := yaml.UnmarshalStrict(text, &set)
		return template(set.Spec.Template), err
	case "apps/v1 Deployment":
		var d appsv1.Deployment
		err := yaml.UnmarshalStrict(text, &d)
		return template(d.Spec.Template), err
	case "v1 Service":
		return nil, yaml.UnmarshalStrict(text, &corev1.Service{})
	case "policy/v1 PodDisruptionBudget":
		return nil, yaml.UnmarshalStrict(text, &policyv1.PodDisruptionBudget{})
	case "autoscaling/v2 HorizontalPodAutoscaler":
		return nil, yaml.UnmarshalStrict(text, &autoscalingv2.HorizontalPodAutoscaler{})
	}
	return nil, fmt.Errorf("%s %s is no kind that belongs here", kind.APIVersion, kind.Kind)
}

// problems says everything that is wrong with one manifest.
func problems(text []byte, env map[string]string) []string {
	pod, err := decode(text)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	if pod == nil {
		return found
	}
	add := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }

	const nameLabel, prefix = "app.kubernetes.io/name", "online-inference-classic-"
	if name := pod.Labels[nameLabel]; !strings.HasPrefix(name, prefix) {
		add("label %s=%s does not start with %s", nameLabel, name, prefix)
	}
	if len(pod.Spec.Containers) != 1 {
		add("%d containers, want 1", len(pod.Spec.Containers))
		return found
	}
	c := pod.Spec.Containers[0]
	if c.Image != "online-inference:v1" && c.Image != "online-inference:v2" {
		add("image %s is neither online-inference:v1 nor :v2", c.Image)
	}
	if c.ImagePullPolicy != corev1.PullIfNotPresent {
		add("imagePullPolicy %s would look for a registry", c.ImagePullPolicy)
	}
	checkProbes(c, add)
	checkResources(c.Resources, add)
	checkSecurity(pod.Spec, add)
	checkEnv(pod.Spec, env, add)
	return found
}

type report func(format string, args ...any)

func checkProbes(c corev1.Container, add report) {
	ready, live := c.ReadinessProbe, c.LivenessProbe
	if ready == nil || ready.HTTPGet == nil {
		add("no HTTP readiness probe")
		return
	}
	if live == nil || live.HTTPGet == nil {
		add("no HTTP liveness probe")
		return
	}
	if ready.HTTPGet.Path == live.HTTPGet.Path {
		add("liveness asks %s, the readiness endpoint", live.HTTPGet.Path)
	}
	if live.TimeoutSeconds < 2 || live.FailureThreshold < 2 {
		add("liveness with timeoutSeconds %d, failureThreshold %d: one slow answer kills the pod",
			live.TimeoutSeconds, live.FailureThreshold)
	}
	ports := map[string]bool{}
	for _, p := range c.Ports {
		ports[p.Name] = true
	}
	if port := ready.HTTPGet.Port.String(); !ports[port] || live.HTTPGet.Port.String() != port {
		add("probes ask port %s, which the container does not declare", port)
	}
}

func checkResources(r corev1.ResourceRequirements, add report) {
	if r.Requests.Cpu().IsZero() || r.Requests.Memory().IsZero() || r.Limits.Memory().IsZero() {
		add("resources lack a CPU request, a memory request or a memory limit")
		return
	}
	if r.Requests.Memory().Cmp(*r.Limits.Memory()) > 0 {
		add("memory request %s is above the limit %s", r.Requests.Memory(), r.Limits.Memory())
	}
}

// checkSecurity asks for the restricted pod security profile and, beyond it, a
// read-only root file system.
func checkSecurity(spec corev1.PodSpec, add report) {
	p, c := spec.SecurityContext, spec.Containers[0].SecurityContext
	if p == nil || c == nil {
		add("not the restricted profile: no security context")
		return
	}
	restricted := p.RunAsNonRoot != nil && *p.RunAsNonRoot &&
		p.SeccompProfile != nil && p.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault &&
		c.AllowPrivilegeEscalation != nil && !*c.AllowPrivilegeEscalation &&
		c.Capabilities != nil && len(c.Capabilities.Drop) == 1 && c.Capabilities.Drop[0] == "ALL" &&
		len(c.Capabilities.Add) == 0
	if !restricted {
		add("not the restricted profile: %+v %+v", p, c)
	}
	if c.ReadOnlyRootFilesystem == nil || !*c.ReadOnlyRootFilesystem {
		add("the root file system is writable")
	}
}

func checkEnv(spec corev1.PodSpec, env map[string]string, add report) {
	set := map[string]string{}
	for _, e := range spec.Containers[0].Env {
		if _, ok := env[e.Name]; !ok {
			add("env %s is not read by the server", e.Name)
		}
		if _, ok := set[e.Name]; ok {
			add("env %s is given twice", e.Name)
		}
		set[e.Name] = e.Value
	}
	var drain time.Duration
	for _, name := range []string{"DRAIN_DELAY", "DRAIN_TIMEOUT"} {
		text, ok := set[name]
		if !ok {
			text = env[name]
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			add("env %s: %v", name, err)
		}
		drain += d
	}
	if spec.TerminationGracePeriodSeconds == nil {
		add("no terminationGracePeriodSeconds")
		return
	}
	if grace := time.Duration(*spec.TerminationGracePeriodSeconds) * time.Second; drain >= grace {
		add("DRAIN_DELAY + DRAIN_TIMEOUT %s is not below the grace period %s", drain, grace)
	}
}

// overlay is the one kustomization: one in this folder would break kubectl apply
// of the whole.
const overlay = "more/registry/kustomization.yaml"

func TestManifestsAreValid(t *testing.T) {
	env := knownEnv(t)
	var paths []string
	for _, pattern := range []string{"*.yaml", "more/*/*.yaml"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 {
			t.Fatalf("no manifest in %s", pattern)
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		if path == overlay {
			continue // for kustomize, not for the API
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems(text, env) {
			t.Errorf("%s: %s", path, p)
		}
	}
}

// TestBrokenManifests edits the good manifest in one place and wants the one
// message that belongs to it, so no rule above can pass everything.
func TestBrokenManifests(t *testing.T) {
	env := knownEnv(t)
	good, err := os.ReadFile("online-inference-pod.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/broken.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct{ Name, Replace, With, Want string }
	if err := yaml.UnmarshalStrict(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if n := strings.Count(string(good), c.Replace); n != 1 {
				t.Fatalf("%q occurs %d times, want once", c.Replace, n)
			}
			got := problems([]byte(strings.Replace(string(good), c.Replace, c.With, 1)), env)
			if len(got) != 1 || !strings.Contains(got[0], c.Want) {
				t.Errorf("got:\n%s\nwant one line with %q", strings.Join(got, "\n"), c.Want)
			}
		})
	}
}
