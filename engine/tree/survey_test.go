package tree

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parentsFirst gives the trees of a description as most files have them: one
// behind the other, each node behind its parent. Nodes that several share are
// given to each. Behind some trees stand nodes that are cut off.
func parentsFirst(s Spec, pick func(int) int) Spec {
	nodes := s.Nodes
	s.Nodes, s.Roots = nil, append([]int32(nil), s.Roots...)
	for t, root := range s.Roots {
		s.Roots[t] = int32(len(s.Nodes))
		s.Nodes = append(s.Nodes, nodes[root])
		for i := int(s.Roots[t]); i < len(s.Nodes); i++ {
			if n := &s.Nodes[i]; !n.Ends() {
				yes, no := nodes[n.True], nodes[n.False]
				n.True, n.False = int32(len(s.Nodes)), int32(len(s.Nodes)+1)
				s.Nodes = append(s.Nodes, yes, no)
			}
		}
		switch at := int32(len(s.Nodes)); pick(4) {
		case 0:
			s.Nodes = append(s.Nodes, Node{Threshold: 0.1})
		case 1:
			s.Nodes = append(s.Nodes, Node{}, Node{Mode: LT, Threshold: 0.1, True: at, False: at + 2}, Node{Mode: LeafMany})
		}
	}
	return s
}

// TestSurveys shows that trees that stand apart are found to be what the search
// for trees in any order finds, and laid out alike.
func TestSurveys(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	every := []Mode{LEQ, LT, GTE, GT, EQ, NEQ, In, InTrunc}
	unexported := cmp.AllowUnexported(stem{}, census{}, chart{}, columns{}, run{})
	for i := range 400 {
		g := grower{pick: r.IntN, modes: every[:4+i%5], missing: []Missing{MissNaN, MissZero}, double: i%3 == 0, vector: i%4 == 0, linear: i%7 == 0,
			spec: Spec{Features: 1 + r.IntN(6), Targets: 1 + i%3}}
		if g.linear {
			g.spec.Aggregate = Max
		}
		s := parentsFirst(g.grow(1+r.IntN(12), r.IntN(7)), r.IntN)
		apart, err := s.survey()
		if err != nil || apart.marks != nil {
			t.Fatalf("marks %v, error %v", apart.marks, err)
		}
		searched := &grove{stems: make([]stem, len(s.Roots)), marks: make([]mark, len(s.Nodes))}
		if err := s.search(searched); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(searched.stems, apart.stems, unexported); diff != "" || searched.shared {
			t.Fatalf("shared %v, stems differ: %s", searched.shared, diff)
		}
		if diff := cmp.Diff(searched.leaves, apart.leaves, unexported); diff != "" {
			t.Fatalf("leaves differ: %s", diff)
		}
		if apart.chart != nil {
			a, b := newChart(&s, apart, false), newChart(&s, searched, false)
			if diff := cmp.Diff(b, a, unexported); diff != "" {
				t.Fatalf("columns differ: %s", diff)
			}
		}
		compare[float32](t, s, r.IntN, []int{1, lanes + 3})
	}
}

// TestNotApart shows that what is not apart is searched: in each case one thing
// differs from two trees that are.
func TestNotApart(t *testing.T) {
	two := func() Spec {
		return Spec{Features: 1, Targets: 1, Roots: []int32{0, 3}, Nodes: []Node{
			{Mode: LT, True: 1, False: 2}, {Threshold: 1}, {Threshold: 2}, {Mode: LT, True: 4, False: 5}, {Threshold: 3}, {Threshold: 4},
		}}
	}
	for what, change := range map[string]func(*Spec){
		"apart":                        nil,
		"a child of both sides":        func(s *Spec) { s.Nodes[0].False = 1 },
		"a child of two trees":         func(s *Spec) { s.Nodes[3].True = 1 },
		"a child in the next tree":     func(s *Spec) { s.Nodes[0].True = 4 },
		"a node in no tree":            func(s *Spec) { s.Nodes = append(s.Nodes, Node{}) },
		"a node in no tree in between": func(s *Spec) { s.Roots[1] = 4; s.Nodes[4] = Node{} },
		"roots in no order":            func(s *Spec) { s.Roots[0], s.Roots[1] = 3, 0 },
		"a tree twice":                 func(s *Spec) { s.Roots[1] = 0 },
		"a node in no tree that tests": func(s *Spec) { s.Nodes = append(s.Nodes, Node{Mode: LT, True: 1, False: 2}) },
		"nodes before the first tree":  func(s *Spec) { s.Roots = s.Roots[1:] },
		"a child before":               func(s *Spec) { s.Nodes[0], s.Nodes[1] = s.Nodes[1], Node{Mode: LT, True: 0, False: 2}; s.Roots[0] = 1 },
	} {
		s := two()
		if change != nil {
			change(&s)
		}
		g, err := s.survey()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := g.marks == nil; got != (change == nil || strings.HasPrefix(what, "a node in no tree")) {
			t.Errorf("%s: apart %v", what, got)
		}
		compare[float32](t, s, rand.New(rand.NewPCG(1, 2)).IntN, []int{1, 3})
	}
}

// TestBadBesideTrees: a wrong node is refused wherever it stands.
func TestBadBesideTrees(t *testing.T) {
	bad := Node{Mode: LT, Feature: 7, True: 0, False: 0}
	table := Spec{Features: 1, Targets: 1, Levels: []Level{{Mode: GT}}, Tables: []Table{{Levels: 1}}, Values: []float64{1, 2}}
	for what, s := range map[string]Spec{
		"before":       {Features: 1, Targets: 1, Roots: []int32{1}, Nodes: []Node{bad, {}}},
		"behind":       {Features: 1, Targets: 1, Roots: []int32{0}, Nodes: []Node{{}, bad}},
		"between":      {Features: 1, Targets: 1, Roots: []int32{0, 2}, Nodes: []Node{{}, bad, {}}},
		"tables alone": {Features: 1, Targets: 1, Nodes: []Node{bad}, Levels: table.Levels, Tables: table.Tables, Values: table.Values},
	} {
		if _, err := New(s); err == nil || !strings.Contains(err.Error(), "tests feature 7 of 1") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := New(table); err != nil {
		t.Error(err)
	}
}
