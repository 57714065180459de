package graph

import (
	"strings"

	"online-inference/engine/tensor"
)

// types is a set of element types.
type types uint16

// The sets that operators take.
const (
	ofFloat32 types = 1 << tensor.Float32
	ofFloat64 types = 1 << tensor.Float64
	ofInt64   types = 1 << tensor.Int64
	ofInt32   types = 1 << tensor.Int32
	ofUint8   types = 1 << tensor.Uint8
	ofBool    types = 1 << tensor.Bool
	ofString  types = 1 << tensor.String

	floatTypes  = ofFloat32 | ofFloat64
	signedTypes = floatTypes | ofInt64 | ofInt32
	numberTypes = signedTypes | ofUint8
	anyType     = numberTypes | ofBool | ofString
)

func (s types) has(t tensor.Type) bool { return t != tensor.Invalid && s&(1<<t) != 0 }

// String lists the types, for documents.
func (s types) String() string {
	if s == anyType {
		return "all"
	}
	var names []string
	for t := tensor.Float32; t <= tensor.String; t++ {
		if s.has(t) {
			names = append(names, t.String())
		}
	}
	return strings.Join(names, ", ")
}

// numeric picks the instance of a kernel that computes with numbers.
func numeric(t tensor.Type, f32, f64, i64, i32, u8 kernel) kernel {
	switch t {
	case tensor.Float32:
		return f32
	case tensor.Float64:
		return f64
	case tensor.Int64:
		return i64
	case tensor.Int32:
		return i32
	}
	return u8
}

// floating is numeric for operators of floats only.
func floating(t tensor.Type, f32, f64 kernel) kernel {
	if t == tensor.Float32 {
		return f32
	}
	return f64
}

// numberAt reads an element of any number type as a float64.
func numberAt(t *tensor.Tensor, k int) float64 {
	switch t.Type {
	case tensor.Float32:
		return float64(t.F32[k])
	case tensor.Float64:
		return t.F64[k]
	case tensor.Int64:
		return float64(t.I64[k])
	case tensor.Int32:
		return float64(t.I32[k])
	}
	return float64(t.U8[k])
}
