package oip

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequest(t *testing.T) {
	body := []byte(` {"outputs":[{"name":"p","parameters":{"classification":2}},{"name":"l"}], "unknown":[{"x":1}],
		"inputs":[ {"data":[[1,2.5],[null,-3]],"datatype":"FP32","parameters":{"a":"b"},"shape":[2,2],"name":"x","extra":{}},
		           {"name":"t","shape":[2],"datatype":"BYTES","data":["\u0041b",""]} ],
		"id":"\u00e9 1","parameters":null} `)
	var r Request
	for range 2 { // the second time with used memory
		if err := r.Parse(body, Limits{Rows: 2, Cells: 6}); err != nil {
			t.Fatal(err)
		}
		if string(r.ID) != `"\u00e9 1"` {
			t.Errorf("id %s", r.ID)
		}
		if diff := cmp.Diff([]Output{{Name: "p"}, {Name: "l"}}, r.Outputs, cmp.AllowUnexported(Output{})); diff != "" {
			t.Error(diff)
		}
		var got []string
		for _, in := range r.Inputs {
			text := fmt.Sprint(in.Name, in.Datatype, in.Shape)
			for _, c := range r.Cells[in.Start : in.Start+in.Len] {
				text += " " + string(c.Text(body))
			}
			got = append(got, text)
		}
		if diff := cmp.Diff([]string{"xFP32 [2 2] 1 2.5 null -3", "tBYTES [2] Ab "}, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestInt64(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "-0": 0, "7": 7, "9999": 9999, "10000": 10000, "-12": -12, "1.0": 1, "-2.00": -2, "1e3": 1000, "12.5e1": 125,
		"-0.0": 0, "0e-400": 0, "0.000e5": 0, "1000e-3": 1, "10.50e1": 105, "1E+2": 100, "0.1e1": 1, "9007199254740991.0": 9007199254740991,
		"9223372036854775807": 9223372036854775807, "-9223372036854775808": -9223372036854775808, "9007199254740993": 9007199254740993,
	} {
		if got, ok := Int64([]byte(text)); !ok || got != want {
			t.Errorf("%s: %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"1.5", "1e-1", "9223372036854775808", "1e19", "9007199254740993.0", "1e400", "-1e400",
		"0.99999999999999999999999", "1.00000000000000000001", "1e-400", "-1e-400", "4503599627370497.4", "10.5e0", "1e99999999999999999999"} {
		if got, ok := Int64([]byte(text)); ok {
			t.Errorf("%s is read as %d", text, got)
		}
	}
	if n, ok := Uint64([]byte("18446744073709551615")); !ok || n != 1<<64-1 {
		t.Error(n, ok)
	}
	if n, ok := Uint64([]byte("-0")); !ok || n != 0 {
		t.Error(n, ok)
	}
	for _, text := range []string{"-1", "-1.0", "18446744073709551616", "0.5"} {
		if got, ok := Uint64([]byte(text)); ok {
			t.Errorf("%s is read as %d", text, got)
		}
	}
}

func TestCheckCell(t *testing.T) {
	for _, c := range []struct {
		datatype Datatype
		kind     Kind
		text     string
		ok       bool
	}{
		{BOOL, Bool, "true", true}, {BOOL, Number, "1", false}, {BYTES, String, "x", true}, {BYTES, Number, "1", false},
		{UINT8, Number, "255", true}, {UINT8, Number, "256", false}, {UINT8, Number, "-1", false}, {UINT8, Number, "1.0", true},
		{INT8, Number, "-128", true}, {INT8, Number, "-129", false}, {INT8, Number, "128", false},
		{UINT16, Number, "65535", true}, {UINT16, Number, "65536", false}, {INT16, Number, "32768", false},
		{UINT32, Number, "4294967295", true}, {UINT32, Number, "4294967296", false}, {INT32, Number, "2147483648", false},
		{INT64, Number, "9223372036854775807", true}, {INT64, Number, "9223372036854775808", false}, {INT64, Number, "0.5", false},
		{UINT64, Number, "18446744073709551615", true}, {UINT64, Number, "18446744073709551616", false},
		{FP32, Number, "3.4e38", true}, {FP32, Number, "3.5e38", false}, {FP32, String, "1", false},
		{FP64, Number, "1e308", true}, {FP64, Bool, "true", false},
	} {
		if expected := c.datatype.CheckCell(c.kind, []byte(c.text)); (expected == "") != c.ok {
			t.Errorf("%s takes %s: %v; it says %q", c.datatype, c.text, !c.ok, expected)
		}
		if expected := c.datatype.CheckCell(Null, []byte("null")); expected != "" {
			t.Errorf("%s: null: %s", c.datatype, expected)
		}
	}
}

// TestNames: duplicates are found among few names and among many.
func TestNames(t *testing.T) {
	for _, n := range []int{1, 14, 15, 16, 17, 200} {
		var members []string
		for i := range n {
			members = append(members, fmt.Sprintf(`"k%d":%d`, i, i))
		}
		input := `,"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}`
		var r Request
		if err := r.Parse([]byte("{"+strings.Join(members, ",")+input), Limits{1, 1}); err != nil {
			t.Errorf("%d names: %v", n, err)
		}
		for _, twice := range []int{0, n / 2, n - 1} {
			body := fmt.Sprintf(`{%s,"k%d":0%s`, strings.Join(members, ","), twice, input)
			err := r.Parse([]byte(body), Limits{1, 1})
			if err == nil || !strings.HasSuffix(err.Error(), fmt.Sprintf(`duplicate name "k%d"`, twice)) {
				t.Errorf("%d names, k%d twice: %v", n, twice, err)
			}
		}
	}
}

// TestLimits: what a client can make the server keep is bounded.
func TestLimits(t *testing.T) {
	var names, inputs, outputs []string
	for i := range 5000 {
		names = append(names, fmt.Sprintf(`"k%d":0`, i))
		inputs = append(inputs, fmt.Sprintf(`{"name":"x%d","shape":[0],"datatype":"FP32","data":[]}`, i))
		outputs = append(outputs, fmt.Sprintf(`{"name":"x%d"}`, i))
	}
	for body, want := range map[string]string{
		"{" + strings.Join(names, ",") + "}":                                  "too many names in an object: expected at most 4096",
		`{"inputs":[` + strings.Join(inputs, ",") + "]}":                      "too many inputs: expected at most 4096",
		`{"outputs":[` + strings.Join(outputs, ",") + "]}":                    "too many outputs: expected at most 4096",
		`{"inputs":[{"shape":[` + strings.Repeat("1,", 20) + "1]}]}":          `input 0: "shape": expected at most 16 dimensions`,
		`{"inputs":[{"data":[` + strings.Repeat("1,", 20) + "1]}]}":           "too many values: expected at most 20",
		`{"inputs":[{"data":` + strings.Repeat("[", 17) + "1]}]}":             `input 0: "data": nested deeper than 16`,
		`{"parameters":{"p":` + strings.Repeat("[", 70) + "1]}]}":             "invalid JSON at byte 81: nested deeper than 64",
		`{"inputs":[{"datatype":"` + strings.Repeat("x", 1000) + `"}]}`:       `input 0: unknown datatype "` + strings.Repeat("x", 64) + `"…, expected ` + strings.Join(datatypeNames[1:], ", "),
		`{"inputs":[{"name":"` + strings.Repeat("é", 1000) + `","shape":0}]}`: `input "` + strings.Repeat("é", 32) + `"…: "shape": expected a list of integers, got 0`,
	} {
		var r Request
		if err := r.Parse([]byte(body), Limits{Rows: 20, Cells: 20}); err == nil || err.Error() != want {
			t.Errorf("got      %v\nexpected %s", err, want)
		}
	}
	many := make([]string, 40)
	for i := range many {
		many[i] = "n"
	}
	if got := List(many); !strings.HasSuffix(got, "n, n and 8 more") {
		t.Error(got)
	}
}

// TestDuplicateInputs: found among few inputs and among many.
func TestDuplicateInputs(t *testing.T) {
	input := func(i int) string {
		return fmt.Sprintf(`{"name":"x%d","shape":[1],"datatype":"FP32","data":[1]}`, i)
	}
	for _, n := range []int{2, 16, 17, 50} {
		body := `{"inputs":[`
		for i := range n - 1 {
			body += input(i) + ","
		}
		err := new(Request).Parse([]byte(body+input(n/2-1)+"]}"), Limits{Rows: 1, Cells: 100})
		if want := fmt.Sprintf(`duplicate input "x%d"`, n/2-1); err == nil || err.Error() != want {
			t.Errorf("%d inputs: %v", n, err)
		}
	}
}

// TestRowLimit: too many rows are called that, whichever way they are written.
func TestRowLimit(t *testing.T) {
	const flat, nested = "[1,2,3]", "[[1],[2],[3]]"
	for _, input := range []string{
		`{"name":"x","shape":[3,1],"datatype":"FP32","data":` + flat + `}`,
		`{"name":"x","data":` + flat + `,"shape":[3,1],"datatype":"FP32"}`,
		`{"name":"x","data":` + nested + `,"shape":[3,1],"datatype":"FP32"}`,
	} {
		var r Request
		if err := r.Parse([]byte(`{"inputs":[`+input+`]}`), Limits{Rows: 2, Cells: 5}); err == nil || err.Error() != "too many rows: expected at most 2" {
			t.Errorf("%s: %v", input, err)
		}
	}
}

// TestParseAllocations: a request in steady state costs no memory for its values.
func TestParseAllocations(t *testing.T) {
	data := strings.Repeat("1.25,", 9999) + "1.25"
	body := []byte(`{"inputs":[{"name":"x","shape":[10000],"datatype":"FP32","data":[` + data + `]}]}`)
	var r Request
	parse := func() {
		if err := r.Parse(body, Limits{Rows: 10000, Cells: 10000}); err != nil {
			t.Fatal(err)
		}
		for _, c := range r.Cells {
			if _, ok := Float64(c.Text(body)); !ok {
				t.Fatal("not a number")
			}
		}
	}
	parse()
	if n := testing.AllocsPerRun(10, parse); n > 30 {
		t.Errorf("%v allocations for 10,000 values", n)
	}
}

func TestResponse(t *testing.T) {
	r := BeginResponse(nil, "m", "1", []byte(`"a\u00e9"`))
	r.Begin("x", FP32, []int{2, 1})
	r.Buf = append(r.Buf, "1,2"...)
	r.End()
	r.Begin("y", BYTES, []int{1})
	r.Buf = AppendString(r.Buf, "<a>")
	r.End()
	r.OutputBinary("z", FP64, []int{1}, 8)
	r.BeginParameters()
	r.Parameter("p", "q")
	r.Parameter("r", "s")
	got := string(r.Finish())
	want := `{"model_name":"m","model_version":"1","id":"a\u00e9","outputs":[` +
		`{"name":"x","datatype":"FP32","shape":[2,1],"data":[1,2]},{"name":"y","datatype":"BYTES","shape":[1],"data":["\u003ca\u003e"]},` +
		`{"name":"z","datatype":"FP64","shape":[1],"parameters":{"binary_data_size":8}}` +
		`],"parameters":{"p":"q","r":"s"}}` + "\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r = BeginResponse(nil, "m", "1", nil)
	r.BeginParameters()
	if got, want := string(r.Finish()), `{"model_name":"m","model_version":"1","outputs":[]}`+"\n"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
