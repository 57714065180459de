package graph

// A lane is a plain term as a few rows want it: its numbers beside those of the
// columns that follow it in a row of the input.
type lane struct {
	missing, fill         float32
	offset, scale, weight float64
}

// fewRows are summed row by row where columns stand side by side; more go
// column by column, whose sums do not wait for one another.
const fewRows = 6

// layLanes gives the first of neighbouring plain terms of one kind the lanes of all.
func layLanes(terms []term) {
	for i := 0; i < len(terms); {
		t := &terms[i]
		n := 1
		for i+n < len(terms) && t.joins(&terms[i+n], n) {
			n++
		}
		if n > 1 {
			for k := range terms[i : i+n] {
				t.lanes = append(t.lanes, terms[i+k].lane())
			}
		}
		i += n
	}
}

// joins tells whether another term is the nth behind t in the same rows.
func (t *term) joins(o *term, n int) bool {
	return t.plain && o.plain && len(t.weights) == 1 && t.from.slot == o.from.slot && t.from.at+n == o.from.at &&
		(t.impute == nil) == (o.impute == nil) && (t.scale == nil) == (o.scale == nil)
}

func (t *term) lane() lane {
	l := lane{weight: t.weights[0]}
	if t.impute != nil {
		l.missing, l.fill = float32(t.impute.a), float32(t.impute.b)
	}
	if t.scale != nil {
		l.offset, l.scale = t.scale.a, t.scale.b
	}
	return l
}

// side adds the lanes of one row to its sum; x starts at the first of them.
func (t *term) side(x []float32, sum float64) float64 {
	x = x[:len(t.lanes)]
	for i := range t.lanes {
		l, f := &t.lanes[i], x[i]
		if t.impute != nil && (f == l.missing || l.missing != l.missing && f != f) {
			f = l.fill
		}
		g := float64(f)
		if t.scale != nil {
			g = float64(float32((g - l.offset) * l.scale))
		}
		sum += g * l.weight
	}
	return sum
}
