package grpc

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// prefixLen is the length of what stands before a message: whether it is
// compressed, and its length.
const prefixLen = 5

// freeBytes of a message are not counted against Memory: small requests are
// answered whatever large ones others send.
const freeBytes = 64 << 10

// receive reads the one message of a call that has one, and the call's end.
func (h *Handler) receive(c *Call) ([]byte, error) {
	zipped, err := h.encoding(c)
	if err != nil {
		return nil, err
	}
	size := -1
	for {
		if len(c.body) == cap(c.body) {
			if err := h.grow(c, size); err != nil {
				return nil, err
			}
		}
		n, err := c.r.Body.Read(c.body[len(c.body):cap(c.body)])
		c.body = c.body[:len(c.body)+n]
		c.BytesIn += int64(n)
		if size < 0 && len(c.body) >= prefixLen {
			if size, err = h.size(c.body, err); size < 0 {
				return nil, err
			}
		}
		if size >= 0 && len(c.body) > prefixLen+size {
			return nil, errorf(InvalidArgument, "expected one message, got another one behind it")
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, h.ended(c, err)
		}
	}
	if size < 0 || len(c.body) < prefixLen+size {
		return nil, errorf(InvalidArgument, "the call ended before its message did")
	}
	return h.message(c, c.body[0], c.body[prefixLen:], zipped)
}

// encoding tells whether messages may be compressed.
func (h *Handler) encoding(c *Call) (zipped bool, err error) {
	switch name := c.r.Header.Get("Grpc-Encoding"); name {
	case "gzip":
		return true, nil
	case "", "identity":
		return false, nil
	default:
		return false, errorf(Unimplemented, "grpc-encoding %s is not supported: expected gzip or identity", quote(name))
	}
}

// size reads the length in a message's prefix. It is below 0 where the message is
// refused; else the error is the reader's own.
func (h *Handler) size(prefix []byte, err error) (int, error) {
	n := binary.BigEndian.Uint32(prefix[1:])
	if int64(n) > h.opt.MaxBytes {
		return -1, h.tooLarge("message")
	}
	return int(n), err
}

func (h *Handler) tooLarge(what string) error {
	return errorf(ResourceExhausted, "the %s is too large: expected at most %d bytes", what, h.opt.MaxBytes)
}

// message returns a message as its prefix says, decompressed.
func (h *Handler) message(c *Call, flag byte, text []byte, zipped bool) ([]byte, error) {
	switch {
	case flag == 0:
		return text, nil
	case flag != 1:
		return nil, errorf(InvalidArgument, "a message begins with %d, expected 0, or 1 for a compressed one", flag)
	case !zipped:
		return nil, errorf(InvalidArgument, "a message is compressed, but grpc-encoding does not say how")
	}
	return h.unzip(c, text)
}

// grow makes room for more of the message. What a client announces is believed
// only in part: the rest has to come first.
func (h *Handler) grow(c *Call, size int) error {
	have := len(c.body)
	n := max(4*have, 4096)
	if size >= 0 {
		// One byte more than announced, so that the read after the last sees the end.
		n = min(max(n, keepBytes), prefixLen+size+1)
	}
	n = max(n, have+1)
	if err := h.take(c, int64(n)); err != nil {
		return err
	}
	c.body = append(make([]byte, 0, n), c.body...)
	return nil
}

// take counts memory against what all calls together may hold.
func (h *Handler) take(c *Call, n int64) error {
	if n <= freeBytes || n <= c.held {
		return nil
	}
	if !h.opt.Memory.Take(n - c.held) {
		return errorf(ResourceExhausted, "too many large requests at the same time: send this one again later")
	}
	c.held = n
	return nil
}

// unzip decompresses a message to at most MaxBytes.
func (h *Handler) unzip(c *Call, text []byte) ([]byte, error) {
	z := h.unzips.Get().(*gzip.Reader)
	defer h.unzips.Put(z)
	bad := func(err error) error { return errorf(InvalidArgument, "the message is not gzip: %s", err) }
	src := &source{text}
	if err := z.Reset(src); err != nil {
		return nil, bad(err)
	}
	before := int64(cap(c.body))
	for {
		if len(c.plain) == cap(c.plain) {
			n := max(4*len(c.plain), 4096)
			if err := h.take(c, before+int64(n)); err != nil {
				return nil, err
			}
			c.plain = append(make([]byte, 0, n), c.plain...)
		}
		n, err := z.Read(c.plain[len(c.plain):cap(c.plain)])
		c.plain = c.plain[:len(c.plain)+n]
		switch {
		case int64(len(c.plain)) > h.opt.MaxBytes:
			return nil, h.tooLarge("decompressed message")
		case errors.Is(err, io.EOF):
			return c.plain, nil
		case err != nil:
			return nil, bad(err)
		}
	}
}

// A source reads from memory, byte by byte too, as flate wants it.
type source struct{ rest []byte }

func (s *source) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

func (s *source) ReadByte() (byte, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return b, nil
}

// ended words the end of a call that did not come to its own.
func (h *Handler) ended(c *Call, err error) error {
	switch {
	case errors.Is(c.Context.Err(), context.DeadlineExceeded):
		return errorf(DeadlineExceeded, "the call's deadline has passed")
	case errors.Is(err, os.ErrDeadlineExceeded) && h.opt.Expired():
		return errorf(Unavailable, "the server is shutting down")
	case errors.Is(err, os.ErrDeadlineExceeded) && c.r.Header.Get("Grpc-Timeout") != "":
		return errorf(DeadlineExceeded, "the call's deadline has passed")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errorf(DeadlineExceeded, "the request did not arrive within %s", h.opt.RequestTimeout)
	}
	return errorf(Canceled, "the client has left")
}
