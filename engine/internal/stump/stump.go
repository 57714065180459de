// Package stump is what the tests of the native formats' readers share: a small
// model as text, whose parts a test replaces; one row scored; files that have to
// be refused; and files with bytes at random.
package stump

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"online-inference/engine/forest"
	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// A Parse is a reader of one format.
type Parse func(data []byte) (*forest.Plan, error)

// Change replaces parts of a model, given as pairs of what is there and what is
// to stand in its place. A part that is not there ends the test.
func Change(t *testing.T, model string, parts ...string) []byte {
	t.Helper()
	for i := 0; i < len(parts); i += 2 {
		if !strings.Contains(model, parts[i]) {
			t.Fatalf("the model has no %q", parts[i])
		}
		model = strings.ReplaceAll(model, parts[i], parts[i+1])
	}
	return []byte(model)
}

// Run scores one row of a model with one input and writes all outputs in a
// line: names, labels as they are, numbers with five digits.
func Run(t *testing.T, p *forest.Plan, row ...float64) string {
	t.Helper()
	r := p.NewRun()
	in := r.Input(0)
	in.Resize(p.Inputs[0].Type, 1, len(row))
	for i, v := range row {
		if in.Type == tensor.Float32 {
			in.F32[i] = float32(v)
		} else {
			in.F64[i] = v
		}
	}
	if err := r.Execute(); err != nil {
		t.Fatal(err)
	}
	var out []string
	for i, port := range p.Outputs {
		o := r.Output(i)
		switch port.Type {
		case tensor.Int64:
			out = append(out, fmt.Sprint(port.Name, o.I64))
		case tensor.String:
			out = append(out, fmt.Sprint(port.Name, o.Str))
		case tensor.Float32:
			out = append(out, port.Name+digits(o.F32))
		default:
			out = append(out, port.Name+digits(o.F64))
		}
	}
	return strings.Join(out, " ")
}

func digits[T float32 | float64](values []T) string {
	var out []string
	for _, v := range values {
		out = append(out, fmt.Sprintf("%.5g", v))
	}
	return "[" + strings.Join(out, " ") + "]"
}

// Refused checks that a file is refused with one of the two errors of package
// modelfile whose message has each of the words, and that is not overlong.
func Refused(t *testing.T, parse Parse, data []byte, words ...string) {
	t.Helper()
	_, err := parse(data)
	if !IsRefusal(err) {
		t.Errorf("error %v, want a refusal with %q", err, words)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %v, want one with %q", err, word)
		}
	}
	if len(err.Error()) > 500 {
		t.Errorf("an error of %d bytes: %v", len(err.Error()), err)
	}
}

// Limited is Refused for a file beyond a limit, which errors.Is tells.
func Limited(t *testing.T, parse Parse, data []byte, words ...string) {
	t.Helper()
	Refused(t, parse, data, words...)
	if _, err := parse(data); !errors.Is(err, modelfile.ErrLimit) {
		t.Errorf("error %v is not about a limit", err)
	}
}

// IsRefusal reports whether an error is one of the two with which readers refuse
// files.
func IsRefusal(err error) bool {
	malformed, unsupported := (*modelfile.FormatError)(nil), (*modelfile.UnsupportedError)(nil)
	return errors.As(err, &malformed) || errors.As(err, &unsupported)
}

// Cut checks that no beginning of a model, up to the given length, is a model.
func Cut(t *testing.T, parse Parse, model string, length int) {
	t.Helper()
	for n := range length {
		if _, err := parse([]byte(model[:n])); err == nil {
			t.Fatalf("the first %d of %d bytes are a model", n, len(model))
		}
	}
}

// Fuzz reads files with bytes at random, beginning with the files that the
// patterns name but for very large ones, and scores two rows with what is read.
// A value may be refused only where a column holds text.
func Fuzz(f *testing.F, parse Parse, model string, patterns ...string) {
	if model != "" {
		f.Add([]byte(model))
	}
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatalf("no seeds: %v", err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			if len(data) < 60_000 { // large seeds only slow the mutator down
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parse(data)
		if err != nil {
			if !IsRefusal(err) {
				t.Fatalf("an error of neither kind: %v", err)
			}
			return
		}
		hostile(t, p)
	})
}

// hostile scores two rows of numbers at the edges.
func hostile(t *testing.T, p *forest.Plan) {
	t.Helper()
	r := p.NewRun()
	for i, in := range p.Inputs {
		x := r.Input(i)
		x.Resize(in.Type, 2, in.Shape[1])
		for k := range x.F32 {
			x.F32[k] = []float32{0, -1, 1e30, float32(math.NaN())}[k%4]
		}
		for k := range x.F64 {
			x.F64[k] = []float64{0, -1, 1e300, math.NaN()}[k%4]
		}
	}
	var refused *modelfile.ValueError
	if err := r.Execute(); err != nil && !errors.As(err, &refused) {
		t.Fatal(err)
	}
}
