package graph

import (
	"math"
	"slices"

	"online-inference/engine/tensor"
)

// A column is one element of each row of a value, written as a function of one
// column of an input. It is of one of three kinds: a number (the input's number
// behind some links), a function of a text, or one cell of a one-hot code.
type column struct {
	from  source
	typ   tensor.Type
	links []link
	text  *text // nil for a number
	hot   *hot  // the code that it is a cell of; nil for none
	cell  int
}

// A source is a column of an input of the plan.
type source struct {
	slot, width, at int
	typ             tensor.Type
}

// A link is one step of arithmetic on a number. Numbers are held as float64,
// which is exact for float32 and its sums, products and quotients rounded once
// more (53 bits are more than twice 24).
type link struct {
	kind linkKind
	a, b float64
}

type linkKind uint8

const (
	linkRound  linkKind = iota // to float32
	linkWhole                  // an int64 of an input to float32, in one rounding
	linkCut                    // to int64
	linkImpute                 // a becomes b
	linkScale                  // (v - a) * b, to float32
	linkAdd
	linkSub
	linkMul
	linkDiv
)

func (l link) apply(v float64) float64 {
	switch l.kind {
	case linkRound:
		return float64(float32(v))
	case linkCut:
		return float64(truncate(v))
	case linkImpute:
		if v == l.a || l.a != l.a && v != v {
			return l.b
		}
	case linkScale:
		return float64(float32((v - l.a) * l.b))
	case linkAdd:
		return v + l.a
	case linkSub:
		return v - l.a
	case linkMul:
		return v * l.a
	case linkDiv:
		return v / l.a
	}
	return v
}

// A text is a function of a string that tells only its keys apart: all other
// strings go the same way.
type text struct {
	keys []string
	cost int // operators that eval goes through
	eval func(s string) cell
}

// maxCost bounds the operators that are gone through for one number or text:
// chains of Where would double them.
const maxCost = 64

// A cell is the value of a text: a string, or a number that float64 holds.
type cell struct {
	str string
	num float64
}

// A hot is a one-hot code of a column.
type hot struct {
	base    column
	ints    []int64
	strings []string
	strict  bool // unknown categories are refused
}

func (h *hot) len() int { return max(len(h.ints), len(h.strings)) }

// linked puts a link behind a column.
func (c column) linked(l link, typ tensor.Type) (column, bool) {
	switch {
	case c.hot != nil || c.typ == tensor.String || len(c.links) >= maxCost || c.text != nil && c.text.cost >= maxCost:
		return c, false
	case c.text != nil:
		f := c.text.eval
		c.text = &text{c.text.keys, c.text.cost + 1, func(s string) cell { return cell{num: l.apply(f(s).num)} }}
	default:
		c.links = append(slices.Clip(c.links), l)
	}
	c.typ = typ
	return c, true
}

// cast is a column under the operator Cast.
func (c column) cast(to tensor.Type) (column, bool) {
	from := c.typ
	whole := from == tensor.Int64 || from == tensor.Int32
	switch {
	case from == to:
		return c, true
	case from == tensor.String || to == tensor.String || to == tensor.Uint8:
		return c, false
	case to == tensor.Bool:
		if c.text == nil || c.hot != nil || c.text.cost >= maxCost {
			return c, false
		}
		f := c.text.eval
		c.text = &text{c.text.keys, c.text.cost + 1, func(s string) cell { return cell{num: float64(choose[uint8](f(s).num != 0))} }}
	case c.hot != nil || to == tensor.Float64 || to == tensor.Int64 && (whole || from == tensor.Bool):
		// 0 and 1, and numbers that the wider type holds
	case to == tensor.Float32 && from == tensor.Int64 && c.text == nil && len(c.links) == 0:
		return c.linked(link{kind: linkWhole}, to)
	case to == tensor.Float32:
		return c.linked(link{kind: linkRound}, to)
	case to == tensor.Int64:
		return c.linked(link{kind: linkCut}, to)
	default:
		return c, false
	}
	c.typ = to
	return c, true
}

// encoded is a column under the operator LabelEncoder with keys of text.
func (c column) encoded(keys []string, values, fallback *tensor.Tensor) (column, bool) {
	if c.text == nil || c.typ != tensor.String || c.text.cost >= maxCost {
		return c, false
	}
	cells := make([]cell, 0, len(keys)+1)
	for i := range len(keys) + 1 {
		from, k := values, i
		if i == len(keys) {
			from, k = fallback, 0
		}
		var v cell
		if from.Type == tensor.String {
			v.str = from.Str[k]
		} else {
			v.num = numberAt(from, k)
		}
		if math.Abs(v.num) > 1<<53 {
			return c, false // an integer that float64 may not hold
		}
		cells = append(cells, v)
	}
	find, f := newFinder(keys), c.text.eval
	c.text = &text{slices.Concat(c.text.keys, keys), c.text.cost + 1, func(s string) cell {
		if k := find.index(f(s).str); k >= 0 {
			return cells[k]
		}
		return cells[len(keys)]
	}}
	c.typ = values.Type
	return c, true
}

// chosen is the operator Where on columns; a nil one is a constant.
func chosen(cond column, x, y *column, constants [2]cell, typ tensor.Type) (column, bool) {
	if cond.text == nil || cond.hot != nil {
		return cond, false
	}
	sides := [2]func(string) cell{}
	keys, cost := cond.text.keys, cond.text.cost+1
	for i, side := range [2]*column{x, y} {
		switch {
		case side == nil:
			sides[i] = func(string) cell { return constants[i] }
		case side.text == nil || side.hot != nil || side.from != cond.from:
			return cond, false
		default:
			sides[i], keys, cost = side.text.eval, slices.Concat(keys, side.text.keys), cost+side.text.cost
		}
		if cost > maxCost {
			return cond, false
		}
	}
	f := cond.text.eval
	cond.text = &text{keys, cost, func(s string) cell {
		if f(s).num != 0 {
			return sides[0](s)
		}
		return sides[1](s)
	}}
	cond.typ = typ
	return cond, true
}
