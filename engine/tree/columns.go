package tree

import (
	"math"
	"slices"
	"unsafe"
)

// Before a row is walked, its values become keys: unsigned integers in the
// order of the numbers, so that a test is one subtraction whose borrow is the
// answer. A feature has a column of keys for each way in which tests look at
// it. A way differs in the key of a missing value: the largest, which is below
// no threshold, or 0, which is below all of them. With that, missing values
// cost nothing on the way down a tree.
//
// Narrow keys are 32 bits in the upper half of a word, made of float32 numbers;
// the lower half is 0, or all ones where a float64 row has a value between two
// float32 numbers, of which the key is the lower one, and the column is for
// tests of "at most". Wide keys are 64 bits, made of float64 numbers.
//
// Column 0 has the largest key in every row: a test of it is never true.
type columns struct {
	wide bool
	n    int // columns, number 0 included
	runs []run
}

// run are the features of consecutive columns of one kind.
type run struct {
	kind     kind
	features []int32
}

// kind is how a test looks at a feature: one of the ways to treat missing
// values, and one of the families of tests.
type kind uint8

// The ways to treat missing values.
const (
	missFails   kind = iota // NaN fails the test
	missHolds               // NaN passes it
	missesFail              // NaN and almost zero fail it
	missesHold              // NaN and almost zero pass it
	missIsZero              // NaN is 0
	missingWays             // how many there are
)

// The families of tests.
const (
	below         kind = iota * missingWays // less than, or equal to
	upTo                                    // at most; the same as below but for narrow keys of float64 rows
	category                                // the set In
	categoryTrunc                           // the set InTrunc
	kinds                                   // how many kinds there are
)

// Keys of categories.
const (
	anyCategory = 0              // a missing value that passes every test
	noCategory  = math.MaxUint64 // a number that is in no set; others have their number plus 1
)

// kindOf is the kind of a node's column. swapped says that the test is turned
// around, so that a missing value that should go to the true child must fail.
func kindOf(n *Node, family kind, swapped bool) kind {
	holds := n.MissTrue != swapped
	if n.Mode == NEQ && n.Missing == MissNaN {
		holds = false // NaN differs from everything, and NEQ is EQ turned around
	}
	switch {
	case n.Missing == MissNone:
		return family + missIsZero
	case n.Missing == MissZero && holds:
		return family + missesHold
	case n.Missing == MissZero:
		return family + missesFail
	case holds:
		return family + missHolds
	}
	return family + missFails
}

// A chart tells which column a kind of a feature has.
type chart struct {
	columns
	features int
	// tested are the features that nodes test, where the trees have fewer nodes
	// than features; nil stands for all. Memory is bounded by the trees so.
	tested []int32
	at     [kinds][]int32 // by feature, or by place in tested; nil for kinds that no node asks for
}

// row is where at has a feature.
func (c *chart) row(feature int32) int {
	if c.tested == nil {
		return int(feature)
	}
	i, _ := slices.BinarySearch(c.tested, feature)
	return i
}

// column is the column of a kind of a feature that is wanted.
func (c *chart) column(k kind, feature int32) int32 { return c.at[k][c.row(feature)] }

func (c *chart) want(k kind, feature int32) {
	if c.at[k] == nil {
		c.at[k] = make([]int32, c.features)
	}
	c.at[k][c.row(feature)] = 1
}

// number gives the columns that are wanted their places, kind by kind.
func (c *chart) number() {
	c.n = 1
	for k, wanted := range c.at {
		r := run{kind: kind(k)}
		for f, w := range wanted {
			if w != 0 {
				wanted[f] = int32(c.n)
				c.n++
				if c.tested != nil {
					f = int(c.tested[f])
				}
				r.features = append(r.features, int32(f))
			}
		}
		if len(r.features) > 0 {
			c.runs = append(c.runs, r)
		}
	}
}

// fill writes the keys of a row, one in every stride places of dst.
func fill[T Value](c *columns, row []T, dst []uint64, stride int) {
	dst[0] = math.MaxUint64
	at := stride
	for i := range c.runs {
		r := &c.runs[i]
		to := dst[at:]
		at += stride * len(r.features)
		switch {
		case c.wide && r.kind < category:
			fillWide(r, row, to, stride)
		case c.wide:
			for i, f := range r.features {
				to[i*stride] = categoryKey(r.kind, float64(row[f]))
			}
		case unsafe.Sizeof(*new(T)) == 4:
			fillNarrow(r, unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(row))), len(row)), to, stride)
		default:
			for i, f := range r.features {
				to[i*stride] = betweenKey(r.kind, float64(row[f]))
			}
		}
	}
}

// fillNarrow makes narrow keys of float32 numbers.
func fillNarrow(r *run, row []float32, dst []uint64, stride int) {
	switch way := r.kind % missingWays; way {
	case missFails:
		for i, f := range r.features {
			key, nan := key32(row[f])
			dst[i*stride] = uint64(key|nan) << 32
		}
	case missHolds:
		for i, f := range r.features {
			key, nan := key32(row[f])
			dst[i*stride] = uint64(key&^nan) << 32
		}
	default:
		for i, f := range r.features {
			v := row[f]
			key, _ := key32(v)
			dst[i*stride] = special(way, float64(v), uint64(key)<<32, zeroKey32<<32)
		}
	}
}

// fillWide makes wide keys.
func fillWide[T Value](r *run, row []T, dst []uint64, stride int) {
	switch way := r.kind % missingWays; way {
	case missFails:
		for i, f := range r.features {
			key, nan := key64(float64(row[f]))
			dst[i*stride] = key | nan
		}
	case missHolds:
		for i, f := range r.features {
			key, nan := key64(float64(row[f]))
			dst[i*stride] = key &^ nan
		}
	default:
		for i, f := range r.features {
			v := float64(row[f])
			key, _ := key64(v)
			dst[i*stride] = special(way, v, key, zeroKey64)
		}
	}
}

// special is the key of a number in a column where more than NaN is missing.
func special(way kind, v float64, key, zero uint64) uint64 {
	switch {
	case v != v && way == missIsZero:
		return zero
	case way == missIsZero || v == v && (v < -nearZero || v > nearZero):
		return key
	case way == missesHold:
		return 0
	}
	return math.MaxUint64
}

// betweenKey is the narrow key of a float64 number.
func betweenKey(k kind, v float64) uint64 {
	way := k % missingWays
	if v != v {
		if way == missFails {
			return math.MaxUint64
		}
		if way == missHolds {
			return 0
		}
		return special(way, v, 0, zeroKey32<<32)
	}
	near := float32(v)
	key, _ := key32(near)
	between := uint64(0)
	if float64(near) != v && k >= upTo {
		between = math.MaxUint32
	}
	if float64(near) > v {
		key--
	}
	n := uint64(key)<<32 | between
	if way == missFails || way == missHolds {
		return n
	}
	return special(way, v, n, 0)
}

// key32 maps numbers to integers of the same order; both zeros have one key.
// nan has all bits set for NaN, whose key means nothing, and none otherwise.
func key32(v float32) (key, nan uint32) {
	u := math.Float32bits(v + 0)
	nan = uint32(int32(0x7f800000-u&0x7fffffff) >> 31)
	return u ^ (uint32(int32(u)>>31) | 1<<31), nan
}

// key64 is key32 for float64.
func key64(v float64) (key, nan uint64) {
	u := math.Float64bits(v + 0)
	nan = uint64(int64(0x7ff0000000000000-u&0x7fffffffffffffff) >> 63)
	return u ^ (uint64(int64(u)>>63) | 1<<63), nan
}

// The keys of zero.
const (
	zeroKey32 = 1 << 31
	zeroKey64 = 1 << 63
)

// categoryKey is the key of a number in a column of categories.
func categoryKey(k kind, v float64) uint64 {
	way, trunc := k%missingWays, k >= categoryTrunc
	if v != v || (way == missesHold || way == missesFail) && -nearZero <= v && v <= nearZero {
		switch way {
		case missHolds, missesHold:
			return anyCategory
		case missFails, missesFail:
			return noCategory
		}
		v = 0
	}
	if trunc && v > -1 {
		v = max(v, 0)
	}
	if v < 0 || v >= 1<<32 {
		return noCategory
	}
	return uint64(v) + 1
}
