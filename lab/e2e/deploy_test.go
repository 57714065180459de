//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"

	"online-inference/lab/cluster"
)

// rounds is how often each way to deploy is tried from an empty namespace:
// E2E_ROUNDS, or 5. The recorded figure in knative/README.md is of 20.
func rounds(t *testing.T) int {
	t.Helper()
	text, ok := os.LookupEnv("E2E_ROUNDS")
	if !ok {
		return 5
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("E2E_ROUNDS is %q, want a number above 0", text)
	}
	return n
}

// TestDeploy brings v1 and v2 up from nothing, in the three ways that the docs
// name, all at once, so that both cores are busy while each of them races.
func TestDeploy(t *testing.T) {
	ways := []struct {
		name       string
		guaranteed bool // by the API, not by luck
		deploy     func(ctx context.Context, n *namespace) error
		remove     func(ctx context.Context, n *namespace) error
	}{
		{"ko apply -f knative/", false, func(ctx context.Context, n *namespace) error {
			if _, err := n.koApply(ctx, "knative/"); err != nil {
				return err
			}
			return n.bothReady(ctx, 90*time.Second)
		}, func(ctx context.Context, n *namespace) error { return n.gone(ctx) }},
		{"make deploy", true, func(ctx context.Context, n *namespace) error {
			if _, err := n.make(ctx, "deploy"); err != nil {
				return err
			}
			return n.bothReady(ctx, 90*time.Second)
		}, func(ctx context.Context, n *namespace) error { return n.gone(ctx) }},
		{"ko apply -f knative/gitops/", true, func(ctx context.Context, n *namespace) error {
			if _, err := n.koApply(ctx, "knative/gitops/"); err != nil {
				return err
			}
			return n.routeReady(ctx, "online-inference-gitops", 90*time.Second)
		}, func(ctx context.Context, n *namespace) error {
			_, err := lab.run(ctx, "kubectl", "-n", n.name, "delete", "-f", "knative/gitops/", "--ignore-not-found", "--wait")
			return err
		}},
	}
	count := rounds(t)
	done := make([]int, len(ways))
	failed := make([]error, len(ways))
	t.Run("all", func(t *testing.T) {
		for i, way := range ways {
			t.Run(way.name, func(t *testing.T) {
				t.Parallel()
				feature(t, way.name, func(ctx context.Context, t *testing.T, n *namespace) {
					for range count {
						if err := way.deploy(ctx, n); err != nil {
							failed[i] = errors.Join(failed[i], err)
						} else {
							done[i]++
						}
						if err := way.remove(ctx, n); err != nil {
							t.Fatal(err)
						}
					}
				})
			})
		}
	})
	for i, way := range ways {
		t.Logf("%-28s both revisions Ready in %d of %d rounds", way.name, done[i], count)
		if failed[i] != nil {
			t.Logf("%s: %v", way.name, failed[i])
		}
		if way.guaranteed && done[i] != count {
			t.Errorf("%s: Ready in %d of %d rounds, it is guaranteed", way.name, done[i], count)
		}
	}
	if done[0] == 0 {
		t.Errorf("%s never worked", ways[0].name)
	}
}

func (n *namespace) routeReady(ctx context.Context, name string, limit time.Duration) error {
	return poll(ctx, limit, "Route Ready in "+n.name, func(ctx context.Context) (bool, string, error) {
		r, err := lab.serving.ServingV1().Routes(n.name).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return again(err)
		}
		c := r.Status.GetCondition(apis.ConditionReady)
		return r.Generation == r.Status.ObservedGeneration && c.IsTrue(), fmt.Sprintf("%+v", c), nil
	})
}

// deployed brings the Service up in the way that is guaranteed.
func (n *namespace) deployed(ctx context.Context, t *testing.T) {
	t.Helper()
	out, err := n.make(ctx, "deploy")
	must(t, out, err)
	if err := n.bothReady(ctx, 90*time.Second); err != nil {
		t.Fatal(err)
	}
}

// shares is the traffic of the Service as spec and status agree on it.
func (n *namespace) shares(ctx context.Context, t *testing.T) string {
	t.Helper()
	var parts []string
	for _, target := range n.service(ctx, t).Status.Traffic {
		percent := int64(0)
		if target.Percent != nil {
			percent = *target.Percent
		}
		parts = append(parts, fmt.Sprintf("%s=%s:%d", target.Tag, target.RevisionName, percent))
	}
	return strings.Join(parts, " ")
}

// TestDeployAgain shows what applying again does: nothing while nothing has
// changed; after the source has, a refusal by Knative that loses no traffic; new
// revisions and the same shares by `make deploy`; and, by plain apply after a
// promotion, the shares of the files.
func TestDeployAgain(t *testing.T) {
	feature(t, "deploying again", func(ctx context.Context, t *testing.T, n *namespace) {
		n.deployed(ctx, t)
		before := n.shares(ctx, t)
		if want := "v1=online-inference-v1:90 v2=online-inference-v2:10"; before != want {
			t.Fatalf("traffic %q, want %q", before, want)
		}

		out, err := n.make(ctx, "deploy")
		must(t, out, err)
		if got := len(n.revisions(ctx, t)); got != 2 {
			t.Errorf("%d revisions after an unchanged deploy, want 2", got)
		}
		out, err = n.koApply(ctx, "knative/")
		must(t, out, err)
		if err := n.bothReady(ctx, 90*time.Second); err != nil {
			t.Errorf("after an unchanged apply: %v", err)
		}

		must(t, "", n.promote(ctx))
		if got, want := n.shares(ctx, t), "v1=online-inference-v1:0 v2=online-inference-v2:100"; got != want {
			t.Errorf("after the promotion: traffic %q, want %q", got, want)
		}
		out, err = n.make(ctx, "deploy")
		must(t, out, err)
		if got, want := n.shares(ctx, t), "v1=online-inference-v1:0 v2=online-inference-v2:100"; got != want {
			t.Errorf("make deploy after the promotion: traffic %q, want %q", got, want)
		}
		out, err = n.koApply(ctx, "knative/")
		must(t, out, err)
		if err := n.bothReady(ctx, 90*time.Second); err != nil {
			t.Error(err)
		}
		if got := n.shares(ctx, t); got != before {
			t.Errorf("plain apply after the promotion: traffic %q, want the files' %q", got, before)
		}
		n.changedSource(ctx, t)
	})
}

func (n *namespace) promote(ctx context.Context) error {
	_, err := n.make(ctx, "promote")
	return err
}

// changedSource deploys a copy of the checkout with one line of the function
// changed, under a steady load that must not lose a request.
func (n *namespace) changedSource(ctx context.Context, t *testing.T) {
	t.Helper()
	dir := copyCheckout(ctx, t)
	page := filepath.Join(dir, "function", "main.go")
	source, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(source), "func main() {", "func main() {\n\tprintln(\"changed\")", 1)
	if changed == string(source) {
		t.Fatal("function/main.go has no func main() to change")
	}
	if err := os.WriteFile(page, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}

	load := n.startLoad(ctx, t, 20)
	out, err := lab.runIn(ctx, dir, "ko", "apply", "-f", "knative/", "--", "-n", n.name)
	must(t, out, err) // kubectl says "configured"; the refusal is in the status
	if err := n.refused(ctx); err != nil {
		t.Error(err)
	}
	if got := len(n.revisions(ctx, t)); got != 2 {
		t.Errorf("%d revisions after the refusal, want 2", got)
	}
	if got, want := n.shares(ctx, t), "v1=online-inference-v1:90 v2=online-inference-v2:10"; got != want {
		t.Errorf("traffic after the refusal: %q, want %q", got, want)
	}
	load.stop(t, "plain apply of a changed source")

	load = n.startLoad(ctx, t, 20)
	// Another checkout may not use this one's lab as its own, but as an existing cluster.
	existing := append(slices.Clone(lab.environ), "NAMESPACE="+n.name, "LAB=existing", "KUBE_CONTEXT="+cluster.ContextName, "YES=1")
	if _, err := command(ctx, dir, existing, filepath.Join(lab.root, ".lab", "bin", "lab"), "deploy"); err != nil {
		t.Fatal(err)
	}
	if err := n.ready(ctx, 90*time.Second); err != nil {
		t.Error(err)
	}
	load.stop(t, "make deploy of a changed source")
	traffic := n.service(ctx, t).Status.Traffic
	if len(traffic) != 2 || *traffic[0].Percent != 90 || *traffic[1].Percent != 10 || traffic[0].Tag != "v1" || traffic[1].Tag != "v2" {
		t.Errorf("traffic after make deploy: %+v, want 90 and 10 kept", traffic)
	}
	for i, prefix := range []string{"online-inference-v1-", "online-inference-v2-"} {
		name := traffic[i].RevisionName
		if digest, ok := strings.CutPrefix(name, prefix); !ok || len(digest) != 8 {
			t.Errorf("revision %q, want %s and 8 characters of the digest", name, prefix)
		}
	}
}

// refused waits for Knative's answer to a new image under an old revision name.
func (n *namespace) refused(ctx context.Context) error {
	return poll(ctx, time.Minute, "refusal in "+n.name, func(ctx context.Context) (bool, string, error) {
		s, err := lab.serving.ServingV1().Services(n.name).Get(ctx, service, metav1.GetOptions{})
		if err != nil {
			return again(err)
		}
		c := s.Status.GetCondition(apis.ConditionReady)
		refused := c.IsFalse() && c.Reason == "RevisionNameTaken" && strings.Contains(c.Message, "is taken by a conflicting Revision, so traffic will not be migrated")
		return refused, fmt.Sprintf("%+v", c), nil
	})
}

// copyCheckout copies what an image is built from.
func copyCheckout(ctx context.Context, t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	out, err := command(ctx, lab.root, lab.environ, "cp", "-a", "go.mod", "go.sum", ".ko.yaml", "ko.yaml", "engine", "function", "knative", "lab", dir)
	must(t, out, err)
	return dir
}
