package engine_test

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"online-inference/engine"
)

// heartRow is one of the 303 patients with scikit-learn's own answer.
type heartRow struct {
	Row           map[string]any
	Label         int64
	Probabilities []float64
}

func readHeart(t testing.TB, version string) []heartRow {
	t.Helper()
	f, err := os.Open("../train/testdata/golden/heart-disease-" + version + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []heartRow
	for s := bufio.NewScanner(f); s.Scan(); {
		var r heartRow
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	if len(rows) != 303 {
		t.Fatalf("%d rows, want 303", len(rows))
	}
	return rows
}

func loadHeart(t testing.TB, version string) *engine.Model {
	t.Helper()
	m, err := engine.LoadFile("../function/kodata/models/heart-disease/" + version + "/model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func fillHeart(t testing.TB, m *engine.Model, b *engine.Batch, rows []heartRow) {
	t.Helper()
	b.Reset(len(rows))
	for i, in := range m.Signature().Inputs {
		for r, row := range rows {
			cell, ok := row.Row[in.Name]
			if !ok {
				t.Fatalf("row %d has no %q", r, in.Name)
			}
			if cell == nil && in.Type == engine.String {
				cell = ""
			}
			if err := put(b.Input(i), r, cell); err != nil {
				t.Fatalf("row %d, %s: %v", r, in.Name, err)
			}
		}
	}
}

// TestHeart compares both bundled models with scikit-learn on every patient.
func TestHeart(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		rows := readHeart(t, version)
		m := loadHeart(t, version)
		b := m.NewBatch()
		fillHeart(t, m, b, rows)
		if err := b.Run(); err != nil {
			t.Fatal(err)
		}
		worst := 0.0
		for r, want := range rows {
			if got := b.Output(0).I64[r]; got != want.Label {
				t.Errorf("version %s row %d: label %d, want %d", version, r, got, want.Label)
			}
			for k, p := range want.Probabilities {
				worst = max(worst, math.Abs(float64(b.Output(1).F32[2*r+k])-p))
			}
		}
		if worst > 1e-5 {
			t.Errorf("version %s: probabilities differ by up to %g", version, worst)
		}
		t.Logf("version %s: %d rows, largest difference of a probability %.2g", version, len(rows), worst)
	}
}

// TestNoAllocation shows that a reused batch of one row costs no memory.
func TestNoAllocation(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		m := loadHeart(t, version)
		b := m.NewBatch()
		fillHeart(t, m, b, readHeart(t, version)[:1])
		if n := testing.AllocsPerRun(100, func() {
			if err := b.Run(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("version %s: %v allocations a run, want 0", version, n)
		}
	}
}

func BenchmarkHeart(b *testing.B) {
	for _, version := range []string{"1", "2"} {
		b.Run(version, func(b *testing.B) {
			m := loadHeart(b, version)
			rows := readHeart(b, version)
			batches := make([]*engine.Batch, 64)
			for i := range batches {
				batches[i] = m.NewBatch()
				fillHeart(b, m, batches[i], rows[i:i+1])
			}
			i := 0
			for b.Loop() {
				if err := batches[i%len(batches)].Run(); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, version := range []string{"1", "2"} {
		b.Run(version, func(b *testing.B) {
			data, err := os.ReadFile("../function/kodata/models/heart-disease/" + version + "/model.onnx")
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := engine.Load(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestBatchMisuse shows that a batch that was not sized, or sized wrongly, or
// whose inputs are not as they were sized, is an error of Run.
func TestBatchMisuse(t *testing.T) {
	m := loadHeart(t, "1")
	if m.MaxRows() < 10_000 {
		t.Errorf("%d rows at most, a server offers 10,000", m.MaxRows())
	}
	b := m.NewBatch()
	in := func() *engine.Tensor { return b.Input(0) }
	for _, c := range []struct {
		what, want string
		do         func()
	}{
		{"no Reset", "before Reset", func() {}},
		{"one row too many", "at most", func() { b.Reset(m.MaxRows() + 1) }},
		{"more rows than memory", "cannot score 1099511627776 rows: this model takes", func() { b.Reset(1 << 40) }},
		{"rows below 0", "cannot score -1 rows", func() { b.Reset(-1) }},
		{"all shorter", "elements, expected 2 for 2 rows", func() {
			b.Reset(2)
			x := in()
			x.F32, x.F64, x.I64 = x.F32[:len(x.F32)/2], x.F64[:len(x.F64)/2], x.I64[:len(x.I64)/2]
			x.Str = x.Str[:len(x.Str)/2]
		}},
		{"longer", "elements, expected 2 for 2 rows", func() {
			b.Reset(2)
			x := in()
			x.F32, x.F64, x.I64, x.Str = append(x.F32, 0), append(x.F64, 0), append(x.I64, 0), append(x.Str, "")
		}},
		{"another shape", "as Reset made it", func() { b.Reset(2); in().Shape[0] = 1 }},
		{"no shape", "as Reset made it", func() { b.Reset(2); in().Shape = nil }},
		{"another type", "is of type string", func() { b.Reset(2); in().Resize(engine.String, in().Shape...) }},
	} {
		c.do()
		if err := b.Run(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.what, err, c.want)
		}
	}
	for _, rows := range []int{0, 2} { // the same batch, used well
		b.Reset(rows)
		if err := b.Run(); err != nil || b.Rows() != rows {
			t.Errorf("%d rows: %v, %d rows", rows, err, b.Rows())
		}
	}
	if b.Reset(-1); b.Rows() != 0 || in().Rows() != 0 {
		t.Errorf("a refused Reset leaves %d rows, %d in the input", b.Rows(), in().Rows())
	}
}
