package graph

import (
	"fmt"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// cut holds ranges along some axes.
type cut struct{ starts, ends, axes, steps *tensor.Tensor }

// slice is the operator Slice. Before opset 10 the ranges are attributes, since
// then inputs.
func slice(b *build) kernel {
	b.gives(0, b.typ(0))
	b.follows(0)
	if b.version < 10 {
		if !b.arity(1, 1) {
			return nil
		}
		c := cut{listed(b.ints("starts")), listed(b.ints("ends")), nil, nil}
		if axes := b.ints("axes"); axes != nil {
			c.axes = listed(axes)
		}
		return func(in, out []*tensor.Tensor) error { return c.apply(in[0], out[0]) }
	}
	if !b.arity(3, 5) {
		return nil
	}
	for i := 1; i < 5; i++ {
		if b.input(i) != nil && !b.oneOf(i, tensor.Int64, tensor.Int32) {
			return nil
		}
	}
	hasAxes, hasSteps := b.input(3) != nil, b.input(4) != nil
	return func(in, out []*tensor.Tensor) error {
		c := cut{starts: in[1], ends: in[2]}
		if hasAxes {
			c.axes = in[3]
		}
		if hasSteps {
			c.steps = in[4]
		}
		return c.apply(in[0], out[0])
	}
}

func listed(v []int64) *tensor.Tensor {
	return &tensor.Tensor{Type: tensor.Int64, Shape: []int{len(v)}, I64: v}
}

func (c *cut) apply(in, out *tensor.Tensor) error {
	n := c.starts.Len()
	if c.ends.Len() != n || c.axes != nil && c.axes.Len() != n || c.steps != nil && c.steps.Len() != n {
		return fmt.Errorf("starts, ends, axes and steps are not as many as each other")
	}
	rank := len(in.Shape)
	var strides, dims [modelfile.MaxRank]int
	var seen [modelfile.MaxRank]bool
	contiguous(in.Shape, strides[:])
	copy(dims[:], in.Shape)
	offset := 0
	for i := range n {
		a, step := i, 1
		if c.axes != nil {
			a = indexAt(c.axes, i)
		}
		if c.steps != nil {
			step = indexAt(c.steps, i)
		}
		axis, err := axisOf(int64(a), rank)
		if err != nil {
			return err
		}
		if seen[axis] || step == 0 {
			return fmt.Errorf("axis %d twice, or a step of 0", axis)
		}
		seen[axis] = true
		var first int
		first, dims[axis] = span(int64(indexAt(c.starts, i)), int64(indexAt(c.ends, i)), int64(step), in.Shape[axis])
		offset += first * strides[axis]
		strides[axis] *= step
	}
	out.Resize(in.Type, dims[:rank]...)
	strided(out, in, offset, dims[:rank], strides[:rank])
	return nil
}

// span clamps a range to a dimension of n elements and counts its steps.
func span(start, end, step int64, n int) (first, count int) {
	size := int64(n)
	step = min(max(step, -size-1), size+1) // longer ones leave the dimension at once
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

// split is the operator Split: equal or given parts along an axis. Before opset
// 13 the parts are an attribute.
func split(b *build) kernel {
	var fixed []int64
	dynamic := false
	if b.version >= 13 || b.version < 2 {
		if !b.arity(1, 2) {
			return nil
		}
		if dynamic = b.input(1) != nil; dynamic && !b.oneOf(1, tensor.Int64) {
			return nil
		}
	} else if !b.arity(1, 1) {
		return nil
	}
	if b.version < 13 && !dynamic {
		fixed = b.ints("split")
	}
	b.ignore("num_outputs") // it repeats the number of outputs
	axis := b.int("axis", 0)
	for i := range b.out {
		b.gives(i, b.typ(0))
	}
	return func(in, out []*tensor.Tensor) error {
		parts := fixed
		if dynamic {
			parts = in[1].I64
		}
		return splitTo(in[0], out, axis, parts, fixed != nil || dynamic)
	}
}

func splitTo(in *tensor.Tensor, out []*tensor.Tensor, axis64 int64, parts []int64, given bool) error {
	axis, err := axisOf(axis64, len(in.Shape))
	if err != nil {
		return err
	}
	outer, along, inner := split3(in.Shape, axis)
	if given && len(parts) != len(out) {
		return fmt.Errorf("%d parts for %d outputs", len(parts), len(out))
	}
	size := (along + len(out) - 1) / len(out) // equal parts, the last may be smaller
	at := 0
	var shape [modelfile.MaxRank]int
	rank := copy(shape[:], in.Shape)
	for i, t := range out {
		n := min(size, along-at)
		if given {
			n = int(min(max(parts[i], -1), int64(along)+1))
		}
		if n < 0 || at+n > along {
			return fmt.Errorf("parts %v of a dimension of %d", parts, along)
		}
		shape[axis] = n
		t.Resize(in.Type, shape[:rank]...)
		for o := range outer {
			copyElements(t, o*n*inner, in, (o*along+at)*inner, n*inner)
		}
		at += n
	}
	if at != along {
		return fmt.Errorf("parts %v of a dimension of %d", parts, along)
	}
	return nil
}
