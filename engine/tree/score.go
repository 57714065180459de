package tree

import (
	"math"
	"unsafe"
)

// Value is a type in which rows are given.
type Value interface{ float32 | float64 }

// block is how many rows are taken down one tree before the next tree, so that
// a large ensemble is read from memory once a block and not once a row.
const block = 64

// blockKeys bounds the keys of a block, so that they stay in the cache and rows
// of many columns do not take memory by the block.
const blockKeys = 1 << 14

// blockRows is block, or less for rows of many columns.
func (e *Ensemble) blockRows() int {
	return max(lanes, min(block, blockKeys/max(1, e.narrowKeys.n, e.wideKeys.n)/lanes*lanes))
}

// Score adds up the trees for each row of x, row-major with stride features,
// into out, row-major with one float64 a target. Sums are made in float64, base
// values last, in an order that is the model's own: a row alone gives the same
// bits as among others.
func Score[T Value](e *Ensemble, x []T, out []float64) {
	rows := len(out) / e.targets
	if rows >= parallelRows && rows*e.trees >= parallelWalks {
		if helpers := e.recruit(rows / parallelChunk); helpers > 0 {
			scoreTogether(e, x, out, helpers)
			e.helpers.Add(int32(-helpers))
			return
		}
	}
	score(e, x, out)
}

// score is Score on the caller's goroutine.
func score[T Value](e *Ensemble, x []T, out []float64) {
	rows := len(out) / e.targets
	start := e.leaves.start()
	for i := range out {
		out[i] = start
	}
	binned := rows >= binRows && len(e.oblivious.trees) > 0
	if binned {
		obliviousRows(e, x, out)
	}
	if !binned || len(e.narrowTrees) > 0 || e.wideKeys.n > 0 {
		scoreWalks(e, x, out, !binned)
	}
	if e.leaves.aggregate != Sum {
		e.leaves.finish(out)
	}
	if len(e.base) > 0 {
		for r := 0; r < len(out); r += e.targets {
			for i, b := range e.base {
				out[r+i] += b
			}
		}
	}
}

// scoreWalks adds the trees that are walked, and before them the oblivious ones
// where they are still to be added, which is for less than binRows rows.
func scoreWalks[T Value](e *Ensemble, x []T, out []float64, oblivious bool) {
	rows := len(out) / e.targets
	var small [96]uint64
	need, size := max(e.narrowKeys.n, e.wideKeys.n), e.blockRows()
	keys := small[:]
	if rows >= lanes || need > len(keys) {
		if rows >= lanes {
			need *= size
		}
		held := e.hold(need)
		defer e.memory.Put(held)
		keys = *held
	}
	r := 0
	for ; r+lanes <= rows; r += size {
		n := min(size, (rows-r)/lanes*lanes)
		scoreBlock(e, x[r*e.features:(r+n)*e.features], out[r*e.targets:(r+n)*e.targets], keys)
		if n < size {
			r += n
			break
		}
	}
	for ; r < rows; r++ {
		scoreRow(e, x[r*e.features:(r+1)*e.features], out[r*e.targets:(r+1)*e.targets], keys, oblivious)
	}
}

// hold gives memory for n keys, which the caller gives back.
func (e *Ensemble) hold(n int) *[]uint64 {
	held, ok := e.memory.Get().(*[]uint64)
	if !ok {
		held = new([]uint64)
	}
	if cap(*held) < n {
		*held = make([]uint64, n)
	}
	*held = (*held)[:n]
	return held
}

// scoreRow scores one row, with the oblivious trees or without.
func scoreRow[T Value](e *Ensemble, row []T, sums []float64, keys []uint64, oblivious bool) {
	if e.narrowKeys.n > 0 && (oblivious || len(e.narrowTrees) > 0) {
		fill(&e.narrowKeys, row, keys, 1)
		at := unsafe.Pointer(unsafe.SliceData(keys))
		if oblivious && len(e.oblivious.trees) > 0 {
			e.obliviousRow(at, sums)
		}
		nodes := unsafe.Pointer(unsafe.SliceData(e.narrow))
		var ends [lanes]uint64
		trees := e.narrowTrees
		for ; len(trees) >= lanes; trees = trees[lanes:] {
			g := (*[lanes]ref)(trees)
			narrowTrees(nodes, at, g, &ends)
			addTrees(e, true, g[:], &ends, row, sums)
		}
		for i := range trees {
			k := uint64(trees[i].root)
			for range trees[i].steps {
				k = narrowStep(nodes, at, k)
			}
			ends[0] = narrowAt(nodes, k) >> 32
			addTrees(e, true, trees[i:i+1], &ends, row, sums)
		}
	}
	if e.wideKeys.n > 0 {
		fill(&e.wideKeys, row, keys, 1)
		at := unsafe.Pointer(unsafe.SliceData(keys))
		nodes := unsafe.Pointer(unsafe.SliceData(e.wide))
		var ends [lanes]uint64
		trees := e.wideTrees
		for ; len(trees) >= lanes; trees = trees[lanes:] {
			g := (*[lanes]ref)(trees)
			wideTrees(nodes, at, g, &ends)
			addTrees(e, false, g[:], &ends, row, sums)
		}
		for i := range trees {
			k := uint64(trees[i].root)
			for range trees[i].steps {
				k = wideStep(nodes, at, k)
			}
			ends[0] = wideAt(nodes, k)
			addTrees(e, false, trees[i:i+1], &ends, row, sums)
		}
		for i := range e.mixedTrees {
			ends[0] = e.walkMixed(e.mixedTrees[i].root, keys, 0, 1)
			addTrees(e, false, e.mixedTrees[i:i+1], &ends, row, sums)
		}
	}
}

// addTrees adds one row's leaves of some trees to its sums.
func addTrees[T Value](e *Ensemble, narrow bool, trees []ref, ends *[lanes]uint64, row []T, sums []float64) {
	switch form := e.leaves.form; {
	case form == leafFloat && narrow && len(sums) == 1 && len(trees) == lanes:
		s := sums[0]
		for _, p := range ends {
			s += float64(math.Float32frombits(uint32(p)))
		}
		sums[0] = s
	case form <= leafValue:
		for i := range trees {
			sums[trees[i].target] += e.leaves.number(narrow, ends[i])
		}
	case form == leafVector:
		for i := range trees {
			e.leaves.addVector(ends[i], sums)
		}
	default:
		for i := range trees {
			addRecord(&e.leaves, ends[i], row, sums)
		}
	}
}

// number is what a leaf of a form with one number adds.
func (l *leaves) number(narrow bool, payload uint64) float64 {
	switch {
	case !narrow:
		return math.Float64frombits(payload)
	case l.form == leafFloat:
		return float64(math.Float32frombits(uint32(payload)))
	}
	return l.values[payload]
}

// scoreBlock adds the trees that are walked for rows, a multiple of lanes and at
// most block.
func scoreBlock[T Value](e *Ensemble, x []T, out []float64, keys []uint64) {
	var ends [lanes]uint64
	n := len(out) / e.targets
	if c := &e.narrowKeys; len(e.narrowTrees) > 0 {
		fillBlock(c, x, e.features, n, keys)
		at := unsafe.Pointer(unsafe.SliceData(keys))
		nodes := unsafe.Pointer(unsafe.SliceData(e.narrow))
		for i := range e.narrowTrees {
			for r := 0; r < n; r += lanes {
				narrowRows(nodes, unsafe.Add(at, r*c.n*8), &e.narrowTrees[i], &ends)
				addRows(e, true, e.narrowTrees[i].target, &ends, x, r, out)
			}
		}
	}
	if c := &e.wideKeys; c.n > 0 {
		fillBlock(c, x, e.features, n, keys)
		at := unsafe.Pointer(unsafe.SliceData(keys))
		nodes := unsafe.Pointer(unsafe.SliceData(e.wide))
		for i := range e.wideTrees {
			for r := 0; r < n; r += lanes {
				wideRows(nodes, unsafe.Add(at, r*c.n*8), &e.wideTrees[i], &ends)
				addRows(e, false, e.wideTrees[i].target, &ends, x, r, out)
			}
		}
		for i := range e.mixedTrees {
			for r := 0; r < n; r += lanes {
				for lane := range lanes {
					ends[lane] = e.walkMixed(e.mixedTrees[i].root, keys[r*c.n:], lane, lanes)
				}
				addRows(e, false, e.mixedTrees[i].target, &ends, x, r, out)
			}
		}
	}
}

// fillBlock writes the keys of rows, those of eight rows alternating.
func fillBlock[T Value](c *columns, x []T, features, rows int, keys []uint64) {
	for r := range rows {
		fill(c, x[r*features:(r+1)*features], keys[r/lanes*lanes*c.n+r%lanes:], lanes)
	}
}

// addRows adds one tree's leaves of eight rows, from row r on, to their sums.
func addRows[T Value](e *Ensemble, narrow bool, target int32, ends *[lanes]uint64, x []T, r int, out []float64) {
	l := &e.leaves
	switch {
	case l.form == leafFloat && narrow && e.targets == 1:
		to := (*[lanes]float64)(out[r:])
		for i, p := range ends {
			to[i] += float64(math.Float32frombits(uint32(p)))
		}
	case l.form <= leafValue:
		for i, p := range ends {
			out[(r+i)*e.targets+int(target)] += l.number(narrow, p)
		}
	case l.form == leafVector:
		for i, p := range ends {
			l.addVector(p, out[(r+i)*e.targets:(r+i+1)*e.targets])
		}
	default:
		for i, p := range ends {
			addRecord(l, p, x[(r+i)*e.features:(r+i+1)*e.features], out[(r+i)*e.targets:(r+i+1)*e.targets])
		}
	}
}

// walkMixed goes down one tree with sets and tests of equality, with the keys
// of one row, which are stride places apart.
func (e *Ensemble) walkMixed(root uint32, keys []uint64, lane, stride int) uint64 {
	k := int(root)
	for {
		threshold, link := e.mixed[k], e.mixed[k+linkAt]
		if link == 0 {
			return threshold
		}
		key := keys[int(uint32(link)&^testMask)/8*stride+lane]
		var yes bool
		switch link & testMask {
		case 0:
			yes = key < threshold
		case testEqual:
			yes = key == threshold || key == 0
		default:
			// The key of category c is c+1; 0 is in every set.
			c, set := key-1, e.bits[threshold>>32:][:threshold&math.MaxUint32]
			yes = key == anyCategory || c < 32*uint64(len(set)) && set[c/32]>>(c%32)&1 != 0
		}
		k += int(int64(link) >> 32)
		if yes {
			k++
		}
	}
}
