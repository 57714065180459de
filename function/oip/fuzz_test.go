package oip

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

// seeds are texts that are JSON, or nearly.
var seeds = []string{
	``, ` `, `null`, `true`, `false`, `nul`, `truex`, `0`, `-0`, `-`, `01`, `1.`, `.5`, `1e5`, `1E+05`, `1e`, `1e400`, `-1.5e-300`,
	`9007199254740993`, `18446744073709551615`, `0.1`, `"a"`, `"a`, `"\u00e4\n\"\\\/"`, `"\ud83d\ude00"`, `"\ud800"`, `"\udc00\ud800"`,
	`"\ud800\u0041"`, `"\x"`, `"\u12"`, "\"\t\"", "\"\xff\"", `[]`, `[1,2]`, `[1,]`, `[,1]`, `[1 2]`, `[[1],[2]]`, `[[],[1]]`,
	`{}`, `{"a":1}`, `{"a":1,}`, `{"a" 1}`, `{a:1}`, `{"a":1,"a":2}`, `{"a":{"b":[null,true,"x"]}}`, `[NaN]`, `[Infinity]`, `[-Infinity]`,
	"\xef\xbb\xbf{}", "{}x", "{} {}", " { \"a\" : [ 1 , 2 ] } \r\n\t", strings.Repeat("[", 70) + strings.Repeat("]", 70),
	strings.Repeat("[", 63) + strings.Repeat("]", 63), "\"\u2028<>&\x7f\"",
}

// FuzzScanner compares the scanner with encoding/json: both take the same texts,
// but for the depth, and find the same values in them.
func FuzzScanner(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		kind, err := scanAll(body)
		valid := json.Valid(body) && utf8.Valid(body)
		if err == nil && !valid {
			t.Fatalf("the scanner takes %q, encoding/json does not", body)
		}
		if err != nil && valid && depth(body) <= maxDepth {
			t.Fatalf("the scanner refuses %q: %v", body, err)
		}
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > len(body) {
				t.Fatalf("%q: offset of %v", body, err)
			}
			return
		}
		var want any
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		s, err := newScanner(body)
		if err != nil {
			t.Fatal(err)
		}
		if kind != Array && kind != Object {
			c, err := s.scalar()
			if err != nil {
				t.Fatal(err)
			}
			compareScalar(t, c, body, want)
		}
	})
}

// scanAll reads one value and the end.
func scanAll(body []byte) (Kind, error) {
	s, err := newScanner(body)
	if err != nil {
		return 0, err
	}
	k, err := s.skip()
	if err != nil {
		return 0, err
	}
	return k, s.end()
}

// depth counts the deepest nesting of a valid text.
func depth(body []byte) int {
	dec := json.NewDecoder(bytes.NewReader(body))
	deepest, now := 0, 0
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) || err != nil {
			return deepest
		}
		switch tok {
		case json.Delim('['), json.Delim('{'):
			now++
			deepest = max(deepest, now)
		case json.Delim(']'), json.Delim('}'):
			now--
		}
	}
}

// compareScalar holds a cell against what encoding/json reads.
func compareScalar(t *testing.T, c Cell, body []byte, want any) {
	t.Helper()
	text := string(c.Text(body))
	switch want := want.(type) {
	case nil:
		if c.Kind() != Null {
			t.Fatalf("%q: kind %d", body, c.Kind())
		}
	case bool:
		if c.Kind() != Bool || (text == "true") != want {
			t.Fatalf("%q: kind %d, %q", body, c.Kind(), text)
		}
	case string:
		if c.Kind() != String || text != want {
			t.Fatalf("%q: kind %d, %q, encoding/json reads %q", body, c.Kind(), text, want)
		}
	case json.Number:
		if c.Kind() != Number || text != string(want) {
			t.Fatalf("%q: kind %d, %q", body, c.Kind(), text)
		}
		compareNumber(t, text)
	}
}

func compareNumber(t *testing.T, text string) {
	t.Helper()
	var f float64
	err := json.Unmarshal([]byte(text), &f)
	if got, ok := Float64([]byte(text)); ok != (err == nil) || ok && got != f {
		t.Fatalf("Float64(%s) = %v, %v; encoding/json says %v, %v", text, got, ok, f, err)
	}
	var n int64
	if err := json.Unmarshal([]byte(text), &n); err == nil {
		if got, ok := Int64([]byte(text)); !ok || got != n {
			t.Fatalf("Int64(%s) = %v, %v", text, got, ok)
		}
	} else if got, ok := Int64([]byte(text)); ok && float64(got) != f {
		t.Fatalf("Int64(%s) = %v", text, got)
	}
	var u uint64
	if err := json.Unmarshal([]byte(text), &u); err == nil {
		if got, ok := Uint64([]byte(text)); !ok || got != u {
			t.Fatalf("Uint64(%s) = %v, %v", text, got, ok)
		}
	}
}

// FuzzRequest: no body upsets the parser, and what it takes keeps the promises
// that the server builds on.
func FuzzRequest(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	for _, s := range []string{
		`{"id":"\u0041","inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[1,2,3,4]}]}`,
		`{"inputs":[{"data":[[1,2],[3,4]],"shape":[2,2],"datatype":"INT64","name":"x"},{"name":"y","shape":[1],"datatype":"BYTES","data":["a"]}],"outputs":[{"name":"o"}]}`,
		`{"id":null,"parameters":{"a":1,"b":"c","d":true},"inputs":[{"name":"x","shape":[0],"datatype":"BOOL","data":[]}]}`,
		`{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP64","data":[[null]]}],"model_name":"m"}`,
	} {
		f.Add([]byte(s))
	}
	var again Request
	lim := Limits{Rows: 100, Cells: 1000}
	f.Fuzz(func(t *testing.T, body []byte) {
		var r Request
		err := r.Parse(body, lim)
		if reused := again.Parse(body, lim); (reused == nil) != (err == nil) {
			t.Fatalf("%q: %v with new memory, %v with used", body, err, reused)
		}
		if err != nil {
			return
		}
		if !json.Valid(body) {
			t.Fatalf("takes %q", body)
		}
		if r.ID != nil && !json.Valid(r.ID) {
			t.Fatalf("id %q", r.ID)
		}
		for i, in := range r.Inputs {
			product := 1
			for _, d := range in.Shape {
				product *= d
			}
			if product != in.Len || in.Start+in.Len > len(r.Cells) || in.Shape[0] > lim.Rows || in.Datatype == 0 {
				t.Fatalf("%q: input %+v of %d cells", body, in, len(r.Cells))
			}
			for _, c := range r.Cells[in.Start : in.Start+in.Len] {
				in.Datatype.CheckCell(c.Kind(), c.Text(body))
			}
			if old := again.Inputs[i]; old.Start != in.Start || old.Len != in.Len || old.Name != in.Name {
				t.Fatalf("%q: %+v with new memory, %+v with used", body, in, old)
			}
		}
	})
}

// threeFeatures is a table of a, b and c.
type threeFeatures struct{}

func (threeFeatures) Len() int                 { return 3 }
func (threeFeatures) FeatureName(i int) string { return []string{"a", "b", "c"}[i] }
func (threeFeatures) Index(name []byte) int {
	if len(name) != 1 {
		return -1
	}
	return strings.Index("abc", string(name))
}

// FuzzTable: no body upsets the parser, and where it finds a table, encoding/json
// finds the same.
func FuzzTable(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	for _, s := range []string{
		`{"features":["a","b","c"],"data":[[1,2,3],["x",null,true]]}`, `{"data":[[1,2,3]],"features":["c","b","a"]}`,
		`{"features":["a","b","c"],"data":[[1,2],[1,2,3]]}`, `{"features":["a","b"],"data":[]}`, `{"features":["a","b","c"],"data":[[1,2,[3]]]}`,
		`[{"a":1,"b":2,"c":3},{"c":"\u0041","b":null,"a":false}]`, `[{"a":1,"a":2,"b":3}]`, `[{}]`, `[[1,2,3]]`, `[{"a":1,"b":2,"c":3,"d":4}]`,
	} {
		f.Add([]byte(s))
	}
	var again Table
	f.Fuzz(func(t *testing.T, body []byte) {
		var tab Table
		err := tab.Parse(body, threeFeatures{}, 100)
		if reused := again.Parse(body, threeFeatures{}, 100); (reused == nil) != (err == nil) {
			t.Fatalf("%q: %v with new memory, %v with used", body, err, reused)
		}
		if err != nil {
			return
		}
		if len(tab.Column) != 3 || len(tab.Cells) != 3*tab.Rows || tab.Rows < 1 || tab.Rows > 100 {
			t.Fatalf("%q: %+v", body, tab)
		}
		compareTable(t, &tab, body)
	})
}

// compareTable holds every cell against encoding/json's reading.
func compareTable(t *testing.T, tab *Table, body []byte) {
	t.Helper()
	cell := func(row, feature int) Cell { return tab.Cells[row*3+tab.Column[feature]] }
	decode := func(v any) {
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		if err := dec.Decode(v); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
	}
	if tab.Objects {
		var rows []map[string]any
		decode(&rows)
		for i, row := range rows {
			for k, name := range []string{"a", "b", "c"} {
				compareScalar(t, cell(i, k), body, row[name])
			}
		}
		return
	}
	var whole map[string]any // a struct would match names whatever their case
	decode(&whole)
	for k, name := range whole["features"].([]any) {
		feature := strings.Index("abc", name.(string))
		for i, row := range whole["data"].([]any) {
			compareScalar(t, cell(i, feature), body, row.([]any)[k])
		}
	}
}

// FuzzFloat compares the numbers of answers with those of encoding/json.
func FuzzFloat(f *testing.F) {
	for _, x := range []float64{0, math.Copysign(0, -1), 1, 0.1, 1e-6, 9.9e-7, 1e21, 9.9e20, 1e-9, 1e-10, 1e100, math.MaxFloat32, math.SmallestNonzeroFloat64} {
		f.Add(x, float32(x))
	}
	f.Fuzz(func(t *testing.T, d float64, s float32) {
		if math.IsNaN(d) || math.IsInf(d, 0) || s-s != 0 {
			if string(AppendFloat64(nil, math.NaN()))+string(AppendFloat32(nil, float32(math.Inf(-1)))) != "nullnull" {
				t.Fatal("NaN or an infinity is not null")
			}
			return
		}
		for _, c := range []struct {
			got   []byte
			value any
		}{{AppendFloat64(nil, d), d}, {AppendFloat32(nil, s), s}} {
			want, err := json.Marshal(c.value)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != string(c.got) {
				t.Fatalf("%v: %s, encoding/json writes %s", c.value, c.got, want)
			}
		}
	})
}

// FuzzString: what is written reads back, and is safe in HTML.
func FuzzString(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := AppendString(nil, s)
		if !bytes.Equal(b, AppendString(nil, []byte(s))) {
			t.Fatal("strings and bytes are written differently")
		}
		var back string
		if err := json.Unmarshal(b, &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			t.Fatalf("%q is written as %s, which reads as %q, %v", s, b, back, err)
		}
		if bytes.ContainsAny(b, "<>&\u2028\u2029\n") {
			t.Fatalf("%s is not safe", b)
		}
	})
}
