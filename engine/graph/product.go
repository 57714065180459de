package graph

import "online-inference/engine/tensor"

// endsIn offers a product with a constant matrix for fusing, as the linear
// operators are.
func (b *build) endsIn(g general) {
	w := b.in[1].constant
	if w == nil || len(w.Shape) != 2 || w.Len() == 0 || w.Len() > maxTraced || g.flipA || !b.typ(0).IsFloat() {
		return
	}
	columns, outputs := w.Shape[0], w.Shape[1]
	if g.flipB {
		columns, outputs = outputs, columns
	}
	var c *tensor.Tensor
	if g.hasC {
		if c = b.in[2].constant; c == nil || c.Len() != 1 && c.Len() != outputs || len(c.Shape) > 2 || c.Len() > 1 && c.Shape[len(c.Shape)-1] != outputs {
			return
		}
	}
	a := &affine{outputs: outputs, columns: columns, offsets: make([]float64, outputs), weights: make([]float64, 0, w.Len())}
	for k := range outputs {
		for i := range columns {
			at := i*outputs + k
			if g.flipB {
				at = k*columns + i
			}
			a.weights = append(a.weights, numberAt(w, at))
		}
	}
	typ := b.typ(0)
	b.compiler.ends[b] = &linear{
		affine: a, room: outputs,
		resize: func(out []*tensor.Tensor, rows int) { out[0].Resize(typ, rows, outputs) },
		finish: func(out []*tensor.Tensor, r int, sums []float64) {
			for k, s := range sums[:outputs] {
				s *= g.alpha
				if c != nil {
					s += g.beta * numberAt(c, k%c.Len())
				}
				if typ == tensor.Float32 {
					out[0].F32[r*outputs+k] = float32(s)
				} else {
					out[0].F64[r*outputs+k] = s
				}
			}
		},
	}
}
