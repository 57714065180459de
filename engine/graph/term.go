package graph

import (
	"math"
	"slices"
	"strings"

	"online-inference/engine/tensor"
)

// A term is what one column of an input adds to the sums of a linear model:
// a number times a weight for each sum, or what a table says for its category.
type term struct {
	arg     int // the input among those of the step
	from    source
	links   []link
	weights []float64 // by sum, of a number

	impute, scale *link // the links, where they are at most these in this order
	plain         bool  // impute and scale say all
	lanes         []lane

	// Of a category, by place; the last place is for all that has none.
	tables [][]float64 // by sum
	words  *words      // of text
	low    int64       // of integers that a table is indexed with
	span   uint64      // 0: by find
	find   *finder[int64]
	refuse []bool // places whose category the model refuses; nil for none
}

// maxTables bounds the elements of all tables of a step, and what making them costs.
const maxTables = 1 << 20

// newTerms writes the columns of a matrix as terms in their order. weights has
// one row for each sum.
func newTerms(cols []column, weights [][]float64) (terms []term, ok bool) {
	left := maxTables
	for i := 0; i < len(cols); {
		t, n := term{from: cols[i].from}, 1
		if left -= cols[i].price() * (len(weights) + 1); left < 0 {
			return nil, false
		}
		switch c := &cols[i]; {
		case c.typ == tensor.String || c.typ == tensor.Bool:
			return nil, false
		case c.hot != nil:
			for i+n < len(cols) && cols[i+n].hot == c.hot && cols[i+n].cell > cols[i+n-1].cell {
				n++
			}
			ok = t.code(cols[i:i+n], i, weights)
		case c.text != nil:
			ok = t.number(c.text, i, weights)
		default:
			t.links, ok = c.links, true
			for _, w := range weights {
				t.weights = append(t.weights, w[i])
			}
			t.settle()
		}
		if !ok {
			return nil, false
		}
		terms = append(terms, t)
		i += n
	}
	layLanes(terms)
	return terms, true
}

// price estimates the size of a column's table and the work to make it.
func (c *column) price() int {
	n := 1
	base := c
	if c.hot != nil {
		base = &c.hot.base
		n += 9*c.hot.len() + 64
	}
	if base.text != nil {
		n += len(base.text.keys)
		n *= base.text.cost + 1
	}
	return n
}

// settle finds the chains that have a loop of their own.
func (t *term) settle() {
	rest := t.links
	if len(rest) > 0 && rest[0].kind == linkImpute {
		t.impute, rest = &rest[0], rest[1:]
	}
	if len(rest) > 0 && rest[0].kind == linkScale {
		t.scale, rest = &rest[0], rest[1:]
	}
	t.plain = len(rest) == 0 && t.from.typ == tensor.Float32
}

// other is a string that is none of the keys.
func other(keys []string) string {
	s := "\x00"
	for slices.Contains(keys, s) {
		s += "\x00"
	}
	return s
}

func distinct(keys []string) []string {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, strings.Compare)
	return slices.Compact(keys)
}

// number makes the table of a number that follows from a text.
func (t *term) number(f *text, i int, weights [][]float64) bool {
	keys := distinct(f.keys)
	t.words = newWords(keys)
	keys = append(keys, other(keys))
	for _, w := range weights {
		table := make([]float64, len(keys))
		for k, s := range keys {
			table[k] = f.eval(s).num * w[i]
		}
		t.tables = append(t.tables, table)
	}
	return true
}

// code makes the table of the cells of a one-hot code, which stand from column
// first on. All cells but one are 0 and add nothing.
func (t *term) code(cells []column, first int, weights [][]float64) bool {
	h := cells[0].hot
	sums := make([][]float64, len(weights)) // by category, the last for none
	for s, w := range weights {
		sums[s] = make([]float64, h.len()+1)
		for i, c := range cells {
			sums[s][c.cell] = w[first+i]
		}
	}
	if h.base.text != nil {
		t.coded(h, sums)
		return true
	}
	if h.strings != nil {
		return false
	}
	t.links = h.base.links
	low, high := slices.Min(h.ints), slices.Max(h.ints)
	find := newFinder(h.ints)
	keys := h.ints
	if d := uint64(high) - uint64(low); d < uint64(8*len(h.ints)+64) {
		t.low, t.span = low, d+1
		keys = nil
		for k := range t.span {
			keys = append(keys, low+int64(k))
		}
	} else {
		t.find = find
	}
	t.fill(len(keys)+1, sums, h.strict, func(p int) int {
		if p == len(keys) {
			return -1
		}
		return find.index(keys[p])
	})
	return true
}

// coded is code for a text.
func (t *term) coded(h *hot, sums [][]float64) {
	keys := slices.Clone(h.base.text.keys)
	if h.base.typ == tensor.String {
		keys = append(keys, h.strings...)
	}
	keys = distinct(keys)
	t.words = newWords(keys)
	keys = append(keys, other(keys))
	texts, ints := newFinder(h.strings), newFinder(h.ints)
	t.fill(len(keys), sums, h.strict, func(p int) int {
		v := h.base.text.eval(keys[p])
		if h.base.typ == tensor.String {
			return texts.index(v.str)
		}
		return ints.index(truncate(v.num))
	})
}

// fill makes the tables: category says what category a place stands for, -1 for none.
func (t *term) fill(places int, sums [][]float64, strict bool, category func(place int) int) {
	at := make([]int, places)
	for p := range at {
		if at[p] = category(p); at[p] < 0 {
			at[p] = len(sums[0]) - 1
			if strict {
				if t.refuse == nil {
					t.refuse = make([]bool, places)
				}
				t.refuse[p] = true
			}
		}
	}
	for _, by := range sums {
		table := make([]float64, places)
		for p, k := range at {
			table[p] = by[k]
		}
		t.tables = append(t.tables, table)
	}
}

// load reads rows of the column and takes them through the links.
func (t *term) load(x *tensor.Tensor, first int, to []float64) {
	at, step := first*t.from.width+t.from.at, t.from.width
	links := t.links
	round := len(links) > 0 && links[0].kind == linkWhole
	switch x.Type {
	case tensor.Float32:
		read(x.F32[at:], step, round, to)
	case tensor.Float64:
		read(x.F64[at:], step, round, to)
	case tensor.Int64:
		read(x.I64[at:], step, round, to)
	default:
		read(x.I32[at:], step, round, to)
	}
	for _, l := range links {
		for i, v := range to {
			to[i] = l.apply(v)
		}
	}
}

func read[T number](x []T, step int, round bool, to []float64) {
	k := 0
	for i := range to {
		if to[i] = float64(x[k]); round {
			to[i] = float64(float32(x[k]))
		}
		k += step
	}
}

// single adds a number of a float32 column to one sum.
func (t *term) single(x *tensor.Tensor, first int, sums []float64) {
	v, step, w := x.F32[first*t.from.width+t.from.at:], t.from.width, t.weights[0]
	offset, scale := 0.0, 1.0
	if t.scale != nil {
		offset, scale = t.scale.a, t.scale.b
	}
	k := 0
	switch {
	case t.impute == nil && t.scale == nil:
		for i := range sums {
			sums[i] += float64(v[k]) * w
			k += step
		}
	case t.impute == nil:
		for i := range sums {
			sums[i] += float64(float32((float64(v[k])-offset)*scale)) * w
			k += step
		}
	default:
		missing, fill := float32(t.impute.a), float32(t.impute.b)
		nan := missing != missing
		for i := range sums {
			f := v[k]
			if f == missing || nan && f != f {
				f = fill
			}
			g := float64(f)
			if t.scale != nil {
				g = float64(float32((g - offset) * scale))
			}
			sums[i] += g * w
			k += step
		}
	}
}

// places looks up rows of the column. It tells whether the model takes all.
func (t *term) places(x *tensor.Tensor, first int, numbers []float64, to []int64) bool {
	at, step := first*t.from.width+t.from.at, t.from.width
	switch {
	case t.words != nil:
		s := x.Str[at:]
		k := 0
		for i := range to {
			to[i] = int64(t.words.place(s[k]))
			k += step
		}
	case t.span > 0 && len(t.links) == 0 && x.Type == tensor.Int64:
		codes(x.I64[at:], step, t.low, t.span, to)
	case t.span > 0 && len(t.links) == 0 && x.Type == tensor.Int32:
		codes(x.I32[at:], step, t.low, t.span, to)
	case t.span > 0 && x.Type == tensor.Float32 && (len(t.links) == 0 || len(t.links) == 1 && t.links[0].kind == linkCut):
		codes(x.F32[at:], step, t.low, t.span, to)
	case len(t.links) == 0 && x.Type == tensor.Int64:
		for i := range to {
			to[i] = t.place(x.I64[at+i*step])
		}
	default:
		t.load(x, first, numbers)
		for i, v := range numbers {
			to[i] = t.place(truncate(v))
		}
	}
	if t.refuse != nil {
		for _, p := range to {
			if t.refuse[p] {
				return false
			}
		}
	}
	return true
}

// place is the place of one integer.
func (t *term) place(v int64) int64 {
	if t.span > 0 {
		return int64(min(uint64(v)-uint64(t.low), t.span))
	}
	if k := t.find.index(v); k >= 0 {
		return int64(k)
	}
	return int64(len(t.tables[0]) - 1)
}

func codes[T number](x []T, step int, low int64, span uint64, to []int64) {
	k := 0
	for i := range to {
		to[i] = int64(min(uint64(truncate(x[k]))-uint64(low), span))
		k += step
	}
}

// add adds what the term says for some rows to the sums, block numbers a sum.
func (t *term) add(x *tensor.Tensor, first, block int, sums, numbers []float64, at []int64) bool {
	if t.tables == nil {
		if t.plain && len(t.weights) == 1 {
			t.single(x, first, sums[:len(at)])
			return true
		}
		t.load(x, first, numbers)
		for s, w := range t.weights {
			for i, v := range numbers {
				sums[s*block+i] += v * w
			}
		}
		return true
	}
	if !t.places(x, first, numbers, at) {
		return false
	}
	for s, table := range t.tables {
		sum := sums[s*block : s*block+len(at)]
		for i, p := range at {
			sum[i] += table[p]
		}
	}
	return true
}

func finite(weights []float64) bool {
	return !slices.ContainsFunc(weights, func(w float64) bool { return math.IsNaN(w) || math.IsInf(w, 0) })
}
