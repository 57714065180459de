//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// typed is a block of commands of k8s-classic/README.md and what the page says
// that it prints; want is empty where the page shows nothing.
type typed struct {
	section string
	step
}

// classicPage reads the commands of the page in their order: blocks marked sh are
// for every cluster and typed here, bash is for kind, minikube, a registry or the
// reader's own pace, text is what the sh before it prints.
func classicPage(t *testing.T) []typed {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(lab.root, "k8s-classic/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var list []typed
	for _, section := range strings.Split(string(data), "\n## ")[1:] {
		heading, _, _ := strings.Cut(section, "\n")
		for _, m := range fence.FindAllStringSubmatch(section, -1) {
			switch m[1] {
			case "sh":
				list = append(list, typed{heading, step{command: m[2]}})
			case "text":
				if len(list) == 0 || list[len(list)-1].want != "" || list[len(list)-1].section != heading {
					t.Fatalf("%s: output without its command:\n%s", heading, m[2])
				}
				list[len(list)-1].want = m[2]
			case "bash":
			default:
				t.Fatalf("%s: a block of %q, want sh, text or bash", heading, m[1])
			}
		}
	}
	return list
}

// looking tells whether a block only looks, so that it may be repeated until it
// shows what the page shows: pods take their time.
func looking(command string) bool {
	for line := range strings.Lines(command) {
		asks := strings.HasPrefix(line, "kubectl get ") || strings.HasPrefix(line, "columns=")
		if !asks && strings.TrimSpace(line) != "" {
			return false
		}
	}
	return true
}

// showsLines is shows line by line: a pod too many is a line too many, which … at
// the end of the last one must not swallow.
func showsLines(output, want string) bool {
	got, wanted := strings.Split(strings.TrimSpace(output), "\n"), strings.Split(strings.TrimSpace(want), "\n")
	if len(got) != len(wanted) {
		return false
	}
	for i := range got {
		if !shows(got[i], wanted[i]) {
			return false
		}
	}
	return true
}

// TestClassicReadme types the page from the first section to the last, as a reader
// would, in a namespace of its own.
func TestClassicReadme(t *testing.T) {
	t.Parallel() // with TestClassic: both mostly wait
	feature(t, "k8s-classic/README.md", func(ctx context.Context, t *testing.T, n *namespace) {
		n.restrict(ctx, t)
		environ := n.asDefault(ctx, t)
		port := strconv.Itoa(freePort(t))
		variables := ":"
		page := classicPage(t)
		if len(page) < 20 {
			t.Fatalf("only %d blocks of commands", len(page))
		}
		for _, s := range page {
			s.command = strings.NewReplacer("8080:80", port+":80", "localhost:8080", "localhost:"+port).Replace(s.command)
			printed := "nothing" // when it was last asked
			say := func(ctx context.Context) (bool, string, error) {
				c := exec.CommandContext(ctx, "bash", "-c", "set -euo pipefail\n"+variables+"\n"+s.command)
				c.Dir, c.Env = lab.root, environ
				c.WaitDelay = 10 * time.Second
				out, err := c.CombinedOutput()
				if err != nil {
					return false, printed, fmt.Errorf("%w\n%s", err, out)
				}
				printed = string(out)
				return s.want == "" || showsLines(printed, s.want), printed, nil
			}
			var err error
			if looking(s.command) {
				// The first pause of -pod-probes comes after three minutes.
				err = poll(ctx, 4*time.Minute, "the page's answer", say)
			} else {
				ok, _, failed := say(ctx)
				if err = failed; err == nil && !ok {
					err = fmt.Errorf("printed:\n%s", printed)
				}
			}
			if err != nil {
				t.Fatalf("%s\n%s\n%v\nthe page says:\n%s", s.section, s.command, err, s.want)
			}
			variables += settings(s.command)
		}
		t.Logf("%d blocks of commands did what the page says", len(page))
	})
}

// asDefault is the lab's environment with a kubeconfig whose namespace is this
// one, so that commands need not name it.
func (n *namespace) asDefault(ctx context.Context, t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(variable(lab.environ, "KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := lab.run(ctx, "kubectl", "--kubeconfig", file, "config", "set-context", "--current", "--namespace", n.name)
	must(t, out, err)
	environ := []string{}
	for _, e := range lab.environ {
		if !strings.HasPrefix(e, "KUBECONFIG=") {
			environ = append(environ, e)
		}
	}
	return append(environ, "KUBECONFIG="+file)
}
