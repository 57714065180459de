// Package scan pulls values out of JSON and UBJSON documents, the two
// encodings in which XGBoost and CatBoost write the same nested maps, lists and
// numbers. One Reader interface fronts both, so that a model format is decoded
// by one piece of code.
//
// JSON is RFC 8259 with the tokens NaN, Infinity and -Infinity for numbers,
// which the C++ writers emit. UBJSON is draft 12 (https://ubjson.org) as far as
// XGBoost's writer goes: big-endian numbers, strings with their length in
// front, and arrays that name the type and the count of their elements.
//
// Errors stick: after the first one every call does nothing and returns zero
// values, loops end, and Err tells what was wrong and at which byte. What is
// allocated never exceeds a small multiple of the bytes that were read.
package scan

import (
	"fmt"
	"math"

	"online-inference/engine/modelfile"
)

// Kind is what a value is.
type Kind uint8

// The kinds of values; Invalid after an error.
const (
	Invalid Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// A Reader reads one document front to back.
type Reader interface {
	// Kind tells what the next value is without reading it.
	Kind() Kind
	// Object reads an object: field is called before each value and may read
	// it; what it leaves is skipped. key is valid until field returns.
	Object(field func(key []byte))
	// Array reads an array: item is called before each element and may read it.
	Array(item func(i int))
	// Text reads a string.
	Text() string
	// Float reads a number, or a string that holds one.
	Float() float64
	// Flag reads a boolean, or a number that is 0 or not.
	Flag() bool
	// Floats32 reads an array of numbers, each rounded to float32, into dst[:0].
	Floats32(dst []float32) []float32
	// Floats64 reads an array of numbers into dst[:0].
	Floats64(dst []float64) []float64
	// Ints reads an array of integers that fit 32 bits, or of booleans, into dst[:0].
	Ints(dst []int32) []int32
	// Skip reads a value and drops it.
	Skip()
	// Mark is the place of the next value, and Return goes back to one, or to
	// where reading had come to, within the same object or array.
	Mark() int
	Return(mark int)
	// End checks that nothing follows the document.
	End()
	// Fail makes an error stick, for what the decoder of a format finds wrong.
	Fail(format string, args ...any)
	// Exceed is Fail for what goes beyond a limit of package modelfile.
	Exceed(format string, args ...any)
	// Err is the error that stuck, a *modelfile.FormatError.
	Err() error
}

// place is where reading stands, and the error that stuck.
type place struct {
	format string
	data   []byte
	pos    int
	depth  int
	err    *modelfile.FormatError
}

func (p *place) Fail(format string, args ...any) {
	if p.err == nil {
		p.err = &modelfile.FormatError{Format: p.format, Offset: p.pos, Reason: fmt.Sprintf(format, args...)}
		p.pos = len(p.data)
	}
}

func (p *place) Exceed(format string, args ...any) {
	if p.err == nil {
		p.Fail(format, args...)
		p.err.Limit = true
	}
}

func (p *place) Mark() int { return p.pos }

func (p *place) Return(mark int) {
	if p.err == nil {
		p.pos = mark
	}
}

func (p *place) Err() error {
	if p.err == nil {
		return nil
	}
	return p.err
}

func (p *place) enter() bool {
	if p.depth++; p.depth > modelfile.MaxNesting {
		p.Exceed("more than %d levels of nesting", modelfile.MaxNesting)
	}
	return p.err == nil
}

func (p *place) left() int { return len(p.data) - p.pos }

// whole fits a number to an int32.
func (p *place) whole(v float64) int32 {
	if v < -1<<31 || v >= 1<<31 || v != math.Trunc(v) { // NaN is not its own truncation
		p.Fail("%v is no 32-bit integer", v)
		return 0
	}
	return int32(v)
}
