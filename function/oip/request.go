package oip

import (
	"fmt"
	"strings"
)

// A Request is what a client sends to …/infer.
type Request struct {
	// ID is the request's id as it was written, quotes and escapes included, so
	// that it goes back byte for byte; nil without one.
	ID []byte
	// Inputs are the tensors, in the client's order.
	Inputs []Input
	// Outputs names the outputs that the client wants; none stands for all.
	Outputs []string
	// Cells holds the data of all inputs, each at its Start.
	Cells []Cell
}

// An Input is one tensor of a request, whose data is flat and row-major.
type Input struct {
	Name     string
	Datatype Datatype
	Shape    []int
	Start    int // its first cell in Cells
	Len      int // its number of cells, the product of Shape

	seen fields
	dims []int // lengths of the nested lists, outermost first
	row  int   // the element of the outermost list that is being read
}

// fields are the members of an input that a request gave.
type fields uint8

const (
	hasName fields = 1 << iota
	hasShape
	hasDatatype
	hasData
)

// Limits bound a request.
type Limits struct {
	Rows  int // of one tensor: its first dimension
	Cells int // of all tensors
}

// maxTensors bounds the inputs and the requested outputs of one request.
const maxTensors = 4096

// Parse reads an inference request. Names that the protocol does not have are
// ignored, as real clients send some; names are case-sensitive, so that "Inputs"
// is such a name. Memory of an earlier request is reused.
func (r *Request) Parse(body []byte, lim Limits) error {
	*r = Request{Inputs: r.Inputs[:0], Cells: r.Cells[:0]}
	s, err := newScanner(body)
	if err != nil {
		return err
	}
	if s.peek() != '{' {
		return expectedList(&s, "expected an inference request, an object")
	}
	inputs := false
	err = s.object(func(name []byte) error {
		switch string(name) {
		case "id":
			return r.id(&s)
		case "parameters":
			return parameters(&s, "")
		case "inputs":
			inputs = true
			return r.inputs(&s, lim)
		case "outputs":
			return r.outputs(&s)
		}
		_, err := s.skip()
		return err
	})
	if err != nil {
		return err
	}
	if err := s.end(); err != nil {
		return err
	}
	if !inputs {
		return fmt.Errorf(`"inputs" is missing: expected a list of tensors`)
	}
	return r.check(lim)
}

// null reads a null in the place of an optional member: some clients write every
// member that they do not set so.
func null(s *scanner) bool {
	return s.peek() == 'n' && s.literal("null") == nil
}

func (r *Request) id(s *scanner) error {
	if null(s) {
		return nil
	}
	if s.peek() != '"' {
		return expectedList(s, `"id": expected a string`)
	}
	start := s.pos
	if _, err := s.str(); err != nil {
		return err
	}
	r.ID = s.buf[start:s.pos]
	return nil
}

// parameters checks an object of parameters: names with a string, a number or a
// boolean each. No parameter has a meaning to this server yet.
func parameters(s *scanner, of string) error {
	if null(s) {
		return nil
	}
	if s.peek() != '{' {
		return expectedList(s, of+`"parameters": expected an object`)
	}
	return s.object(func(name []byte) error {
		s.peek()
		start := s.pos
		k, err := s.skip()
		if err != nil {
			return err
		}
		if k == Null || k == Array || k == Object {
			return fmt.Errorf(`%s"parameters": %s: expected a string, a number or a boolean, got %s`,
				of, quote(name), Describe(k, s.buf[start:s.pos]))
		}
		return nil
	})
}

func (r *Request) inputs(s *scanner, lim Limits) error {
	if s.peek() != '[' {
		return expectedList(s, `"inputs": expected a list of tensors`)
	}
	return s.array(func(i int) error {
		if i >= maxTensors {
			return &LimitError{What: "inputs", Limit: maxTensors}
		}
		if s.peek() != '{' {
			return expectedList(s, fmt.Sprintf(`"inputs", tensor %d: expected an object`, i))
		}
		in := Input{Start: len(r.Cells)}
		if i < cap(r.Inputs) { // keep the memory of an earlier request's slices
			old := r.Inputs[:i+1][i]
			in.Shape, in.dims = old.Shape[:0], old.dims[:0]
		}
		err := s.object(func(name []byte) error { return r.member(s, &in, i, string(name), lim) })
		r.Inputs = append(r.Inputs, in)
		return err
	})
}

// member reads one member of input i.
func (r *Request) member(s *scanner, in *Input, i int, name string, lim Limits) error {
	where := func() string { return in.label(i) }
	switch name {
	case "name":
		in.seen |= hasName
		v, err := s.word(func() string { return fmt.Sprintf(`"inputs", tensor %d, "name"`, i) })
		in.Name = v
		return err
	case "datatype":
		in.seen |= hasDatatype
		v, err := s.word(func() string { return where() + `, "datatype"` })
		if err != nil {
			return err
		}
		if in.Datatype = ParseDatatype(v); in.Datatype == 0 {
			return fmt.Errorf("%s: unknown datatype %s, expected %s", where(), quote([]byte(v)), strings.Join(datatypeNames[1:], ", "))
		}
		return nil
	case "shape":
		in.seen |= hasShape
		if err := in.shape(s, where); err != nil {
			return err
		}
		if len(in.Shape) > 0 && in.Shape[0] > lim.Rows {
			return &LimitError{What: Rows, Limit: lim.Rows} // before its data are too many values
		}
		return nil
	case "data":
		in.seen |= hasData
		if s.peek() != '[' {
			return expectedList(s, where()+`: "data": expected a list of values`)
		}
		err := r.data(s, in, 0, where, lim)
		in.Len = len(r.Cells) - in.Start
		return err
	case "parameters":
		return parameters(s, where()+": ")
	}
	_, err := s.skip()
	return err
}

// label names an input in a message; before its name is known, by its place.
func (in *Input) label(i int) string {
	if in.seen&hasName != 0 {
		return "input " + quote([]byte(in.Name))
	}
	return fmt.Sprintf("input %d", i)
}

// word reads a string; where tells the place in a message.
func (s *scanner) word(where func() string) (string, error) {
	if s.peek() != '"' {
		return "", expectedList(s, where()+": expected a string")
	}
	t, err := s.str()
	if err != nil {
		return "", err
	}
	return string(s.bytes(t)), nil
}

// maxRank bounds the number of dimensions.
const maxRank = 16

func (in *Input) shape(s *scanner, where func() string) error {
	if s.peek() != '[' {
		return expectedList(s, where()+`: "shape": expected a list of integers`)
	}
	return s.array(func(i int) error {
		if i >= maxRank {
			return fmt.Errorf(`%s: "shape": expected at most %d dimensions`, where(), maxRank)
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
			return fmt.Errorf(`%s: "shape", dimension %d: expected an integer from 0 to %d, got %s`,
				where(), i, maxDimension, Describe(k, text))
		}
		in.Shape = append(in.Shape, n)
		return nil
	})
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
func (r *Request) data(s *scanner, in *Input, level int, where func() string, lim Limits) error {
	if level >= maxRank {
		return fmt.Errorf(`%s: "data": nested deeper than %d`, where(), maxRank)
	}
	known := level < len(in.dims)
	if !known {
		in.dims = append(in.dims, 0)
	}
	n := 0
	err := s.array(func(i int) error {
		n = i + 1
		if level == 0 {
			in.row = i
		}
		if s.peek() == '[' {
			if level == 0 && i >= lim.Rows {
				return &LimitError{What: Rows, Limit: lim.Rows}
			}
			if i > 0 && len(in.dims) == level+1 {
				return r.mixed(in, where)
			}
			return r.data(s, in, level+1, where, lim)
		}
		if len(in.dims) > level+1 {
			return r.mixed(in, where)
		}
		if s.peek() == '{' {
			return expectedList(s, fmt.Sprintf(`%s, value %d: expected a single value`, where(), len(r.Cells)-in.Start))
		}
		c, err := s.scalar()
		if err != nil {
			return err
		}
		if len(r.Cells) >= lim.Cells {
			return &LimitError{What: "values", Limit: lim.Cells}
		}
		r.Cells = append(r.Cells, c)
		return nil
	})
	if err != nil {
		return err
	}
	if !known {
		in.dims[level] = n
	} else if in.dims[level] != n {
		return fmt.Errorf(`%s: "data": ragged: row %d has a list of %d elements, those before it have %d`, where(), in.row, n, in.dims[level])
	}
	return nil
}

// mixed reports a list that holds lists and values.
func (r *Request) mixed(in *Input, where func() string) error {
	return fmt.Errorf(`%s: "data": ragged: lists and values are mixed at row %d`, where(), in.row)
}

func (r *Request) outputs(s *scanner) error {
	if null(s) {
		return nil
	}
	if s.peek() != '[' {
		return expectedList(s, `"outputs": expected a list`)
	}
	var seen nameSet
	return s.array(func(i int) error {
		if i >= maxTensors {
			return &LimitError{What: "outputs", Limit: maxTensors}
		}
		where := func() string { return fmt.Sprintf(`"outputs", output %d`, i) }
		if s.peek() != '{' {
			return expectedList(s, where()+": expected an object")
		}
		named := false
		err := s.object(func(name []byte) error {
			switch string(name) {
			case "name":
				named = true
				v, err := s.word(func() string { return where() + `, "name"` })
				if err == nil && !seen.add([]byte(v)) {
					return fmt.Errorf("%s: duplicate output %s", where(), quote([]byte(v)))
				}
				r.Outputs = append(r.Outputs, v)
				return err
			case "parameters":
				return parameters(s, where()+": ")
			}
			_, err := s.skip()
			return err
		})
		if err == nil && !named {
			err = fmt.Errorf(`%s: "name" is missing`, where())
		}
		return err
	})
}
