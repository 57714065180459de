package server

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"online-inference/function/artefact"
	"online-inference/function/telemetry"
)

const jsonType = "application/json"

// A call is one request on its way through the server.
type call struct {
	echo.Context
	record telemetry.Request
	span   *telemetry.Span // nil where the call is not traced
	told   bool            // neither a probe nor a scrape: logged and counted
	buf    []byte          // memory for small replies

	settled bool // the body has been read, or there is nothing more to do about it
	stalled bool // reading the body has failed
	linger  bool // the rest of the body is to be read after the answer
}

// callOf finds the call of a context; outside of observe it makes one.
func (s *Server) callOf(c echo.Context) *call {
	if cc, ok := c.(*call); ok {
		return cc
	}
	return &call{Context: c}
}

// handle fits a handler of calls into echo.
func (s *Server) handle(h func(*call) error) echo.HandlerFunc {
	return func(c echo.Context) error { return h(s.callOf(c)) }
}

// observe stands around every request: it names who answers, contains panics,
// turns errors into replies, counts, and writes the log line.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ctx echo.Context) error {
		start := time.Now()
		r := ctx.Request()
		if s.hanging.Load() {
			<-r.Context().Done()
			panic(http.ErrAbortHandler)
		}
		c := s.calls.Get().(*call)
		route, told := s.routeOf(ctx)
		*c = call{Context: ctx, buf: c.buf[:0], told: told}
		c.record = telemetry.Request{
			ID: telemetry.RequestID(r.Header.Get("X-Request-Id")), Method: r.Method, Path: clip(r.URL.Path), Route: route,
		}
		s.begin(c, r.Header, start)
		defer s.finish(c, start)
		s.identify(c)
		if r.Method != http.MethodPost {
			s.settle(c)
		}
		s.guard(c, next)
		return nil
	}
}

// begin counts a call in and starts its trace.
func (s *Server) begin(c *call, h http.Header, start time.Time) {
	if c.told {
		s.opt.Metrics.Begin()
		c.span = s.opt.Exporter.Begin(h, start)
		c.record.TraceID = c.span.TraceID()
	}
}

// tell counts a call out, and writes its log line and its trace.
func (s *Server) tell(c *call, start time.Time) {
	r := &c.record
	r.Duration = time.Since(start)
	r.Log(s.requestLog)
	s.opt.Metrics.End(r)
	c.span.End(r, start.Add(r.Duration))
}

// finish tells of a call that has ended, be it by cutting its connection.
func (s *Server) finish(c *call, start time.Time) {
	if c.told {
		c.record.Status, c.record.BytesOut = c.Response().Status, c.Response().Size
		s.tell(c, start)
	}
	s.lingerOn(c)
	s.calls.Put(c)
}

// guard runs a handler; neither its error nor its panic leaves it.
func (s *Server) guard(c *call, next echo.HandlerFunc) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(p)
		}
		s.logger.Error().Str("request_id", c.record.ID).Str("route", c.record.Route).
			Int64("panics", s.opt.Metrics.Panicked()).Str("stack", string(debug.Stack())).Msg(fmt.Sprintf("panic: %v", p))
		if c.Response().Committed {
			panic(http.ErrAbortHandler) // the client must not take half an answer for a whole one
		}
		s.refuse(c, refuse(http.StatusInternalServerError, "internal error"))
	}()
	if err := next(c); err != nil {
		s.refuse(c, err)
	}
}

// identify writes the headers that say who answers.
func (s *Server) identify(c *call) {
	h := c.Response().Header()
	h.Set("X-Request-Id", c.record.ID)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Pod", s.opt.Pod)
	if s.opt.Revision != "" {
		h.Set("X-Revision", s.opt.Revision)
	}
	if s.lastOn(c.Request()) {
		h.Set("Connection", "close") // for what echo answers by itself
	}
	if m, err := s.opt.Repository.Find("", ""); err == nil {
		s.claim(c, m)
	}
}

// claim names the model of a reply, in headers and log.
func (s *Server) claim(c *call, m *artefact.Model) {
	h := c.Response().Header()
	h.Set("X-Model-Name", m.Name)
	h.Set("X-Model-Version", m.Version)
	c.record.Model, c.record.Version = m.Name, m.Version
}

// reply sends a whole answer. Every answer passes here, so that each one that is
// sent during a drain announces the end of its connection.
func (s *Server) reply(c *call, status int, contentType string, body []byte) {
	res := c.Response()
	h := res.Header()
	if s.lastOn(c.Request()) {
		h.Set("Connection", "close")
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	res.WriteHeader(status)
	if c.Request().Method == http.MethodHead {
		return
	}
	if _, err := res.Write(body); err != nil {
		s.logger.Debug().Str("request_id", c.record.ID).Err(err).Msg("the client left before its answer")
	}
}
