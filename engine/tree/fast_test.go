package tree

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// forest grows random trees of numeric tests; thresholds come from a short list,
// so that rows hit them exactly.
func forest(r *rand.Rand, trees, features, targets, depth int, modes ...Mode) Spec {
	s := Spec{Features: features, Targets: targets}
	for i := range trees {
		s.Roots = append(s.Roots, int32(len(s.Nodes)))
		grow(r, &s, i%targets, depth, modes)
	}
	return s
}

func grow(r *rand.Rand, s *Spec, target, depth int, modes []Mode) int32 {
	at := int32(len(s.Nodes))
	s.Nodes = append(s.Nodes, Node{})
	if depth == 0 || r.IntN(8) == 0 {
		s.Weights = append(s.Weights, Weight{int32(target), r.NormFloat64()})
		s.Nodes[at].Weights = [2]int32{int32(len(s.Weights) - 1), int32(len(s.Weights))}
		return at
	}
	yes := grow(r, s, target, depth-1, modes)
	no := grow(r, s, target, depth-1, modes)
	s.Nodes[at] = Node{
		Mode: modes[r.IntN(len(modes))], Feature: int32(r.IntN(s.Features)), True: yes, False: no,
		Threshold: float64(thresholds[r.IntN(len(thresholds))]), MissTrue: r.IntN(2) == 0,
	}
	return at
}

var thresholds = []float32{-1e30, -2.5, -0.1, float32(math.Copysign(0, -1)), 0, 1e-45, 0.1, 0.3, 1, 7.25, math.MaxFloat32}

// edges gives rows of values on thresholds, one ulp beside them, and beyond all.
func edges(r *rand.Rand, n int, withNaN bool) []float32 {
	x := make([]float32, n)
	for i := range x {
		v := thresholds[r.IntN(len(thresholds))]
		switch r.IntN(8) {
		case 0:
			v = math.Nextafter32(v, float32(math.Inf(1)))
		case 1:
			v = math.Nextafter32(v, float32(math.Inf(-1)))
		case 2:
			v = float32(math.Inf(1 - 2*r.IntN(2)))
		case 3:
			v = r.Float32()*4 - 2
		case 4:
			if withNaN {
				v = float32(math.NaN())
			}
		}
		x[i] = v
	}
	return x
}

// TestFast compares the fast form with the general walker on random forests,
// for batches on both sides of where the code path switches.
func TestFast(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 200 {
		s := forest(r, 1+r.IntN(20), 1+r.IntN(6), 1+r.IntN(3), r.IntN(7), LEQ, LT, GTE, GT)
		s.Targets = max(1, s.Targets)
		e, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		if e.fast == nil {
			t.Fatal("no fast form")
		}
		for _, rows := range []int{0, 1, lanes - 1, lanes, lanes + 1, block, block + lanes + 3} {
			x := edges(r, rows*s.Features, round%2 == 0)
			got, want := make([]float64, rows*s.Targets), make([]float64, rows*s.Targets)
			Score(e, x, got)
			scoreGeneral(e, x, want)
			for i := range want {
				if math.Abs(got[i]-want[i]) > 1e-12 {
					t.Fatalf("round %d, %d rows, sum %d: %v, want %v", round, rows, i, got[i], want[i])
				}
			}
			alone := make([]float64, s.Targets)
			for k := range rows {
				Score(e, x[k*s.Features:(k+1)*s.Features], alone)
				for i, v := range alone {
					if v != got[k*s.Targets+i] {
						t.Fatalf("round %d: row %d of %d alone gives %v, among others %v", round, k, rows, v, got[k*s.Targets+i])
					}
				}
			}
		}
	}
}

// TestNotFast lists what the fast form leaves to the general walker.
func TestNotFast(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for what, change := range map[string]func(*Spec){
		"equality":          func(s *Spec) { s.Nodes[0].Mode = EQ },
		"sets":              func(s *Spec) { s.Nodes[0].Mode = In },
		"zero as missing":   func(s *Spec) { s.Nodes[0].Missing = MissZero },
		"double thresholds": func(s *Spec) { s.Nodes[0].Threshold = 0.1 },
		"infinite threshold": func(s *Spec) {
			s.Nodes[0] = Node{Mode: LEQ, Threshold: math.Inf(1), True: s.Nodes[0].True, False: s.Nodes[0].False}
		},
		"another aggregate":   func(s *Spec) { s.Aggregate = Max },
		"leaves of two parts": func(s *Spec) { s.Weights = append(s.Weights, Weight{}); s.Nodes[len(s.Nodes)-1].Weights[1]++ },
	} {
		s := forest(r, 1, 2, 1, 3, LT)
		for s.Nodes[0].Mode == Leaf || s.Nodes[len(s.Nodes)-1].Mode != Leaf {
			s = forest(r, 1, 2, 1, 3, LT)
		}
		change(&s)
		e, err := New(s)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if e.fast != nil {
			t.Errorf("%s: the fast form takes it", what)
		}
	}
}

func BenchmarkScore(b *testing.B) {
	for _, shape := range []struct{ trees, depth int }{{100, 6}, {500, 6}, {1000, 8}} {
		r := rand.New(rand.NewPCG(7, 8))
		s := forest(r, shape.trees, 28, 1, shape.depth, LT)
		e, err := New(s)
		if err != nil {
			b.Fatal(err)
		}
		x := make([]float32, 1024*28)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		for _, rows := range []int{1, 1000} {
			out := make([]float64, rows)
			for name, score := range map[string]func([]float32){
				"fast":    func(x []float32) { Score(e, x, out) },
				"general": func(x []float32) { scoreGeneral(e, x, out) },
			} {
				b.Run(fmt.Sprintf("%dx%d/%d/%s", shape.trees, shape.depth, rows, name), func(b *testing.B) {
					i := 0
					for b.Loop() {
						at := i % (1025 - rows) * 28
						score(x[at : at+rows*28])
						i++
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
				})
			}
		}
	}
}
