package graph

import (
	"fmt"
	"math"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// constant is the operator Constant.
func constant(b *build) kernel {
	if !b.arity(0, 0) {
		return nil
	}
	var t *tensor.Tensor
	given := 0
	take := func(v *tensor.Tensor) { t, given = v, given+1 }
	if v := b.tensor("value"); v != nil {
		take(v)
	}
	if a := b.attr("value_float", onnx.AttrFloat); a != nil {
		take(&tensor.Tensor{Type: tensor.Float32, F32: []float32{a.Float}})
	}
	if a := b.attr("value_int", onnx.AttrInt); a != nil {
		take(&tensor.Tensor{Type: tensor.Int64, I64: []int64{a.Int}})
	}
	if a := b.attr("value_string", onnx.AttrString); a != nil {
		take(&tensor.Tensor{Type: tensor.String, Str: []string{a.String}})
	}
	if v := b.floats("value_floats"); v != nil {
		take(&tensor.Tensor{Type: tensor.Float32, Shape: []int{len(v)}, F32: v})
	}
	if v := b.ints("value_ints"); v != nil {
		take(listed(v))
	}
	if v := b.strings("value_strings"); v != nil {
		take(&tensor.Tensor{Type: tensor.String, Shape: []int{len(v)}, Str: v})
	}
	if given != 1 {
		return b.refuse("%d values, one belongs there", given)
	}
	b.pricing = func([]*tensor.Tensor) cost { return moved(volume(t.Shape), wordsOf(t.Type)) }
	b.gives(0, t.Type)
	return func(_, out []*tensor.Tensor) error {
		reshaped(out[0], t, t.Shape)
		return nil
	}
}

// constantOfShape is the operator ConstantOfShape.
func constantOfShape(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	v := b.tensor("value")
	if v == nil {
		v = &tensor.Tensor{Type: tensor.Float32, Shape: []int{1}, F32: []float32{0}}
	}
	if v.Len() != 1 {
		return b.refuse("a value of shape %v", v.Shape)
	}
	b.gives(0, v.Type)
	return func(in, out []*tensor.Tensor) error {
		var shape, zero [modelfile.MaxRank]int
		rank, err := dimensions(shape[:], in[0])
		if err != nil {
			return err
		}
		if err := create(out[0], v.Type, shape[:rank]...); err != nil {
			return err
		}
		strided(out[0], v, 0, shape[:rank], zero[:rank])
		return nil
	}
}

// shape is the operator Shape: the sizes of the dimensions, all or a range.
func shape(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	start, end := b.int("start", 0), b.int("end", math.MaxInt64)
	b.gives(0, tensor.Int64)
	return func(in, out []*tensor.Tensor) error {
		first, n := span(start, end, 1, len(in[0].Shape))
		out[0].Resize(tensor.Int64, n)
		for i := range n {
			out[0].I64[i] = int64(in[0].Shape[first+i])
		}
		return nil
	}
}

// size is the operator Size: the number of elements.
func size(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	b.gives(0, tensor.Int64)
	return func(in, out []*tensor.Tensor) error {
		out[0].Resize(tensor.Int64)
		out[0].I64[0] = int64(in[0].Len())
		return nil
	}
}

// rangeOf is the operator Range: numbers at equal distances.
func rangeOf(b *build) kernel {
	if !b.arity(3, 3) {
		return nil
	}
	if b.typ(1) != b.typ(0) || b.typ(2) != b.typ(0) {
		return b.refuse("inputs of types %v, %v and %v", b.typ(0), b.typ(1), b.typ(2))
	}
	b.gives(0, b.typ(0))
	return numeric(b.typ(0), rangeKernel[float32](), rangeKernel[float64](), rangeKernel[int64](), rangeKernel[int32](), nil)
}

func rangeKernel[T number]() kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		for _, t := range in {
			if t.Len() != 1 {
				return errScalar(t.Shape)
			}
		}
		start, limit, delta := data[T](in[0])[0], data[T](in[1])[0], data[T](in[2])[0]
		n := math.Ceil((float64(limit) - float64(start)) / float64(delta))
		if n != n || n > modelfile.MaxProbe {
			return fmt.Errorf("a range from %v to %v by %v", start, limit, delta)
		}
		out[0].Resize(typ, int(max(n, 0)))
		to := data[T](out[0])
		for i := range to {
			to[i] = start + T(i)*delta
		}
		return nil
	}
}

// oneHot is the operator OneHot: each index becomes a line of one value with
// another at its place.
func oneHot(b *build) kernel {
	if !b.arity(3, 3) {
		return nil
	}
	if !numberTypes.has(b.typ(1)) {
		return b.refuse("a depth of type %v", b.typ(1))
	}
	axis := b.int("axis", -1)
	b.gives(0, b.typ(2))
	return func(in, out []*tensor.Tensor) error {
		if in[1].Len() != 1 || in[2].Len() != 2 {
			return fmt.Errorf("a depth of shape %v and values of shape %v", in[1].Shape, in[2].Shape)
		}
		depth := numberAt(in[1], 0)
		rank := len(in[0].Shape) + 1
		if !(depth >= 1 && depth <= modelfile.MaxColumns) || rank > modelfile.MaxRank {
			return fmt.Errorf("depth %v, a result of %d dimensions", depth, rank)
		}
		at, err := axisOf(axis, rank)
		if err != nil {
			return err
		}
		var shape, zero [modelfile.MaxRank]int
		n := copy(shape[:], in[0].Shape[:at])
		shape[n] = int(depth)
		copy(shape[n+1:], in[0].Shape[at:])
		if err := create(out[0], in[2].Type, shape[:rank]...); err != nil {
			return err
		}
		strided(out[0], in[2], 0, shape[:rank], zero[:rank])
		_, along, inner := split3(shape[:rank], at)
		for k := range in[0].Len() {
			i := numberAt(in[0], k)
			if i < 0 {
				i += depth
			}
			if i >= 0 && i < depth {
				copyElements(out[0], (k/inner*along+int(i))*inner+k%inner, in[2], 1, 1)
			}
		}
		return nil
	}
}

// nonZero is the operator NonZero: the positions of the elements that are not 0,
// one row a dimension.
func nonZero(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	b.gives(0, tensor.Int64)
	return func(in, out []*tensor.Tensor) error {
		is := func(k int) bool {
			if in[0].Type == tensor.Bool {
				return in[0].Bool[k]
			}
			return numberAt(in[0], k) != 0
		}
		count, total := 0, in[0].Len()
		for k := range total {
			if is(k) {
				count++
			}
		}
		out[0].Resize(tensor.Int64, len(in[0].Shape), count)
		var strides [modelfile.MaxRank]int
		contiguous(in[0].Shape, strides[:])
		i := 0
		for k := range total {
			if !is(k) {
				continue
			}
			for d, n := range in[0].Shape {
				out[0].I64[d*count+i] = int64(k / strides[d] % n)
			}
			i++
		}
		return nil
	}
}

// eyeLike is the operator EyeLike: zeros with a diagonal of ones, of a matrix's
// shape. Gaussian processes add it to the kernel as noise.
func eyeLike(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	typ, shift := b.typ(0), b.int("k", 0)
	if b.has("dtype") {
		typ = onnx.ElemType(b.int("dtype", 0))
	}
	if !numberTypes.has(typ) {
		return b.refuse("element type %v", typ)
	}
	b.gives(0, typ)
	return numeric(typ, eyeKernel[float32](shift), eyeKernel[float64](shift), eyeKernel[int64](shift), eyeKernel[int32](shift), eyeKernel[uint8](shift))
}

func eyeKernel[T number](shift int64) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		if len(in[0].Shape) != 2 {
			return fmt.Errorf("shape %v where a matrix belongs", in[0].Shape)
		}
		resizeLike(out[0], typ, in[0])
		to, n := data[T](out[0]), int64(in[0].Shape[1])
		clear(to)
		for r := range int64(in[0].Shape[0]) {
			if k := r + shift; k >= 0 && k < n {
				to[r*n+k] = 1
			}
		}
		return nil
	}
}
