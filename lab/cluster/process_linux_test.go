package cluster

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	rest := " S 1 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 2 3\n"
	for name, c := range map[string]struct {
		line  string
		start uint64
		ok    bool
	}{
		"plain":                 {"42 (sh)" + rest, 98765, true},
		"spaces and brackets":   {"42 (a) S 1 (b) )" + rest, 98765, true},
		"no command":            {"42 sh" + rest, 0, false},
		"too few fields":        {"42 (sh) S 1 2 3", 0, false},
		"start is not a number": {"42 (sh)" + strings.Replace(rest, "98765", "x", 1), 0, false},
		"empty":                 {"", 0, false},
	} {
		start, state, err := parseStat([]byte(c.line))
		if (err == nil) != c.ok || start != c.start || (c.ok && state != 'S') {
			t.Errorf("%s: got %d, %c, %v", name, start, state, err)
		}
	}
}

// sleeper starts a process and reaps it when it ends.
func sleeper(t *testing.T, environ ...string) identity {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), "sleep", "300")
	cmd.Env = environ
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	id, err := identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAliveKnowsProcessesFromTheirIDs(t *testing.T) {
	id := sleeper(t)
	if !id.alive() {
		t.Error("a living process is not alive")
	}
	recycled := identity{PID: id.PID, Start: id.Start - 1}
	if recycled.alive() {
		t.Error("a process that only shares the id is taken for the old one")
	}
	if (identity{}).alive() {
		t.Error("the zero identity is alive")
	}
}

func TestStopAllLeavesRecycledIDsAlone(t *testing.T) {
	victim, bystander := sleeper(t), sleeper(t)
	recycled := identity{PID: bystander.PID, Start: bystander.Start - 1}
	if err := stopAll(t.Context(), []identity{victim, recycled}, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if victim.alive() {
		t.Error("the process still runs")
	}
	if !bystander.alive() {
		t.Error("a process that got a recorded id was killed")
	}
}

func TestStopAllForcesTheDeaf(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `trap "" TERM; echo ready; while :; do sleep 1; done`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make([]byte, 6)
	if _, err := out.Read(ready); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	id, err := identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := stopAll(t.Context(), []identity{id}, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	<-ended
	if id.alive() {
		t.Error("the process still runs")
	}
}

func TestMarkedProcesses(t *testing.T) {
	owner := "/checkout/of/" + filepath.Base(t.TempDir()) + t.Name()
	mine := sleeper(t, ownerVariable+"="+owner)
	other := sleeper(t, ownerVariable+"="+owner+"-2")
	got, err := markedProcesses(owner)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(got, mine) || slices.Contains(got, other) {
		t.Errorf("got %v, want %v and not %v", got, mine, other)
	}
}

func TestMountinfo(t *testing.T) {
	const text = `22 28 0:20 / /proc rw - proc proc rw
30 28 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
31 28 0:27 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw
40 28 0:30 / /srv/.lab/kubelet rw - ext4 /dev/vda rw
41 40 0:31 / /srv/.lab/kubelet/pods/a\040b rw - tmpfs tmpfs rw
42 28 0:32 / /srv/.lab2/x rw - tmpfs tmpfs rw
43 28 0:33 net:[1] /run/lab/netns rw - nsfs nsfs rw
broken line
`
	mounts := parseMountinfo(text)
	if len(mounts) != 7 {
		t.Fatalf("%d mounts, want 7", len(mounts))
	}
	want := []string{"/run/lab/netns", "/srv/.lab/kubelet/pods/a b", "/srv/.lab/kubelet"}
	if diff := cmp.Diff(want, mountsUnder(mounts, []string{"/srv/.lab", "/run/lab"})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/unified"}, cgroupMounts(text)); diff != "" {
		t.Error(diff)
	}
}

func TestRecordRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.json")
	if r, err := readRecord(path); r != nil || err != nil {
		t.Fatalf("without a file: got %v, %v", r, err)
	}
	now := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	r, err := newRecord(path, "/srv/a", "/run/a", now)
	if err != nil {
		t.Fatal(err)
	}
	id := sleeper(t)
	dead := identity{PID: id.PID, Start: id.Start - 1}
	if err := r.update(func() {
		r.Processes["etcd"] = process{identity: id, Command: "c"}
		r.Processes["kubelet"] = process{identity: dead}
	}); err != nil {
		t.Fatal(err)
	}
	back, err := readRecord(path)
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := back.process("etcd"); !ok || p.identity != id || p.Command != "c" || back.Owner != "/srv/a" || back.Run != "/run/a" {
		t.Errorf("read back %+v", back)
	}
	living, err := back.living()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"etcd"}, living); diff != "" {
		t.Error(diff)
	}
	back.Boot = "another uptime"
	if living, err = back.living(); err != nil || len(living) != 0 {
		t.Errorf("after a reboot: %v, %v; want nothing alive", living, err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readRecord(path); err == nil {
		t.Error("a broken record is read without an error")
	}
}

func TestLockHoldsOne(t *testing.T) {
	l := &Lab{RecordPath: filepath.Join(t.TempDir(), "lab.json")}
	release, err := l.lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.lock(); !errors.Is(err, ErrRefused) {
		t.Errorf("a second lock: got %v, want a refusal", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if release, err = l.lock(); err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

func TestWait(t *testing.T) {
	asked := 0
	err := wait(t.Context(), time.Minute, time.Millisecond, func(context.Context) error {
		if asked++; asked < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if err != nil || asked != 3 {
		t.Errorf("asked %d times: %v", asked, err)
	}
	err = wait(t.Context(), 20*time.Millisecond, time.Millisecond, func(context.Context) error { return errors.New("still cold") })
	if err == nil || !strings.Contains(err.Error(), "last seen: still cold") {
		t.Errorf("a time-out says %v", err)
	}
	final := errors.New("never")
	if err := wait(t.Context(), time.Minute, time.Millisecond, func(context.Context) error { return &permanent{final} }); !errors.Is(err, final) {
		t.Errorf("got %v, want %v at once", err, final)
	}
}

func TestForeignLabAndHostFolders(t *testing.T) {
	if err := foreignLab("/srv/other"); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "make -C '/srv/other' down") {
		t.Errorf("got %v", err)
	}
	keep := t.TempDir()
	if err := removeHostFolders([]string{keep}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(keep); err != nil {
		t.Errorf("a folder that is not the lab's is removed: %v", err)
	}
}

func TestSignalOneOfAnEndedProcess(t *testing.T) {
	id := sleeper(t)
	if err := stopAll(t.Context(), []identity{id}, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := signalOne(id, unix.SIGKILL); err != nil {
		t.Errorf("a process that has ended: %v", err)
	}
}
