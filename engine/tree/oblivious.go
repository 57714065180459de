package tree

import (
	"math/bits"
	"slices"
	"unsafe"

	"online-inference/engine/modelfile"
)

// oblivious are trees that ask the same question of all nodes of a level, as
// CatBoost grows them: the answers, first level first, are the bits of the
// leaf's number, so that nothing is walked.
type oblivious struct {
	trees    []table
	levels   []uint64 // as narrow nodes without delta
	values   []float64
	mirrored bool // values are the second target's, and the first one's are their negatives
	bins     bins
}

// table is one tree.
type table struct {
	first, levels uint32 // place and number of its levels
	values        uint32 // place of its leaves' values: one each, or one for every target
	target        int32
}

// add takes in a tree if it is oblivious and none of its nodes has several
// parents.
func (o *oblivious) add(s *Spec, g *grove, c *chart, m stem, width int) bool {
	height := m.height
	if height < 1 || height > modelfile.MaxLevels {
		return false
	}
	t := table{first: uint32(len(o.levels)), levels: uint32(height), values: uint32(len(o.values)), target: max(0, m.target)}
	level := []int32{m.root}
	for range height {
		first := s.Nodes[level[0]]
		if first.Ends() {
			break
		}
		want := newTest(&first, false)
		next := make([]int32, 0, 2*len(level))
		for _, k := range level {
			n := s.Nodes[k]
			if n.Ends() || g.marks != nil && g.marks[k].refs != 1 || n.Feature != first.Feature {
				o.levels = o.levels[:t.first]
				return false
			}
			have := newTest(&n, false)
			if have.kind != want.kind || have.threshold != want.threshold {
				o.levels = o.levels[:t.first]
				return false
			}
			next = append(next, have.no, have.yes)
		}
		o.levels = append(o.levels, want.threshold<<32|uint64(8*c.column(want.kind, first.Feature)))
		level = next
	}
	var one [1]Weight
	for _, k := range level {
		n := &s.Nodes[k]
		if !n.Ends() {
			o.levels, o.values = o.levels[:t.first], o.values[:t.values]
			return false
		}
		at := len(o.values)
		for range width {
			o.values = append(o.values, 0)
		}
		for _, w := range s.weights(n, &one) {
			if width == 1 {
				o.values[at] = w.Value
			} else {
				o.values[at+int(w.Target)] = w.Value
			}
		}
	}
	o.trees = append(o.trees, t)
	return true
}

// finish makes bins when all trees are there, which test columns of c and have
// leaves of so many values.
func (o *oblivious) finish(c *columns, width int) {
	if o.mirrored = width == 2 && mirrors(o.values); o.mirrored {
		for i := range len(o.values) / 2 {
			o.values[i] = o.values[2*i+1]
		}
		o.values = o.values[:len(o.values)/2]
		for i := range o.trees {
			o.trees[i].values /= 2
		}
	}
	o.trees, o.levels, o.values = trimmed(o.trees), trimmed(o.levels), trimmed(o.values)
	o.bins = newBins(o.levels, c)
}

// trimmed is a slice without much room behind it.
func trimmed[S ~[]E, E any](s S) S {
	if cap(s)-len(s) > len(s)/16 {
		return slices.Clone(s)
	}
	return s
}

// mirrors reports whether the first of each two values is the second one's
// negative, as CatBoost's converter writes the leaves of two classes. Sums from
// 0 on are each other's negatives then, because rounding is the same on both
// sides of zero.
func mirrors(values []float64) bool {
	for i := 0; i < len(values); i += 2 {
		if values[i] != -values[i+1] {
			return false
		}
	}
	return len(values) > 0
}

// leaf is the number of a row's leaf.
func (o *oblivious) leaf(t *table, keys unsafe.Pointer) uint64 {
	k := uint64(0)
	for _, n := range o.levels[t.first : t.first+t.levels] {
		_, yes := bits.Sub64(*(*uint64)(unsafe.Add(keys, n&0xffff)), n, 0)
		k, _ = bits.Add64(k, k, yes)
	}
	return k
}

// obliviousRow adds the oblivious trees of one row, before any others.
func (e *Ensemble) obliviousRow(keys unsafe.Pointer, sums []float64) {
	o := &e.oblivious
	if len(sums) == 1 || o.mirrored {
		s := 0.0
		for i := range o.trees {
			t := &o.trees[i]
			s += o.values[uint64(t.values)+o.leaf(t, keys)]
		}
		o.give(s, sums)
		return
	}
	for i := range o.trees {
		t := &o.trees[i]
		if leaf := int(o.leaf(t, keys)); e.leaves.form != leafVector {
			sums[t.target] += o.values[int(t.values)+leaf]
		} else {
			for j, v := range o.values[int(t.values)+leaf*len(sums):][:len(sums)] {
				sums[j] += v
			}
		}
	}
}

// give turns the only sum that the oblivious trees make for a row into that of
// each target. A sum is never -0, because it begins as 0.
func (o *oblivious) give(s float64, sums []float64) {
	if o.mirrored {
		sums[0] = 0 - s
	}
	sums[len(sums)-1] = s
}
