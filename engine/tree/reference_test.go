package tree

import "math"

// reference scores as Score does, by the plainest walk over the description:
// the truth for the layouts and the kernels. Sums may differ in their last
// bits, because it adds in the order of the trees.
func reference[T Value](s *Spec, x []T, out []float64) {
	for r := range len(out) / s.Targets {
		row := x[r*s.Features : (r+1)*s.Features]
		sums := out[r*s.Targets : (r+1)*s.Targets]
		referenceRow(s, row, sums)
		for i, b := range s.Base {
			sums[i] += b
		}
	}
}

func referenceRow[T Value](s *Spec, row []T, sums []float64) {
	start := 0.0
	switch s.Aggregate {
	case Min:
		start = math.Inf(1)
	case Max:
		start = math.Inf(-1)
	}
	for i := range sums {
		sums[i] = start
	}
	for _, root := range s.Roots {
		n := walk(s, root, row)
		var one [1]Weight
		for _, w := range s.weights(n, &one) {
			if n.Mode == Leaf && n.True != 0 {
				w.Value = linear(&s.Linears[n.True-1], row, w.Value)
			}
			switch s.Aggregate {
			case Min:
				sums[w.Target] = min(sums[w.Target], w.Value)
			case Max:
				sums[w.Target] = max(sums[w.Target], w.Value)
			default:
				sums[w.Target] += w.Value
			}
		}
	}
	for i := range sums {
		switch {
		case s.Aggregate == Average:
			sums[i] /= float64(len(s.Roots))
		case math.IsInf(sums[i], 0) && s.Aggregate != Sum:
			sums[i] = 0 // no leaf spoke of this target
		}
	}
}

// walk follows one row down one tree to its leaf.
func walk[T Value](s *Spec, at int32, row []T) *Node {
	for {
		n := &s.Nodes[at]
		if n.Ends() {
			return n
		}
		if holds(s, n, float64(row[n.Feature])) {
			at = n.True
		} else {
			at = n.False
		}
	}
}

// holds is the test of a node.
func holds(s *Spec, n *Node, v float64) bool {
	switch {
	case v != v && n.Missing == MissNone:
		v = 0
	case v != v && n.Missing == MissNaN && n.Mode == NEQ:
		return true // NaN differs from everything
	case v != v || n.Missing == MissZero && -nearZero <= v && v <= nearZero:
		return n.MissTrue
	}
	switch n.Mode {
	case LEQ:
		return v <= n.Threshold
	case LT:
		return v < n.Threshold
	case GTE:
		return v >= n.Threshold
	case GT:
		return v > n.Threshold
	case EQ:
		return v == n.Threshold
	case NEQ:
		return v != n.Threshold
	case InTrunc:
		return v > -1 && member(s.set(n), max(v, 0))
	default:
		return member(s.set(n), v)
	}
}

func (s *Spec) set(n *Node) []uint32 {
	set := s.Sets[int(n.Threshold)]
	return s.Bits[set[0]:set[1]]
}

// member reports whether a category is in a set. Numbers that are no category
// (negative, or beyond the set) are in none.
func member(set []uint32, v float64) bool {
	if v < 0 || v >= float64(32*len(set)) {
		return false
	}
	c := uint32(v)
	return set[c/32]>>(c%32)&1 != 0
}
