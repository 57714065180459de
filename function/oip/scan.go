package oip

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a request: deeper than any tensor, shallow
// enough that a hostile body costs no stack.
const maxDepth = 64

// maxNames bounds the names of one object, which are kept to find duplicates.
const maxNames = 4096

// A SyntaxError says that a body is no JSON (RFC 8259), and where.
type SyntaxError struct {
	Offset int // bytes before the fault
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid JSON at byte %d: %s", e.Offset, e.Reason)
}

// A scanner walks over one JSON text. Its methods leave pos behind what they
// read, and fail with a *SyntaxError.
type scanner struct {
	buf   []byte
	pos   int
	depth int
}

// newScanner starts on a body, which has to be UTF-8 as RFC 8259 asks.
func newScanner(body []byte) (scanner, error) {
	s := scanner{buf: body}
	if !utf8.Valid(body) {
		for s.pos < len(body) {
			r, n := utf8.DecodeRune(body[s.pos:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			s.pos += n
		}
		return s, s.fail("not UTF-8")
	}
	if bytes.HasPrefix(body, []byte("\xef\xbb\xbf")) {
		return s, s.fail("a byte order mark is not allowed")
	}
	return s, nil
}

func (s *scanner) fail(format string, args ...any) error {
	return &SyntaxError{Offset: s.pos, Reason: fmt.Sprintf(format, args...)}
}

// unexpected reports what stands at pos in place of what was expected.
func (s *scanner) unexpected(expected string) error {
	if s.pos >= len(s.buf) {
		return s.fail("expected %s, got the end of the body", expected)
	}
	for _, word := range []string{"NaN", "Infinity", "-Infinity", "nan", "inf", "-inf"} {
		if bytes.HasPrefix(s.buf[s.pos:], []byte(word)) {
			return s.fail("expected %s, got %s, which JSON does not have (null stands for a missing value)", expected, word)
		}
	}
	r, _ := utf8.DecodeRune(s.buf[s.pos:])
	return s.fail("expected %s, got %q", expected, r)
}

// peek skips white space and returns the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.buf) {
		switch c := s.buf[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// end fails unless only white space is left.
func (s *scanner) end() error {
	if s.peek(); s.pos < len(s.buf) {
		return s.unexpected("the end of the body")
	}
	return nil
}

// open reads the '{' or '[' that peek has seen.
func (s *scanner) open() error {
	if s.depth++; s.depth > maxDepth {
		return s.fail("nested deeper than %d", maxDepth)
	}
	s.pos++
	return nil
}

// more reads what stands between the elements of a container: it is true where
// an element follows, false after the closing byte. first is true before the
// first element.
func (s *scanner) more(closing byte, first bool) (bool, error) {
	c := s.peek()
	if c == closing {
		s.pos++
		s.depth--
		return false, nil
	}
	if first {
		return true, nil
	}
	if c != ',' {
		return false, s.unexpected(fmt.Sprintf("',' or '%c'", closing))
	}
	s.pos++
	if s.peek() == closing {
		return false, s.unexpected("another element after the comma")
	}
	return true, nil
}

// name reads the name of a member and its colon.
func (s *scanner) name() (text, error) {
	if s.peek() != '"' {
		return text{}, s.unexpected("a name in double quotes")
	}
	t, err := s.str()
	if err != nil {
		return t, err
	}
	if s.peek() != ':' {
		return t, s.unexpected("':'")
	}
	s.pos++
	return t, nil
}

// text is a string of the body: the bytes between its quotes, and whether they
// hold escapes.
type text struct {
	start, end int
	escaped    bool
}

// bytes returns the value of a string; it allocates only where there are escapes.
func (s *scanner) bytes(t text) []byte {
	raw := s.buf[t.start:t.end]
	if !t.escaped {
		return raw
	}
	return unescape(nil, raw)
}

// str reads the string that starts at pos.
func (s *scanner) str() (text, error) {
	s.pos++
	t := text{start: s.pos}
	for s.pos < len(s.buf) {
		switch c := s.buf[s.pos]; {
		case c == '"':
			t.end = s.pos
			s.pos++
			return t, nil
		case c == '\\':
			t.escaped = true
			if err := s.escape(); err != nil {
				return t, err
			}
		case c < ' ':
			return t, s.fail("control character %q in a string", c)
		default:
			s.pos++
		}
	}
	return t, s.unexpected("the string's closing quote")
}

// escape checks the escape sequence that starts at pos.
func (s *scanner) escape() error {
	if s.pos+1 >= len(s.buf) {
		s.pos = len(s.buf)
		return s.unexpected("an escape sequence")
	}
	switch s.buf[s.pos+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos += 2
		return nil
	case 'u':
		if _, ok := hex4(s.buf[s.pos+2:]); !ok {
			return s.fail(`\u needs four hexadecimal digits`)
		}
		s.pos += 6
		return nil
	}
	return s.fail("unknown escape sequence")
}

// number checks the number that starts at pos and returns its bytes.
func (s *scanner) number() ([]byte, error) {
	buf, start := s.buf, s.pos
	i := start
	if i < len(buf) && buf[i] == '-' {
		i++
	}
	switch {
	case i < len(buf) && buf[i] == '0':
		i++
	default:
		first := i
		for i < len(buf) && buf[i]-'0' <= 9 {
			i++
		}
		if i == first {
			if s.pos = i; i > start && i < len(buf) && buf[i] == 'I' {
				s.pos = start
			}
			return nil, s.unexpected("a value")
		}
	}
	if i < len(buf) && buf[i] == '.' {
		i++
		first := i
		for i < len(buf) && buf[i]-'0' <= 9 {
			i++
		}
		if s.pos = i; i == first {
			return nil, s.unexpected("a digit after the decimal point")
		}
	}
	if i < len(buf) && buf[i]|0x20 == 'e' {
		i++
		if i < len(buf) && (buf[i] == '+' || buf[i] == '-') {
			i++
		}
		first := i
		for i < len(buf) && buf[i]-'0' <= 9 {
			i++
		}
		if s.pos = i; i == first {
			return nil, s.unexpected("a digit of the exponent")
		}
	}
	s.pos = i
	return buf[start:i], nil
}

func (s *scanner) at(c byte) bool { return s.pos < len(s.buf) && s.buf[s.pos] == c }

// literal reads true, false or null.
func (s *scanner) literal(word string) error {
	if !bytes.HasPrefix(s.buf[s.pos:], []byte(word)) {
		return s.unexpected("a value")
	}
	s.pos += len(word)
	return nil
}

// scalar reads a value that is neither object nor array.
func (s *scanner) scalar() (Cell, error) {
	c := s.peek()
	start := s.pos
	switch c {
	case '"':
		t, err := s.str()
		kind := String
		if t.escaped {
			kind = escapedString
		}
		return Cell{kind, uint32(t.start), uint32(t.end)}, err
	case 't':
		return Cell{Bool, uint32(start), uint32(start + 4)}, s.literal("true")
	case 'f':
		return Cell{Bool, uint32(start), uint32(start + 5)}, s.literal("false")
	case 'n':
		return Cell{Null, uint32(start), uint32(start + 4)}, s.literal("null")
	}
	b, err := s.number()
	return Cell{Number, uint32(start), uint32(start + len(b))}, err
}

// skip reads any value and keeps nothing of it but its kind.
func (s *scanner) skip() (Kind, error) {
	closing := byte('}')
	switch s.peek() {
	case '{':
	case '[':
		closing = ']'
	default:
		c, err := s.scalar()
		return c.Kind(), err
	}
	if err := s.open(); err != nil {
		return 0, err
	}
	for first := true; ; first = false {
		ok, err := s.more(closing, first)
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
		if closing == '}' {
			if _, err := s.name(); err != nil {
				return 0, err
			}
		}
		if _, err := s.skip(); err != nil {
			return 0, err
		}
	}
	if closing == '}' {
		return Object, nil
	}
	return Array, nil
}
