//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"knative.dev/pkg/apis"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"
)

// service is the name of the Knative Service in knative/.
const service = "online-inference"

// namespace is where one test lives.
type namespace struct{ name string }

func newNamespace(ctx context.Context, t *testing.T) *namespace {
	t.Helper()
	ns, err := lab.kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		// The label is the lab's own, so that it takes the namespace for one that it made.
		GenerateName: "e2e-", Labels: map[string]string{"app.kubernetes.io/managed-by": "online-inference-lab"},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("cannot make a namespace: %v", err)
	}
	return &namespace{ns.Name}
}

func (n *namespace) remove(ctx context.Context, t *testing.T) {
	t.Helper()
	if t.Failed() {
		t.Log(n.describe(ctx))
	}
	if err := lab.kube.CoreV1().Namespaces().Delete(ctx, n.name, metav1.DeleteOptions{}); err != nil {
		t.Errorf("cannot delete namespace %s: %v", n.name, err)
	}
}

// describe is what one wants to see of a namespace after a failure.
func (n *namespace) describe(ctx context.Context) string {
	out, err := lab.run(ctx, "kubectl", "-n", n.name, "get", "ksvc,route,configuration,revision,pods,events", "--ignore-not-found")
	if err != nil {
		return fmt.Sprintf("cannot describe %s: %v", n.name, err)
	}
	return out
}

// command runs a program and gives its standard output; the error carries what
// it wrote to standard error.
func command(ctx context.Context, dir string, environ []string, name string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = dir, environ
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	c.WaitDelay = 10 * time.Second
	if err := c.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// run runs a program in the checkout with the lab's environment.
func (s *suite) run(ctx context.Context, name string, args ...string) (string, error) {
	return s.runIn(ctx, s.root, name, args...)
}

func (s *suite) runIn(ctx context.Context, dir, name string, args ...string) (string, error) {
	for _, folder := range filepath.SplitList(variable(s.environ, "PATH")) {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return command(ctx, dir, s.environ, path, args...)
		}
	}
	return "", fmt.Errorf("no %s on the PATH of .lab/env", name)
}

func must(t *testing.T, out string, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// koApply is the mission's own line, in this namespace.
func (n *namespace) koApply(ctx context.Context, path string) (string, error) {
	return lab.run(ctx, "ko", "apply", "-f", path, "--", "-n", n.name)
}

func (n *namespace) kubectl(ctx context.Context, t *testing.T, args ...string) string {
	t.Helper()
	out, err := lab.run(ctx, "kubectl", append([]string{"-n", n.name}, args...)...)
	return must(t, out, err)
}

// make runs a target of the Makefile against this namespace.
func (n *namespace) make(ctx context.Context, args ...string) (string, error) {
	return command(ctx, lab.root, append(lab.environ, "NAMESPACE="+n.name), "make", args...)
}

// poll asks until the condition holds; at the end it says what was last seen.
func poll(ctx context.Context, limit time.Duration, what string, holds func(ctx context.Context) (bool, string, error)) error {
	last := "nothing"
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, limit, true, func(ctx context.Context) (bool, error) {
		ok, seen, err := holds(ctx)
		last = seen
		return ok, err
	})
	if err != nil {
		return fmt.Errorf("%s: %w; last seen: %s", what, err, last)
	}
	return nil
}

// again is the answer of a condition that could not ask: an API server may be
// busy or an object not there yet, so the next round asks again.
func again(err error) (holds bool, seen string, fault error) { return false, err.Error(), nil }

// ready waits until the Service has observed its newest form and is Ready.
func (n *namespace) ready(ctx context.Context, limit time.Duration) error {
	return n.readyService(ctx, service, limit)
}

// readyService is ready for a Service of another name.
func (n *namespace) readyService(ctx context.Context, name string, limit time.Duration) error {
	return poll(ctx, limit, "Service "+name+" Ready in "+n.name, func(ctx context.Context) (bool, string, error) {
		s, err := lab.serving.ServingV1().Services(n.name).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return again(err)
		}
		c := s.Status.GetCondition(apis.ConditionReady)
		return s.Generation == s.Status.ObservedGeneration && c.IsTrue(), fmt.Sprintf("generation %d of %d, %+v", s.Status.ObservedGeneration, s.Generation, c), nil
	})
}

func (n *namespace) revisions(ctx context.Context, t *testing.T) []servingv1.Revision {
	t.Helper()
	list, err := lab.serving.ServingV1().Revisions(n.name).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func (n *namespace) service(ctx context.Context, t *testing.T) *servingv1.Service {
	t.Helper()
	s, err := lab.serving.ServingV1().Services(n.name).Get(ctx, service, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// gone deletes the Service and waits until its revisions and routes are gone.
func (n *namespace) gone(ctx context.Context) error {
	err := lab.serving.ServingV1().Services(n.name).Delete(ctx, service, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return poll(ctx, 2*time.Minute, "Service gone from "+n.name, func(ctx context.Context) (bool, string, error) {
		revisions, err := lab.serving.ServingV1().Revisions(n.name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return again(err)
		}
		routes, err := lab.serving.ServingV1().Routes(n.name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return again(err)
		}
		left := len(revisions.Items) + len(routes.Items)
		return left == 0, fmt.Sprintf("%d objects", left), nil
	})
}

// bothReady waits until the Service is Ready and both revisions are.
func (n *namespace) bothReady(ctx context.Context, limit time.Duration) error {
	if err := n.ready(ctx, limit); err != nil {
		return err
	}
	list, err := lab.serving.ServingV1().Revisions(n.name).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	ready := map[string]bool{}
	for _, r := range list.Items {
		ready[r.Name] = r.IsReady()
	}
	if !ready[service+"-v1"] || !ready[service+"-v2"] {
		return fmt.Errorf("revisions in %s: %v, want v1 and v2 ready", n.name, ready)
	}
	return nil
}
