package kubescore

import (
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zegl/kube-score/config"
	ks "github.com/zegl/kube-score/domain"
	"github.com/zegl/kube-score/parser"
	"github.com/zegl/kube-score/score"
	"github.com/zegl/kube-score/score/checks"
	"github.com/zegl/kube-score/scorecard"
)

const root = "../../.."

// accepted are the findings that stand, everywhere.
var accepted = map[string]string{
	"container-image-pull-policy":                   "Always would ask a registry: the image is loaded into the node",
	"container-ephemeral-storage-request-and-limit": "the root file system is read-only and nothing is mounted writable; the log is bounded by the kubelet",
	"pod-networkpolicy":                             "who may call is the cluster's decision, and kind and minikube enforce none by default",
	"deployment-has-host-podantiaffinity":           "made for one node, where it would do nothing",
}

// acceptedIn are those that stand in some sets alone: they are what a set shows.
var acceptedIn = map[string]map[string]string{
	"k8s-classic":                                      {"deployment-has-poddisruptionbudget": noBudget},
	"k8s-classic/more/blue-green":                      {"deployment-has-poddisruptionbudget": noBudget},
	"k8s-classic/more/canary":                          {"deployment-has-poddisruptionbudget": noBudget, "deployment-replicas": "one pod of ten is the canary"},
	"k8s-classic/more/recreate":                        {"deployment-has-poddisruptionbudget": noBudget, "deployment-strategy": "Recreate is what it shows"},
	"k8s-classic/more/hpa":                             {"deployment-has-poddisruptionbudget": noBudget, "horizontalpodautoscaler-replicas": "from one pod on is what it shows"},
	"k8s-classic/chart/testdata/renders/recreate.yaml": {"deployment-strategy": "Recreate is what it renders", "service-type": "NodePort is what it renders"},
}

// unseen are findings that stem from what kube-score does not know, by check and
// object.
var unseen = map[string]string{
	"service-targets-pod online-inference-classic-replicaset": "it looks into Deployments and not into ReplicaSets; the rules in k8s-classic/rules do",
}

const noBudget = "a budget is shown in more/pdb; on one node it would only block its drain"

type named struct {
	io.Reader
	name string
}

func (n named) Name() string { return n.name }

// judge gives the findings of a set, by check: each with the object and comment.
func judge(t *testing.T, files map[string][]byte) map[string][]string {
	t.Helper()
	var readers []ks.NamedReader
	for _, name := range slices.Sorted(maps.Keys(files)) {
		readers = append(readers, named{bytes.NewReader(files[name]), name})
	}
	p, err := parser.New(&parser.Config{})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := p.ParseFiles(readers)
	if err != nil {
		t.Fatal(err)
	}
	run := &config.RunConfiguration{
		// A limit of CPU would throttle the start; -pod-resources has one, to show it.
		IgnoreContainerCpuLimitRequirement: true,
		KubernetesVersion:                  config.Semver{Major: 1, Minor: 35},
		MinReplicasDeployment:              2, MinReplicasHPA: 2,
		EnabledOptionalTests: map[string]struct{}{"container-seccomp-profile": {}, "container-ports-check": {}},
	}
	card, err := score.Score(parsed, score.RegisterAllChecks(parsed, &checks.Config{}, run), run)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, object := range *card {
		for _, c := range object.Checks {
			if c.Skipped || c.Grade > scorecard.GradeWarning {
				continue
			}
			if unseen[c.Check.ID+" "+object.ObjectMeta.Name] != "" {
				continue
			}
			text := object.HumanFriendlyRef()
			for _, comment := range c.Comments {
				text += "; " + comment.Summary
			}
			found[c.Check.ID] = append(found[c.Check.ID], text)
		}
	}
	return found
}

// sets are the files that are applied together, by their folder; a render of the
// chart is a set of its own.
func sets(t *testing.T) map[string]map[string][]byte {
	t.Helper()
	all := map[string]map[string][]byte{}
	for pattern, least := range map[string]int{"k8s-classic/*.yaml": 12, "k8s-classic/more/*/*.yaml": 14, "k8s-classic/chart/testdata/renders/*.yaml": 1} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		if len(paths) < least {
			t.Errorf("%s: %d files, want %d at least", pattern, len(paths), least)
		}
		for _, path := range paths {
			if filepath.Base(path) == "kustomization.yaml" {
				continue // no object of the API
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			set := filepath.Dir(name)
			if strings.HasSuffix(set, "renders") {
				set = name
			}
			if all[set] == nil {
				all[set] = map[string][]byte{}
			}
			all[set][name] = text
		}
	}
	return all
}

// TestManifests: whatever kube-score finds, and nothing accepts, fails; so does an
// acceptance that is of no use any more. Knative's kinds are none that it knows.
func TestManifests(t *testing.T) {
	used := map[string]bool{}
	for set, files := range sets(t) {
		for check, objects := range judge(t, files) {
			switch {
			case acceptedIn[set][check] != "":
				used[set+" "+check] = true
			case accepted[check] != "":
				used[check] = true
			default:
				t.Errorf("%s: %s:\n\t%s", set, check, strings.Join(objects, "\n\t"))
			}
		}
	}
	for check, why := range accepted {
		if !used[check] {
			t.Errorf("%s is not found any more, and accepted (%s)", check, why)
		}
	}
	for set, list := range acceptedIn {
		for check, why := range list {
			if !used[set+" "+check] {
				t.Errorf("%s: %s is not found any more, and accepted (%s)", set, check, why)
			}
		}
	}
}

// TestFaultsAreFound: one edit of the good Pod and Service, and the check that
// sees it.
func TestFaultsAreFound(t *testing.T) {
	good := sets(t)["k8s-classic"]
	for _, c := range []struct{ file, replace, with, want string }{
		{"service-pod.yaml", "name: online-inference-classic-pod\n  ports", "name: nothing\n  ports", "service-targets-pod"},
		{"online-inference-pod.yaml", "online-inference:v1", "online-inference:latest", "container-image-tag"},
		{"online-inference-pod.yaml", "/v2/health/live", "/v2/health/ready", "pod-probes-identical"},
		{"online-inference-pod.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "container-security-context-readonlyrootfilesystem"},
		{"online-inference-pod.yaml", "runAsUser: 65532", "runAsUser: 100", "container-security-context-user-group-id"},
		{"online-inference-pod.yaml", "    seccompProfile:\n      type: RuntimeDefault\n", "", "container-seccomp-profile"},
	} {
		name := "k8s-classic/" + c.file
		files := maps.Clone(good)
		if n := bytes.Count(files[name], []byte(c.replace)); n != 1 {
			t.Fatalf("%s: %q occurs %d times, want once", c.file, c.replace, n)
		}
		files[name] = bytes.Replace(files[name], []byte(c.replace), []byte(c.with), 1)
		found := judge(t, files)
		if _, ok := found[c.want]; !ok {
			t.Errorf("%s with %q: %v, want %s", c.file, c.with, slices.Sorted(maps.Keys(found)), c.want)
		}
	}
}
