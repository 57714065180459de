package conform

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"online-inference/function/oip/grpc/oippb"
	"online-inference/oinf/conform/checks"
)

// A mutant is the real server with one fault; the check named has to find it.
type mutant struct {
	fault  string
	caught string // id of a check
	change func(*reply)
}

// at limits a fault to paths that end so.
func at(suffix string, change func(*reply)) func(*reply) {
	return func(r *reply) {
		if strings.HasSuffix(r.request.URL.Path, suffix) && !r.grpc() {
			change(r)
		}
	}
}

// swap replaces text in the answers to inferences over HTTP.
func swap(from, to string) func(*reply) {
	return func(r *reply) {
		if r.infer() && !r.grpc() {
			r.replace(from, to)
		}
	}
}

// pattern is swap with an expression.
func pattern(from, to string) func(*reply) {
	e := regexp.MustCompile(from)
	return func(r *reply) {
		if r.infer() && !r.grpc() {
			r.body = e.ReplaceAll(r.body, []byte(to))
		}
	}
}

func header(suffix, name, value string) func(*reply) {
	return at(suffix, func(r *reply) {
		r.header.Del(name)
		if value != "" {
			r.header.Set(name, value)
		}
	})
}

// answered changes ModelInfer's message.
func answered(change func(*oippb.ModelInferResponse)) func(*reply) {
	return func(r *reply) { r.message(change) }
}

const model = "/v2/models/heart-disease"

var mutants = []mutant{
	{"health without a body", "live-body", at("/live", func(r *reply) { r.body = nil })},
	{"health as text", "ready-body", header("/v2/health/ready", "Content-Type", "text/plain")},
	{"readiness of another model", "model-ready-body", at(model+"/ready", func(r *reply) { r.replace("heart-disease", "other") })},
	{"metadata without extensions", "server-metadata", at("/v2", func(r *reply) { r.replace("extensions", "more") })},
	{"an extension that is no string", "server-metadata", at("/v2", func(r *reply) { r.replace(`["binary`, `[1,"binary`) })},
	{"metadata as text", "server-metadata-type", header("/v2", "Content-Type", "text/plain")},
	{"a redirect for the slash", "server-metadata-slash", at("/v2/", func(r *reply) { r.status = 307 })},
	{"metadata of another name", "model-metadata", at(model, func(r *reply) { r.replace(`"name":"heart-disease"`, `"name":"h"`) })},
	{"a dimension that is null", "model-metadata-dimensions", at(model, func(r *reply) { r.replace("[-1,1]", "[null,1]") })},
	{"a dimension of -2", "model-metadata-dimensions", at(model, func(r *reply) { r.replace("[-1,1]", "[-2,1]") })},
	{"one tensor without a batch", "model-metadata-free", at(model, func(r *reply) { r.replace("[-1,2]", "[1,2]") })},
	{"a framework's datatypes", "model-metadata-datatypes", at(model, func(r *reply) { r.replace("FP32", "float32") })},
	{"two inputs of one name", "model-metadata-names", at(model, func(r *reply) { r.replace(`"sex"`, `"age"`) })},
	{"no inputs", "model-metadata-inputs", at(model, func(r *reply) { r.body = []byte(`{"name":"heart-disease","platform":"a_b","inputs":[],"outputs":[]}`) })},
	{"no platform", "model-metadata-platform", at(model, func(r *reply) { r.replace("onnx_onnxv1", "") })},
	{"a property that is a number", "model-metadata-properties", at(model, func(r *reply) { r.replace(`"properties":{`, `"properties":{"a":1,`) })},
	{"versions without the version", "model-metadata-versions", at(model, func(r *reply) { r.replace(`"versions":["1"]`, `"versions":["7"]`) })},
	{"errors in a framework's form", "infer-unknown-model", at("/infer", func(r *reply) { r.replace(`{"error":`, `{"detail":`) })},
	{"errors as a page", "path-unknown", at("-path", func(r *reply) {
		r.body = []byte("<html>")
		r.header.Set("Content-Type", "text/html")
	})},
	{"errors with an empty text", "json-empty", at("/infer", func(r *reply) { r.body = []byte(`{"error":""}`) })},
	{"errors of another type", "json-broken", header("/infer", "Content-Type", "text/plain")},
	{"a 500 for wrong data", "value-string", at("/infer", func(r *reply) { r.status = 500 })},
	{"405 without Allow", "infer-get-allow", header("/infer", "Allow", "")},
	{"an error that repeats markup", "json-html", at("/infer", func(r *reply) { r.body = []byte(`{"error":"<script>"}`) })},
	{"an error that grows", "json-long-name", at("/infer", func(r *reply) { r.body = []byte(`{"error":"` + strings.Repeat("a", 9000) + `"}`) })},
	{"an error without a hint", "type-form-hint", at("/infer", func(r *reply) { r.replace("application/json", "JSON") })},
	{"another model's name", "answer-model-name", swap("heart-disease", "other")},
	{"a version that is a number", "answer-model-version", swap(`"model_version":"1"`, `"model_version":1`)},
	{"a version that the metadata does not have", "answer-model-version", swap(`"model_version":"1"`, `"model_version":"9"`)},
	{"no version", "infer-version-member", pattern(`"model_version":"1",`, "")},
	{"answers as text", "answer-type", func(r *reply) {
		if r.infer() {
			r.header.Set("Content-Type", "text/plain")
		}
	}},
	{"an output less", "answer-outputs", pattern(`,\{"name":"probabilities".*\]\}`, "")},
	{"an output of another name", "infer-path", swap(`"name":"label"`, `"name":"output-0"`)},
	{"an output without shape", "answer-members", pattern(`"shape":\[1\],`, "")},
	{"another datatype", "answer-datatypes", swap(`"INT64"`, `"INT32"`)},
	{"another shape", "answer-shapes", swap(`"shape":[1]`, `"shape":[1,1]`)},
	{"a shape transposed", "answer-shapes", swap(`"shape":[1,2]`, `"shape":[2,1]`)},
	{"an element too many", "answer-lengths", pattern(`"data":\[(\d)`, `"data":[$1,$1`)},
	{"a label as a fraction", "answer-values", pattern(`("INT64","shape":\[\d+\],"data":\[)\d`, `${1}0.5`)},
	{"a label as a string", "answer-values", pattern(`("INT64","shape":\[\d+\],"data":\[)\d`, `${1}"0"`)},
	{"a nested parameter in the answer", "answer-parameters", swap(`"parameters":{`, `"parameters":{"a":{},`)},
	{"a row less", "batch-2", pattern(`"shape":\[2\],"data":\[\d,(\d)\]`, `"shape":[1],"data":[$1]`)},
	{"rows mixed up", "data-row-major", pattern(`("shape":\[3\],"data":\[)(\d),(\d),(\d)`, `$1$3,$2,$4`)},
	{"rows of a batch mixed up", "batch-7", pattern(`("shape":\[7\],"data":\[)(\d),(\d)`, `$1$3,$2`)},
	{"an id that is lost", "id-plain", pattern(`"id":"[^"]*",`, "")},
	{"an id as a number", "id-digits", pattern(`"id":"007"`, `"id":7`)},
	{"an empty id that is lost", "id-empty", swap(`"id":"",`, "")},
	{"an id in ASCII", "id-unicode", swap("日本", "??")},
	{"an id in a header", "id-quotes", func(r *reply) { r.header.Set("X-Injected", "1") }},
	{"an id cut off", "id-long", swap("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a")},
	{"a made-up id of no string", "id-absent", swap(`"outputs":`, `"id":1,"outputs":`)},
	{"all outputs where one was asked for", "outputs-last", func(r *reply) {
		if bytes.Contains(r.requestBody, []byte(`"outputs"`)) {
			r.replace(`"outputs":[`, `"outputs":[{"name":"label","datatype":"INT64","shape":[1],"data":[0]},`)
		}
	}},
	{"outputs in the order of the model", "outputs-order", pattern(`"outputs":\[(\{"name":"prob.*?\}),(\{"name":"label".*?\})\]`, `"outputs":[$2,$1]`)},
	{"other values where one output is asked for", "outputs-subset-same", pattern(`"data":\[0\.\d+`, `"data":[0.1`)},
	{"other values for nested data", "data-nested", func(r *reply) {
		if bytes.Contains(r.requestBody, []byte(`"data":[[`)) {
			r.replace(`"data":[0`, `"data":[1`)
		}
	}},
	{"other values for another order of inputs", "input-order", func(r *reply) {
		if bytes.HasPrefix(r.requestBody, []byte(`{"inputs":[{"name":"thal"`)) {
			r.replace(`"data":[0`, `"data":[1`)
		}
	}},
	{"binary answers in JSON's type", "binary-out-type", func(r *reply) {
		if r.header.Get(headerLength) != "" {
			r.header.Set("Content-Type", "application/json")
		}
	}},
	{"binary answers without the header", "binary-out", header("/infer", headerLength, "")},
	{"a short binary tail", "binary-out", at("/infer", func(r *reply) { r.body = r.body[:len(r.body)-1] })},
	{"a wrong size of a binary output", "binary-out-one", swap(`"binary_data_size":8`, `"binary_data_size":7`)},
	{"big-endian binary data", "binary-out-one", at("/infer", func(r *reply) { copy(r.body[len(r.body)-8:], []byte{0, 0, 0, 0, 0, 0, 0, 1}) })},
	{"JSON where binary data was asked for", "binary-both", func(r *reply) {
		if r.infer() {
			r.header.Del(headerLength)
			r.header.Set("Content-Type", "application/json")
			r.body = []byte(`{"model_name":"heart-disease","outputs":[{"name":"label","datatype":"INT64","shape":[3],"data":[0,0,0]}]}`)
		}
	}},
	{"a V1 prediction less", "v1-predict-batch", at(":predict", func(r *reply) { r.body = []byte(`{"predictions":[0]}`) })},
	{"V1 without predictions", "v1-predict", at(":predict", func(r *reply) { r.replace("predictions", "outputs") })},
	{"V1 that disagrees with V2", "v1-v2", at(":predict", func(r *reply) { r.body = []byte(`{"predictions":[9,9,9]}`) })},
	{"V1 that ignores the order of names", "v1-objects-order", at(":predict", func(r *reply) {
		if bytes.HasPrefix(r.requestBody, []byte(`{"instances":[{"thal"`)) {
			r.body = []byte(`{"predictions":[9]}`)
		}
	})},
	{"V1 without the model", "v1-list", at("/v1/models", func(r *reply) { r.replace("heart-disease", "other") })},
	{"a V1 model that is not ready", "v1-ready", at("/v1/models/heart-disease", func(r *reply) { r.replace("true", "false") })},
	{"gRPC of another model's name", "grpc-infer-name", answered(func(m *oippb.ModelInferResponse) { m.ModelName = "other" })},
	{"gRPC that loses the id", "grpc-id", answered(func(m *oippb.ModelInferResponse) { m.Id = "" })},
	{"gRPC with both contents", "grpc-infer-typed-answer", answered(func(m *oippb.ModelInferResponse) { m.RawOutputContents = [][]byte{{0}, {0}} })},
	{"gRPC with too few raw contents", "grpc-raw-answer", answered(func(m *oippb.ModelInferResponse) { m.RawOutputContents = m.RawOutputContents[1:] })},
	{"gRPC raw contents cut", "grpc-raw", answered(func(m *oippb.ModelInferResponse) { m.RawOutputContents[0] = m.RawOutputContents[0][1:] })},
	{"gRPC contents in another field", "grpc-infer", answered(func(m *oippb.ModelInferResponse) {
		m.Outputs[0].Contents = &oippb.InferTensorContents{IntContents: []int32{0}}
	})},
	{"gRPC of another value", "grpc-rest", answered(func(m *oippb.ModelInferResponse) { m.Outputs[1].Contents.Fp32Contents[0] += 0.01 })},
	{"gRPC with a row less", "grpc-infer-batch", answered(func(m *oippb.ModelInferResponse) { m.Outputs[0].Shape[0]-- })},
	{"gRPC in the order of the model", "grpc-outputs-order", answered(func(m *oippb.ModelInferResponse) { m.Outputs[0], m.Outputs[1] = m.Outputs[1], m.Outputs[0] })},
	{"gRPC with another code", "grpc-unknown-model", func(r *reply) {
		for _, h := range []http.Header{r.header, r.trailer} {
			if h.Get("Grpc-Status") == "5" {
				h.Set("Grpc-Status", "13")
			}
		}
	}},
	{"another server over gRPC", "grpc-server-metadata-rest", func(r *reply) {
		if strings.HasSuffix(r.request.URL.Path, "/ServerMetadata") {
			r.frame(&oippb.ServerMetadataResponse{Name: "other", Version: "1"})
		}
	}},
}

// Every fault is found by the check that is there for it.
func TestMutants(t *testing.T) {
	url := heart(t)
	var current atomic.Pointer[mutant]
	d := deviate(t, url, false, func(r *reply) { current.Load().change(r) })
	tg := targetOf(t, d.url, "testdata/heart.json")
	for _, m := range mutants {
		current.Store(&m)
		found := false
		results := runOn(t, d, tg, func(c *checks.Check) bool { return c.ID == m.caught })
		for _, r := range results {
			found = found || r.Outcome == Failed
		}
		if !found {
			t.Errorf("%s: not found by %s: %+v", m.fault, m.caught, results)
		}
	}
	current.Store(&mutant{change: func(*reply) {}})
	seen := map[string]bool{}
	for _, m := range mutants {
		seen[m.caught] = true
	}
	for _, r := range runOn(t, d, tg, func(c *checks.Check) bool { return seen[c.ID] }) {
		if r.Outcome != Passed {
			t.Errorf("without a fault, %s: %s: %s", r.ID, r.Outcome, r.Reason)
		}
	}
}
