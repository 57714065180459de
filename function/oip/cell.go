package oip

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind is what a JSON value is.
type Kind uint8

// The kinds of values. Array and Object are no cells: they appear in messages.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
	escapedString
	absent // a feature that an object lacks
)

// A Cell is a scalar of a body, kept as the place where it stands, so that an
// integer stays exact and a row costs no memory of its own.
type Cell struct {
	kind       Kind
	start, end uint32
}

// Kind tells what the cell is.
func (c Cell) Kind() Kind {
	if c.kind == escapedString {
		return String
	}
	return c.kind
}

// Text is the cell's text in its body: a number as written, true, false, null, or
// the value of a string. It allocates only for a string with escapes.
func (c Cell) Text(body []byte) []byte {
	raw := body[c.start:c.end]
	if c.kind == escapedString {
		return unescape(nil, raw)
	}
	return raw
}

// unescape appends the value of a string whose escapes are known to be sound.
// As in encoding/json, half of a surrogate pair becomes U+FFFD.
func unescape(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		c = raw[i+1]
		i += 2
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(raw[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if i+6 <= len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
					low, ok = hex4(raw[i+2:])
				}
				if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// hex4 reads four hexadecimal digits.
func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// maxQuoted bounds what of a client's text stands in a message, in bytes.
const maxQuoted = 64

// quote writes a client's text into a message: quoted, escaped and bounded.
func quote(b []byte) string {
	if len(b) <= maxQuoted {
		return strconv.Quote(string(b))
	}
	n := maxQuoted
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return strconv.Quote(string(b[:n])) + "…"
}

// Describe tells in a message what a client sent: the value itself where it is
// short enough, never more than maxQuoted bytes of it.
func Describe(k Kind, text []byte) string {
	switch k {
	case Null:
		return "null"
	case Array:
		return "an array"
	case Object:
		return "an object"
	case String:
		return quote(text)
	}
	if len(text) > maxQuoted {
		return string(text[:maxQuoted]) + "…"
	}
	return string(text)
}
