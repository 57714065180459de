package main

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestIdleMemory: a server that is ready and has nothing to do keeps within the
// limits of docs/design.md. Resident memory counts the program's own pages, which
// pods of one node share; the private part is what each pod costs.
func TestIdleMemory(t *testing.T) {
	// The race detector has memory of its own: the program is built without it.
	plain := filepath.Join(t.TempDir(), "function")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", plain, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the program: %v\n%s", err, out)
	}
	p := launchProgram(t, plain)
	p.address("ready")
	for name, most := range map[string]int{"VmRSS": 20e6, "RssAnon": 8e6} {
		got := holds(t, p.cmd.Process.Pid, name) * 1024
		if got > most {
			t.Errorf("%s is %d bytes, expected at most %d", name, got, most)
		}
		t.Logf("%s: %d bytes", name, got)
	}
}
