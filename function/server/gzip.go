package server

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// A packed body is read through one of these, which are made when the first such
// body comes and kept: the window alone takes 32 kB.
type unpacker struct {
	gzip   gzip.Reader
	source source
}

// source counts what is read of a body, bounds it, and remembers its end.
type source struct {
	from      io.Reader
	n, limit  int64
	ended     error // what the body said last: io.EOF at its end
	tooLarge  error
	exhausted bool
}

func (r *source) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if r.n += int64(n); r.n > r.limit {
		r.exhausted = true
		return 0, r.tooLarge
	}
	r.ended = err
	return n, err
}

// unpack reads a body in gzip. The bound on a body holds for both its sizes, and
// reading ends where either goes beyond: what would come after is never unpacked.
// The error at the end is io.EOF.
func (s *Server) unpack(c *call, w *work) error {
	u, ok := s.unpackers.Get().(*unpacker)
	if !ok {
		u = new(unpacker)
	}
	defer s.unpackers.Put(u)
	u.source = source{from: c.Request().Body, limit: s.opt.MaxBodyBytes, tooLarge: s.tooLarge()}
	err := u.gzip.Reset(&u.source)
	if err == nil {
		err = s.readBody(c, w, &u.gzip, -1, func(int) error { return nil })
	}
	c.record.BytesIn = u.source.n
	c.settled = errors.Is(u.source.ended, io.EOF) && !u.source.exhausted
	c.stalled = u.source.ended != nil && !c.settled
	if c.settled || u.source.ended == nil {
		return s.damaged(w, err)
	}
	if u.source.exhausted {
		return u.source.tooLarge
	}
	return u.source.ended
}

// damaged words an error of unpacking where the body itself came well.
func (s *Server) damaged(w *work, err error) error {
	var corrupt flate.CorruptInputError
	var message string
	switch {
	case int64(len(w.body)) > s.opt.MaxBodyBytes:
		return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is too large when unpacked: expected at most %d bytes", s.opt.MaxBodyBytes))
	case errors.Is(err, io.ErrUnexpectedEOF):
		message = "the gzip data end early"
	case errors.Is(err, gzip.ErrHeader) && len(w.body) == 0:
		message = "the body is not gzip, as Content-Encoding says"
	case errors.Is(err, gzip.ErrHeader):
		message = "something that is not gzip stands behind the gzip data"
	case errors.Is(err, gzip.ErrChecksum):
		message = "the gzip data do not fit their checksum"
	case errors.As(err, &corrupt):
		message = "the gzip data are damaged"
	default:
		return err
	}
	return refuse(http.StatusBadRequest, message)
}
