//go:build e2e

// Package page opens the server's page in a real browser: it loads, is filled and
// submitted by keyboard, shows answers and errors, and reads well in light and dark.
package page

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// root is the checkout.
const root = "../../.."

// serve builds the function and starts it with the bundled model on a free port. It
// returns its address.
func serve(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "function")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", root, "-trimpath", "-buildvcs=false", "-o", program, "./function")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	data, err := filepath.Abs(filepath.Join(root, "function/kodata"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = []string{"PORT=0", "KO_DATA_PATH=" + data, "HOSTNAME=a-pod", "K_REVISION=a-revision"}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	ended := make(chan error, 1)
	go func() {
		read(out, address)
		ended <- cmd.Wait()
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && ctx.Err() == nil {
			t.Errorf("function: %v", err)
		}
	})
	select {
	case a := <-address:
		return a
	case <-time.After(time.Minute):
		t.Fatal("the function was not ready within a minute")
	}
	return ""
}

// read follows the log to its end and passes the address of the line "ready" on.
func read(log interface{ Read([]byte) (int, error) }, address chan<- string) {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Message, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "ready" {
			port := line.Address[strings.LastIndexByte(line.Address, ':'):]
			address <- fmt.Sprintf("http://localhost%s", port)
		}
	}
}
