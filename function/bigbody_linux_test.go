package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// holds reads what a running process holds of memory, in kB of 1,024 bytes.
func holds(t *testing.T, pid int, name string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n"+name+":")
	var kB int
	if _, err := fmt.Sscanf(rest, "%d kB", &kB); err != nil {
		t.Fatalf("%v for %s in %s", err, name, text)
	}
	return kB
}

// largest is the most memory that a process has held so far, in kB.
func largest(t *testing.T, pid int) int {
	t.Helper()
	return holds(t, pid, "VmHWM")
}

// zeros is an endless body.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestBigBody: bodies of 50 MB, announced or not, are refused without being read
// into memory, on every endpoint; a right request directly after is answered.
func TestBigBody(t *testing.T) {
	const size = 50_000_000
	p := start(t, "MAX_BODY_BYTES=1000000")
	want := rightAnswers(t, p)
	before := largest(t, p.cmd.Process.Pid)
	for _, path := range []string{"/predict", inferPath, v1Path} {
		for _, announced := range []int64{size, -1} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+path, io.LimitReader(zeros{}, size))
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = announced
			got, err := send(http.DefaultClient, req)
			if err != nil {
				t.Fatal(err)
			}
			checkRefusal(t, got, 413, "the body is too large: expected at most 1000000 bytes")
			for form, r := range right {
				if after := p.post(r.path, r.body).body; after != want[form] {
					t.Errorf("right after it a right request got %s", after)
				}
			}
		}
	}
	// One body of the largest size, its copy while it grows, and garbage.
	if grown := largest(t, p.cmd.Process.Pid) - before; grown > 12_000 {
		t.Errorf("the process grew by %d kB", grown)
	}
}
