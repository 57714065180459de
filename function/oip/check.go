package oip

import (
	"fmt"
	"math"
	"slices"
)

// Datatype is the type of a tensor's elements; 0 is none.
type Datatype uint8

// The protocol's datatypes.
const (
	BOOL Datatype = 1 + iota
	UINT8
	UINT16
	UINT32
	UINT64
	INT8
	INT16
	INT32
	INT64
	FP16
	FP32
	FP64
	BYTES
	BF16
)

var datatypeNames = [...]string{"", "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64",
	"FP16", "FP32", "FP64", "BYTES", "BF16"}

// String is the protocol's name of the type.
func (d Datatype) String() string { return datatypeNames[d] }

// ParseDatatype finds a type by its name, which is in capitals; 0 without one.
func ParseDatatype(name string) Datatype { return parseDatatype(name) }

func parseDatatype[S string | []byte](name S) Datatype {
	for i, known := range datatypeNames {
		if string(name) == known {
			return Datatype(i)
		}
	}
	return 0
}

// Size is the number of bytes of an element in binary data, 0 for BYTES, whose
// elements have their own.
func (d Datatype) Size() int {
	switch d {
	case BOOL, UINT8, INT8:
		return 1
	case UINT16, INT16, FP16, BF16:
		return 2
	case UINT32, INT32, FP32:
		return 4
	case UINT64, INT64, FP64:
		return 8
	}
	return 0
}

// signed ranges of the integer types, unsigned ones but UINT64 included.
func (d Datatype) bounds() (lo, hi int64, ok bool) {
	switch d {
	case UINT8:
		return 0, math.MaxUint8, true
	case UINT16:
		return 0, math.MaxUint16, true
	case UINT32:
		return 0, math.MaxUint32, true
	case INT8:
		return math.MinInt8, math.MaxInt8, true
	case INT16:
		return math.MinInt16, math.MaxInt16, true
	case INT32:
		return math.MinInt32, math.MaxInt32, true
	case INT64:
		return math.MinInt64, math.MaxInt64, true
	}
	return 0, 0, false
}

// Check holds a whole request against the protocol's rules, and finds the places
// of the strings in binary data. Parse does so by itself.
func (r *Request) Check(lim Limits) error {
	if len(r.Inputs) == 0 {
		return fmt.Errorf(`"inputs": expected at least one tensor`)
	}
	var names map[string]bool // of many inputs; a few are compared with each other
	if len(r.Inputs) > 16 {
		names = make(map[string]bool, len(r.Inputs))
	}
	values := len(r.Cells) // the parser has bounded these
	for i := range r.Inputs {
		in := &r.Inputs[i]
		if err := in.complete(i); err != nil {
			return err
		}
		twice := names[in.Name]
		if names != nil {
			names[in.Name] = true
		} else {
			for k := range i {
				twice = twice || r.Inputs[k].Name == in.Name
			}
		}
		if twice {
			return &Fault{Text: "duplicate input " + quote([]byte(in.Name)), Input: in.Name, Row: -1, Column: -1}
		}
		if err := r.fit(i, lim, &values); err != nil {
			return of(in.Name, err)
		}
	}
	return nil
}

func (in *Input) complete(i int) error {
	if in.Raw != nil && in.seen == 0 { // made by hand
		return nil
	}
	for _, m := range [...]struct {
		field fields
		name  string
	}{{hasName, "name"}, {hasShape, "shape"}, {hasDatatype, "datatype"}, {hasData, "data"}} {
		if in.seen&m.field == 0 {
			return &Fault{Text: fmt.Sprintf("%s: %q is missing", in.label(i), m.name), Input: in.Name, Row: -1, Column: -1}
		}
	}
	if in.Raw == nil && (in.Datatype == FP16 || in.Datatype == BF16) {
		return &Fault{Text: fmt.Sprintf("%s: %s values cannot be written in JSON: send FP32", in.label(i), in.Datatype),
			Input: in.Name, Row: -1, Column: -1, Expected: "FP32", Got: in.Datatype.String()}
	}
	return nil
}

// fit holds shape and data of an input against each other.
func (r *Request) fit(i int, lim Limits, values *int) error {
	in := &r.Inputs[i]
	if len(in.Shape) == 0 {
		return fmt.Errorf(`%s: "shape": expected at least one dimension, the number of rows`, in.named())
	}
	product := 1
	for _, d := range in.Shape {
		if product *= d; product > maxDimension {
			return fmt.Errorf(`%s: "shape": %v has too many elements`, in.named(), slices.Clone(in.Shape))
		}
	}
	if in.Shape[0] > lim.Rows {
		return &LimitError{What: Rows, Limit: lim.Rows}
	}
	if in.Raw != nil {
		if *values += product; *values > lim.Cells {
			return &LimitError{What: "values", Limit: lim.Cells}
		}
		return r.fitRaw(in, product)
	}
	if product != in.Len {
		return mismatch(in, fmt.Sprintf("%d values", product), fmt.Sprintf(`%d in "data"`, in.Len))
	}
	if len(in.dims) > 1 && !slices.Equal(in.dims, in.Shape) {
		return fmt.Errorf(`%s: "data" is nested as %v, expected %v by its shape, or a flat list`, in.named(), slices.Clone(in.dims), slices.Clone(in.Shape))
	}
	return nil
}

// named is label for an input whose name is known.
func (in *Input) named() string { return "input " + quote([]byte(in.Name)) }

// mismatch says that the shape of an input asks for other data than it has.
func mismatch(in *Input, expected, got string) error {
	return &Fault{Text: fmt.Sprintf("%s: shape %v asks for %s, got %s", in.named(), slices.Clone(in.Shape), expected, got),
		Row: -1, Column: -1, Expected: expected, Got: got}
}

// CheckCell tells what is wrong with a value of a tensor of a datatype, or
// nothing: expected is empty where the value fits. A null fits every type here:
// whether a value may be missing is a rule of the model.
func (d Datatype) CheckCell(k Kind, text []byte) (expected string) {
	switch {
	case k == Null:
		return ""
	case d == BYTES:
		return unless(k == String, "a string (BYTES)")
	case d == BOOL:
		return unless(k == Bool, "true or false (BOOL)")
	case k != Number:
		return fmt.Sprintf("a number (%s)", d)
	}
	switch d {
	case FP64:
		return ""
	case FP32:
		f, ok := Float64(text)
		return unless(ok && !math.IsInf(float64(float32(f)), 0), fmt.Sprintf("a number within ±%v (FP32)", float32(math.MaxFloat32)))
	case UINT64:
		_, ok := Uint64(text)
		return unless(ok, "an integer from 0 to 18446744073709551615 (UINT64)")
	}
	lo, hi, _ := d.bounds()
	n, ok := Int64(text)
	if ok && lo <= n && n <= hi {
		return ""
	}
	return fmt.Sprintf("an integer from %d to %d (%s)", lo, hi, d)
}

func unless(ok bool, expected string) string {
	if ok {
		return ""
	}
	return expected
}
