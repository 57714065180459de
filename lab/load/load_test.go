package load

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"online-inference/lab/record"
)

// answer is what a healthy server says.
func answer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Model-Version", "2")
	w.Header().Set("X-Pod", "p")
	fmt.Fprint(w, `{"predictions":[{"label":1}]}`)
}

func client(url string) Client {
	return Client{Name: "c", URL: url, Rate: 200, Connections: 2, Timeout: 20 * time.Second, InFlight: 100, Bodies: [][]byte{[]byte("{}")}}
}

// collect runs a client until n requests have ended.
func collect(t *testing.T, c Client, n int) []record.Request {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	var mu sync.Mutex
	var all []record.Request
	err := c.Run(ctx, nil, func(_ time.Time, r record.Request) {
		mu.Lock()
		defer mu.Unlock()
		if all = append(all, r); len(all) == n {
			stop()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < n {
		t.Fatalf("%d requests, want %d", len(all), n)
	}
	return all
}

func TestAnswers(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(answer))
	defer s.Close()
	for _, r := range collect(t, client(s.URL), 10) {
		if r.Micros <= 0 {
			t.Errorf("latency %d µs", r.Micros)
		}
		r.Micros = 0
		if diff := cmp.Diff(record.Request{Client: "c", Status: 200, Version: "v2", Pod: "p"}, r); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// TestOpenLoop: while the server answers nothing, requests go on leaving at
// their times, and their latencies count from then.
func TestOpenLoop(t *testing.T) {
	release, waiting := make(chan struct{}), atomic.Int32{}
	const held = 20
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if waiting.Add(1) == held {
			close(release)
		}
		<-release
		answer(w, r)
	}))
	defer s.Close()
	longest := int64(0)
	for _, r := range collect(t, client(s.URL), held) {
		longest = max(longest, r.Micros)
	}
	// The first one waited until the twentieth was there: 19 intervals of 5 ms.
	if longest < 90_000 {
		t.Errorf("the longest latency is %d µs, want the time that the first request waited", longest)
	}
}

// TestOverload: what is due beyond the bound has failed; it is neither sent
// nor forgotten nor delayed.
func TestOverload(t *testing.T) {
	release := make(chan struct{})
	var sent atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent.Add(1)
		<-release
		answer(w, r)
	}))
	defer s.Close()
	c := client(s.URL)
	c.InFlight = 3
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var mu sync.Mutex
	kinds := map[string]int{}
	err := c.Run(ctx, nil, func(_ time.Time, r record.Request) {
		mu.Lock()
		defer mu.Unlock()
		if kinds[r.Error]++; r.Error == Overload && kinds[Overload] == 5 {
			close(release)
			stop()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if kinds[Overload] < 5 || kinds[""] < 3 || int(sent.Load()) != kinds[""] {
		t.Errorf("%v, %d sent; want 5 overloads and 3 answers", kinds, sent.Load())
	}
}

func TestErrors(t *testing.T) {
	closed, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	handler := func(f http.HandlerFunc) string {
		s := httptest.NewServer(f)
		t.Cleanup(s.Close)
		return s.URL
	}
	for _, tt := range []struct {
		name, url string
		want      record.Request
	}{
		{"refused", "http://" + closed.Addr().String(), record.Request{Error: Refused}},
		{"reset", handler(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				err = conn.Close()
			}
			if err != nil {
				t.Error(err)
			}
		}), record.Request{Error: Reset}},
		{"timeout", handler(func(_ http.ResponseWriter, r *http.Request) {
			// A server notices that the caller has gone once the body is read.
			if _, err := io.Copy(io.Discard, r.Body); err == nil {
				<-r.Context().Done()
			}
		}), record.Request{Error: Timeout}},
		{"503", handler(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }), record.Request{Status: 503}},
		{"something else", handler(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }), record.Request{Status: 200, Error: NoPrediction}},
		{"a redirect", handler(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) }), record.Request{Status: 302}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, fresh := range []bool{true, false} {
				c := client(tt.url)
				c.Fresh = fresh
				if tt.want.Error == Timeout {
					c.Timeout = 50 * time.Millisecond
				}
				got := collect(t, c, 1)[0]
				if got.OK() {
					t.Errorf("fresh %v: it counts as answered", fresh)
				}
				got.Micros, tt.want.Client = 0, "c"
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("fresh %v (-want +got)\n%s", fresh, diff)
				}
			}
		})
	}
}

// TestConnections counts them: one a request, or no more than are kept.
func TestConnections(t *testing.T) {
	for _, fresh := range []bool{true, false} {
		var opened atomic.Int32
		s := httptest.NewUnstartedServer(http.HandlerFunc(answer))
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				opened.Add(1)
			}
		}
		s.Start()
		c := client(s.URL)
		c.Fresh, c.Rate = fresh, 50
		n := len(collect(t, c, 20))
		s.Close()
		// A kept connection that is still busy gets a second one beside it.
		if got := int(opened.Load()); fresh && got < n || !fresh && got > n/2 {
			t.Errorf("fresh %v: %d connections for %d requests", fresh, got, n)
		}
	}
}

// TestKeptConnectionsStay: requests that meet a busy connection open others, and
// the client ends none of them.
func TestKeptConnectionsStay(t *testing.T) {
	var asked, opened, closed atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1)%10 == 1 {
			time.Sleep(50 * time.Millisecond)
		}
		answer(w, r)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			opened.Add(1)
		case http.StateClosed:
			closed.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	c, ended := client(s.URL), int32(0)
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	var n atomic.Int32
	err := c.Run(ctx, nil, func(time.Time, record.Request) {
		if n.Add(1) == 60 {
			ended = closed.Load()
			stop()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if n.Load() < 60 || int(opened.Load()) <= c.Connections || ended > 0 {
		t.Errorf("%d requests, %d connections opened and %d ended; want more than %d opened and none ended", n.Load(), opened.Load(), ended, c.Connections)
	}
}

func TestRefusesClients(t *testing.T) {
	good := client("http://localhost")
	for want, spoil := range map[string]func(*Client){
		"rate 0":      func(c *Client) { c.Rate = 0 },
		"timeout":     func(c *Client) { c.Timeout = 0 },
		"in flight":   func(c *Client) { c.InFlight = 0 },
		"connections": func(c *Client) { c.Connections = 0 },
		"nothing":     func(c *Client) { c.Bodies = nil },
	} {
		c := good
		spoil(&c)
		if err := c.Run(t.Context(), nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestServe starts two clients, raises the rate of one, and ends with the input.
func TestServe(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(answer))
	defer s.Close()
	a, b := client(s.URL), client(s.URL)
	a.Name, a.Fresh, a.Rate = "a", true, 1
	b.Name = "b"
	a.InFlight, b.InFlight = 10_000, 10_000 // a machine may stand still for a moment
	in, commands := io.Pipe()
	lines, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := Serve(t.Context(), in, out)
		ended <- err
		out.CloseWithError(err)
	}()
	send := func(c Command) {
		if err := json.NewEncoder(commands).Encode(c); err != nil {
			t.Error(err)
		}
	}
	go send(Command{Started: time.Now().UnixMicro(), Clients: []Client{a, b}})
	dec, of, raised := json.NewDecoder(lines), map[string]int{}, false
	for of["a"] < 10 || of["b"] < 10 {
		var line record.Line
		if err := dec.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if line.Request == nil || !line.Request.OK() || line.T < 0 || line.T > 60_000 {
			t.Fatalf("at %d ms: %+v", line.T, line.Request)
		}
		of[line.Request.Client]++
		if !raised {
			raised = true
			// At one a second the ten requests of a would take nine seconds.
			go send(Command{Client: "a", Rate: 500})
		}
	}
	if err := commands.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, lines); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestServeRefuses(t *testing.T) {
	one, err := json.Marshal(Command{Clients: []Client{client("http://localhost:1")}})
	if err != nil {
		t.Fatal(err)
	}
	two, err := json.Marshal(Command{Clients: []Client{client("http://localhost:1"), client("http://localhost:1")}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ in, want string }{
		"nothing":           {"", "no command"},
		"no client":         {"{}\n", "starts no client"},
		"not JSON":          {"x\n", "cannot read the command"},
		"one name twice":    {string(two) + "\n", `two clients are named "c"`},
		"an unknown client": {string(one) + "\n" + `{"client":"d","rate":1}` + "\n", `the client "d"`},
		"a rate of nothing": {string(one) + "\n" + `{"client":"c"}` + "\n", "rate 0"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Serve(t.Context(), strings.NewReader(tt.in), io.Discard)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
