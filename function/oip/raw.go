package oip

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// fitRaw holds the binary data of an input against its shape and finds the places
// of its strings.
func (r *Request) fitRaw(in *Input, product int) error {
	in.Start, in.Len = len(r.Cells), product
	if size := in.Datatype.Size(); size > 0 {
		if n := len(in.Raw); n != size*product {
			return mismatch(in, fmt.Sprintf("%d bytes of %s", size*product, in.Datatype), strconv.Itoa(n))
		}
		return nil
	}
	raw := in.Raw
	for at, n := 0, 0; ; n++ {
		left := len(raw) - at
		if left == 0 {
			if n != product {
				return mismatch(in, fmt.Sprintf("%d strings", product), strconv.Itoa(n))
			}
			return nil
		}
		if n == product {
			return mismatch(in, fmt.Sprintf("%d strings", product), fmt.Sprintf("%d bytes more", left))
		}
		if left < 4 {
			return Unexpected(fmt.Sprintf("%s, element %d", in.named(), n), "a length of 4 bytes", fmt.Sprintf("the last %d bytes", left))
		}
		size := binary.LittleEndian.Uint32(raw[at:])
		if at += 4; uint64(size) > uint64(len(raw)-at) {
			return Unexpected(fmt.Sprintf("%s, element %d", in.named(), n), fmt.Sprintf("a string of %d bytes", size), fmt.Sprintf("the last %d bytes", len(raw)-at))
		}
		end := at + int(size)
		if !utf8.Valid(raw[at:end]) {
			return Unexpected(fmt.Sprintf("%s, element %d", in.named(), n), "UTF-8", strconv.QuoteToASCII(string(raw[at:min(end, at+maxQuoted)])))
		}
		r.Cells = append(r.Cells, Cell{kind: String, start: uint32(at), end: uint32(end)})
		at = end
	}
}

// A Value is an element of binary data but for strings.
type Value struct {
	// Kind tells which of the others is set: Int and Uint are exact.
	Kind  ValueKind
	Float float64
	Int   int64
	Uint  uint64 // only beyond the largest Int
	Bool  bool

	single bool // Float came as an FP32 or less
}

// ValueKind is what an element of binary data is.
type ValueKind uint8

// The kinds of elements.
const (
	FloatValue ValueKind = iota
	IntValue
	UintValue
	BoolValue
	OddValue // a byte of BOOL that is neither 0 nor 1, in Uint
)

// ValueAt is element i of binary data of a type that Check has found sound; BYTES
// are in Cells.
func ValueAt(d Datatype, raw []byte, i int) Value {
	le := binary.LittleEndian
	integer := func(n int64) Value { return Value{Kind: IntValue, Int: n} }
	float := func(f float32) Value { return Value{Kind: FloatValue, Float: float64(f), single: true} }
	switch d {
	case BOOL:
		if raw[i] > 1 {
			return Value{Kind: OddValue, Uint: uint64(raw[i])}
		}
		return Value{Kind: BoolValue, Bool: raw[i] == 1}
	case UINT8:
		return integer(int64(raw[i]))
	case INT8:
		return integer(int64(int8(raw[i])))
	case UINT16:
		return integer(int64(le.Uint16(raw[2*i:])))
	case INT16:
		return integer(int64(int16(le.Uint16(raw[2*i:]))))
	case UINT32:
		return integer(int64(le.Uint32(raw[4*i:])))
	case INT32:
		return integer(int64(int32(le.Uint32(raw[4*i:]))))
	case UINT64:
		u := le.Uint64(raw[8*i:])
		if u > math.MaxInt64 {
			return Value{Kind: UintValue, Uint: u}
		}
		return integer(int64(u))
	case INT64:
		return integer(int64(le.Uint64(raw[8*i:])))
	case FP16:
		return float(halfFloat(le.Uint16(raw[2*i:])))
	case BF16:
		return float(math.Float32frombits(uint32(le.Uint16(raw[2*i:])) << 16))
	case FP32:
		return float(math.Float32frombits(le.Uint32(raw[4*i:])))
	}
	return Value{Kind: FloatValue, Float: math.Float64frombits(le.Uint64(raw[8*i:]))}
}

// halfFloat reads a binary16 of IEEE 754: 1 bit of sign, 5 of exponent, 10 of
// fraction. Every one of them is a float32.
func halfFloat(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exponent {
	case 31:
		return math.Float32frombits(sign | 255<<23 | fraction<<13)
	case 0: // subnormal: fraction times 2^-24, which is exact
		f := float32(fraction) / (1 << 24)
		return math.Float32frombits(sign | math.Float32bits(f))
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

// Text is the value as a client would write it.
func (v Value) Text() string {
	switch v.Kind {
	case IntValue:
		return strconv.FormatInt(v.Int, 10)
	case UintValue:
		return strconv.FormatUint(v.Uint, 10)
	case BoolValue:
		return strconv.FormatBool(v.Bool)
	case OddValue:
		return fmt.Sprintf("byte %d", v.Uint)
	}
	bits := 64
	if v.single {
		bits = 32
	}
	return strconv.FormatFloat(v.Float, 'g', -1, bits)
}
