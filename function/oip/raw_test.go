package oip

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"
)

// FuzzBinary: no body and no length of its JSON text upset the parser, and what it
// takes keeps the promises that the server builds on.
func FuzzBinary(f *testing.F) {
	const inputs = `{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}},` +
		`{"name":"s","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":9}},{"name":"y","shape":[1],"datatype":"BOOL","data":[true]}],` +
		`"outputs":[{"name":"o","parameters":{"binary_data":true}}],"parameters":{"binary_data_output":true}}`
	f.Add([]byte(inputs+"\x00\x00\x80?\x00\x00\xc0\x7f\x01\x00\x00\x00a\x00\x00\x00\x00"), len(inputs))
	for _, d := range datatypeNames[1:] {
		text := `{"inputs":[{"name":"x","shape":[1],"datatype":"` + d + `","parameters":{"binary_data_size":8}}]}`
		f.Add([]byte(text+"\x04\x00\x00\x00\xff\xff\xff\xff"), len(text))
	}
	for _, s := range seeds {
		f.Add([]byte(s), len(s)/2)
	}
	var again Request
	lim := Limits{Rows: 100, Cells: 1000}
	f.Fuzz(func(t *testing.T, body []byte, head int) {
		head = min(max(head, 0), len(body))
		var r Request
		err := r.ParseBinary(body[:head], body[head:], lim)
		if reused := again.ParseBinary(body[:head], body[head:], lim); (reused == nil) != (err == nil) {
			t.Fatalf("%q: %v with new memory, %v with used", body, err, reused)
		}
		if err != nil {
			var fault *Fault
			if errors.As(err, &fault) && !json.Valid(AppendFault(nil, fault)) {
				t.Fatalf("%q: the error is no JSON: %+v", body, fault)
			}
			return
		}
		taken := 0
		for i := range r.Inputs {
			taken += len(r.Inputs[i].Raw)
			checkRaw(t, &r, &r.Inputs[i])
		}
		if taken != len(body)-head {
			t.Fatalf("%q: %d bytes taken of %d", body, taken, len(body)-head)
		}
	})
}

// checkRaw holds an input's data against its shape.
func checkRaw(t *testing.T, r *Request, in *Input) {
	t.Helper()
	product := 1
	for _, d := range in.Shape {
		product *= d
	}
	if product != in.Len {
		t.Fatalf("%+v", in)
	}
	if in.Raw == nil || in.Datatype == BYTES {
		rest := in.Raw
		for _, c := range r.Cells[in.Start : in.Start+in.Len] {
			if in.Raw == nil {
				continue
			}
			text := c.Text(in.Raw)
			if c.Kind() != String || !utf8.Valid(text) || !bytes.Equal(rest[4:4+len(text)], text) || int(rest[0])|int(rest[1])<<8|int(rest[2])<<16 != len(text) {
				t.Fatalf("%+v: %q of %q", in, text, rest)
			}
			rest = rest[4+len(text):]
		}
		if len(rest) > 0 {
			t.Fatalf("%+v: %q is left", in, rest)
		}
		return
	}
	for i := range in.Len {
		v := ValueAt(in.Datatype, in.Raw, i)
		if v.Text() == "" {
			t.Fatal("a value without a text")
		}
	}
}

// FuzzInstances: no V1 body upsets the parser, and where it finds rows,
// encoding/json finds the same.
func FuzzInstances(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	for _, s := range []string{
		`{"instances":[[1,2,3],["x",null,true]]}`, `{"inputs":[{"a":1,"b":2,"c":3},{"c":"\u0041","b":null,"a":false}],"signature_name":"o"}`,
		`{"instances":[[1,2],[1,2,3]]}`, `{"instances":[[1,2,3],{}]}`, `{"instances":[{"a":1,"a":2,"b":3}]}`, `{"instances":[{"\u0061":1,"b":2,"c":3},{"a":1,"b":2,"c":3}]}`,
		`{"instances":[[1,2,3]],"inputs":[]}`, `{"instances":[`, `{"x":[[]],"instances":[[1,2,3]]}`,
	} {
		f.Add([]byte(s))
	}
	var again Table
	f.Fuzz(func(t *testing.T, body []byte) {
		var tab Table
		err := tab.ParseInstances(body, threeFeatures{}, 100)
		if reused := again.ParseInstances(body, threeFeatures{}, 100); (reused == nil) != (err == nil) {
			t.Fatalf("%q: %v with new memory, %v with used", body, err, reused)
		}
		if err != nil {
			return
		}
		var whole map[string]any
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		if err := dec.Decode(&whole); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		rows, ok := whole["instances"].([]any)
		if !ok {
			rows = whole["inputs"].([]any)
		}
		if len(rows) != tab.Rows || len(tab.Cells) != 3*tab.Rows {
			t.Fatalf("%q: %+v", body, tab)
		}
		for i, row := range rows {
			for k, name := range []string{"a", "b", "c"} {
				cell := tab.Cells[i*3+tab.Column[k]]
				if tab.Objects {
					compareScalar(t, cell, body, row.(map[string]any)[name])
				} else {
					compareScalar(t, cell, body, row.([]any)[k])
				}
			}
		}
	})
}
