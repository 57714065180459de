package forest_test

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"online-inference/engine/forest"
	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// identity is a model whose sums are the columns of a row.
func identity(n int) forest.Spec {
	s := forest.Spec{Format: "test", Columns: make([]forest.Column, n), Type: tensor.Float32, Out: tensor.Float64, Targets: n}
	s.Linear = &forest.Linear{Weights: make([]float32, n*n)}
	for i := range n {
		s.Linear.Weights[i*n+i] = 1
	}
	return s
}

func answers(t *testing.T, s forest.Spec, row ...float32) *forest.Run {
	t.Helper()
	p, err := forest.New(s)
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRun()
	r.Input(0).Resize(tensor.Float32, 1, len(row))
	copy(r.Input(0).F32, row)
	if err := r.Execute(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLinks(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		link      forest.Link
		row       []float32
		want      []float64
		tolerance float64
	}{
		{forest.Link{}, []float32{-1, 2}, []float64{-1, 2}, 0},
		{forest.Link{Kind: forest.Logistic}, []float32{-1000, 0, 1000, -20}, []float64{0, 0.5, 1, 2.0611536181902037e-9}, 1e-24},
		{forest.Link{Kind: forest.Logistic, Slope: 2}, []float32{1}, []float64{0.8807970779778823}, 1e-15},
		{forest.Link{Kind: forest.Softmax}, []float32{1000, 1000}, []float64{0.5, 0.5}, 0},
		{forest.Link{Kind: forest.Softmax}, []float32{0, float32(math.Ln2)}, []float64{1. / 3, 2. / 3}, 1e-7},
		{forest.Link{Kind: forest.Exp}, []float32{0, 1, 1000}, []float64{1, math.E, inf}, 1e-15},
		{forest.Link{Kind: forest.Softplus}, []float32{0, -1000, 1000}, []float64{math.Ln2, 0, 1000}, 1e-15},
		{forest.Link{Kind: forest.SignedSquare}, []float32{3, -3, 0}, []float64{9, -9, 0}, 0},
		{forest.Link{Kind: forest.Step}, []float32{3, -3, 0}, []float64{1, 0, 0}, 0},
		{forest.Link{Kind: forest.Sorted}, []float32{3, -3, 0}, []float64{-3, 0, 3}, 0},
		{forest.Link{Kind: forest.Cumulative}, []float32{3, 0, 0}, []float64{3, 3.000001 + math.Ln2, 3.000002 + 2*math.Ln2}, 1e-12},
		{forest.Link{Kind: forest.NormalScale}, []float32{3, 1}, []float64{3, math.Exp(2)}, 1e-12},
	} {
		s := identity(len(c.row))
		s.Link = c.link
		got := answers(t, s, c.row...).Output(0).F64
		if diff := cmp.Diff(c.want, got, cmpopts.EquateApprox(0, c.tolerance)); diff != "" {
			t.Errorf("link %+v: %s", c.link, diff)
		}
	}
}

func TestLabels(t *testing.T) {
	nan := float32(math.NaN())
	binary := identity(1)
	binary.Task, binary.Classes, binary.Cut = forest.Binary, forest.Classes{Strings: []string{"no", "yes"}}, 0.5
	single := binary
	single.Out = tensor.Float32
	bySum := binary
	bySum.Link.Kind, bySum.Decide, bySum.Cut = forest.Logistic, forest.BySum, 2
	for _, c := range []struct {
		spec forest.Spec
		sum  float32
		want string
	}{
		{binary, 0.5, "no"}, {binary, math.Nextafter32(0.5, 1), "yes"}, {binary, nan, "no"},
		{single, 0.5, "no"}, {bySum, 2, "no"}, {bySum, 2.1, "yes"},
	} {
		if got := answers(t, c.spec, c.sum).Output(0).Str[0]; got != c.want {
			t.Errorf("%v: %s, want %s", c.sum, got, c.want)
		}
	}
	multi := identity(3)
	multi.Task, multi.Classes, multi.Link.Kind = forest.Multiclass, forest.Counted(3), forest.Logistic
	for want, row := range [][]float32{{1, 1, 0}, {0, 1, 1}, {0, 1, 2}} {
		if got := answers(t, multi, row...).Output(0).I64[0]; got != int64(want) {
			t.Errorf("%v: class %d, want %d", row, got, want)
		}
	}
	labels := identity(2)
	labels.Task, labels.Cut = forest.Multilabel, 0.5
	if diff := cmp.Diff([]int64{1, 0}, answers(t, labels, 0.6, 0.5).Output(0).I64); diff != "" {
		t.Error(diff)
	}
}

func TestFactorAndBase(t *testing.T) {
	s := identity(2)
	s.Factor, s.Base = 0.5, []float64{10, 20}
	if diff := cmp.Diff([]float64{11, 22}, answers(t, s, 2, 4).Output(0).F64); diff != "" {
		t.Error(diff)
	}
}

// mixed has a column of numbers, one of texts and one of numbers with codes.
func mixed(text bool) forest.Spec {
	s := forest.Spec{
		Format: "test", Columns: make([]forest.Column, 3), Type: tensor.Float64, Out: tensor.Float64, Targets: 1,
		Linear: &forest.Linear{Weights: []float32{1, 10, 100}},
	}
	if text {
		s.Columns[1].Text = func(s string) (float64, bool) { return float64(len(s)), s != "bad" }
	}
	s.Columns[2].Number = func(v float64) (float64, bool) { return v + 1, v >= 0 }
	return s
}

func TestColumns(t *testing.T) {
	p, err := forest.New(mixed(true))
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRun()
	for i, in := range p.Inputs {
		r.Input(i).Resize(in.Type, 2, 1)
	}
	fill := func(a, c []float64, b []string) {
		copy(r.Input(0).F64, a)
		copy(r.Input(1).Str, b)
		copy(r.Input(2).F64, c)
	}
	fill([]float64{1, 2}, []float64{3, math.NaN()}, []string{"", "abc"})
	if err := r.Execute(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{401, 32}, r.Output(0).F64); diff != "" {
		t.Error(diff)
	}
	for want, row := range map[string]struct {
		c []float64
		b []string
	}{
		`row 1: "bad" is no category of column "f1"`: {[]float64{0, 0}, []string{"", "bad"}},
		`row 0: -1 is no category of column 2`:       {[]float64{-1, 0}, []string{"", ""}},
	} {
		fill([]float64{0, 0}, row.c, row.b)
		var refused *modelfile.ValueError
		if err := r.Execute(); !errors.As(err, &refused) || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if p, err = forest.New(mixed(false)); err != nil {
		t.Fatal(err)
	}
	r = p.NewRun()
	r.Input(0).Resize(tensor.Float64, 2, 3)
	row := []float64{1, 2, 3, 4, 5, 6}
	copy(r.Input(0).F64, row)
	if err := r.Execute(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{421, 754}, r.Output(0).F64); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(row, r.Input(0).F64); diff != "" {
		t.Errorf("the input was changed: %s", diff)
	}
	r.Input(0).Resize(tensor.Float64, 0, 3)
	if err := r.Execute(); err != nil || r.Output(0).Rows() != 0 {
		t.Errorf("no rows: %v", err)
	}
}

func TestRefused(t *testing.T) {
	for want, change := range map[string]func(*forest.Spec){
		"without features":  func(s *forest.Spec) { s.Columns = nil },
		"features, 1048576": func(s *forest.Spec) { s.Columns = make([]forest.Column, 1<<20+1) },
		"2 columns for 3":   func(s *forest.Spec) { s.Features = 3 },
		"16385 columns, some of them of text": func(s *forest.Spec) {
			s.Columns, s.Targets = make([]forest.Column, 1<<14+1), 1
			s.Linear.Weights = make([]float32, 1<<14+1)
			s.Columns[7].Text = func(string) (float64, bool) { return 0, true }
		},
		"0 targets":           func(s *forest.Spec) { s.Targets = 0 },
		"4 weights for 2":     func(s *forest.Spec) { s.Targets = 1 },
		"3 base values":       func(s *forest.Spec) { s.Base = []float64{1, 2, 3} },
		"two classes":         func(s *forest.Spec) { s.Task = forest.Binary },
		"0 class names for 2": func(s *forest.Spec) { s.Task = forest.Multiclass },
	} {
		s := identity(2)
		change(&s)
		if _, err := forest.New(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestConcurrent runs one plan from many goroutines; the race detector looks on.
func TestConcurrent(t *testing.T) {
	p, err := forest.New(mixed(true))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			r := p.NewRun()
			for k := range 100 {
				for i, in := range p.Inputs {
					r.Input(i).Resize(in.Type, 1, 1)
				}
				r.Input(0).F64[0], r.Input(1).Str[0], r.Input(2).F64[0] = float64(g), "ab", float64(k)
				if err := r.Execute(); err != nil {
					t.Error(err)
				}
				if want := float64(g + 20 + 100*(k+1)); r.Output(0).F64[0] != want {
					t.Errorf("%v, want %v", r.Output(0).F64[0], want)
				}
			}
		})
	}
	group.Wait()
}

func TestNoAllocation(t *testing.T) {
	p, err := forest.New(mixed(true))
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRun()
	once := func() {
		for i, in := range p.Inputs {
			r.Input(i).Resize(in.Type, 4, 1)
		}
		if err := r.Execute(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range r.Input(1).Str {
		r.Input(1).Str[i] = "x"
	}
	once()
	if n := testing.AllocsPerRun(100, once); n != 0 {
		t.Errorf("%v allocations a run", n)
	}
}
