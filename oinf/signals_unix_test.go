//go:build unix

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
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

// hangs is the variable of a process that goes on after the first signal.
const hangs = "OINF_TEST_HANGS"

// TestSecondSignal: where the first signal cannot end a run, the second does. The
// run is this test again, in a process of its own.
func TestSecondSignal(t *testing.T) {
	if os.Getenv(hangs) != "" {
		ctx, stop := graceful(t.Context())
		defer stop()
		fmt.Println("waits")
		<-ctx.Done()
		fmt.Println("stopped")
		select {}
	}
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestSecondSignal$")
	c.Env = append(os.Environ(), hangs+"=1")
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for _, want := range []string{"waits", "stopped"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("it says %q, want %q: %v", lines.Text(), want, lines.Err())
		}
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Wait(); err == nil || endedBy(c) != syscall.SIGTERM {
		t.Errorf("the second signal ends it with %v", err)
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
		_, err := stdin.Write([]byte(header + "\n" + strings.Repeat(patient+"\n", 200_000)))
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
