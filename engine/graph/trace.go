package graph

import (
	"slices"

	"online-inference/engine/tensor"
)

// maxTraced bounds the columns that are followed through a graph, so that a
// file cannot make loading slow; a plan beyond it runs step by step.
const maxTraced = 1 << 16

// A trace follows the columns of inputs through the steps of a plan.
type trace struct {
	c       *compiler
	columns map[int][]column // by slot
	left    int
}

func (c *compiler) newTrace() *trace {
	t := &trace{c: c, columns: map[int][]column{}, left: maxTraced}
	for _, p := range c.plan.Inputs {
		if len(p.Shape) != 2 || !signedTypes.has(p.Type) && p.Type != tensor.String {
			continue
		}
		var cols []column
		for i := range min(p.Shape[1], t.left+1) {
			col := column{from: source{p.slot, p.Shape[1], i, p.Type}, typ: p.Type}
			if p.Type == tensor.String {
				col.text = &text{eval: func(s string) cell { return cell{str: s} }}
			}
			cols = append(cols, col)
		}
		t.set(p.slot, cols)
	}
	return t
}

// set keeps the columns of a value, unless there are too many in all.
func (t *trace) set(slot int, cols []column) {
	if t.left -= len(cols); t.left >= 0 && len(cols) > 0 {
		t.columns[slot] = cols
	}
}

// shape is the shape that three rows gave a value.
func (t *trace) shape(slot int) []int { return t.c.tried.values[slot].Shape }

// step follows one step; what it does not know ends there.
func (t *trace) step(s *step, b *build) {
	out := s.out[0]
	if shape := t.shape(out); len(shape) < 2 || t.left < 0 {
		return
	}
	cols := t.columns[s.in[0]]
	if cols == nil {
		return
	}
	switch b.op {
	case "Concat":
		t.concat(s, b)
	case ml + ".FeatureVectorizer":
		t.vectorizer(s)
	case "Gather", ml + ".ArrayFeatureExtractor":
		t.pick(s, b, cols)
	case "Reshape", "Flatten":
		if t.keepsRows(s, b, len(cols)) {
			t.set(out, cols)
		}
	case "Cast":
		to := b.out[0].typ
		t.each(out, cols, func(_ int, c column) (column, bool) { return c.cast(to) })
	case ml + ".Scaler":
		t.scaler(out, b, cols)
	case ml + ".Imputer":
		t.imputer(out, b, cols)
	case "Add", "Sub", "Mul", "Div":
		t.arithmetic(s, b, cols)
	case ml + ".LabelEncoder":
		t.encoder(out, b, cols)
	case "Where":
		t.where(s, b, cols)
	case ml + ".OneHotEncoder":
		t.oneHot(out, b, cols)
	}
}

func (t *trace) each(out int, cols []column, f func(int, column) (column, bool)) {
	result := make([]column, 0, len(cols))
	for i, c := range cols {
		c, ok := f(i, c)
		if !ok {
			return
		}
		result = append(result, c)
	}
	t.set(out, result)
}

// concat lays columns side by side where nothing but rows stands before the axis.
func (t *trace) concat(s *step, b *build) {
	shape := t.shape(s.out[0])
	axis, err := axisOf(b.int("axis", 0), len(shape))
	if err != nil || axis == 0 {
		return
	}
	for _, d := range shape[1:axis] {
		if d != 1 {
			return
		}
	}
	t.join(s, func(c column) (column, bool) { return c, true })
}

func (t *trace) vectorizer(s *step) {
	t.join(s, func(c column) (column, bool) {
		if c.typ == tensor.Float32 {
			return c, true
		}
		return c.linked(link{kind: linkRound}, tensor.Float32)
	})
}

func (t *trace) join(s *step, f func(column) (column, bool)) {
	var all []column
	for _, slot := range s.in {
		cols := t.columns[slot]
		if len(all)+len(cols) > t.left {
			t.left = -1
		}
		if cols == nil || t.left < 0 {
			return
		}
		for _, c := range cols {
			c, ok := f(c)
			if !ok {
				return
			}
			all = append(all, c)
		}
	}
	t.set(s.out[0], all)
}

func (t *trace) pick(s *step, b *build, cols []column) {
	index := b.in[1].constant
	if len(t.shape(s.in[0])) != 2 || index == nil || len(index.Shape) == 0 || index.Len() > t.left {
		return
	}
	if b.op == "Gather" {
		if axis := b.int("axis", 0); len(index.Shape) != 1 || axis != 1 && axis != -1 {
			return
		}
	}
	var picked []column
	for k := range index.Len() {
		i := indexAt(index, k)
		if i < 0 && b.op == "Gather" {
			i += len(cols)
		}
		if i < 0 || i >= len(cols) {
			return
		}
		picked = append(picked, cols[i])
	}
	t.set(s.out[0], picked)
}

// keepsRows tells whether a new shape leaves each row its elements, whatever
// the number of rows.
func (t *trace) keepsRows(s *step, b *build, width int) bool {
	if b.op == "Flatten" {
		return b.int("axis", 1) == 1
	}
	if len(b.in) < 2 || b.in[1].constant == nil {
		return false
	}
	want, n := b.in[1].constant.I64, 1
	for _, d := range t.shape(s.out[0])[1:] {
		n *= d
	}
	if len(want) < 2 || n != width {
		return false
	}
	open := slices.ContainsFunc(want[1:], func(d int64) bool { return d < 1 })
	return want[0] == -1 && !open || want[0] == 0 && b.int("allowzero", 0) == 0
}

func (t *trace) scaler(out int, b *build, cols []column) {
	offset, scale := b.floats("offset"), b.floats("scale")
	t.each(out, cols, func(i int, c column) (column, bool) {
		return c.linked(link{linkScale, float64(offset[i%len(offset)]), float64(scale[i%len(scale)])}, tensor.Float32)
	})
}

func (t *trace) imputer(out int, b *build, cols []column) {
	values, missing := b.floats("imputed_value_floats"), b.float("replaced_value_float", 0)
	if len(values) == 0 || !b.typ(0).IsFloat() {
		return
	}
	t.each(out, cols, func(i int, c column) (column, bool) {
		return c.linked(link{linkImpute, float64(missing), float64(values[i%len(values)])}, c.typ)
	})
}

// arithmetic follows numbers of the file that are added to columns and so on.
func (t *trace) arithmetic(s *step, b *build, cols []column) {
	kind := map[string]linkKind{"Add": linkAdd, "Sub": linkSub, "Mul": linkMul, "Div": linkDiv}[b.op]
	y, shape := b.in[1].constant, t.shape(s.in[0])
	if y == nil || b.version < 7 || !b.typ(0).IsFloat() || len(shape) != 2 || len(y.Shape) > 2 {
		return
	}
	n := y.Len()
	if n != 1 && (n != len(cols) || y.Shape[len(y.Shape)-1] != n) {
		return
	}
	t.each(s.out[0], cols, func(i int, c column) (column, bool) {
		c, ok := c.linked(link{kind: kind, a: numberAt(y, i%n)}, c.typ)
		if ok && c.typ == tensor.Float32 {
			return c.linked(link{kind: linkRound}, c.typ)
		}
		return c, ok
	})
}

func (t *trace) encoder(out int, b *build, cols []column) {
	if b.version < 2 || b.typ(0) != tensor.String {
		return
	}
	keys, values := b.table("keys"), b.table("values")
	fallback := b.fallback(values)
	if len(keys.Str)*len(cols) > t.left {
		return
	}
	t.left -= len(keys.Str) * len(cols)
	t.each(out, cols, func(_ int, c column) (column, bool) { return c.encoded(keys.Str, values, fallback) })
}

func (t *trace) where(s *step, b *build, cols []column) {
	if !slices.Equal(t.shape(s.out[0]), t.shape(s.in[0])) {
		return
	}
	var sides [2][]column
	var constants [2]cell
	for i := range sides {
		switch k := b.in[i+1].constant; {
		case k == nil:
			sides[i] = t.columns[s.in[i+1]]
			if len(sides[i]) != len(cols) {
				return
			}
		case k.Len() != 1:
			return
		case k.Type == tensor.String:
			constants[i].str = k.Str[0]
		case k.Type.IsFloat():
			constants[i].num = numberAt(k, 0)
		default:
			return
		}
	}
	t.each(s.out[0], cols, func(i int, c column) (column, bool) {
		var x, y *column
		if sides[0] != nil {
			x = &sides[0][i]
		}
		if sides[1] != nil {
			y = &sides[1][i]
		}
		c, ok := chosen(c, x, y, constants, b.out[0].typ)
		if ok {
			t.left -= len(c.text.keys)
		}
		return c, ok && t.left > 0
	})
}

func (t *trace) oneHot(out int, b *build, cols []column) {
	ints, strings, strict := b.ints("cats_int64s"), b.strings("cats_strings"), b.int("zeros", 1) == 0
	var cells []column
	for _, c := range cols {
		h := &hot{base: c, ints: ints, strings: strings, strict: strict}
		if c.hot != nil || len(cells)+h.len() > t.left {
			return
		}
		for k := range h.len() {
			cells = append(cells, column{from: c.from, typ: tensor.Float32, hot: h, cell: k})
		}
	}
	t.set(out, cells)
}
