package graph

import (
	"fmt"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

type element interface {
	float32 | float64 | int64 | int32 | uint8 | bool | string
}

type number interface {
	float32 | float64 | int64 | int32 | uint8
}

type float interface{ float32 | float64 }

// data is the slice of a tensor's elements of type T.
func data[T element](t *tensor.Tensor) []T { return *field[T](t) }

// field points at the slice for elements of type T. Going through a pointer
// keeps the conversion free of allocation.
func field[T element](t *tensor.Tensor) *[]T {
	var p any
	switch any((*T)(nil)).(type) {
	case *float32:
		p = &t.F32
	case *float64:
		p = &t.F64
	case *int64:
		p = &t.I64
	case *int32:
		p = &t.I32
	case *uint8:
		p = &t.U8
	case *bool:
		p = &t.Bool
	case *string:
		p = &t.Str
	}
	return p.(*[]T)
}

// typeOf is the element type of T.
func typeOf[T element]() tensor.Type {
	switch any((*T)(nil)).(type) {
	case *float32:
		return tensor.Float32
	case *float64:
		return tensor.Float64
	case *int64:
		return tensor.Int64
	case *int32:
		return tensor.Int32
	case *uint8:
		return tensor.Uint8
	case *bool:
		return tensor.Bool
	}
	return tensor.String
}

// resizeLike is Tensor.Resize with the shape of another tensor.
func resizeLike(t *tensor.Tensor, typ tensor.Type, like *tensor.Tensor) {
	t.Resize(typ, like.Shape...)
}

// grow is Tensor.Resize for operators whose result can be much larger than what
// they read, which a hostile file could chain.
func grow(t *tensor.Tensor, typ tensor.Type, shape ...int) error {
	return growTo(modelfile.MaxStep, t, typ, shape)
}

// create is grow for operators that make much of next to nothing, such as a
// shape: what a few bytes of a file can ask for is bounded lower.
func create(t *tensor.Tensor, typ tensor.Type, shape ...int) error {
	return growTo(modelfile.MaxProbe, t, typ, shape)
}

func growTo(limit int, t *tensor.Tensor, typ tensor.Type, shape []int) error {
	if volume(shape) > limit {
		return modelfile.Exceeds("a result of more than %d elements", limit)
	}
	t.Resize(typ, shape...)
	return nil
}

// matrix reads a tensor as rows of columns: a vector is one row, as ONNX-ML
// says, and higher dimensions are folded into the columns.
func matrix(t *tensor.Tensor) (rows, columns int) {
	if len(t.Shape) == 1 {
		return 1, t.Shape[0]
	}
	return t.Rows(), t.Width()
}

// axisOf resolves an axis that may count from the end.
func axisOf(axis int64, rank int) (int, error) {
	if axis < 0 {
		axis += int64(rank)
	}
	if axis < 0 || axis >= int64(rank) {
		return 0, fmt.Errorf("axis %d of a tensor of %d dimensions", axis, rank)
	}
	return int(axis), nil
}

// split3 folds a shape around an axis: the elements before it, along it, behind it.
func split3(shape []int, axis int) (outer, along, inner int) {
	outer, inner = 1, 1
	for i, d := range shape {
		switch {
		case i < axis:
			outer *= d
		case i == axis:
			along = d
		default:
			inner *= d
		}
	}
	return outer, along, inner
}
