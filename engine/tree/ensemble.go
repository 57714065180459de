package tree

import (
	"math"
	"unsafe"
)

// An Ensemble is a checked Spec, ready to score. It is immutable and safe for
// concurrent use.
type Ensemble struct {
	spec Spec
	// single is set where every leaf has one weight and there is one target,
	// the shape of boosted binary classifiers and of regressors.
	single bool
	fast   *layout // nil where the ensemble has something that it cannot express
}

// New checks a description and takes it over: the caller must not change it
// afterwards.
func New(s Spec) (*Ensemble, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	e := &Ensemble{spec: s, single: s.Targets == 1 && s.Aggregate == Sum}
	for _, n := range s.Nodes {
		if n.Mode == Leaf && (n.Weights[1]-n.Weights[0] != 1 || n.Linear != 0) {
			e.single = false
		}
	}
	e.fast = newLayout(&s)
	return e, nil
}

// Trees is the number of trees.
func (e *Ensemble) Trees() int { return len(e.spec.Roots) }

// Nodes is the number of nodes of all trees.
func (e *Ensemble) Nodes() int { return len(e.spec.Nodes) }

// Targets is the number of sums that the trees add up to.
func (e *Ensemble) Targets() int { return e.spec.Targets }

// Features is the number of columns of a row.
func (e *Ensemble) Features() int { return e.spec.Features }

// Value is a type in which rows are compared with thresholds.
type Value interface{ float32 | float64 }

// Score adds up the trees for each row of x, row-major with stride features,
// into out, row-major with one float64 a target. Sums are made in float64 in
// the order of the trees, base values last.
func Score[T Value](e *Ensemble, x []T, out []float64) {
	s := &e.spec
	if rows, ok := single(x); ok && e.fast != nil {
		clear(out)
		e.fast.score(rows, out)
		for i := range out {
			if len(s.Base) > 0 {
				out[i] += s.Base[i%s.Targets]
			}
		}
		return
	}
	scoreGeneral(e, x, out)
}

// single gives rows as float32 where that is what they are, without the
// allocation that asking an interface costs.
func single[T Value](x []T) ([]float32, bool) {
	if unsafe.Sizeof(*new(T)) != 4 {
		return nil, false
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(x))), len(x)), true
}

// scoreGeneral is Score for every ensemble, and the truth for the fast form.
func scoreGeneral[T Value](e *Ensemble, x []T, out []float64) {
	s := &e.spec
	rows := len(out) / s.Targets
	for r := range rows {
		row := x[r*s.Features : (r+1)*s.Features]
		sums := out[r*s.Targets : (r+1)*s.Targets]
		if e.single {
			sums[0] = scoreSingle(s, row)
		} else {
			scoreRow(s, row, sums)
		}
		for i, b := range s.Base {
			sums[i] += b
		}
	}
}

func scoreSingle[T Value](s *Spec, row []T) float64 {
	sum := 0.0
	for _, root := range s.Roots {
		n := walk(s, root, row)
		sum += s.Weights[n.Weights[0]].Value
	}
	return sum
}

func scoreRow[T Value](s *Spec, row []T, sums []float64) {
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
		for _, w := range s.Weights[n.Weights[0]:n.Weights[1]] {
			if n.Linear != 0 {
				w.Value = linear(&s.Linears[n.Linear-1], row, w.Value)
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
		if n.Mode == Leaf {
			return n
		}
		if holds(s, n, row[n.Feature]) {
			at = n.True
		} else {
			at = n.False
		}
	}
}

// nearZero is LightGBM's kZeroThreshold, a double that was written as a float.
const nearZero = float64(float32(1e-35))

// holds is the test of a node. Values are compared in their own type: ONNX
// writes float thresholds, which a double row sees widened.
func holds[T Value](s *Spec, n *Node, v T) bool {
	switch {
	case v != v && n.Missing == MissNone:
		v = 0
	case v != v && n.Mode == NEQ:
		return true // NaN differs from everything
	case v != v || n.Missing == MissZero && -T(nearZero) <= v && v <= T(nearZero):
		return n.MissTrue
	}
	t := T(n.Threshold)
	switch n.Mode {
	case LEQ:
		return v <= t
	case LT:
		return v < t
	case GTE:
		return v >= t
	case GT:
		return v > t
	case EQ:
		return v == t
	case NEQ:
		return v != t
	case InTrunc:
		return v > -1 && member(s.Bits[n.Set[0]:n.Set[1]], max(v, 0))
	default:
		return member(s.Bits[n.Set[0]:n.Set[1]], v)
	}
}

// member reports whether a category is in a set. Numbers that are no category
// (negative, or beyond the set) are in none.
func member[T Value](set []uint32, v T) bool {
	if v < 0 || v >= T(32*len(set)) {
		return false
	}
	c := uint32(v)
	return set[c/32]>>(c%32)&1 != 0
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
