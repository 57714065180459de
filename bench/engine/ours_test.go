package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"online-inference/bench/engine/record"
)

// golden copies a model of the golden set into a folder as peers/models.py
// writes it, with the framework's own answers moved by a distance.
func golden(t *testing.T, moved float64) string {
	t.Helper()
	from, dir := filepath.Join("..", "..", "engine", "testdata", "golden", "xgb_binary"), t.TempDir()
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var numbers, answers []byte
	rows, texts := 0, [][]string{}
	for line := range strings.Lines(string(read("rows.jsonl"))) {
		var cells []*float32
		if err := json.Unmarshal([]byte(line), &cells); err != nil {
			t.Fatal(err)
		}
		for _, c := range cells {
			v := float32(math.NaN())
			if c != nil {
				v = *c
			}
			numbers = binary.LittleEndian.AppendUint32(numbers, math.Float32bits(v))
		}
		rows, texts = rows+1, append(texts, nil)
	}
	var expected struct{ Probabilities [][]float64 }
	if err := json.Unmarshal(read("expected.json"), &expected); err != nil {
		t.Fatal(err)
	}
	for _, p := range expected.Probabilities {
		answers = binary.LittleEndian.AppendUint64(answers, math.Float64bits(p[1]+moved))
	}
	meta, err := json.Marshal(map[string]any{
		"kind": "xgboost", "rows": rows, "nodes": 1, "native": "model.ubj",
		"inputs": []map[string]any{{"name": "X", "columns": upTo(10)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	words, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	write("meta.json", meta)
	write("texts.json", words)
	write("numbers.f32", numbers)
	write("expected.f64", answers)
	write("model.onnx", read("model.onnx"))
	write("model.ubj", read("model.ubj"))
	return dir
}

// TestServe speaks with our worker as the benchmark does.
func TestServe(t *testing.T) {
	var out bytes.Buffer
	in := strings.NewReader(`{"who":"ours-onnx","batch":1,"ms":1}` + "\n" + `{"who":"ours-native","batch":100,"ms":1}` + "\n")
	if err := serve(golden(t, 0), in, &out); err != nil {
		t.Fatal(err)
	}
	answers := json.NewDecoder(&out)
	var ways []hello
	if err := answers.Decode(&ways); err != nil {
		t.Fatal(err)
	}
	if len(ways) != 2 {
		t.Fatalf("%d ways, want 2", len(ways))
	}
	for _, w := range ways {
		if !(w.Deviation <= tolerated) || *w.Allocations != 0 || w.MaxRows < 1000 {
			t.Errorf("%+v: want right answers without allocation", w)
		}
	}
	for range 2 {
		var laps []float64
		if err := answers.Decode(&laps); err != nil || len(laps) == 0 || !(laps[0] > 0) {
			t.Errorf("laps %v, %v", laps, err)
		}
	}
}

// TestServeWrong shows that answers that are not the framework's are seen.
func TestServeWrong(t *testing.T) {
	var out bytes.Buffer
	if err := serve(golden(t, 0.001), strings.NewReader(""), &out); err != nil {
		t.Fatal(err)
	}
	var ways []hello
	if err := json.Unmarshal(out.Bytes(), &ways); err != nil {
		t.Fatal(err)
	}
	for _, w := range ways {
		if w.Deviation <= tolerated {
			t.Errorf("%+v: want a deviation of 0.001", w)
		}
	}
}

// TestLoad loads a file as the benchmark does.
func TestLoad(t *testing.T) {
	var out bytes.Buffer
	if err := load(golden(t, 0), record.OursNative, &out); err != nil {
		t.Fatal(err)
	}
	var l record.Load
	if err := json.Unmarshal(out.Bytes(), &l); err != nil {
		t.Fatal(err)
	}
	if l.Bytes == 0 || l.First <= 0 || l.Min > l.First || l.Heap <= 0 {
		t.Errorf("load = %+v", l)
	}
}
