package server

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// A client that is refused may still be sending. Where a server then closes, the
// client's system meets a reset, and many clients (Python's http.client, for one)
// report that and never read the answer. So whatever is left of a body is read
// and dropped, within these bounds.
const (
	// settleBytes of a body are read before the answer: after that the connection
	// can go on. It is what net/http would read.
	settleBytes = 256 << 10
	// settleTime bounds the wait for them: an answer is not held up by a client
	// that does not send what it announced.
	settleTime = time.Second
	// lingerTime bounds the reading of more, after the answer.
	lingerTime = 2 * time.Second
	// lingerBytes bounds it too; a multiple of the largest body is granted as well.
	lingerBytes = 64 << 20
)

// settle reads the rest of a body that no handler wants, before the answer. Where
// it does not come to its end, the answer announces that the connection closes.
func (s *Server) settle(c *call) {
	r := c.Request()
	if c.settled || r.ContentLength == 0 || r.ProtoMajor != 1 {
		return
	}
	c.settled = true
	if r.Header.Get("Expect") != "" && c.record.BytesIn == 0 {
		return // the client waits for us before it sends; net/http then closes
	}
	ended := false
	if r.ContentLength <= settleBytes && !c.stalled && s.readUntil(c, settleTime) {
		n, err := io.CopyN(io.Discard, r.Body, settleBytes)
		c.record.BytesIn += n
		ended = errors.Is(err, io.EOF)
		c.stalled = err != nil
	}
	if !ended {
		c.Response().Header().Set("Connection", "close")
		c.linger = !c.stalled
	}
}

// linger reads on after the answer, so that the client comes to read it.
func (s *Server) lingerOn(c *call) {
	if !c.linger || !s.readUntil(c, lingerTime) || http.NewResponseController(c.Response()).Flush() != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, c.Request().Body, max(lingerBytes, 4*s.opt.MaxBodyBytes)); err != nil && !errors.Is(err, io.EOF) {
		s.logger.Debug().Str("request_id", c.record.ID).Err(err).Msg("the rest of a refused body was not read")
	}
}

// readUntil bounds the time for reading a body from now on; it is false where
// nothing more is to be read. net/http sets the bound anew for the next request.
func (s *Server) readUntil(c *call, d time.Duration) bool {
	if s.expired.Load() {
		return false
	}
	err := http.NewResponseController(c.Response()).SetReadDeadline(time.Now().Add(min(d, s.opt.RequestTimeout)))
	return err == nil
}
