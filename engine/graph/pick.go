package graph

import (
	"fmt"
	"slices"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// arrayFeatureExtractor is the operator ArrayFeatureExtractor: it picks
// elements along the last dimension by index. With the class labels as the
// data and chosen positions as the index it ends most classifiers that are
// made of plain operators.
func arrayFeatureExtractor(b *build) kernel {
	if !b.arity(2, 2) || !b.oneOf(1, tensor.Int64) {
		return nil
	}
	b.gives(0, b.typ(0))
	if idx := b.in[1].constant; idx != nil && idx.Len() > 0 {
		b.picks(0, int(min(max(slices.Max(idx.I64), 0), modelfile.MaxColumns-1))+1)
	}
	if labels := b.in[0].constant; labels != nil && b.in[1].constant == nil {
		switch b.typ(0) {
		case tensor.Int64:
			b.means(0, RoleLabel, &Classes{Ints: labels.I64})
		case tensor.Int32:
			c := &Classes{}
			for _, v := range labels.I32 {
				c.Ints = append(c.Ints, int64(v))
			}
			b.means(0, RoleLabel, c)
		case tensor.String:
			b.means(0, RoleLabel, &Classes{Strings: labels.Str})
		}
	}
	p := &picker{given: b.in[1].constant == nil, wraps: b.in[1].selected}
	return moves(b.typ(0), pickKernel[float32](p), pickKernel[float64](p), pickKernel[int64](p),
		pickKernel[int32](p), pickKernel[uint8](p), pickKernel[bool](p), pickKernel[string](p))
}

// picker says what an index outside the last dimension means.
type picker struct {
	given bool // the rows give the index
	// wraps lets -1 stand for the last element, where a Where chose the index:
	// skl2onnx's neighbours within a radius put -1 for those beyond it, and
	// multiply with 0 what they pick.
	wraps bool
}

func pickKernel[T element](p *picker) kernel {
	return func(in, out []*tensor.Tensor) error { return pickElements[T](p, in, out) }
}

func pickElements[T element](p *picker, in, out []*tensor.Tensor) error {
	from, idx := in[0], in[1].I64
	if len(from.Shape) == 0 {
		return fmt.Errorf("a scalar has no last dimension")
	}
	last := from.Shape[len(from.Shape)-1]
	var shape [modelfile.MaxRank]int
	rank := copy(shape[:], from.Shape)
	shape[rank-1] = len(idx)
	if rank == 1 { // a vector counts as one row
		shape[0], shape[1], rank = 1, len(idx), 2
	}
	if err := grow(out[0], typeOf[T](), shape[:rank]...); err != nil {
		return err
	}
	for k, i := range idx {
		ending := i == -1 && p.wraps && last > 0
		if (i < 0 || i >= int64(last)) && !ending {
			return beyond(p.given, in[1], k, last)
		}
	}
	src, to := data[T](from), data[T](out[0])
	if last == 0 {
		return nil
	}
	for r := range len(src) / last {
		row := src[r*last : (r+1)*last]
		for k, i := range idx {
			if i < 0 {
				i = int64(last) - 1
			}
			to[r*len(idx)+k] = row[i]
		}
	}
	return nil
}

// zipMap is the operator ZipMap. Its list of maps says no more than the matrix
// it is made of and the names of the columns, so the matrix stands for it.
func zipMap(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	c := &Classes{}
	if b.has("classlabels_int64s") {
		c.Ints = b.ints("classlabels_int64s")
	} else if a := b.attr("classlabels_strings", onnx.AttrStrings); a != nil {
		c.Strings = a.Strings.All()
	}
	if c.Len() == 0 {
		return b.refuse("no class labels")
	}
	role := b.in[0].role
	if role == RoleOther {
		role = RoleProbabilities
	}
	b.gives(0, b.typ(0))
	b.means(0, role, c)
	return nil
}
