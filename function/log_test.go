package main

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// TestLogComplete: the lines of requests are gathered, but not one is lost or out of
// its place when the program ends: each answer has its line, before "stopped".
func TestLogComplete(t *testing.T) {
	p := start(t)
	const n = 500
	for i := range n {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/predict", strings.NewReader(listsBody))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Request-Id", fmt.Sprint("r-", i))
		if r, err := send(http.DefaultClient, req); err != nil || r.status != http.StatusOK {
			t.Fatal(r, err)
		}
	}
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	lines := p.out.with("request")
	if len(lines) != n {
		t.Fatalf("%d lines for %d requests", len(lines), n)
	}
	for i, line := range lines {
		if line["request_id"] != fmt.Sprint("r-", i) {
			t.Fatalf("line %d is of %v", i, line["request_id"])
		}
	}
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	if last := p.out.all[len(p.out.all)-1]; last["message"] != "stopped" {
		t.Errorf("the last line is %v", last)
	}
}
