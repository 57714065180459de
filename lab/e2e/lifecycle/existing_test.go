//go:build e2e && linux

package lifecycle

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"online-inference/lab/cluster"
)

// kubectl calls the lab's own kubectl on its cluster.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "../../../.lab/bin/kubectl",
		append([]string{"--kubeconfig", "../../../.lab/kubeconfig"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestExistingCluster uses the lab's cluster as if it were somebody else's.
func TestExistingCluster(t *testing.T) {
	lab := program(t)
	must(t, lab, "up")
	kubeconfig, err := filepath.Abs("../../../.lab/kubeconfig")
	if err != nil {
		t.Fatal(err)
	}
	existing := func(more ...string) []string {
		return append([]string{"LAB=existing", "KUBECONFIG=" + kubeconfig, "KUBE_CONTEXT=" + cluster.ContextName}, more...)
	}
	objects := func() string {
		all := kubectl(t, "get", "namespaces,clusterroles,clusterrolebindings,customresourcedefinitions,mutatingwebhookconfigurations,validatingwebhookconfigurations", "-o", "name")
		var kept []string
		for line := range strings.Lines(all) {
			// Namespaces of tests that ran before may still be on their way out.
			if !strings.HasPrefix(line, "namespace/e2e-") {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "")
	}
	before := objects()
	for name, c := range map[string]struct {
		environ []string
		verb    string
		want    string
	}{
		"no context":        {[]string{"LAB=existing", "KUBECONFIG=" + kubeconfig}, "up", "needs KUBE_CONTEXT=NAME"},
		"unknown context":   {existing("KUBE_CONTEXT=other"), "up", `no context "other"`},
		"no agreement":      {existing(), "up", "not agreed to"},
		"foreign namespace": {existing("YES=1", "NAMESPACE=kube-public"), "up", "was not made by the lab"},
		"foreign deploy":    {existing("YES=1", "NAMESPACE=kube-public"), "deploy", "was not made by the lab"},
		"foreign promote":   {existing("YES=1", "NAMESPACE=kube-public"), "promote", "was not made by the lab"},
		"foreign down":      {existing("YES=1", "NAMESPACE=kube-public"), "down", "was not made by the lab"},
		"promote nothing":   {existing("YES=1"), "promote", "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			if code, said := run(t, lab, ".", c.environ, c.verb); code != 2 || !strings.Contains(said, c.want) {
				t.Errorf("exit code %d, %q; want 2 and %q", code, said, c.want)
			}
			if now := objects(); now != before {
				t.Errorf("the refusal changed the cluster:\n%s", now)
			}
		})
	}
	// Agreed to: the namespace is made and labelled, and only it goes again.
	code, said := run(t, lab, ".", existing("YES=1"), "up")
	if code != 0 || !strings.Contains(said, "context    "+cluster.ContextName) || !strings.Contains(said, "namespace  online-inference-lab") {
		t.Fatalf("exit code %d, %q", code, said)
	}
	label := kubectl(t, "get", "namespace", "online-inference-lab", "-o", `jsonpath={.metadata.labels.app\.kubernetes\.io/managed-by}`)
	if label != "online-inference-lab" {
		t.Errorf("the namespace's label is %q", label)
	}
	if code, said := run(t, lab, ".", existing("YES=1"), "down"); code != 0 || !strings.Contains(said, "deleted the namespace online-inference-lab") {
		t.Errorf("down: exit code %d, %q", code, said)
	}
	if now := objects(); now != before {
		t.Errorf("the cluster before:\n%s\nand after:\n%s", before, now)
	}
}
