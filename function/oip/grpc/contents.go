package grpc

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"online-inference/function/oip"
)

// fieldNames are those of InferTensorContents, by their numbers.
var fieldNames = [...]string{"", "bool_contents", "int_contents", "int64_contents", "uint_contents", "uint64_contents",
	"fp32_contents", "fp64_contents", "bytes_contents"}

// contentsField is the field that elements of a type stand in, 0 without one.
func contentsField(d oip.Datatype) int {
	switch d {
	case oip.BOOL:
		return 1
	case oip.INT8, oip.INT16, oip.INT32:
		return 2
	case oip.INT64:
		return 3
	case oip.UINT8, oip.UINT16, oip.UINT32:
		return 4
	case oip.UINT64:
		return 5
	case oip.FP32:
		return 6
	case oip.FP64:
		return 7
	case oip.BYTES:
		return 8
	}
	return 0
}

// elements returns the elements of an input from its contents, in the form of raw
// ones: numbers of a type as they stand in the message where they stand there so.
func (q *Request) elements(in *oip.Input) ([]byte, error) {
	want := contentsField(in.Datatype)
	if want == 0 {
		return nil, errorf(InvalidArgument, `input %s: %s values have no typed contents: send raw_input_contents`, quote(in.Name), in.Datatype)
	}
	c := collector{q: q, in: in, width: in.Datatype.Size(), start: len(q.scratch)}
	for _, message := range q.contents {
		err := fields(message, func(fd field) error {
			switch {
			case fd.number == want:
				return c.read(fd)
			case fd.number < 1 || fd.number >= len(fieldNames):
				return nil
			case fd.number != 8 && fd.wire == wireBytes && len(fd.bytes) == 0:
				return nil // a packed field of no elements
			}
			return errorf(InvalidArgument, "input %s: expected %q for %s, got %q", quote(in.Name), fieldNames[want], in.Datatype, fieldNames[fd.number])
		})
		if err != nil {
			return nil, err
		}
	}
	product := 1
	for _, d := range in.Shape {
		if product *= d; product > maxDimension {
			return c.end(), nil // the request's Check words it
		}
	}
	if len(in.Shape) > 0 && c.n != product {
		return nil, errorf(InvalidArgument, "input %s: shape %v asks for %d values, got %d in %q",
			quote(in.Name), slices.Clone(in.Shape), product, c.n, fieldNames[want])
	}
	return c.end(), nil
}

// A collector takes the elements of one input.
type collector struct {
	q     *Request
	in    *oip.Input
	width int
	start int    // of them in scratch
	whole []byte // all of them, where they stand in the message as they are wanted
	n     int
}

// read takes a field of elements, packed or not.
func (c *collector) read(fd field) error {
	switch c.in.Datatype {
	case oip.BYTES:
		if err := fd.want(wireBytes); err != nil {
			return err
		}
		c.q.scratch = append(binary.LittleEndian.AppendUint32(c.q.scratch, uint32(len(fd.bytes))), fd.bytes...)
		c.n++
		return nil
	case oip.FP32, oip.FP64:
		return c.fixed(fd)
	}
	return integers(fd, c.integer)
}

// integer takes an integer or a boolean. The narrow types travel as 32 bits, of
// which a reader drops what is above, and have to fit their own width.
func (c *collector) integer(v uint64) error {
	ok := true
	var text []byte
	switch d := c.in.Datatype; d {
	case oip.BOOL:
		v = min(v, 1)
	case oip.INT8, oip.INT16:
		n, limit := int32(v), int32(1)<<(8*c.width-1)
		if ok = -limit <= n && n < limit; !ok {
			text = strconv.AppendInt(nil, int64(n), 10)
		}
	case oip.UINT8, oip.UINT16:
		if ok = uint32(v) < 1<<(8*c.width); !ok {
			text = strconv.AppendUint(nil, uint64(uint32(v)), 10)
		}
	}
	if !ok {
		return errorf(InvalidArgument, "%s: expected %s, got %s", c.place(), c.in.Datatype.CheckCell(oip.Number, text), text)
	}
	c.push(v)
	return nil
}

// push appends an element.
func (c *collector) push(v uint64) {
	c.q.scratch = binary.LittleEndian.AppendUint64(c.q.scratch, v)
	c.q.scratch = c.q.scratch[:len(c.q.scratch)-8+c.width]
	c.n++
}

// fixed takes floating-point numbers, which stand in the message as they are
// wanted, and mostly in one piece.
func (c *collector) fixed(fd field) error {
	single := wireFixed64
	if c.width == 4 {
		single = wireFixed32
	}
	if fd.wire == single {
		c.collect()
		c.push(fd.bits)
		return nil
	}
	if err := fd.want(wireBytes); err != nil {
		return err
	}
	if len(fd.bytes)%c.width != 0 {
		return fmt.Errorf("field %d has %d bytes, expected a multiple of %d", fd.number, len(fd.bytes), c.width)
	}
	if c.n == 0 {
		c.whole = fd.bytes
	} else {
		c.collect()
		c.q.scratch = append(c.q.scratch, fd.bytes...)
	}
	c.n += len(fd.bytes) / c.width
	return nil
}

// collect copies what stood in one piece, as more comes.
func (c *collector) collect() {
	c.q.scratch = append(c.q.scratch, c.whole...)
	c.whole = nil
}

// end returns the elements.
func (c *collector) end() []byte {
	if c.whole != nil {
		return c.whole
	}
	return c.q.scratch[c.start:len(c.q.scratch):len(c.q.scratch)]
}

// place names the next element in a message.
func (c *collector) place() string {
	width := 1
	if len(c.in.Shape) > 0 {
		for _, d := range c.in.Shape[1:] {
			width *= max(d, 1)
		}
	}
	width = max(width, 1)
	return fmt.Sprintf("input %s, row %d, column %d", quote(c.in.Name), c.n/width, c.n%width)
}
