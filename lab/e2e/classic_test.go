//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// classicPrefix begins the names of the Services of k8s-classic/, and the name
// label of the pods behind them.
const classicPrefix = "online-inference-classic-"

// settleTime is long enough for a busy machine.
const settleTime = 3 * time.Minute

// settled says of one object whether it is as documented, and what is seen.
type settled func(ctx context.Context, n *namespace) (bool, string, error)

// classicState is the final state of every object of k8s-classic/. The one that
// never rests, -pod-probes, has a test of its own below.
func classicState() map[string]settled {
	return map[string]settled{
		"Pod online-inference-pod":                               podSettled("online-inference-pod", corev1.PodQOSBurstable),
		"Pod online-inference-pod-resources":                     podSettled("online-inference-pod-resources", corev1.PodQOSBurstable),
		"Pod online-inference-pod-probes":                        podThere("online-inference-pod-probes"),
		"ReplicaSet online-inference-replicaset":                 replicaSetSettled("online-inference-replicaset", 3),
		"Deployment online-inference-deployment-blue-green":      deploymentSettled("online-inference-deployment-blue-green", 4),
		"Deployment online-inference-deployment-rolling-update":  deploymentSettled("online-inference-deployment-rolling-update", 4),
		"Service " + classicPrefix + "pod":                       serviceSettled("pod", 1),
		"Service " + classicPrefix + "pod-resources":             serviceSettled("pod-resources", 1),
		"Service " + classicPrefix + "pod-probes":                probesServiceSettled,
		"Service " + classicPrefix + "replicaset":                serviceSettled("replicaset", 3),
		"Service " + classicPrefix + "deployment-blue-green":     serviceSettled("deployment-blue-green", 4),
		"Service " + classicPrefix + "deployment-rolling-update": serviceSettled("deployment-rolling-update", 4),
	}
}

// moreState is the same for the folders beyond the task, each applied alone.
func moreState() map[string]map[string]settled {
	return map[string]map[string]settled{
		"blue-green": {
			"Deployment online-inference-blue":        deploymentSettled("online-inference-blue", 2),
			"Deployment online-inference-green":       deploymentSettled("online-inference-green", 2),
			"Service " + classicPrefix + "blue-green": serviceSettled("blue-green", 2),
		},
		"recreate": {
			"Deployment online-inference-recreate":  deploymentSettled("online-inference-recreate", 2),
			"Service " + classicPrefix + "recreate": serviceSettled("recreate", 2),
		},
		"canary": {
			"Deployment online-inference-stable":  deploymentSettled("online-inference-stable", 9),
			"Deployment online-inference-canary":  deploymentSettled("online-inference-canary", 1),
			"Service " + classicPrefix + "canary": serviceSettled("canary", 10),
		},
		"hpa": {
			"Deployment online-inference-hpa":              deploymentSettled("online-inference-hpa", 1),
			"HorizontalPodAutoscaler online-inference-hpa": hpaSettled,
			"Service " + classicPrefix + "hpa":             serviceSettled("hpa", 1),
		},
		"pdb": {
			"Deployment online-inference-pdb":          deploymentSettled("online-inference-pdb", 3),
			"PodDisruptionBudget online-inference-pdb": budgetSettled,
			"Service " + classicPrefix + "pdb":         serviceSettled("pdb", 3),
		},
	}
}

// objectsIn are the kinds and names of all documents of a folder's YAML files.
func objectsIn(t *testing.T, folder string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(lab.root, folder, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
		for {
			part, err := reader.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			var head metav1.PartialObjectMetadata
			if err := yaml.Unmarshal(part, &head); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			list = append(list, head.Kind+" "+head.Name)
		}
	}
	return list
}

// settles waits until every object of the folder is as expected. An object
// without an expectation, and an expectation without its object, are failures.
func (n *namespace) settles(ctx context.Context, t *testing.T, folder string, want map[string]settled) {
	t.Helper()
	there := objectsIn(t, folder)
	for name := range want {
		if !slices.Contains(there, name) {
			t.Errorf("%s has no %s", folder, name)
		}
	}
	for _, name := range there {
		holds, known := want[name]
		if !known {
			t.Errorf("%s: nothing is expected of %s", folder, name)
			continue
		}
		if err := n.await(ctx, name, holds); err != nil {
			t.Errorf("%s: %v", folder, err)
		}
	}
}

// restrict has the API refuse every pod that is not of the restricted profile,
// and shows that it does.
func (n *namespace) restrict(ctx context.Context, t *testing.T) {
	t.Helper()
	const label = `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`
	if _, err := lab.kube.CoreV1().Namespaces().Patch(ctx, n.name, types.MergePatchType, []byte(label), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	plain := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "plain"}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "c", Image: "online-inference:v1"}},
	}}
	err := poll(ctx, time.Minute, "a plain pod refused", func(ctx context.Context) (bool, string, error) {
		_, err := lab.kube.CoreV1().Pods(n.name).Create(ctx, plain, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return apierrors.IsForbidden(err) && strings.Contains(err.Error(), `violates PodSecurity "restricted`), fmt.Sprint(err), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ask sends one patient through a Service, by way of the API server, and holds
// the answer against the training framework's own.
func (n *namespace) ask(ctx context.Context, service string, golden map[string][]patient, i int) (reply, error) {
	body, err := json.Marshal([]any{golden["1"][i].Row})
	if err != nil {
		return reply{}, err
	}
	var status int
	result := lab.kube.CoreV1().RESTClient().Post().Namespace(n.name).Resource("services").Name(service+":http").
		SubResource("proxy").Suffix("predict").SetHeader("Content-Type", "application/json").Body(body).Do(ctx).StatusCode(&status)
	text, err := result.Raw()
	if err != nil {
		return reply{}, fmt.Errorf("%w: %s", err, text)
	}
	r := reply{Status: status}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("body %.200q: %w", text, err)
	}
	return r, r.check(golden, i)
}

// TestClassic applies the folder as a whole to an empty namespace that takes
// restricted pods alone, and asserts the final state of every object in it; then
// that each pod belongs to whom it should, that every Service answers, and that
// nothing has moved meanwhile.
func TestClassic(t *testing.T) {
	t.Parallel() // with TestClassicReadme: both mostly wait
	feature(t, "k8s-classic/", func(ctx context.Context, t *testing.T, n *namespace) {
		n.restrict(ctx, t)
		seen := n.watchProbes(ctx, t)
		n.kubectl(ctx, t, "apply", "-f", "k8s-classic/")
		n.settles(ctx, t, "k8s-classic", classicState())
		n.owners(ctx, t)
		golden := goldenPatients(t)
		for _, name := range objectsIn(t, "k8s-classic") {
			service, ok := strings.CutPrefix(name, "Service ")
			if !ok || service == classicPrefix+"pod-probes" {
				continue
			}
			r, err := n.ask(ctx, service, golden, 7)
			if err != nil || r.Version != "1" {
				t.Errorf("%s: version %q, %v", service, r.Version, err)
			}
		}
		n.probesInTurn(ctx, t, seen, golden)
		// Some minutes later: all is as it was, and nothing has been restarted.
		n.settles(ctx, t, "k8s-classic", classicState())
		n.owners(ctx, t)
	})
}

// owners holds every pod of the namespace against the object that should own it:
// nothing is adopted, and there is no pod too many.
func (n *namespace) owners(ctx context.Context, t *testing.T) {
	t.Helper()
	pods, err := lab.kube.CoreV1().Pods(n.name).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, p := range pods.Items {
		owner := "nobody"
		if ref := metav1.GetControllerOf(&p); ref != nil {
			owner = ref.Kind + " " + ref.Name
			if hash := p.Labels["pod-template-hash"]; hash != "" {
				owner = "Deployment " + strings.TrimSuffix(ref.Name, "-"+hash)
			}
		}
		count[owner+" of "+strings.TrimPrefix(p.Labels["app.kubernetes.io/name"], classicPrefix)]++
	}
	want := map[string]int{
		"nobody of pod": 1, "nobody of pod-resources": 1, "nobody of pod-probes": 1,
		"ReplicaSet online-inference-replicaset of replicaset":                               3,
		"Deployment online-inference-deployment-blue-green of deployment-blue-green":         4,
		"Deployment online-inference-deployment-rolling-update of deployment-rolling-update": 4,
	}
	if fmt.Sprint(count) != fmt.Sprint(want) {
		t.Errorf("pods by owner and name:\n%v\nwant\n%v", count, want)
	}
}

// TestClassicMore applies each folder of k8s-classic/more/ alone.
func TestClassicMore(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(lab.root, "k8s-classic/more/*"))
	if err != nil {
		t.Fatal(err)
	}
	golden, states := goldenPatients(t), moreState()
	for _, path := range folders {
		name := filepath.Base(path)
		if name == "registry" {
			continue // TestClassicRegistry
		}
		folder := "k8s-classic/more/" + name
		feature(t, folder, func(ctx context.Context, t *testing.T, n *namespace) {
			n.restrict(ctx, t)
			n.kubectl(ctx, t, "apply", "-f", folder+"/")
			n.settles(ctx, t, folder, states[name])
			switch name {
			case "blue-green":
				n.versions(ctx, t, "blue-green", golden, 20, map[string]bool{"1": true})
				n.kubectl(ctx, t, "patch", "service", classicPrefix+"blue-green", "-p", `{"spec":{"selector":{"slot":"green"}}}`)
				n.settles(ctx, t, folder, states[name])
				n.versions(ctx, t, "blue-green", golden, 20, map[string]bool{"2": true})
			case "canary":
				// Without v2 in 100 answers at a tenth: three times in 100,000.
				n.versions(ctx, t, "canary", golden, 100, map[string]bool{"1": true, "2": true})
			default:
				n.versions(ctx, t, name, golden, 5, map[string]bool{"1": true})
			}
		})
		delete(states, name)
	}
	if len(states) > 0 {
		t.Errorf("no folder in k8s-classic/more/ for %v", states)
	}
}

// versions asks a Service some times and wants answers of these versions, all of
// them and no other.
func (n *namespace) versions(ctx context.Context, t *testing.T, suffix string, golden map[string][]patient, times int, want map[string]bool) {
	t.Helper()
	got := map[string]int{}
	for i := range times {
		r, err := n.ask(ctx, classicPrefix+suffix, golden, i)
		if err != nil {
			t.Fatal(err)
		}
		got[r.Version]++
	}
	t.Logf("%s%s: answers by version %v", classicPrefix, suffix, got)
	for version := range got {
		if !want[version] {
			t.Errorf("%s%s: version %s answered", classicPrefix, suffix, version)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s%s: answers by version %v, want all of %v", classicPrefix, suffix, got, want)
	}
}

// TestClassicRegistry renders the overlay with the lab's own registry and applies
// it: the same objects, the images from there.
func TestClassicRegistry(t *testing.T) {
	feature(t, "k8s-classic/more/registry", func(ctx context.Context, t *testing.T, n *namespace) {
		out, err := lab.run(ctx, "kubectl", "kustomize", "--load-restrictor", "LoadRestrictionsNone", "k8s-classic/more/registry")
		must(t, out, err)
		const example = "registry.example.com/team/online-inference"
		if got := strings.Count(out, "image: "+example+":v1\n"); got != 6 {
			t.Errorf("%d images of six are the registry's", got)
		}
		file := filepath.Join(t.TempDir(), "rendered.yaml")
		here := variable(lab.environ, "KO_DOCKER_REPO") + "/online-inference"
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(out, example, here)), 0o600); err != nil {
			t.Fatal(err)
		}
		n.restrict(ctx, t)
		n.kubectl(ctx, t, "apply", "-f", file)
		n.settles(ctx, t, "k8s-classic", classicState())
		if r, err := n.ask(ctx, classicPrefix+"replicaset", goldenPatients(t), 1); err != nil || r.Version != "1" {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
