// Package process builds and starts the function for tests that need no cluster.
package process

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Build builds the function of the checkout at root and returns the program.
func Build(t testing.TB, root string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "function")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", root, "-trimpath", "-buildvcs=false", "-o", program, "./function")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// A Process is a running function.
type Process struct {
	URL string // its address, http://localhost:PORT

	stop  context.CancelFunc
	ended chan struct{}
	err   error

	mu  sync.Mutex
	log strings.Builder
}

// readyTime bounds the wait for the line "ready" on a busy machine.
const readyTime = time.Minute

// Start starts a program built by Build with the bundled models of the checkout at
// root on a free port, and waits until it is ready. It ends with the test.
func Start(t testing.TB, program, root string, environ ...string) *Process {
	t.Helper()
	data, err := filepath.Abs(filepath.Join(root, "function/kodata"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append([]string{"PORT=0", "KO_DATA_PATH=" + data, "HOSTNAME=a-pod", "K_REVISION=a-revision"}, environ...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &Process{stop: cancel, ended: make(chan struct{})}
	address := make(chan string, 1)
	go func() {
		defer close(p.ended)
		p.follow(out, address)
		p.err = cmd.Wait()
	}()
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("function: %v\n%s", err, p.Log())
		}
	})
	select {
	case p.URL = <-address:
	case <-p.ended:
		t.Fatalf("the function ended: %v\n%s", p.err, p.Log())
	case <-time.After(readyTime):
		t.Fatalf("the function was not ready within %v\n%s", readyTime, p.Log())
	}
	return p
}

// follow reads the log to its end and passes the address of the line "ready" on.
func (p *Process) follow(log io.Reader, address chan<- string) {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		p.mu.Lock()
		p.log.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		var line struct{ Message, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "ready" {
			address <- "http://localhost" + line.Address[strings.LastIndexByte(line.Address, ':'):]
		}
	}
}

// Log is what the process has logged until now.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// Stop sends SIGTERM, once, and waits for the end; the error is that of an exit
// code other than 0.
func (p *Process) Stop() error {
	p.stop()
	<-p.ended
	if errors.Is(p.err, context.Canceled) { // the end that was asked for
		return nil
	}
	return p.err
}
