package graph

import (
	"fmt"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// slice is the operator Slice: ranges along some axes. Before opset 10 the
// ranges are attributes, since then inputs, which must be constants here.
func slice(b *build) kernel {
	var starts, ends, axes, steps []int64
	if b.version < 10 {
		if !b.arity(1, 1) {
			return nil
		}
		starts, ends, axes = b.ints("starts"), b.ints("ends"), b.ints("axes")
	} else {
		if !b.arity(3, 5) {
			return nil
		}
		starts, ends = b.constantInts(1), b.constantInts(2)
		if b.input(3) != nil {
			axes = b.constantInts(3)
		}
		if b.input(4) != nil {
			steps = b.constantInts(4)
		}
	}
	if axes == nil {
		for i := range starts {
			axes = append(axes, int64(i))
		}
	}
	if steps == nil {
		for range starts {
			steps = append(steps, 1)
		}
	}
	if len(starts) != len(ends) || len(starts) != len(axes) || len(starts) != len(steps) {
		return b.refuse("%d starts, %d ends, %d axes, %d steps", len(starts), len(ends), len(axes), len(steps))
	}
	for _, s := range steps {
		if s == 0 {
			return b.refuse("a step of 0")
		}
	}
	b.gives(0, b.typ(0))
	c := cut{starts, ends, axes, steps}
	return moves(b.typ(0), sliceKernel[float32](c), sliceKernel[float64](c), sliceKernel[int64](c),
		sliceKernel[int32](c), sliceKernel[uint8](c), sliceKernel[bool](c), sliceKernel[string](c))
}

// constantInts is the content of a constant integer input.
func (b *build) constantInts(i int) []int64 {
	c := b.constant(i)
	if c == nil || !b.oneOf(i, tensor.Int64, tensor.Int32) {
		return nil
	}
	out := make([]int64, c.Len())
	for k := range out {
		out[k] = int64(indexAt(c, k))
	}
	return out
}

type cut struct{ starts, ends, axes, steps []int64 }

func sliceKernel[T element](c cut) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		rank := len(in[0].Shape)
		var from, step, dims [modelfile.MaxRank]int
		for d, n := range in[0].Shape {
			step[d], dims[d] = 1, n
		}
		for i, a := range c.axes {
			axis, err := axisOf(a, rank)
			if err != nil {
				return err
			}
			from[axis], dims[axis] = span(c.starts[i], c.ends[i], c.steps[i], in[0].Shape[axis])
			step[axis] = int(c.steps[i])
		}
		out[0].Resize(typ, dims[:rank]...)
		src, to := data[T](in[0]), data[T](out[0])
		var index [modelfile.MaxRank]int
		for k := range to {
			at := 0
			for d := range rank {
				at = at*in[0].Shape[d] + from[d] + index[d]*step[d]
			}
			to[k] = src[at]
			for d := rank - 1; d >= 0; d-- {
				if index[d]++; index[d] < dims[d] {
					break
				}
				index[d] = 0
			}
		}
		return nil
	}
}

// span clamps a range to a dimension of n elements and counts its steps.
func span(start, end, step int64, n int) (first, count int) {
	size := int64(n)
	clamp := func(v, low, high int64) int64 {
		if v < 0 {
			v += size
		}
		return min(max(v, low), high)
	}
	if step > 0 {
		s, e := clamp(start, 0, size), clamp(end, 0, size)
		return int(s), int(max(0, (e-s+step-1)/step))
	}
	s, e := clamp(start, 0, size-1), clamp(end, -1, size-1)
	if end < -size {
		e = -1
	}
	return int(s), int(max(0, (s-e-step-1)/-step))
}

// split is the operator Split: equal or given parts along an axis.
func split(b *build) kernel {
	var parts []int64
	if b.version < 13 {
		parts = b.ints("split")
	} else {
		if !b.arity(1, 2) {
			return nil
		}
		if b.input(1) != nil {
			parts = b.constantInts(1)
		}
	}
	b.ignore("num_outputs") // it repeats the number of outputs
	axis := b.int("axis", 0)
	if parts != nil && len(parts) != len(b.out) {
		return b.refuse("%d parts for %d outputs", len(parts), len(b.out))
	}
	for _, p := range parts {
		if p < 0 {
			return b.refuse("a part of %d", p)
		}
	}
	for i := range b.out {
		b.gives(i, b.typ(0))
	}
	return moves(b.typ(0), splitKernel[float32](axis, parts), splitKernel[float64](axis, parts), splitKernel[int64](axis, parts),
		splitKernel[int32](axis, parts), splitKernel[uint8](axis, parts), splitKernel[bool](axis, parts), splitKernel[string](axis, parts))
}

func splitKernel[T element](axis64 int64, parts []int64) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		axis, err := axisOf(axis64, len(in[0].Shape))
		if err != nil {
			return err
		}
		outer, along, inner := split3(in[0].Shape, axis)
		size := (along + len(out) - 1) / len(out) // equal parts, the last may be smaller
		src, at := data[T](in[0]), 0
		var shape [modelfile.MaxRank]int
		rank := copy(shape[:], in[0].Shape)
		for i, t := range out {
			n := min(size, along-at)
			if parts != nil {
				n = int(parts[i])
			}
			if n < 0 || at+n > along {
				return fmt.Errorf("parts %v of a dimension of %d", parts, along)
			}
			shape[axis] = n
			t.Resize(typ, shape[:rank]...)
			to := data[T](t)
			for o := range outer {
				copy(to[o*n*inner:(o+1)*n*inner], src[(o*along+at)*inner:])
			}
			at += n
		}
		if at != along {
			return fmt.Errorf("parts %v of a dimension of %d", parts, along)
		}
		return nil
	}
}
