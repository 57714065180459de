package rows

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// rowsOf reads all rows of an input: "LINE:TEXT", with "!FAULT" behind a bad one.
func rowsOf(t *testing.T, in io.Reader, format Format, delimiter byte, blank bool) []string {
	t.Helper()
	s, err := Open(in, "", format, delimiter)
	if err != nil {
		t.Fatal(err)
	}
	if blank {
		s.BlankRows()
	}
	var all []string
	for {
		text, line, fault, err := s.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		row := fmt.Sprintf("%d:%s", line, text)
		if fault != "" {
			row += "!" + fault
		}
		all = append(all, row)
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestRows: what ends a row, and on which line each begins, however the bytes come.
func TestRows(t *testing.T) {
	const (
		unclosed = "!a quote that is opened in this line is never closed"
		behind   = "!a quoted cell goes on behind its closing quote"
	)
	for _, c := range []struct {
		name, in  string
		format    Format
		delimiter byte
		blank     bool
		want      []string
	}{
		{"lines", "a,b\n1,2\n3,4\n", CSV, 0, false, []string{"1:a,b", "2:1,2", "3:3,4"}},
		{"no last end", "a\n1", CSV, 0, false, []string{"1:a", "2:1"}},
		{"CRLF", "a\r\n1\r\n", CSV, 0, false, []string{"1:a", "2:1"}},
		{"byte order mark", "\xef\xbb\xbfa\n1\n", CSV, 0, false, []string{"1:a", "2:1"}},
		{"only a byte order mark", "\xef\xbb\xbf", CSV, 0, false, nil},
		{"nothing", "", CSV, 0, false, nil},
		{"empty lines", "a,b\n\n\r\n1,2\n\n", CSV, 0, false, []string{"1:a,b", "4:1,2"}},
		{"empty lines are rows", "a\n\n1\n", CSV, 0, true, []string{"1:a", "2:", "3:1"}},
		{"a quoted end of line", "a,b\n\"x\ny\",2\n3,4\n", CSV, 0, false, []string{"1:a,b", "2:\"x\ny\",2", "4:3,4"}},
		{"a quoted CRLF", "a\r\n\"x\r\ny\"\r\n3\r\n", CSV, 0, false, []string{"1:a", "2:\"x\r\ny\"", "4:3"}},
		{"doubled quotes", "\"a\"\"\n\"\"\",b\nc\n", CSV, 0, false, []string{"1:\"a\"\"\n\"\"\",b", "3:c"}},
		{"an empty quoted cell", "\"\",\"\"\n1\n", CSV, 0, false, []string{"1:\"\",\"\"", "2:1"}},
		{"a quote at the end", "1,\"2\"", CSV, 0, false, []string{"1:1,\"2\""}},
		{"a quote inside a cell", "5\" pipe,1\n2\n", CSV, 0, false, []string{"1:5\" pipe,1", "2:2"}},
		{"never closed", "a\n\"b\nc\nd\n", CSV, 0, false, []string{"1:a", "2:\"b" + unclosed, "3:c", "4:d"}},
		{"never closed, last", "a\n\"b", CSV, 0, false, []string{"1:a", "2:\"b" + unclosed}},
		{"behind a quote", "\"a\"b\nc\n", CSV, 0, false, []string{"1:\"a\"b" + behind, "2:c"}},
		{"behind a quote of two lines", "\"a\nb\"é\nc\n", CSV, 0, false, []string{"1:\"a" + behind, "2:b\"é", "3:c"}},
		{"another delimiter", "\"a\n\";1\n2\n", CSV, ';', false, []string{"1:\"a\n\";1", "3:2"}},
		{"JSON lines", "{\"a\":1}\n\n  [2] \r\n \t\n", Auto, 0, false, []string{"1:{\"a\":1}", "3:[2]"}},
		{"JSON with quotes", "{\"a\":\"\\\"\"}\n[1]\n", Auto, 0, false, []string{"1:{\"a\":\"\\\"\"}", "2:[1]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for form, in := range map[string]io.Reader{
				"at once": strings.NewReader(c.in), "byte by byte": iotest.OneByteReader(strings.NewReader(c.in)),
				"with the end": iotest.DataErrReader(strings.NewReader(c.in)), "gzip": strings.NewReader(zipped(t, c.in)),
			} {
				if d := cmp.Diff(c.want, rowsOf(t, in, c.format, c.delimiter, c.blank)); d != "" {
					t.Errorf("%s: %s", form, d)
				}
			}
		})
	}
}

// TestFormats: a format is told by name, else by content.
func TestFormats(t *testing.T) {
	for _, c := range []struct {
		name, content string
		format        Format
		delimiter     byte
	}{
		{"", "a,b\n", CSV, ','}, {"", " {\"a\":1}", JSONLines, ','}, {"", "[1]", JSONLines, ','}, {"", "", CSV, ','},
		{"x.csv", "[1]", CSV, ','}, {"x.TSV.gz", "a\tb", CSV, '\t'}, {"x.jsonl", "a", JSONLines, ','}, {"x.json", "{}", JSONLines, ','},
		{"x.ndjson.gz", "", JSONLines, ','}, {"x.txt", "a", CSV, ','},
	} {
		s, err := Open(strings.NewReader(c.content), c.name, Auto, 0)
		if err != nil || s.Format != c.format || s.Delimiter != c.delimiter {
			t.Errorf("%q called %q is %d with %q, %v", c.content, c.name, s.Format, s.Delimiter, err)
		}
	}
	for content, want := range map[string]string{
		"PAR1xxxx": "Parquet", "PK\x03\x04x": "Excel", "\xff\xfea\x00": "UTF-16", "\x1f\x8bxx": "gzip", "(\xb5/\xfdxx": "zstd",
	} {
		if _, err := Open(strings.NewReader(content), "", Auto, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, expected a word of %s", content, err, want)
		}
	}
	for _, word := range []string{"csv", "jsonl", "auto", "ndjson", "CSV"} {
		if _, err := ParseFormat(word); err != nil {
			t.Error(err)
		}
	}
	if _, err := ParseFormat("xlsx"); err == nil {
		t.Error("xlsx is known")
	}
}

// TestLongRows: a row beyond the bound ends the reading, a quote that nobody closes
// costs its line only.
func TestLongRows(t *testing.T) {
	long := strings.NewReader("a\n" + strings.Repeat("x", MaxRow+1))
	s, err := Open(long, "", CSV, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := s.Next(); err == nil || err.Error() != "line 2: it is longer than 16777216 bytes" {
		t.Errorf("a long row: %v", err)
	}
	if cap(s.buf) > 4*MaxRow {
		t.Errorf("the buffer has grown to %d bytes", cap(s.buf))
	}
	in := "\"x,\n" + strings.Repeat(strings.Repeat("0", 1000)+"\n", MaxRow/1000+1)
	got := rowsOf(t, strings.NewReader(in), CSV, 0, false)
	if len(got) != MaxRow/1000+2 || !strings.Contains(got[0], "never closed") || !strings.HasPrefix(got[1], "2:000") {
		t.Errorf("%d rows, the first are %.200q", len(got), got[:min(len(got), 2)])
	}
}

// TestReadErrors: what the input says of itself comes through, behind what was
// read before.
func TestReadErrors(t *testing.T) {
	cut := zipped(t, strings.Repeat("1,2\n", 100_000))
	s, err := Open(strings.NewReader(cut[:len(cut)/2]), "", CSV, 0)
	if err != nil {
		t.Fatal(err)
	}
	var c Chunk
	rows := 0
	for err == nil {
		err = s.Read(&c, 1000)
		rows += c.Len()
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) || rows == 0 {
		t.Errorf("%d rows, then %v", rows, err)
	}
}

func TestCSVCells(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string // quoted cells in ''
	}{
		{"a,b", []string{"a", "b"}},
		{"", []string{""}},
		{",", []string{"", ""}},
		{`"a,b",c`, []string{"'a,b'", "c"}},
		{`"",""`, []string{"''", "''"}},
		{`"a""b","""",x`, []string{`'a"b'`, `'"'`, "x"}},
		{`a"b, "c" ,d `, []string{`a"b`, ` "c" `, "d "}},
		{"\"a\nb\",c", []string{"'a\nb'", "c"}},
		{`"a""",""""`, []string{`'a"'`, `'"'`}},
		{"1,2,", []string{"1", "2", ""}},
		{"é,\"ü\"\"\",\xff", []string{"é", "'ü\"'", "\xff"}},
	} {
		var got []string
		for _, cell := range new(Parser).CSV([]byte(c.in), ',') {
			if cell.Kind == Quoted {
				got = append(got, "'"+string(cell.Text)+"'")
			} else {
				got = append(got, string(cell.Text))
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.in, d)
		}
	}
}

func TestJSONCells(t *testing.T) {
	kinds := map[Kind]string{Null: "null", Bool: "bool", Number: "number", String: "string", Nested: "nested"}
	for _, c := range []struct{ in, want string }{
		{`[1,-2.5e3,"a",null,true,false,[1,[2]],{"x":{}}]`, `number 1, number -2.5e3, string a, null null, bool true, bool false, nested [1,[2]], nested {"x":{}}`},
		{` { "a" : 1 , "b" : "\u00e9\"\/" } `, `a number 1, b string é"/`},
		{`[NaN,Infinity,-Infinity]`, `null NaN, number Infinity, number -Infinity`},
		{`[]`, ``},
		{`{}`, ``},
		{`{"é":1}`, `é number 1`},
		{`5`, `no JSON: expected an object or an array at byte 1, got '5'`},
		{`[1,]`, `no JSON: expected a value behind the comma at byte 4, got ']'`},
		{`[1 2]`, `no JSON: expected ',' or ']' at byte 4, got '2'`},
		{`[01]`, `no JSON: expected ',' or ']' at byte 3, got '1'`},
		{`[1.]`, `no JSON: expected a value at byte 4, got ']'`},
		{`[nan]`, `no JSON: expected a value at byte 2, got 'n'`},
		{`[1`, `no JSON: expected ',' or ']', got the end of the line`},
		{`{"a"}`, `no JSON: expected ':' at byte 5, got '}'`},
		{`{a:1}`, `no JSON: expected a name in double quotes at byte 2, got 'a'`},
		{`["a`, `no JSON: expected a closing quote, got the end of the line`},
		{"[\"a\tb\"]", `no JSON: expected a character of a string at byte 4, got '\t'`},
		{"[\"\xff\"]", `no JSON: the string at byte 2 is not UTF-8`},
		{"[\xff]", `no JSON: expected a value at byte 2, got no UTF-8`},
		{`["\x"]`, `no JSON: the string at byte 2: invalid character 'x' in string escape code`},
		{`[1] 2`, `no JSON: expected the end of the line at byte 5, got '2'`},
		{strings.Repeat("[", 100) + strings.Repeat("]", 100), `nested deeper than 64`},
	} {
		var p Parser
		cells, object, err := p.JSON([]byte(c.in))
		var parts []string
		for _, cell := range cells {
			part := kinds[cell.Kind] + " " + string(cell.Text)
			if object {
				part = string(cell.Name) + " " + part
			}
			parts = append(parts, part)
		}
		got := strings.Join(parts, ", ")
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.in, got, c.want)
		}
	}
}

// FuzzCSV: no input may stop the reader or lose a byte of it, and wherever
// encoding/csv reads the same input, both find the same cells on the same lines.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n", "a\r\n\"x\r\ny\",\"\"\"\"\r\n", "\"a\"b\nc", "\"never\nclosed", "\xef\xbb\xbfa;b\n", ",,\n\n\r\n\"\"", "5\" x,\"\n\"\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if _, err := Open(strings.NewReader(in), "", CSV, ','); err != nil {
			return // UTF-16, Parquet and the like are refused by name
		}
		got, faults := cellsOf(t, iotest.OneByteReader(strings.NewReader(in)))
		again, _ := cellsOf(t, strings.NewReader(in))
		if d := cmp.Diff(got, again); d != "" {
			t.Fatalf("how the bytes come makes a difference: %s", d)
		}
		peer := csv.NewReader(strings.NewReader(strings.TrimPrefix(in, "\xef\xbb\xbf")))
		peer.FieldsPerRecord = -1
		var want []string
		for {
			record, err := peer.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil { // stricter with quotes inside cells
				return
			}
			line, _ := peer.FieldPos(0)
			want = append(want, fmt.Sprintf("%d %q", line, record))
		}
		// A lone carriage return at the end of a row is dropped here and kept there;
		// inside quotes it is the other way about.
		if strings.Contains(in, "\r") {
			return
		}
		if d := cmp.Diff(want, got); d != "" || faults > 0 {
			t.Fatalf("%d faults; encoding/csv differs: %s", faults, d)
		}
	})
}

func cellsOf(t *testing.T, in io.Reader) (all []string, faults int) {
	t.Helper()
	s, err := Open(in, "", CSV, ',')
	if err != nil { // another kind of file
		return nil, 0
	}
	var p Parser
	last := 0
	for {
		text, line, fault, err := s.Next()
		if err != nil {
			return all, faults
		}
		if line <= last {
			t.Fatalf("line %d comes behind line %d", line, last)
		}
		last = line
		var record []string
		for _, c := range p.CSV(text, ',') {
			record = append(record, string(c.Text))
		}
		if fault != "" {
			faults++
		}
		all = append(all, fmt.Sprintf("%d %q", line, record))
	}
}

// FuzzJSON: a row is taken exactly where encoding/json takes it, but for the words
// that Python writes, and its numbers and strings are the same.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a":1,"b":[{}]}`, `[1e5,"\ud83d\ude00",null]`, `[NaN]`, `{"a":"\`, `[-0.0,"é"]`, `{"":""}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var p Parser
		cells, object, err := p.JSON(in)
		if len(p.Foreign) > 0 || bytes.Count(in, []byte("["))+bytes.Count(in, []byte("{")) >= maxDepth {
			return
		}
		trimmed := bytes.TrimLeft(in, " \t\r\n")
		wanted := json.Valid(in) && len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[')
		if !bytes.Equal(in, bytes.ToValidUTF8(in, nil)) {
			wanted = false
		}
		if wanted != (err == nil) {
			t.Fatalf("%q: %v, encoding/json: %v", in, err, json.Valid(in))
		}
		if err != nil || object {
			return
		}
		var want []json.RawMessage
		if err := json.Unmarshal(in, &want); err != nil || len(want) != len(cells) {
			t.Fatalf("%q: %d cells, encoding/json has %d, %v", in, len(cells), len(want), err)
		}
		for i, c := range cells {
			text := string(want[i])
			if c.Kind == String {
				if err := json.Unmarshal(want[i], &text); err != nil {
					t.Fatal(err)
				}
			}
			if text != string(c.Text) {
				t.Fatalf("%q: cell %d is %q, encoding/json has %q", in, i, c.Text, text)
			}
		}
	})
}
