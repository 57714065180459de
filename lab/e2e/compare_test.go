//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"online-inference/lab/compare"
)

// live is how many experiments are played again by the tests: the shortest.
const live = 6

// labProgram builds the lab's program.
func labProgram(ctx context.Context, t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lab")
	out, err := command(ctx, filepath.Join(lab.root, "lab"), os.Environ(), "go", "build", "-trimpath", "-buildvcs=false", "-o", path, ".")
	must(t, out, err)
	return path
}

// TestExperiments plays the shortest experiments once each. The program holds
// what it records against the claims, and fails where one is broken.
func TestExperiments(t *testing.T) {
	all := compare.All()
	slices.SortStableFunc(all, func(a, b compare.Experiment) int { return cmp.Compare(a.Takes, b.Takes) })
	names := make([]string, live)
	for i, e := range all[:live] {
		names[i] = e.Name
	}
	play(t, nil, names...)
}

// TestExperimentElsewhere plays one with the lab's cluster taken for somebody
// else's: clients outside of it, a NodePort in place of the ClusterIP.
func TestExperimentElsewhere(t *testing.T) {
	services, err := lab.kube.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(services.Items) == 0 || len(services.Items[0].Status.Addresses) == 0 {
		t.Fatalf("no node with an address: %v", err)
	}
	n := newNamespace(t.Context(), t)
	defer n.remove(context.WithoutCancel(t.Context()), t)
	play(t, []string{"LAB=existing", "KUBE_CONTEXT=online-inference-lab", "NAMESPACE=" + n.name, "YES=1",
		"INGRESS=" + services.Items[0].Status.Addresses[0].Address + ":80"}, "rolling-25-25")
}

// play runs `lab compare` once a name and looks at what it leaves.
func play(t *testing.T, environ []string, names ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	program, folder := labProgram(ctx, t), t.TempDir()
	out, err := command(ctx, lab.root, append(slices.Clone(lab.environ), environ...), program,
		append([]string{"compare", "-runs", "1", "-out", folder}, names...)...)
	t.Log(out)
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, f := range files {
		got = append(got, f.Name())
	}
	for _, name := range names {
		want = append(want, compare.FileName(name, 1))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("records %q, want %q", got, want)
	}
	left, err := lab.kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=online-inference-lab"})
	if err != nil {
		t.Fatal(err)
	}
	for _, ns := range left.Items {
		for _, name := range names {
			if strings.HasSuffix(ns.GenerateName, "-"+name+"-1-") {
				t.Errorf("the namespace %s is left", ns.Name)
			}
		}
	}
}
