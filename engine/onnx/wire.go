package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"online-inference/engine/modelfile"
)

// The wire types of protocol buffers (protobuf.dev/programming-guides/encoding).
const (
	wireVarint = 0
	wireI64    = 1
	wireBytes  = 2
	wireI32    = 5
)

// reader walks the fields of one message. The first fault sticks in err, after
// which next reports the end, so that callers check once, behind their loop.
type reader struct {
	data  []byte // the message
	at    int    // of the next byte in data
	base  int    // offset of data in the file, for error messages
	depth int    // of nesting
	err   error

	start int    // of the current field in data
	field int    // number of the current field
	wire  int    // its wire type
	num   uint64 // its value, for varint, I32 and I64
	sub   []byte // its value, for length-delimited
	subAt int    // offset of sub in the file
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = &modelfile.FormatError{Format: "onnx", Offset: r.base + r.at, Reason: fmt.Sprintf(format, args...)}
	}
}

// exceed is fail for what goes beyond a limit.
func (r *reader) exceed(format string, args ...any) {
	if r.err == nil {
		r.err = &modelfile.FormatError{Format: "onnx", Offset: r.base + r.at, Reason: fmt.Sprintf(format, args...), Limit: true}
	}
}

// next reads the next field's key and value.
func (r *reader) next() bool {
	if r.err != nil || r.at == len(r.data) {
		return false
	}
	r.start = r.at
	key := r.varint()
	r.field, r.wire = int(key>>3), int(key&7)
	if r.err == nil && (key>>3 == 0 || key>>3 > 1<<29-1) {
		r.fail("field number %d", key>>3)
	}
	switch r.wire {
	case wireVarint:
		r.num = r.varint()
	case wireI64:
		if b := r.take(8); b != nil {
			r.num = binary.LittleEndian.Uint64(b)
		}
	case wireI32:
		if b := r.take(4); b != nil {
			r.num = uint64(binary.LittleEndian.Uint32(b))
		}
	case wireBytes:
		n := r.varint()
		r.subAt = r.base + r.at
		if n > uint64(len(r.data)-r.at) {
			r.fail("field %d says %d bytes, %d are left", r.field, n, len(r.data)-r.at)
			return false
		}
		r.sub = r.take(int(n))
	default:
		r.fail("field %d has wire type %d", r.field, r.wire)
	}
	return r.err == nil
}

func (r *reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if len(r.data)-r.at < n {
		r.fail("the message ends within a value")
		return nil
	}
	b := r.data[r.at : r.at+n]
	r.at += n
	return b
}

func (r *reader) varint() uint64 {
	if r.err != nil {
		return 0
	}
	if r.at < len(r.data) && r.data[r.at] < 0x80 {
		r.at++
		return uint64(r.data[r.at-1])
	}
	v, n := binary.Uvarint(r.data[r.at:])
	if n <= 0 {
		r.fail("a number is cut short or longer than 64 bits")
		return 0
	}
	r.at += n
	return v
}

// want checks the wire type of the current field.
func (r *reader) want(wire int) bool {
	if r.wire != wire {
		r.fail("field %d has wire type %d where %d belongs", r.field, r.wire, wire)
	}
	return r.err == nil
}

func (r *reader) int() int64 {
	r.want(wireVarint)
	return int64(r.num)
}

func (r *reader) float() float32 {
	r.want(wireI32)
	return math.Float32frombits(uint32(r.num))
}

func (r *reader) bytes() []byte {
	if !r.want(wireBytes) {
		return nil
	}
	return r.sub
}

func (r *reader) string() string { return string(r.bytes()) }

// message opens the current field as a nested message.
func (r *reader) message() *reader {
	m := &reader{data: r.bytes(), base: r.subAt, depth: r.depth + 1, err: r.err}
	if m.depth > modelfile.MaxDepth {
		r.exceed("messages nest deeper than %d", modelfile.MaxDepth)
		m.err = r.err
	}
	return m
}

// close hands a nested message's fault to the one around it.
func (r *reader) close(m *reader) {
	if r.err == nil {
		r.err = m.err
	}
}

// ints appends a repeated integer, packed or not. Files of the Python package
// onnx write each number of an attribute with its key: those that follow at once
// are read in a loop of their own, after they were counted.
func (r *reader) ints(to []int64) []int64 {
	if r.wire == wireVarint {
		to = slices.Grow(to, 1+r.following(len(to)))
		to = append(to, int64(r.num))
		for key := r.key(); r.at < len(r.data) && r.data[r.at] == key && r.err == nil; {
			if b := r.data[r.at:]; len(b) > 3 && b[2] < 0x80 && b[1] >= 0x80 { // two bytes, as most node numbers
				to = append(to, int64(b[1]&0x7f)|int64(b[2])<<7)
				r.at += 3
				continue
			}
			r.at++
			to = append(to, int64(r.varint()))
		}
		return to
	}
	m := &reader{data: r.bytes(), base: r.subAt, err: r.err}
	if to == nil {
		to = make([]int64, 0, countVarints(m.data))
	}
	for m.err == nil && m.at < len(m.data) {
		to = append(to, int64(m.varint()))
	}
	r.close(m)
	return to
}

// key is the byte that opens a field like the current one; fields of numbers
// from 16 on have longer keys, and no byte of theirs is 0.
func (r *reader) key() byte {
	if r.field > 15 {
		return 0
	}
	return byte(r.field<<3 | r.wire)
}

// following counts the fields that follow the current one and have its key, but
// only at the start of a list: what has grown already is not counted again.
func (r *reader) following(have int) int {
	if have > 0 || r.err != nil {
		return 0
	}
	n, key := 0, r.key()
	for at := r.at; at < len(r.data) && r.data[at] == key; n++ {
		at++
		switch r.wire {
		case wireI32:
			at += 4
		case wireI64:
			at += 8
		case wireBytes:
			if at == len(r.data) || r.data[at] >= 0x80 {
				return n
			}
			at += 1 + int(r.data[at])
		default:
			for at < len(r.data) && r.data[at] >= 0x80 {
				at++
			}
			at++
		}
	}
	return n
}

// countVarints counts the bytes that end a number.
func countVarints(b []byte) int {
	n := 0
	for _, c := range b {
		if c < 0x80 {
			n++
		}
	}
	return n
}

// floats appends a repeated float, packed or not.
func (r *reader) floats(to []float32) []float32 {
	if r.wire == wireI32 {
		to = slices.Grow(to, 1+r.following(len(to)))
		to = append(to, math.Float32frombits(uint32(r.num)))
		for key := r.key(); len(r.data)-r.at >= 5 && r.data[r.at] == key; r.at += 5 {
			to = append(to, math.Float32frombits(binary.LittleEndian.Uint32(r.data[r.at+1:])))
		}
		return to
	}
	b := r.bytes()
	if len(b)%4 != 0 {
		r.fail("%d bytes are no whole number of floats", len(b))
		return to
	}
	to = slices.Grow(to, len(b)/4)
	for ; len(b) >= 4; b = b[4:] {
		to = append(to, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return to
}

// doubles appends a repeated double, packed or not.
func (r *reader) doubles(to []float64) []float64 {
	if r.wire == wireI64 {
		return append(to, math.Float64frombits(r.num))
	}
	b := r.bytes()
	if len(b)%8 != 0 {
		r.fail("%d bytes are no whole number of doubles", len(b))
		return to
	}
	to = slices.Grow(to, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		to = append(to, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return to
}
