// Package tensor holds the values that flow through a model: dense, row-major
// arrays of one element type whose first dimension counts rows.
package tensor

import (
	"fmt"
	"slices"
)

// Type is the element type of a Tensor.
type Type uint8

// The element types that tabular models use.
const (
	Invalid Type = iota
	Float32
	Float64
	Int64
	Int32
	Uint8
	Bool
	String
)

var typeNames = [...]string{"invalid", "float32", "float64", "int64", "int32", "uint8", "bool", "string"}

// String returns the type's name as Go spells it.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// IsFloat reports whether the type can hold NaN, the usual token of a missing number.
func (t Type) IsFloat() bool { return t == Float32 || t == Float64 }

// IsNumber reports whether the type takes part in arithmetic.
func (t Type) IsNumber() bool { return t >= Float32 && t <= Uint8 }

// A Tensor is a dense row-major array. Only the slice that belongs to Type is
// in use; its length is the product of Shape. The other slices keep their
// memory between runs, so that a reused Tensor does not allocate.
type Tensor struct {
	Type  Type
	Shape []int
	F32   []float32
	F64   []float64
	I64   []int64
	I32   []int32
	U8    []uint8
	Bool  []bool
	Str   []string
}

// Resize gives t a type and a shape and makes room for its elements, whose
// values are unspecified afterwards. Memory is reused where it is large enough.
func (t *Tensor) Resize(typ Type, shape ...int) {
	t.Type = typ
	t.Shape = append(t.Shape[:0], shape...)
	n := 1
	for _, d := range shape {
		n *= d
	}
	switch typ {
	case Float32:
		t.F32 = sized(t.F32, n)
	case Float64:
		t.F64 = sized(t.F64, n)
	case Int64:
		t.I64 = sized(t.I64, n)
	case Int32:
		t.I32 = sized(t.I32, n)
	case Uint8:
		t.U8 = sized(t.U8, n)
	case Bool:
		t.Bool = sized(t.Bool, n)
	case String:
		t.Str = sized(t.Str, n)
	}
}

func sized[E any](s []E, n int) []E {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]E, n)
}

// Len is the number of elements, the product of Shape.
func (t *Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Rows is the first dimension, or 1 for a scalar.
func (t *Tensor) Rows() int {
	if len(t.Shape) == 0 {
		return 1
	}
	return t.Shape[0]
}

// Width is the number of elements in a row: the product of all dimensions but
// the first, 1 for a vector and for a scalar.
func (t *Tensor) Width() int {
	n := 1
	for _, d := range t.Shape[min(1, len(t.Shape)):] {
		n *= d
	}
	return n
}

// Clone returns a deep copy that shares nothing with t.
func (t *Tensor) Clone() *Tensor {
	return &Tensor{
		Type: t.Type, Shape: slices.Clone(t.Shape),
		F32: slices.Clone(t.F32), F64: slices.Clone(t.F64), I64: slices.Clone(t.I64), I32: slices.Clone(t.I32),
		U8: slices.Clone(t.U8), Bool: slices.Clone(t.Bool), Str: slices.Clone(t.Str),
	}
}
