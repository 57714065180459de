package graph

import (
	"fmt"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

func gather(b *build) kernel {
	if !b.arity(2, 2) || !b.oneOf(1, tensor.Int64, tensor.Int32) {
		return nil
	}
	axis := b.int("axis", 0)
	b.gives(0, b.typ(0))
	return moves(b.typ(0), gatherKernel[float32](axis), gatherKernel[float64](axis), gatherKernel[int64](axis),
		gatherKernel[int32](axis), gatherKernel[uint8](axis), gatherKernel[bool](axis), gatherKernel[string](axis))
}

func gatherKernel[T element](axis64 int64) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		from, idx := in[0], in[1]
		axis, err := axisOf(axis64, len(from.Shape))
		if err != nil {
			return err
		}
		var shape [2 * modelfile.MaxRank]int
		n := copy(shape[:], from.Shape[:axis])
		n += copy(shape[n:], idx.Shape)
		n += copy(shape[n:], from.Shape[axis+1:])
		if n > modelfile.MaxRank {
			return fmt.Errorf("a result of %d dimensions", n)
		}
		if err := create(out[0], typ, shape[:n]...); err != nil {
			return err
		}
		outer, along, inner := split3(from.Shape, axis)
		src, to := data[T](from), data[T](out[0])
		at := 0
		for o := range outer {
			for k := range idx.Len() {
				i := indexAt(idx, k)
				if i < 0 {
					i += along
				}
				if i < 0 || i >= along {
					return fmt.Errorf("index %d of %d", i, along)
				}
				base := (o*along + i) * inner
				at += copy(to[at:at+inner], src[base:base+inner])
			}
		}
		return nil
	}
}

// indexAt reads an index of either integer type.
func indexAt(t *tensor.Tensor, k int) int {
	if t.Type == tensor.Int32 {
		return int(t.I32[k])
	}
	return int(t.I64[k])
}

// gatherElements is the operator GatherElements: each element of the result has
// its own index along the axis.
func gatherElements(b *build) kernel {
	if !b.arity(2, 2) || !b.oneOf(1, tensor.Int64, tensor.Int32) {
		return nil
	}
	axis := b.int("axis", 0)
	b.gives(0, b.typ(0))
	return moves(b.typ(0), elementsKernel[float32](axis), elementsKernel[float64](axis), elementsKernel[int64](axis),
		elementsKernel[int32](axis), elementsKernel[uint8](axis), elementsKernel[bool](axis), elementsKernel[string](axis))
}

func elementsKernel[T element](axis64 int64) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		from, idx := in[0], in[1]
		rank := len(from.Shape)
		axis, err := axisOf(axis64, rank)
		if err != nil {
			return err
		}
		if len(idx.Shape) != rank {
			return fmt.Errorf("shapes %v and %v", from.Shape, idx.Shape)
		}
		for d, n := range idx.Shape {
			if d != axis && n > from.Shape[d] {
				return fmt.Errorf("shapes %v and %v", from.Shape, idx.Shape)
			}
		}
		var strides [modelfile.MaxRank]int
		contiguous(from.Shape, strides[:])
		step, along := strides[axis], from.Shape[axis]
		strides[axis] = 0
		resizeLike(out[0], typ, idx)
		src, to := data[T](from), data[T](out[0])
		var at odometer
		for k := range to {
			i := indexAt(idx, k)
			if i < 0 {
				i += along
			}
			if i < 0 || i >= along {
				return fmt.Errorf("index %d of %d", i, along)
			}
			to[k] = src[at.offset+i*step]
			at.next(idx.Shape, strides[:rank])
		}
		return nil
	}
}
