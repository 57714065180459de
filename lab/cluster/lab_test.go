package cluster

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// checkout makes an empty project folder.
func checkout(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module online-inference\n\ngo 1.26\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestNewFindsTheCheckout(t *testing.T) {
	root := checkout(t)
	below := filepath.Join(root, "lab", "cluster")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "lab", "go.mod"), []byte("module online-inference/lab\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{root, below} {
		l, err := New(dir, []string{"HOME=/home/x", "LAB_CACHE=/var/cache/lab"}, io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if l.Root != root || l.State != filepath.Join(root, ".lab") || l.Cache != "/var/cache/lab" {
			t.Errorf("from %s: got %+v", dir, l)
		}
	}
	if _, err := New(t.TempDir(), nil, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "cannot find the project") {
		t.Errorf("outside of a checkout: got %v", err)
	}
}

func TestCacheFolder(t *testing.T) {
	root := checkout(t)
	for _, c := range []struct {
		environ []string
		want    string
	}{
		{[]string{"HOME=/home/x"}, "/home/x/.cache/online-inference/lab"},
		{[]string{"HOME=/home/x", "XDG_CACHE_HOME=/big"}, "/big/online-inference/lab"},
		{[]string{"HOME=/home/x", "XDG_CACHE_HOME=relative"}, "/home/x/.cache/online-inference/lab"},
	} {
		l, err := New(root, c.environ, io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if l.Cache != c.want {
			t.Errorf("%v: got %s, want %s", c.environ, l.Cache, c.want)
		}
	}
}

func TestInvokerBehindSudo(t *testing.T) {
	p, err := invoker([]string{"SUDO_UID=65534", "HOME=/root"})
	if err != nil {
		t.Fatal(err)
	}
	if !p.viaSudo || p.uid != 65534 || p.home == "/root" {
		t.Errorf("got %+v", p)
	}
	if p, err = invoker([]string{"SUDO_UID=0", "HOME=/root"}); err != nil || p.viaSudo {
		t.Errorf("root behind sudo: got %+v, %v", p, err)
	}
	for _, id := range []string{"SUDO_UID=me", "SUDO_UID=4000000000"} {
		if p, err := invoker([]string{id}); err == nil {
			t.Errorf("%s: got %+v, want an error", id, p)
		}
	}
}

func TestToolEnviron(t *testing.T) {
	root := checkout(t)
	l, err := New(root, []string{"PATH=/usr/bin", "KUBECONFIG=/home/x/.kube/config"}, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.ToolEnviron(); err == nil || !strings.Contains(err.Error(), "make up") {
		t.Errorf("without a cluster: got %v", err)
	}
	if err := os.MkdirAll(l.State, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.path("env.json"), []byte(`{"KUBECONFIG":"/lab/kubeconfig"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	env, err := l.ToolEnviron()
	if err != nil {
		t.Fatal(err)
	}
	if got := lookup(env, "KUBECONFIG"); got != "/lab/kubeconfig" {
		t.Errorf("KUBECONFIG %s is the caller's, not the lab's", got)
	}
	if got, want := lookup(env, "PATH"), l.path("bin")+":/usr/bin"; got != want {
		t.Errorf("PATH %s, want %s", got, want)
	}
}

func TestShellQuote(t *testing.T) {
	if diff := cmp.Diff(`'it'\''s'`, shellQuote("it's")); diff != "" {
		t.Error(diff)
	}
}
