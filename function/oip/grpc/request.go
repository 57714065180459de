package grpc

import (
	"errors"
	"fmt"
	"strings"

	"online-inference/function/oip"
)

// A Request is a ModelInferRequest. Which model it is for is read at once, its
// tensors by Fill, when the model is known to be there.
type Request struct {
	Model, Version, ID string
	Raw                bool // the answer goes back as raw_output_contents

	message     []byte
	contentType string
	raw         [][]byte // raw_input_contents
	contents    [][]byte // the messages with the elements of one input, mostly one or none
	shapes      []int    // of all inputs
	scratch     []byte   // elements that had to be converted
}

// Bounds of a request that do not depend on a model, as REST has them.
const (
	maxTensors   = 4096
	maxRank      = 16
	maxDimension = 1<<31 - 1
)

// quote writes a client's text into a message.
func quote(text string) string { return oip.Describe(oip.String, []byte(text)) }

// unreadable words a message that is no message; a Status says already what it is.
func unreadable(err error) error {
	var s *Status
	if errors.As(err, &s) {
		return s
	}
	return errorf(InvalidArgument, "the message cannot be read: %s", err)
}

// parse reads all but the tensors. Memory of an earlier request is reused.
func (q *Request) parse(message []byte) error {
	*q = Request{message: message, raw: q.raw[:0], contents: q.contents[:0], shapes: q.shapes[:0], scratch: q.scratch[:0]}
	var binary parameter
	err := fields(message, func(fd field) (err error) {
		switch fd.number {
		case 1:
			q.Model, err = fd.text()
		case 2:
			q.Version, err = fd.text()
		case 3:
			q.ID, err = fd.text()
		case 4:
			var p parameter
			switch p, err = readParameter(fd, ""); p.name {
			case "binary_data_output":
				binary = p
			case "content_type":
				q.contentType = p.text
			}
		case 7:
			if err = fd.want(wireBytes); err == nil {
				q.raw = append(q.raw, fd.bytes)
			}
		}
		return err
	})
	if err != nil {
		return unreadable(err)
	}
	if q.Raw = len(q.raw) > 0; binary.isBool {
		q.Raw = binary.bool
	}
	return nil
}

// Fill reads the tensors into a request of the protocol, whose elements then are
// places in the message. Whether they fit their shapes is for that to Check.
func (q *Request) Fill(r *oip.Request) error {
	r.Reset()
	r.ContentType = q.contentType
	err := fields(q.message, func(fd field) error {
		switch fd.number {
		case 5:
			if len(r.Inputs) >= maxTensors {
				return errorf(ResourceExhausted, "too many inputs: expected at most %d", maxTensors)
			}
			return q.input(r, fd)
		case 6:
			if len(r.Outputs) >= maxTensors {
				return errorf(ResourceExhausted, "too many outputs: expected at most %d", maxTensors)
			}
			return output(r, fd)
		}
		return nil
	})
	if err != nil {
		return unreadable(err)
	}
	if n := len(q.raw); n > 0 && n != len(r.Inputs) {
		return errorf(InvalidArgument, `"raw_input_contents": expected %d elements, one for each of the inputs, got %d`, len(r.Inputs), n)
	}
	return nil
}

// input reads an InferInputTensor.
func (q *Request) input(r *oip.Request, fd field) error {
	if err := fd.want(wireBytes); err != nil {
		return err
	}
	i, start := len(r.Inputs), len(q.shapes)
	in, datatype := oip.Input{}, ""
	q.contents = q.contents[:0]
	err := fields(fd.bytes, func(fd field) (err error) {
		switch fd.number {
		case 1:
			in.Name, err = fd.text()
		case 2:
			datatype, err = fd.text()
		case 3:
			err = q.dimensions(fd, start, func() string { return "input " + quote(in.Name) })
		case 4:
			_, err = readParameter(fd, "input "+quote(in.Name)+": ")
		case 5:
			if err = fd.want(wireBytes); err == nil {
				q.contents = append(q.contents, fd.bytes)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	if in.Name == "" {
		return errorf(InvalidArgument, `input %d: "name" is missing`, i)
	}
	if in.Datatype, err = parseDatatype(datatype); err != nil {
		return errorf(InvalidArgument, "input %s: %s", quote(in.Name), err)
	}
	in.Shape = q.shapes[start:len(q.shapes):len(q.shapes)]
	switch {
	case len(q.raw) == 0:
		in.Raw, err = q.elements(&in)
	case len(q.contents) > 0:
		err = errorf(InvalidArgument, `input %s: "contents" and "raw_input_contents" are both given, expected one of them`, quote(in.Name))
	case i < len(q.raw):
		in.Raw = q.raw[i]
	}
	if in.Raw == nil {
		in.Raw = []byte{} // nil stands for values in JSON
	}
	r.Inputs = append(r.Inputs, in)
	return err
}

// parseDatatype finds a type by its name.
func parseDatatype(name string) (oip.Datatype, error) {
	if name == "" {
		return 0, errors.New(`"datatype" is missing`)
	}
	d := oip.ParseDatatype(name)
	if d != 0 {
		return d, nil
	}
	var names []string
	for d := oip.BOOL; d <= oip.BF16; d++ {
		names = append(names, d.String())
	}
	return 0, fmt.Errorf("unknown datatype %s, expected %s", quote(name), strings.Join(names, ", "))
}

// dimensions reads a shape, packed or not.
func (q *Request) dimensions(fd field, start int, where func() string) error {
	return integers(fd, func(v uint64) error {
		switch i, d := len(q.shapes)-start, int64(v); {
		case d < 0 || d > maxDimension:
			return errorf(InvalidArgument, `%s: "shape", dimension %d: expected an integer from 0 to %d, got %d`, where(), i, maxDimension, d)
		case i >= maxRank:
			return errorf(InvalidArgument, `%s: "shape": expected at most %d dimensions`, where(), maxRank)
		default:
			q.shapes = append(q.shapes, int(d))
		}
		return nil
	})
}

// integers calls f with each element of a repeated field of varints.
func integers(fd field, f func(v uint64) error) error {
	if fd.wire == wireVarint {
		return f(fd.bits)
	}
	if err := fd.want(wireBytes); err != nil {
		return err
	}
	for b := fd.bytes; len(b) > 0; {
		v, n, err := varint(b)
		if err == nil {
			err = f(v)
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// output reads an InferRequestedOutputTensor.
func output(r *oip.Request, fd field) error {
	if err := fd.want(wireBytes); err != nil {
		return err
	}
	where, name := fmt.Sprintf(`"outputs", output %d`, len(r.Outputs)), ""
	err := fields(fd.bytes, func(fd field) (err error) {
		switch fd.number {
		case 1:
			name, err = fd.text()
		case 2:
			_, err = readParameter(fd, where+": ")
		}
		return err
	})
	if err == nil && name == "" {
		err = errorf(InvalidArgument, `%s: "name" is missing`, where)
	}
	for i := range r.Outputs {
		if err == nil && r.Outputs[i].Name == name {
			err = errorf(InvalidArgument, "%s: duplicate output %s", where, quote(name))
		}
	}
	r.Outputs = append(r.Outputs, oip.Output{Name: name})
	return err
}

// A parameter is an entry of a map of InferParameters.
type parameter struct {
	name, text   string
	isBool, bool bool
}

// readParameter reads an entry; of tells in a message what it is a parameter of.
func readParameter(fd field, of string) (p parameter, err error) {
	if err := fd.want(wireBytes); err != nil {
		return p, err
	}
	set := false
	err = fields(fd.bytes, func(fd field) (err error) {
		switch fd.number {
		case 1:
			p.name, err = fd.text()
		case 2:
			if err = fd.want(wireBytes); err == nil {
				set, err = p.value(fd.bytes)
			}
		}
		return err
	})
	if err == nil && !set {
		err = errorf(InvalidArgument, `%s"parameters": %s: expected a string, a number or a boolean, got nothing`, of, quote(p.name))
	}
	return p, err
}

// value reads an InferParameter: a boolean, an int64, a string, a double or a
// uint64. Numbers have no meaning to this server.
func (p *parameter) value(b []byte) (set bool, err error) {
	err = fields(b, func(fd field) (err error) {
		p.isBool, p.text = fd.number == 1, ""
		switch fd.number {
		case 1, 2, 5:
			err = fd.want(wireVarint)
		case 3:
			p.text, err = fd.text()
		case 4:
			err = fd.want(wireFixed64)
		default:
			return nil
		}
		p.bool, set = fd.bits != 0, true
		return err
	})
	return set, err
}
