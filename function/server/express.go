package server

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The express lane answers the common request, a few rows in one packet, without
// net/http and echo, which take longer for its head than the model for its rows.
//
// It can answer only what it understands whole: a request that comes in one read,
// with nothing before or behind it, whose head holds nothing but what parseHead
// knows, for a path of the loaded model, and which the model answers with 200.
// Everything else is given to net/http as it was read, as if the lane were not
// there: it has no errors of its own. The first request of a connection takes this
// way, too, so that net/http knows the connection as a persistent one, and closes
// it when it is idle or the server ends.

// fullBuffer is asked for by net/http where it has read ahead nothing: only then
// does a request begin at the first byte of a read.
const fullBuffer = 4096

// The states of an expressConn that lead from the end of a request to the read that
// waits for the next one. net/http sets a deadline before that read, and another one
// where it has bytes enough without it.
const (
	laneShut  = iota
	laneIdle  // a request has been answered
	laneReady // the deadline of the next one is set: a read now is its first
)

// expressListener accepts connections that have an express lane.
type expressListener struct {
	net.Listener
	server *Server
}

// Accept waits for the next connection.
func (l expressListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
		return &expressConn{TCPConn: tcp, server: l.server}, nil
	}
	return conn, err
}

// An expressConn is a connection as net/http has it, which answers some requests
// when net/http reads.
type expressConn struct {
	*net.TCPConn
	server *Server

	lane  atomic.Int32 // laneShut and so on
	plain atomic.Bool  // it has carried a request of HTTP/1

	// The deadlines in force, as times since the server was made; 0 is none.
	read, write atomic.Int64

	mu        sync.Mutex // of the two
	answering bool       // an answer is made or written
	closing   bool       // net/http has closed it: an answer under way is its last
	broken    error      // of writing an answer
}

// idle notes whether net/http is between requests.
func (c *expressConn) idle(yes bool) {
	if yes && c.plain.Load() {
		c.lane.Store(laneIdle)
	} else {
		c.lane.Store(laneShut)
	}
}

// SetReadDeadline is how net/http is followed, see laneIdle.
func (c *expressConn) SetReadDeadline(t time.Time) error {
	if !c.lane.CompareAndSwap(laneIdle, laneReady) {
		c.lane.Store(laneShut)
	}
	c.read.Store(c.server.since(t))
	return c.TCPConn.SetReadDeadline(t)
}

// SetWriteDeadline notes that the lane's own deadline is no more in force.
func (c *expressConn) SetWriteDeadline(t time.Time) error {
	c.write.Store(0)
	return c.TCPConn.SetWriteDeadline(t)
}

// since is a time on the clock of deadlines.
func (s *Server) since(t time.Time) int64 { return int64(t.Sub(s.made)) }

// Close closes the connection, where an answer is under way behind it: net/http, to
// which the connection is idle, holds all others up as long as this takes.
func (c *expressConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	if c.answering {
		return nil
	}
	return c.TCPConn.Close()
}

// begin begins an answer; it is false on a closed connection.
func (c *expressConn) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answering = !c.closing
	return c.answering
}

// answered ends an answer, and the connection where that was waited for.
func (c *expressConn) answered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answering = false
	if c.closing {
		c.end()
	}
}

// end closes the connection where nobody hears of it.
func (c *expressConn) end() {
	if err := c.TCPConn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		c.server.logger.Debug().Err(err).Msg("close")
	}
}

// answers tells on how many connections an answer is under way.
func (s *Server) answers() (n int) {
	s.eachAnswer(func(*expressConn) { n++ })
	return n
}

// cutAnswers gives up the answers under way.
func (s *Server) cutAnswers() {
	s.eachAnswer((*expressConn).end)
}

func (s *Server) eachAnswer(f func(c *expressConn)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		c, ok := conn.(*expressConn)
		if !ok {
			continue
		}
		c.mu.Lock()
		answering := c.answering
		c.mu.Unlock()
		if answering {
			f(c)
		}
	}
}

// Read reads for net/http, which does not see the requests that the lane answers.
func (c *expressConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if err != nil || len(p) != fullBuffer || c.lane.Load() != laneReady {
		return n, err
	}
	for c.answer(p[:n]) {
		if c.broken != nil {
			break // the client may never send again: net/http has to close now
		}
		if n, err = c.TCPConn.Read(p); err != nil {
			break
		}
	}
	c.lane.Store(laneShut)
	if c.broken != nil {
		return 0, c.broken
	}
	return n, err
}

// answer answers a request if it can, and has the connection wait for the next.
func (c *expressConn) answer(request []byte) bool {
	s := c.server
	// net/http ends the connections of a server that drains; a trace has a parent.
	if c.broken != nil || s.draining.Load() || s.hanging.Load() || s.opt.Exporter != nil {
		return false
	}
	table := s.expressTable()
	h, ok := parseHead(request)
	if !ok || table == nil {
		return false
	}
	lane := table.find(h.path)
	if lane == nil {
		return false
	}
	if !c.begin() {
		return false
	}
	defer c.answered()
	start := time.Now()
	w := s.works.Get().(*work)
	defer s.done(w)
	// Asked again: who drains looks for answers under way after saying so.
	if s.draining.Load() || !s.evaluateExpress(table, lane, &h, w) {
		return false
	}
	s.composeExpress(table, w, start)
	// It is told of before it is sent, as by net/http: who has an answer finds it
	// counted.
	r := &w.record
	r.Status, r.BytesOut, r.Duration = http.StatusOK, int64(len(w.out)), time.Since(start)
	r.Log(s.requestLog)
	s.opt.Metrics.End(r)
	if c.broken = c.limit(start.Add(r.Duration)); c.broken == nil {
		_, c.broken = c.Write(w.wire)
	}
	if c.broken != nil {
		s.logger.Debug().Str("request_id", r.ID).Err(c.broken).Msg("the client left before its answer")
	}
	if now := s.since(start); c.read.Load()-now < int64(idleTimeout*9/10) && c.broken == nil {
		c.broken = c.TCPConn.SetReadDeadline(start.Add(idleTimeout))
		c.read.Store(now + int64(idleTimeout))
	}
	return true
}

// limit bounds the time of a write from now on. Deadlines are set anew when a part
// of their time has passed: setting them takes as long as reading the head.
func (c *expressConn) limit(now time.Time) error {
	s := c.server
	if at, limit := s.since(now), s.http.WriteTimeout; c.write.Load()-at < int64(limit/2) {
		if err := c.TCPConn.SetWriteDeadline(now.Add(limit)); err != nil {
			return err
		}
		c.write.Store(at + int64(limit))
	}
	return nil
}
