package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"online-inference/function/artefact"
	"online-inference/function/oip"
	"online-inference/function/telemetry"
)

// work is the memory of one inference: body, what was read from it, and the
// answer. It is kept between requests.
type work struct {
	body    []byte
	held    int64 // bytes of the server's budget that body takes
	table   oip.Table
	request oip.Request
	columns []column
	outputs []int
	marks   []mark
	out     []byte
	head    int               // length of the JSON text of out where binary tensors follow
	binary  bool              // out has binary tensors
	wire    []byte            // out behind its head, where net/http does not write that
	record  telemetry.Request // where there is no call
	begun   time.Time         // the part that is under way: decode, predict, encode

	model *artefact.Model // that spans are of
	spans []span          // the features of each input
}

// keepBytes bounds the memory that is kept between requests.
const keepBytes = 1 << 20

// done gives the memory back.
func (s *Server) done(w *work) {
	s.bodies.give(w.held)
	w.held = 0
	clear(w.columns) // what they point to may be large and of somebody else's
	for i := range w.request.Inputs {
		w.request.Inputs[i].Raw = nil
	}
	if cap(w.body) <= keepBytes && cap(w.out)+cap(w.wire) <= keepBytes && cap(w.table.Cells)+cap(w.request.Cells) <= keepBytes/8 {
		s.works.Put(w)
	}
}

// receive reads the body of a call, of bounded size, unpacks it, and returns the
// length of its JSON text: -1 where all of it is JSON, less than the body where
// binary tensors follow.
func (s *Server) receive(c *call, w *work, binary bool) (head int, err error) {
	r := c.Request()
	form, err := formOf(r.Header, binary)
	if err != nil {
		return 0, err
	}
	if r.ContentLength > s.opt.MaxBodyBytes {
		return 0, s.tooLarge()
	}
	w.body = w.body[:0]
	if cap(w.body) > freeBytes && r.ContentLength < freeBytes {
		w.body = nil // a small request does not hold a large buffer
	}
	if form.gzip {
		err = s.unpack(c, w)
	} else {
		err = s.readBody(c, w, r.Body, r.ContentLength, func(n int) error {
			c.record.BytesIn += int64(n)
			return nil
		})
		c.settled = errors.Is(err, io.EOF)
		c.stalled = !c.settled
	}
	if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, unreadable(err)
	}
	if len(w.body) == 0 {
		return 0, refuse(http.StatusBadRequest, "the body is empty: expected JSON")
	}
	return form.split(len(w.body))
}

// readBody reads until an error, which at the end is io.EOF. announced is the
// length, or -1; count is told of every read.
func (s *Server) readBody(c *call, w *work, from io.Reader, announced int64, count func(n int) error) error {
	for {
		if have := len(w.body); have == cap(w.body) || have == 0 {
			if err := s.reserve(w, room(int64(have), announced, s.opt.MaxBodyBytes)); err != nil {
				return err
			}
		}
		n, err := from.Read(w.body[len(w.body):cap(w.body)])
		w.body = w.body[:len(w.body)+n]
		if err := count(n); err != nil {
			return err
		}
		if int64(len(w.body)) > s.opt.MaxBodyBytes {
			return s.tooLarge()
		}
		if err != nil {
			return err
		}
	}
}

// unreadable tells a client's broken body from what refuse knows by itself.
func unreadable(err error) error {
	var (
		timeout interface{ Timeout() bool }
		r       *refusal
	)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &timeout) || errors.As(err, &r) {
		return err
	}
	return refuse(http.StatusBadRequest, "the body cannot be read: "+clip(err.Error()))
}

func (s *Server) tooLarge() error {
	return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is too large: expected at most %d bytes", s.opt.MaxBodyBytes))
}

// headerLength is the header that tells how much of a body is JSON, the binary
// tensors coming behind it.
const headerLength = "Inference-Header-Content-Length"

// octetType is the type of a body with binary tensors.
const octetType = "application/octet-stream"

// A form is what the headers say of a body.
type form struct {
	gzip   bool
	head   int  // length of the JSON text, -1 where all of it is
	octets bool // binary tensors are allowed behind it
}

// formOf reads the headers and refuses what says that it is no JSON. Saying
// nothing is fine: tritonclient does.
func formOf(h http.Header, binary bool) (f form, err error) {
	unsupported := func(format string, args ...any) (form, error) {
		return form{}, refuse(http.StatusUnsupportedMediaType, fmt.Sprintf(format, args...))
	}
	for _, name := range [...]string{"Content-Type", "Content-Encoding", headerLength} {
		if n := len(h[name]); n > 1 {
			return form{}, refuse(http.StatusBadRequest, fmt.Sprintf("%s: expected it once, got it %d times", name, n))
		}
	}
	switch enc := h.Get("Content-Encoding"); {
	case enc == "" || strings.EqualFold(enc, "identity"):
	case strings.EqualFold(enc, "gzip"):
		f.gzip = true
	default:
		return unsupported("Content-Encoding %q is not supported: expected gzip, or the body as it is", clip(enc))
	}
	f.head = -1
	if length := h.Get(headerLength); length != "" {
		if !binary {
			return unsupported("binary tensor data is not supported here: send JSON")
		}
		n, err := strconv.ParseUint(length, 10, 31)
		if err != nil {
			return form{}, refuse(http.StatusBadRequest, fmt.Sprintf("%s: expected the length of the JSON text in bytes, got %q", headerLength, clip(length)))
		}
		f.head = int(n)
	}
	given := h.Get("Content-Type")
	base, _, _ := strings.Cut(given, ";")
	base = strings.TrimSpace(base)
	switch {
	case strings.TrimSpace(given) == "":
		f.octets = true
		return f, nil
	case strings.EqualFold(base, jsonType):
		return f, nil
	case strings.EqualFold(base, octetType) && f.head >= 0:
		f.octets = true
		return f, nil
	case strings.EqualFold(base, octetType) && binary:
		return unsupported("Content-Type %q: expected application/json, or the header %s", clip(given), headerLength)
	case strings.EqualFold(base, "application/x-www-form-urlencoded"):
		return unsupported("Content-Type %q: expected application/json (curl -d sends the form type: add -H 'Content-Type: application/json')", strings.ToLower(base))
	}
	return unsupported("Content-Type %q: expected application/json", clip(given))
}

// split returns the length of the JSON text of a body of so many bytes.
func (f *form) split(body int) (int, error) {
	switch {
	case f.head > body:
		return 0, refuse(http.StatusBadRequest, fmt.Sprintf("%s: expected at most %d, the length of the body, got %d", headerLength, body, f.head))
	case f.head >= 0 && f.head < body && !f.octets:
		return 0, refuse(http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Type %q: expected %s for a body with binary tensors", jsonType, octetType))
	}
	return f.head, nil
}
