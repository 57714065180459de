package graph

import (
	"fmt"
	"math"

	"online-inference/engine/tensor"
)

// columnwise checks that a list of per-column numbers fits a batch: one number
// for all columns, or one a column.
func columnwise(n, columns int, what string) error {
	if n != 1 && n != columns {
		return fmt.Errorf("%d columns, it has %d %s", columns, n, what)
	}
	return nil
}

// scaler is the operator Scaler: (x - offset) * scale in float32, as the
// training tool's converter wrote the reciprocal scales.
func scaler(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	offset, scale := b.floats("offset"), b.floats("scale")
	if len(offset) == 0 || len(scale) == 0 {
		return b.refuse("%d offsets and %d scales", len(offset), len(scale))
	}
	b.gives(0, tensor.Float32)
	b.readsEach(0, max(len(offset), len(scale)))
	b.keeps(0)
	switch b.typ(0) {
	case tensor.Float32:
		return scalerKernel[float32](offset, scale)
	case tensor.Float64:
		return scalerKernel[float64](offset, scale)
	case tensor.Int64:
		return scalerKernel[int64](offset, scale)
	case tensor.Int32:
		return scalerKernel[int32](offset, scale)
	}
	return b.refuse("input 0 has type %v", b.typ(0))
}

func scalerKernel[T number](offset, scale []float32) kernel {
	// One number for all columns is stepped through in place.
	step := func(n int) int { return min(n-1, 1) }
	byOffset, byScale := step(len(offset)), step(len(scale))
	return func(in, out []*tensor.Tensor) error {
		_, columns := matrix(in[0])
		if err := columnwise(len(offset), columns, "offsets"); err != nil {
			return err
		}
		if err := columnwise(len(scale), columns, "scales"); err != nil {
			return err
		}
		resizeLike(out[0], tensor.Float32, in[0])
		x, to := data[T](in[0]), out[0].F32
		for start := 0; start < len(x); start += columns {
			for i := range columns {
				o, s := offset[i*byOffset], scale[i*byScale]
				to[start+i] = float32((float64(x[start+i]) - float64(o)) * float64(s))
			}
		}
		return nil
	}
}

// imputer is the operator Imputer: one value, often NaN, is replaced by another
// that each column may have of its own.
func imputer(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	floats, ints := b.floats("imputed_value_floats"), b.ints("imputed_value_int64s")
	missing, missingInt := b.float("replaced_value_float", 0), b.int("replaced_value_int64", 0)
	b.gives(0, b.typ(0))
	switch b.typ(0) {
	case tensor.Float32:
		return imputerKernel(b, floats, missing)
	case tensor.Float64:
		wide := make([]float64, len(floats))
		for i, f := range floats {
			wide[i] = float64(f)
		}
		return imputerKernel(b, wide, float64(missing))
	case tensor.Int64:
		return imputerKernel(b, ints, missingInt)
	}
	return b.refuse("input 0 has type %v", b.typ(0))
}

func imputerKernel[T float32 | float64 | int64](b *build, values []T, missing T) kernel {
	if len(values) == 0 {
		return b.refuse("no values of type %v to put in", typeOf[T]())
	}
	b.readsEach(0, len(values))
	b.keeps(0)
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		_, columns := matrix(in[0])
		if err := columnwise(len(values), columns, "values to put in"); err != nil {
			return err
		}
		resizeLike(out[0], typ, in[0])
		x, to := data[T](in[0]), data[T](out[0])
		for start := 0; start < len(x); start += columns {
			for i := range columns {
				v := x[start+i]
				if v == missing || missing != missing && v != v {
					v = values[i%len(values)]
				}
				to[start+i] = v
			}
		}
		return nil
	}
}

// normalizer is the operator Normalizer: rows divided by a norm.
func normalizer(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	norm := b.string("norm", "MAX")
	if norm != "MAX" && norm != "L1" && norm != "L2" {
		return b.refuse("norm %q", norm)
	}
	b.gives(0, tensor.Float32)
	b.keeps(0)
	role := RoleOther
	if v := b.in[0]; v.classes != nil && norm == "L1" {
		role = RoleProbabilities
	}
	b.means(0, role, b.in[0].classes)
	switch b.typ(0) {
	case tensor.Float32:
		return normalizerKernel[float32](norm)
	case tensor.Float64:
		return normalizerKernel[float64](norm)
	case tensor.Int64:
		return normalizerKernel[int64](norm)
	case tensor.Int32:
		return normalizerKernel[int32](norm)
	}
	return b.refuse("input 0 has type %v", b.typ(0))
}

func normalizerKernel[T number](norm string) kernel {
	return func(in, out []*tensor.Tensor) error {
		rows, columns := matrix(in[0])
		resizeLike(out[0], tensor.Float32, in[0])
		x, to := data[T](in[0]), out[0].F32
		for r := range rows {
			row := x[r*columns : (r+1)*columns]
			d := length(row, norm)
			if d == 0 {
				d = 1 // a row of zeros stays one
			}
			for i, v := range row {
				to[r*columns+i] = float32(float64(v) / d)
			}
		}
		return nil
	}
}

func length[T number](row []T, norm string) float64 {
	sum := 0.0
	for _, v := range row {
		switch f := math.Abs(float64(v)); norm {
		case "MAX":
			sum = max(sum, f)
		case "L1":
			sum += f
		default:
			sum += f * f
		}
	}
	if norm == "L2" {
		return math.Sqrt(sum)
	}
	return sum
}
