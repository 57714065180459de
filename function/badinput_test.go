package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// The right requests that the bad ones are made of: two patients in each form.
const (
	listsBody = `{"features":["age","sex","cp","trestbps","chol","fbs","restecg","thalach","exang","oldpeak","slope","ca","thal"],` +
		`"data":[[63,1,1,145,233,1,2,150,0,2.3,3,0,"6"],[67,1,4,160,286,0,2,108,1,1.5,2,3,"3"]]}`

	objectsBody = `[{"age":63,"sex":1,"cp":1,"trestbps":145,"chol":233,"fbs":1,"restecg":2,"thalach":150,"exang":0,"oldpeak":2.3,"slope":3,"ca":0,"thal":"6"},` +
		`{"age":67,"sex":1,"cp":4,"trestbps":160,"chol":286,"fbs":0,"restecg":2,"thalach":108,"exang":1,"oldpeak":1.5,"slope":2,"ca":3,"thal":"3"}]`

	tensorsBody = `{"id":"a-1","inputs":[` +
		`{"name":"age","shape":[2,1],"datatype":"FP32","data":[63,67]},{"name":"sex","shape":[2,1],"datatype":"INT64","data":[1,1]},` +
		`{"name":"cp","shape":[2,1],"datatype":"INT64","data":[1,4]},{"name":"trestbps","shape":[2,1],"datatype":"FP32","data":[145,160]},` +
		`{"name":"chol","shape":[2,1],"datatype":"FP32","data":[233,286]},{"name":"fbs","shape":[2,1],"datatype":"INT64","data":[1,0]},` +
		`{"name":"restecg","shape":[2,1],"datatype":"INT64","data":[2,2]},{"name":"thalach","shape":[2,1],"datatype":"FP32","data":[150,108]},` +
		`{"name":"exang","shape":[2,1],"datatype":"INT64","data":[0,1]},{"name":"oldpeak","shape":[2,1],"datatype":"FP32","data":[2.3,1.5]},` +
		`{"name":"slope","shape":[2,1],"datatype":"INT64","data":[3,2]},{"name":"ca","shape":[2,1],"datatype":"FP32","data":[0,3]},` +
		`{"name":"thal","shape":[2,1],"datatype":"BYTES","data":["6","3"]}]}`

	inferPath = "/v2/models/heart-disease/infer"
	v1Path    = "/v1/models/heart-disease:predict"
)

// right are the forms, and where each goes.
var right = map[string]struct{ path, body string }{
	"lists":   {"/predict", listsBody},
	"objects": {"/predict", objectsBody},
	"tensors": {inferPath, tensorsBody},

	"v1 lists":   {v1Path, instances(listsBody)},
	"v1 objects": {v1Path, instances(objectsBody)},
}

// instances makes a V1 request of one to /predict.
func instances(body string) string {
	if _, data, ok := strings.Cut(body, `"data":`); ok {
		return `{"instances":` + data
	}
	return `{"instances":` + body + `}`
}

// badValues are single wrong values: the first patient's value of a feature in
// place of which comes another, and what the server expected. Every form of
// request has to be refused with the same expectation.
var badValues = []struct{ feature, old, new, expected, got string }{
	{"age", "63", `"abc"`, "a number from 0 to 120 (years)", `"abc"`},
	{"age", "63", `"63"`, "a number from 0 to 120 (years)", `"63"`},
	{"age", "63", `true`, "a number from 0 to 120 (years)", `true`},
	{"age", "63", `null`, "a number from 0 to 120 (years)", `null`},
	{"age", "63", `-1`, "a number from 0 to 120 (years)", `-1`},
	{"age", "63", `121`, "a number from 0 to 120 (years)", `121`},
	{"age", "63", `120.00001`, "a number from 0 to 120 (years)", `120.00001`},
	{"age", "63", `1e400`, "a number from 0 to 120 (years)", `1e400`},
	{"age", "63", `-1e400`, "a number from 0 to 120 (years)", `-1e400`},
	{"sex", "1", `2`, "one of 0 (female), 1 (male)", `2`},
	{"sex", "1", `1.5`, "one of 0 (female), 1 (male)", `1.5`},
	{"sex", "1", `0.99999999999999999999999`, "one of 0 (female), 1 (male)", `0.99999999999999999999999`},
	{"sex", "1", `1.00000000000000000001`, "one of 0 (female), 1 (male)", `1.00000000000000000001`},
	{"sex", "1", `1e-400`, "one of 0 (female), 1 (male)", `1e-400`},
	{"sex", "1", `"male"`, "one of 0 (female), 1 (male)", `"male"`},
	{"sex", "1", `true`, "one of 0 (female), 1 (male)", `true`},
	{"sex", "1", `null`, "one of 0 (female), 1 (male)", `null`},
	{"sex", "1", `18446744073709551617`, "one of 0 (female), 1 (male)", `18446744073709551617`},
	{"cp", "1", `0`, "one of 1 (typical angina), 2 (atypical angina), 3 (non-anginal pain), 4 (asymptomatic)", `0`},
	{"slope", "3", `9007199254740993`, "one of 1 (rising), 2 (flat), 3 (falling)", `9007199254740993`},
	{"ca", "0", `4`, "a number from 0 to 3 (vessels) or null", `4`},
	{"ca", "0", `""`, "a number from 0 to 3 (vessels) or null", `""`},
	{"thal", `"6"`, `"5"`, `one of "3" (normal), "6" (fixed defect), "7" (reversible defect) or null`, `"5"`},
	{"thal", `"6"`, `""`, `one of "3" (normal), "6" (fixed defect), "7" (reversible defect) or null`, `""`},
	{"thal", `"6"`, `6`, `one of "3" (normal), "6" (fixed defect), "7" (reversible defect) or null`, `6`},
	{"thal", `"6"`, `"` + strings.Repeat("ä", 60) + `"`, `one of "3" (normal), "6" (fixed defect), "7" (reversible defect) or null`,
		`"` + strings.Repeat("ä", 32) + `"…`},
}

// positions of the features in listsBody.
var positions = map[string]string{"age": "0", "sex": "1", "cp": "2", "slope": "10", "ca": "11", "thal": "12"}

func TestBadValues(t *testing.T) {
	p := start(t)
	answers := rightAnswers(t, p)
	for _, c := range badValues {
		for form, r := range right {
			t.Run(form+" "+c.feature+" "+c.new, func(t *testing.T) {
				body, place := "", ""
				switch form {
				case "lists", "v1 lists":
					if body = replaceCell(t, listsBody, c.feature, c.old, c.new); r.path == v1Path {
						body = instances(body)
					}
					place = `feature "` + c.feature + `", row 0, column ` + positions[c.feature]
				case "objects", "v1 objects":
					body = swap(t, r.body, `"`+c.feature+`":`+c.old, `"`+c.feature+`":`+c.new)
					place = `feature "` + c.feature + `", row 0`
				case "tensors":
					head, tail, _ := strings.Cut(r.body, `"name":"`+c.feature+`"`)
					body = head + `"name":"` + c.feature + `"` + swap(t, tail, `"data":[`+c.old, `"data":[`+c.new)
					place = `input "` + c.feature + `", row 0, column 0`
				}
				got := p.post(r.path, body)
				checkRefusal(t, got, 400, place+": expected "+c.expected+", got "+c.got)
				want := map[string]any{"feature": c.feature, "row": 0.0, "expected": c.expected, "got": c.got}
				for name, v := range want {
					if e := decode[map[string]any](t, got.body); e[name] != v {
						t.Errorf("%s is %v, expected %v", name, e[name], v)
					}
				}
				if after := p.post(r.path, r.body).body; after != answers[form] {
					t.Errorf("right after it a right request got %s", after)
				}
			})
		}
	}
}

// replaceCell changes a value of the first row of listsBody.
func replaceCell(t *testing.T, body, feature, old, change string) string {
	t.Helper()
	head, tail, _ := strings.Cut(body, `"data":[[`)
	row, rest, _ := strings.Cut(tail, "]")
	cells := strings.Split(row, ",")
	for i, col := range columns {
		if col.name == feature {
			if cells[i] != old {
				t.Fatalf("%s is %s, not %s", feature, cells[i], old)
			}
			cells[i] = change
		}
	}
	return head + `"data":[[` + strings.Join(cells, ",") + "]" + rest
}

// swap replaces the first occurrence, which has to be there.
func swap(t *testing.T, body, old, change string) string {
	t.Helper()
	if !strings.Contains(body, old) {
		t.Fatalf("%q is not in %s", old, body)
	}
	return strings.Replace(body, old, change, 1)
}

// checkRefusal holds status, type and whole body of a refusal.
func checkRefusal(t *testing.T, got reply, status int, message string) {
	t.Helper()
	if got.status != status || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("status %d (%s), expected %d", got.status, got.header.Get("Content-Type"), status)
	}
	e := decode[map[string]any](t, got.body)
	if e["error"] != message {
		t.Errorf("got      %s\nexpected %s", e["error"], message)
	}
	for name, v := range e {
		switch v.(type) {
		case string:
			if !slices.Contains([]string{"error", "input", "feature", "expected", "got"}, name) {
				t.Errorf("unknown member %s", name)
			}
		case float64:
			if name != "row" && name != "column" {
				t.Errorf("unknown member %s", name)
			}
		default:
			t.Errorf("%s is %T", name, v)
		}
	}
	for _, h := range []string{"X-Model-Name", "X-Model-Version", "X-Pod", "X-Request-Id"} {
		if got.header.Get(h) == "" {
			t.Errorf("the header %s is missing", h)
		}
	}
}

// rightAnswers asks every form once and returns the answers.
func rightAnswers(t *testing.T, p *process) map[string]string {
	t.Helper()
	all := map[string]string{}
	for form, r := range right {
		got := p.post(r.path, r.body)
		if got.status != 200 {
			t.Fatalf("%s: %d %s", form, got.status, got.body)
		}
		all[form] = got.body
	}
	return all
}

// An edit is a bad request: a right one in which old is replaced by new, or, with
// old empty, new alone.
type edit struct {
	name, form, old, new string
	message              string
	status               int // 400 without one
}

var badBodies = []edit{
	// No JSON.
	{name: "empty", form: "lists", message: "the body is empty: expected JSON"},
	{name: "empty", form: "tensors", message: "the body is empty: expected JSON"},
	{name: "blank", form: "lists", new: " \n", message: "invalid JSON at byte 2: expected a value, got the end of the body"},
	{name: "cut short", form: "lists", new: listsBody[:len(listsBody)-1], message: "invalid JSON at byte 199: expected ',' or '}', got the end of the body"},
	{name: "trailing", form: "lists", new: listsBody + "x", message: "invalid JSON at byte 200: expected the end of the body, got 'x'"},
	{name: "trailing", form: "objects", new: objectsBody + "[]", message: "invalid JSON at byte 277: expected the end of the body, got '['"},
	{name: "trailing", form: "tensors", new: tensorsBody + "{}", message: "invalid JSON at byte 853: expected the end of the body, got '{'"},
	{name: "trailing comma", form: "lists", old: `3,"3"]]`, new: `3,"3",]]`, message: "invalid JSON at byte 198: expected another element after the comma, got ']'"},
	{name: "NaN", form: "lists", old: "63", new: "NaN", message: "invalid JSON at byte 122: expected a value, got NaN, which JSON does not have (null stands for a missing value)"},
	{name: "Infinity", form: "tensors", old: "63", new: "-Infinity", message: "invalid JSON at byte 76: expected a value, got -Infinity, which JSON does not have (null stands for a missing value)"},
	{name: "single quotes", form: "objects", new: `[{'age':63}]`, message: `invalid JSON at byte 2: expected a name in double quotes, got '\''`},
	{name: "leading zero", form: "objects", old: "63", new: "063", message: "invalid JSON at byte 9: expected ',' or '}', got '6'"},
	{name: "bare word", form: "tensors", new: "hello", message: "invalid JSON at byte 0: expected a value, got 'h'"},
	{name: "not UTF-8", form: "lists", old: `"6"`, new: "\"\xff\"", message: "invalid JSON at byte 156: not UTF-8"},
	{name: "byte order mark", form: "tensors", new: "\xef\xbb\xbf" + tensorsBody, message: "invalid JSON at byte 0: a byte order mark is not allowed"},
	{name: "control character", form: "lists", old: `"6"`, new: "\"\n\"", message: `invalid JSON at byte 156: control character '\n' in a string`},
	{name: "deep", form: "lists", new: strings.Repeat("[", 100_000), message: "invalid JSON at byte 64: nested deeper than 64"},
	{name: "deep", form: "tensors", old: "[63,67]", new: strings.Repeat("[", 100_000), message: `input "age": "data": nested deeper than 16`},

	// The list form.
	{name: "null", form: "lists", new: "null", message: `expected an object with "features" and "data", or a list of objects`},
	{name: "empty object", form: "lists", new: "{}", message: `"features" is missing: expected the list of column names`},
	{name: "no data", form: "lists", new: `{"features":["age"]}`, message: `"features": missing sex, cp, trestbps, chol, fbs, restecg, thalach, exang, oldpeak, slope, ca, thal`},
	{name: "wrong case", form: "lists", old: `"data"`, new: `"Data"`, message: `unknown name "Data": expected "features" and "data"`},
	{name: "duplicate name", form: "lists", old: `"data"`, new: `"features":[],"data"`, message: `invalid JSON at byte 113: duplicate name "features"`},
	{name: "unknown feature", form: "lists", old: `"age"`, new: `"Age"`, message: `"features", column 0: unknown feature "Age", expected age, sex, cp, trestbps, chol, fbs, restecg, thalach, exang, oldpeak, slope, ca, thal`},
	{name: "duplicate feature", form: "lists", old: `"sex"`, new: `"age"`, message: `"features", column 1: duplicate feature "age"`},
	{name: "missing feature", form: "lists", old: `,"thal"`, new: ``, message: `"features": missing thal`},
	{name: "a number as feature", form: "lists", old: `"age"`, new: `1`, message: `"features", column 0: expected a name, got 1`},
	{name: "features no list", form: "lists", new: `{"features":"age","data":[[1]]}`, message: `"features": expected a list of names, got "age"`},
	{name: "data no list", form: "lists", new: `{"data":{}}`, message: `"data": expected a list of rows, got an object`},
	{name: "row no list", form: "lists", new: `{"data":[1]}`, message: `row 0: expected a list of values, got 1`},
	{name: "no rows", form: "lists", new: cutBefore(listsBody, "[[") + "[]}", message: "no rows: expected at least one"},
	{name: "short row", form: "lists", old: `2,3,"3"`, new: `2,3`, message: "row 1: expected 13 values, one for each of the features, got 12"},
	{name: "long row", form: "lists", old: `2,3,"3"`, new: `2,3,"3",0`, message: "row 1: expected 13 values, one for each of the features, got 14"},
	{name: "short first row", form: "lists", old: `3,0,"6"`, new: `3,0`, message: "row 0: expected 13 values, one for each of the features, got 12"},
	{name: "empty row", form: "lists", old: `[67,1,4,160,286,0,2,108,1,1.5,2,3,"3"]`, new: `[]`, message: "row 1: expected 13 values, one for each of the features, got 0"},
	{name: "nested value", form: "lists", old: `[63,`, new: `[[63],`, message: "row 0, column 0: expected a single value, got an array"},
	{name: "too many rows", form: "lists", old: `]]}`, new: strings.Repeat(`],[1`, 9) + `]]}`, status: 413, message: "too many rows: expected at most 10"},

	// The object form.
	{name: "empty list", form: "objects", new: "[]", message: "no rows: expected at least one"},
	{name: "empty row", form: "objects", new: "[{}]", message: "row 0: missing age, sex, cp, trestbps, chol, fbs, restecg, thalach, exang, oldpeak, slope, ca, thal"},
	{name: "row no object", form: "objects", new: "[63]", message: "row 0: expected an object of features, got 63"},
	{name: "unknown feature", form: "objects", old: `"age"`, new: `"ages"`, message: `row 0: unknown feature "ages", expected age, sex, cp, trestbps, chol, fbs, restecg, thalach, exang, oldpeak, slope, ca, thal`},
	{name: "duplicate feature", form: "objects", old: `"sex"`, new: `"age"`, message: `row 0: duplicate feature "age"`},
	{name: "missing feature", form: "objects", old: `"age":67,`, new: ``, message: "row 1: missing age"},
	{name: "nested value", form: "objects", old: `"age":63`, new: `"age":{"value":63}`, message: `feature "age", row 0: expected a single value, got an object`},
	{name: "too many rows", form: "objects", old: `}]`, new: strings.Repeat(`},`+cutBefore(objectsBody[1:], "}"), 9) + `}]`, status: 413, message: "too many rows: expected at most 10"},

	// The Open Inference Protocol.
	{name: "no object", form: "tensors", new: "[]", message: "expected an inference request, an object, got an array"},
	{name: "no inputs", form: "tensors", new: "{}", message: `"inputs" is missing: expected a list of tensors`},
	{name: "wrong case", form: "tensors", old: `"inputs"`, new: `"Inputs"`, message: `"inputs" is missing: expected a list of tensors`},
	{name: "inputs null", form: "tensors", new: `{"inputs":null}`, message: `"inputs": expected a list of tensors, got null`},
	{name: "inputs empty", form: "tensors", new: `{"inputs":[]}`, message: `"inputs": expected at least one tensor`},
	{name: "duplicate key", form: "tensors", old: `"id":"a-1"`, new: `"id":"a-1","id":"a-2"`, message: `invalid JSON at byte 12: duplicate name "id"`},
	{name: "duplicate key of a tensor", form: "tensors", old: `"shape":[2,1]`, new: `"shape":[2,1],"shape":[2,1]`, message: `invalid JSON at byte 50: duplicate name "shape"`},
	{name: "id a number", form: "tensors", old: `"a-1"`, new: `1`, message: `"id": expected a string, got 1`},
	{name: "input no object", form: "tensors", new: `{"inputs":["age"]}`, message: `"inputs", tensor 0: expected an object, got "age"`},
	{name: "unknown input", form: "tensors", old: `"name":"age"`, new: `"name":"AGE"`, message: `unknown input "AGE", expected age, sex, cp, trestbps, chol, fbs, restecg, thalach, exang, oldpeak, slope, ca, thal`},
	{name: "duplicate input", form: "tensors", old: `"name":"sex"`, new: `"name":"age"`, message: `duplicate input "age"`},
	{name: "missing input", form: "tensors", old: `,{"name":"thal","shape":[2,1],"datatype":"BYTES","data":["6","3"]}`, new: ``, message: "missing input thal"},
	{name: "no name", form: "tensors", old: `"name":"age",`, new: ``, message: `input 0: "name" is missing`},
	{name: "name a number", form: "tensors", old: `"name":"age"`, new: `"name":7`, message: `"inputs", tensor 0, "name": expected a string, got 7`},
	{name: "no shape", form: "tensors", old: `"shape":[2,1],`, new: ``, message: `input "age": "shape" is missing`},
	{name: "no datatype", form: "tensors", old: `"datatype":"FP32",`, new: ``, message: `input "age": "datatype" is missing`},
	{name: "no data", form: "tensors", old: `,"data":[63,67]`, new: ``, message: `input "age": "data" is missing`},
	{name: "unknown datatype", form: "tensors", old: `"FP32"`, new: `"FLOAT"`, message: `input "age": unknown datatype "FLOAT", expected BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, FP32, FP64, BYTES, BF16`},
	{name: "lower-case datatype", form: "tensors", old: `"FP32"`, new: `"fp32"`, message: `input "age": unknown datatype "fp32", expected BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, FP32, FP64, BYTES, BF16`},
	{name: "FP16", form: "tensors", old: `"FP32"`, new: `"FP16"`, message: `input "age": FP16 values cannot be written in JSON: send FP32`},
	{name: "shape negative", form: "tensors", old: `[2,1]`, new: `[-2,1]`, message: `input "age": "shape", dimension 0: expected an integer from 0 to 2147483647, got -2`},
	{name: "shape a fraction", form: "tensors", old: `[2,1]`, new: `[2.0,1]`, message: `input "age": "shape", dimension 0: expected an integer from 0 to 2147483647, got 2.0`},
	{name: "shape huge", form: "tensors", old: `[2,1]`, new: `[2,18446744073709551616]`, message: `input "age": "shape", dimension 1: expected an integer from 0 to 2147483647, got 18446744073709551616`},
	{name: "shape overflows", form: "tensors", old: `[2,1]`, new: `[2,2147483647,2147483647]`, message: `input "age": "shape": [2 2147483647 2147483647] has too many elements`},
	{name: "shape empty", form: "tensors", old: `[2,1]`, new: `[]`, message: `input "age": "shape": expected at least one dimension, the number of rows`},
	{name: "shape no list", form: "tensors", old: `[2,1]`, new: `2`, message: `input "age": "shape": expected a list of integers, got 2`},
	{name: "shape and data differ", form: "tensors", old: `[63,67]`, new: `[63]`, message: `input "age": shape [2 1] asks for 2 values, got 1 in "data"`},
	{name: "shape transposed", form: "tensors", old: `[2,1]`, new: `[1,2]`, message: `input "age": expected shape [rows, 1] or [rows], got [1 2]`},
	{name: "shape of another rank", form: "tensors", old: `[2,1]`, new: `[2,1,1]`, message: `input "age": expected shape [rows, 1] or [rows], got [2 1 1]`},
	{name: "rows differ", form: "tensors", old: `"name":"sex","shape":[2,1],"datatype":"INT64","data":[1,1]`, new: `"name":"sex","shape":[1,1],"datatype":"INT64","data":[1]`, message: `input "sex": shape [1 1] has 1 rows, input "age" has 2`},
	{name: "nested unlike the shape", form: "tensors", old: `[63,67]`, new: `[[63,67]]`, message: `input "age": "data" is nested as [1 2], expected [2 1] by its shape, or a flat list`},
	{name: "ragged", form: "tensors", old: `[63,67]`, new: `[[63],[67,68]]`, message: `input "age": "data": ragged: row 1 has a list of 2 elements, those before it have 1`},
	{name: "mixed nesting", form: "tensors", old: `[63,67]`, new: `[63,[67]]`, message: `input "age": "data": ragged: lists and values are mixed at row 1`},
	{name: "shape a string", form: "tensors", old: `[2,1]`, new: `["2",1]`, message: `input "age": "shape", dimension 0: expected an integer from 0 to 2147483647, got "2"`},
	{name: "object in data", form: "tensors", old: `[63,67]`, new: `[63,{}]`, message: `input "age", value 1: expected a single value, got an object`},
	{name: "data a string", form: "tensors", old: `[63,67]`, new: `"63"`, message: `input "age": "data": expected a list of values, got "63"`},
	{name: "fraction in INT64", form: "tensors", old: `"FP32","data":[63,67]`, new: `"INT64","data":[63.5,67]`, message: `input "age", row 0, column 0: expected an integer from -9223372036854775808 to 9223372036854775807 (INT64), got 63.5`},
	{name: "beyond UINT8", form: "tensors", old: `"INT64","data":[1,1]`, new: `"UINT8","data":[256,1]`, message: `input "sex", row 0, column 0: expected an integer from 0 to 255 (UINT8), got 256`},
	{name: "negative in UINT64", form: "tensors", old: `"INT64","data":[1,1]`, new: `"UINT64","data":[1,-1]`, message: `input "sex", row 1, column 0: expected an integer from 0 to 18446744073709551615 (UINT64), got -1`},
	{name: "beyond FP32", form: "tensors", old: `"INT64","data":[1,1]`, new: `"FP32","data":[1,1e39]`, message: `input "sex", row 1, column 0: expected a number within ±3.4028235e+38 (FP32), got 1e39`},
	{name: "BOOL for numbers", form: "tensors", old: `"INT64","data":[1,1]`, new: `"BOOL","data":[true,true]`, message: `input "sex", row 0, column 0: expected one of 0 (female), 1 (male), got true`},
	{name: "numbers in BYTES", form: "tensors", old: `["6","3"]`, new: `["6",3]`, message: `input "thal", row 1, column 0: expected one of "3" (normal), "6" (fixed defect), "7" (reversible defect) or null, got 3`},
	{name: "no rows", form: "tensors", new: emptyTensors(), message: "no rows: expected at least one"},
	{name: "too many rows", form: "tensors", old: `"shape":[2,1],"datatype":"FP32","data":[63,67]`, new: `"shape":[11,1],"datatype":"FP32","data":[1,2,3,4,5,6,7,8,9,10,11]`, status: 413, message: "too many rows: expected at most 10"},
	{name: "too many rows in all inputs", form: "tensors", new: manyRows(11), status: 413, message: "too many rows: expected at most 10"},
	{name: "too many values", form: "tensors", old: `[63,67]`, new: "[" + strings.Repeat("1,", 200) + "1]", status: 413, message: "too many values: expected at most 130"},
	{name: "unknown output", form: "tensors", old: `"id"`, new: `"outputs":[{"name":"score"}],"id"`, message: `unknown output "score", expected label, probabilities`},
	{name: "duplicate output", form: "tensors", old: `"id"`, new: `"outputs":[{"name":"label"},{"name":"label"}],"id"`, message: `"outputs", output 1: duplicate output "label"`},
	{name: "output without name", form: "tensors", old: `"id"`, new: `"outputs":[{}],"id"`, message: `"outputs", output 0: "name" is missing`},
	{name: "outputs no list", form: "tensors", old: `"id"`, new: `"outputs":"label","id"`, message: `"outputs": expected a list, got "label"`},
	{name: "parameters no object", form: "tensors", old: `"id"`, new: `"parameters":[],"id"`, message: `"parameters": expected an object, got an array`},
	{name: "nested parameter", form: "tensors", old: `"id"`, new: `"parameters":{"a":{}},"id"`, message: `"parameters": "a": expected a string, a number or a boolean, got an object`},
	{name: "nested parameter of a tensor", form: "tensors", old: `"shape"`, new: `"parameters":{"a":[1]},"shape"`, message: `input "age": "parameters": "a": expected a string, a number or a boolean, got an array`},
}

// cutBefore is a text up to a mark.
func cutBefore(text, mark string) string {
	head, _, _ := strings.Cut(text, mark)
	return head
}

// emptyTensors is tensorsBody without rows.
func emptyTensors() string {
	var inputs []string
	for _, col := range columns {
		inputs = append(inputs, `{"name":"`+col.name+`","shape":[0,1],"datatype":"`+col.datatype+`","data":[]}`)
	}
	return `{"inputs":[` + strings.Join(inputs, ",") + `]}`
}

// manyRows is tensorsBody with so many equal rows.
func manyRows(n int) string {
	var inputs []string
	for _, col := range columns {
		value := "1"
		if col.datatype == "BYTES" {
			value = `"3"`
		}
		inputs = append(inputs, fmt.Sprintf(`{"name":%q,"shape":[%d,1],"datatype":%q,"data":[%s]}`, col.name, n, col.datatype,
			strings.TrimSuffix(strings.Repeat(value+",", n), ",")))
	}
	return `{"inputs":[` + strings.Join(inputs, ",") + `]}`
}

func TestBadBodies(t *testing.T) {
	p := start(t, "MAX_ROWS=10")
	want := rightAnswers(t, p)
	for _, c := range badBodies {
		t.Run(c.form+" "+c.name, func(t *testing.T) {
			r := right[c.form]
			body := c.new
			if c.old != "" {
				body = swap(t, r.body, c.old, c.new)
			}
			if c.status == 0 {
				c.status = 400
			}
			checkRefusal(t, p.post(r.path, body), c.status, c.message)
			if after := p.post(r.path, r.body).body; after != want[c.form] {
				t.Errorf("right after it a right request got %s", after)
			}
		})
	}
}

// TestBadRequests are requests whose fault is not in their JSON.
func TestBadRequests(t *testing.T) {
	p := start(t, "MAX_BODY_BYTES=4000")
	want := rightAnswers(t, p)
	big := "[" + strings.Repeat(" ", 4000) + "]"
	formHint := `Content-Type "application/x-www-form-urlencoded": expected application/json (curl -d sends the form type: add -H 'Content-Type: application/json')`
	for _, c := range []struct {
		name, method, path, contentType, body string
		header                                [2]string
		status                                int
		message                               string
	}{
		{name: "unknown path", method: "GET", path: "/nope", status: 404, message: "no such path: /nope"},
		{name: "slash behind", method: "POST", path: "/predict/", body: listsBody, status: 404, message: "no such path: /predict/"},
		{name: "unknown asset", method: "GET", path: "/assets/nope.css", status: 404, message: "no such path: /assets/nope.css"},
		{name: "asset of another kind", method: "GET", path: "/assets/index.html", status: 404, message: "no such path: /assets/index.html"},
		{name: "get predict", method: "GET", path: "/predict", status: 405, message: "method GET is not allowed here, expected OPTIONS, POST"},
		{name: "delete predict", method: "DELETE", path: "/predict", status: 405, message: "method DELETE is not allowed here, expected OPTIONS, POST"},
		{name: "post health", method: "POST", path: "/health", status: 405, message: "method POST is not allowed here, expected OPTIONS, GET, HEAD"},
		{name: "get infer", method: "GET", path: inferPath, status: 405, message: "method GET is not allowed here, expected OPTIONS, POST"},
		{name: "unknown model", method: "GET", path: "/v2/models/nope", status: 404, message: `model "nope" not found: this server has "heart-disease"`},
		{name: "unknown model, ready", method: "GET", path: "/v2/models/nope/ready", status: 404, message: `model "nope" not found: this server has "heart-disease"`},
		{name: "unknown model, infer", method: "POST", path: "/v2/models/nope/infer", body: tensorsBody, status: 404, message: `model "nope" not found: this server has "heart-disease"`},
		{name: "model of another case", method: "GET", path: "/v2/models/Heart-Disease", status: 404, message: `model "Heart-Disease" not found: this server has "heart-disease"`},
		{name: "unknown version", method: "GET", path: "/v2/models/heart-disease/versions/2", status: 404, message: `version "2" of model "heart-disease" not found: this server has "1"`},
		{name: "unknown version, ready", method: "GET", path: "/v2/models/heart-disease/versions/9/ready", status: 404, message: `version "9" of model "heart-disease" not found: this server has "1"`},
		{name: "unknown version, infer", method: "POST", path: "/v2/models/heart-disease/versions/2/infer", body: tensorsBody, status: 404, message: `version "2" of model "heart-disease" not found: this server has "1"`},
		{name: "no model", method: "GET", path: "/v2/models//ready", status: 404, message: "no such path: /v2/models//ready"},
		{name: "no model, infer", method: "POST", path: "/v2/models//infer", body: tensorsBody, status: 404, message: "no such path: /v2/models//infer"},
		{name: "no model, metadata", method: "GET", path: "/v2/models/", status: 404, message: "no such path: /v2/models/"},
		{name: "no model, no version", method: "GET", path: "/v2/models//versions//ready", status: 404, message: "no such path: /v2/models//versions//ready"},
		{name: "no version", method: "GET", path: "/v2/models/heart-disease/versions//ready", status: 404, message: "no such path: /v2/models/heart-disease/versions//ready"},
		{name: "no version, metadata", method: "GET", path: "/v2/models/heart-disease/versions/", status: 404, message: "no such path: /v2/models/heart-disease/versions/"},
		{name: "a long name", method: "GET", path: "/v2/models/" + strings.Repeat("a", 1000), status: 404,
			message: `model "` + strings.Repeat("a", 64) + `"… not found: this server has "heart-disease"`},
		{name: "an escaped slash", method: "GET", path: "/v2/models/a%2Fb", status: 404, message: `model "a/b" not found: this server has "heart-disease"`},
		{name: "form type", method: "POST", path: "/predict", contentType: "application/x-www-form-urlencoded", body: listsBody, status: 415, message: formHint},
		{name: "form type, infer", method: "POST", path: inferPath, contentType: "application/x-www-form-urlencoded", body: tensorsBody, status: 415, message: formHint},
		{name: "text", method: "POST", path: "/predict", contentType: "text/plain", body: listsBody, status: 415, message: `Content-Type "text/plain": expected application/json`},
		{name: "octets", method: "POST", path: inferPath, contentType: "application/octet-stream", body: tensorsBody, status: 415, message: `Content-Type "application/octet-stream": expected application/json, or the header Inference-Header-Content-Length`},
		{name: "a longer type", method: "POST", path: "/predict", contentType: "application/jsonl", body: listsBody, status: 415, message: `Content-Type "application/jsonl": expected application/json`},
		{name: "two types", method: "POST", path: "/predict", contentType: "application/json", header: [2]string{"Content-Type", "text/plain"}, body: listsBody, status: 400, message: "Content-Type: expected it once, got it 2 times"},
		{name: "no gzip", method: "POST", path: "/predict", header: [2]string{"Content-Encoding", "gzip"}, body: "x", status: 400, message: "the gzip data end early"},
		{name: "deflate", method: "POST", path: inferPath, header: [2]string{"Content-Encoding", "deflate"}, body: "x", status: 415, message: `Content-Encoding "deflate" is not supported: expected gzip, or the body as it is`},
		{name: "big", method: "POST", path: "/predict", body: big, status: 413, message: "the body is too large: expected at most 4000 bytes"},
		{name: "big, infer", method: "POST", path: inferPath, body: big, status: 413, message: "the body is too large: expected at most 4000 bytes"},
		{name: "big, chunked", method: "POST", path: inferPath, header: [2]string{"Transfer-Encoding", "chunked"}, body: big, status: 413, message: "the body is too large: expected at most 4000 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, p.url+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.contentType != "" {
				req.Header.Set("Content-Type", c.contentType)
			}
			if c.header[0] == "Transfer-Encoding" {
				req.ContentLength = -1
			} else if c.header[0] != "" {
				req.Header.Add(c.header[0], c.header[1])
			}
			got, err := send(http.DefaultClient, req)
			if err != nil {
				t.Fatal(err)
			}
			checkRefusal(t, got, c.status, c.message)
			if allow := got.header.Get("Allow"); (c.status == 405) != (allow != "") {
				t.Errorf("Allow: %q with status %d", allow, c.status)
			}
			for form, r := range right {
				if after := p.post(r.path, r.body).body; after != want[form] {
					t.Errorf("right after it a right request got %s", after)
				}
			}
		})
	}
}
