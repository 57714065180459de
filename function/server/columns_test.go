package server

import (
	"strings"
	"testing"
)

// TestColumns: the ways in which tensors make a table, and what each refuses. The
// model takes a and b and gives both back.
func TestColumns(t *testing.T) {
	concat := message{}.text(1, "a").text(1, "b").text(2, "y").text(4, "Concat").
		bytes(5, message{}.text(1, "axis").number(3, 1).number(20, attributeInt))
	url, _, _ := serve(t, repositoryOfInputs(t, []message{port("a", elementFloat, 0, 1), port("b", elementFloat, 0, 1)},
		port("y", elementFloat, 0, 2), concat), nil)
	const (
		a     = `{"name":"a","shape":[2],"datatype":"FP32","data":[1,3]}`
		b     = `{"name":"b","shape":[2,1],"datatype":"FP32","data":[2,4]}`
		x     = `{"name":"X","shape":[2,2],"datatype":"FP32","data":[[1,2],[3,4]]}`
		other = `{"name":"any","shape":[2,2],"datatype":"FP32","data":[1,2,3,4]}`
		pd    = `"parameters":{"content_type":"pd"},`
		np    = `"parameters":{"content_type":"np"},`
	)
	for _, c := range []struct{ request, message string }{
		{`{"inputs":[` + a + "," + b + `]}`, ""},
		{`{"inputs":[` + b + "," + a + `]}`, ""},
		{`{"inputs":[` + x + `]}`, ""},
		{`{` + np + `"inputs":[` + x + `]}`, ""},
		{`{` + np + `"inputs":[` + other + `]}`, ""},
		{`{` + pd + `"inputs":[` + b + "," + a + `]}`, ""},
		{`{` + np + `"inputs":[` + a + "," + b + `]}`, ""},
		{`{"parameters":{"content_type":"other"},"inputs":[` + a + "," + b + `]}`, ""},
		{`{` + pd + `"inputs":[` + strings.Replace(a, `"data"`, `"parameters":{"content_type":"np"},"data"`, 1) + "," + b + `]}`, ""},
		{`{"inputs":[` + other + `]}`, `unknown input "any", expected a, b`},
		{`{"inputs":[` + x + "," + a + `]}`, `input "a": its values are given twice`},
		{`{"inputs":[` + strings.Replace(x, "[2,2]", "[4,1]", 1) + `]}`, `input "X": "data" is nested as [2 2], expected [4 1] by its shape, or a flat list`},
		{`{"inputs":[{"name":"X","shape":[4],"datatype":"FP32","data":[1,2,3,4]}]}`, `input "X": expected shape [rows, 2], got [4]`},
		{`{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}`, `unknown input "x", expected a, b`},
		{`{` + pd + `"inputs":[` + a + `]}`, `missing input b`},
		{`{"parameters":{"content_type":1},"inputs":[` + a + "," + b + `]}`, `"parameters": "content_type": expected a string, got 1`},
		{`{"inputs":[` + strings.Replace(a, `"data"`, `"parameters":{"content_type":"base64"},"data"`, 1) + "," + b + `]}`,
			`input "a": "parameters": "content_type": expected plain strings, as base64 is not decoded, got "base64"`},
		{`{"inputs":[` + strings.Replace(x, "[3,4]", "[3,null]", 1) + `]}`, ""},
		{`{"inputs":[` + strings.Replace(x, "[3,4]", `[3,"4"]`, 1) + `]}`, `input "X", row 1, column 1 (feature "b"): expected a number or null, got "4"`},
		{`{"inputs":[` + strings.NewReplacer("FP32", "FP64", "[3,4]", `[3,-1e39]`).Replace(x) + `]}`,
			`input "X", row 1, column 1 (feature "b"): expected a number or null, within ±3.4028235e+38, got -1e39`},
	} {
		want := `"data":[1,2,3,4]`
		if strings.Contains(c.request, "null") {
			want = `"data":[1,2,3,null]`
		}
		res, body := ask(t, "POST", url+"/v2/models/small/infer", c.request)
		if c.message == "" && (res.Status != 200 || !strings.Contains(body, want)) {
			t.Errorf("%s: %d %s", c.request, res.Status, body)
		}
		if c.message != "" && (res.Status != 400 || errorOf(t, body) != c.message) {
			t.Errorf("%s: %d\ngot      %s\nexpected %s", c.request, res.Status, errorOf(t, body), c.message)
		}
	}
}

// TestNoMatrix: a matrix holds one type, so it cannot stand for columns of strings;
// and a matrix is no column, where the client says that tensors are columns.
func TestNoMatrix(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	x := `{"inputs":[{"name":"X","shape":[1,13],"datatype":"FP32","data":[1,2,3,4,5,6,7,8,9,10,11,12,13]}]}`
	want := `input "X": one matrix stands for all columns only where all are numbers, and "thal" is a string: send one tensor a column`
	if res, body := ask(t, "POST", url+"/v2/models/heart-disease/infer", x); res.Status != 400 || errorOf(t, body) != want {
		t.Errorf("%d %s", res.Status, body)
	}
	wide, _, _ := serve(t, repositoryOf(t, port("t", elementFloat, 0, 2), port("y", elementFloat, 0, 2), message{}.text(1, "t").text(2, "y").text(4, "Identity")), nil)
	x = `{"parameters":{"content_type":"pd"},"inputs":[{"name":"t","shape":[1,2],"datatype":"FP32","data":[1,2]}]}`
	want = `input "t": content_type "pd" takes one tensor a column, and it has 2`
	if res, body := ask(t, "POST", wide+"/v2/models/small/infer", x); res.Status != 400 || errorOf(t, body) != want {
		t.Errorf("%d %s", res.Status, body)
	}
	x = `{"parameters":{"content_type":"pd"},"inputs":[{"name":"X","shape":[1,2],"datatype":"FP32","data":[1,2]}]}`
	want = `input "X": content_type "pd" takes one tensor a column, and it has 2`
	if res, body := ask(t, "POST", wide+"/v2/models/small/infer", x); res.Status != 400 || errorOf(t, body) != want {
		t.Errorf("%d %s", res.Status, body)
	}
	if res, body := ask(t, "POST", wide+"/v2/models/small/infer", strings.Replace(x, "pd", "", 1)); res.Status != 200 {
		t.Errorf("the matrix by another name than the input's: %d %s", res.Status, body)
	}
}
