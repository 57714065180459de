package conform

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// program is the built server, the one that passes: what deviates in these tests
// stands between it and the checks.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "conform-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "function")
	build := exec.CommandContext(context.Background(), "go", "build", "-buildvcs=false", "-o", program, "../../function")
	build.Stderr = os.Stderr
	code := 1
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "cannot build the server:", err)
	} else {
		code = m.Run()
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// serve starts the server with a model of its own and returns its URL.
func serve(t *testing.T, environ ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append([]string{"PORT=0", "HOSTNAME=pod", "KO_DATA_PATH=../../function/kodata"}, environ...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		scan := bufio.NewScanner(out)
		scan.Buffer(nil, 1<<20)
		for scan.Scan() {
			var line struct{ Message, Address string }
			if json.Unmarshal(scan.Bytes(), &line) == nil && line.Message == "ready" {
				address <- line.Address
			}
		}
	}()
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Log(err)
		}
		<-ended
		t.Log(cmd.Wait())
	})
	select {
	case a := <-address:
		_, port, err := net.SplitHostPort(a)
		if err != nil {
			t.Fatal(err)
		}
		return "http://" + net.JoinHostPort("127.0.0.1", port)
	case <-ended:
		t.Fatalf("the server ended before it was ready: %s", errs.String())
	case <-time.After(time.Minute):
		t.Fatal("the server was not ready within a minute")
	}
	return ""
}

// heart and echo are servers of the two models: one with named columns of three
// types, one that repeats its inputs.
func heart(t *testing.T) string { return serve(t) }

func echo(t *testing.T) string { return serve(t, "MODEL=testdata/echo.onnx") }
