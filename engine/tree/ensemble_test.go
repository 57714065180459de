package tree

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"online-inference/engine/modelfile"
)

// one is a tree with one test on column 0, whose leaves add no (false) and yes (true).
func one(mode Mode, threshold float64, missTrue bool) Spec {
	return Spec{
		Features: 1, Targets: 1, Roots: []int32{0},
		Nodes: []Node{
			{Mode: mode, Threshold: threshold, MissTrue: missTrue, True: 1, False: 2},
			{Threshold: 1}, {Threshold: 0},
		},
	}
}

// TestModes checks every test at its threshold, one ulp beside it, and at NaN.
func TestModes(t *testing.T) {
	const at = float32(0.1)
	below, above := math.Nextafter32(at, -1), math.Nextafter32(at, 1)
	nan := float32(math.NaN())
	for mode, want := range map[Mode][4]float64{ // below, at, above, NaN
		LEQ: {1, 1, 0, 0}, LT: {1, 0, 0, 0}, GTE: {0, 1, 1, 0}, GT: {0, 0, 1, 0}, EQ: {0, 1, 0, 0}, NEQ: {1, 0, 1, 1},
	} {
		for _, missTrue := range []bool{false, true} {
			e, err := New(one(mode, float64(at), missTrue))
			if err != nil {
				t.Fatal(err)
			}
			if missTrue {
				want[3] = 1
			}
			var out [4]float64
			Score(e, []float32{below, at, above, nan}, out[:])
			if out != want {
				t.Errorf("mode %d, missing to true %v: %v, want %v", mode, missTrue, out, want)
			}
		}
	}
}

func TestAggregate(t *testing.T) {
	s := one(LEQ, 0, false)
	s.Roots = []int32{0, 0, 2} // two equal trees and a lone leaf
	s.Nodes[1].Threshold, s.Nodes[2].Threshold = 5, -1
	s.Base = []float64{100}
	for aggregate, want := range map[Aggregate]float64{Sum: 109, Average: 103, Min: 99, Max: 105} {
		s.Aggregate = aggregate
		e, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		out := []float64{0}
		Score(e, []float64{-1}, out)
		if out[0] != want {
			t.Errorf("aggregate %d: %v, want %v", aggregate, out[0], want)
		}
	}
}

func TestRefused(t *testing.T) {
	for want, change := range map[string]func(*Spec){
		"without trees":           func(s *Spec) { s.Roots = nil },
		"without targets":         func(s *Spec) { s.Targets = 0 },
		"2 base values":           func(s *Spec) { s.Base = []float64{1, 2} },
		"has test 10,":            func(s *Spec) { s.Nodes[0].Mode = 10 },
		"tests feature 1 of 1":    func(s *Spec) { s.Nodes[0].Feature = 1 },
		"has child 3 of 3":        func(s *Spec) { s.Nodes[0].True = 3 },
		"has child -1":            func(s *Spec) { s.Nodes[0].False = -1 },
		"returns to node 0":       func(s *Spec) { s.Nodes[1] = Node{Mode: LT, True: 0, False: 2} },
		"starts at node 7":        func(s *Spec) { s.Roots[0] = 7 },
		"has weights 1 to 3 of 2": func(s *Spec) { s.Nodes[2] = Node{Mode: LeafMany, True: 1, False: 3}; s.Weights = make([]Weight, 2) },
		"adds to target 4":        func(s *Spec) { s.Weights = []Weight{{4, 1}} },
		"adds to target 3":        func(s *Spec) { s.Nodes[1].Feature = 3 },
		"adds to target -1":       func(s *Spec) { s.Nodes[1].Feature = -1 },
		"has linear model 1 of 0": func(s *Spec) { s.Nodes[1].True = 2 },
		"tests set 0.5 of 1":      func(s *Spec) { s.Sets = make([][2]int32, 1); s.Nodes[0].Mode, s.Nodes[0].Threshold = In, 0.5 },
		"tests set 1 of 1":        func(s *Spec) { s.Sets = make([][2]int32, 1); s.Nodes[0].Mode, s.Nodes[0].Threshold = In, 1 },
		"tests set NaN of 0":      func(s *Spec) { s.Nodes[0].Mode, s.Nodes[0].Threshold = InTrunc, math.NaN() },
		"has words 0 to 2 of 1":   func(s *Spec) { s.Sets, s.Bits = [][2]int32{{0, 2}}, make([]uint32, 1) },
		"has words -1 to 1 of 1":  func(s *Spec) { s.Sets, s.Bits = [][2]int32{{-1, 1}}, make([]uint32, 1) },
		"has words 1 to 0 of 1":   func(s *Spec) { s.Sets, s.Bits = [][2]int32{{1, 0}}, make([]uint32, 1) },
	} {
		s := one(LEQ, 0, false)
		change(&s)
		if _, err := New(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// chain is a tree whose deepest leaf is so many steps below the root.
func chain(steps int) Spec {
	s := Spec{Features: 1, Targets: 1, Roots: []int32{0}}
	leaf := Node{Threshold: 1}
	for i := range int32(steps) {
		s.Nodes = append(s.Nodes, Node{Mode: LT, Threshold: float64(i), True: 2*i + 1, False: 2*i + 2}, leaf)
	}
	s.Nodes = append(s.Nodes, leaf)
	return s
}

// TestLimits goes up to what a row may cost, and one step beyond: of one path,
// and of all trees, which may be one and the same.
func TestLimits(t *testing.T) {
	const steps = 1 << 10
	shared := func(trees int) Spec {
		s := chain(steps - 1)
		s.Roots = make([]int32, trees)
		return s
	}
	for name, c := range map[string]struct {
		most, beyond Spec
		want         string
	}{
		"path":  {chain(modelfile.MaxPath), chain(modelfile.MaxPath + 1), "tree 0 has a leaf 65537 steps from its root, 65536 are allowed"},
		"steps": {shared(modelfile.MaxSteps / steps), shared(modelfile.MaxSteps/steps + 1), "more than 8388608 steps down the first 8193 of 8193 trees"},
	} {
		if _, err := New(c.most); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := New(c.beyond); !errors.Is(err, modelfile.ErrLimit) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// TestPlace names faults by tree and by node within the tree, in the orders in
// which the formats list nodes.
func TestPlace(t *testing.T) {
	// Three trees of three nodes each, the root in front, as XGBoost has them,
	// or behind its branches, as CatBoost's nested trees are read.
	trees := func(root, yes, no int32) Spec {
		s := Spec{Features: 2, Targets: 1, Nodes: make([]Node, 9), Weights: []Weight{{0, 2}}}
		for k := int32(0); k < 9; k += 3 {
			s.Roots = append(s.Roots, k+root)
			s.Nodes[k+root] = Node{Mode: LT, True: k + yes, False: k + no}
			s.Nodes[k+yes] = Node{Threshold: 1}
			s.Nodes[k+no] = Node{Mode: LeafMany, True: 0, False: 1}
		}
		return s
	}
	for want, change := range map[string]func(front, behind *Spec) *Spec{
		"tree 2 node 0 tests feature 2 of 2":  func(s, _ *Spec) *Spec { s.Nodes[6].Feature = 2; return s },
		"tree 1 node 2 tests feature 2 of 2":  func(_, s *Spec) *Spec { s.Nodes[5].Feature = 2; return s },
		"tree 1 node 0 has child 9 of 9":      func(s, _ *Spec) *Spec { s.Nodes[3].True = 9; return s },
		"tree 2 node 2 has weights 0 to 3":    func(s, _ *Spec) *Spec { s.Nodes[8].False = 3; return s },
		"tree 2 node 1 adds to target 1 of 1": func(s, _ *Spec) *Spec { s.Nodes[7].Feature = 1; return s },
		"tree 1 node 0 has linear model 3 of 0": func(_, s *Spec) *Spec {
			s.Nodes[3].True = 4
			return s
		},
		"tree 1 node 1 returns to node 0": func(s, _ *Spec) *Spec {
			s.Nodes[4] = Node{Mode: LT, True: 3, False: 5}
			return s
		},
		"node 5, which is in no tree, tests feature 7 of 2": func(s, _ *Spec) *Spec {
			s.Nodes[3].False = 4
			s.Nodes[5] = Node{Mode: LT, Feature: 7}
			return s
		},
		"tree 0 node 2 adds to target 5 of 1": func(s, _ *Spec) *Spec { s.Weights[0].Target = 5; return s },
		"weight 1, which is no leaf's, adds to target 5 of 1": func(s, _ *Spec) *Spec {
			s.Weights = append(s.Weights, Weight{Target: 5})
			return s
		},
	} {
		front, behind := trees(0, 1, 2), trees(2, 0, 1)
		if _, err := New(*change(&front, &behind)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// TestAcyclic compares the check for circles with a plain search for a path
// back, on small random graphs.
func TestAcyclic(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	circles := 0
	for range 5000 {
		n := 1 + r.IntN(7)
		s := Spec{Features: 1, Targets: 1, Roots: []int32{0}, Nodes: make([]Node, n)}
		for i := range s.Nodes {
			if r.IntN(3) > 0 {
				s.Nodes[i] = Node{Mode: LT, True: int32(r.IntN(n)), False: int32(r.IntN(n))}
			}
		}
		want := circular(s.Nodes, 0, nil)
		if _, err := s.survey(); (err != nil) != want {
			t.Fatalf("%v, want a circle %v: %+v", err, want, s.Nodes)
		}
		if want {
			circles++
		}
	}
	if circles < 500 || circles > 4500 {
		t.Errorf("%d of 5000 graphs have circles: the comparison says little", circles)
	}
}

func circular(nodes []Node, at int32, path []int32) bool {
	for _, p := range path {
		if p == at {
			return true
		}
	}
	if nodes[at].Ends() {
		return false
	}
	path = append(path[:len(path):len(path)], at)
	return circular(nodes, nodes[at].True, path) || circular(nodes, nodes[at].False, path)
}

// TestMissing checks the three ways to treat NaN and zero, and sets.
func TestMissing(t *testing.T) {
	nan := math.NaN()
	row := []float64{nan, 0, 1e-36, -1.00000001e-35, 1e-30, -3, 7}
	for _, c := range []struct {
		missing  Missing
		missTrue bool
		want     []float64 // of the test x < -1
	}{
		{MissNaN, true, []float64{1, 0, 0, 0, 0, 1, 0}},
		{MissNaN, false, []float64{0, 0, 0, 0, 0, 1, 0}},
		{MissZero, true, []float64{1, 1, 1, 1, 0, 1, 0}},
		{MissZero, false, []float64{0, 0, 0, 0, 0, 1, 0}},
		{MissNone, true, []float64{0, 0, 0, 0, 0, 1, 0}},
	} {
		s := one(LT, -1, c.missTrue)
		s.Nodes[0].Missing = c.missing
		e, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]float64, len(row))
		Score(e, row, out)
		if !slices.Equal(out, c.want) {
			t.Errorf("missing %d, to true %v: %v, want %v", c.missing, c.missTrue, out, c.want)
		}
	}
}

func TestSets(t *testing.T) {
	s := one(In, 0, true)
	s.Bits = []uint32{1 << 3, 1 << 8} // 3 and 40
	s.Sets = [][2]int32{{0, 2}}
	e, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	row := []float64{3, 3.9, 40, 2, 64, 1e30, -1, -0.5, math.Inf(1), math.Inf(-1), math.NaN()}
	out := make([]float64, len(row))
	Score(e, row, out)
	if want := []float64{1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1}; !slices.Equal(out, want) {
		t.Errorf("%v, want %v", out, want)
	}
	s.Bits[0] = 1 // 0 and 40
	row = []float64{0, -0.5, -1, math.Nextafter(-1, 0), 0.9, 40}
	for mode, want := range map[Mode][]float64{In: {1, 0, 0, 0, 1, 1}, InTrunc: {1, 1, 0, 1, 1, 1}} {
		s.Nodes[0].Mode = mode
		if e, err = New(s); err != nil {
			t.Fatal(err)
		}
		out := make([]float64, len(row))
		Score(e, row, out)
		if !slices.Equal(out, want) {
			t.Errorf("mode %d: %v, want %v", mode, out, want)
		}
	}
}

func TestLinearLeaves(t *testing.T) {
	s := one(LT, 0, false)
	s.Features = 2
	s.Linears = []Linear{{Const: 10, Features: []int32{0, 1}, Coefs: []float64{2, 3}}}
	s.Nodes[1].True = 1
	e, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, 3)
	Score(e, []float64{-1, 5, -1, math.NaN(), 1, 5}, out)
	if want := []float64{23, 1, 0}; !slices.Equal(out, want) {
		t.Errorf("%v, want %v", out, want)
	}
}
