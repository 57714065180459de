package grpc

import (
	_ "embed"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// descriptors is a FileDescriptorSet of proto/*.proto, made by `make proto`.
//
//go:embed descriptors.binpb
var descriptors []byte

// schemas know what reflection tells. They are read when they are first asked for:
// few processes are.
type schemas struct {
	read     func()
	files    map[string][]byte // FileDescriptorProtos by file name
	symbols  map[string][]byte // the file that a full name is of
	services []string
}

func newSchemas() *schemas {
	s := &schemas{files: map[string][]byte{}, symbols: map[string][]byte{}}
	s.read = sync.OnceFunc(func() {
		// The descriptors are our own: that they are sound is for the tests to say.
		_ = fields(descriptors, func(file field) error { return s.add(file.bytes) })
	})
	return s
}

// add takes a FileDescriptorProto in: its name (1), package (2), messages (4), enums
// (5) and services (6).
func (s *schemas) add(file []byte) error {
	scope := ""
	return fields(file, func(fd field) error {
		switch fd.number {
		case 1:
			s.files[string(fd.bytes)] = file
		case 2:
			scope = string(fd.bytes)
		case 4:
			return s.message(scope, fd.bytes, file)
		case 5:
			return s.named(scope, fd.bytes, file, 2)
		case 6:
			s.services = append(s.services, scope+"."+nameOf(fd.bytes))
			return s.named(scope, fd.bytes, file, 2)
		}
		return nil
	})
}

// message takes a DescriptorProto in: its name (1), fields (2), nested messages (3),
// enums (4) and oneofs (8).
func (s *schemas) message(scope string, b, file []byte) error {
	if err := s.named(scope, b, file, 2); err != nil {
		return err
	}
	scope += "." + nameOf(b)
	return fields(b, func(fd field) error {
		switch fd.number {
		case 3:
			return s.message(scope, fd.bytes, file)
		case 4:
			return s.named(scope, fd.bytes, file, 2)
		case 8:
			s.symbols[scope+"."+nameOf(fd.bytes)] = file
		}
		return nil
	})
}

// named takes in a thing and its members: an enum's values, a service's methods, a
// message's fields.
func (s *schemas) named(scope string, b, file []byte, members int) error {
	full := scope + "." + nameOf(b)
	s.symbols[full] = file
	return fields(b, func(fd field) error {
		if fd.number == members {
			s.symbols[full+"."+nameOf(fd.bytes)] = file
		}
		return nil
	})
}

// nameOf is field 1 of any descriptor.
func nameOf(b []byte) (name string) {
	_ = fields(b, func(fd field) error { // of our own descriptors
		if fd.number == 1 {
			name = string(fd.bytes)
		}
		return nil
	})
	return name
}

// maxQuestion bounds a question to reflection, which is a name or two.
const maxQuestion = 64 << 10

// reflect answers one question after another until the client has no more.
func (h *Handler) reflect(c *Call) error {
	zipped, err := h.encoding(c)
	if err != nil {
		return err
	}
	h.schemas.read()
	if err := c.unbounded(); err != nil {
		return err
	}
	defer h.wakeAtEnd(c)()
	for {
		question, err := h.question(c, zipped)
		switch {
		case errors.Is(err, io.EOF) || err != nil && h.isEnding():
			return nil
		case err != nil:
			return err
		}
		if err := h.tell(c, question); err != nil {
			return err
		}
		if err := http.NewResponseController(c.w).Flush(); err != nil {
			return &Status{Canceled, "the client has left"}
		}
	}
}

// wakeAtEnd makes the reading of a call fail when the server ends, until the
// function that it returns is called.
func (h *Handler) wakeAtEnd(c *Call) (stop func()) {
	control := http.NewResponseController(c.w)
	done, left := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		select {
		case <-h.ending:
			_ = control.SetReadDeadline(time.Unix(1, 0)) // the call goes on without: it cannot fail here
		case <-done:
		}
	}()
	return func() { close(done); <-left }
}

func (h *Handler) isEnding() bool {
	select {
	case <-h.ending:
		return true
	default:
		return false
	}
}

// question reads the next message; the error is io.EOF where there is none.
func (h *Handler) question(c *Call, zipped bool) ([]byte, error) {
	var prefix [prefixLen]byte
	n, err := io.ReadFull(c.r.Body, prefix[:])
	c.BytesIn += int64(n)
	switch {
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case err != nil:
		return nil, h.ended(c, err)
	}
	size, err := h.size(prefix[:], nil)
	if err != nil || size > maxQuestion {
		return nil, errorf(ResourceExhausted, "the message is too large: expected at most %d bytes", maxQuestion)
	}
	c.body = append(c.body[:0], make([]byte, size)...)
	n, err = io.ReadFull(c.r.Body, c.body)
	c.BytesIn += int64(n)
	if err != nil {
		return nil, h.ended(c, err)
	}
	c.plain = c.plain[:0]
	return h.message(c, prefix[0], c.body, zipped)
}

// The numbers of a ServerReflectionRequest's questions, and of the answers.
const (
	askFile       = 3
	askSymbol     = 4
	askExtension  = 5
	askExtensions = 6
	askServices   = 7

	tellFiles      = 4
	tellExtensions = 5
	tellServices   = 6
	tellError      = 7
)

// tell answers a question. What is not there is an answer too.
func (h *Handler) tell(c *Call, question []byte) error {
	host, asked, text, err := parseQuestion(question)
	if err != nil {
		return unreadable(err)
	}
	return c.answer(func(dst []byte) []byte {
		dst = appendElement(appendString(dst, 1, host), 2, question)
		return h.schemas.append(dst, asked, text)
	})
}

// parseQuestion reads a ServerReflectionRequest.
func parseQuestion(question []byte) (host string, asked int, text string, err error) {
	err = fields(question, func(fd field) (err error) {
		switch fd.number {
		case 1:
			host, err = fd.text()
		case askExtension:
			asked, err = fd.number, fd.want(wireBytes)
		case askFile, askSymbol, askExtensions, askServices:
			asked = fd.number
			text, err = fd.text()
		}
		return err
	})
	return host, asked, text, err
}

// append appends the answer to a question.
func (s *schemas) append(dst []byte, asked int, text string) []byte {
	switch asked {
	case askFile:
		if file := s.files[text]; file != nil {
			return appendFile(dst, file)
		}
	case askSymbol:
		if file := s.symbols[strings.TrimPrefix(text, ".")]; file != nil {
			return appendFile(dst, file)
		}
	case askExtensions:
		if s.symbols[text] != nil { // a type without extensions, as all here are
			return appendMessage(dst, tellExtensions, func(dst []byte) []byte { return appendString(dst, 1, text) })
		}
	case askServices:
		return appendMessage(dst, tellServices, func(dst []byte) []byte {
			for _, name := range s.services {
				dst = appendMessage(dst, 1, func(dst []byte) []byte { return appendString(dst, 1, name) })
			}
			return dst
		})
	case askExtension:
		text = "an extension"
	default:
		return appendMessage(dst, tellError, func(dst []byte) []byte {
			return appendString(appendUint(dst, 1, uint64(InvalidArgument)), 2, "expected a question")
		})
	}
	return appendMessage(dst, tellError, func(dst []byte) []byte {
		return appendString(appendUint(dst, 1, uint64(NotFound)), 2, "not found: "+quote(text))
	})
}

func appendFile(dst, file []byte) []byte {
	return appendMessage(dst, tellFiles, func(dst []byte) []byte { return appendElement(dst, 1, file) })
}
