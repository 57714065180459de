package graph

import (
	"fmt"
	"math"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// reduceSum is the operator ReduceSum. Until opset 12 the axes are an attribute,
// then an input.
func reduceSum(b *build) kernel {
	var axes []int64
	if b.has("axes") || len(b.in) < 2 {
		if !b.arity(1, 1) {
			return nil
		}
		axes = b.ints("axes")
	} else {
		if !b.arity(1, 2) {
			return nil
		}
		if b.input(1) != nil {
			axes = b.constantInts(1)
		}
	}
	keep := b.int("keepdims", 1) != 0
	if b.int("noop_with_empty_axes", 0) != 0 && len(axes) == 0 {
		return b.refuse("no axes to fold")
	}
	b.gives(0, b.typ(0))
	switch b.typ(0) {
	case tensor.Float32:
		return reduceKernel[float32](axes, keep)
	case tensor.Float64:
		return reduceKernel[float64](axes, keep)
	case tensor.Int64:
		return reduceKernel[int64](axes, keep)
	case tensor.Int32:
		return reduceKernel[int32](axes, keep)
	}
	return b.refuse("input 0 has type %v", b.typ(0))
}

// folded marks the dimensions to fold and gives the shape that is left.
func folded(in []int, axes []int64, keep bool, shape []int) (fold [modelfile.MaxRank]bool, rank int, err error) {
	for _, a := range axes {
		axis, err := axisOf(a, len(in))
		if err != nil {
			return fold, 0, err
		}
		fold[axis] = true
	}
	for d, n := range in {
		if len(axes) == 0 {
			fold[d] = true
		}
		switch {
		case !fold[d]:
			shape[rank] = n
			rank++
		case keep:
			shape[rank] = 1
			rank++
		}
	}
	return fold, rank, nil
}

func reduceKernel[T float32 | float64 | int64 | int32](axes []int64, keep bool) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		var shape [modelfile.MaxRank]int
		fold, rank, err := folded(in[0].Shape, axes, keep, shape[:])
		if err != nil {
			return err
		}
		out[0].Resize(typ, shape[:rank]...)
		src, to := data[T](in[0]), data[T](out[0])
		var stride [modelfile.MaxRank]int // in the result; 0 along folded dimensions
		n := 1
		for d := len(in[0].Shape) - 1; d >= 0; d-- {
			if !fold[d] {
				stride[d] = n
				n *= in[0].Shape[d]
			}
		}
		for k := range to {
			to[k] = sumFolded(src, in[0].Shape, fold, stride, k)
		}
		return nil
	}
}

// sumFolded adds up, in float64, the elements that fold into result k.
func sumFolded[T number](src []T, shape []int, fold [modelfile.MaxRank]bool, stride [modelfile.MaxRank]int, k int) T {
	var index [modelfile.MaxRank]int
	base := 0
	inStride := 1
	var strides [modelfile.MaxRank]int
	for d := len(shape) - 1; d >= 0; d-- {
		strides[d] = inStride
		if !fold[d] {
			base += k / stride[d] % shape[d] * inStride
		}
		inStride *= shape[d]
	}
	var ints T
	sum := 0.0
	for {
		at := base
		for d := range shape {
			at += index[d] * strides[d]
		}
		if at < len(src) {
			sum += float64(src[at])
			ints += src[at]
		}
		d := len(shape) - 1
		for ; d >= 0; d-- {
			if !fold[d] {
				continue
			}
			if index[d]++; index[d] < shape[d] {
				break
			}
			index[d] = 0
		}
		if d < 0 {
			if isInteger[T]() {
				return ints
			}
			return T(sum)
		}
	}
}

// arg builds ArgMax and ArgMin; the first of equals wins unless the node asks for the last.
func arg(smallest bool) func(*build) kernel {
	return func(b *build) kernel {
		if !b.arity(1, 1) {
			return nil
		}
		axis, keep, last := b.int("axis", 0), b.int("keepdims", 1) != 0, b.int("select_last_index", 0) != 0
		b.gives(0, tensor.Int64)
		switch b.typ(0) {
		case tensor.Float32:
			return argKernel[float32](axis, keep, last, smallest)
		case tensor.Float64:
			return argKernel[float64](axis, keep, last, smallest)
		case tensor.Int64:
			return argKernel[int64](axis, keep, last, smallest)
		case tensor.Int32:
			return argKernel[int32](axis, keep, last, smallest)
		}
		return b.refuse("input 0 has type %v", b.typ(0))
	}
}

func argKernel[T number](axis64 int64, keep, last, smallest bool) kernel {
	return func(in, out []*tensor.Tensor) error {
		axis, err := axisOf(axis64, len(in[0].Shape))
		if err != nil {
			return err
		}
		var shape [modelfile.MaxRank]int
		_, rank, err := folded(in[0].Shape, []int64{int64(axis)}, keep, shape[:])
		if err != nil {
			return err
		}
		out[0].Resize(tensor.Int64, shape[:rank]...)
		outer, along, inner := split3(in[0].Shape, axis)
		if along == 0 {
			return fmt.Errorf("no elements along axis %d", axis)
		}
		src, to := data[T](in[0]), out[0].I64
		for o := range outer {
			for i := range inner {
				best, at := src[o*along*inner+i], 0
				for k := 1; k < along; k++ {
					v := src[(o*along+k)*inner+i]
					if smallest && v < best || !smallest && v > best || last && v == best {
						best, at = v, k
					}
				}
				to[o*inner+i] = int64(at)
			}
		}
		return nil
	}
}

// lpNormalization divides the elements along an axis by their norm.
func lpNormalization(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	axis, p := b.int("axis", -1), b.int("p", 2)
	if p != 1 && p != 2 {
		return b.refuse("norm %d", p)
	}
	b.gives(0, b.typ(0))
	b.means(0, RoleProbabilities, nil)
	b.follows(0)
	switch b.typ(0) {
	case tensor.Float32:
		return lpKernel[float32](axis, p)
	case tensor.Float64:
		return lpKernel[float64](axis, p)
	}
	return b.refuse("input 0 has type %v", b.typ(0))
}

func lpKernel[T float](axis64, p int64) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		axis, err := axisOf(axis64, len(in[0].Shape))
		if err != nil {
			return err
		}
		resizeLike(out[0], typ, in[0])
		outer, along, inner := split3(in[0].Shape, axis)
		src, to := data[T](in[0]), data[T](out[0])
		for o := range outer {
			for i := range inner {
				norm := 0.0
				for k := range along {
					v := float64(src[(o*along+k)*inner+i])
					if p == 1 {
						norm += math.Abs(v)
					} else {
						norm += v * v
					}
				}
				if p == 2 {
					norm = math.Sqrt(norm)
				}
				if norm == 0 {
					norm = 1 // a row of zeros stays one
				}
				for k := range along {
					at := (o*along+k)*inner + i
					to[at] = T(float64(src[at]) / norm)
				}
			}
		}
		return nil
	}
}
