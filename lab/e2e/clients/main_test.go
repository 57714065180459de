//go:build e2e

// Package clients holds the built function against real clients of the protocol,
// and the conformance tool against a server that is known to deviate. It needs no
// cluster; `make clients` makes the Python environments that it runs in.
package clients

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// root is the checkout; programs are built from it once.
const root = "../../.."

var function, oinf string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "clients-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	function, oinf = filepath.Join(dir, "function"), filepath.Join(dir, "oinf")
	code := 0
	for program, source := range map[string]string{function: "./function", oinf: "./oinf"} {
		build := exec.CommandContext(context.Background(), "go", "-C", root, "build", "-buildvcs=false", "-o", program, source)
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintf(os.Stderr, "cannot build %s: %v\n", source, err)
			code = 1
		}
	}
	if code == 0 {
		code = m.Run()
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// patience bounds every wait; a Python server takes seconds to import.
const patience = 2 * time.Minute

// background starts a program that is stopped at the end of the test; its output
// is told where the test fails.
func background(t *testing.T, cmd *exec.Cmd) (ended chan struct{}) {
	t.Helper()
	var out bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended = make(chan struct{})
	var exit error
	go func() { exit = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Log(err)
		}
		<-ended
		if t.Failed() {
			t.Logf("%s: %v\n%s", cmd.Path, exit, out.String())
		}
	})
	return ended
}

// serve starts the function and returns its host:port.
func serve(t *testing.T, environ ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), function)
	cmd.Env = append([]string{"PORT=0", "HOSTNAME=pod", "KO_DATA_PATH=" + filepath.Join(root, "function/kodata")}, environ...)
	log, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = in
	background(t, cmd)
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	go func() {
		defer log.Close()
		scan := bufio.NewScanner(log)
		scan.Buffer(nil, 1<<20)
		for scan.Scan() {
			var line struct{ Message, Address string }
			if json.Unmarshal(scan.Bytes(), &line) == nil && line.Message == "ready" {
				address <- line.Address
			}
		}
	}()
	select {
	case a := <-address:
		_, port, err := net.SplitHostPort(a)
		if err != nil {
			t.Fatal(err)
		}
		return net.JoinHostPort("127.0.0.1", port)
	case <-time.After(patience):
		t.Fatal("the function was not ready")
	}
	return ""
}

// python is a command in one of the environments, with no proxy and no user's
// packages in the way.
func python(t *testing.T, environment, program string, args ...string) *exec.Cmd {
	t.Helper()
	bin, err := filepath.Abs(filepath.Join(root, ".cache/venv", environment, "bin"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(bin, program)); err != nil {
		t.Fatalf("no environment %s: run `make venv-clients` first: %v", environment, err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, program), args...)
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PYTHONNOUSERSITE=1", "PYTHONDONTWRITEBYTECODE=1"}
	return cmd
}

// ports finds free ports; what takes them has to be quick.
func ports(t *testing.T, n int) []int {
	t.Helper()
	var all []int
	for range n {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		all = append(all, l.Addr().(*net.TCPAddr).Port)
	}
	return all
}

// await asks a URL until it answers 200.
func await(t *testing.T, url string, ended chan struct{}) {
	t.Helper()
	last := "nothing"
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		select {
		case <-ended:
			t.Fatal("the server ended")
		case <-time.After(100 * time.Millisecond):
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			last = err.Error()
			continue
		}
		res.Body.Close()
		if last = res.Status; res.StatusCode == http.StatusOK {
			return
		}
	}
	t.Fatalf("%s did not answer 200 within %v, last: %s", url, patience, last)
}

// A result is one of the conformance tool's.
type result struct{ ID, Kind, Outcome, Reason, Request, Response string }

// conformance runs `oinf oip` and returns its results by id. With -record they go
// into the record of that name.
func conformance(t *testing.T, name string, args ...string) map[string]result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), oinf, append([]string{"oip", "-json"}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if code := cmd.ProcessState.ExitCode(); err != nil && code != 1 {
		t.Fatalf("oinf oip ends with code %d: %s", code, errs.String())
	}
	var report struct {
		Server  string
		Results []result
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	if *record {
		r := run{Date: time.Now().UTC().Format(time.DateOnly), Server: report.Server, Counts: map[string]map[string]int{}, Failed: []string{}}
		for _, one := range report.Results {
			if r.Counts[one.Kind] == nil {
				r.Counts[one.Kind] = map[string]int{}
			}
			r.Counts[one.Kind][one.Outcome]++
			if one.Outcome == "failed" {
				r.Failed = append(r.Failed, one.ID)
			}
		}
		r.write(t, name)
	}
	all := map[string]result{}
	for _, r := range report.Results {
		all[r.ID] = r
	}
	return all
}

// record has the runs written where docs/reference/conformance.md is made from.
var record = flag.Bool("record", false, "write what the conformance tool found to docs/reference/conformance.json")

// A run is what is kept of one.
type run struct {
	Date   string                    `json:"date"`
	Server string                    `json:"server"`
	Counts map[string]map[string]int `json:"counts"` // by kind of rule and outcome
	Failed []string                  `json:"failed"` // ids, in the order of the table
}

// write puts a run into the record, beside the others.
func (r run) write(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join(root, "docs/reference/conformance.json")
	all := map[string]run{}
	if old, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(old, &all); err != nil {
			t.Fatal(err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	all[name] = r
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// outcome lists the ids of an outcome, sorted.
func outcome(all map[string]result, want string) []string {
	var ids []string
	for id, r := range all {
		if r.Outcome == want {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
