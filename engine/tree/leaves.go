package tree

import (
	"math"
	"slices"
)

// leafForm says what the word of a leaf, its payload, is.
type leafForm uint8

const (
	leafFloat  leafForm = iota // the bits of what it adds to its tree's target: float32 in narrow nodes, float64 in wide ones
	leafValue                  // the place of that number in values
	leafVector                 // the place in values of a number for every target
	leafRecord                 // the place in records
)

// record is a leaf that is none of the simple forms.
type record struct {
	weights [2]int32 // first place in leaves.weights, and one past the last
	linear  int32    // 1 + a place in leaves.linears, 0 for none
}

// leaves is what the leaves of all trees add.
type leaves struct {
	form      leafForm
	aggregate Aggregate
	targets   int
	trees     float64
	values    []float64
	weights   []Weight
	linears   []Linear
	records   []record
}

// A census is what the leaves of all trees have in common.
type census struct {
	form           leafForm // at least
	count, weights int
	double         bool // a leaf adds a number that is no float32
}

// add takes in a leaf.
func (c *census) add(s *Spec, n *Node) {
	c.count++
	if n.Mode == Leaf {
		c.weights++
		if n.True != 0 {
			c.form = leafRecord
		}
		c.double = c.double || !single(n.Threshold)
		return
	}
	w := s.Weights[n.True:n.False]
	c.weights += len(w)
	switch {
	case repeats(w):
		c.form = leafRecord
	case len(w) != 1:
		c.form = max(c.form, leafVector)
	default:
		c.double = c.double || !single(w[0].Value)
	}
}

// newLeaves picks the form: the simplest that holds all leaves.
func newLeaves(s *Spec, g *grove) leaves {
	l := leaves{form: g.leaves.form, aggregate: s.Aggregate, targets: s.Targets, trees: float64(len(s.Roots) + len(s.Tables))}
	if s.Aggregate == Min || s.Aggregate == Max {
		l.form = leafRecord
	}
	for i := range g.stems {
		if g.stems[i].target < 0 {
			l.form = max(l.form, leafVector)
		}
	}
	if len(s.Tables) > 0 && s.Targets > 1 {
		l.form = max(l.form, leafVector)
	}
	// Zeros for targets that a leaf does not speak of cost memory and time.
	if l.form == leafVector && g.leaves.count*s.Targets > 2*g.leaves.weights+64 {
		l.form = leafRecord
	}
	if l.form == leafFloat && g.leaves.double {
		l.form = leafValue
	}
	if l.form == leafRecord {
		l.weights, l.linears = slices.Clone(s.Weights), s.Linears
	}
	return l
}

// repeats reports whether a target appears twice; in few or in order, as
// converters write them.
func repeats(w []Weight) bool {
	for i := 1; i < len(w); i++ {
		if w[i].Target <= w[i-1].Target {
			return true
		}
	}
	return false
}

// payload is the word of a leaf; its numbers are taken over.
func (l *leaves) payload(s *Spec, n *Node, wide bool) uint64 {
	var one [1]Weight
	w := s.weights(n, &one)
	switch l.form {
	case leafFloat:
		if wide {
			return math.Float64bits(w[0].Value)
		}
		return uint64(math.Float32bits(float32(w[0].Value)))
	case leafValue:
		if wide {
			return math.Float64bits(w[0].Value)
		}
		l.values = append(l.values, w[0].Value)
		return uint64(len(l.values) - 1)
	case leafVector:
		at := len(l.values)
		l.values = append(l.values, make([]float64, l.targets)...)
		for _, w := range w {
			l.values[at+int(w.Target)] = w.Value
		}
		return uint64(at)
	}
	r := record{weights: [2]int32{n.True, n.False}}
	if n.Mode == Leaf {
		l.weights = append(l.weights, one[0])
		r = record{weights: [2]int32{int32(len(l.weights)) - 1, int32(len(l.weights))}, linear: n.True}
	}
	l.records = append(l.records, r)
	return uint64(len(l.records) - 1)
}

// start is what a sum is before the first tree.
func (l *leaves) start() float64 {
	switch l.aggregate {
	case Min:
		return math.Inf(1)
	case Max:
		return math.Inf(-1)
	}
	return 0
}

// finish turns what the trees gave into sums.
func (l *leaves) finish(sums []float64) {
	for i := range sums {
		switch {
		case l.aggregate == Average:
			sums[i] /= l.trees
		case math.IsInf(sums[i], 0) && l.aggregate != Sum:
			sums[i] = 0 // no leaf spoke of this target
		}
	}
}

// addVector adds a leaf of the form leafVector.
func (l *leaves) addVector(at uint64, sums []float64) {
	v := l.values[at : at+uint64(len(sums))]
	for i := range sums {
		sums[i] += v[i]
	}
}

// addRecord takes in a leaf of the form leafRecord.
func addRecord[T Value](l *leaves, at uint64, row []T, sums []float64) {
	r := &l.records[at]
	for _, w := range l.weights[r.weights[0]:r.weights[1]] {
		if r.linear != 0 {
			w.Value = linear(&l.linears[r.linear-1], row, w.Value)
		}
		switch l.aggregate {
		case Min:
			sums[w.Target] = min(sums[w.Target], w.Value)
		case Max:
			sums[w.Target] = max(sums[w.Target], w.Value)
		default:
			sums[w.Target] += w.Value
		}
	}
}

// linear is a leaf's linear model, or the fallback where a value is missing.
func linear[T Value](l *Linear, row []T, fallback float64) float64 {
	sum := l.Const
	for i, f := range l.Features {
		v := float64(row[f])
		if v != v {
			return fallback
		}
		sum += l.Coefs[i] * v
	}
	return sum
}
