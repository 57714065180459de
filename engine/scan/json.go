package scan

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// json reads JSON.
type json struct{ place }

// JSON reads a JSON document; format names it in errors.
func JSON(format string, data []byte) Reader {
	return &json{place{format: format, data: data}}
}

// next is the next byte that is no white space, 0 at the end.
func (j *json) next() byte {
	for j.pos < len(j.data) {
		switch c := j.data[j.pos]; c {
		case ' ', '\n', '\r', '\t':
			j.pos++
		default:
			return c
		}
	}
	return 0
}

func (j *json) Kind() Kind {
	switch c := j.next(); c {
	case '{':
		return Object
	case '[':
		return Array
	case '"':
		return String
	case 't', 'f':
		return Bool
	case 'n':
		if j.left() > 1 && j.data[j.pos+1]|0x20 == 'a' {
			return Number
		}
		return Null
	case '-', 'N', 'I', 'i', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return Number
	}
	return Invalid
}

// expect reads one byte of punctuation.
func (j *json) expect(c byte) bool {
	if j.next() != c || j.pos >= len(j.data) {
		j.Fail("%q is missing", c)
		return false
	}
	j.pos++
	return true
}

// more reads the comma between two parts of a container, or its end.
func (j *json) more(end byte, first bool) bool {
	switch c := j.next(); {
	case j.err != nil:
		return false
	case c == end:
		j.pos++
		return false
	case !first:
		return j.expect(',')
	}
	return true
}

func (j *json) Object(field func(key []byte)) {
	if !j.expect('{') || !j.enter() {
		return
	}
	for first := true; j.more('}', first); first = false {
		key := j.text()
		if !j.expect(':') {
			return
		}
		j.next()
		at := j.pos
		field(key)
		if j.pos == at {
			j.Skip()
		}
	}
	j.depth--
}

func (j *json) Array(item func(i int)) {
	if !j.expect('[') || !j.enter() {
		return
	}
	for i := 0; j.more(']', i == 0); i++ {
		j.next()
		at := j.pos
		item(i)
		if j.pos == at {
			j.Skip()
		}
	}
	j.depth--
}

func (j *json) Text() string { return string(j.text()) }

// text reads a string; without escapes it is a part of the data.
func (j *json) text() []byte {
	if !j.expect('"') {
		return nil
	}
	start := j.pos
	for ; j.pos < len(j.data); j.pos++ {
		switch j.data[j.pos] {
		case '"':
			j.pos++
			return j.data[start : j.pos-1]
		case '\\':
			return j.escaped(append([]byte(nil), j.data[start:j.pos]...))
		}
	}
	j.Fail("a string without end")
	return nil
}

func (j *json) escaped(out []byte) []byte {
	for j.pos < len(j.data) {
		c := j.data[j.pos]
		j.pos++
		if c == '"' {
			return out
		}
		if c != '\\' {
			out = append(out, c)
			continue
		}
		if j.left() == 0 {
			break
		}
		c = j.data[j.pos]
		j.pos++
		switch c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := j.hex4()
			if utf16.IsSurrogate(r) && j.left() >= 6 && j.data[j.pos] == '\\' && j.data[j.pos+1] == 'u' {
				at := j.pos
				j.pos += 2
				if both := utf16.DecodeRune(r, j.hex4()); both != utf8.RuneError {
					r = both
				} else if j.err == nil {
					j.pos = at // two characters, of which the first is broken
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			j.Fail("the escape \\%c", c)
			return nil
		}
	}
	j.Fail("a string without end")
	return nil
}

func (j *json) hex4() rune {
	if j.left() < 4 {
		j.Fail("an escape without end")
		return 0
	}
	var r rune
	for _, c := range j.data[j.pos : j.pos+4] {
		switch {
		case c-'0' <= 9:
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			j.Fail("the hexadecimal digit %q", c)
			return 0
		}
	}
	j.pos += 4
	return r
}

func (j *json) Float() float64 {
	if j.Kind() == String {
		at := j.pos
		text := j.text()
		v, n := ParseNumber(text)
		if j.err == nil && (n == 0 || n != len(text)) {
			j.pos = at
			j.Fail("%.40q is no number", text)
		}
		return v
	}
	v, n := ParseNumber(j.data[j.pos:])
	if n == 0 {
		j.Fail("no number")
	}
	j.pos += n
	return v
}

func (j *json) Flag() bool {
	if j.Kind() == Bool {
		return j.literal() == 't'
	}
	return j.Float() != 0
}

// literal reads true, false or null and tells its first letter.
func (j *json) literal() byte {
	for _, word := range [...]string{"true", "false", "null"} {
		if j.left() >= len(word) && string(j.data[j.pos:j.pos+len(word)]) == word {
			j.pos += len(word)
			return word[0]
		}
	}
	j.Fail("neither true, false nor null")
	return 0
}

func (j *json) Floats32(dst []float32) []float32 { return list(j, dst[:0], number32, (*json).float32) }

func (j *json) Floats64(dst []float64) []float64 {
	return list(j, dst[:0], ParseNumber, (*json).float64)
}

func (j *json) Ints(dst []int32) []int32 { return list(j, dst[:0], short, (*json).integer) }

// list reads an array of numbers into dst. fast reads one at the start of a text
// and tells its length, 0 where it cannot; slow reads whatever is allowed.
func list[T any](j *json, dst []T, fast func([]byte) (T, int), slow func(*json) T) []T {
	if !j.expect('[') {
		return dst
	}
	var gap []byte // white space between a comma and a number, the same all along as tools write it
	for first := true; ; first = false {
		for first || j.pos < len(j.data) && j.data[j.pos] == ',' {
			at := j.pos
			if !first {
				at++
			}
			switch {
			case len(gap) > 0 && bytes.HasPrefix(j.data[at:], gap):
				at += len(gap)
			case at < len(j.data) && j.data[at] == ' ':
				at++
			}
			v, n := fast(j.data[at:])
			if n == 0 {
				break
			}
			dst = append(dst, v)
			j.pos = at + n
			first = false
		}
		if !j.more(']', first) {
			return dst
		}
		from := j.pos
		j.next()
		gap = j.data[from:j.pos]
		dst = append(dst, slow(j))
		if j.err != nil {
			return dst[:len(dst)-1]
		}
	}
}

func (j *json) float32() float32 {
	v, n := number32(j.data[j.pos:])
	if n == 0 {
		j.Fail("no number")
	}
	j.pos += n
	return v
}

func (j *json) float64() float64 {
	v, n := ParseNumber(j.data[j.pos:])
	if n == 0 {
		j.Fail("no number")
	}
	j.pos += n
	return v
}

// integer reads a whole number, or a boolean as 0 or 1.
func (j *json) integer() int32 {
	if c := j.next(); c == 't' || c == 'f' {
		if j.literal() == 't' {
			return 1
		}
		return 0
	}
	if v, n := short(j.data[j.pos:]); n > 0 {
		j.pos += n
		return v
	}
	v, n := ParseNumber(j.data[j.pos:])
	if n == 0 {
		j.Fail("no number")
		return 0
	}
	j.pos += n
	return j.whole(v)
}

// short reads a whole number of at most nine digits that a comma or a bracket
// follows; otherwise the length is 0.
func short(s []byte) (v int32, length int) {
	i := 0
	if len(s) > 0 && s[0] == '-' {
		i = 1
	}
	for start := i; i < len(s) && i-start < 10; i++ {
		switch c := s[i]; {
		case c-'0' <= 9 && i-start < 9:
			v = v*10 + int32(c-'0')
		case (c == ',' || c == ']') && i > start:
			if start == 1 {
				v = -v
			}
			return v, i
		default:
			return 0, 0
		}
	}
	return 0, 0
}

// Skip looks no closer at what it drops than it must to find the end.
func (j *json) Skip() {
	switch j.Kind() {
	case Object, Array:
		j.skipNested()
	case String:
		j.skipText()
	case Number:
		j.Float()
	case Bool, Null:
		j.literal()
	default:
		j.Fail("no value")
	}
}

// skipNested finds the bracket that closes the one here.
func (j *json) skipNested() {
	if end := bytes.IndexByte(j.data[j.pos:], ']'); end > 0 && j.data[j.pos] == '[' {
		inner := j.data[j.pos+1 : j.pos+end]
		if bytes.IndexByte(inner, '[') < 0 && bytes.IndexByte(inner, '{') < 0 && bytes.IndexByte(inner, '"') < 0 {
			j.pos += end + 1 // an array of numbers, most of what is skipped
			return
		}
	}
	depth := 0
	for j.pos < len(j.data) {
		c := j.data[j.pos]
		if c == '"' {
			j.skipText()
			continue
		}
		j.pos++
		switch c {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return
			}
		}
	}
	j.Fail("a bracket that is not closed")
}

// skipText finds the quotation mark that ends the string here.
func (j *json) skipText() {
	for i := j.pos + 1; i < len(j.data); i++ {
		switch j.data[i] {
		case '"':
			j.pos = i + 1
			return
		case '\\':
			i++
		}
	}
	j.Fail("a string without end")
}

func (j *json) End() {
	if j.next(); j.err == nil && j.left() > 0 {
		j.Fail("data after the end")
	}
}
