package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/function/artefact"
)

// inferRequest is row as an inference request, with further members in front.
func inferRequest(front string) string {
	var object []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(row), &object); err != nil {
		panic(err)
	}
	var inputs []string
	for name, v := range object[0] {
		datatype := map[byte]string{'"': "BYTES"}[v[0]]
		if datatype == "" {
			datatype = "FP64"
		}
		inputs = append(inputs, fmt.Sprintf(`{"name":%q,"shape":[1],"datatype":%q,"data":[%s]}`, name, datatype, v))
	}
	return "{" + front + `"inputs":[` + strings.Join(inputs, ",") + "]}"
}

// TestInferReplies: the reply follows the request in id and outputs; the order of
// inputs does not matter (a map gives them here in any), nor does the numbers' type.
func TestInferReplies(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	const (
		label         = `{"name":"label","datatype":"INT64","shape":[1],"data":[0]}`
		probabilities = `{"name":"probabilities","datatype":"FP32","shape":[1,2],"data":[0.64071804,0.35928193]}`
		who           = `"parameters":{"revision":"rev-1","pod":"pod-1"}`
	)
	reply := func(id, outputs string) string {
		return `{"model_name":"heart-disease","model_version":"1",` + id + `"outputs":[` + outputs + `],` + who + "}\n"
	}
	for front, want := range map[string]string{
		``:                     reply(``, label+","+probabilities),
		`"id":"a",`:            reply(`"id":"a",`, label+","+probabilities),
		`"id":"",`:             reply(`"id":"",`, label+","+probabilities),
		`"id":"\u00e4 ä\/\"",`: reply(`"id":"\u00e4 ä\/\"",`, label+","+probabilities),
		`"id":null,`:           reply(``, label+","+probabilities),
		`"outputs":[],`:        reply(``, label+","+probabilities),
		`"outputs":null,`:      reply(``, label+","+probabilities),
		`"outputs":[{"name":"label","parameters":{"a":1}}],`:           reply(``, label),
		`"outputs":[{"name":"probabilities"},{"name":"label"}],`:       reply(``, probabilities+","+label),
		`"model_name":"x","Inputs":1,"parameters":{"a":"b","c":true},`: reply(``, label+","+probabilities),
	} {
		for _, contentType := range []string{"", "application/json", "Application/JSON; charset=utf-8"} {
			header := []string{}
			if contentType != "" {
				header = []string{"Content-Type", contentType}
			}
			res, got := ask(t, "POST", url+"/v2/models/heart-disease/infer", inferRequest(front), header...)
			if diff := cmp.Diff(want, got); res.Status != 200 || diff != "" {
				t.Errorf("%s with %q: %d %s", front, contentType, res.Status, diff)
			}
		}
	}
}

// TestWarnings: a value that is valid, but unlike what the model was trained on,
// is scored and flagged.
func TestWarnings(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	plain := row[1 : len(row)-1]
	strange := strings.NewReplacer(`"age":63`, `"age":90`, `"chol":233`, `"chol":600`).Replace(plain)
	res, body := ask(t, "POST", url+"/predict", "["+plain+","+strange+"]")
	var reply struct {
		Predictions []struct {
			Warnings      []string
			Probabilities map[string]float64
		}
	}
	if err := json.Unmarshal([]byte(body), &reply); err != nil || res.Status != 200 || len(reply.Predictions) != 2 {
		t.Fatal(res.Status, body, err)
	}
	want := []string{"age 90 is outside the training range from 29 to 77", "chol 600 is outside the training range from 126 to 564"}
	if diff := cmp.Diff(want, reply.Predictions[1].Warnings); diff != "" || len(reply.Predictions[0].Warnings) != 0 || len(reply.Predictions[1].Probabilities) != 2 {
		t.Error(diff, body)
	}

	request := strings.NewReplacer(`"data":[63]`, `"data":[90]`, `"data":[233]`, `"data":[600]`).Replace(inferRequest(""))
	_, body = ask(t, "POST", url+"/v2/models/heart-disease/infer", request)
	var infer struct{ Parameters map[string]string }
	if err := json.Unmarshal([]byte(body), &infer); err != nil {
		t.Fatal(err, body)
	}
	if got, want := infer.Parameters["warnings"], "row 0: "+want[0]+"; row 0: "+want[1]; got != want {
		t.Errorf("got %q, expected %q", got, want)
	}
}

// TestManyWarnings: the one string that the protocol has room for stays short.
func TestManyWarnings(t *testing.T) {
	var marks []mark
	for i := range 50 {
		marks = append(marks, mark{i, "strange"})
	}
	got := joinMarks(marks)
	if !strings.HasPrefix(got, "row 0: strange; row 1: strange; ") || !strings.HasSuffix(got, "row 19: strange; and 30 more") {
		t.Error(got)
	}
}

func TestMetadata(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	for _, path := range []string{"/v2", "/v2/"} {
		if _, body := ask(t, "GET", url+path, ""); body != `{"name":"online-inference","version":"test","extensions":["binary_tensor_data"]}`+"\n" {
			t.Errorf("%s: %s", path, body)
		}
	}
	var bodies []string
	for _, path := range []string{"/v2/models/heart-disease", "/v2/models/heart-disease/versions/1", "/v2/models/heart%2Ddisease"} {
		res, body := ask(t, "GET", url+path, "")
		if res.Status != 200 {
			t.Errorf("%s: %d %s", path, res.Status, body)
		}
		bodies = append(bodies, body)
	}
	if bodies[0] != bodies[1] || bodies[0] != bodies[2] {
		t.Error("the metadata differ with and without version")
	}
	var m modelMetadata
	if err := json.Unmarshal([]byte(bodies[0]), &m); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(m.Name, m.Versions, m.Platform, m.Inputs[0], m.Inputs[1], m.Inputs[12], m.Outputs)
	want := "heart-disease[1]onnx_onnxv1{age FP32 [-1 1]} {sex INT64 [-1 1]} {thal BYTES [-1 1]} [{label INT64 [-1]} {probabilities FP32 [-1 2]}]"
	if got != want || len(m.Inputs) != 13 {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, path := range []string{"/v2/models/heart-disease/ready", "/v2/models/heart-disease/versions/1/ready"} {
		if res, body := ask(t, "GET", url+path, ""); res.Status != 200 || body != `{"name":"heart-disease","ready":true}`+"\n" {
			t.Errorf("%s: %d %s", path, res.Status, body)
		}
	}
}

// TestHead: HEAD answers what GET would, without the body.
func TestHead(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	for _, path := range []string{"/", "/health", "/v2", "/v2/health/live", "/v2/models/heart-disease", "/nope", "/assets/app.js"} {
		get, body := ask(t, "GET", url+path, "")
		head, none := ask(t, "HEAD", url+path, "")
		if head.Status != get.Status || head.Length != int64(len(body)) || none != "" || head.Header.Get("Content-Type") != get.Header.Get("Content-Type") {
			t.Errorf("%s: HEAD %d, %d bytes; GET %d, %d bytes", path, head.Status, head.Length, get.Status, len(body))
		}
	}
}

func TestOptions(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	if res, body := ask(t, "OPTIONS", url+"/predict", ""); res.Status != 204 || body != "" || res.Header.Get("Allow") != "OPTIONS, POST" {
		t.Errorf("%d %s %v", res.Status, body, res.Header)
	}
}

// TestNotANumber: an answer that JSON cannot write is null, and the reply says so.
func TestNotANumber(t *testing.T) {
	m, err := artefact.Load("../../engine/testdata/golden/sk_logreg_multi_str/model.onnx", artefact.Labels{Name: "iris"})
	if err != nil {
		t.Fatal(err)
	}
	store := &artefact.Store{}
	store.Put(m)
	url, _, _ := serve(t, store, nil)
	// Without a description any number may be missing, and this model has no imputer.
	res, body := ask(t, "POST", url+"/v2/models/iris/infer", `{"inputs":[{"name":"X","shape":[1,4],"datatype":"FP32","data":[null,3.1,1.6,0.2]}]}`)
	if res.Status != 200 || !strings.Contains(body, `"shape":[1,3],"data":[null,null,null]`) || !strings.Contains(body, `"null_in_probabilities":"NaN or an infinity`) {
		t.Errorf("%d %s", res.Status, body)
	}
	res, body = ask(t, "POST", url+"/predict", `[{"X_0":null,"X_1":3.1,"X_2":1.6,"X_3":0.2}]`)
	if res.Status != 200 || !strings.Contains(body, `"probabilities":{"setosa":null,"versicolor":null,"virginica":null}`) {
		t.Errorf("%d %s", res.Status, body)
	}
}

// TestWideInput: where one input holds several columns, these can be given as one
// tensor or as one each, and a message names both.
func TestWideInput(t *testing.T) {
	m, err := artefact.Load("../../engine/testdata/golden/sk_logreg_multi_str/model.onnx", artefact.Labels{Name: "iris"})
	if err != nil {
		t.Fatal(err)
	}
	store := &artefact.Store{}
	store.Put(m)
	url, _, _ := serve(t, store, nil)
	whole := `{"name":"X","shape":[2,4],"datatype":"FP32","data":[[4.8,3.1,1.6,0.2],[7.9,3.2,6.4,2]]}`
	columns := `{"name":"X_3","shape":[2],"datatype":"FP64","data":[0.2,2]},{"name":"X_0","shape":[2],"datatype":"FP32","data":[4.8,7.9]},` +
		`{"name":"X_1","shape":[2,1],"datatype":"FP32","data":[3.1,3.2]},{"name":"X_2","shape":[2],"datatype":"FP32","data":[1.6,6.4]}`
	infer := func(inputs string) (answer, string) {
		return ask(t, "POST", url+"/v2/models/iris/infer", `{"inputs":[`+inputs+`]}`)
	}
	_, one := infer(whole)
	if _, each := infer(columns); one != each || !strings.Contains(one, `"data":["setosa","virginica"]`) {
		t.Errorf("got %s and %s", one, each)
	}
	for inputs, want := range map[string]string{
		strings.Replace(whole, "6.4", `"x"`, 1):                               `input "X", row 1, column 2 (feature "X_2"): expected a number or null, got "x"`,
		whole + "," + columns:                                                 `input "X_3": its values are given twice`,
		strings.Replace(whole, "[2,4]", "[8]", 1):                             `input "X": "data" is nested as [2 4], expected [8] by its shape, or a flat list`,
		`{"name":"X","shape":[4],"datatype":"FP32","data":[4.8,3.1,1.6,0.2]}`: `input "X": expected shape [rows, 4], got [4]`,
		`{"name":"X_0","shape":[1],"datatype":"FP32","data":[4.8]}`:           `missing input X`,
	} {
		if res, body := infer(inputs); res.Status != 400 || errorOf(t, body) != want {
			t.Errorf("got %d %s\nexpected %s", res.Status, body, want)
		}
	}
}

// errorOf is the message of an error's body.
func errorOf(t *testing.T, body string) string {
	t.Helper()
	var e struct{ Error string }
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return e.Error
}
