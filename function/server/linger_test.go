package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dial opens a connection for requests that no client of net/http would send.
func dial(t *testing.T, url string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// head sends the head of a request.
func head(t *testing.T, conn net.Conn, line string, length int, more string) {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n", line, length, more); err != nil {
		t.Fatal(err)
	}
}

// read takes one answer from a connection.
func read(t *testing.T, conn net.Conn) answer {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, res.ContentLength, res.Close}
}

// TestLargeRefusals: a client that sends its whole body before it reads, as simple
// ones do, gets to read why it is refused.
func TestLargeRefusals(t *testing.T) {
	const limit = 1 << 20
	url, _, _ := serve(t, heart(t), func(o *Options) { o.MaxBodyBytes = limit })
	chunk := make([]byte, 1<<16)
	for _, c := range []struct {
		line   string
		length int
		header string
		status int
		closes bool
	}{
		{"POST /predict", limit + 1, "", 413, true},
		{"POST /predict", 17 << 20, "", 413, true},
		{"POST /v2/models/heart-disease/infer", 20 << 20, "", 413, true},
		{"POST /nope", 8 << 20, "", 404, true},
		{"PUT /predict", 8 << 20, "", 405, true},
		{"POST /predict", 8 << 20, "Content-Type: text/plain\r\n", 415, true},
		{"POST /v2/models/nobody/infer", 8 << 20, "", 404, true},
		{"OPTIONS /predict", 8 << 20, "", 204, true},
		{"GET /v2/health/ready", 8 << 20, "", 200, true},
		{"POST /nope", 1000, "", 404, false},
		{"GET /v2/health/ready", 1000, "", 200, false},
	} {
		t.Run(fmt.Sprintf("%s %d", c.line, c.length), func(t *testing.T) {
			conn := dial(t, url)
			head(t, conn, c.line, c.length, c.header)
			for left := c.length; left > 0; left -= len(chunk) {
				if _, err := conn.Write(chunk[:min(left, len(chunk))]); err != nil {
					t.Fatalf("with %d bytes to go: %v", left, err)
				}
			}
			if got := read(t, conn); got.Status != c.status || got.Close != c.closes {
				t.Errorf("got %d, closing %v", got.Status, got.Close)
			}
		})
	}
}

// TestRefusalWithoutBody: a body that does not come holds up no refusal; nor does
// one that the client sends only when it is told to.
func TestRefusalWithoutBody(t *testing.T) {
	url, _, _ := serve(t, heart(t), func(o *Options) { o.RequestTimeout = time.Minute })
	for _, c := range []struct {
		line   string
		length int
		header string
		status int
		within time.Duration
	}{
		{"POST /nope", 10, "", 404, 3 * time.Second},
		{"POST /nope", 10 << 20, "", 404, time.Second},
		{"GET /v2/health/live", 10, "", 200, 3 * time.Second},
		{"POST /predict", 10, "Content-Type: text/plain\r\n", 415, 3 * time.Second},
		{"POST /predict", 10 << 20, "Expect: 100-continue\r\n", 413, time.Second},
		{"POST /predict", 10, "Expect: 100-continue\r\nContent-Type: text/plain\r\n", 415, time.Second},
	} {
		t.Run(fmt.Sprintf("%s %d %s", c.line, c.length, strings.TrimSpace(c.header)), func(t *testing.T) {
			t.Parallel()
			conn := dial(t, url)
			began := time.Now()
			head(t, conn, c.line, c.length, c.header)
			got := read(t, conn)
			if took := time.Since(began); got.Status != c.status || !got.Close || took > c.within {
				t.Errorf("got %d after %v, closing %v", got.Status, took, got.Close)
			}
		})
	}
}

// TestBodiesAtOnce: clients that send large bodies slowly cannot fill the memory
// together, and do not keep out small requests.
func TestBodiesAtOnce(t *testing.T) {
	const limit = 1 << 20
	var s *Server
	url, _, _ := serveAs(t, heart(t), func(o *Options) { o.MaxBodyBytes = limit }, &s)
	if s.bodies.limit != leastBudget {
		t.Errorf("the budget is %d bytes", s.bodies.limit)
	}
	const held = 4
	s.bodies.limit = held * limit
	refused := 0
	conns := make([]net.Conn, 20)
	for i := range conns {
		conns[i] = dial(t, url)
		head(t, conns[i], "POST /predict", limit, "")
		if _, err := conns[i].Write(make([]byte, limit-1)); err != nil {
			t.Fatal(err)
		}
	}
	// A refused client's answer comes; the others wait for their last byte.
	for _, conn := range conns {
		if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			continue
		}
		refused++
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
			t.Errorf("got %s %v", res.Status, res.Header)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	used := s.bodies.used.Load()
	if refused < len(conns)-held || refused == len(conns) || used <= 0 || used > held*limit {
		t.Errorf("%d of %d refused, %d bytes held", refused, len(conns), used)
	}
	if res, body := ask(t, "POST", url+"/predict", row); res.Status != 200 {
		t.Errorf("a small request: %d %s", res.Status, body)
	}
	for _, conn := range conns {
		// On a busy machine the server has closed a refused one by now.
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil && !errors.Is(err, syscall.ENOTCONN) {
			t.Error(err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); s.bodies.used.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are never given back", s.bodies.used.Load())
		}
	}
}

// TestRoom: what a client announces costs no memory before it comes, and no buffer
// passes what is announced or allowed.
func TestRoom(t *testing.T) {
	const limit = 16 << 20
	for _, c := range []struct{ have, announced, want int64 }{
		{0, 100, 101}, {0, 1 << 40, freeBytes}, {0, -1, 512}, {512, -1, 8192}, {101, 100, 102},
		{freeBytes, 1 << 40, 1 << 20}, {1 << 20, 1 << 40, 2 << 20}, {2 << 20, 3 << 20, 3<<20 + 1}, {12 << 20, -1, limit + 1},
	} {
		if got := room(c.have, c.announced, limit); got != c.want {
			t.Errorf("%d bytes of %d: room for %d, expected %d", c.have, c.announced, got, c.want)
		}
	}
}
