package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A wire is one kept connection, used without the conveniences of http.Client:
// nothing is ever sent twice.
type wire struct {
	conn net.Conn
	r    *bufio.Reader
}

func dial(address string) (*wire, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(3 * patience)); err != nil {
		return nil, err
	}
	return &wire{conn, bufio.NewReader(conn)}, nil
}

// head writes the head of a POST to /predict with a body of n bytes.
func (w *wire) head(n int) error {
	_, err := fmt.Fprintf(w.conn, "POST /predict HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", n)
	return err
}

// receive reads an answer; closing is true where it announces the connection's end.
func (w *wire) receive() (r reply, closing bool, err error) {
	res, err := http.ReadResponse(w.r, nil)
	if err != nil {
		return r, false, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(b)}, res.Close, err
}

// ask sends one right request and reads its answer.
func (w *wire) ask() (r reply, closing bool, err error) {
	if err := w.head(len(listsBody)); err != nil {
		return r, false, err
	}
	if _, err := io.WriteString(w.conn, listsBody); err != nil {
		return r, false, err
	}
	return w.receive()
}

// hostPort is the address of a process.
func (p *process) hostPort() string { return strings.TrimPrefix(p.url, "http://") }

func mustDial(t *testing.T, p *process) *wire {
	t.Helper()
	w, err := dial(p.hostPort())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// TestDrainUnderLoad: eight clients ask without a pause while SIGTERM comes. Until
// DRAIN_DELAY is nearly over every request is answered, and once readiness is off
// every answer announces the end of its connection.
func TestDrainUnderLoad(t *testing.T) {
	const delay, margin = 1500 * time.Millisecond, 500 * time.Millisecond
	p := start(t, "DRAIN_DELAY="+delay.String(), "DRAIN_TIMEOUT=5s")
	var unready, answered, announced atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var w *wire
			for !stop.Load() {
				var err error
				if w == nil {
					if w, err = dial(p.hostPort()); err != nil {
						t.Errorf("a new connection within DRAIN_DELAY: %v", err)
						return
					}
				}
				mustClose := unready.Load() > 0
				r, closing, err := w.ask()
				switch {
				case err != nil || r.status != 200:
					t.Errorf("within DRAIN_DELAY: %v, %d %s", err, r.status, r.body)
					return
				case mustClose && !closing:
					t.Error("an answer of the draining server does not announce the end of its connection")
					return
				}
				answered.Add(1)
				if closing {
					announced.Add(1)
					if err := w.conn.Close(); err != nil {
						t.Error(err)
					}
					w = nil
				}
			}
			if w != nil {
				if err := w.conn.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	p.await("traffic", func() bool { return answered.Load() > 100 })
	p.signal(syscall.SIGTERM)
	began := time.Now()
	p.await("readiness 503", func() bool { return p.get("/v2/health/ready").status == 503 })
	if took := time.Since(began); took > 200*time.Millisecond {
		t.Errorf("readiness went off after %v", took)
	}
	unready.Store(1)
	for path, want := range map[string]int{"/v2/health/live": 200, "/v2/models/heart-disease/ready": 503, "/health": 503, "/v2": 200} {
		if got := p.get(path); got.status != want {
			t.Errorf("%s of the draining server: %d %s", path, got.status, got.body)
		}
	}
	time.Sleep(time.Until(began.Add(delay - margin)))
	stop.Store(true)
	wg.Wait()
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(began); took < delay || took > delay+2*time.Second {
		t.Errorf("it ended after %v, DRAIN_DELAY is %v", took, delay)
	}
	if announced.Load() < 8 {
		t.Errorf("%d answers announced the end of their connection", announced.Load())
	}
	t.Logf("%d requests answered, %d of them announced the end of their connection", answered.Load(), announced.Load())
}

// TestDrainKeepsIdleConnections: a connection that is idle when SIGTERM comes still
// carries a request within DRAIN_DELAY.
func TestDrainKeepsIdleConnections(t *testing.T) {
	p := start(t, "DRAIN_DELAY=1s")
	w := mustDial(t, p)
	if r, closing, err := w.ask(); err != nil || r.status != 200 || closing {
		t.Fatal(r, closing, err)
	}
	p.signal(syscall.SIGTERM)
	p.await("readiness 503", func() bool { return p.get("/v2/health/ready").status == 503 })
	time.Sleep(200 * time.Millisecond)
	if r, closing, err := w.ask(); err != nil || r.status != 200 || !closing {
		t.Errorf("status %d, closing %v, %v", r.status, closing, err)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestDrainHalfSentUpload: an upload that stalls gets 503 and cannot hold the
// exit; neither can a connection that never sends anything, nor half a header.
func TestDrainHalfSentUpload(t *testing.T) {
	const timeout = 1200 * time.Millisecond
	p := start(t, "DRAIN_TIMEOUT="+timeout.String())
	upload := mustDial(t, p)
	if err := upload.head(len(listsBody)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(upload.conn, listsBody[:50]); err != nil {
		t.Fatal(err)
	}
	mustDial(t, p) // silent
	if _, err := io.WriteString(mustDial(t, p).conn, "POST /predict HT"); err != nil {
		t.Fatal(err)
	}
	p.await("the upload at work", func() bool { return strings.Contains(p.get("/metrics").body, "oi_http_requests_in_flight 1\n") })
	began := time.Now()
	p.signal(syscall.SIGTERM)
	r, closing, err := upload.receive()
	if err != nil || r.status != 503 || !closing || r.header.Get("Retry-After") == "" {
		t.Errorf("the stalled upload got %d, closing %v, %v, %v", r.status, closing, r.header, err)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(began); took > timeout+time.Second {
		t.Errorf("it ended after %v, DRAIN_TIMEOUT is %v", took, timeout)
	}
}

// TestDrainSlowUpload: an upload that goes on arriving is answered.
func TestDrainSlowUpload(t *testing.T) {
	p := start(t, "DRAIN_TIMEOUT=10s")
	w := mustDial(t, p)
	if err := w.head(len(listsBody)); err != nil {
		t.Fatal(err)
	}
	for i := range len(listsBody) {
		if i == 5 {
			p.await("the server at work", func() bool { return p.get("/health").status == 200 })
			p.signal(syscall.SIGTERM)
			p.await("line draining", func() bool { return len(p.out.with("draining")) > 0 })
		}
		if _, err := io.WriteString(w.conn, listsBody[i:i+1]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
	}
	r, closing, err := w.receive()
	if err != nil || r.status != 200 || !closing {
		t.Errorf("got %d %s, closing %v, %v", r.status, r.body, closing, err)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestDrainManySignals: more signals change nothing.
func TestDrainManySignals(t *testing.T) {
	p := start(t, "DRAIN_DELAY=600ms")
	p.signal(syscall.SIGTERM)
	p.await("readiness 503", func() bool { return p.get("/v2/health/ready").status == 503 })
	p.signal(syscall.SIGTERM)
	p.signal(syscall.SIGINT)
	time.Sleep(100 * time.Millisecond)
	if r := p.post("/predict", listsBody); r.status != 200 {
		t.Errorf("after a second signal: %d %s", r.status, r.body)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
