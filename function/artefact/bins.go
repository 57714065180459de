package artefact

import (
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"online-inference/engine"
)

// MaxBins bounds the bins of all features of a model together, and so the series
// of its metrics.
const MaxBins = 1000

// Bins count the values of the rows that a model has scored, by feature, in the
// bins that its training data fall into:
//
// A number's bins end at the distinct quantiles of the training data and hold
// their upper end; where several quantiles are equal, the bin that they end has the
// shares of all. The first bin holds the minimum; a minimum that is several
// quantiles is a bin of its own. So of the quantiles 0,0,0,0,0,0,1,1,1,2,3 come the
// bins 0, (0,1], (1,2] and (2,3] with the shares 0.5, 0.3, 0.1 and 0.1. Beside them
// stand "below" and "above" the training range, and "missing". A category's bins
// are its values, and "missing".
//
// A model with more than MaxBins of these has only "missing" and "out_of_range",
// for its first features, as many as fit.
type Bins struct {
	features []binned
	bins     []bin
	counts   []atomic.Uint64 // of the bins
}

// A bin is a part of a feature's values.
type bin struct {
	feature, label string
	share          float64 // of the training data's values that were not missing; NaN where it is not known
}

// The bins that are no values. A category that is called so is quoted.
const (
	binBelow      = "below"
	binAbove      = "above"
	binMissing    = "missing"
	binOutOfRange = "out_of_range"
)

// binned finds the bin of each value of a feature. Indexes are of Bins.bins, -1 for
// values that are not counted.
type binned struct {
	input, column, width int // where the model takes it
	category             bool

	from, to int // its bins
	missing  int

	// Of a number:
	low          float64   // less than this is below
	uppers       []float64 // the bins' upper ends
	first        int       // the bin of the first of them; -1 where only those outside are counted
	below, above int

	// Of a category:
	words []string       // where they are few
	text  map[string]int // else
	dense []int          // where the values are few and small
	ints  map[int64]int  // else
}

// newBins makes the bins of a model's features.
func newBins(features []Feature) *Bins {
	b, widths := &Bins{}, map[int]int{}
	for i := range features {
		f := &features[i]
		widths[f.Input] = max(widths[f.Input], f.Column+1)
	}
	for i := range features {
		b.add(&features[i], i, widths, false)
	}
	if len(b.bins) > MaxBins {
		b.features, b.bins = b.features[:0], b.bins[:0]
		for i := range features {
			b.add(&features[i], i, widths, true)
		}
	}
	b.counts = make([]atomic.Uint64, len(b.bins))
	return b
}

// add makes the bins of feature number i; few leaves out what is in range. widths
// are those of the model's inputs.
func (b *Bins) add(f *Feature, i int, widths map[int]int, few bool) {
	name := clipLabel(f.Name, i)
	p := binned{
		input: f.Input, column: f.Column, width: widths[f.Input], category: f.Type == Category,
		from: len(b.bins), missing: -1, first: -1, below: -1, above: -1, low: math.Inf(-1), uppers: []float64{math.Inf(1)},
	}
	next := func(label string, share float64) int {
		b.bins = append(b.bins, bin{name, label, share})
		return len(b.bins) - 1
	}
	room := !few || len(b.bins)+2 <= MaxBins
	switch {
	case !room:
	case f.Type == Category && !few:
		b.addCategories(f, &p, next)
	case f.Type == Category || !f.Training.Bounded():
	case few:
		p.below = next(binOutOfRange, math.NaN())
		p.above = p.below
		p.low, p.uppers = rounded(f, f.Training.Min), []float64{rounded(f, f.Training.Max)}
	default:
		b.addRange(f, &p, next)
	}
	if room && f.Nullable {
		p.missing = next(binMissing, math.NaN())
	}
	p.to = len(b.bins)
	b.features = append(b.features, p)
}

// addRange makes the bins of a number with a training range.
func (b *Bins) addRange(f *Feature, p *binned, next func(string, float64) int) {
	p.low = rounded(f, f.Training.Min)
	if !math.IsInf(p.low, -1) {
		p.below = next(binBelow, 0)
	}
	p.first, p.uppers = len(b.bins), nil
	q := f.Quantiles
	if len(q) == 0 {
		q = []float64{f.Training.Min, f.Training.Max}
	}
	// last is the highest rank of the quantile that ends the bin before.
	last, steps := 0, float64(len(q)-1)
	for i := range q {
		edge := rounded(f, q[i])
		if i+1 < len(q) && rounded(f, q[i+1]) == edge || i == 0 {
			continue
		}
		label := "(" + number(q[last]) + "," + number(q[i]) + "]"
		switch {
		case edge == p.low:
			label = number(q[i])
		case len(p.uppers) == 0:
			label = "[" + number(q[0]) + "," + number(q[i]) + "]"
		}
		p.uppers = append(p.uppers, edge)
		next(label, float64(i-last)/steps)
		last = i
	}
	if !math.IsInf(f.Training.Max, 1) {
		p.above = next(binAbove, 0)
	}
}

// rounded is an end of a bin as the model's input holds it: a value that is equal
// to it must stay so.
func rounded(f *Feature, edge float64) float64 {
	if f.Storage == engine.Float32 {
		return float64(float32(edge))
	}
	return edge
}

// maxDense bounds the values of categories that are looked up in a list.
const maxDense = 256

// addCategories makes a bin of each known value.
func (b *Bins) addCategories(f *Feature, p *binned, next func(string, float64) int) {
	rows := 0
	for i := range f.Categories {
		rows += f.Categories[i].Rows
	}
	text, dense := f.Storage == engine.String, true
	p.text, p.ints = make(map[string]int), make(map[int64]int)
	for i, c := range f.Categories {
		share := math.NaN()
		if rows > 0 {
			share = float64(c.Rows) / float64(rows)
		}
		at := next(categoryLabel(c.Value, i), share)
		if text {
			p.words = append(p.words, c.Value)
			p.text[c.Value] = at
			continue
		}
		n, err := strconv.ParseInt(c.Value, 10, 64)
		if err != nil {
			continue // mergeCategories has refused it
		}
		p.ints[n] = at
		dense = dense && 0 <= n && n < maxDense
	}
	p.first = p.from
	if len(p.words) > fewCategories {
		p.words = nil
	}
	if dense && !text {
		for n, at := range p.ints {
			for int(n) >= len(p.dense) {
				p.dense = append(p.dense, -1)
			}
			p.dense[n] = at
		}
	}
}

// maxBinLabel bounds the values of labels, in bytes.
const maxBinLabel = 64

// clipLabel bounds a word that becomes the value of a label. What is cut is longer
// than what is not, and ends with its number, so all stay different.
func clipLabel(word string, i int) string {
	if len(word) <= maxBinLabel && utf8.ValidString(word) {
		return word
	}
	word = strings.ToValidUTF8(word, "\uFFFD")
	return strings.ToValidUTF8(word[:min(len(word), maxBinLabel)], "") + "…#" + strconv.Itoa(i)
}

// categoryLabel is the bin of a category's value.
func categoryLabel(value string, i int) string {
	if value == binMissing || value == binOutOfRange || strings.HasPrefix(value, `"`) {
		value = strconv.Quote(value)
	}
	return clipLabel(value, i)
}

// Each calls do with every bin: its name, its share of the training data's values
// that were not missing, NaN where that is not known, and how many values of scored
// rows fell into it.
func (b *Bins) Each(do func(feature, bin string, share float64, values uint64)) {
	for i := range b.bins {
		do(b.bins[i].feature, b.bins[i].label, b.bins[i].share, b.counts[i].Load())
	}
}

// Bins are the model's counters of the values that it has scored.
func (m *Model) Bins() *Bins { return m.bins }

// localBins are counted without atomic additions in between.
const localBins = 64

// Count adds the values of all rows to the model's bins. It is called once for a
// batch that has been scored.
func (b *Batch) Count() {
	bins, rows := b.model.bins, b.Rows()
	if rows == 1 {
		for i := range bins.features {
			p := &bins.features[i]
			if at := p.find(b.Input(p.input), p.column); at >= 0 {
				bins.counts[at].Add(1)
			}
		}
		return
	}
	var local [localBins]uint32
	for i := range bins.features {
		p := &bins.features[i]
		n, t := p.to-p.from, b.Input(p.input)
		switch {
		case n == 0:
			continue
		case n > localBins:
			for row := range rows {
				if at := p.find(t, row*p.width+p.column); at >= 0 {
					bins.counts[at].Add(1)
				}
			}
			continue
		}
		p.tally(&local, t, rows)
		for k, values := range local[:n] {
			if values > 0 {
				bins.counts[p.from+k].Add(uint64(values))
				local[k] = 0
			}
		}
	}
}

// tally counts a column by bin, from p.from on.
func (p *binned) tally(local *[localBins]uint32, t *engine.Tensor, rows int) {
	at := p.column
	if t.Type == engine.Float32 && !p.category { // what most models take
		for range rows {
			if k := p.number(float64(t.F32[at])); k >= 0 {
				local[k-p.from]++
			}
			at += p.width
		}
		return
	}
	for range rows {
		if k := p.find(t, at); k >= 0 {
			local[k-p.from]++
		}
		at += p.width
	}
}

// find is the bin of element i of a tensor.
func (p *binned) find(t *engine.Tensor, i int) int {
	switch t.Type {
	case engine.String:
		return p.word(t.Str[i])
	case engine.Bool:
		return -1
	case engine.Int64:
		if p.category {
			return p.whole(t.I64[i])
		}
	case engine.Float32:
		if !p.category {
			return p.number(float64(t.F32[i]))
		}
	}
	x := float(t, i)
	switch {
	case !p.category:
		return p.number(x)
	case x != x:
		return p.missing
	}
	return p.whole(int64(x))
}

// number is the bin of a number; NaN is a missing one.
func (p *binned) number(x float64) int {
	switch {
	case x < p.low:
		return p.below
	case x != x:
		return p.missing
	}
	k := 0
	for k < len(p.uppers) && x > p.uppers[k] {
		k++
	}
	switch {
	case k == len(p.uppers):
		return p.above
	case p.first < 0:
		return -1
	}
	return p.first + k
}

// whole is the bin of a category that is a number.
func (p *binned) whole(n int64) int {
	if uint64(n) < uint64(len(p.dense)) {
		return p.dense[n]
	}
	if at, ok := p.ints[n]; ok {
		return at
	}
	return -1
}

// word is the bin of a category that is a string.
func (p *binned) word(s string) int {
	for k, w := range p.words {
		if w == s {
			return p.first + k
		}
	}
	if len(p.words) == 0 {
		if at, ok := p.text[s]; ok {
			return at
		}
	}
	if s == "" {
		return p.missing
	}
	return -1
}
