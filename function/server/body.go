package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"online-inference/function/oip"
)

// work is the memory of one inference: body, what was read from it, and the
// answer. It is kept between requests.
type work struct {
	body    []byte
	held    int64 // bytes of the server's budget that body takes
	table   oip.Table
	request oip.Request
	columns []column
	marks   []mark
	out     []byte
}

// keepBytes bounds the memory that is kept between requests.
const keepBytes = 1 << 20

// done gives the memory back.
func (s *Server) done(w *work) {
	s.bodies.give(w.held)
	w.held = 0
	if cap(w.body) <= keepBytes && cap(w.out) <= keepBytes && cap(w.table.Cells)+cap(w.request.Cells) <= keepBytes/8 {
		s.works.Put(w)
	}
}

// receive reads the body of a call, which has to be JSON of bounded size.
func (s *Server) receive(c *call, w *work) error {
	r := c.Request()
	if err := checkType(r.Header); err != nil {
		return err
	}
	if r.ContentLength > s.opt.MaxBodyBytes {
		return s.tooLarge()
	}
	w.body = w.body[:0]
	if cap(w.body) > freeBytes && r.ContentLength < freeBytes {
		w.body = nil // a small request does not hold a large buffer
	}
	var err error
	for err == nil {
		if have := len(w.body); have == cap(w.body) || have == 0 {
			if err := s.reserve(w, room(int64(have), r.ContentLength, s.opt.MaxBodyBytes)); err != nil {
				return err
			}
		}
		var n int
		n, err = r.Body.Read(w.body[len(w.body):cap(w.body)])
		w.body = w.body[:len(w.body)+n]
		c.record.BytesIn = int64(len(w.body))
		if int64(len(w.body)) > s.opt.MaxBodyBytes {
			return s.tooLarge()
		}
	}
	c.settled = errors.Is(err, io.EOF)
	c.stalled = !c.settled
	if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return unreadable(err)
	}
	if len(w.body) == 0 {
		return &refusal{http.StatusBadRequest, "the body is empty: expected JSON"}
	}
	return nil
}

// unreadable tells a client's broken body from what refuse knows by itself.
func unreadable(err error) error {
	var timeout interface{ Timeout() bool }
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &timeout) {
		return err
	}
	return &refusal{http.StatusBadRequest, "the body cannot be read: " + clip(err.Error())}
}

func (s *Server) tooLarge() error {
	return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is too large: expected at most %d bytes", s.opt.MaxBodyBytes)}
}

// checkType refuses what says that it is no plain JSON. Saying nothing is fine:
// tritonclient does.
func checkType(h http.Header) error {
	unsupported := func(format string, args ...any) error {
		return &refusal{http.StatusUnsupportedMediaType, fmt.Sprintf(format, args...)}
	}
	for _, name := range []string{"Content-Type", "Content-Encoding"} {
		if n := len(h[name]); n > 1 {
			return &refusal{http.StatusBadRequest, fmt.Sprintf("%s: expected it once, got it %d times", name, n)}
		}
	}
	if enc := h.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return unsupported("Content-Encoding %q is not supported: send the body as it is", clip(enc))
	}
	if h.Get("Inference-Header-Content-Length") != "" {
		return unsupported("binary tensor data is not supported: send JSON")
	}
	given := h.Get("Content-Type")
	base, _, _ := strings.Cut(given, ";")
	switch base = strings.ToLower(strings.TrimSpace(base)); base {
	case "", jsonType:
		return nil
	case "application/x-www-form-urlencoded":
		return unsupported("Content-Type %q: expected application/json (curl -d sends the form type: add -H 'Content-Type: application/json')", base)
	}
	return unsupported("Content-Type %q: expected application/json", clip(given))
}
