package compare

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"online-inference/lab/load"
	"online-inference/lab/record"
)

// begin starts the test's own program as the load program.
func begin(t *testing.T, url string, out *record.Writer, started time.Time) *clients {
	t.Helper()
	c, err := startClients(t.Context(), []string{os.Args[0]}, append(os.Environ(), serveVariable+"=1"), started, []load.Client{
		{Name: Fresh, URL: url, Rate: 100, Fresh: true, Timeout: 10 * time.Second, InFlight: 50, Bodies: [][]byte{[]byte("{}")}},
		{Name: Kept, URL: url, Rate: 100, Connections: 2, Timeout: 10 * time.Second, InFlight: 50, Bodies: [][]byte{[]byte("{}")}},
	}, out)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestClients: what comes before the record begins is left out, a failure ends
// the streak of good answers, and everything recorded is whole.
func TestClients(t *testing.T) {
	var bad, first atomic.Bool
	bad.Store(true)
	late := make(chan struct{}) // the answer to the first request comes when the record has begun
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if first.CompareAndSwap(false, true) {
			<-late
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if bad.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, `{"predictions":[]}`)
	}))
	defer s.Close()
	var b bytes.Buffer
	started := time.Now()
	out, err := record.NewWriter(&b, record.Header{Experiment: "x"}, started)
	if err != nil {
		t.Fatal(err)
	}
	c := begin(t, s.URL, out, started)
	short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := c.steady(short, 1); err == nil || !strings.Contains(err.Error(), "no steady answers") {
		t.Errorf("bad answers: %v", err)
	}
	bad.Store(false)
	long, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := c.steady(long, 20); err != nil {
		t.Fatal(err)
	}
	c.record(time.Now())
	close(late)
	if err := c.rate(Fresh, 200); err != nil {
		t.Error(err)
	}
	if err := c.steady(long, 20); err != nil {
		t.Fatal(err)
	}
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	if err := out.Put(time.Now(), record.Line{End: &record.End{}}); err != nil {
		t.Fatal(err)
	}
	run, err := record.Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, line := range run.Lines {
		if r := line.Request; r != nil {
			n[r.Client]++
			if !r.OK() {
				t.Errorf("a failed request of before the record: %+v", r)
			}
		}
	}
	if n[Fresh] < 20 || n[Kept] < 20 {
		t.Errorf("recorded %v, want 20 each", n)
	}
}

// TestClientsFail: a program that ends by itself is an error with its reason.
func TestClientsFail(t *testing.T) {
	out, err := record.NewWriter(&bytes.Buffer{}, record.Header{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c := begin(t, "http://127.0.0.1:1", out, time.Now())
	if err := c.rate("nobody", 1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := c.steady(ctx, 1); err == nil || !strings.Contains(err.Error(), "the clients ended") {
		t.Errorf("got %v", err)
	}
	if err := c.stop(); err == nil || !strings.Contains(err.Error(), `names the client "nobody"`) {
		t.Errorf("got %v", err)
	}
	if _, err := startClients(t.Context(), []string{"/no/such/program"}, nil, time.Now(), nil, out); err == nil {
		t.Error("a missing program started")
	}
}
