package server

import (
	"net/http"
	"strings"
	"testing"

	"online-inference/function/artefact"
)

// listRow is row as a list in the model's order of features.
const listRow = `[63,1,1,145,233,1,2,150,0,2.3,3,0,"6"]`

const v1Path = "/v1/models/heart-disease:predict"

// TestV1: both members, rows as lists and as objects, and each output by name.
func TestV1(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	object := strings.Trim(row, "[]")
	const chances = `{"predictions":[[0.64071804,0.35928193],[0.64071804,0.35928193]]}`
	for request, want := range map[string]string{
		`{"instances":[` + listRow + `]}`:                                                  `{"predictions":[0]}`,
		`{"inputs":[` + listRow + `]}`:                                                     `{"predictions":[0]}`,
		`{"instances":[` + object + "," + object + `]}`:                                    `{"predictions":[0,0]}`,
		`{"inputs": [` + object + "," + object + `]}`:                                      `{"predictions":[0,0]}`,
		`{"instances":[` + listRow + `],"signature_name":"serving_default"}`:               `{"predictions":[0]}`,
		`{"signature_name":null,"instances":[` + listRow + `]}`:                            `{"predictions":[0]}`,
		`{"signature_name":"label","instances":[` + listRow + `]}`:                         `{"predictions":[0]}`,
		`{"instances":[` + listRow + `,` + listRow + `],"signature_name":"probabilities"}`: chances,
		`{"signature_name":"probabilities","inputs":[` + object + `,` + object + `]}`:      chances,
		`{"other":{"a":[]},"instances":[` + listRow + `]}`:                                 `{"predictions":[0]}`,
		`{"instances":[` + strings.Replace(listRow, "63", "90", 1) + `]}`:                  `{"predictions":[0],"warnings":["row 0: age 90 is outside the training range from 29 to 77"]}`,
	} {
		if res, body := ask(t, "POST", url+v1Path, request); res.Status != 200 || body != want+"\n" || res.Header.Get("X-Model-Version") != "1" {
			t.Errorf("%s: %d %s", request, res.Status, body)
		}
	}
	for _, c := range [][3]string{
		{"GET", "/v1/models", `{"models":["heart-disease"]}`},
		{"GET", "/v1/models/heart-disease", `{"name":"heart-disease","ready":true}`},
		{"HEAD", "/v1/models/heart-disease", ""},
	} {
		if res, body := ask(t, c[0], url+c[1], ""); res.Status != 200 || strings.TrimSuffix(body, "\n") != c[2] {
			t.Errorf("%s %s: %d %s", c[0], c[1], res.Status, body)
		}
	}
}

// TestBadV1: each fault, its whole message, and a right answer directly after.
func TestBadV1(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	object := strings.Trim(row, "[]")
	const want = `{"predictions":[0]}` + "\n"
	for request, c := range map[string]struct {
		status  int
		message string
	}{
		``:                                     {400, "the body is empty: expected JSON"},
		`[`:                                    {400, "invalid JSON at byte 1: expected a value, got the end of the body"},
		`{"instances":[`:                       {400, "invalid JSON at byte 14: expected a value, got the end of the body"},
		`[` + listRow + `]`:                    {400, `expected an object with "instances", got an array`},
		`{}`:                                   {400, `"instances" is missing: expected a list of rows`},
		`{"Instances":[` + listRow + `]}`:      {400, `"instances" is missing: expected a list of rows`},
		`{"instances":null}`:                   {400, `"instances": expected a list of rows, got null`},
		`{"inputs":{}}`:                        {400, `"inputs": expected a list of rows, got an object`},
		`{"instances":[]}`:                     {400, "no rows: expected at least one"},
		`{"instances":[63]}`:                   {400, "row 0: expected a list of values or an object of features, got 63"},
		`{"instances":[[]]}`:                   {400, "row 0: expected 13 values, one for each of the features, got 0"},
		`{"instances":[` + listRow + `,[63]]}`: {400, "row 1: expected 13 values, one for each of the features, got 1"},
		`{"instances":[` + listRow + `,` + object + `]}`:                      {400, "row 1: expected a list of values, got an object"},
		`{"instances":[` + object + `,` + listRow + `]}`:                      {400, "row 1: expected an object of features, got an array"},
		`{"instances":[` + listRow + `],"inputs":[` + listRow + `]}`:          {400, `both "instances" and "inputs" are given: expected one of them`},
		`{"instances":[` + listRow + `],"instances":[` + listRow + `]}`:       {400, `invalid JSON at byte 54: duplicate name "instances"`},
		`{"instances":[` + listRow + `],"signature_name":"score"}`:            {400, `"signature_name": unknown output "score", expected label, probabilities`},
		`{"instances":[` + listRow + `],"signature_name":1}`:                  {400, `"signature_name": expected a string, got 1`},
		`{"instances":[` + listRow + `]}}`:                                    {400, "invalid JSON at byte 54: expected the end of the body, got '}'"},
		`{"instances":[` + strings.Replace(listRow, "63", "null", 1) + `]}`:   {400, `feature "age", row 0, column 0: expected a number from 0 to 120 (years), got null`},
		`{"instances":[` + strings.Replace(object, "63", "null", 1) + `]}`:    {400, `feature "age", row 0: expected a number from 0 to 120 (years), got null`},
		`{"instances":[` + strings.Replace(listRow, "63", "[63]", 1) + `]}`:   {400, `row 0, column 0: expected a single value, got an array`},
		`{"instances":[` + strings.Replace(object, "age", "Age", 1) + `]}`:    {400, `row 0: unknown feature "Age", expected age, sex, cp, trestbps, chol, fbs, restecg, thalach, exang, oldpeak, slope, ca, thal`},
		`{"instances":[` + strings.Replace(object, `"age":63,`, "", 1) + `]}`: {400, `row 0: missing age`},
		`{"instances":[` + strings.Repeat(listRow+",", 100) + listRow + `]}`:  {413, "too many rows: expected at most 100"},
	} {
		if res, body := ask(t, "POST", url+v1Path, request); res.Status != c.status || errorOf(t, body) != c.message {
			t.Errorf("%s: %d\ngot      %s\nexpected %s", request, res.Status, errorOf(t, body), c.message)
		}
		if res, after := ask(t, "POST", url+v1Path, `{"instances":[`+listRow+`]}`); after != want {
			t.Errorf("right after it a right request got %d %s", res.Status, after)
		}
	}
}

// TestV1Paths: the router knows no verbs; what a path takes is told all the same.
func TestV1Paths(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	const unknown = `model "nope" not found: this server has "heart-disease"`
	for _, c := range []struct {
		method, path   string
		status         int
		allow, message string
	}{
		{"GET", v1Path, 405, "OPTIONS, POST", "method GET is not allowed here, expected OPTIONS, POST"},
		{"POST", "/v1/models/heart-disease", 405, "OPTIONS, GET, HEAD", "method POST is not allowed here, expected OPTIONS, GET, HEAD"},
		{"OPTIONS", v1Path, 204, "OPTIONS, POST", ""},
		{"OPTIONS", "/v1/models/heart-disease", 204, "OPTIONS, GET, HEAD", ""},
		{"OPTIONS", "/v1/models/nope", 404, "", unknown},
		{"GET", "/v1/models/nope", 404, "", unknown},
		{"GET", "/v1/models/nope:predict", 404, "", unknown},
		{"POST", "/v1/models/nope:predict", 404, "", unknown},
		{"POST", "/v1/models/nope", 404, "", unknown},
		{"POST", "/v1/models/heart-disease:explain", 404, "", "no such path: /v1/models/heart-disease:explain"},
		{"POST", "/v1/models/heart-disease:Predict", 404, "", "no such path: /v1/models/heart-disease:Predict"},
		{"POST", "/v1/models/heart-disease:predict:predict", 404, "", "no such path: /v1/models/heart-disease:predict:predict"},
		{"POST", "/v1/models/:predict", 404, "", "no such path: /v1/models/:predict"},
		{"GET", "/v1/models/", 404, "", "no such path: /v1/models/"},
		{"POST", "/v1/models", 405, "OPTIONS, GET, HEAD", "method POST is not allowed here, expected OPTIONS, GET, HEAD"},
	} {
		res, body := ask(t, c.method, url+c.path, "{}")
		if res.Status != c.status || res.Header.Get("Allow") != c.allow || c.message != "" && errorOf(t, body) != c.message {
			t.Errorf("%s %s: %d, Allow %q, %s", c.method, c.path, res.Status, res.Header.Get("Allow"), body)
		}
	}
	// An escaped colon is a colon.
	if res, body := ask(t, "POST", url+"/v1/models/heart-disease%3Apredict", `{"instances":[`+listRow+`]}`); res.Status != 200 {
		t.Errorf("%d %s", res.Status, body)
	}
	loading, _, _ := serve(t, &artefact.Store{}, nil)
	for path, want := range map[string]answer{
		"/v1/models": {Status: 200}, "/v1/models/heart-disease": {Status: 503}, "POST " + v1Path: {Status: 503},
	} {
		method, path, cut := strings.Cut(path, " ")
		if !cut {
			method, path = http.MethodGet, method
		}
		if res, body := ask(t, method, loading+path, "{}"); res.Status != want.Status || (res.Status == 503) != (res.Header.Get("Retry-After") != "") {
			t.Errorf("while loading: %s %s: %d %s", method, path, res.Status, body)
		}
	}
}
