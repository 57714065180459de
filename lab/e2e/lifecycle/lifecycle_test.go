//go:build e2e && linux

// Package lifecycle shows that the lab comes up, is repaired, and goes away
// without a trace. Its tests stop and start the machine's cluster, so they run
// alone; the cluster is up when they end.
package lifecycle

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// components in the order in which the test kills them.
var components = []string{"registry", "etcd", "apiserver", "controller-manager", "scheduler", "proxy", "containerd", "kubelet", "coredns"}

// program builds the lab once for all tests and returns its path.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lab")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../..").CombinedOutput()
	if err != nil {
		t.Fatalf("cannot build the lab: %v\n%s", err, out)
	}
	return path
}

// run calls the lab in a folder and returns its exit code and what it said.
func run(t *testing.T, lab, dir string, environ []string, args ...string) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), lab, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	cmd.Env = append(os.Environ(), environ...)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

func must(t *testing.T, lab string, args ...string) string {
	t.Helper()
	code, said := run(t, lab, ".", nil, args...)
	if code != 0 {
		t.Fatalf("lab %s: exit code %d\n%s", strings.Join(args, " "), code, said)
	}
	return said
}

// kill ends a process by force and returns when it has ended.
func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		// A process that nobody has waited for yet stays as a zombie.
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d lives on after being killed", pid)
		}
	}
}

func TestUpAndDownLeaveNoTrace(t *testing.T) {
	lab := program(t)
	must(t, lab, "down")
	before := look(t)
	if len(before.Processes) > 0 {
		t.Fatalf("processes of the lab run after down: %v", before.Processes)
	}
	for round := range 2 {
		must(t, lab, "up")
		if during := look(t); len(during.Processes) == 0 || cmp.Equal(before.Mounts, during.Mounts) || cmp.Equal(before.Cgroups, during.Cgroups) {
			t.Fatal("the check cannot see the lab: no process, mount or cgroup more than before")
		}
		must(t, lab, "down")
		if diff := cmp.Diff(before, look(t)); diff != "" {
			t.Fatalf("round %d: the machine before and after (-before +after):\n%s", round+1, diff)
		}
	}
	if said := must(t, lab, "down"); !strings.Contains(said, "nothing to take down") {
		t.Errorf("a second down says %q", said)
	}
	if code, said := run(t, lab, ".", nil, "status"); code != 1 || !strings.Contains(said, "make up") {
		t.Errorf("status without a cluster: exit code %d, %q", code, said)
	}
	must(t, lab, "up")
}

func TestUpRepairsWhatDied(t *testing.T) {
	lab := program(t)
	must(t, lab, "up")
	for _, name := range components {
		t.Run(name, func(t *testing.T) {
			pids := map[string]int{}
			for _, c := range components {
				pids[c] = recordedPID(t, c)
			}
			kill(t, pids[name])
			code, said := run(t, lab, ".", nil, "status")
			if code != 1 || !strings.Contains(said, "not running: "+name+";") {
				t.Errorf("status: exit code %d\n%s", code, said)
			}
			must(t, lab, "up")
			must(t, lab, "status")
			for _, c := range components {
				if now := recordedPID(t, c); (now == pids[c]) != (c != name) {
					t.Errorf("%s: process %d before, %d after the repair of %s", c, pids[c], now, name)
				}
			}
		})
	}
}

func TestUpChangesNothingOnARunningCluster(t *testing.T) {
	lab := program(t)
	must(t, lab, "up")
	var before []int
	for _, c := range components {
		before = append(before, recordedPID(t, c))
	}
	must(t, lab, "up")
	for i, c := range components {
		if now := recordedPID(t, c); now != before[i] {
			t.Errorf("%s was restarted", c)
		}
	}
}

func TestAnotherCheckoutIsRefused(t *testing.T) {
	lab := program(t)
	must(t, lab, "up")
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "go.mod"), []byte("module online-inference\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	owner, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"up", "down"} {
		code, said := run(t, lab, other, nil, verb)
		if code != 2 || !strings.Contains(said, owner) || !strings.Contains(said, "make -C") {
			t.Errorf("%s in another checkout: exit code %d, %q", verb, code, said)
		}
	}
	must(t, lab, "status")
}

func TestUpAfterEverythingWasKilled(t *testing.T) {
	lab := program(t)
	must(t, lab, "up")
	killed := labProcesses(t)
	for _, pid := range killed {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); len(labProcesses(t)) > 0 || slices.ContainsFunc(killed, running); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("processes live on after being killed: %v", labProcesses(t))
		}
	}
	if said := must(t, lab, "up"); !strings.Contains(said, "remains of an earlier lab") {
		t.Errorf("up says nothing about the remains:\n%s", said)
	}
	must(t, lab, "status")
}

// running reports whether a process has not ended: while a large one ends, its
// environment is gone before it is.
func running(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	at := bytes.LastIndexByte(stat, ')')
	return err == nil && at+2 < len(stat) && stat[at+2] != 'Z' && stat[at+2] != 'X'
}

func TestDownOfHalfALab(t *testing.T) {
	lab := program(t)
	must(t, lab, "down")
	before := look(t)
	must(t, lab, "up")
	// Half of it goes by other hands: the link, the record, two programs.
	for _, c := range []string{"containerd", "etcd"} {
		kill(t, recordedPID(t, c))
	}
	if out, err := exec.CommandContext(t.Context(), "ip", "link", "del", "oi-lab0").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	must(t, lab, "down")
	if diff := cmp.Diff(before, look(t)); diff != "" {
		t.Errorf("the machine before and after (-before +after):\n%s", diff)
	}
	must(t, lab, "up")
}

func TestUpRefusesATakenInterface(t *testing.T) {
	lab := program(t)
	must(t, lab, "down")
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	ip("link", "add", "oi-lab0", "type", "veth", "peer", "name", "oi-other")
	before := look(t)
	code, said := run(t, lab, ".", nil, "up")
	if diff := cmp.Diff(before, look(t)); diff != "" {
		t.Errorf("the refusal changed the machine: %s", diff)
	}
	ip("link", "del", "oi-lab0")
	if code != 2 || !strings.Contains(said, "an interface named oi-lab0 exists") {
		t.Errorf("exit code %d, %q", code, said)
	}
	ip("link", "add", "other0", "type", "veth", "peer", "name", "other1")
	ip("addr", "add", "10.44.0.77/24", "dev", "other0")
	code, said = run(t, lab, ".", nil, "up")
	ip("link", "del", "other0")
	if code != 2 || !strings.Contains(said, "belongs to the interface other0") {
		t.Errorf("exit code %d, %q", code, said)
	}
	must(t, lab, "up")
}

func TestUpRefusesBesideDocker(t *testing.T) {
	lab := program(t)
	const socket = "/var/run/docker.sock"
	if _, err := os.Stat(socket); err == nil {
		t.Fatalf("%s exists, and the lab is up: the check for Docker does not work", socket)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	code, said := run(t, lab, ".", nil, "up")
	listener.Close()
	if code != 2 || !strings.Contains(said, "Docker daemon is running") || !strings.Contains(said, "kind create cluster") {
		t.Errorf("exit code %d, %q", code, said)
	}
}
