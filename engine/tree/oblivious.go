package tree

import (
	"math/bits"
	"unsafe"
)

// oblivious are trees that ask the same question of all nodes of a level, as
// CatBoost grows them: the answers, first level first, are the bits of the
// leaf's number, so that nothing is walked.
type oblivious struct {
	trees  []table
	levels []uint64 // as narrow nodes without delta
	values []float64
}

// table is one tree.
type table struct {
	first, levels uint32 // place and number of its levels
	values        uint32 // place of its leaves' values: one each, or one for every target
	target        int32
}

// maxLevels is the deepest oblivious tree that CatBoost allows.
const maxLevels = 16

// add takes in a tree if it is oblivious and none of its nodes has several
// parents.
func (o *oblivious) add(s *Spec, marks []mark, c *chart, root int32, width int) bool {
	height := marks[root].height
	if height < 1 || height > maxLevels {
		return false
	}
	t := table{first: uint32(len(o.levels)), levels: uint32(height), values: uint32(len(o.values)), target: max(0, marks[root].target)}
	level := []int32{root}
	for range height {
		first := s.Nodes[level[0]]
		if first.Mode == Leaf {
			break
		}
		want := newTest(&first, false)
		next := make([]int32, 0, 2*len(level))
		for _, k := range level {
			n := s.Nodes[k]
			if n.Mode == Leaf || marks[k].refs != 1 || n.Feature != first.Feature {
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
	for _, k := range level {
		n := &s.Nodes[k]
		if n.Mode != Leaf {
			o.levels, o.values = o.levels[:t.first], o.values[:t.values]
			return false
		}
		at := len(o.values)
		for range width {
			o.values = append(o.values, 0)
		}
		for _, w := range s.Weights[n.Weights[0]:n.Weights[1]] {
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

// leaf is the number of a row's leaf.
func (o *oblivious) leaf(t *table, keys unsafe.Pointer) uint64 {
	k := uint64(0)
	for _, n := range o.levels[t.first : t.first+t.levels] {
		_, yes := bits.Sub64(*(*uint64)(unsafe.Add(keys, n&0xffff)), n, 0)
		k, _ = bits.Add64(k, k, yes)
	}
	return k
}

// obliviousLane puts the answer of one of eight rows behind those it has.
func obliviousLane(keys unsafe.Pointer, n, k uint64) uint64 {
	_, yes := bits.Sub64(*(*uint64)(keys), n, 0)
	k, _ = bits.Add64(k, k, yes)
	return k
}

// leaves are the numbers of the leaves of eight rows whose keys alternate.
func (o *oblivious) leaves(t *table, keys unsafe.Pointer, ends *[lanes]uint64) {
	var k0, k1, k2, k3, k4, k5, k6, k7 uint64
	for _, n := range o.levels[t.first : t.first+t.levels] {
		at := unsafe.Add(keys, (n&0xffff)*lanes)
		k0 = obliviousLane(at, n, k0)
		k1 = obliviousLane(unsafe.Add(at, 8), n, k1)
		ends[0], ends[1] = k0, k1
		k2 = obliviousLane(unsafe.Add(at, 16), n, k2)
		k3 = obliviousLane(unsafe.Add(at, 24), n, k3)
		ends[2], ends[3] = k2, k3
		k4 = obliviousLane(unsafe.Add(at, 32), n, k4)
		k5 = obliviousLane(unsafe.Add(at, 40), n, k5)
		ends[4], ends[5] = k4, k5
		k6 = obliviousLane(unsafe.Add(at, 48), n, k6)
		k7 = obliviousLane(unsafe.Add(at, 56), n, k7)
		ends[6], ends[7] = k6, k7
	}
}

// obliviousRow adds the oblivious trees of one row.
func (e *Ensemble) obliviousRow(keys unsafe.Pointer, sums []float64) {
	o := &e.oblivious
	for i := range o.trees {
		t := &o.trees[i]
		k := int(t.values)
		if leaf := int(o.leaf(t, keys)); e.leaves.form != leafVector {
			sums[t.target] += o.values[k+leaf]
		} else {
			k += leaf * len(sums)
			for j, v := range o.values[k : k+len(sums)] {
				sums[j] += v
			}
		}
	}
}

// tableGroup is how many trees are asked before the next eight rows: as many as
// have their leaves in the nearest cache.
const tableGroup = 16

// addEight adds some trees of one target to the sums of eight rows whose keys
// alternate. Every level's column is one of the keys, and every leaf's number
// has as many bits as its tree has levels. ends is written so that the compiler
// keeps the rows apart, as in narrowRows.
func (o *oblivious) addEight(trees []table, keys unsafe.Pointer, sums *[lanes]float64, ends *[lanes]uint64) {
	s0, s1, s2, s3, s4, s5, s6, s7 := sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7]
	for i := range trees {
		t := &trees[i]
		var k0, k1, k2, k3, k4, k5, k6, k7 uint64
		for _, n := range o.levels[t.first : t.first+t.levels] {
			at := unsafe.Add(keys, (n&0xffff)*lanes)
			k0 = obliviousLane(at, n, k0)
			ends[0] = k0
			k1 = obliviousLane(unsafe.Add(at, 8), n, k1)
			ends[1] = k1
			k2 = obliviousLane(unsafe.Add(at, 16), n, k2)
			ends[2] = k2
			k3 = obliviousLane(unsafe.Add(at, 24), n, k3)
			ends[3] = k3
			k4 = obliviousLane(unsafe.Add(at, 32), n, k4)
			ends[4] = k4
			k5 = obliviousLane(unsafe.Add(at, 40), n, k5)
			ends[5] = k5
			k6 = obliviousLane(unsafe.Add(at, 48), n, k6)
			ends[6] = k6
			k7 = obliviousLane(unsafe.Add(at, 56), n, k7)
			ends[7] = k7
		}
		v := unsafe.Pointer(&o.values[t.values : t.values+1<<t.levels][0])
		s0 += *(*float64)(unsafe.Add(v, k0*8))
		s1 += *(*float64)(unsafe.Add(v, k1*8))
		s2 += *(*float64)(unsafe.Add(v, k2*8))
		s3 += *(*float64)(unsafe.Add(v, k3*8))
		s4 += *(*float64)(unsafe.Add(v, k4*8))
		s5 += *(*float64)(unsafe.Add(v, k5*8))
		s6 += *(*float64)(unsafe.Add(v, k6*8))
		s7 += *(*float64)(unsafe.Add(v, k7*8))
	}
	*sums = [lanes]float64{s0, s1, s2, s3, s4, s5, s6, s7}
}

// obliviousRows adds the oblivious trees of n rows.
func (e *Ensemble) obliviousRows(keys unsafe.Pointer, n int, out []float64) {
	o := &e.oblivious
	var ends [lanes]uint64
	if e.targets == 1 && e.leaves.form != leafVector {
		for trees := o.trees; len(trees) > 0; {
			group := trees[:min(tableGroup, len(trees))]
			trees = trees[len(group):]
			for r := 0; r < n; r += lanes {
				o.addEight(group, unsafe.Add(keys, r*e.narrowKeys.n*8), (*[lanes]float64)(out[r:]), &ends)
			}
		}
		return
	}
	for i := range o.trees {
		t := &o.trees[i]
		values := o.values[t.values:]
		for r := 0; r < n; r += lanes {
			o.leaves(t, unsafe.Add(keys, r*e.narrowKeys.n*8), &ends)
			for i, leaf := range ends {
				sums := out[(r+i)*e.targets : (r+i+1)*e.targets]
				if e.leaves.form != leafVector {
					sums[t.target] += values[leaf]
					continue
				}
				for j, v := range values[int(leaf)*len(sums) : (int(leaf)+1)*len(sums)] {
					sums[j] += v
				}
			}
		}
	}
}
