package graph

import (
	"errors"
	"slices"

	"online-inference/engine/tensor"
)

// A linear is the end of a fused step: what the linear operator does.
type linear struct {
	affine *affine
	// resize gives the outputs their shapes; finish writes row r of them from
	// its sums, which have room for one number a class.
	resize func(out []*tensor.Tensor, rows int)
	finish func(out []*tensor.Tensor, r int, sums []float64)
	room   int
	logit  *chooser // of two classes by one exponential; nil for others
}

// errApart asks for the steps that a fused step stands for: a value that one of
// them refuses, or inputs of shapes that it was not made for.
var errApart = errors.New("a fused step leaves the batch to its parts")

// block is the number of rows whose sums are made together: they stay in the
// first cache beside what is read.
const block = 256

// manySums is the number of sums from which adding up column by column costs
// more than it saves, but for codes of many cells.
const manySums = 8

// linears fuses the linear operators with the steps that make their matrix out
// of the plan's inputs: scaling, imputing, one-hot codes and laying side by
// side. Nothing of it is stored: each column adds to the sums of a block of
// rows, in the order in which the operator adds, so that the bits are the same.
func (c *compiler) linears() {
	if len(c.ends) == 0 {
		return
	}
	t := c.newTrace()
	for i := range c.plan.steps {
		s := &c.plan.steps[i]
		b := c.builds[s.out[0]]
		if b == nil {
			continue
		}
		if end := c.ends[b]; end != nil {
			if cols := t.columns[s.in[0]]; cols != nil && len(t.shape(s.in[0])) == 2 {
				c.fuse(i, end, cols)
			}
			continue
		}
		t.step(s, b)
	}
	c.prune()
}

// fuse replaces a step by a fused one.
func (c *compiler) fuse(i int, end *linear, cols []column) {
	a := end.affine
	if len(cols) != a.columns || !finite(a.weights) || !finite(a.offsets) {
		return
	}
	f := &fused{linear: end, offsets: a.offsets}
	var weights [][]float64
	for k := range a.outputs {
		weights = append(weights, a.weights[k*a.columns:(k+1)*a.columns])
	}
	if a.outputs == 2 && mirrored(weights[0], weights[1]) && mirrored(a.offsets[:1], a.offsets[1:]) {
		f.mirror, weights, f.offsets = true, weights[1:], f.offsets[1:]
	}
	terms, ok := newTerms(cols, weights)
	if !ok {
		return
	}
	s := &c.plan.steps[i]
	var in []int
	for k := range terms {
		slot := terms[k].from.slot
		if !slices.Contains(in, slot) {
			in = append(in, slot)
			f.widths, f.types = append(f.widths, terms[k].from.width), append(f.types, terms[k].from.typ)
		}
		terms[k].arg = slices.Index(in, slot)
	}
	f.terms = terms
	parts := c.parts(i)
	if len(parts) == 1 || a.outputs > manySums && 4*len(terms) > len(cols) {
		return // nothing is saved
	}
	*s = step{label: s.label, run: f.run, in: in, out: append(slices.Clone(s.out), c.slot(nil), c.slot(nil)), parts: parts}
}

// mirrored tells whether one list is the other with the signs turned.
func mirrored(x, y []float64) bool {
	return slices.EqualFunc(x, y, func(v, w float64) bool { return v == -w })
}

// parts are the steps up to step i that its result needs.
func (c *compiler) parts(i int) []step {
	needed := map[int]bool{}
	for _, slot := range c.plan.steps[i].out {
		needed[slot] = true
	}
	var parts []step
	for _, s := range slices.Backward(c.plan.steps[:i+1]) {
		if !slices.ContainsFunc(s.out, func(slot int) bool { return needed[slot] }) {
			continue
		}
		for _, slot := range s.in {
			needed[slot] = true
		}
		parts = append(parts, s)
	}
	slices.Reverse(parts)
	return parts
}

// fused is a linear operator together with what makes its matrix. It is
// immutable; the last two outputs of its step are its memory.
type fused struct {
	*linear
	terms   []term
	offsets []float64
	mirror  bool // two sums of opposite signs, of which the second is made
	widths  []int
	types   []tensor.Type
}

func (f *fused) run(in, out []*tensor.Tensor) error {
	rows := in[0].Rows()
	for i, t := range in {
		if t.Type != f.types[i] || len(t.Shape) != 2 || t.Shape[0] != rows || t.Shape[1] != f.widths[i] || rows == 0 {
			return errApart
		}
	}
	n := len(out) - 2
	floats, ints := out[n], out[n+1]
	size, made := min(rows, block), len(f.offsets)
	floats.Resize(tensor.Float64, (made+1)*size+f.room)
	ints.Resize(tensor.Int64, size)
	sums, numbers, row := floats.F64[:made*size], floats.F64[made*size:(made+1)*size], floats.F64[(made+1)*size:]
	f.resize(out[:n], rows)
	for first := 0; first < rows; first += size {
		n := min(size, rows-first)
		for s, o := range f.offsets {
			sum := sums[s*size : s*size+n]
			for i := range sum {
				sum[i] = o
			}
		}
		for k := 0; k < len(f.terms); k++ {
			t := &f.terms[k]
			if n <= fewRows && t.lanes != nil {
				x, width := in[t.arg].F32, t.from.width
				for i := range n {
					sums[i] = t.side(x[(first+i)*width+t.from.at:], sums[i])
				}
				k += len(t.lanes) - 1
				continue
			}
			if !t.add(in[t.arg], first, size, sums, numbers[:n], ints.I64[:n]) {
				return errApart
			}
		}
		f.end(out, first, size, sums, row, n)
	}
	return nil
}

// end writes the outputs of n rows from their sums.
func (f *fused) end(out []*tensor.Tensor, first, size int, sums, row []float64, n int) {
	if f.logit != nil && (f.mirror || f.logit.pair == pairLogistic) {
		f.logit.pairs(out, first, sums[:n])
		return
	}
	for i := range n {
		for s := range f.offsets {
			row[s] = sums[s*size+i]
		}
		if f.mirror {
			row[0], row[1] = -row[0], row[0]
		}
		f.finish(out, first+i, row)
	}
}

// pairs is choose for two classes whose scores are -s and s under a sigmoid.
func (c *chooser) pairs(out []*tensor.Tensor, first int, sums []float64) {
	to := out[1].F32[2*first : 2*(first+len(sums))]
	for i, s := range sums {
		best := 0
		if c.pair == pairLogistic && s > 0 || c.pair == pairNone && float32(s) > 0 {
			best = 1
		}
		against, of := sigmoids(s)
		to[2*i], to[2*i+1] = float32(against), float32(of)
		putLabel(out[0], c.classes, first+i, best)
	}
}
