package server

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/function/oip"
)

// A tensor is one of a request with binary data: the values of its data as text.
type tensor struct {
	name, datatype string
	values         []string
	json           bool // in the JSON text after all
}

// packed writes values in the protocol's binary form, by the book and not by the
// code that is tested.
func packed(t *testing.T, datatype string, values []string) []byte {
	t.Helper()
	var b []byte
	le := binary.LittleEndian
	for _, v := range values {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil && datatype != "BYTES" && datatype != "BOOL" {
			t.Fatal(err)
		}
		switch datatype {
		case "BOOL":
			b = append(b, map[string]byte{"false": 0, "true": 1, "2": 2}[v])
		case "UINT8", "INT8":
			b = append(b, byte(int64(f)))
		case "UINT16", "INT16":
			b = le.AppendUint16(b, uint16(int64(f)))
		case "UINT32", "INT32":
			b = le.AppendUint32(b, uint32(int64(f)))
		case "UINT64":
			n, err := strconv.ParseUint(v, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			b = le.AppendUint64(b, n)
		case "INT64":
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			b = le.AppendUint64(b, uint64(n))
		case "FP16": // normal numbers only: the exponents differ by 112, the fractions by 13 bits
			bits := math.Float32bits(float32(f))
			b = le.AppendUint16(b, uint16(bits>>31<<15|(bits>>23&255-112)<<10|bits>>13&1023))
		case "BF16":
			b = le.AppendUint16(b, uint16(math.Float32bits(float32(f))>>16))
		case "FP32":
			b = le.AppendUint32(b, math.Float32bits(float32(f)))
		case "FP64":
			b = le.AppendUint64(b, math.Float64bits(f))
		case "BYTES":
			b = append(le.AppendUint32(b, uint32(len(v))), v...)
		}
	}
	return b
}

// binaryRequest writes a request and the length of its JSON text.
func binaryRequest(t *testing.T, front string, tensors []tensor) (body string, head int) {
	t.Helper()
	var inputs []string
	var tail []byte
	for _, x := range tensors {
		shape := fmt.Sprintf(`{"name":%q,"shape":[%d],"datatype":%q,`, x.name, len(x.values), x.datatype)
		if x.json {
			inputs = append(inputs, shape+`"data":[`+strings.Join(x.values, ",")+`]}`)
			continue
		}
		data := packed(t, x.datatype, x.values)
		inputs = append(inputs, fmt.Sprintf(`%s"parameters":{"binary_data_size":%d}}`, shape, len(data)))
		tail = append(tail, data...)
	}
	text := "{" + front + `"inputs":[` + strings.Join(inputs, ",") + "]}"
	return text + string(tail), len(text)
}

// patient is row, a tensor a column.
func patient() []tensor {
	var all []tensor
	for _, c := range [][3]string{
		{"age", "FP32", "63"}, {"sex", "INT64", "1"}, {"cp", "INT64", "1"}, {"trestbps", "FP32", "145"}, {"chol", "FP32", "233"},
		{"fbs", "INT64", "1"}, {"restecg", "INT64", "2"}, {"thalach", "FP32", "150"}, {"exang", "INT64", "0"}, {"oldpeak", "FP32", "2.3"},
		{"slope", "INT64", "3"}, {"ca", "FP32", "0"}, {"thal", "BYTES", "6"},
	} {
		all = append(all, tensor{name: c[0], datatype: c[1], values: []string{c[2]}})
	}
	return all
}

// swapped is patient with other tensors in place of some.
func swapped(changes ...tensor) []tensor {
	all := patient()
	for i := range all {
		for _, c := range changes {
			if c.name == all[i].name {
				all[i] = c
			}
		}
	}
	return all
}

func askBinary(t *testing.T, url, body string, head int, header ...string) (answer, string) {
	t.Helper()
	return ask(t, "POST", url+"/v2/models/heart-disease/infer", body,
		append([]string{headerLength, strconv.Itoa(head), "Content-Type", octetType}, header...)...)
}

// TestBinaryInputs: every datatype that holds a value gives the answer that JSON
// gives, alone and mixed with JSON.
func TestBinaryInputs(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	_, want := ask(t, "POST", url+"/v2/models/heart-disease/infer", inferRequest(""))
	for _, d := range []string{"UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BF16"} {
		body, head := binaryRequest(t, "", swapped(tensor{name: "age", datatype: d, values: []string{"63"}}, tensor{name: "sex", datatype: d, values: []string{"1"}}))
		if res, got := askBinary(t, url, body, head); res.Status != 200 || got != want {
			t.Errorf("%s: %d %s", d, res.Status, got)
		}
	}
	all := patient()
	for i := range all {
		all[i].json = i%2 == 0
		if all[i].name == "thal" {
			all[i].values = []string{`"6"`}
		}
	}
	body, head := binaryRequest(t, "", all)
	if res, got := askBinary(t, url, body, head); res.Status != 200 || got != want {
		t.Errorf("mixed: %d %s", res.Status, got)
	}
	// All of it JSON, in either type; and without any type.
	body = inferRequest("")
	for _, header := range [][]string{{"Content-Type", octetType}, {"Content-Type", jsonType}, {}} {
		res, got := ask(t, "POST", url+"/v2/models/heart-disease/infer", body, append([]string{headerLength, strconv.Itoa(len(body))}, header...)...)
		if res.Status != 200 || got != want {
			t.Errorf("%v: %d %s", header, res.Status, got)
		}
	}
}

// TestBinaryMissing: NaN and the empty string are what null is in JSON.
func TestBinaryMissing(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	null := strings.NewReplacer(`"data":["6"]`, `"data":[null]`).Replace(inferRequest(""))
	null = strings.Replace(null, `{"name":"ca","shape":[1],"datatype":"FP64","data":[0]}`, `{"name":"ca","shape":[1],"datatype":"FP64","data":[null]}`, 1)
	_, want := ask(t, "POST", url+"/v2/models/heart-disease/infer", null)
	body, head := binaryRequest(t, "", swapped(tensor{name: "ca", datatype: "FP32", values: []string{"NaN"}}, tensor{name: "thal", datatype: "BYTES", values: []string{""}}))
	if res, got := askBinary(t, url, body, head); res.Status != 200 || got != want || !strings.Contains(want, `"probabilities"`) {
		t.Errorf("%d %s\nexpected %s", res.Status, got, want)
	}
}

// TestBinaryOutputs: outputs come as binary data where the request, or the output
// itself, asks for it.
func TestBinaryOutputs(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	const (
		label         = `{"name":"label","datatype":"INT64","shape":[1],"data":[0]}`
		probabilities = `{"name":"probabilities","datatype":"FP32","shape":[1,2],"data":[0.64071804,0.35928193]}`
		rawLabel      = `{"name":"label","datatype":"INT64","shape":[1],"parameters":{"binary_data_size":8}}`
		rawChances    = `{"name":"probabilities","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}}`
		zero          = "\x00\x00\x00\x00\x00\x00\x00\x00"
	)
	chances := string(packed(t, "FP32", []string{"0.64071804", "0.35928193"}))
	for front, want := range map[string]struct{ outputs, tail string }{
		`"parameters":{"binary_data_output":true},`:                                                                                                         {rawLabel + "," + rawChances, zero + chances},
		`"parameters":{"binary_data_output":false},`:                                                                                                        {label + "," + probabilities, ""},
		`"outputs":[{"name":"probabilities","parameters":{"binary_data":true}},{"name":"label"}],`:                                                          {rawChances + "," + label, chances},
		`"outputs":[{"name":"probabilities"},{"name":"label","parameters":{"binary_data":false}}],"parameters":{"binary_data_output":true},`:                {rawChances + "," + label, chances},
		`"outputs":[{"parameters":{"binary_data":true},"name":"label"},{"name":"probabilities","parameters":{"binary_data":true}}],"parameters":{"a":"b"},`: {rawLabel + "," + rawChances, zero + chances},
	} {
		res, got := ask(t, "POST", url+"/v2/models/heart-disease/infer", inferRequest(front))
		text := `{"model_name":"heart-disease","model_version":"1","outputs":[` + want.outputs + `],"parameters":{"revision":"rev-1","pod":"pod-1"}}` + "\n"
		if diff := cmp.Diff(text+want.tail, got); res.Status != 200 || diff != "" {
			t.Errorf("%s: %d %s", front, res.Status, diff)
		}
		contentType, length := jsonType, ""
		if want.tail != "" {
			contentType, length = octetType, strconv.Itoa(len(text))
		}
		if res.Header.Get("Content-Type") != contentType || res.Header.Get(headerLength) != length || res.Length != int64(len(got)) {
			t.Errorf("%s: %v", front, res.Header)
		}
	}
}

// TestBinaryTypes: the outputs of other types, and NaN, which binary data can write.
func TestBinaryTypes(t *testing.T) {
	for _, c := range []struct {
		element  uint64
		datatype string
		values   []string
	}{
		{elementBool, "BOOL", []string{"true", "false"}},
		{elementString, "BYTES", []string{"", "ä\x00b"}},
		{elementInt64, "INT64", []string{"9223372036854775807", "-9223372036854775808"}},
		{elementFloat, "FP32", []string{"NaN", "0.1"}},
	} {
		url, _, _ := serve(t, repositoryOf(t, port("x", c.element, 0, 1), port("y", c.element, 0, 1), message{}.text(1, "x").text(2, "y").text(4, "Identity")), nil)
		body, head := binaryRequest(t, `"parameters":{"binary_data_output":true},`, []tensor{{name: "x", datatype: c.datatype, values: c.values}})
		res, got := ask(t, "POST", url+"/v2/models/small/infer", body, headerLength, strconv.Itoa(head))
		n, err := strconv.Atoi(res.Header.Get(headerLength))
		if err != nil || res.Status != 200 {
			t.Errorf("%s: %d %s", c.datatype, res.Status, got)
			continue
		}
		if want := string(packed(t, c.datatype, c.values)); got[n:] != want || !json.Valid([]byte(got[:n])) || strings.Contains(got, "null_in") {
			t.Errorf("%s: got %q behind %s, expected %q", c.datatype, got[n:], got[:n], want)
		}
	}
}

// TestBadBinary: each fault of a request with binary data, its whole message, and
// a right answer directly after.
func TestBadBinary(t *testing.T) {
	url, _, _ := serve(t, heart(t), nil)
	good, goodHead := binaryRequest(t, "", patient())
	_, want := askBinary(t, url, good, goodHead)
	change := func(old, change string) (string, int) {
		if !strings.Contains(good, old) {
			t.Fatalf("no %s", old)
		}
		return strings.Replace(good, old, change, 1), goodHead + len(change) - len(old)
	}
	with := func(x tensor) (string, int) { return binaryRequest(t, "", swapped(x)) }
	for _, c := range []struct {
		name    string
		body    func() (string, int)
		status  int
		message string
		header  []string
	}{
		{"a byte less", func() (string, int) { return good[:len(good)-1], goodHead }, 400, `input "thal": "binary_data_size": expected 5 bytes behind the JSON text, got 4`, nil},
		{"no tail", func() (string, int) { return good[:goodHead], goodHead }, 400, `input "age": "binary_data_size": expected 4 bytes behind the JSON text, got 0`, nil},
		{"a byte more", func() (string, int) { return good + "x", goodHead }, 400, "1 bytes are left over behind the last binary tensor", nil},
		{"a tail for nobody", func() (string, int) { b := inferRequest(""); return b + "abc", len(b) }, 400, "3 bytes are left over behind the last binary tensor", nil},
		{"header too short", func() (string, int) { return good, goodHead - 1 }, 400, fmt.Sprintf("invalid JSON at byte %d: expected ',' or '}', got the end of the body", goodHead-1), nil},
		{"header too long", func() (string, int) { return good, goodHead + 1 }, 400, fmt.Sprintf("invalid JSON at byte %d: expected the end of the body, got '\\x00'", goodHead), nil},
		{"header beyond the body", func() (string, int) { return good, len(good) + 1 }, 400, fmt.Sprintf("Inference-Header-Content-Length: expected at most %d, the length of the body, got %d", len(good), len(good)+1), nil},
		{"header 0", func() (string, int) { return good, 0 }, 400, "invalid JSON at byte 0: expected a value, got the end of the body", nil},
		{"header negative", nil, 400, `Inference-Header-Content-Length: expected the length of the JSON text in bytes, got "-1"`, []string{headerLength, "-1"}},
		{"header in words", nil, 400, `Inference-Header-Content-Length: expected the length of the JSON text in bytes, got "all"`, []string{headerLength, "all"}},
		{"header with a sign", nil, 400, `Inference-Header-Content-Length: expected the length of the JSON text in bytes, got "+1"`, []string{headerLength, "+1"}},
		{"JSON type", nil, 415, `Content-Type "application/json": expected application/octet-stream for a body with binary tensors`, []string{"Content-Type", jsonType}},
		{"text type", nil, 415, `Content-Type "text/plain": expected application/json`, []string{"Content-Type", "text/plain"}},
		{"size no integer", func() (string, int) { return change(`"binary_data_size":4`, `"binary_data_size":4.0`) }, 400, `input "age": "parameters": "binary_data_size": expected an integer from 0 to 2147483647, got 4.0`, nil},
		{"size a string", func() (string, int) { return change(`"binary_data_size":4`, `"binary_data_size":"4"`) }, 400, `input "age": "parameters": "binary_data_size": expected an integer from 0 to 2147483647, got "4"`, nil},
		{"size negative", func() (string, int) { return change(`"binary_data_size":4`, `"binary_data_size":-4`) }, 400, `input "age": "parameters": "binary_data_size": expected an integer from 0 to 2147483647, got -4`, nil},
		{"size against the shape", func() (string, int) { return change(`"shape":[1]`, `"shape":[2]`) }, 400, `input "age": shape [2] asks for 8 bytes of FP32, got 4`, nil},
		{"size against the type", func() (string, int) { return change(`"FP32"`, `"FP64"`) }, 400, `input "age": shape [1] asks for 8 bytes of FP64, got 4`, nil},
		{"data as well", func() (string, int) { return change(`"parameters":`, `"data":[63],"parameters":`) }, 400, `input "age": both "data" and "binary_data_size" are given`, nil},
		{"neither data nor size", func() (string, int) { return change(`"binary_data_size":4`, `"x":4`) }, 400, `input "age": "data" is missing`, nil},
		{"no string's length", func() (string, int) {
			return strings.TrimSuffix(good, "\x01\x00\x00\x006") + "\x01\x00\x00\x00", goodHead + 0
		}, 400, `input "thal": "binary_data_size": expected 5 bytes behind the JSON text, got 4`, nil},
		{"a string too long", func() (string, int) {
			return strings.TrimSuffix(good, "\x01\x00\x00\x006") + "\x02\x00\x00\x006", goodHead
		}, 400, `input "thal", element 0: expected a string of 2 bytes, got the last 1 bytes`, nil},
		{"a huge string", func() (string, int) {
			return strings.TrimSuffix(good, "\x01\x00\x00\x006") + "\xff\xff\xff\xff6", goodHead
		}, 400, `input "thal", element 0: expected a string of 4294967295 bytes, got the last 1 bytes`, nil},
		{"half a length", func() (string, int) {
			return strings.TrimSuffix(good, "\x01\x00\x00\x006") + "\x00\x00\x00\x006", goodHead
		}, 400, `input "thal": shape [1] asks for 1 strings, got 1 bytes more`, nil},
		{"too few strings", func() (string, int) {
			b, n := with(tensor{name: "thal", datatype: "BYTES", values: []string{"6"}})
			return strings.Replace(b, `"thal","shape":[1]`, `"thal","shape":[2]`, 1), n
		}, 400, `input "thal": shape [2] asks for 2 strings, got 1`, nil},
		{"not UTF-8", func() (string, int) { return with(tensor{name: "thal", datatype: "BYTES", values: []string{"\xff"}}) }, 400, `input "thal", element 0: expected UTF-8, got "\xff"`, nil},
		{"an unknown category", func() (string, int) { return with(tensor{name: "thal", datatype: "BYTES", values: []string{"5"}}) }, 400, `input "thal", row 0, column 0: expected one of "3" (normal), "6" (fixed defect), "7" (reversible defect) or null, got "5"`, nil},
		{"numbers for strings", func() (string, int) { return with(tensor{name: "thal", datatype: "FP32", values: []string{"6"}}) }, 400, `input "thal", row 0, column 0: expected one of "3" (normal), "6" (fixed defect), "7" (reversible defect) or null, got 6`, nil},
		{"strings for numbers", func() (string, int) { return with(tensor{name: "age", datatype: "BYTES", values: []string{"63"}}) }, 400, `input "age", row 0, column 0: expected a number from 0 to 120 (years), got "63"`, nil},
		{"NaN", func() (string, int) { return with(tensor{name: "age", datatype: "FP32", values: []string{"NaN"}}) }, 400, `input "age", row 0, column 0: expected a number from 0 to 120 (years), got NaN`, nil},
		{"an infinity", func() (string, int) { return with(tensor{name: "age", datatype: "FP64", values: []string{"+Inf"}}) }, 400, `input "age", row 0, column 0: expected a number from 0 to 120 (years), got +Inf`, nil},
		{"beyond the bounds", func() (string, int) { return with(tensor{name: "age", datatype: "FP32", values: []string{"120.1"}}) }, 400, `input "age", row 0, column 0: expected a number from 0 to 120 (years), got 120.1`, nil},
		{"a fraction", func() (string, int) { return with(tensor{name: "sex", datatype: "FP32", values: []string{"0.5"}}) }, 400, `input "sex", row 0, column 0: expected one of 0 (female), 1 (male), got 0.5`, nil},
		{"the largest integer", func() (string, int) {
			return with(tensor{name: "sex", datatype: "UINT64", values: []string{"18446744073709551615"}})
		}, 400, `input "sex", row 0, column 0: expected one of 0 (female), 1 (male), got 18446744073709551615`, nil},
		{"booleans for numbers", func() (string, int) { return with(tensor{name: "sex", datatype: "BOOL", values: []string{"true"}}) }, 400, `input "sex", row 0, column 0: expected one of 0 (female), 1 (male), got true`, nil},
		{"no boolean", func() (string, int) { return with(tensor{name: "sex", datatype: "BOOL", values: []string{"2"}}) }, 400, `input "sex", row 0, column 0: expected one of 0 (female), 1 (male), got byte 2`, nil},
		{"too many values", func() (string, int) {
			b, n := with(tensor{name: "age", datatype: "UINT8", values: strings.Split(strings.Repeat("1,", 1400)+"1", ",")})
			return strings.Replace(b, `"shape":[1401]`, `"shape":[1,1401]`, 1), n + len("1,")
		}, 413, "too many values: expected at most 1300", nil},
		{"too many rows", func() (string, int) {
			return with(tensor{name: "age", datatype: "UINT8", values: strings.Split(strings.Repeat("1,", 100)+"1", ",")})
		}, 413, "too many rows: expected at most 100", nil},
		{"binary_data no boolean", func() (string, int) {
			return binaryRequest(t, `"outputs":[{"name":"label","parameters":{"binary_data":1}}],`, patient())
		}, 400, `"outputs", output 0: "parameters": "binary_data": expected true or false, got 1`, nil},
		{"binary_data_output no boolean", func() (string, int) {
			return binaryRequest(t, `"parameters":{"binary_data_output":"true"},`, patient())
		}, 400, `"parameters": "binary_data_output": expected true or false, got "true"`, nil},
	} {
		body, head := good, goodHead
		if c.body != nil {
			body, head = c.body()
		}
		res, got := askBinary(t, url, body, head, c.header...)
		if text := errorOf(t, got); res.Status != c.status || text != c.message {
			t.Errorf("%s: %d\ngot      %s\nexpected %s", c.name, res.Status, text, c.message)
		}
		if _, after := askBinary(t, url, good, goodHead); after != want {
			t.Errorf("%s: right after it a right request got %s", c.name, after)
		}
	}
	// Without the header nothing can be behind the JSON text.
	res, got := ask(t, "POST", url+"/v2/models/heart-disease/infer", good[:goodHead])
	if text := errorOf(t, got); res.Status != 400 || text != `input "age": "binary_data_size" needs the header Inference-Header-Content-Length` {
		t.Errorf("%d %s", res.Status, text)
	}
	for _, path := range []string{"/predict", "/v1/models/heart-disease:predict"} {
		res, got := ask(t, "POST", url+path, good, headerLength, "10")
		if text := errorOf(t, got); res.Status != http.StatusUnsupportedMediaType || text != "binary tensor data is not supported here: send JSON" {
			t.Errorf("%s: %d %s", path, res.Status, text)
		}
	}
}

// TestHalf: every FP16 is read as what IEEE 754 says.
func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		sign, exponent, fraction := float64(1-2*(h>>15)), h>>10&31, float64(h&1023)
		want := sign * math.Ldexp(1+fraction/1024, exponent-15)
		switch {
		case exponent == 0:
			want = sign * math.Ldexp(fraction/1024, -14)
		case exponent == 31 && fraction == 0:
			want = math.Inf(int(sign))
		case exponent == 31:
			want = math.NaN()
		}
		got := oip.ValueAt(oip.FP16, []byte{byte(h), byte(h >> 8)}, 0).Float
		if math.Float64bits(got) != math.Float64bits(want) && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("%04x: %v, expected %v", h, got, want)
		}
	}
}
