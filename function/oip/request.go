package oip

import (
	"fmt"
	"slices"
	"strings"
)

// A Request is what a client sends to …/infer.
type Request struct {
	// ID is the request's id as it was written, quotes and escapes included, so
	// that it goes back byte for byte; nil without one.
	ID []byte
	// Inputs are the tensors, in the client's order.
	Inputs []Input
	// Outputs are what the client wants; none stands for all.
	Outputs []Output
	// ContentType is the parameter of that name: how the tensors make a table.
	ContentType string
	// Binary asks for binary data in all outputs that do not say otherwise.
	Binary bool
	// Cells holds the data of all inputs, each at its Start.
	Cells []Cell

	s      scanner
	tail   []byte // binary data that no input has taken yet
	binary bool   // there may be binary data
}

// An Input is one tensor of a request, whose data is flat and row-major.
type Input struct {
	Name     string
	Datatype Datatype
	Shape    []int
	Start    int // its first cell in Cells
	Len      int // its number of values, the product of Shape
	// Raw is the data as binary: little-endian, BOOL in one byte, each of BYTES
	// behind its length in four. It is nil where the values are JSON. Cells has
	// the values of a raw tensor only for BYTES, as places in Raw.
	Raw []byte

	seen fields
	dims []int // lengths of the nested lists, outermost first
	row  int   // the element of the outermost list that is being read
	size int   // binary_data_size, -1 without it
}

// An Output is one tensor that a client wants.
type Output struct {
	Name   string
	Binary bool // as binary data

	chosen bool // Binary is this output's own word
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

// Reset empties a request and keeps its memory, to be filled by hand.
func (r *Request) Reset() {
	*r = Request{Inputs: r.Inputs[:0], Outputs: r.Outputs[:0], Cells: r.Cells[:0]}
}

// Parse reads an inference request. Names that the protocol does not have are
// ignored, as real clients send some; names are case-sensitive, so that "Inputs"
// is such a name. Memory of an earlier request is reused.
func (r *Request) Parse(body []byte, lim Limits) error {
	r.Reset()
	return r.parse(body, lim)
}

// ParseBinary reads a request whose tensors may have their data, in the order of
// the inputs, in a tail behind the JSON text. The tail is kept, not copied.
func (r *Request) ParseBinary(head, tail []byte, lim Limits) error {
	r.Reset()
	r.tail, r.binary = tail[:len(tail):len(tail)], true
	return r.parse(head, lim)
}

func (r *Request) parse(body []byte, lim Limits) error {
	var err error
	if r.s, err = newScanner(body); err != nil {
		return err
	}
	s := &r.s
	if s.peek() != '{' {
		return s.instead("", "an inference request, an object")
	}
	inputs := false
	m := members{s: s}
	for m.next() {
		switch string(m.name) {
		case "id":
			m.err = r.id()
		case "parameters":
			m.err = parameters(s, "", r.parameter)
		case "inputs":
			inputs = true
			m.err = r.inputs(lim)
		case "outputs":
			m.err = r.outputs()
		default:
			_, m.err = s.skip()
		}
	}
	if m.err != nil {
		return m.err
	}
	if err := s.end(); err != nil {
		return err
	}
	if !inputs {
		return fmt.Errorf(`"inputs" is missing: expected a list of tensors`)
	}
	for i := range r.Outputs {
		if o := &r.Outputs[i]; !o.chosen {
			o.Binary = r.Binary
		}
	}
	if err := r.takeTail(); err != nil {
		return err
	}
	if err := r.Check(lim); err != nil {
		return err
	}
	if n := len(r.tail); n > 0 {
		return fmt.Errorf("%d bytes are left over behind the last binary tensor", n)
	}
	return nil
}

// null reads a null in the place of an optional member: some clients write every
// member that they do not set so.
func null(s *scanner) bool {
	return s.peek() == 'n' && s.literal("null") == nil
}

func (r *Request) id() error {
	s := &r.s
	if null(s) {
		return nil
	}
	if s.peek() != '"' {
		return s.instead(`"id"`, "a string")
	}
	start := s.pos
	if _, err := s.str(); err != nil {
		return err
	}
	r.ID = s.buf[start:s.pos]
	return nil
}

// parameter reads the parameters of a request that mean something.
func (r *Request) parameter(name string, c Cell) (err error) {
	switch name {
	case "binary_data_output":
		r.Binary, err = r.s.truth(c)
	case "content_type":
		if c.Kind() != String {
			return r.s.wrong(c, "a string")
		}
		r.ContentType = string(c.Text(r.s.buf))
	}
	return err
}

func (r *Request) inputs(lim Limits) error {
	s := &r.s
	if s.peek() != '[' {
		return s.instead(`"inputs"`, "a list of tensors")
	}
	e := elements{s: s}
	for e.next() {
		if e.i >= maxTensors {
			return &LimitError{What: "inputs", Limit: maxTensors}
		}
		if s.peek() != '{' {
			return s.instead(fmt.Sprintf(`"inputs", tensor %d`, e.i), "an object")
		}
		e.err = r.input(e.i, lim)
	}
	return e.err
}

// input reads tensor i. The slices and, where it is the same, the name of an
// earlier request's tensor are used again.
func (r *Request) input(i int, lim Limits) error {
	if i == cap(r.Inputs) {
		r.Inputs = append(r.Inputs, Input{})
	} else {
		r.Inputs = r.Inputs[:i+1]
	}
	in := &r.Inputs[i]
	*in = Input{Name: in.Name, Shape: in.Shape[:0], dims: in.dims[:0], Start: len(r.Cells), size: -1}
	m := members{s: &r.s}
	for m.next() {
		m.err = r.member(in, i, m.name, lim)
	}
	if m.err != nil && in.seen&hasName != 0 {
		return of(in.Name, m.err)
	}
	return m.err
}

// member reads one member of input i.
func (r *Request) member(in *Input, i int, name []byte, lim Limits) (err error) {
	s := &r.s
	switch string(name) {
	case "name":
		in.seen |= hasName
		if s.peek() != '"' {
			return s.instead(fmt.Sprintf(`"inputs", tensor %d, "name"`, i), "a string")
		}
		t, err := s.str()
		if err != nil {
			return err
		}
		if v := s.bytes(t); string(v) != in.Name {
			in.Name = string(v)
		}
		return nil
	case "datatype":
		in.seen |= hasDatatype
		return in.datatype(s, i)
	case "shape":
		in.seen |= hasShape
		if err := in.shape(s, i); err != nil {
			return err
		}
		if len(in.Shape) > 0 && in.Shape[0] > lim.Rows {
			return &LimitError{What: Rows, Limit: lim.Rows} // before its data are too many values
		}
		return nil
	case "data":
		in.seen |= hasData
		if s.peek() != '[' {
			return s.instead(in.label(i)+`: "data"`, "a list of values")
		}
		err := r.data(in, i, 0, lim)
		in.Len = len(r.Cells) - in.Start
		return err
	case "parameters":
		s.peek()
		if s.at('{') {
			return parameters(s, in.label(i)+": ", func(name string, c Cell) error { return in.parameter(s, name, c) })
		}
		return parameters(s, in.label(i)+": ", nil)
	}
	_, err = s.skip()
	return err
}

// label names an input in a message; before its name is known, by its place.
func (in *Input) label(i int) string {
	if in.seen&hasName != 0 {
		return "input " + quote([]byte(in.Name))
	}
	return fmt.Sprintf("input %d", i)
}

func (in *Input) datatype(s *scanner, i int) error {
	if s.peek() != '"' {
		return s.instead(in.label(i)+`, "datatype"`, "a string")
	}
	t, err := s.str()
	if err != nil {
		return err
	}
	name := s.bytes(t)
	if in.Datatype = parseDatatype(name); in.Datatype == 0 {
		expected := strings.Join(datatypeNames[1:], ", ")
		return &Fault{Text: fmt.Sprintf("%s: unknown datatype %s, expected %s", in.label(i), quote(name), expected),
			Row: -1, Column: -1, Expected: expected, Got: quote(name)}
	}
	return nil
}

// parameter reads the parameters of a tensor that mean something.
func (in *Input) parameter(s *scanner, name string, c Cell) error {
	switch name {
	case "binary_data_size":
		n, ok := dimension(c.Text(s.buf))
		if c.Kind() != Number || !ok {
			return s.wrong(c, fmt.Sprintf("an integer from 0 to %d", maxDimension))
		}
		in.size = n
	case "content_type":
		// Other codecs only tell what the strings are for; this one says that
		// they are no values.
		if c.Kind() != String {
			return s.wrong(c, "a string")
		}
		if string(c.Text(s.buf)) == "base64" {
			return s.wrong(c, "plain strings, as base64 is not decoded")
		}
	}
	return nil
}

// outputs reads what the client wants.
func (r *Request) outputs() error {
	s := &r.s
	if null(s) {
		return nil
	}
	if s.peek() != '[' {
		return s.instead(`"outputs"`, "a list")
	}
	var seen nameSet
	e := elements{s: s}
	for e.next() {
		if e.i >= maxTensors {
			return &LimitError{What: "outputs", Limit: maxTensors}
		}
		e.err = r.output(e.i, &seen)
	}
	return e.err
}

func (r *Request) output(i int, seen *nameSet) error {
	s := &r.s
	where := func() string { return fmt.Sprintf(`"outputs", output %d`, i) }
	if s.peek() != '{' {
		return s.instead(where(), "an object")
	}
	var o Output
	named := false
	m := members{s: s}
	for m.next() {
		switch string(m.name) {
		case "name":
			named = true
			if s.peek() != '"' {
				return s.instead(where()+`, "name"`, "a string")
			}
			t, err := s.str()
			if err != nil {
				return err
			}
			v := s.bytes(t)
			if !seen.add(s, t) {
				return fmt.Errorf("%s: duplicate output %s", where(), quote(v))
			}
			if o.Name = r.oldOutput(i); o.Name != string(v) {
				o.Name = string(v)
			}
		case "parameters":
			m.err = parameters(s, where()+": ", func(name string, c Cell) (err error) {
				if name == "binary_data" {
					o.chosen = true
					o.Binary, err = s.truth(c)
				}
				return err
			})
		default:
			_, m.err = s.skip()
		}
	}
	if m.err != nil {
		return m.err
	}
	if !named {
		return fmt.Errorf(`%s: "name" is missing`, where())
	}
	r.Outputs = append(r.Outputs, o)
	return nil
}

// oldOutput is the name of an earlier request's output, which tends to be the same.
func (r *Request) oldOutput(i int) string {
	if i < cap(r.Outputs) {
		return r.Outputs[:i+1][i].Name
	}
	return ""
}

// takeTail gives every input that has a binary_data_size its part of the tail.
func (r *Request) takeTail() error {
	for i := range r.Inputs {
		in := &r.Inputs[i]
		switch {
		case in.size < 0:
			continue
		case !r.binary:
			return of(in.Name, &Fault{Text: in.label(i) + `: "binary_data_size" needs the header Inference-Header-Content-Length`, Row: -1, Column: -1})
		case in.seen&hasData != 0:
			return of(in.Name, &Fault{Text: in.label(i) + `: both "data" and "binary_data_size" are given`, Row: -1, Column: -1})
		case in.size > len(r.tail):
			return of(in.Name, Unexpected(in.label(i)+`: "binary_data_size"`, fmt.Sprintf("%d bytes behind the JSON text", in.size),
				fmt.Sprint(len(r.tail))))
		}
		in.seen |= hasData
		in.Raw, r.tail = r.tail[:in.size:in.size], r.tail[in.size:]
		if in.Raw == nil {
			in.Raw = []byte{}
		}
	}
	return nil
}

// HasBinary tells whether any of the answer's tensors is wanted as binary data.
func (r *Request) HasBinary() bool {
	if len(r.Outputs) == 0 {
		return r.Binary
	}
	return slices.ContainsFunc(r.Outputs, func(o Output) bool { return o.Binary })
}

// WantsBinary tells whether the answer's tensor i is wanted as binary data.
func (r *Request) WantsBinary(i int) bool {
	if len(r.Outputs) == 0 {
		return r.Binary
	}
	return r.Outputs[i].Binary
}
