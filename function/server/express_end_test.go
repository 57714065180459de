package server

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"

	"online-inference/function/artefact"
	"online-inference/function/telemetry"
)

// answerer is what answers on a lane.
type answerer = func(*Server, *telemetry.Request, *artefact.Model, *work) error

// detour opens a connection whose next request for rows the lane answers by other.
func detour(t *testing.T, change func(*Options), other answerer) (s *Server, conn net.Conn, r *bufio.Reader) {
	t.Helper()
	s, url, _, _ := express(t, change)
	conn = dial(t, url)
	r = bufio.NewReader(conn)
	exchange(t, conn, r, wire("/predict", row, plainType))
	expected(t, s)
	exchange(t, conn, r, wire("/predict", row, plainType)) // the lane's first sets the deadlines
	instead(s, other)
	return s, conn, r
}

// instead has the lane answer requests for rows by other.
func instead(s *Server, other answerer) {
	table := s.newExpressTable(s.expressTable().model)
	table.lanes[0].answer = other
	s.table.Store(table)
}

// gone waits until net/http has closed the last connection.
func gone(t *testing.T, s *Server) {
	t.Helper()
	wait(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.conns) == 0
	})
}

// slow is a model that takes its time.
func slow(took time.Duration, started chan<- bool) answerer {
	return func(s *Server, r *telemetry.Request, m *artefact.Model, w *work) error {
		started <- true
		time.Sleep(took)
		return s.answerRows(r, m, w)
	}
}

// TestExpressSlowEnd: the end of a server waits for a slow model, and does not lose
// its answer.
func TestExpressSlowEnd(t *testing.T) {
	started := make(chan bool, 1)
	s, conn, r := detour(t, nil, slow(400*time.Millisecond, started))
	if _, err := conn.Write([]byte(wire("/predict", row, plainType))); err != nil {
		t.Fatal(err)
	}
	<-started
	cut := make(chan int, 1)
	go func() { cut <- s.Drain(0, 10*time.Second) }()
	receiveAnswer(t, conn, r)
	if n := <-cut; n > 0 {
		t.Errorf("%d connections cut", n)
	}
	gone(t, s)
}

// TestExpressLateEnd: it waits no longer than it may, be it for a model that takes
// too long or for a client that does not read, and says that it cut a connection.
func TestExpressLateEnd(t *testing.T) {
	const timeout = 400 * time.Millisecond
	for name, answer := range map[string]func(over <-chan struct{}, w *work){
		"model":  func(over <-chan struct{}, _ *work) { <-over },
		"client": func(_ <-chan struct{}, w *work) { w.out = make([]byte, 64<<20) }, // more than two systems take
	} {
		t.Run(name, func(t *testing.T) {
			started, over := make(chan bool), make(chan struct{})
			s, conn, _ := detour(t, nil, func(_ *Server, _ *telemetry.Request, _ *artefact.Model, w *work) error {
				started <- true
				answer(over, w)
				return nil
			})
			if _, err := conn.Write([]byte(wire("/predict", row, plainType))); err != nil {
				t.Fatal(err)
			}
			<-started
			done := make(chan int)
			go func() { done <- s.Drain(0, timeout) }()
			select {
			case cut := <-done:
				if cut != 1 {
					t.Errorf("%d connections cut", cut)
				}
			case <-time.After(time.Minute):
				t.Error("it waits on")
			}
			close(over)
			gone(t, s)
		})
	}
}

// TestExpressSlowWrite: the time for an answer counts from its write.
func TestExpressSlowWrite(t *testing.T) {
	const limit = 500 * time.Millisecond
	started := make(chan bool, 1)
	s, conn, r := detour(t, func(o *Options) { o.RequestTimeout = limit - answerTime }, slow(limit*4/5, started))
	if s.http.WriteTimeout != limit {
		t.Fatal(s.http.WriteTimeout)
	}
	time.Sleep(limit * 2 / 5)
	if exchange(t, conn, r, wire("/predict", row, plainType)); len(started) != 1 {
		t.Error("the lane was not asked")
	}
}

// TestExpressBroken: a connection that an answer cannot be written to is closed at
// once, whether its client goes on or not.
func TestExpressBroken(t *testing.T) {
	s, url, _, seen := express(t, nil)
	conn := dial(t, url)
	r := bufio.NewReader(conn)
	request := wire("/predict", row, plainType)
	exchange(t, conn, r, request)
	expected(t, s)
	if err := only(t, s).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	gone(t, s)
	if _, err := r.ReadByte(); err != io.EOF || seen.Load() != 1 {
		t.Errorf("%v, net/http saw %d requests", err, seen.Load())
	}
}
