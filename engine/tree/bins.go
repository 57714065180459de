package tree

import (
	"math/bits"
	"slices"
	"unsafe"
)

// Batches go through oblivious trees in bytes, eight rows to a word.
//
// The thresholds that the trees compare one column with are its borders. A gauge
// finds once for a batch how many of them are above a value: the value's bin. A
// gauge has 127 borders at most, more are shared out among several, so that a bin
// fits a byte whose upper bit is set. One subtraction then asks eight bins
// whether they are at least some number: it leaves the answers in the upper bits
// and borrows from no neighbour. The answers to the questions of a tree, bit by
// bit, make bytes that are the numbers of eight rows' leaves.

// maxBorders is the largest bin, and the largest number that it is compared with.
const maxBorders = 1<<7 - 1

const (
	lowBits  = 0x0101010101010101 // of all bytes
	highBits = 0x8080808080808080
)

// bins are the gauges of an ensemble, and the levels of its oblivious trees in
// terms of them.
type bins struct {
	gauges  []gauge
	borders []uint32
	vectors bool     // AVX2 is used
	levels  []uint32 // for each of oblivious.levels a gauge and, in the lowest 7 bits, the least bin that passes
}

// A gauge is a search tree of borders, from place node on. Below node k, counted
// from 1, are 2k, whose borders are larger, and 2k+1. Zeros, which are above no
// key, fill the last level.
//
// Keys are those of narrow nodes, in 32 bits. A key between two float32 numbers
// becomes the upper one's, and a bias takes NaN of either sign below or above
// all others.
type gauge struct {
	kind    kind
	levels  uint8
	feature int32
	bias    uint32
	node    uint32
}

// nanKeys is how many keys the bits of NaN give at either end, by sign: quiet NaN,
// as any sum is.
const nanKeys = 1 << 22

// newBins makes gauges for levels, which test columns of c.
func newBins(levels []uint64, c *columns) bins {
	code := func(level uint64) uint64 { // sorts by column, and by border from the largest
		return level<<32 | uint64(^uint32(level>>32))
	}
	asked := make([]uint64, len(levels))
	for i, n := range levels {
		asked[i] = code(n)
	}
	slices.Sort(asked)
	asked = slices.Compact(asked)
	origin := make([]gauge, 1, c.n)
	for _, r := range c.runs {
		for _, f := range r.features {
			origin = append(origin, gauge{kind: r.kind, feature: f})
		}
	}
	b := bins{vectors: len(levels) > 0 && hasVectors()}
	passes := make([]uint32, len(asked))
	for from := 0; from < len(asked); {
		to := from + 1
		for to < len(asked) && to-from < maxBorders && asked[to]>>32 == asked[from]>>32 {
			to++
		}
		g := origin[asked[from]>>32/8]
		g.levels, g.node = uint8(bits.Len(uint(to-from))), uint32(len(b.borders))
		if way := g.kind % missingWays; way == missHolds || way == missesHold {
			g.bias = nanKeys
		} else {
			g.bias -= nanKeys
		}
		b.borders = append(b.borders, make([]uint32, 1<<g.levels)...)
		for i := from; i < to; i++ {
			rank := uint32(i - from + 1)
			passes[i] = uint32(len(b.gauges))<<7 | rank
			k := (1<<g.levels | rank) >> (bits.TrailingZeros32(rank) + 1)
			b.borders[g.node+k] = ^uint32(asked[i]) + 1 + g.bias // fails to be at most the threshold
		}
		b.gauges = append(b.gauges, g)
		from = to
	}
	b.levels = make([]uint32, len(levels))
	for i, n := range levels {
		at, _ := slices.BinarySearch(asked, code(n)) // it is there: asked holds all
		b.levels[i] = passes[at]
	}
	b.gauges, b.borders = slices.Clip(b.gauges), slices.Clip(b.borders)
	return b
}

// gaugeRows is how many rows are taken through all gauges before the next ones,
// so that they are still in the nearest cache.
const gaugeRows = 64

// fillBins writes the bins of up to gaugeRows rows of x, eight to a word, and the
// bins of the next gauge stride words on. Bins of rows beyond the last are some.
func fillBins[T Value](b *bins, x []T, features, rows int, words []uint64, stride int) {
	var keys [gaugeRows]uint32
	for i := range b.gauges {
		g := &b.gauges[i]
		column := x[g.feature:][:(rows-1)*features+1]
		if way := g.kind % missingWays; unsafe.Sizeof(*new(T)) == 4 && (way == missFails || way == missHolds) {
			at := unsafe.Pointer(unsafe.SliceData(column))
			for r := range keys[:rows] {
				key, _ := key32(*(*float32)(unsafe.Add(at, r*features*4)))
				keys[r] = key + g.bias
			}
		} else {
			for r := range keys[:rows] {
				key := betweenKey(g.kind, float64(column[r*features]))
				keys[r] = uint32(key>>32) + uint32(key&1) + g.bias
			}
		}
		g.search(b.borders, &keys, words[i*stride:][:(rows+7)/8])
	}
}

// search finds the bins of keys.
func (g *gauge) search(borders []uint32, keys *[gaugeRows]uint32, to []uint64) {
	tree := unsafe.Pointer(unsafe.SliceData(borders[g.node:][:1<<g.levels]))
	first := uint64(lowBits) << g.levels // of the bins' own bits the search leaves one above them
	for i := range to {
		eight := (*[8]uint32)(keys[8*i:])
		word := search4(tree, (*[4]uint32)(eight[:4]), g.levels)
		word |= search4(tree, (*[4]uint32)(eight[4:]), g.levels) << 32
		to[i] = word&^first | highBits
	}
}

// search4 goes down a tree of borders with four keys. It is no part of search,
// which would leave it too few registers.
//
//go:noinline
func search4(tree unsafe.Pointer, keys *[4]uint32, levels uint8) uint64 {
	var yes uint64
	k0, k1, k2, k3 := uint64(1), uint64(1), uint64(1), uint64(1)
	for ; levels > 0; levels-- {
		_, yes = bits.Sub64(uint64(keys[0]), uint64(*(*uint32)(unsafe.Add(tree, k0*4))), 0)
		k0, _ = bits.Add64(k0, k0, yes)
		_, yes = bits.Sub64(uint64(keys[1]), uint64(*(*uint32)(unsafe.Add(tree, k1*4))), 0)
		k1, _ = bits.Add64(k1, k1, yes)
		_, yes = bits.Sub64(uint64(keys[2]), uint64(*(*uint32)(unsafe.Add(tree, k2*4))), 0)
		k2, _ = bits.Add64(k2, k2, yes)
		_, yes = bits.Sub64(uint64(keys[3]), uint64(*(*uint32)(unsafe.Add(tree, k3*4))), 0)
		k3, _ = bits.Add64(k3, k3, yes)
	}
	return k0 | k1<<8 | k2<<16 | k3<<24
}

// answerWords is answer in plain Go, eight rows at once.
func answerWords(levels []uint32, words []uint64, stride int, leaves []uint64) {
	clear(leaves)
	at := unsafe.Pointer(unsafe.SliceData(words))
	step := uintptr(stride) * 8
	for ; len(levels) >= 4; levels = levels[4:] {
		answer4(at, step, (*[4]uint32)(levels), leaves)
	}
	if len(levels) >= 2 {
		answer2(at, step, (*[2]uint32)(levels), leaves)
		levels = levels[2:]
	}
	for _, l := range levels {
		p, least := question(at, step, l)
		for i, k := range leaves {
			leaves[i] = k*2 + (*(*uint64)(unsafe.Add(p, i*8))-least)>>7&lowBits
		}
	}
}

// question is where the bins of a level's gauge are, and what each must be at
// least.
func question(words unsafe.Pointer, step uintptr, level uint32) (at unsafe.Pointer, least uint64) {
	return unsafe.Add(words, uintptr(level>>7)*step), uint64(level&maxBorders) * lowBits
}

// answer4 takes four levels at once, as many as leave everything in registers.
func answer4(words unsafe.Pointer, step uintptr, levels *[4]uint32, leaves []uint64) {
	p0, least0 := question(words, step, levels[0])
	p1, least1 := question(words, step, levels[1])
	p2, least2 := question(words, step, levels[2])
	p3, least3 := question(words, step, levels[3])
	for i, k := range leaves {
		k = k*2 + (*(*uint64)(unsafe.Add(p0, i*8))-least0)>>7&lowBits
		k = k*2 + (*(*uint64)(unsafe.Add(p1, i*8))-least1)>>7&lowBits
		k = k*2 + (*(*uint64)(unsafe.Add(p2, i*8))-least2)>>7&lowBits
		leaves[i] = k*2 + (*(*uint64)(unsafe.Add(p3, i*8))-least3)>>7&lowBits
	}
}

func answer2(words unsafe.Pointer, step uintptr, levels *[2]uint32, leaves []uint64) {
	p0, least0 := question(words, step, levels[0])
	p1, least1 := question(words, step, levels[1])
	for i, k := range leaves {
		k = k*2 + (*(*uint64)(unsafe.Add(p0, i*8))-least0)>>7&lowBits
		leaves[i] = k*2 + (*(*uint64)(unsafe.Add(p1, i*8))-least1)>>7&lowBits
	}
}
