package graph

import (
	"fmt"
	"slices"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

func reshape(b *build) kernel {
	b.gives(0, b.typ(0))
	b.follows(0)
	if b.version < 5 {
		if !b.arity(1, 1) {
			return nil
		}
		b.ignore("consumed_inputs")
		return reshapeKernel(b.ints("shape"), false)
	}
	zeros := b.int("allowzero", 0) != 0
	if !b.arity(2, 2) || !b.oneOf(1, tensor.Int64) {
		return nil
	}
	var fixed []int64
	if c := b.in[1].constant; c != nil {
		fixed = c.I64
	}
	return reshapeKernel(fixed, zeros)
}

// reshapeKernel reshapes to a fixed shape, or to that in input 1 where fixed is nil.
func reshapeKernel(fixed []int64, zeros bool) kernel {
	return func(in, out []*tensor.Tensor) error {
		want := fixed
		if want == nil && len(in) > 1 {
			want = in[1].I64
		}
		var dims [modelfile.MaxRank]int
		n, err := resolve(dims[:], want, in[0], zeros)
		if err != nil {
			return err
		}
		reshaped(out[0], in[0], dims[:n])
		return nil
	}
}

// resolve works out a shape in which 0 keeps a dimension and one -1 takes what is left.
func resolve(dims []int, want []int64, in *tensor.Tensor, zeros bool) (int, error) {
	if len(want) > len(dims) {
		return 0, fmt.Errorf("a shape of %d dimensions", len(want))
	}
	total, known, open := in.Len(), 1, -1
	for i, d := range want {
		switch {
		case d == -1 && open < 0:
			open, dims[i] = i, 1
			continue
		case d == 0 && !zeros:
			if i >= len(in.Shape) {
				return 0, fmt.Errorf("shape %v keeps dimension %d of %v", want, i, in.Shape)
			}
			dims[i] = in.Shape[i]
		case d < 0 || d > modelfile.MaxColumns<<8:
			return 0, fmt.Errorf("shape %v", want)
		default:
			dims[i] = int(d)
		}
		known *= dims[i]
	}
	if open >= 0 {
		switch {
		case known > 0:
			dims[open] = total / known
			known *= dims[open]
		case total == 0: // of a batch without rows: what the rows would have
			dims[open] = volume(in.Shape) / volume(dims[:len(want)])
		}
	}
	if known != total {
		if total == 0 && !zeros && slices.Contains(want, 0) {
			return resolve(dims, want, in, true) // a 0 that was computed counts the rows
		}
		return 0, fmt.Errorf("%d elements do not fit shape %v", total, want)
	}
	if volume(dims[:len(want)]) > modelfile.MaxStep {
		return 0, fmt.Errorf("shape %v", want)
	}
	return len(want), nil
}

// reshaped copies a tensor to a shape of as many elements.
func reshaped(out, in *tensor.Tensor, shape []int) {
	out.Resize(in.Type, shape...)
	copyElements(out, 0, in, 0, in.Len())
}

// flatten is the operator Flatten: the dimensions before the axis become the
// rows, the others the columns.
func flatten(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	axis := b.int("axis", 1)
	b.gives(0, b.typ(0))
	b.follows(0)
	return func(in, out []*tensor.Tensor) error {
		a, rank := int(axis), len(in[0].Shape)
		if a < 0 {
			a += rank
		}
		if a < 0 || a > rank {
			return fmt.Errorf("axis %d of a tensor of %d dimensions", axis, rank)
		}
		shape := [2]int{1, 1}
		for d, n := range in[0].Shape {
			if d < a {
				shape[0] *= n
			} else {
				shape[1] *= n
			}
		}
		reshaped(out[0], in[0], shape[:])
		return nil
	}
}

// axesOf reads axes that are an attribute before a version and an input from it on.
func (b *build) axesOf(since int64, least int) (fixed []int64, dynamic bool) {
	if b.version < since {
		b.arity(1, 1)
		return b.ints("axes"), false
	}
	if !b.arity(least, 2) {
		return nil, false
	}
	if b.input(1) != nil {
		return nil, b.oneOf(1, tensor.Int64)
	}
	return nil, false
}

// squeeze is the operator Squeeze: dimensions of 1 are dropped, all or the given.
func squeeze(b *build) kernel {
	axes, dynamic := b.axesOf(13, 1)
	b.gives(0, b.typ(0))
	b.follows(0)
	return func(in, out []*tensor.Tensor) error {
		axes := axes
		if dynamic {
			axes = in[1].I64
		}
		var drop [modelfile.MaxRank]bool
		for _, a := range axes {
			axis, err := axisOf(a, len(in[0].Shape))
			if err != nil {
				return err
			}
			if in[0].Shape[axis] != 1 {
				return fmt.Errorf("dimension %d of shape %v is not 1", axis, in[0].Shape)
			}
			drop[axis] = true
		}
		var shape [modelfile.MaxRank]int
		rank := 0
		for d, n := range in[0].Shape {
			if !drop[d] && (len(axes) > 0 || n != 1) {
				shape[rank] = n
				rank++
			}
		}
		reshaped(out[0], in[0], shape[:rank])
		return nil
	}
}

// unsqueeze is the operator Unsqueeze: dimensions of 1 are put in at places
// counted in the result.
func unsqueeze(b *build) kernel {
	axes, dynamic := b.axesOf(13, 2)
	b.gives(0, b.typ(0))
	b.follows(0)
	return func(in, out []*tensor.Tensor) error {
		axes := axes
		if dynamic {
			axes = in[1].I64
		}
		rank := len(in[0].Shape) + len(axes)
		if rank > modelfile.MaxRank {
			return fmt.Errorf("a result of %d dimensions", rank)
		}
		var shape [modelfile.MaxRank]int
		for _, a := range axes {
			axis, err := axisOf(a, rank)
			if err != nil {
				return err
			}
			if shape[axis] == 1 {
				return fmt.Errorf("axis %d twice", axis)
			}
			shape[axis] = 1
		}
		d := 0
		for k := range rank {
			if shape[k] == 0 {
				shape[k] = in[0].Shape[d]
				d++
			}
		}
		reshaped(out[0], in[0], shape[:rank])
		return nil
	}
}
