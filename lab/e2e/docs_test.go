//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// step is a command of a page and what the page says that it prints, with … for
// what differs from run to run; want is empty where the page shows nothing.
type step struct{ command, want string }

var fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// steps reads the commands under one heading of a page.
func steps(t *testing.T, page, heading string) []step {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(lab.root, page))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(data), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", page, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var list []step
	for _, m := range fence.FindAllStringSubmatch(section, -1) {
		switch {
		case m[1] == "sh":
			list = append(list, step{command: m[2]})
		case len(list) > 0 && list[len(list)-1].want == "":
			list[len(list)-1].want = m[2]
		}
	}
	if len(list) == 0 {
		t.Fatalf("%s, %q: no commands", page, heading)
	}
	return list
}

// shows reports whether the output is what the page says. Runs of blanks count
// as one, because tables are as wide as their content.
func shows(output, want string) bool {
	pattern := regexp.QuoteMeta(strings.Join(strings.Fields(want), " "))
	pattern = "^" + strings.ReplaceAll(pattern, "…", ".*") + "$"
	return regexp.MustCompile(pattern).MatchString(strings.Join(strings.Fields(output), " "))
}

// follow types the commands of a section one after the other into one shell,
// as a reader would. A command that is to print something is repeated while it
// prints something else: one answer in ten comes from v2, and pods take their
// time to go.
func follow(ctx context.Context, t *testing.T, list []step) {
	t.Helper()
	typed := ":"
	for _, s := range list {
		err := poll(ctx, 3*time.Minute, "the page's answer", func(ctx context.Context) (bool, string, error) {
			// Variables live on, what was printed before does not count.
			script := "set -eu\n{ " + typed + "\n} >/dev/null 2>&1\n" + s.command
			c := exec.CommandContext(ctx, "bash", "-c", script)
			c.Dir, c.Env = lab.root, os.Environ()
			c.WaitDelay = 10 * time.Second
			out, err := c.CombinedOutput()
			if err != nil {
				return false, "", fmt.Errorf("%w\n%s", err, out)
			}
			return s.want == "" || shows(string(out), s.want), string(out), nil
		})
		if err != nil {
			t.Fatalf("%s\n%v\nwant: %s", s.command, err, s.want)
		}
		typed += settings(s.command)
	}
}

var setting = regexp.MustCompile(`(?m)^(\. |\w+=).*$`)

// settings are the lines of a command that set variables, which the commands
// after it go on with.
func settings(command string) string {
	return "\n" + strings.Join(setting.FindAllString(command, -1), "\n")
}

// TestQuickstartNoCluster follows the first section of the quickstart.
func TestQuickstartNoCluster(t *testing.T) {
	list := steps(t, "docs/quickstart.md", "1. No cluster")
	if strings.TrimSpace(list[0].command) != "make run" {
		t.Fatalf("the first command is %q", list[0].command)
	}
	port := freePort(t)
	stop := makeRun(t, port, list[0].want)
	defer stop()
	for i := range list {
		list[i].command = strings.ReplaceAll(list[i].command, "localhost:8080", "localhost:"+strconv.Itoa(port))
		list[i].command = strings.ReplaceAll(list[i].command, "curl ", "curl -sS ")
	}
	follow(t.Context(), t, list[1:])
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// makeRun starts `make run`, checks that the three lines it prints work as
// pasted and that its log says ready as the page shows it, and gives a function
// that stops it.
func makeRun(t *testing.T, port int, ready string) (stop func()) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "make", "run", "PORT="+strconv.Itoa(port))
	c.Dir, c.SysProcAttr = lab.root, &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = c.Stdout
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		if err := c.Cancel(); err != nil {
			t.Error(err)
		}
		if err := c.Wait(); err != nil {
			t.Logf("make run ended: %v", err)
		}
	}
	var pasted []string
	var seen strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := lines.Text()
		fmt.Fprintln(&seen, line)
		if strings.HasPrefix(line, "  curl ") {
			pasted = append(pasted, strings.Replace(line, "curl ", "curl -sS --fail ", 1))
		}
		if _, said, found := strings.Cut(line, "INF "); found && strings.HasPrefix(said, "ready") {
			break
		}
	}
	go func() {
		for lines.Scan() { // the request log, which must not fill the pipe
			continue
		}
	}()
	if len(pasted) != 3 {
		stop()
		t.Fatalf("make run prints %d curl lines, want 3:\n%s", len(pasted), seen.String())
	}
	_, last, found := strings.Cut(seen.String(), "INF ready")
	if want := strings.Replace(ready, "8080", strconv.Itoa(port), 1); !found || !shows("INF ready"+last, want) {
		t.Errorf("make run says %q, the page %q", last, want)
	}
	for _, line := range pasted {
		if out, err := exec.CommandContext(t.Context(), "bash", "-c", line).CombinedOutput(); err != nil || !strings.Contains(string(out), "heart-disease") {
			t.Errorf("%s\n%v %s", line, err, out)
		}
	}
	return stop
}

// TestQuickstartHere runs `make demo` on the cluster that is up, where it only
// deploys again, and then follows the page. It is the one test that works in
// the namespace default, as a reader does.
func TestQuickstartHere(t *testing.T) {
	n := &namespace{"default"}
	list := steps(t, "docs/quickstart.md", "2. A cluster on this machine")
	if strings.TrimSpace(list[0].command) != "make demo" {
		t.Fatalf("the first command is %q", list[0].command)
	}
	if err := n.gone(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.gone(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for i := range list {
		list[i].command = strings.ReplaceAll(list[i].command, "curl ", "curl -sS ")
	}
	said, err := command(t.Context(), lab.root, os.Environ(), "make", "demo")
	out := must(t, said, err)
	t.Logf("make demo, on a cluster that is up:\n%s", out)
	for _, want := range []string{"200", "online-inference-v1", "online-inference-v2", "http://v1-online-inference", "http://v2-online-inference", "From zero", "make down"} {
		if !strings.Contains(out, want) {
			t.Errorf("make demo does not say %q", want)
		}
	}
	follow(t.Context(), t, list[1:])
}
