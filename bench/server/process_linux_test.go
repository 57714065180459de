package main

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// TestProcess shows that what a process has started is counted with it.
func TestProcess(t *testing.T) {
	alone, err := memory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if alone.RSS <= 0 || alone.PSS <= 0 || alone.Peak < alone.RSS {
		t.Errorf("memory: %+v", alone)
	}
	child := exec.CommandContext(t.Context(), "sh", "-c", "while :; do :; done")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	all, err := tree(os.Getpid())
	if err != nil || !slices.Contains(all, child.Process.Pid) {
		t.Errorf("tree: %v, %v; the child is %d", all, err, child.Process.Pid)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		took, err := cpu(child.Process.Pid)
		if err != nil {
			t.Error(err)
			break
		}
		if took >= 2*tick {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("a busy process has used %v µs", took)
			break
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := child.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
	if _, err := cpu(child.Process.Pid); err == nil {
		t.Error("a process that has ended has a time")
	}
}
