package tree

import "unsafe"

// binRows is the smallest batch that goes through oblivious trees in bytes. Four
// rows take as long either way, eight half as long.
const binRows = 5

// binBlock is how many rows have their bins found before the trees are asked: so
// many that a tree's levels and leaves are loaded seldom. It is less for many
// gauges, whose bins would leave the nearest caches.
const (
	binBlock     = 512
	binBlockSize = 1 << 16 // bytes of bins
)

// tables is how many trees are added to a row's sum at once.
const tables = 8

// bytesOfLeaves are the numbers of leaves of so many trees, or of one: then the
// lower bytes and the upper ones.
type bytesOfLeaves [tables][binBlock / 8]uint64

// obliviousRows adds the oblivious trees of rows, before any others.
func obliviousRows[T Value](e *Ensemble, x []T, out []float64) {
	o := &e.oblivious
	rows := len(out) / e.targets
	size := min(binBlock, max(gaugeRows, binBlockSize/len(o.bins.gauges)/gaugeRows*gaugeRows), (rows+7)/8*8)
	stride := size / 8
	held := e.hold(stride*len(o.bins.gauges) + tables*binBlock/8)
	defer e.memory.Put(held)
	leaves := (*bytesOfLeaves)(unsafe.Pointer((*[tables * binBlock / 8]uint64)(*held)))
	words := (*held)[tables*binBlock/8:]
	for from := 0; from < rows; from += size {
		n := min(size, rows-from)
		for r := from; r < from+n; r += gaugeRows {
			m := min(gaugeRows, from+n-r)
			fillBins(&o.bins, x[r*e.features:(r+m)*e.features], e.features, m, words[(r-from)/8:], stride)
		}
		e.obliviousBlock(words, stride, leaves, out[from*e.targets:(from+n)*e.targets])
	}
}

// obliviousBlock is obliviousRows for rows with bins.
func (e *Ensemble) obliviousBlock(words []uint64, stride int, leaves *bytesOfLeaves, out []float64) {
	o := &e.oblivious
	if e.targets > 1 && !o.mirrored {
		for i := range o.trees {
			t := &o.trees[i]
			o.answers(t, words, stride, len(out)/e.targets, leaves)
			if e.leaves.form == leafVector {
				o.addVectors(t, leaves, e.targets, out)
			} else {
				o.addTable(t, leaves, e.targets, out[t.target:])
			}
		}
		return
	}
	sums := out
	if o.mirrored {
		var memory [binBlock]float64
		sums = memory[:len(out)/2]
	}
	for trees := o.trees; len(trees) > 0; {
		few := trees[:min(tables, len(trees))]
		if deep(few) || len(few) < tables {
			few = few[:1]
			o.answers(&few[0], words, stride, len(sums), leaves)
			o.addTable(&few[0], leaves, 1, sums)
		} else {
			for i := range few {
				answer(o.bins.vectors, o.bins.of(&few[i]), words, stride, leaves[i][:(len(sums)+7)/8])
			}
			o.addTables((*[tables]table)(few), leaves, sums)
		}
		trees = trees[len(few):]
	}
	if o.mirrored {
		for r, s := range sums {
			o.give(s, out[2*r:2*r+2])
		}
	}
}

// deep reports whether the number of a leaf of one of the trees takes more than
// a byte.
func deep(trees []table) bool {
	for i := range trees {
		if trees[i].levels > 8 {
			return true
		}
	}
	return false
}

// of are the levels of a tree.
func (b *bins) of(t *table) []uint32 { return b.levels[t.first : t.first+t.levels] }

// answers writes the numbers of one tree's leaves.
func (o *oblivious) answers(t *table, words []uint64, stride, rows int, leaves *bytesOfLeaves) {
	levels := o.bins.of(t)
	upper := max(0, len(levels)-8)
	answer(o.bins.vectors, levels[upper:], words, stride, leaves[0][:(rows+7)/8])
	answer(o.bins.vectors, levels[:upper], words, stride, leaves[1][:(rows+7)/8])
}

// leafOf is the number of a row's leaf that answers wrote.
func leafOf(leaves *bytesOfLeaves, row int) int {
	b := (*[tables][binBlock]uint8)(unsafe.Pointer(leaves))
	return int(b[0][row]) | int(b[1][row])<<8
}

// addTable adds one tree, whose leaves are numbers, to every stride-th of sums.
func (o *oblivious) addTable(t *table, leaves *bytesOfLeaves, stride int, sums []float64) {
	values := o.values[t.values:][:1<<t.levels]
	for r := 0; r*stride < len(sums); r++ {
		sums[r*stride] += values[leafOf(leaves, r)]
	}
}

// addVectors adds one tree whose leaves have a number for every target.
func (o *oblivious) addVectors(t *table, leaves *bytesOfLeaves, targets int, out []float64) {
	values := o.values[t.values:][:targets<<t.levels]
	for r := 0; r*targets < len(out); r++ {
		sums := out[r*targets:][:targets]
		for j, v := range values[leafOf(leaves, r)*targets:][:targets] {
			sums[j] += v
		}
	}
}

// addTables adds eight trees of at most eight levels, one by one in their order,
// to the sum of each row. The number of a leaf has no more bits than its tree has
// levels.
func (o *oblivious) addTables(trees *[tables]table, leaves *bytesOfLeaves, sums []float64) {
	at := unsafe.Pointer(unsafe.SliceData(o.values))
	v0 := unsafe.Add(at, uintptr(trees[0].values)*8)
	v1 := unsafe.Add(at, uintptr(trees[1].values)*8)
	v2 := unsafe.Add(at, uintptr(trees[2].values)*8)
	v3 := unsafe.Add(at, uintptr(trees[3].values)*8)
	v4 := unsafe.Add(at, uintptr(trees[4].values)*8)
	v5 := unsafe.Add(at, uintptr(trees[5].values)*8)
	v6 := unsafe.Add(at, uintptr(trees[6].values)*8)
	v7 := unsafe.Add(at, uintptr(trees[7].values)*8)
	k := unsafe.Pointer(leaves)
	for r := range sums[:min(len(sums), binBlock)] {
		s, k := sums[r], unsafe.Add(k, r)
		s += *(*float64)(unsafe.Add(v0, uintptr(*(*uint8)(k))*8))
		s += *(*float64)(unsafe.Add(v1, uintptr(*(*uint8)(unsafe.Add(k, binBlock)))*8))
		s += *(*float64)(unsafe.Add(v2, uintptr(*(*uint8)(unsafe.Add(k, 2*binBlock)))*8))
		s += *(*float64)(unsafe.Add(v3, uintptr(*(*uint8)(unsafe.Add(k, 3*binBlock)))*8))
		s += *(*float64)(unsafe.Add(v4, uintptr(*(*uint8)(unsafe.Add(k, 4*binBlock)))*8))
		s += *(*float64)(unsafe.Add(v5, uintptr(*(*uint8)(unsafe.Add(k, 5*binBlock)))*8))
		s += *(*float64)(unsafe.Add(v6, uintptr(*(*uint8)(unsafe.Add(k, 6*binBlock)))*8))
		s += *(*float64)(unsafe.Add(v7, uintptr(*(*uint8)(unsafe.Add(k, 7*binBlock)))*8))
		sums[r] = s
	}
}
