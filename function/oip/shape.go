package oip

import "fmt"

// maxRank bounds the number of dimensions.
const maxRank = 16

func (in *Input) shape(s *scanner, i int) error {
	if s.peek() != '[' {
		return s.instead(in.label(i)+`: "shape"`, "a list of integers")
	}
	e := elements{s: s}
	for e.next() {
		if e.i >= maxRank {
			return fmt.Errorf(`%s: "shape": expected at most %d dimensions`, in.label(i), maxRank)
		}
		s.peek()
		start := s.pos
		k, err := s.skip()
		if err != nil {
			return err
		}
		text := s.buf[start:s.pos]
		if k == String {
			text = text[1 : len(text)-1]
		}
		n, ok := dimension(text)
		if k != Number || !ok {
			return Unexpected(fmt.Sprintf(`%s: "shape", dimension %d`, in.label(i), e.i),
				fmt.Sprintf("an integer from 0 to %d", maxDimension), Describe(k, text))
		}
		in.Shape = append(in.Shape, n)
	}
	return e.err
}

// maxDimension is far above what a body can hold and far below an overflow: the
// product of two dimensions fits an int64.
const maxDimension = 1<<31 - 1

// dimension reads an integer that is written as one: 3, not 3.0.
func dimension(text []byte) (int, bool) {
	n := 0
	for _, c := range text {
		if c -= '0'; c > 9 {
			return 0, false
		}
		if n = n*10 + int(c); n > maxDimension {
			return 0, false
		}
	}
	return n, len(text) > 0
}

// data reads a list of values or of lists, and learns its dimensions on the way.
func (r *Request) data(in *Input, i, level int, lim Limits) error {
	s := &r.s
	if level >= maxRank {
		return fmt.Errorf(`%s: "data": nested deeper than %d`, in.label(i), maxRank)
	}
	known := level < len(in.dims)
	if !known {
		in.dims = append(in.dims, 0)
	}
	e := elements{s: s}
	for e.next() {
		if level == 0 {
			in.row = e.i
		}
		c := s.buf[s.pos]
		if c == '[' {
			if level == 0 && e.i >= lim.Rows {
				return &LimitError{What: Rows, Limit: lim.Rows}
			}
			if e.i > 0 && len(in.dims) == level+1 {
				return in.mixed(i)
			}
			e.err = r.data(in, i, level+1, lim)
			continue
		}
		if len(in.dims) > level+1 {
			return in.mixed(i)
		}
		if c == '{' {
			return s.instead(fmt.Sprintf(`%s, value %d`, in.label(i), len(r.Cells)-in.Start), "a single value")
		}
		cell, err := s.scalar()
		if err != nil {
			return err
		}
		if len(r.Cells) >= lim.Cells {
			return &LimitError{What: "values", Limit: lim.Cells}
		}
		r.Cells = append(r.Cells, cell)
	}
	if e.err != nil {
		return e.err
	}
	if !known {
		in.dims[level] = e.i
	} else if in.dims[level] != e.i {
		return fmt.Errorf(`%s: "data": ragged: row %d has a list of %d elements, those before it have %d`, in.label(i), in.row, e.i, in.dims[level])
	}
	return nil
}

// mixed reports a list that holds lists and values.
func (in *Input) mixed(i int) error {
	return fmt.Errorf(`%s: "data": ragged: lists and values are mixed at row %d`, in.label(i), in.row)
}
