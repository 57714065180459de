package grpc

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"online-inference/function/oip"
	"online-inference/function/oip/grpc/oippb"
)

// limits are ample for what fuzzing makes.
var limits = oip.Limits{Rows: 1 << 16, Cells: 1 << 20}

// read is what the server does with a message before a model comes in.
func read(message []byte) (*Request, *oip.Request, error) {
	q, r := new(Request), new(oip.Request)
	if err := q.parse(message); err != nil {
		return q, r, err
	}
	if err := q.Fill(r); err != nil {
		return q, r, err
	}
	return q, r, r.Check(limits)
}

// elementsOf is the truth of an input's elements: the library's message, written
// in the raw form.
func elementsOf(req *oippb.ModelInferRequest, i int) []byte {
	if len(req.RawInputContents) > 0 {
		return req.RawInputContents[i]
	}
	c, width := req.Inputs[i].GetContents(), oip.ParseDatatype(req.Inputs[i].Datatype).Size()
	le, raw := binary.LittleEndian, []byte{}
	integer := func(v uint64) { raw = le.AppendUint64(raw, v)[:len(raw)+width] }
	for _, v := range c.GetBoolContents() {
		integer(map[bool]uint64{true: 1}[v])
	}
	for _, v := range c.GetIntContents() {
		integer(uint64(v))
	}
	for _, v := range c.GetInt64Contents() {
		integer(uint64(v))
	}
	for _, v := range c.GetUintContents() {
		integer(uint64(v))
	}
	for _, v := range c.GetUint64Contents() {
		integer(v)
	}
	for _, v := range c.GetFp32Contents() {
		integer(uint64(math.Float32bits(v)))
	}
	for _, v := range c.GetFp64Contents() {
		integer(math.Float64bits(v))
	}
	for _, v := range c.GetBytesContents() {
		raw = append(le.AppendUint32(raw, uint32(len(v))), v...)
	}
	return raw
}

// agree holds what was read against the library's reading of the same message.
func agree(t *testing.T, message []byte) {
	t.Helper()
	q, r, err := read(message)
	var want oippb.ModelInferRequest
	if libErr := proto.Unmarshal(message, &want); err != nil || libErr != nil {
		if err == nil {
			t.Fatalf("the library refuses what is taken here: %v", libErr)
		}
		return
	}
	if q.Model != want.ModelName || q.Version != want.ModelVersion || q.ID != want.Id || len(r.Inputs) != len(want.Inputs) || len(r.Outputs) != len(want.Outputs) {
		t.Fatalf("got %+v, the library reads %v", q, &want)
	}
	for i, in := range r.Inputs {
		w := want.Inputs[i]
		shape := make([]int64, len(in.Shape))
		for k, d := range in.Shape {
			shape[k] = int64(d)
		}
		if in.Name != w.Name || in.Datatype.String() != w.Datatype || !slices.Equal(shape, w.Shape) {
			t.Fatalf("input %d: got %q %s %v, the library reads %v", i, in.Name, in.Datatype, in.Shape, w)
		}
		if elements := elementsOf(&want, i); !bytes.Equal(in.Raw, elements) {
			t.Fatalf("input %d: elements %x, the library reads %x", i, in.Raw, elements)
		}
	}
	for i, o := range r.Outputs {
		if o.Name != want.Outputs[i].Name {
			t.Fatalf("output %d: got %q, the library reads %v", i, o.Name, want.Outputs[i])
		}
	}
}

// seeds are messages of every form.
func seeds(tb testing.TB) [][]byte {
	tb.Helper()
	tensor := func(datatype string, c *oippb.InferTensorContents, dims ...int64) *oippb.ModelInferRequest_InferInputTensor {
		return &oippb.ModelInferRequest_InferInputTensor{Name: "x", Datatype: datatype, Shape: dims, Contents: c}
	}
	var all [][]byte
	add := func(req *oippb.ModelInferRequest) {
		b, err := proto.Marshal(req)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, b)
	}
	for _, in := range []*oippb.ModelInferRequest_InferInputTensor{
		tensor("BOOL", &oippb.InferTensorContents{BoolContents: []bool{true, false}}, 2),
		tensor("INT8", &oippb.InferTensorContents{IntContents: []int32{-128, 127}}, 2, 1),
		tensor("INT16", &oippb.InferTensorContents{IntContents: []int32{-32768}}, 1),
		tensor("INT32", &oippb.InferTensorContents{IntContents: []int32{math.MinInt32}}, 1),
		tensor("INT64", &oippb.InferTensorContents{Int64Contents: []int64{math.MinInt64, 1 << 53}}, 1, 2),
		tensor("UINT8", &oippb.InferTensorContents{UintContents: []uint32{255}}, 1),
		tensor("UINT16", &oippb.InferTensorContents{UintContents: []uint32{65535}}, 1),
		tensor("UINT32", &oippb.InferTensorContents{UintContents: []uint32{math.MaxUint32}}, 1),
		tensor("UINT64", &oippb.InferTensorContents{Uint64Contents: []uint64{math.MaxUint64}}, 1),
		tensor("FP32", &oippb.InferTensorContents{Fp32Contents: []float32{1.5, float32(math.NaN())}}, 2),
		tensor("FP64", &oippb.InferTensorContents{Fp64Contents: []float64{math.Inf(1), -0.1}}, 2),
		tensor("BYTES", &oippb.InferTensorContents{BytesContents: [][]byte{[]byte("a"), {}}}, 2),
		tensor("FP32", nil, 0, 1),
	} {
		add(&oippb.ModelInferRequest{ModelName: "m", ModelVersion: "1", Id: "i", Inputs: []*oippb.ModelInferRequest_InferInputTensor{in}})
	}
	choice := map[string]*oippb.InferParameter{
		"a": {ParameterChoice: &oippb.InferParameter_BoolParam{BoolParam: true}}, "b": {ParameterChoice: &oippb.InferParameter_Int64Param{Int64Param: -1}},
		"c": {ParameterChoice: &oippb.InferParameter_StringParam{StringParam: "ü"}}, "d": {ParameterChoice: &oippb.InferParameter_DoubleParam{DoubleParam: 0.5}},
		"e": {ParameterChoice: &oippb.InferParameter_Uint64Param{Uint64Param: 7}},
	}
	raw := &oippb.ModelInferRequest{
		ModelName: "m", Parameters: choice, Outputs: []*oippb.ModelInferRequest_InferRequestedOutputTensor{{Name: "y", Parameters: choice}},
		Inputs:           []*oippb.ModelInferRequest_InferInputTensor{tensor("FP16", nil, 1), tensor("BYTES", nil, 1)},
		RawInputContents: [][]byte{{0, 0x3c}, {1, 0, 0, 0, 'b'}},
	}
	raw.Inputs[0].Parameters, raw.Inputs[0].Name = choice, "z"
	add(raw)
	// Contents in pieces, packed and not, a group, and an unknown field.
	input := []byte("\x0a\x01x\x12\x04FP32\x18\x03\x2a\x06\x32\x04\x00\x00\x80\x3f\x2a\x05\x35\x00\x00\x00\x40\x2a\x06\x32\x04\x00\x00\x40\x40")
	pieces := append([]byte("\x0a\x01m\x2a"), byte(len(input)))
	all = append(all, append(append(pieces, input...), "\x7b\x7b\x08\x01\x7c\x7c\xf8\x06\x01"...))
	return all
}

func TestSeedsAreTaken(t *testing.T) {
	for i, message := range seeds(t) {
		if _, _, err := read(message); err != nil {
			t.Errorf("seed %d: %v", i, err)
		}
		agree(t, message)
	}
}

// FuzzInfer reads any bytes as a ModelInferRequest: no panic, nothing taken that
// the library refuses, and what is taken is what the library reads.
func FuzzInfer(f *testing.F) {
	for _, message := range seeds(f) {
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message []byte) { agree(t, message) })
}

// FuzzReflection asks any question: the answer is always a message.
func FuzzReflection(f *testing.F) {
	f.Add([]byte("\x3a\x01*"))
	f.Add([]byte("\x22\x0dinference.Foo"))
	f.Add([]byte("\x1a\x0finference.proto"))
	f.Add([]byte("\x0a\x01h\x2a\x03\x0a\x01a"))
	h := New(Options{})
	h.schemas.read()
	f.Fuzz(func(t *testing.T, question []byte) {
		host, asked, text, err := parseQuestion(question)
		if err != nil {
			return
		}
		dst := appendElement(appendString(nil, 1, host), 2, question)
		if err := fields(h.schemas.append(dst, asked, text), func(field) error { return nil }); err != nil {
			t.Fatal(err)
		}
	})
}
