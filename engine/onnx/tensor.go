package onnx

import (
	"encoding/binary"
	"fmt"
	"math"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// rawTensor is a TensorProto as the wire gives it: the values lie in one of
// several fields, by type and by the exporter's taste.
type rawTensor struct {
	name    string
	dims    []int64
	code    int64
	floats  []float32
	doubles []float64
	ints32  []int64 // also bool and uint8
	ints64  []int64
	strings []string
	raw     []byte
	hasRaw  bool

	external bool // the values lie in another file
}

// ParseTensor reads a file that holds one TensorProto, as the test data of ONNX
// does, and gives its name and value.
func ParseTensor(data []byte) (string, *tensor.Tensor, error) {
	r := &reader{data: data}
	name, t, lacks := readTensor(r)
	if r.err != nil {
		return "", nil, r.err
	}
	if lacks != "" {
		return "", nil, &modelfile.UnsupportedError{Format: "onnx", Reason: lacks}
	}
	return name, t, nil
}

// readTensor reads one TensorProto. A sound one that the engine cannot hold has
// type Invalid, and lacks says why.
func readTensor(r *reader) (name string, _ *tensor.Tensor, lacks string) {
	var t rawTensor
	for r.next() {
		switch r.field {
		case 1:
			t.dims = r.ints(t.dims)
		case 2:
			t.code = r.int()
		case 4:
			t.floats = r.floats(t.floats)
		case 5:
			t.ints32 = r.ints(t.ints32)
		case 6:
			t.strings = append(t.strings, r.string())
		case 7:
			t.ints64 = r.ints(t.ints64)
		case 8:
			t.name = r.string()
		case 9:
			t.raw, t.hasRaw = r.bytes(), true
		case 10:
			t.doubles = r.doubles(t.doubles)
		case 13:
			t.external = true
		}
	}
	if r.err != nil {
		return t.name, nil, ""
	}
	if t.external {
		return t.name, &tensor.Tensor{Type: tensor.Invalid}, fmt.Sprintf("tensor %q lies in a file of its own (external data)", t.name)
	}
	typ := ElemType(t.code)
	if typ == tensor.Invalid {
		return t.name, &tensor.Tensor{Type: tensor.Invalid}, fmt.Sprintf("tensor %q has element type %d", t.name, t.code)
	}
	out, reason := t.decode(typ)
	if reason != "" {
		r.fail("tensor %q: %s", t.name, reason)
	}
	return t.name, out, ""
}

// decode puts the values in place and checks that they are as many as the
// dimensions say.
func (t *rawTensor) decode(typ tensor.Type) (*tensor.Tensor, string) {
	out := &tensor.Tensor{Type: typ}
	want, reason := elements(t.dims)
	if reason != "" {
		return nil, reason
	}
	for _, d := range t.dims {
		out.Shape = append(out.Shape, int(d))
	}
	if t.hasRaw && typ != tensor.String {
		if reason := t.decodeRaw(out, want); reason != "" {
			return nil, reason
		}
		return out, ""
	}
	var have int
	switch typ {
	case tensor.Float32:
		out.F32, have = t.floats, len(t.floats)
	case tensor.Float64:
		out.F64, have = t.doubles, len(t.doubles)
	case tensor.Int64:
		out.I64, have = t.ints64, len(t.ints64)
	case tensor.String:
		out.Str, have = t.strings, len(t.strings)
	case tensor.Int32:
		out.I32, have = convert[int32](t.ints32), len(t.ints32)
	case tensor.Uint8:
		out.U8, have = convert[uint8](t.ints32), len(t.ints32)
	case tensor.Bool:
		out.Bool, have = make([]bool, len(t.ints32)), len(t.ints32)
		for i, v := range t.ints32 {
			out.Bool[i] = v != 0
		}
	}
	if have != want {
		return nil, fmt.Sprintf("shape %v wants %d values, it holds %d", out.Shape, want, have)
	}
	return out, ""
}

func elements(dims []int64) (int, string) {
	if len(dims) > modelfile.MaxRank {
		return 0, fmt.Sprintf("%d dimensions, at most %d are read", len(dims), modelfile.MaxRank)
	}
	n := int64(1)
	for _, d := range dims {
		if d < 0 || d > math.MaxInt32 {
			return 0, fmt.Sprintf("dimension %d", d)
		}
		if n *= d; n > math.MaxInt32 {
			return 0, fmt.Sprintf("shape %v is too large", dims)
		}
	}
	return int(n), ""
}

func convert[T int32 | uint8](from []int64) []T {
	to := make([]T, len(from))
	for i, v := range from {
		to[i] = T(v)
	}
	return to
}

// decodeRaw reads fixed-width little-endian values.
func (t *rawTensor) decodeRaw(out *tensor.Tensor, want int) string {
	size := map[tensor.Type]int{tensor.Float32: 4, tensor.Float64: 8, tensor.Int64: 8, tensor.Int32: 4, tensor.Uint8: 1, tensor.Bool: 1}[out.Type]
	if len(t.raw) != want*size {
		return fmt.Sprintf("shape %v of %v wants %d bytes, it holds %d", out.Shape, out.Type, want*size, len(t.raw))
	}
	out.Resize(out.Type, append([]int(nil), out.Shape...)...)
	le := binary.LittleEndian
	for i := range want {
		b := t.raw[i*size:]
		switch out.Type {
		case tensor.Float32:
			out.F32[i] = math.Float32frombits(le.Uint32(b))
		case tensor.Float64:
			out.F64[i] = math.Float64frombits(le.Uint64(b))
		case tensor.Int64:
			out.I64[i] = int64(le.Uint64(b))
		case tensor.Int32:
			out.I32[i] = int32(le.Uint32(b))
		case tensor.Uint8:
			out.U8[i] = b[0]
		case tensor.Bool:
			out.Bool[i] = b[0] != 0
		}
	}
	return ""
}
