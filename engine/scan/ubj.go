package scan

import (
	"encoding/binary"
	"math"
)

// ubj reads UBJSON.
type ubj struct {
	place
	// typed is the marker of the elements of the array being read, which they
	// do not repeat; 0 outside such arrays.
	typed byte
}

// UBJ reads a UBJSON document; format names it in errors.
func UBJ(format string, data []byte) Reader {
	return &ubj{place: place{format: format, data: data}}
}

// size is the number of bytes of a value after its marker.
func size(marker byte) int {
	switch marker {
	case 'Z', 'T', 'F', 'N':
		return 0
	case 'i', 'U', 'C':
		return 1
	case 'I':
		return 2
	case 'l', 'd':
		return 4
	case 'L', 'D':
		return 8
	}
	return -1
}

// marker is the marker of the next value, which reading it begins with.
func (u *ubj) marker() byte {
	if u.typed != 0 {
		return u.typed
	}
	for u.left() > 0 && u.data[u.pos] == 'N' { // no-operation
		u.pos++
	}
	if u.left() == 0 {
		return 0
	}
	return u.data[u.pos]
}

// take reads the marker of the next value.
func (u *ubj) take() byte {
	m := u.marker()
	if u.typed == 0 && u.left() > 0 {
		u.pos++
	}
	return m
}

func (u *ubj) Kind() Kind {
	switch u.marker() {
	case '{':
		return Object
	case '[':
		return Array
	case 'S':
		return String
	case 'T', 'F':
		return Bool
	case 'Z':
		return Null
	case 'i', 'U', 'I', 'l', 'L', 'd', 'D', 'C':
		return Number
	}
	return Invalid
}

// bytes reads n bytes.
func (u *ubj) bytes(n int) []byte {
	if n < 0 || n > u.left() {
		u.Fail("%d bytes are wanted, %d are left", n, u.left())
		return nil
	}
	u.pos += n
	return u.data[u.pos-n : u.pos]
}

// scalar is the value of a numeric marker's bytes.
func scalar(marker byte, b []byte) float64 {
	switch marker {
	case 'i':
		return float64(int8(b[0]))
	case 'U', 'C':
		return float64(b[0])
	case 'I':
		return float64(int16(binary.BigEndian.Uint16(b)))
	case 'l':
		return float64(int32(binary.BigEndian.Uint32(b)))
	case 'L':
		return float64(int64(binary.BigEndian.Uint64(b)))
	case 'd':
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
	default:
		return math.Float64frombits(binary.BigEndian.Uint64(b))
	}
}

// number reads the bytes of a number whose marker was read.
func (u *ubj) number(marker byte) float64 {
	n := size(marker)
	if n <= 0 {
		u.Fail("marker %q is no number", marker)
		return 0
	}
	if b := u.bytes(n); b != nil {
		return scalar(marker, b)
	}
	return 0
}

// count reads the length of a string or a container, which is at most what is left.
func (u *ubj) count() int {
	typed := u.typed
	u.typed = 0
	m := u.take()
	u.typed = typed
	if m == 'd' || m == 'D' || m == 'C' {
		u.Fail("a length of type %q", m)
		return 0
	}
	v := u.number(m)
	if u.err == nil && (v < 0 || v > float64(u.left())) {
		u.Fail("a length of %.0f with %d bytes left", v, u.left())
	}
	if u.err != nil {
		return 0
	}
	return int(v)
}

func (u *ubj) Object(field func(key []byte)) {
	if u.take() != '{' {
		u.Fail("no object")
	}
	if !u.enter() {
		return
	}
	typed := u.typed
	u.typed = 0
	n := -1
	switch u.marker() {
	case '$':
		u.Fail("an object of typed values")
	case '#':
		u.pos++
		n = u.count()
	}
	for i := 0; u.err == nil && i != n; i++ {
		if n < 0 && u.marker() == '}' {
			u.pos++
			break
		}
		key := u.bytes(u.count())
		at := u.pos
		if field(key); u.pos == at {
			u.Skip()
		}
	}
	u.typed = typed
	u.depth--
}

// open reads the head of an array: the marker of its elements, 0 where each has
// its own, and their count, -1 where a bracket ends them.
func (u *ubj) open() (typed byte, n int) {
	if u.take() != '[' {
		u.Fail("no array")
		return 0, 0
	}
	n = -1
	if u.left() > 0 && u.data[u.pos] == '$' {
		u.pos++
		head := u.bytes(2)
		if head == nil {
			return 0, 0
		}
		if typed = head[0]; size(typed) <= 0 || head[1] != '#' {
			u.Fail("an array of type %q", typed)
			return 0, 0
		}
		n = u.count()
		if n > u.left()/size(typed) {
			u.Fail("an array of %d elements with %d bytes left", n, u.left())
			return 0, 0
		}
	} else if u.left() > 0 && u.data[u.pos] == '#' {
		u.pos++
		n = u.count()
	}
	return typed, n
}

func (u *ubj) Array(item func(i int)) {
	outer := u.typed
	typed, n := u.open()
	if !u.enter() {
		return
	}
	for i := 0; u.err == nil && i != n; i++ {
		u.typed = 0
		if n < 0 && u.marker() == ']' {
			u.pos++
			break
		}
		u.typed = typed
		at := u.pos
		if item(i); u.pos == at {
			u.Skip()
		}
	}
	u.typed = outer
	u.depth--
}

func (u *ubj) Text() string {
	if u.take() != 'S' {
		u.Fail("no string")
		return ""
	}
	return string(u.bytes(u.count()))
}

func (u *ubj) Float() float64 {
	m := u.take()
	if m == 'S' {
		text := u.bytes(u.count())
		v, n := ParseNumber(text)
		if u.err == nil && (n == 0 || n != len(text)) {
			u.Fail("%.40q is no number", text)
		}
		return v
	}
	return u.number(m)
}

func (u *ubj) Flag() bool {
	switch u.marker() {
	case 'T':
		u.take()
		return true
	case 'F':
		u.take()
		return false
	}
	return u.Float() != 0
}

// each reads an array of numbers or booleans that has no type for all.
func (u *ubj) each(add func(v float64)) {
	_, n := u.open()
	for i := 0; u.err == nil && i != n; i++ {
		m := u.take()
		switch m {
		case ']':
			if n < 0 {
				return
			}
			u.Fail("an array ends early")
		case 'T':
			add(1)
		case 'F':
			add(0)
		default:
			if v := u.number(m); u.err == nil {
				add(v)
			}
		}
	}
}

// run gives type and bytes of an array if the next value is one of one type;
// else the type is 0 and nothing is read.
func (u *ubj) run() (typed byte, elements []byte) {
	if u.marker() != '[' || u.typed != 0 || u.left() < 2 || u.data[u.pos+1] != '$' {
		return 0, nil
	}
	typed, n := u.open()
	return typed, u.bytes(n * size(typed))
}

// numbers appends the numbers of an array of one type.
func numbers[T float32 | float64](dst []T, typed byte, b []byte) []T {
	for w := size(typed); len(b) >= w; b = b[w:] {
		dst = append(dst, T(scalar(typed, b)))
	}
	return dst
}

func (u *ubj) Floats32(dst []float32) []float32 {
	dst = dst[:0]
	switch typed, b := u.run(); typed {
	case 0:
		u.each(func(v float64) { dst = append(dst, float32(v)) })
	case 'd':
		for ; len(b) >= 4; b = b[4:] {
			dst = append(dst, math.Float32frombits(binary.BigEndian.Uint32(b)))
		}
	default:
		dst = numbers(dst, typed, b)
	}
	return dst
}

func (u *ubj) Floats64(dst []float64) []float64 {
	dst = dst[:0]
	typed, b := u.run()
	if typed != 0 {
		return numbers(dst, typed, b)
	}
	u.each(func(v float64) { dst = append(dst, v) })
	return dst
}

func (u *ubj) Ints(dst []int32) []int32 {
	dst = dst[:0]
	switch typed, b := u.run(); typed {
	case 0:
		u.each(func(v float64) { dst = append(dst, u.whole(v)) })
	case 'l':
		for ; len(b) >= 4; b = b[4:] {
			dst = append(dst, int32(binary.BigEndian.Uint32(b)))
		}
	case 'U':
		for _, v := range b {
			dst = append(dst, int32(v))
		}
	default:
		for w := size(typed); len(b) >= w; b = b[w:] {
			dst = append(dst, u.whole(scalar(typed, b)))
		}
	}
	return dst
}

func (u *ubj) Skip() {
	switch u.Kind() {
	case Object:
		u.Object(func([]byte) {})
	case Array:
		u.skipArray()
	case String:
		u.take()
		u.bytes(u.count())
	case Null, Bool:
		u.take()
	case Number:
		u.number(u.take())
	default:
		u.Fail("marker %q", u.marker())
	}
}

func (u *ubj) skipArray() {
	at := u.pos
	if typed, n := u.open(); typed != 0 {
		u.bytes(n * size(typed))
		return
	}
	if u.err == nil {
		u.pos = at
		u.Array(func(int) {})
	}
}

func (u *ubj) End() {
	if u.marker(); u.err == nil && u.left() > 0 {
		u.Fail("data after the end")
	}
}
