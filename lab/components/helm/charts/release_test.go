package charts

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// TestNames tells the Service's name for names of releases.
func TestNames(t *testing.T) {
	long := strings.Repeat("a", 53) // the most that Helm takes
	for _, c := range []struct{ release, values, want string }{
		{"demo", "", "demo-online-inference"},
		{"online-inference", "", "online-inference-helm"}, // not the Knative Service's
		{"my-online-inference", "", "my-online-inference"},
		{"online-inference-a", "", "online-inference-a"},
		{"a.b", "", "a-b-online-inference"},
		{long, "", long},
		{"demo", "fullnameOverride=churn", "churn"},
		{"demo", "nameOverride=churn", "demo-churn"},
		{"7b", "fullnameOverride=churn", "churn"},
	} {
		all := objects(t, mustRender(t, c.release, set(c.values)))
		for _, kind := range []string{"Service", "Deployment", "ConfigMap", "ServiceAccount", "PodDisruptionBudget"} {
			if all[kind+"/"+c.want] == nil {
				t.Errorf("release %s, %s: no %s called %s", c.release, c.values, kind, c.want)
			}
		}
	}
	if _, err := render(t, "7b", set()); err == nil || !strings.Contains(err.Error(), "has to start with a letter") {
		t.Errorf("release 7b: %v", err)
	}
}

// TestTwoReleases renders two of one chart for one namespace: no object has the
// name of another, and nobody selects the other's pods or the pod of the test.
func TestTwoReleases(t *testing.T) {
	a, b := objects(t, mustRender(t, "a", set("autoscaling.enabled=true"))), objects(t, mustRender(t, "b", set("autoscaling.enabled=true")))
	if len(a) != 7 || len(b) != 7 {
		t.Fatalf("%d and %d objects, expected 7", len(a), len(b))
	}
	for name := range a {
		if b[name] != nil {
			t.Errorf("both releases make %s", name)
		}
	}
	for _, c := range []struct {
		selector string
		path     []string
	}{
		{"Service", []string{"spec", "selector"}},
		{"Deployment", []string{"spec", "selector", "matchLabels"}},
		{"PodDisruptionBudget", []string{"spec", "selector", "matchLabels"}},
	} {
		selector := labels.SelectorFromSet(texts(t, a[c.selector+"/a-online-inference"], c.path...))
		pods := func(o *unstructured.Unstructured) labels.Set {
			return texts(t, o, "spec", "template", "metadata", "labels")
		}
		if selector.Empty() || !selector.Matches(pods(a["Deployment/a-online-inference"])) {
			t.Errorf("%s selects %s: not its own pods", c.selector, selector)
		}
		if selector.Matches(pods(b["Deployment/b-online-inference"])) {
			t.Errorf("%s of a selects the pods of b", c.selector)
		}
		if selector.Matches(texts(t, a["Pod/a-online-inference-test"], "metadata", "labels")) {
			t.Errorf("%s selects the pod of the test", c.selector)
		}
	}
}

func texts(t *testing.T, o *unstructured.Unstructured, path ...string) labels.Set {
	t.Helper()
	if o == nil {
		t.Fatal("the object is missing")
	}
	found, ok, err := unstructured.NestedStringMap(o.Object, path...)
	if err != nil || !ok {
		t.Fatalf("%s %s: no %v (%v)", o.GetKind(), o.GetName(), path, err)
	}
	return found
}

// TestChecksum tells which changes make new pods: what they read, and not what
// only names the chart or the Service.
func TestChecksum(t *testing.T) {
	sum := func(values string) string {
		o := objects(t, mustRender(t, "demo", set(values)))["Deployment/demo-online-inference"]
		return texts(t, o, "spec", "template", "metadata", "annotations")["checksum/config"]
	}
	before := sum("model.version=1,model.yaml=a")
	for _, values := range []string{"config.LOG_LEVEL=debug,model.version=1,model.yaml=a", "model.version=2,model.yaml=a",
		"model.version=1,model.yaml=b", "model.version=1,model.yaml=a,model.name=x", "model.volume.configMap.name=x"} {
		if sum(values) == before {
			t.Errorf("%s: the checksum stays", values)
		}
	}
	if sum("model.version=1,model.yaml=a,service.port=81,replicaCount=4") != before {
		t.Error("the checksum changes with what no pod reads")
	}
}

// TestReplicas has the number of pods written by one hand only.
func TestReplicas(t *testing.T) {
	for values, want := range map[string]bool{"replicaCount=4": true, "autoscaling.enabled=true": false} {
		all := objects(t, mustRender(t, "demo", set(values)))
		_, there, err := unstructured.NestedFieldNoCopy(all["Deployment/demo-online-inference"].Object, "spec", "replicas")
		if err != nil || there != want {
			t.Errorf("%s: replicas in the Deployment: %t (%v)", values, there, err)
		}
		if hpa := all["HorizontalPodAutoscaler/demo-online-inference"] != nil; hpa == want {
			t.Errorf("%s: an autoscaler: %t", values, hpa)
		}
	}
}

// TestNotes has the commands of the notes carry names and namespace; the
// end-to-end test runs them.
func TestNotes(t *testing.T) {
	for values, last := range map[string]string{
		"": "localhost:8080/predict", "model.volume.configMap.name=x": "localhost:8080/v2",
	} {
		notes := mustRender(t, "demo", set(values)).Info.Notes
		var commands []string
		for line := range strings.Lines(notes) {
			if command, ok := strings.CutPrefix(line, "  "); ok {
				commands = append(commands, strings.TrimSpace(command))
			}
		}
		if len(commands) != 7 {
			t.Errorf("%d commands:\n%s", len(commands), notes)
		}
		for _, c := range commands {
			switch program, rest, _ := strings.Cut(c, " "); program {
			case "kubectl":
				if !strings.HasPrefix(rest, "--namespace models ") || !strings.Contains(rest, "demo-online-inference") {
					t.Errorf("%s: without namespace or name", c)
				}
			case "helm":
				if rest != "test demo --namespace models" {
					t.Errorf("%s: not the release's test", c)
				}
			case "curl":
				if !strings.HasPrefix(rest, "-sS --fail localhost:8080/") {
					t.Errorf("%s: not the forwarded port", c)
				}
			default:
				t.Errorf("%s: what is %s?", c, program)
			}
		}
		if !strings.Contains(notes, last) {
			t.Errorf("%s: no %s in\n%s", values, last, notes)
		}
	}
}
