package target

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

const twoContexts = `apiVersion: v1
kind: Config
clusters:
- {name: c, cluster: {server: "https://127.0.0.1:1"}}
users:
- {name: u, user: {}}
contexts:
- {name: production, context: {cluster: c, user: u, namespace: shop}}
- {name: play, context: {cluster: c, user: u}}
current-context: production
`

func useKubeconfig(t *testing.T) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(twoContexts), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", path)
}

func TestIsExisting(t *testing.T) {
	for _, c := range []struct {
		environ []string
		want    bool
		refused bool
	}{
		{nil, false, false},
		{[]string{"LAB="}, false, false},
		{[]string{"LAB=existing"}, true, false},
		{[]string{"LAB=exisiting"}, false, true},
	} {
		got, err := IsExisting(c.environ)
		if got != c.want || errors.Is(err, ErrRefused) != c.refused {
			t.Errorf("%v: got %v, %v", c.environ, got, err)
		}
	}
}

func TestExistingNeedsANamedContext(t *testing.T) {
	useKubeconfig(t)
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"no context: the current one is not taken": {Options{}, "needs KUBE_CONTEXT"},
		"unknown context":                          {Options{Context: "staging"}, `no context "staging"`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Existing(c.options)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want) || got != nil {
				t.Errorf("got %v, %v; want a refusal with %q", got, err, c.want)
			}
		})
	}
}

func TestExistingTakesItsOwnNamespace(t *testing.T) {
	useKubeconfig(t)
	got, err := Existing(Options{Context: "production"})
	if err != nil {
		t.Fatal(err)
	}
	// Not the context's own namespace, "shop": that one holds somebody's work.
	if got.Namespace != DefaultNamespace || got.Context != "production" || got.Server != "https://127.0.0.1:1" || !got.Existing {
		t.Errorf("got %+v", got)
	}
	if got, err = Existing(Options{Context: "play", Namespace: "mine"}); err != nil || got.Namespace != "mine" {
		t.Errorf("got %v, %v; want the namespace mine", got, err)
	}
}

// fakeTarget is a target on a fake cluster with or without Knative.
func fakeTarget(knative bool, objects ...runtime.Object) *Target {
	core := fake.NewClientset(objects...)
	if knative {
		core.Resources = []*metav1.APIResourceList{{GroupVersion: "serving.knative.dev/v1"}}
	}
	return &Target{Core: core, Namespace: DefaultNamespace, Context: "play", Server: "https://example.test", Existing: true}
}

func namespace(labels map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: DefaultNamespace, Labels: labels}}
}

// writes counts the requests to a fake cluster that would change it.
func writes(t *testing.T, target *Target) (n int) {
	t.Helper()
	for _, a := range target.Core.(*fake.Clientset).Actions() {
		if a.GetVerb() != "get" && a.GetVerb() != "list" {
			n++
		}
	}
	return n
}

func TestPrepareRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		target *Target
		yes    bool
		answer string
		want   string
	}{
		"somebody's namespace": {fakeTarget(true, namespace(nil)), true, "", "was not made by the lab"},
		"another tool's":       {fakeTarget(true, namespace(map[string]string{ManagedByLabel: "Helm"})), true, "", "was not made by the lab"},
		"no Knative":           {fakeTarget(false), true, "", "no Knative Serving"},
		"answer no":            {fakeTarget(true), false, "n\n", "not agreed to"},
		"no answer":            {fakeTarget(true), false, "", "not agreed to"},
		"an answer not yes":    {fakeTarget(true), false, "sure\n", "not agreed to"},
		"default answer is no": {fakeTarget(true), false, "\n", "not agreed to"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := c.target.Prepare(t.Context(), c.yes, strings.NewReader(c.answer), &out)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a refusal with %q", err, c.want)
			}
			if n := writes(t, c.target); n != 0 {
				t.Errorf("%d writes before the refusal", n)
			}
		})
	}
}

func TestPrepareShowsAsksAndLabels(t *testing.T) {
	target := fakeTarget(true)
	var out bytes.Buffer
	if err := target.Prepare(t.Context(), false, strings.NewReader("y\n"), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"context    play\n", "server     https://example.test\n", "namespace  " + DefaultNamespace + "\n", "[y/N]"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %q", want, out.String())
		}
	}
	ns, err := target.Core.CoreV1().Namespaces().Get(t.Context(), DefaultNamespace, metav1.GetOptions{})
	if err != nil || ns.Labels[ManagedByLabel] != ManagedBy {
		t.Errorf("namespace %v, %v", ns, err)
	}
	if err := target.Writable(t.Context()); err != nil {
		t.Errorf("the namespace just made is refused: %v", err)
	}
	// Again: the namespace is known as ours, and is not made twice.
	before := writes(t, target)
	if err := target.Prepare(t.Context(), true, strings.NewReader(""), &out); err != nil {
		t.Fatal(err)
	}
	if got := writes(t, target); got != before {
		t.Errorf("%d writes by the second call, want none", got-before)
	}
}

func TestWritableRefusals(t *testing.T) {
	for name, target := range map[string]*Target{"missing": fakeTarget(true), "not ours": fakeTarget(true, namespace(nil))} {
		if err := target.Writable(t.Context()); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
	own := fakeTarget(false)
	own.Existing = false
	if err := own.Writable(t.Context()); err != nil {
		t.Errorf("the lab's own cluster is refused: %v", err)
	}
}

func TestRemove(t *testing.T) {
	t.Run("not ours stays", func(t *testing.T) {
		target := fakeTarget(true, namespace(map[string]string{"team": "shop"}))
		var out bytes.Buffer
		if err := target.Remove(t.Context(), time.Second, &out); !errors.Is(err, ErrRefused) {
			t.Errorf("got %v, want a refusal", err)
		}
		if n := writes(t, target); n != 0 {
			t.Errorf("%d writes", n)
		}
	})
	t.Run("ours goes", func(t *testing.T) {
		target := fakeTarget(true, namespace(map[string]string{ManagedByLabel: ManagedBy}))
		var out bytes.Buffer
		if err := target.Remove(t.Context(), time.Second, &out); err != nil {
			t.Fatal(err)
		}
		_, err := target.Core.CoreV1().Namespaces().Get(t.Context(), DefaultNamespace, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			t.Errorf("the namespace is still there (%v)", err)
		}
	})
	t.Run("nothing there", func(t *testing.T) {
		var out bytes.Buffer
		if err := fakeTarget(true).Remove(t.Context(), time.Second, &out); err != nil || !strings.Contains(out.String(), "nothing to take down") {
			t.Errorf("%v, %q", err, out.String())
		}
	})
}

func TestOwnWithoutCluster(t *testing.T) {
	if _, err := Own(filepath.Join(t.TempDir(), "kubeconfig"), "", "", nil); err == nil || !strings.Contains(err.Error(), "make up") {
		t.Errorf("got %v, want advice to start the cluster", err)
	}
}
