//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// endedBy is the signal that ended a process, 0 where none did.
func endedBy(c *exec.Cmd) syscall.Signal {
	if s, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return s.Signal()
	}
	return 0
}

// TestSignalWhileLoading: a model that takes long to load, here a pipe that never
// ends, does not hold the user.
func TestSignalWhileLoading(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		for _, verb := range []string{"inspect", "predict"} {
			model := filepath.Join(t.TempDir(), "model.json")
			if err := syscall.Mkfifo(model, 0o600); err != nil {
				t.Fatal(err)
			}
			c := exec.CommandContext(t.Context(), program, verb, model)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			writer, err := os.OpenFile(model, os.O_WRONLY, 0) // returns when the program reads
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			if err := c.Wait(); err == nil || endedBy(c) != s {
				t.Errorf("%s: %v ends it with %v", verb, s, err)
			}
			if err := writer.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestSecondSignal: where the first signal cannot end a run, because nobody takes
// its answers, the second does.
func TestSecondSignal(t *testing.T) {
	c := exec.CommandContext(t.Context(), program, "predict", heart)
	c.Stdin = strings.NewReader(header + "\n" + strings.Repeat(patient+"\n", 50_000))
	var stderr bytes.Buffer
	c.Stderr = &stderr
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c.Stdout = w
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); err != nil { // the model is loaded, answers fill the pipe
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	waitFor(t, func() bool {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
	if endedBy(c) != syscall.SIGTERM {
		t.Errorf("it ends with %v: %s", c.ProcessState, stderr.String())
	}
}

// TestTerminate: SIGTERM ends a run in order, as ctrl-c does, with its own code.
func TestTerminate(t *testing.T) {
	c := exec.CommandContext(t.Context(), program, "predict", heart)
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		_, err := stdin.Write([]byte(header + "\n" + strings.Repeat(patient+"\n", 50_000)))
		written <- err
	}()
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var rest bytes.Buffer
	if _, err := rest.ReadFrom(stdout); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil || c.ProcessState.ExitCode() != 143 || !strings.HasSuffix(rest.String(), "\n") {
		t.Errorf("%v, and the last line is whole: %v", err, strings.HasSuffix(rest.String(), "\n"))
	}
	if err := <-written; err == nil {
		t.Error("it took all rows")
	}
}
