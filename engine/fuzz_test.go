package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"online-inference/engine"
)

// FuzzLoad loads arbitrary bytes and scores with what loads: no panic, no read
// beyond an array, no run-away memory, and every refusal is one of the two kinds.
func FuzzLoad(f *testing.F) {
	seeds, err := filepath.Glob("testdata/golden/*/model*")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	seeds = append(seeds, "../function/kodata/models/heart-disease/1/model.onnx", "../function/kodata/models/heart-disease/2/model.onnx")
	for _, path := range seeds {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 40_000 { // large seeds only slow the mutator down
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := engine.Load(data)
		if err != nil {
			malformed, unsupported := (*engine.FormatError)(nil), (*engine.UnsupportedError)(nil)
			if !errors.As(err, &malformed) && !errors.As(err, &unsupported) {
				t.Fatalf("an error of neither kind: %v", err)
			}
			return
		}
		b := m.NewBatch()
		for _, rows := range []int{0, 1, 3} {
			b.Reset(rows)
			for i := range m.Signature().Inputs {
				hostile(b.Input(i))
			}
			if err := b.Run(); err == nil {
				for i, out := range m.Signature().Outputs {
					if got := b.Output(i); got.Type != out.Type {
						t.Fatalf("output %d has type %v, the signature says %v", i, got.Type, out.Type)
					}
				}
			}
		}
	})
}

// hostile fills a tensor with values at the edges of its type.
func hostile(x *engine.Tensor) {
	for i := range x.F32 {
		x.F32[i] = []float32{0, -1, 1e30, float32(nan())}[i%4]
	}
	for i := range x.F64 {
		x.F64[i] = []float64{0, -1, 1e300, nan()}[i%4]
	}
	for i := range x.I64 {
		x.I64[i] = []int64{0, -1, 1 << 62, -1 << 63}[i%4]
	}
	for i := range x.Str {
		x.Str[i] = []string{"", "3", "Ünï", strings.Repeat("x", 99)}[i%4]
	}
}
