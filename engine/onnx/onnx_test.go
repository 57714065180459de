package onnx_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
)

const heart = "../../function/kodata/models/heart-disease/2/model.onnx"

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestParse(t *testing.T) {
	m, err := onnx.Parse(read(t, heart))
	if err != nil {
		t.Fatal(err)
	}
	if m.Opsets[""] == 0 || m.Opsets["ai.onnx.ml"] == 0 {
		t.Errorf("operator sets %v", m.Opsets)
	}
	if len(m.Graph.Inputs) != 13 || len(m.Graph.Outputs) != 2 {
		t.Errorf("%d inputs, %d outputs, want 13 and 2", len(m.Graph.Inputs), len(m.Graph.Outputs))
	}
	if in := m.Graph.Inputs[0]; in.Name != "age" || len(in.Shape) != 2 || in.Shape[0] != -1 || in.Shape[1] != 1 {
		t.Errorf("first input %+v", in)
	}
}

// TestFunctions reads the names of the functions that a file defines.
func TestFunctions(t *testing.T) {
	const name, domain = "\x0a\x01f", "\x52\x01d" // fields 1 and 10
	m, err := onnx.Parse([]byte(message(7, "") + "\xca\x01\x06" + name + domain))
	if err != nil {
		t.Fatal(err)
	}
	if !m.Functions[[2]string{"d", "f"}] || len(m.Functions) != 1 {
		t.Errorf("functions %v, want f of domain d", m.Functions)
	}
}

// TestTruncated cuts a sound file at every byte: each part is refused, or is by
// chance a shorter sound file, and nothing panics.
func TestTruncated(t *testing.T) {
	data := read(t, heart)
	refused := 0
	for n := range data {
		if _, err := onnx.Parse(data[:n]); err != nil {
			refused++
			if malformed := (*modelfile.FormatError)(nil); !errors.As(err, &malformed) {
				t.Fatalf("cut at %d: %v", n, err)
			}
		}
	}
	if refused < len(data)*9/10 {
		t.Errorf("only %d of %d cuts are refused", refused, len(data))
	}
}

// bytes of a message: a key and a value, by hand.
func field(number int, wire byte, value ...byte) string {
	return string(append([]byte{byte(number)<<3 | wire}, value...))
}

func message(number int, body string) string {
	return field(number, 2, binary.AppendUvarint(nil, uint64(len(body)))...) + body
}

func TestMalformed(t *testing.T) {
	deep := ""
	for range 12 { // graphs within attributes within nodes
		deep = message(1, message(5, message(6, deep)))
		if len(deep) > 100 {
			break
		}
	}
	for name, c := range map[string]struct{ data, want string }{
		"no graph":               {field(1, 0, 8), "holds no graph"},
		"length past the end":    {field(1, 0, 8) + field(7, 2, 99), "says 99 bytes, 0 are left"},
		"number cut short":       {field(1, 0, 0x80), "cut short"},
		"number over 64 bits":    {field(1, 0) + strings.Repeat("\xff", 11), "longer than 64 bits"},
		"group":                  {field(7, 3), "wire type 3"},
		"field 0":                {"\x00\x01", "field number 0"},
		"wrong wire type":        {field(7, 0, 1), "wire type 0 where 2 belongs"},
		"floats not whole":       {field(7, 2, 9) + message(5, message(4, "abc")) + "..", "no whole number of floats"},
		"values short of shape":  {message(7, message(5, field(1, 0, 3)+field(2, 0, 1)+message(4, "\x00\x00\x80\x3f"))), "wants 3 values, it holds 1"},
		"raw bytes short":        {message(7, message(5, field(1, 0, 3)+field(2, 0, 1)+message(9, "\x00\x00\x80\x3f"))), "wants 12 bytes, it holds 4"},
		"negative dimension":     {message(7, message(5, field(1, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1)+field(2, 0, 1))), "dimension -1"},
		"shape of many elements": {message(7, message(5, strings.Repeat(field(1, 0, 255, 255, 255, 7), 3)+field(2, 0, 1))), "is too large"},
		"nine dimensions":        {message(7, message(5, strings.Repeat(field(1, 0, 1), 9)+field(2, 0, 1))), "9 dimensions"},
		"deep nesting":           {message(7, deep), "nest deeper"},
	} {
		_, err := onnx.Parse([]byte(c.data))
		if malformed := (*modelfile.FormatError)(nil); !errors.As(err, &malformed) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

// TestUnsupported refuses what the engine cannot hold where something reads it.
func TestUnsupported(t *testing.T) {
	half := message(5, field(2, 0, 10)+message(8, "h"))
	body := message(1, message(5, message(6, message(1, message(1, "h")))))
	for name, c := range map[string]struct{ data, want string }{
		"half floats read":      {message(7, message(1, message(1, "h"))+half), "element type 10"},
		"half floats given":     {message(7, half+message(12, message(1, "h"))), "element type 10"},
		"half floats in a body": {message(7, half+body), "element type 10"},
		"of a body, read there": {message(7, message(1, message(5, message(6, half+message(1, message(1, "h")))))), "element type 10"},
		"half attribute":        {message(7, message(1, message(5, message(5, field(2, 0, 10))))), "element type 10"},
		"external data":         {message(7, message(1, message(1, "h"))+message(5, field(2, 0, 1)+message(8, "h")+message(13, ""))), "external data"},
		"sparse constants":      {message(7, message(15, "")), "sparse"},
	} {
		_, err := onnx.Parse([]byte(c.data))
		if unsupported := (*modelfile.UnsupportedError)(nil); !errors.As(err, &unsupported) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

// TestUnread passes over initialisers of other types that nothing reads, here
// FLOAT16, UINT32 and external data, and keeps the rest.
func TestUnread(t *testing.T) {
	odd := message(5, field(2, 0, 10)+message(8, "h")) + message(5, field(2, 0, 12)+message(8, "u")) + message(5, field(2, 0, 1)+message(8, "e")+message(13, ""))
	kept := message(5, field(1, 0, 0)+field(2, 0, 1)+message(8, "k"))
	m, err := onnx.Parse([]byte(message(7, message(1, message(1, "x")+message(2, "y"))+odd+kept)))
	if err != nil {
		t.Fatal(err)
	}
	if list := m.Graph.Initializers; len(list) != 1 || list[0].Name != "k" {
		t.Errorf("initialisers %v, want k alone", list)
	}
}

func TestSniff(t *testing.T) {
	for data, want := range map[string]bool{
		string(read(t, heart)): true,
		"{\"learner\": {}}":    false,
		"tree\nversion=v4\n":   false,
		"":                     false,
		"\x08\x08\x12\x04onnx": true,
	} {
		if got := onnx.Sniff([]byte(data)); got != want {
			t.Errorf("Sniff(%.20q) = %v, want %v", data, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("../testdata/golden/*/*.onnx")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range append(paths, heart) {
		if data := read(f, path); len(data) < 40_000 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := onnx.Parse(data)
		if err == nil && m.Graph == nil {
			t.Fatal("neither a graph nor an error")
		}
		for i := 0; err == nil && i < len(m.Graph.Nodes); i++ {
			for k := range m.Graph.Nodes[i].Attrs {
				sameLists(t, &m.Graph.Nodes[i].Attrs[k])
			}
		}
	})
}
