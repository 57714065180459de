package graph

import (
	"fmt"
	"slices"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// topK is the operator TopK: the largest or smallest elements along an axis and
// their positions; of equals the first comes first. Until opset 9 the number is
// an attribute.
func topK(b *build) kernel {
	k := int64(-1)
	if b.version < 10 {
		if !b.arity(1, 1) {
			return nil
		}
		if k = b.int("k", -1); k < 0 {
			return b.refuse("k %d", k)
		}
	} else if !b.arity(2, 2) || !b.oneOf(1, tensor.Int64) {
		return nil
	}
	axis, largest := b.int("axis", -1), true
	if b.version >= 11 {
		largest = b.int("largest", 1) != 0
		b.ignore("sorted") // sorted is one of the orders that unsorted allows
	}
	b.gives(0, b.typ(0))
	b.gives(1, tensor.Int64)
	b.scratch = 3 - min(2, len(b.out)) // the positions are needed even where nobody asks
	return numeric(b.typ(0), topKernel[float32](k, axis, largest), topKernel[float64](k, axis, largest),
		topKernel[int64](k, axis, largest), topKernel[int32](k, axis, largest), topKernel[uint8](k, axis, largest))
}

func topKernel[T number](fixed, axis64 int64, largest bool) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		axis, err := axisOf(axis64, len(in[0].Shape))
		if err != nil {
			return err
		}
		want := fixed
		if fixed < 0 {
			if in[1].Len() != 1 {
				return errScalar(in[1].Shape)
			}
			want = in[1].I64[0]
		}
		outer, along, inner := split3(in[0].Shape, axis)
		if want < 0 || want > int64(along) {
			return fmt.Errorf("%d of %d elements", want, along)
		}
		k := int(want)
		var shape [modelfile.MaxRank]int
		rank := copy(shape[:], in[0].Shape)
		shape[axis] = k
		out[0].Resize(typ, shape[:rank]...)
		out[1].Resize(tensor.Int64, shape[:rank]...)
		scratch := out[len(out)-1]
		src, values, positions := data[T](in[0]), data[T](out[0]), out[1].I64
		for o := range outer {
			for i := range inner {
				at := func(p int64) T { return src[(o*along+int(p))*inner+i] }
				for r, p := range first(scratch, along, k, func(p, q int64) bool { return ahead(at(p), at(q), p, q, largest) }) {
					to := (o*k+r)*inner + i
					values[to], positions[to] = at(p), p
				}
			}
		}
		return nil
	}
}

// ahead orders two elements; NaN counts as the largest number.
func ahead[T number](x, y T, p, q int64, largest bool) bool {
	xNaN, yNaN := x != x, y != y
	switch {
	case xNaN != yNaN:
		return xNaN == largest
	case xNaN || x == y:
		return p < q
	}
	return (x > y) == largest
}

// sortAbove is the number of wanted elements above which sorting all beats
// inserting into the list of the best.
const sortAbove = 32

// first gives the k positions below n that come first in an order.
func first(scratch *tensor.Tensor, n, k int, before func(p, q int64) bool) []int64 {
	if k > sortAbove {
		scratch.Resize(tensor.Int64, n)
		for p := range scratch.I64 {
			scratch.I64[p] = int64(p)
		}
		slices.SortFunc(scratch.I64, func(p, q int64) int {
			if before(p, q) {
				return -1
			}
			if p == q {
				return 0
			}
			return 1
		})
		return scratch.I64[:k]
	}
	scratch.Resize(tensor.Int64, k)
	best := scratch.I64[:0]
	for p := range int64(n) {
		r := len(best)
		for r > 0 && before(p, best[r-1]) {
			r--
		}
		if r == k {
			continue
		}
		if len(best) < k {
			best = best[:len(best)+1]
		}
		copy(best[r+1:], best[r:])
		best[r] = p
	}
	return best
}
