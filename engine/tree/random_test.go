package tree

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A grower makes random descriptions. Leaves add multiples of 1/64, so that
// sums are exact whatever their order, and layouts can be compared bit for bit.
type grower struct {
	pick    func(n int) int // a number below n
	spec    Spec
	modes   []Mode
	missing []Missing
	double  bool // thresholds that are no float32
	vector  bool // leaves with several weights
	linear  bool // leaves with linear models
	shared  bool // children with several parents
	level   bool // all nodes of a level ask the same
}

func (g *grower) chance(n int) bool { return g.pick(n) == 0 }

// thresholds are what tests compare with: rows hit them exactly.
var thresholds = []float32{
	float32(math.Inf(-1)), -math.MaxFloat32, -2.5, -0.1, -1e-35, -1e-45, float32(math.Copysign(0, -1)), 0, 1e-45, 1.1754944e-38,
	1e-35, 0.1, 0.3, 1, 2, 7.25, 33, math.MaxFloat32, float32(math.Inf(1)),
}

func (g *grower) node(depth int) Node {
	n := Node{
		Mode: g.modes[g.pick(len(g.modes))], Missing: g.missing[g.pick(len(g.missing))], MissTrue: g.chance(2),
		Feature: int32(g.pick(g.spec.Features)), Threshold: float64(thresholds[g.pick(len(thresholds))]),
	}
	if g.double && g.chance(3) {
		n.Threshold = math.Nextafter(n.Threshold, float64(g.pick(2)*2-1)*1e300)
	}
	if g.chance(60) {
		n.Threshold = math.NaN()
	}
	if n.Mode >= In {
		from := len(g.spec.Bits)
		for range g.pick(3) {
			g.spec.Bits = append(g.spec.Bits, uint32(g.pick(1<<16))<<16|uint32(g.pick(1<<16)))
		}
		n.Threshold = float64(len(g.spec.Sets))
		g.spec.Sets = append(g.spec.Sets, [2]int32{int32(from), int32(len(g.spec.Bits))})
	}
	return n
}

// tree appends a tree whose single-weight leaves add to a target.
func (g *grower) tree(target, depth int, levels []Node) int32 {
	s := &g.spec
	if g.shared && len(s.Nodes) > 4 && g.chance(6) {
		return int32(g.pick(len(s.Nodes))) // nodes are appended after all below them: no circles
	}
	if depth == 0 || !g.level && g.chance(7) {
		from := int32(len(s.Weights))
		n := 1
		if g.vector {
			n = g.pick(s.Targets + 1)
		}
		for t := range n {
			if !g.vector {
				t = target
			}
			s.Weights = append(s.Weights, Weight{int32(t), float64(g.pick(4096)-2048) / 64})
			if g.double && g.chance(2) {
				s.Weights[len(s.Weights)-1].Value += 1 << 30
			}
		}
		leaf := Node{Mode: LeafMany, True: from, False: int32(len(s.Weights))}
		if n == 1 && !g.chance(8) { // mostly in the simpler form
			leaf = Node{Mode: Leaf, Feature: s.Weights[from].Target, Threshold: s.Weights[from].Value}
			s.Weights = s.Weights[:from]
		}
		if g.linear && leaf.Mode == Leaf && g.chance(2) {
			s.Linears = append(s.Linears, Linear{Const: float64(g.pick(8)), Features: []int32{int32(g.pick(s.Features))}, Coefs: []float64{0.5}})
			leaf.True = int32(len(s.Linears))
		}
		s.Nodes = append(s.Nodes, leaf)
		return int32(len(s.Nodes) - 1)
	}
	n := g.node(depth)
	if g.level {
		n = levels[depth-1]
	}
	n.True = g.tree(target, depth-1, levels)
	n.False = g.tree(target, depth-1, levels)
	s.Nodes = append(s.Nodes, n)
	return int32(len(s.Nodes) - 1)
}

// grow makes a whole description.
func (g *grower) grow(trees, depth int) Spec {
	s := &g.spec
	for i := range trees {
		levels := make([]Node, depth)
		for d := range levels {
			levels[d] = g.node(d)
		}
		s.Roots = append(s.Roots, g.tree(i%s.Targets, depth, levels))
	}
	if g.chance(3) {
		s.Base = make([]float64, s.Targets)
		for i := range s.Base {
			s.Base[i] = float64(g.pick(100))
		}
	}
	return *s
}

// numbers gives values on thresholds, beside them, and beyond all.
func numbers[T Value](pick func(int) int, n int, missing bool) []T {
	x := make([]T, n)
	for i := range x {
		v := float64(thresholds[pick(len(thresholds))])
		switch pick(8) {
		case 0:
			v = float64(math.Nextafter32(float32(v), float32(math.Inf(1))))
		case 1:
			v = float64(math.Nextafter32(float32(v), float32(math.Inf(-1))))
		case 2:
			v = math.Nextafter(v, math.Inf(1-2*pick(2)))
		case 3:
			v = float64(pick(200))/2 - 4
		case 4:
			if missing {
				v = math.Copysign(math.NaN(), float64(pick(2)*2-1))
			}
		}
		x[i] = T(v)
	}
	return x
}

// compare scores rows with the layouts and with the reference, for batches on
// both sides of where the code paths switch.
func compare[T Value](t *testing.T, s Spec, pick func(int) int, sizes []int) {
	t.Helper()
	e, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	for i, rows := range sizes {
		x := numbers[T](pick, rows*s.Features, i%2 == 0)
		got, want := make([]float64, rows*s.Targets), make([]float64, rows*s.Targets)
		Score(e, x, got)
		reference(&s, x, want)
		for i := range want {
			if got[i] != want[i] && !(got[i] != got[i] && want[i] != want[i]) {
				r := i / s.Targets
				t.Fatalf("%d rows, row %d %v, sum %d: %v, want %v", rows, r, x[r*s.Features:(r+1)*s.Features], i%s.Targets, got[i], want[i])
			}
		}
		alone := make([]float64, s.Targets)
		for r := 0; r < rows; r += 1 + r/8 {
			Score(e, x[r*s.Features:(r+1)*s.Features], alone)
			for i, v := range alone {
				if g := got[r*s.Targets+i]; math.Float64bits(v) != math.Float64bits(g) {
					t.Fatalf("row %d of %d alone gives %v, among others %v", r, rows, v, g)
				}
			}
		}
	}
}

var sizes = []int{0, 1, 2, lanes - 1, lanes, lanes + 1, block - 1, block, block + lanes + 3, 2*block + 1}

// TestLayouts compares random ensembles of every kind with the reference.
func TestLayouts(t *testing.T) {
	numeric := []Mode{LEQ, LT, GTE, GT}
	every := []Mode{LEQ, LT, GTE, GT, EQ, NEQ, In, InTrunc}
	for name, c := range map[string]struct {
		g         grower
		parts     string // which of oblivious, narrow, wide, mixed must appear
		aggregate Aggregate
		targets   int
	}{
		"narrow":        {g: grower{modes: []Mode{LT}, missing: []Missing{MissNaN}}, parts: "n"},
		"all numeric":   {g: grower{modes: numeric, missing: []Missing{MissNaN, MissZero, MissNone}}, parts: "n"},
		"classes":       {g: grower{modes: numeric, missing: []Missing{MissNaN}}, parts: "n", targets: 3},
		"vectors":       {g: grower{modes: numeric, missing: []Missing{MissNaN}, vector: true}, parts: "n", targets: 3},
		"wide":          {g: grower{modes: numeric, missing: []Missing{MissNaN, MissZero, MissNone}, double: true}, parts: "w"},
		"wide classes":  {g: grower{modes: numeric, missing: []Missing{MissNaN}, double: true, vector: true}, parts: "w", targets: 2},
		"sets":          {g: grower{modes: every, missing: []Missing{MissNaN, MissZero, MissNone}}, parts: "nm"},
		"all":           {g: grower{modes: append(every, LT, LT, LT, LT, LT), missing: []Missing{MissNaN, MissNone}, double: true}, parts: "nwm"},
		"shared":        {g: grower{modes: numeric, missing: []Missing{MissNaN}, shared: true}, parts: "n"},
		"shared sets":   {g: grower{modes: every, missing: []Missing{MissNaN}, shared: true, vector: true}, parts: "m", targets: 2},
		"oblivious":     {g: grower{modes: numeric, missing: []Missing{MissNaN}, level: true}, parts: "o"},
		"levels of 3":   {g: grower{modes: numeric, missing: []Missing{MissNaN, MissNone}, level: true, vector: true}, parts: "o", targets: 3},
		"level classes": {g: grower{modes: numeric, missing: []Missing{MissNaN}, level: true, double: true}, parts: "ow", targets: 2},
		"least":         {g: grower{modes: numeric, missing: []Missing{MissNaN}}, aggregate: Min, targets: 2},
		"most":          {g: grower{modes: numeric, missing: []Missing{MissNaN}, vector: true}, aggregate: Max, targets: 2},
		"linear":        {g: grower{modes: numeric, missing: []Missing{MissNaN}, linear: true}, aggregate: Max},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			seen := map[byte]bool{}
			for range 15 {
				g := c.g
				g.pick = r.IntN
				g.spec = Spec{Features: 1 + r.IntN(6), Targets: max(1, c.targets), Aggregate: c.aggregate}
				s := g.grow(1+r.IntN(30), r.IntN(9))
				compare[float32](t, s, r.IntN, sizes)
				compare[float64](t, s, r.IntN, sizes)
				e, err := New(s)
				if err != nil {
					t.Fatal(err)
				}
				seen['o'] = seen['o'] || len(e.oblivious.trees) > 0
				seen['n'] = seen['n'] || len(e.narrowTrees) > 0
				seen['w'] = seen['w'] || len(e.wideTrees) > 0
				seen['m'] = seen['m'] || len(e.mixedTrees) > 0
			}
			for i := range c.parts {
				if !seen[c.parts[i]] {
					t.Errorf("no ensemble had a part %c: the comparison says less than it should", c.parts[i])
				}
			}
		})
	}
}

// TestFar compares ensembles in which jumps are too wide for narrow nodes: made
// so by a shorter reach in every form of leaf and with shared nodes, and by size.
func TestFar(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	numeric := []Mode{LEQ, LT, GTE, GT}
	defer func(old int32) { reach = old }(reach)
	for name, g := range map[string]grower{
		"numbers": {modes: numeric}, "values": {modes: numeric, double: true}, "vectors": {modes: numeric, vector: true},
		"records": {modes: numeric, linear: true}, "shared": {modes: numeric, shared: true}, "shared vectors": {modes: numeric, shared: true, vector: true},
	} {
		narrow, wide := 0, 0
		for i := range 30 {
			reach = int32(2 + i)
			g := g
			g.missing, g.pick = []Missing{MissNaN}, r.IntN
			g.spec = Spec{Features: 3, Targets: 1 + i%2}
			if g.linear {
				g.spec.Aggregate = Max
			}
			s := g.grow(1+r.IntN(30), r.IntN(7))
			for k := range s.Nodes { // nothing but the reach makes them wide
				if !s.Nodes[k].Ends() {
					s.Nodes[k].Threshold = float64(float32(s.Nodes[k].Threshold))
				}
			}
			compare[float32](t, s, r.IntN, []int{1, lanes + 3})
			e, err := New(s)
			if err != nil {
				t.Fatal(err)
			}
			narrow, wide = narrow+len(e.narrowTrees), wide+len(e.wideTrees)
		}
		if narrow == 0 || wide == 0 {
			t.Errorf("%s: %d narrow trees and %d wide ones: the comparison says less than it should", name, narrow, wide)
		}
	}
	reach = maxNarrowDelta
	s := uneven([]int{100, 50_000, 300})(r)
	compare[float32](t, s, r.IntN, []int{1, lanes + 3})
	if e, err := New(s); err != nil || len(e.narrowTrees) != 2 || len(e.wideTrees) != 1 {
		t.Errorf("%v, %d narrow trees and %d wide ones, want 2 and 1", err, len(e.narrowTrees), len(e.wideTrees))
	}
}

// TestFarShared bounds the work for trees that share a large one: each of them
// is too wide, and is not to be tried anew.
func TestFarShared(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	s := uneven([]int{40_000})(r)
	const trees = 10_000
	for range trees - 1 {
		s.Roots = append(s.Roots, int32(len(s.Nodes)))
		s.Nodes = append(s.Nodes, Node{Mode: LT, True: 0, False: 1})
	}
	compare[float32](t, s, r.IntN, []int{1})
	e, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(e.narrow) + len(e.wide); len(e.wideTrees) != trees || n > 3*len(s.Nodes) {
		t.Errorf("%d wide trees, %d words for %d nodes", len(e.wideTrees), n, len(s.Nodes))
	}
}

// TestManyColumns compares ensembles whose rows are too wide for a whole block.
func TestManyColumns(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for _, columns := range []int{blockKeys / block, 1000, 3000} {
		g := grower{pick: r.IntN, spec: Spec{Features: columns, Targets: 1}, modes: []Mode{LT, LEQ}, missing: []Missing{MissNaN}}
		s := g.grow(200, 6)
		compare[float32](t, s, r.IntN, []int{1, lanes, block + lanes + 3})
	}
	few := grower{pick: r.IntN, spec: Spec{Features: 3000, Targets: 1}, modes: []Mode{LT, LEQ, GT, In}, missing: []Missing{MissNaN, MissZero}}
	compare[float64](t, few.grow(5, 5), r.IntN, []int{1, lanes + 1}) // more columns than nodes
}
