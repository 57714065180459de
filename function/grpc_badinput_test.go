package main

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"online-inference/function/oip/grpc/oippb"
)

type (
	inferRequestPB = oippb.ModelInferRequest
	tensorPB       = oippb.ModelInferRequest_InferInputTensor
	contentsPB     = oippb.InferTensorContents
	outputPB       = oippb.ModelInferRequest_InferRequestedOutputTensor
)

// patients are the two of tensorsBody, complete, as a request of gRPC.
func patients(t *testing.T) *inferRequestPB {
	t.Helper()
	req := inferRequest(t, readGolden(t, "1")[:2])
	req.Id = "a-1"
	return req
}

// inputOf is the input of that name.
func inputOf(req *inferRequestPB, name string) *tensorPB {
	for _, in := range req.Inputs {
		if in.Name == name {
			return in
		}
	}
	return nil
}

// set gives an input other contents of another type.
func set(name, datatype string, c *contentsPB) func(*inferRequestPB) {
	return func(req *inferRequestPB) {
		in := inputOf(req, name)
		in.Datatype, in.Contents = datatype, c
	}
}

func shape(name string, dims ...int64) func(*inferRequestPB) {
	return func(req *inferRequestPB) { inputOf(req, name).Shape = dims }
}

// raw makes the request a raw one and changes an input's bytes.
func raw(name, datatype string, b []byte) func(*inferRequestPB) {
	return func(req *inferRequestPB) {
		r := asRaw(req)
		for i, in := range r.Inputs {
			if in.Name == name {
				in.Datatype, r.RawInputContents[i] = datatype, b
			}
		}
		proto.Reset(req)
		proto.Merge(req, r)
	}
}

func fp32(values ...float32) *contentsPB { return &contentsPB{Fp32Contents: values} }

const thalExpected = `one of "3" (normal), "6" (fixed defect), "7" (reversible defect) or null`

// badCalls are right requests with one thing wrong, by the code and the whole
// message that they have to be refused with. 0 stands for INVALID_ARGUMENT.
var badCalls = []struct {
	name    string
	change  func(*inferRequestPB)
	code    codes.Code
	message string
}{
	// What it is for.
	{"unknown model", func(r *inferRequestPB) { r.ModelName = "nope" }, codes.NotFound, `model "nope" not found: this server has "heart-disease"`},
	{"unknown version", func(r *inferRequestPB) { r.ModelVersion = "2" }, codes.NotFound, `version "2" of model "heart-disease" not found: this server has "1"`},
	{"no model", func(r *inferRequestPB) { r.ModelName = "" }, 0, `"model_name" is missing: expected the name of a model`},
	{"a long name", func(r *inferRequestPB) { r.ModelName = strings.Repeat("a", 1000) }, codes.NotFound,
		`model "` + strings.Repeat("a", 64) + `"… not found: this server has "heart-disease"`},

	// Tensors as a whole.
	{"no inputs", func(r *inferRequestPB) { r.Inputs = nil }, 0, `"inputs": expected at least one tensor`},
	{"nothing", func(r *inferRequestPB) { proto.Reset(r); r.ModelName = "heart-disease" }, 0, `"inputs": expected at least one tensor`},
	{"missing input", func(r *inferRequestPB) { r.Inputs = r.Inputs[1:] }, 0, "missing input age"},
	{"unknown input", func(r *inferRequestPB) { r.Inputs[0].Name = "Age" }, 0,
		`unknown input "Age", expected age, sex, cp, trestbps, chol, fbs, restecg, thalach, exang, oldpeak, slope, ca, thal`},
	{"input twice", func(r *inferRequestPB) { r.Inputs[1].Name = "age" }, 0, `duplicate input "age"`},
	{"no name", func(r *inferRequestPB) { r.Inputs[2].Name = "" }, 0, `input 2: "name" is missing`},
	{"no datatype", func(r *inferRequestPB) { r.Inputs[0].Datatype = "" }, 0, `input "age": "datatype" is missing`},
	{"lower-case datatype", func(r *inferRequestPB) { r.Inputs[0].Datatype = "fp32" }, 0,
		`input "age": unknown datatype "fp32", expected BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, FP32, FP64, BYTES, BF16`},
	{"too many inputs", func(r *inferRequestPB) { r.Inputs = make([]*tensorPB, 5000) }, 0, `input 0: "name" is missing`},

	// Shapes.
	{"no shape", shape("age"), 0, `input "age": "shape": expected at least one dimension, the number of rows`},
	{"negative shape", shape("age", -2, 1), 0, `input "age": "shape", dimension 0: expected an integer from 0 to 2147483647, got -2`},
	{"huge shape", shape("age", 2, 1<<40), 0, `input "age": "shape", dimension 1: expected an integer from 0 to 2147483647, got 1099511627776`},
	{"shape overflows", shape("age", 2, math.MaxInt32, math.MaxInt32), 0, `input "age": "shape": [2 2147483647 2147483647] has too many elements`},
	{"many dimensions", shape("age", make([]int64, 17)...), 0, `input "age": "shape": expected at most 16 dimensions`},
	{"shape and contents differ", shape("age", 3, 1), 0, `input "age": shape [3 1] asks for 3 values, got 2 in "fp32_contents"`},
	{"no contents", func(r *inferRequestPB) { r.Inputs[0].Contents = nil }, 0, `input "age": shape [2 1] asks for 2 values, got 0 in "fp32_contents"`},
	{"transposed", shape("age", 1, 2), 0, `input "age": expected shape [rows, 1] or [rows], got [1 2]`},
	{"another rank", shape("age", 2, 1, 1), 0, `input "age": expected shape [rows, 1] or [rows], got [2 1 1]`},
	{"rows differ", func(r *inferRequestPB) {
		shape("sex", 1)(r)
		set("sex", "INT64", &contentsPB{Int64Contents: []int64{1}})(r)
	}, 0, `input "sex": shape [1] has 1 rows, input "age" has 2`},
	{"too many rows", func(r *inferRequestPB) {
		shape("age", 11)(r)
		set("age", "FP32", fp32(make([]float32, 11)...))(r)
	}, codes.ResourceExhausted, "too many rows: expected at most 10"},

	// Contents in the wrong place, and of a wrong size.
	{"contents of another type", set("age", "FP32", &contentsPB{Int64Contents: []int64{63, 67}}), 0, `input "age": expected "fp32_contents" for FP32, got "int64_contents"`},
	{"contents twice", set("age", "FP32", &contentsPB{Fp32Contents: []float32{63, 67}, Fp64Contents: []float64{63, 67}}), 0,
		`input "age": expected "fp32_contents" for FP32, got "fp64_contents"`},
	{"strings for numbers", set("age", "FP32", &contentsPB{BytesContents: [][]byte{{'6'}, {}}}), 0, `input "age": expected "fp32_contents" for FP32, got "bytes_contents"`},
	{"typed FP16", set("age", "FP16", fp32(63, 67)), 0, `input "age": FP16 values have no typed contents: send raw_input_contents`},
	{"both forms", func(r *inferRequestPB) {
		full := proto.CloneOf(r)
		raw("age", "FP32", make([]byte, 8))(r)
		r.Inputs[0].Contents = full.Inputs[0].Contents
	}, 0, `input "age": "contents" and "raw_input_contents" are both given, expected one of them`},
	{"raw for a part", func(r *inferRequestPB) { raw("age", "FP32", nil)(r); r.RawInputContents = r.RawInputContents[:12] }, 0,
		`"raw_input_contents": expected 13 elements, one for each of the inputs, got 12`},
	{"raw for more", func(r *inferRequestPB) {
		raw("age", "FP32", nil)(r)
		r.RawInputContents = append(r.RawInputContents, nil)
	}, 0, `"raw_input_contents": expected 13 elements, one for each of the inputs, got 14`},
	{"short raw", raw("age", "FP32", make([]byte, 7)), 0, `input "age": shape [2 1] asks for 8 bytes of FP32, got 7`},
	{"long raw", raw("age", "FP64", make([]byte, 17)), 0, `input "age": shape [2 1] asks for 16 bytes of FP64, got 17`},
	{"raw string without length", raw("thal", "BYTES", []byte{1, 0, 0}), 0, `input "thal", element 0: expected a length of 4 bytes, got the last 3 bytes`},
	{"raw string cut short", raw("thal", "BYTES", []byte{1, 0, 0, 0, '3', 9, 0, 0, 0, '3'}), 0, `input "thal", element 1: expected a string of 9 bytes, got the last 1 bytes`},
	{"one raw string", raw("thal", "BYTES", []byte{1, 0, 0, 0, '3'}), 0, `input "thal": shape [2 1] asks for 2 strings, got 1`},
	{"raw string of huge length", raw("thal", "BYTES", []byte{0xff, 0xff, 0xff, 0xff, '3'}), 0, `input "thal", element 0: expected a string of 4294967295 bytes, got the last 1 bytes`},

	// Values, with the words of REST.
	{"out of bounds", set("age", "FP32", fp32(63, 121)), 0, `input "age", row 1, column 0: expected a number from 0 to 120 (years), got 121`},
	{"a fraction beyond", set("age", "FP64", &contentsPB{Fp64Contents: []float64{120.00001, 60}}), 0, `input "age", row 0, column 0: expected a number from 0 to 120 (years), got 120.00001`},
	{"NaN for a number", set("age", "FP32", fp32(float32(math.NaN()), 67)), 0, `input "age", row 0, column 0: expected a number from 0 to 120 (years), got NaN`},
	{"infinity", set("age", "FP32", fp32(float32(math.Inf(1)), 67)), 0, `input "age", row 0, column 0: expected a number from 0 to 120 (years), got +Inf`},
	{"infinity where NaN is taken", set("ca", "FP64", &contentsPB{Fp64Contents: []float64{0, math.Inf(-1)}}), 0,
		`input "ca", row 1, column 0: expected a number from 0 to 3 (vessels) or null, got -Inf`},
	{"no such category", set("sex", "INT64", &contentsPB{Int64Contents: []int64{1, 2}}), 0, `input "sex", row 1, column 0: expected one of 0 (female), 1 (male), got 2`},
	{"a fraction for a category", set("sex", "FP32", fp32(1.5, 1)), 0, `input "sex", row 0, column 0: expected one of 0 (female), 1 (male), got 1.5`},
	{"an integer beyond 2^53", set("sex", "INT64", &contentsPB{Int64Contents: []int64{1, 9007199254740993}}), 0,
		`input "sex", row 1, column 0: expected one of 0 (female), 1 (male), got 9007199254740993`},
	{"an integer beyond 2^63", set("sex", "UINT64", &contentsPB{Uint64Contents: []uint64{1, math.MaxUint64}}), 0,
		`input "sex", row 1, column 0: expected one of 0 (female), 1 (male), got 18446744073709551615`},
	{"true for a number", set("sex", "BOOL", &contentsPB{BoolContents: []bool{true, true}}), 0, `input "sex", row 0, column 0: expected one of 0 (female), 1 (male), got true`},
	{"no such string", set("thal", "BYTES", &contentsPB{BytesContents: [][]byte{[]byte("6"), []byte("5")}}), 0,
		`input "thal", row 1, column 0: expected ` + thalExpected + `, got "5"`},
	{"a number for a string", set("thal", "INT64", &contentsPB{Int64Contents: []int64{6, 3}}), 0, `input "thal", row 0, column 0: expected ` + thalExpected + `, got 6`},
	{"beyond INT8", set("sex", "INT8", &contentsPB{IntContents: []int32{1, 128}}), 0, `input "sex", row 1, column 0: expected an integer from -128 to 127 (INT8), got 128`},
	{"below INT16", set("sex", "INT16", &contentsPB{IntContents: []int32{-32769, 1}}), 0, `input "sex", row 0, column 0: expected an integer from -32768 to 32767 (INT16), got -32769`},
	{"beyond UINT8", set("sex", "UINT8", &contentsPB{UintContents: []uint32{256, 1}}), 0, `input "sex", row 0, column 0: expected an integer from 0 to 255 (UINT8), got 256`},
	{"beyond UINT16", set("sex", "UINT16", &contentsPB{UintContents: []uint32{1, 65536}}), 0, `input "sex", row 1, column 0: expected an integer from 0 to 65535 (UINT16), got 65536`},
	{"not UTF-8", set("thal", "BYTES", &contentsPB{BytesContents: [][]byte{{0xff}, {'3'}}}), 0, `input "thal", element 0: expected UTF-8, got "\xff"`},

	// Outputs and parameters.
	{"unknown output", func(r *inferRequestPB) { r.Outputs = []*outputPB{{Name: "score"}} }, 0, `unknown output "score", expected label, probabilities`},
	{"output twice", func(r *inferRequestPB) { r.Outputs = []*outputPB{{Name: "label"}, {Name: "label"}} }, 0, `"outputs", output 1: duplicate output "label"`},
	{"output without name", func(r *inferRequestPB) { r.Outputs = []*outputPB{{}} }, 0, `"outputs", output 0: "name" is missing`},
	{"empty parameter", func(r *inferRequestPB) { r.Parameters = map[string]*oippb.InferParameter{"a": {}} }, 0,
		`"parameters": "a": expected a string, a number or a boolean, got nothing`},
	{"empty parameter of an input", func(r *inferRequestPB) { r.Inputs[0].Parameters = map[string]*oippb.InferParameter{"a": {}} }, 0,
		`input "age": "parameters": "a": expected a string, a number or a boolean, got nothing`},
}

// TestGRPCBadInput: each is refused by code and whole message, and a right request
// right after it gets its answer. gzip changes nothing.
func TestGRPCBadInput(t *testing.T) {
	p := start(t, "MAX_ROWS=10")
	conn := callService(t, p)
	want := invoke(t, conn, callInfer, patients(t), &oippb.ModelInferResponse{})
	for _, c := range badCalls {
		t.Run(c.name, func(t *testing.T) {
			req := patients(t)
			c.change(req)
			code := c.code
			if code == 0 {
				code = codes.InvalidArgument
			}
			refused(t, conn, callInfer, req, code, c.message)
			after := invoke(t, conn, callInfer, patients(t), &oippb.ModelInferResponse{}, grpc.UseCompressor(gzip.Name))
			if diff := cmp.Diff(want, after, protocmp.Transform()); diff != "" {
				t.Errorf("right after it a right request got another answer: %s", diff)
			}
		})
	}
	for _, method := range []string{callModelReady, callModelMetadata} {
		refused(t, conn, method, &oippb.ModelReadyRequest{Name: "nope"}, codes.NotFound, `model "nope" not found: this server has "heart-disease"`)
		refused(t, conn, method, &oippb.ModelReadyRequest{Name: "heart-disease", Version: "9"}, codes.NotFound, `version "9" of model "heart-disease" not found: this server has "1"`)
		refused(t, conn, method, &oippb.ModelReadyRequest{}, codes.InvalidArgument, `"name" is missing: expected the name of a model`)
	}
	refused(t, conn, "/inference.GRPCInferenceService/RepositoryIndex", &oippb.ServerLiveRequest{}, codes.Unimplemented,
		`no such method: "/inference.GRPCInferenceService/RepositoryIndex"`)
}

// TestGRPCMissing: NaN and "" stand for missing values where a feature is nullable,
// and get the bits that null gets by REST.
func TestGRPCMissing(t *testing.T) {
	p := start(t)
	conn := callService(t, p)
	rows := readGolden(t, "1")[:2]
	rows[0].Row["ca"], rows[1].Row["thal"] = []byte("null"), []byte("null")
	want := inferAnswers(t, p.post(inferPath, inferBody(rows, false)).body)
	for form, req := range map[string]*inferRequestPB{"typed": inferRequest(t, rows), "raw": asRaw(inferRequest(t, rows))} {
		labels, probabilities := answersOf(t, invoke(t, conn, callInfer, req, &oippb.ModelInferResponse{}))
		for i := range rows {
			if labels[i] != want[i].label || probabilities[2*i] != float32(want[i].probabilities[0]) {
				t.Errorf("%s, row %d: %d %v, REST says %v", form, i, labels[i], probabilities[2*i], want[i])
			}
		}
	}
}

// TestGRPCDatatypes: a column of whole numbers gets the same answer in every type
// of numbers, typed and raw.
func TestGRPCDatatypes(t *testing.T) {
	p := start(t)
	conn := callService(t, p)
	want := invoke(t, conn, callInfer, patients(t), &oippb.ModelInferResponse{})
	rawWant := invoke(t, conn, callInfer, asRaw(patients(t)), &oippb.ModelInferResponse{})
	le := binary.LittleEndian
	for datatype, c := range map[string]*contentsPB{
		"INT8": {IntContents: []int32{1, 1}}, "INT16": {IntContents: []int32{1, 1}}, "INT32": {IntContents: []int32{1, 1}},
		"INT64": {Int64Contents: []int64{1, 1}}, "UINT8": {UintContents: []uint32{1, 1}}, "UINT16": {UintContents: []uint32{1, 1}},
		"UINT32": {UintContents: []uint32{1, 1}}, "UINT64": {Uint64Contents: []uint64{1, 1}},
		"FP32": fp32(1, 1), "FP64": {Fp64Contents: []float64{1, 1}},
	} {
		req := patients(t)
		set("sex", datatype, c)(req)
		got := invoke(t, conn, callInfer, req, &oippb.ModelInferResponse{})
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s: %s", datatype, diff)
		}
	}
	for datatype, element := range map[string][]byte{
		"INT8": {1}, "UINT8": {1}, "INT16": {1, 0}, "UINT16": {1, 0}, "INT32": le.AppendUint32(nil, 1), "UINT32": le.AppendUint32(nil, 1),
		"INT64": le.AppendUint64(nil, 1), "UINT64": le.AppendUint64(nil, 1), "FP16": {0, 0x3c}, "BF16": {0x80, 0x3f},
		"FP32": le.AppendUint32(nil, math.Float32bits(1)), "FP64": le.AppendUint64(nil, math.Float64bits(1)),
	} {
		req := patients(t)
		raw("sex", datatype, append(element[:len(element):len(element)], element...))(req)
		got := invoke(t, conn, callInfer, req, &oippb.ModelInferResponse{})
		if diff := cmp.Diff(rawWant, got, protocmp.Transform()); diff != "" {
			t.Errorf("raw %s: %s", datatype, diff)
		}
	}
}
