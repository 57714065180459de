package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"online-inference/function/oip/grpc/oippb"
)

// The calls of the protocol.
const (
	protocol          = "/inference.GRPCInferenceService/"
	callInfer         = protocol + "ModelInfer"
	callModelReady    = protocol + "ModelReady"
	callModelMetadata = protocol + "ModelMetadata"
)

// callService connects grpc-go's own client to a process.
func callService(t *testing.T, p *process, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	opts = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, opts...)
	conn, err := grpc.NewClient("passthrough:///"+p.hostPort(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// invoke makes a call that has to succeed.
func invoke[T proto.Message](t *testing.T, conn *grpc.ClientConn, method string, req proto.Message, res T, opts ...grpc.CallOption) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := conn.Invoke(ctx, method, req, res, opts...); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return res
}

// refused makes a call that has to fail by a code and a whole message.
func refused(t *testing.T, conn *grpc.ClientConn, method string, req proto.Message, code codes.Code, message string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := conn.Invoke(ctx, method, req, new(oippb.ModelInferResponse))
	if got := status.Convert(err); got.Code() != code || got.Message() != message {
		t.Errorf("%s\ngot      %v %s\nexpected %v %s", method, got.Code(), got.Message(), code, message)
	}
}

// tensorOf writes a column of golden rows as a typed tensor.
func tensorOf(t *testing.T, name, datatype string, rows []goldenRow) *oippb.ModelInferRequest_InferInputTensor {
	t.Helper()
	c := &oippb.InferTensorContents{}
	for _, r := range rows {
		cell := string(r.Row[name])
		switch datatype {
		case "FP32":
			f := math.NaN()
			if cell != "null" {
				f = float(t, json.Number(cell))
			}
			c.Fp32Contents = append(c.Fp32Contents, float32(f))
		case "INT64":
			c.Int64Contents = append(c.Int64Contents, integer(t, json.Number(cell)))
		default:
			s := ""
			if cell != "null" {
				s = decode[string](t, cell)
			}
			c.BytesContents = append(c.BytesContents, []byte(s))
		}
	}
	return &oippb.ModelInferRequest_InferInputTensor{Name: name, Datatype: datatype, Shape: []int64{int64(len(rows)), 1}, Contents: c}
}

// inferRequest asks for golden rows with typed contents.
func inferRequest(t *testing.T, rows []goldenRow) *oippb.ModelInferRequest {
	t.Helper()
	req := &oippb.ModelInferRequest{ModelName: "heart-disease", Id: "golden"}
	for _, col := range columns {
		req.Inputs = append(req.Inputs, tensorOf(t, col.name, col.datatype, rows))
	}
	return req
}

// asRaw moves the contents of a request to raw_input_contents.
func asRaw(req *oippb.ModelInferRequest) *oippb.ModelInferRequest {
	req = proto.CloneOf(req)
	for _, in := range req.Inputs {
		req.RawInputContents = append(req.RawInputContents, rawOf(in.Contents))
		in.Contents = nil
	}
	return req
}

// rawOf writes contents of 64 bits, FP32, BOOL and BYTES in the raw form.
func rawOf(c *oippb.InferTensorContents) []byte {
	raw := []byte{}
	for _, v := range c.BoolContents {
		raw = append(raw, map[bool]byte{true: 1}[v])
	}
	for _, v := range c.Int64Contents {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	for _, v := range c.Fp32Contents {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	for _, v := range c.Fp64Contents {
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(v))
	}
	for _, v := range c.BytesContents {
		raw = append(binary.LittleEndian.AppendUint32(raw, uint32(len(v))), v...)
	}
	return raw
}

// answersOf reads labels and probabilities, typed or raw.
func answersOf(t *testing.T, res *oippb.ModelInferResponse) (labels []int64, probabilities []float32) {
	t.Helper()
	if len(res.Outputs) != 2 || res.Outputs[0].Name != "label" || res.Outputs[1].Name != "probabilities" {
		t.Fatalf("unexpected outputs in %v", res)
	}
	if len(res.RawOutputContents) == 0 {
		return res.Outputs[0].Contents.Int64Contents, res.Outputs[1].Contents.Fp32Contents
	}
	if res.Outputs[0].Contents != nil || res.Outputs[1].Contents != nil || len(res.RawOutputContents) != 2 {
		t.Fatalf("contents beside raw_output_contents in %v", res)
	}
	for raw := res.RawOutputContents[0]; len(raw) > 0; raw = raw[8:] {
		labels = append(labels, int64(binary.LittleEndian.Uint64(raw)))
	}
	for raw := res.RawOutputContents[1]; len(raw) > 0; raw = raw[4:] {
		probabilities = append(probabilities, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
	}
	return labels, probabilities
}

// TestGRPCGolden: all rows of the training data, the six with missing cells among
// them, get the same bits by gRPC as by REST, typed and raw, in both versions.
func TestGRPCGolden(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		t.Run(version, func(t *testing.T) {
			p := start(t, "MODEL_VERSION="+version)
			conn := callService(t, p)
			rows := readGolden(t, version)
			rest := p.post("/v2/models/heart-disease/infer", inferBody(rows, false))
			want := inferAnswers(t, rest.body)
			for form, req := range map[string]*oippb.ModelInferRequest{"typed": inferRequest(t, rows), "raw": asRaw(inferRequest(t, rows))} {
				req.ModelVersion = version
				res := invoke(t, conn, callInfer, req, &oippb.ModelInferResponse{})
				labels, probabilities := answersOf(t, res)
				if res.ModelName != "heart-disease" || res.ModelVersion != version || res.Id != "golden" || len(labels) != len(rows) {
					t.Fatalf("%s: model %q, version %q, id %q, %d labels", form, res.ModelName, res.ModelVersion, res.Id, len(labels))
				}
				if (form == "raw") != (len(res.RawOutputContents) > 0) {
					t.Errorf("%s: %d raw outputs", form, len(res.RawOutputContents))
				}
				for i := range rows {
					// The shortest text of a float32 and of its float64 differ; the float32 do not.
					got := answer{labels[i], [2]float64{float64(probabilities[2*i]), float64(probabilities[2*i+1])}}
					rest := answer{want[i].label, [2]float64{float64(float32(want[i].probabilities[0])), float64(float32(want[i].probabilities[1]))}}
					if got != rest {
						t.Errorf("%s, row %d: gRPC says %v, REST %v", form, i, got, rest)
					}
				}
				if got, want := res.Parameters["warnings"].GetStringParam(), decode[inferReply](t, rest.body).Parameters["warnings"]; got != want {
					t.Errorf("%s: warnings %q, REST has %q", form, got, want)
				}
			}
		})
	}
}

// TestGRPCMetadata: the five calls besides inference say what REST says.
func TestGRPCMetadata(t *testing.T) {
	p := start(t)
	conn := callService(t, p)
	if !invoke(t, conn, protocol+"ServerLive", &oippb.ServerLiveRequest{}, &oippb.ServerLiveResponse{}).Live {
		t.Error("not live")
	}
	if !invoke(t, conn, protocol+"ServerReady", &oippb.ServerReadyRequest{}, &oippb.ServerReadyResponse{}).Ready {
		t.Error("not ready")
	}
	for _, version := range []string{"", "1"} {
		if !invoke(t, conn, callModelReady, &oippb.ModelReadyRequest{Name: "heart-disease", Version: version}, &oippb.ModelReadyResponse{}).Ready {
			t.Errorf("version %q is not ready", version)
		}
	}
	server := invoke(t, conn, protocol+"ServerMetadata", &oippb.ServerMetadataRequest{}, &oippb.ServerMetadataResponse{})
	if diff := cmp.Diff(&oippb.ServerMetadataResponse{Name: "online-inference", Version: "dev", Extensions: []string{"binary_tensor_data"}}, server, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	model := invoke(t, conn, callModelMetadata, &oippb.ModelMetadataRequest{Name: "heart-disease", Version: "1"}, &oippb.ModelMetadataResponse{})
	rest := decode[struct {
		Name, Platform  string
		Versions        []string
		Inputs, Outputs []*oippb.ModelMetadataResponse_TensorMetadata
		Properties      map[string]string
	}](t, p.get("/v2/models/heart-disease").body)
	want := &oippb.ModelMetadataResponse{
		Name: rest.Name, Platform: rest.Platform, Versions: rest.Versions, Inputs: rest.Inputs, Outputs: rest.Outputs, Properties: rest.Properties,
	}
	if diff := cmp.Diff(want, model, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if len(model.Inputs) != 13 || len(model.Outputs) != 2 || model.Inputs[0].Shape[0] != -1 {
		t.Errorf("got %v", model)
	}
}

// TestGRPCHeaders: every answer says who gave it, errors too.
func TestGRPCHeaders(t *testing.T) {
	p := start(t)
	conn := callService(t, p)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "mine-1")
	for name, model := range map[string]string{"answer": "heart-disease", "error": "nope"} {
		var header metadata.MD
		err := conn.Invoke(ctx, callModelMetadata, &oippb.ModelMetadataRequest{Name: model}, &oippb.ModelMetadataResponse{}, grpc.Header(&header))
		if (err != nil) != (name == "error") {
			t.Fatal(err)
		}
		for key, want := range map[string]string{
			"x-model-name": "heart-disease", "x-model-version": "1", "x-revision": "online-inference-v1", "x-pod": "pod-a", "x-request-id": "mine-1",
		} {
			if got := strings.Join(header.Get(key), ","); got != want {
				t.Errorf("%s: %s is %q, expected %q", name, key, got, want)
			}
		}
	}
	res := invoke(t, conn, callInfer, inferRequest(t, readGolden(t, "1")[:1]), &oippb.ModelInferResponse{})
	if res.Parameters["revision"].GetStringParam() != "online-inference-v1" || res.Parameters["pod"].GetStringParam() != "pod-a" {
		t.Errorf("parameters %v", res.Parameters)
	}
	p.await("lines of the calls", func() bool { return len(p.out.with("request")) == 3 })
	metrics := p.get("/metrics").body
	for _, line := range []string{
		`oi_http_requests_total{code="200",model="heart-disease",route="/inference.GRPCInferenceService/ModelInfer",version="1"} 1`,
		`oi_rows_scored_total{model="heart-disease",route="/inference.GRPCInferenceService/ModelInfer",version="1"} 1`,
		`oi_feature_values_total{bin="(62,66]",feature="age",model="heart-disease",version="1"} 1`,
		`oi_http_requests_total{code="404",model="heart-disease",route="/inference.GRPCInferenceService/ModelMetadata",version="1"} 1`,
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

// TestGRPCOutputs: a part of the outputs, in the client's order, and raw as asked.
func TestGRPCOutputs(t *testing.T) {
	p := start(t)
	conn := callService(t, p)
	req := inferRequest(t, readGolden(t, "1")[:2])
	req.Outputs = []*oippb.ModelInferRequest_InferRequestedOutputTensor{{Name: "probabilities"}}
	req.Id = "ü\"1"
	res := invoke(t, conn, callInfer, req, &oippb.ModelInferResponse{})
	if len(res.Outputs) != 1 || res.Outputs[0].Name != "probabilities" || fmt.Sprint(res.Outputs[0].Shape) != "[2 2]" || res.Outputs[0].Datatype != "FP32" || res.Id != req.Id {
		t.Errorf("got %v", res)
	}
	req.Outputs = append(req.Outputs, &oippb.ModelInferRequest_InferRequestedOutputTensor{Name: "label"})
	res = invoke(t, conn, callInfer, req, &oippb.ModelInferResponse{})
	if len(res.Outputs) != 2 || res.Outputs[1].Name != "label" || len(res.Outputs[1].Contents.Int64Contents) != 2 {
		t.Errorf("got %v", res)
	}
	asked := func(v bool) map[string]*oippb.InferParameter {
		return map[string]*oippb.InferParameter{"binary_data_output": {ParameterChoice: &oippb.InferParameter_BoolParam{BoolParam: v}}}
	}
	req.Parameters = asked(true)
	if res = invoke(t, conn, callInfer, req, &oippb.ModelInferResponse{}); len(res.RawOutputContents) != 2 {
		t.Errorf("raw outputs were asked for, got %v", res)
	}
	raw := asRaw(inferRequest(t, readGolden(t, "1")[:2]))
	raw.Parameters = asked(false)
	if res = invoke(t, conn, callInfer, raw, &oippb.ModelInferResponse{}); len(res.RawOutputContents) != 0 {
		t.Errorf("typed outputs were asked for, got %v", res)
	}
}
