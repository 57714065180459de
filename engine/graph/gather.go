package graph

import (
	"errors"
	"fmt"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

func gather(b *build) kernel {
	if !b.arity(2, 2) || !b.oneOf(1, tensor.Int64, tensor.Int32) {
		return nil
	}
	axis, given := b.int("axis", 0), b.in[1].constant == nil
	b.gives(0, b.typ(0))
	return moves(b.typ(0), gatherKernel[float32](axis, given), gatherKernel[float64](axis, given), gatherKernel[int64](axis, given),
		gatherKernel[int32](axis, given), gatherKernel[uint8](axis, given), gatherKernel[bool](axis, given), gatherKernel[string](axis, given))
}

func gatherKernel[T element](axis64 int64, given bool) kernel {
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
		indexes, at := idx.Len(), 0
		if indexes == 1 && inner == 1 && outer > 0 {
			i := indexAt(idx, 0)
			if i < 0 {
				i += along
			}
			if i < 0 || i >= along {
				return beyond(given, idx, 0, along)
			}
			for o := range to { // one column of a matrix, as column transformers take it
				to[o] = src[o*along+i]
			}
			return nil
		}
		for o := range outer {
			for k := range indexes {
				i := indexAt(idx, k)
				if i < 0 {
					i += along
				}
				if i < 0 || i >= along {
					return beyond(given, idx, k, along)
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

// beyond is the error of an index outside its dimension: where the indexes are
// no constants, the values of a row are to blame, such as a category code that
// a table has no line for.
func beyond(given bool, idx *tensor.Tensor, k, along int) error {
	reason := fmt.Sprintf("index %d of %d", indexAt(idx, k), along)
	if !given {
		return errors.New(reason)
	}
	return &modelfile.ValueError{Row: k / max(1, idx.Width()), Reason: reason}
}

// gatherElements is the operator GatherElements: each element of the result has
// its own index along the axis.
func gatherElements(b *build) kernel {
	if !b.arity(2, 2) || !b.oneOf(1, tensor.Int64, tensor.Int32) {
		return nil
	}
	axis, given := b.int("axis", 0), b.in[1].constant == nil
	b.gives(0, b.typ(0))
	return moves(b.typ(0), elementsKernel[float32](axis, given), elementsKernel[float64](axis, given), elementsKernel[int64](axis, given),
		elementsKernel[int32](axis, given), elementsKernel[uint8](axis, given), elementsKernel[bool](axis, given), elementsKernel[string](axis, given))
}

func elementsKernel[T element](axis64 int64, given bool) kernel {
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
				return beyond(given, idx, k, along)
			}
			to[k] = src[at.offset+i*step]
			at.next(idx.Shape, strides[:rank])
		}
		return nil
	}
}
