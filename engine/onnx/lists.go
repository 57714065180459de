package onnx

import (
	"encoding/binary"
	"math"
)

// Lists of an attribute stay as the file writes them, checked and counted, until
// somebody asks: a forest's are as large as the file, and most are looked at
// once or never. Who keeps what All gives keeps no part of the file; a list
// itself refers to it.

// span is where a list stands in the file: packed, or one by one, each behind
// the key byte.
type span struct {
	raw   []byte
	keyed bool
	n     int
}

// Len is the number of elements.
func (s *span) Len() int { return s.n }

// Ints is a list of integers.
type Ints struct {
	span
	have []int64 // in place of the span: a list in pieces
}

// IntsOf is a list of the given numbers.
func IntsOf(v []int64) Ints { return Ints{span{n: len(v)}, v} }

// All gives the numbers. The caller must not change them.
func (l *Ints) All() []int64 {
	if l.have != nil || l.raw == nil {
		return l.have
	}
	r := l.Reader()
	return r.Next(make([]int64, l.n))
}

// Reader starts at the first number.
func (l *Ints) Reader() IntReader { return IntReader{l.raw, l.have, l.keyed} }

// Numbers below 128, each behind a key byte, stand by fours in a word.
const (
	keyBytes = 0x0001000100010001 // times a key: the four keys
	keyMask  = 0x00ff00ff00ff00ff
	moreBits = 0x8000800080008000 // set in a number that goes on
)

// An IntReader reads a list from its first number to its last.
type IntReader struct {
	raw   []byte
	have  []int64
	keyed bool
}

// Next fills a part of memory with the next numbers and gives what it filled,
// which is all of it unless the list ends.
func (r *IntReader) Next(memory []int64) []int64 {
	if r.have != nil {
		n := copy(memory, r.have)
		r.have = r.have[n:]
		return memory[:n]
	}
	key := 0
	if r.keyed {
		key = 1
	}
	b := r.raw
	for i := 0; i < len(memory); i++ {
		for r.keyed && len(b) >= 8 && i+4 <= len(memory) {
			four := binary.LittleEndian.Uint64(b)
			if four&moreBits != 0 {
				break
			}
			memory[i], memory[i+1] = int64(four>>8&0x7f), int64(four>>24&0x7f)
			memory[i+2], memory[i+3] = int64(four>>40&0x7f), int64(four>>56)
			b, i = b[8:], i+4
		}
		if i == len(memory) {
			break
		}
		switch { // each number is whole: it was checked when the list was found
		case len(b) > key && b[key] < 0x80:
			memory[i] = int64(b[key])
			b = b[key+1:]
		case len(b) > key+1 && b[key+1] < 0x80: // as most node numbers
			memory[i] = int64(b[key]&0x7f) | int64(b[key+1])<<7
			b = b[key+2:]
		case len(b) > key:
			v, n := binary.Uvarint(b[key:])
			memory[i] = int64(v)
			b = b[key+max(n, 1):]
		default:
			r.raw = b
			return memory[:i]
		}
	}
	r.raw = b
	return memory
}

// Floats is a list of floats.
type Floats struct {
	span
	have []float32
}

// FloatsOf is a list of the given numbers.
func FloatsOf(v []float32) Floats { return Floats{span{n: len(v)}, v} }

// At is element i, which must be one of the list.
func (l *Floats) At(i int) float32 {
	if l.have != nil {
		return l.have[i]
	}
	at := 4 * i
	if l.keyed {
		at += i + 1
	}
	return math.Float32frombits(binary.LittleEndian.Uint32(l.raw[at:]))
}

// All gives the numbers. The caller must not change them.
func (l *Floats) All() []float32 {
	if l.have != nil || l.raw == nil {
		return l.have
	}
	v := make([]float32, l.n)
	for i := range v {
		v[i] = l.At(i)
	}
	return v
}

// Strings is a list of texts.
type Strings struct {
	span
	have []string
}

// StringsOf is a list of the given texts.
func StringsOf(v []string) Strings { return Strings{span{n: len(v)}, v} }

// All gives the texts. The caller must not change them. A list that names a few
// words over and over holds each of them once: the last one of each length.
func (l *Strings) All() []string {
	if l.have != nil || l.raw == nil {
		return l.have
	}
	var words [32]string
	all := make([]string, 0, l.n)
	for r := l.Reader(); ; {
		b, ok := r.Next()
		if !ok {
			return all
		}
		w := &words[len(b)%len(words)]
		if *w != string(b) {
			*w = string(b)
		}
		all = append(all, *w)
	}
}

// Reader starts at the first text.
func (l *Strings) Reader() StringReader { return StringReader{l.raw, l.have} }

// A StringReader reads a list from its first text to its last.
type StringReader struct {
	raw  []byte
	have []string
}

// Next gives the next text, which must not be changed or kept.
func (r *StringReader) Next() (text []byte, ok bool) {
	if len(r.have) > 0 {
		text, r.have = []byte(r.have[0]), r.have[1:]
		return text, true
	}
	if len(r.raw) < 2 {
		return nil, false
	}
	n, size := uint64(r.raw[1]), 1
	if n >= 0x80 {
		n, size = binary.Uvarint(r.raw[1:])
	}
	from := 1 + max(size, 1)
	if n > uint64(len(r.raw)-from) {
		return nil, false
	}
	text, r.raw = r.raw[from:from+int(n)], r.raw[from+int(n):]
	return text, true
}

// plain reports whether one byte is the current field's key, as every writer has
// it.
func (r *reader) plain() bool { return r.err == nil && r.data[r.start] == r.key() }

// A list of fields of one key, one behind the other, is what the current field,
// which is plain, and those that follow at once make. What is damaged is left to
// next, which names the fault.

func (r *reader) runFloats() span {
	const size = 5
	key, start, n, b, at := r.key(), r.start, 1, r.data, r.at
	for ; len(b)-at >= size && b[at] == key; n++ {
		at += size
	}
	r.at = at
	return span{b[start:at], true, n}
}

func (r *reader) runStrings() span {
	key, start, n, b, at := r.key(), r.start, 1, r.data, r.at
	for ; at+1 < len(b) && b[at] == key; n++ {
		length, size := uint64(b[at+1]), 1
		if length >= 0x80 {
			length, size = binary.Uvarint(b[at+1:])
		}
		if size <= 0 || length > uint64(len(b)-at-1-size) {
			break
		}
		at += 1 + size + int(length)
	}
	r.at = at
	return span{b[start:at], true, n}
}

// runInts expects that most take a byte or two.
func (r *reader) runInts() span {
	key, start, n, b, at := r.key(), r.start, 1, r.data, r.at
	keys := uint64(key) * keyBytes
	for ; at+1 < len(b) && b[at] == key; n++ {
		for len(b)-at >= 8 && (binary.LittleEndian.Uint64(b[at:])^keys)&(keyMask|moreBits) == 0 {
			at += 8
			n += 4
		}
		if at+1 >= len(b) || b[at] != key {
			break
		}
		if b[at+1] < 0x80 {
			at += 2
			continue
		}
		if at+2 < len(b) && b[at+2] < 0x80 {
			at += 3
			continue
		}
		_, size := binary.Uvarint(b[at+1:])
		if size <= 0 {
			break
		}
		at += 1 + size
	}
	r.at = at
	return span{b[start:at], true, n}
}

// intList adds the current field to an attribute's integers.
func (r *reader) intList(l *Ints) {
	if l.n > 0 || l.have != nil || r.wire == wireVarint && !r.plain() {
		*l = IntsOf(r.ints(l.All()))
		return
	}
	if r.wire == wireVarint {
		l.span = r.runInts()
		return
	}
	m := &reader{data: r.bytes(), base: r.subAt, err: r.err}
	for m.err == nil && m.at < len(m.data) {
		m.varint()
		l.n++
	}
	l.raw = m.data
	r.close(m)
}

// floatList adds the current field to an attribute's floats.
func (r *reader) floatList(l *Floats) {
	if l.n > 0 || l.have != nil || r.wire == wireI32 && !r.plain() {
		*l = FloatsOf(r.floats(l.All()))
		return
	}
	if r.wire == wireI32 {
		l.span = r.runFloats()
		return
	}
	if l.raw = r.bytes(); len(l.raw)%4 != 0 {
		r.fail("%d bytes are no whole number of floats", len(l.raw))
	}
	l.n = len(l.raw) / 4
}

// stringList adds the current field to an attribute's texts.
func (r *reader) stringList(l *Strings) {
	if l.n > 0 || l.have != nil || !r.plain() {
		*l = StringsOf(append(l.All(), r.string()))
		return
	}
	if r.want(wireBytes) {
		l.span = r.runStrings()
	}
}
