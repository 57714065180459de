package graph

import (
	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// A cost is what an operator will take, told by its inputs before it runs.
type cost struct {
	made int // words of 4 bytes in the tensors that it gives, its memory included; never too few
	work int // additions, comparisons, moved elements: about a nanosecond each
}

// pricing tells the cost of an operator on its inputs.
type pricing func(in []*tensor.Tensor) cost

// endless stands for every number beyond what is ever allowed; adding some of
// them does not overflow.
const endless = 1 << 48

// times multiplies counts, up to endless.
func times(factors ...int) int {
	n := 1
	for _, f := range factors {
		switch {
		case f <= 0:
			return 0
		case (n | f) < 1<<24: // no division, as is usual
			n *= f
		case n > endless/f:
			n = endless
		default:
			n *= f
		}
	}
	return n
}

// volume is the number of elements of a shape in which a dimension of 0 counts
// as 1: folding that dimension leaves so many.
func volume(shape []int) int {
	n := 1
	for _, d := range shape {
		if d = max(d, 1); n|d < 1<<24 { // as is usual: their product is below endless
			n *= d
		} else {
			n = times(n, d)
		}
	}
	return n
}

// wordsOf is the size of an element in words of 4 bytes.
func wordsOf(t tensor.Type) int {
	switch t {
	case tensor.Float64, tensor.Int64:
		return 2
	case tensor.String:
		return 4
	}
	return 1
}

// A meter adds up what operators cost, against what they may.
type meter struct {
	used, most cost
	load       bool // the file is being loaded, where the limits are those of a load
}

// stepWork is what running an operator costs beside what it computes.
const stepWork = 16

// charge takes the price of an operator, before it runs.
func (m *meter) charge(c cost) error {
	return m.add(cost{min(c.made, endless), min(c.work, endless) + stepWork})
}

// add is charge for what is within endless and needs nothing added.
func (m *meter) add(c cost) error {
	m.used.made += c.made
	m.used.work += c.work
	if m.used.made <= m.most.made && m.used.work <= m.most.work {
		return nil
	}
	return m.exceeded()
}

// exceeded says which bound was crossed.
func (m *meter) exceeded() error {
	m.used.made, m.used.work = min(m.used.made, endless), min(m.used.work, endless)
	switch {
	case m.load && m.used.made > m.most.made:
		return modelfile.Exceeds("a few rows and the constants need more than %d words in all", modelfile.MaxProbe)
	case m.load:
		return modelfile.Exceeds("loading it takes more than %d steps of arithmetic in all", modelfile.MaxWork)
	case m.used.made > m.most.made:
		return modelfile.Exceeds("more than the %d words that the rows may take", m.most.made)
	}
	return modelfile.Exceeds("more than the %d steps of arithmetic that the rows may take", m.most.work)
}

// foresee refuses work that would go beyond what is allowed.
func (m *meter) foresee(work int) error {
	then := *m
	return then.charge(cost{work: work})
}

// A tariff is what the batches tried at load foretell of all others.
type tariff struct{ base, row cost }

// most is what a batch may cost: twice what is foretold, and a floor.
func (t *tariff) most(rows int) cost {
	rows = min(rows, 1<<30) // a row costs less than MaxWork and MaxProbe: no product overflows
	return cost{
		made: modelfile.MaxGrowth + 2*t.base.made + 2*t.row.made*rows,
		work: modelfile.MaxExtra + 2*t.base.work + 2*t.row.work*rows,
	}
}

// loading is a meter of what a load may cost in all.
func loading() *meter {
	return &meter{most: cost{modelfile.MaxProbe, modelfile.MaxWork}, load: true}
}
