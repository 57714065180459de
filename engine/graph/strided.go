package graph

import (
	"fmt"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// odometer counts through the elements of a strided shape. Its shape may have
// twice the dimensions of a tensor: Tile repeats each of them.
type odometer struct {
	index  [2 * modelfile.MaxRank]int
	offset int
}

func (o *odometer) next(dims, strides []int) {
	for d := len(dims) - 1; d >= 0; d-- {
		o.index[d]++
		o.offset += strides[d]
		if o.index[d] < dims[d] {
			return
		}
		o.offset -= strides[d] * dims[d]
		o.index[d] = 0
	}
}

// contiguous fills in the strides of a row-major shape.
func contiguous(shape, strides []int) {
	stride := 1
	for d := len(shape) - 1; d >= 0; d-- {
		strides[d] = stride
		stride *= shape[d]
	}
}

// strided fills a tensor that has its shape already with elements of another,
// read from an offset along the given strides.
func strided(out, in *tensor.Tensor, offset int, dims, strides []int) {
	switch in.Type {
	case tensor.Float32:
		stridedCopy(out.F32, in.F32, offset, dims, strides)
	case tensor.Float64:
		stridedCopy(out.F64, in.F64, offset, dims, strides)
	case tensor.Int64:
		stridedCopy(out.I64, in.I64, offset, dims, strides)
	case tensor.Int32:
		stridedCopy(out.I32, in.I32, offset, dims, strides)
	case tensor.Uint8:
		stridedCopy(out.U8, in.U8, offset, dims, strides)
	case tensor.Bool:
		stridedCopy(out.Bool, in.Bool, offset, dims, strides)
	default:
		stridedCopy(out.Str, in.Str, offset, dims, strides)
	}
}

func stridedCopy[T any](to, from []T, offset int, dims, strides []int) {
	if len(to) == 0 {
		return
	}
	n, step := 1, 1
	if last := len(dims) - 1; last >= 0 {
		n, step = dims[last], strides[last]
		dims, strides = dims[:last], strides[:last]
	}
	at := odometer{offset: offset}
	for len(to) > 0 {
		if step == 1 {
			copy(to[:n], from[at.offset:])
		} else {
			for i := range n {
				to[i] = from[at.offset+i*step]
			}
		}
		to = to[n:]
		at.next(dims, strides)
	}
}

// copyElements copies n elements between tensors of one type.
func copyElements(out *tensor.Tensor, to int, in *tensor.Tensor, from, n int) {
	switch in.Type {
	case tensor.Float32:
		copy(out.F32[to:to+n], in.F32[from:])
	case tensor.Float64:
		copy(out.F64[to:to+n], in.F64[from:])
	case tensor.Int64:
		copy(out.I64[to:to+n], in.I64[from:])
	case tensor.Int32:
		copy(out.I32[to:to+n], in.I32[from:])
	case tensor.Uint8:
		copy(out.U8[to:to+n], in.U8[from:])
	case tensor.Bool:
		copy(out.Bool[to:to+n], in.Bool[from:])
	default:
		copy(out.Str[to:to+n], in.Str[from:])
	}
}

// transpose is the operator Transpose: the dimensions in another order.
func transpose(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	perm := b.ints("perm")
	b.gives(0, b.typ(0))
	return transposed(perm)
}

// transposed reorders dimensions, backwards without a list.
func transposed(perm []int64) kernel {
	return func(in, out []*tensor.Tensor) error {
		rank := len(in[0].Shape)
		if perm != nil && len(perm) != rank {
			return fmt.Errorf("%d dimensions in perm for shape %v", len(perm), in[0].Shape)
		}
		var from, strides, dims [modelfile.MaxRank]int
		var seen [modelfile.MaxRank]bool
		contiguous(in[0].Shape, from[:])
		for d := range rank {
			p := rank - 1 - d
			if perm != nil {
				axis, err := axisOf(perm[d], rank)
				if err != nil {
					return err
				}
				p = axis
			}
			if seen[p] {
				return fmt.Errorf("dimension %d twice in perm", p)
			}
			seen[p] = true
			dims[d], strides[d] = in[0].Shape[p], from[p]
		}
		out[0].Resize(in[0].Type, dims[:rank]...)
		strided(out[0], in[0], 0, dims[:rank], strides[:rank])
		return nil
	}
}

// expand is the operator Expand: broadcasting to a shape.
func expand(b *build) kernel {
	if !b.arity(2, 2) || !b.oneOf(1, tensor.Int64) {
		return nil
	}
	b.gives(0, b.typ(0))
	return func(in, out []*tensor.Tensor) error {
		var shape [modelfile.MaxRank]int
		rank, err := dimensions(shape[:], in[1])
		if err != nil {
			return err
		}
		var w walk3
		if err := w.start(in[0].Shape, shape[:rank], nil); err != nil {
			return err
		}
		if err := create(out[0], in[0].Type, w.shape()...); err != nil {
			return err
		}
		strided(out[0], in[0], 0, w.shape(), w.strides[0][:w.rank])
		return nil
	}
}

// dimensions reads a shape from a tensor's elements.
func dimensions(shape []int, t *tensor.Tensor) (int, error) {
	if len(t.I64) > len(shape) || t.Len() > len(shape) {
		return 0, fmt.Errorf("a shape of %d dimensions", t.Len())
	}
	for d, n := range t.I64 {
		if n < 0 || n > modelfile.MaxStep {
			return 0, fmt.Errorf("a dimension of %d", n)
		}
		shape[d] = int(n)
	}
	return t.Len(), nil
}

// tile is the operator Tile: the tensor repeated along each dimension.
func tile(b *build) kernel {
	if !b.arity(2, 2) || !b.oneOf(1, tensor.Int64) {
		return nil
	}
	b.gives(0, b.typ(0))
	return func(in, out []*tensor.Tensor) error {
		rank := len(in[0].Shape)
		var repeats, shape, from [modelfile.MaxRank]int
		n, err := dimensions(repeats[:], in[1])
		if err != nil {
			return err
		}
		if n != rank {
			return fmt.Errorf("%d repeats for shape %v", n, in[0].Shape)
		}
		contiguous(in[0].Shape, from[:])
		var dims, strides [2 * modelfile.MaxRank]int
		for d, n := range in[0].Shape {
			shape[d] = n * repeats[d]
			dims[2*d], dims[2*d+1], strides[2*d+1] = repeats[d], n, from[d]
		}
		if err := create(out[0], in[0].Type, shape[:rank]...); err != nil {
			return err
		}
		strided(out[0], in[0], 0, dims[:2*rank], strides[:2*rank])
		return nil
	}
}
