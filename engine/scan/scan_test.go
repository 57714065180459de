package scan_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"online-inference/engine/modelfile"
	"online-inference/engine/scan"
)

// TestParseNumber compares with strconv: short and long numbers, all exponents,
// and the neighbourhood of what the fast path takes.
func TestParseNumber(t *testing.T) {
	check := func(s string) {
		t.Helper()
		want, err := strconv.ParseFloat(s, 64)
		if err != nil && !math.IsInf(want, 0) {
			t.Fatalf("%q: %v", s, err)
		}
		got, n := scan.ParseNumber([]byte(s + ",1"))
		if math.Float64bits(got) != math.Float64bits(want) || n != len(s) {
			t.Errorf("%q = %v in %d bytes, want %v", s, got, n, want)
		}
	}
	for _, s := range []string{
		"0", "-0", "0.0", "1e22", "1e23", "1e-22", "1e-23", "9007199254740991", "9007199254740992", "9007199254740993",
		"123456789012345678901234567890", "0.000000000000000000000000000001", "1.7976931348623157e308", "1e309", "-1e999999999999",
		"5e-324", "2e-324", "00012", "1E+5", "1e05", "+7", "18446744073709551616", "0.1000000000000000055511151231257827", "1.", ".5",
		"-Infinity", "inf", "Infinity",
	} {
		check(s)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		v := math.Float64frombits(r.Uint64())
		if v != v {
			continue
		}
		check(strconv.FormatFloat(v, 'g', -1, 64))
		check(strconv.FormatFloat(float64(float32(r.NormFloat64())), 'f', r.IntN(12), 64))
		check(fmt.Sprintf("%d.%de%d", r.IntN(1e9), r.IntN(1e9), r.IntN(60)-30))
		check(fmt.Sprintf("%de%d", r.Uint64()>>r.IntN(64), r.IntN(60)-30))
		middle := (r.Uint64N(1<<52)|1<<52)<<11 | 1<<10 // between two float64
		check(fmt.Sprintf("%de%d", middle+r.Uint64N(3)-1, 0))
		check(fmt.Sprintf("%d.0000000000000000000000", middle>>r.IntN(10)))
		check(fmt.Sprintf("0.%022d", r.Uint64N(1e18)))
	}
	for _, s := range []string{"", "-", "e5", ".", "+", "x1", "--1", "-e", "inff"} {
		if v, n := scan.ParseNumber([]byte(s)); n != 0 {
			t.Errorf("%q = %v in %d bytes, want none", s, v, n)
		}
	}
	for s, want := range map[string]int{"1e": 1, "1e+": 1, "2.5.5": 3, "1-2": 1} {
		if v, n := scan.ParseNumber([]byte(s)); n != want {
			t.Errorf("%q = %v in %d bytes, want %d", s, v, n, want)
		}
	}
}

// TestFloats32 checks that a number is rounded once: those beside the middle of
// two float32 go wrong when they pass through float64 first.
func TestFloats32(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var texts []string
	for range 3000 {
		f := math.Float32frombits(r.Uint32() &^ (1 << 30)) // no NaN
		middle := (float64(f) + float64(math.Nextafter32(f, math.MaxFloat32))) / 2
		exact := strconv.FormatFloat(middle, 'f', 200, 64)
		texts = append(texts, exact, exact+"1", strconv.FormatFloat(float64(f), 'g', -1, 32))
	}
	got := scan.JSON("test", []byte("["+strings.Join(texts, ", ")+"]")).Floats32(nil)
	if len(got) != len(texts) {
		t.Fatalf("%d numbers, want %d", len(got), len(texts))
	}
	for i, s := range texts {
		want, err := strconv.ParseFloat(s, 32)
		if err != nil {
			t.Fatal(err)
		}
		if got[i] != float32(want) {
			t.Errorf("%s = %v, want %v", s, got[i], float32(want))
		}
	}
}

// generic reads any document into the values that encoding/json makes.
func generic(r scan.Reader) any {
	switch r.Kind() {
	case scan.Object:
		out := map[string]any{}
		r.Object(func(key []byte) {
			k := string(key)
			out[k] = generic(r)
		})
		return out
	case scan.Array:
		out := []any{}
		r.Array(func(int) { out = append(out, generic(r)) })
		return out
	case scan.String:
		return r.Text()
	case scan.Number:
		return r.Float()
	case scan.Bool:
		return r.Flag()
	}
	r.Skip()
	return nil
}

const document = `{"a": [1, -2.5, 1e3, [], {}], "b\n\u00e9\ud83d\ude00\"": "x\/y\\z", "c": null, "d": [true, false],
	"deep": {"e": {"f": [{"g": "h"}, 0.1]}}, "ü": "é"}`

func TestJSON(t *testing.T) {
	var want any
	if err := json.Unmarshal([]byte(document), &want); err != nil {
		t.Fatal(err)
	}
	r := scan.JSON("test", []byte(document))
	got := generic(r)
	r.End()
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	r = scan.JSON("test", []byte(document))
	r.Skip()
	if r.End(); r.Err() != nil {
		t.Error(r.Err())
	}
}

// ubjson writes values as XGBoost does.
func ubjson(b *bytes.Buffer, v any) {
	length := func(n int) {
		b.WriteByte('L')
		b.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
	}
	switch v := v.(type) {
	case map[string]any:
		b.WriteByte('{')
		for k, x := range v {
			length(len(k))
			b.WriteString(k)
			ubjson(b, x)
		}
		b.WriteByte('}')
	case []any:
		b.WriteString("[#")
		length(len(v))
		for _, x := range v {
			ubjson(b, x)
		}
	case string:
		b.WriteByte('S')
		length(len(v))
		b.WriteString(v)
	case float64:
		b.WriteByte('D')
		b.Write(binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
	case bool:
		b.WriteByte(map[bool]byte{true: 'T', false: 'F'}[v])
	case nil:
		b.WriteByte('Z')
	}
}

func TestUBJ(t *testing.T) {
	var want any
	if err := json.Unmarshal([]byte(document), &want); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	ubjson(&b, want)
	r := scan.UBJ("test", b.Bytes())
	got := generic(r)
	if r.End(); r.Err() != nil {
		t.Fatal(r.Err())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	r = scan.UBJ("test", b.Bytes())
	r.Skip()
	if r.End(); r.Err() != nil {
		t.Error(r.Err())
	}
	for n := range b.Len() {
		r := scan.UBJ("test", b.Bytes()[:n])
		generic(r)
		if r.Err() == nil {
			t.Fatalf("the first %d of %d bytes are read without an error", n, b.Len())
		}
	}
}

// TestTyped reads arrays of one type, and the same by their elements.
func TestTyped(t *testing.T) {
	for text, want := range map[string][]float64{
		"[$i#U\x02\xff\x05":     {-1, 5},
		"[$U#i\x02\xff\x05":     {255, 5},
		"[$I#I\x00\x01\xff\xfe": {-2},
		"[$l#L\x00\x00\x00\x00\x00\x00\x00\x01\x80\x00\x00\x00": {-1 << 31},
		"[$L#i\x01\x00\x00\x00\x00\x00\x00\x00\x07":             {7},
		"[$d#i\x01\x3f\x80\x00\x00":                             {1},
		"[$D#i\x01\xbf\xf0\x00\x00\x00\x00\x00\x00":             {-1},
		"[$d#i\x00":       nil,
		"[i\x03TFNU\xc8]": {3, 1, 0, 200},
		"[#i\x02i\x03T":   {3, 1},
	} {
		r := scan.UBJ("test", []byte(text))
		got := r.Floats64(nil)
		if r.End(); r.Err() != nil {
			t.Errorf("%q: %v", text, r.Err())
		}
		var each []float64
		r = scan.UBJ("test", []byte(text))
		r.Array(func(int) {
			if r.Kind() == scan.Bool {
				each = append(each, map[bool]float64{true: 1}[r.Flag()])
				return
			}
			each = append(each, r.Float())
		})
		r.End()
		if diff := cmp.Diff([][]float64{want, want}, [][]float64{append([]float64(nil), got...), each}); diff != "" || r.Err() != nil {
			t.Errorf("%q: %v\n%s", text, r.Err(), diff)
		}
		r = scan.UBJ("test", []byte(text))
		r.Skip()
		if r.End(); r.Err() != nil {
			t.Errorf("%q skipped: %v", text, r.Err())
		}
	}
}

func TestMalformed(t *testing.T) {
	deep := strings.Repeat("[", 300)
	for _, c := range []struct{ text, want string }{
		{"", "no value"}, {"{", `'"' is missing`}, {`{"a"`, `':' is missing`}, {`{"a":`, "no value"}, {`{"a":1`, `',' is missing`},
		{`{"a":1,}`, `'"' is missing`}, {"[1,]", "no value"}, {"[1 2]", `',' is missing`}, {`"abc`, "without end"}, {`"a\`, "without end"},
		{`"\x"`, `the escape \x`}, {`"\u12`, "an escape without end"}, {`"\u12G4"`, "hexadecimal digit"}, {"tru", "neither true, false nor null"},
		{"[-]", "no number"}, {"1 2", "data after the end"}, {deep, "256 levels"}, {strings.Repeat(`{"":`, 300), "256 levels"},
	} {
		r := scan.JSON("test", []byte(c.text))
		generic(r)
		if r.End(); r.Err() == nil || !strings.Contains(r.Err().Error(), c.want) {
			t.Errorf("JSON %.30q: %v, want %q", c.text, r.Err(), c.want)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"", "marker"}, {"{", "is no number"}, {"{i", "1 bytes are wanted"}, {"{i\x05ab", "a length of 5"}, {"{i\xff", "a length of -1"},
		{"{$i#i\x01", "object of typed values"}, {"{D\x00\x00\x00\x00\x00\x00\x00\x00", "a length of type"}, {"SL\x7f\xff\xff\xff\xff\xff\xff\xff", "a length of"},
		{"[$d#i\x02\x00\x00\x00\x00", "an array of 2 elements"}, {"[$S#i\x01", "array of type"}, {"[$Z#i\x01", "array of type"},
		{"[#i\x7f", "a length of 127"}, {"[i", "1 bytes are wanted"}, {"H", "marker"}, {"Zx", "data after the end"},
		{deep, "256 levels"}, {"[$d", "2 bytes are wanted"}, {"[$dx", "array of type"}, {"[#i\x01]", "marker"},
	} {
		r := scan.UBJ("test", []byte(c.text))
		generic(r)
		if r.End(); r.Err() == nil || !strings.Contains(r.Err().Error(), c.want) {
			t.Errorf("UBJ %.30q: %v, want %q", c.text, r.Err(), c.want)
		}
	}
	for _, text := range []string{`{"a":[1,2}`, `[`, `["a`, `{"\"":[]`} {
		r := scan.JSON("test", []byte(text))
		if r.Skip(); r.Err() == nil || !strings.Contains(r.Err().Error(), "not closed") && !strings.Contains(r.Err().Error(), "without end") {
			t.Errorf("%s skipped: %v", text, r.Err())
		}
	}
	for text, want := range map[string][]int32{
		"[1,-2, 3 ,4]": {1, -2, 3, 4}, "[123456789,1234567890,-123456789]": {123456789, 1234567890, -123456789},
		"[1e3,true,false,2.0]": {1000, 1, 0, 2}, "[]": {}, "[-2147483648,2147483647]": {-1 << 31, 1<<31 - 1},
	} {
		r := scan.JSON("test", []byte(text))
		got := r.Ints(nil)
		if r.End(); r.Err() != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", text, got, r.Err())
		}
	}
	for _, text := range []string{"[1.5]", "[3e9]", "[NaN]", "[-2147483649]"} {
		r := scan.JSON("test", []byte(text))
		if r.Ints(nil); r.Err() == nil || !strings.Contains(r.Err().Error(), "no 32-bit integer") {
			t.Errorf("%s: %v", text, r.Err())
		}
	}
}

// TestLayouts: white space between numbers, the same all along or not, changes
// nothing, and what is none of it is an error.
func TestLayouts(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	gaps := []string{"", " ", "\n  ", "\n  ", "\n  ", "\r\n\t", "  "}
	for range 300 {
		var text strings.Builder
		var want []float64
		text.WriteString("[" + gaps[r.IntN(len(gaps))])
		usual := gaps[r.IntN(len(gaps))]
		for i := range r.IntN(12) {
			gap := usual
			if r.IntN(4) == 0 {
				gap = gaps[r.IntN(len(gaps))]
			}
			if i > 0 {
				text.WriteString(strings.Repeat(" ", r.IntN(8)/7) + "," + gap)
			}
			want = append(want, float64(r.IntN(1000)-500)/8)
			text.WriteString(strconv.FormatFloat(want[i], 'g', -1, 64))
		}
		text.WriteString(usual + "]")
		numbers := scan.JSON("test", []byte(text.String()))
		if got := numbers.Floats64(nil); numbers.Err() != nil || !slices.Equal(got, want) {
			t.Fatalf("%q: %v, %v, want %v", text.String(), got, numbers.Err(), want)
		}
	}
	for _, text := range []string{"[1,\n 2,\n x3]", "[1,\n 2,\n\v3]", "[1,\n 2,\n 3,\n ]", "[1,\n 2\n 3]", "[1,\n 2,\n "} {
		numbers := scan.JSON("test", []byte(text))
		if got := numbers.Floats64(nil); numbers.Err() == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

// TestNesting reads as many levels as are allowed, and one more.
func TestNesting(t *testing.T) {
	for what, reader := range map[string]func(string, []byte) scan.Reader{"JSON": scan.JSON, "UBJSON": scan.UBJ} {
		for levels, within := range map[int]bool{modelfile.MaxNesting: true, modelfile.MaxNesting + 1: false} {
			r := reader("test", []byte(strings.Repeat("[", levels)+strings.Repeat("]", levels)))
			deepest := 0
			var list func(int)
			list = func(level int) { r.Array(func(int) { deepest = max(deepest, level+1); list(level + 1) }) }
			list(1)
			r.End()
			switch err := r.Err(); {
			case within && (err != nil || deepest != levels):
				t.Errorf("%s, %d levels: error %v after %d", what, levels, err, deepest)
			case !within && !errors.Is(err, modelfile.ErrLimit):
				t.Errorf("%s, %d levels: error %v", what, levels, err)
			}
		}
	}
}

// FuzzJSON compares with encoding/json: what that reads is read alike.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(document))
	f.Add([]byte("[1,-2.5, 12345678901234567e-20 ,\t3e2]"))
	f.Add([]byte(`[0.1, 1e30, "a\u0000b", "\ud800", "\ud83d\ude00\ud83d\u0041"]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := scan.JSON("test", data)
		got := generic(r)
		r.End()
		var want any
		if !utf8.Valid(data) || json.Unmarshal(data, &want) != nil {
			return
		}
		if r.Err() != nil {
			if strings.Contains(r.Err().Error(), "levels of nesting") {
				return
			}
			t.Fatal(r.Err())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		list, ok := want.([]any)
		var numbers []float64
		for _, v := range list {
			if f, isNumber := v.(float64); isNumber {
				numbers = append(numbers, f)
			}
		}
		if !ok || len(numbers) != len(list) {
			return
		}
		r = scan.JSON("test", data)
		all := r.Floats64(nil)
		if r.End(); r.Err() != nil || !slices.Equal(all, numbers) {
			t.Fatalf("%v, %v, want %v", all, r.Err(), numbers)
		}
	})
}

// FuzzUBJ reads arbitrary bytes in every way that a decoder does.
func FuzzUBJ(f *testing.F) {
	var b bytes.Buffer
	ubjson(&b, map[string]any{"a": []any{1.0, "x", nil, true}, "b": map[string]any{"c": 2.0}})
	f.Add(b.Bytes())
	f.Add([]byte("{i\x01a[$d#i\x01\x3f\x80\x00\x00i\x01b[i\x03TF]}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, read := range []func(scan.Reader){
			func(r scan.Reader) { generic(r) },
			func(r scan.Reader) { r.Skip() },
			func(r scan.Reader) { r.Object(func([]byte) { r.Floats32(nil) }) },
			func(r scan.Reader) { r.Object(func([]byte) { r.Ints(nil) }) },
			func(r scan.Reader) { r.Array(func(int) { r.Float() }) },
		} {
			r := scan.UBJ("test", data)
			read(r)
			r.End()
			if r.Err() != nil && len(r.Err().Error()) > 300 {
				t.Fatalf("an error of %d bytes", len(r.Err().Error()))
			}
		}
	})
}
