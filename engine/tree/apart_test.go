package tree

import (
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// layouts makes an ensemble of one description by one goroutine and by three.
// Jumps may be as wide as said.
func layouts(t *testing.T, s Spec, wide int32) (one, three *Ensemble) {
	t.Helper()
	before, far, most := apartNodes, reach, runtime.GOMAXPROCS(0)
	defer func() {
		apartNodes, reach = before, far
		runtime.GOMAXPROCS(most)
	}()
	reach = wide
	made := [2]*Ensemble{}
	for i, workers := range []int{1, 3} {
		apartNodes = 1
		runtime.GOMAXPROCS(workers)
		var err error
		if made[i], err = New(s); err != nil {
			t.Fatal(err)
		}
	}
	return made[0], made[1]
}

// comb is trees of different shapes, one behind the other, each a chain with a
// leaf at every step.
func comb(trees int) Spec {
	s := Spec{Features: 3, Targets: 1}
	for t := range trees {
		s.Roots = append(s.Roots, int32(len(s.Nodes)))
		for k := range 2 + t%7 {
			at := int32(len(s.Nodes))
			s.Nodes = append(s.Nodes, Node{Mode: LT, Feature: int32((t + k) % 3), Threshold: float64(t*k) / 4, True: at + 1, False: at + 2, MissTrue: k%2 == 0})
			s.leaf(float64(t + k))
		}
		s.leaf(-1)
	}
	return s
}

func (s *Spec) leaf(v float64) {
	s.Nodes = append(s.Nodes, Node{Threshold: v})
}

// TestApart shows that trees laid out by several goroutines are the same nodes
// in the same places, and that trees for which that is not possible are laid out
// by one: shared nodes, a tree twice, trees out of order, jumps that are too wide.
func TestApart(t *testing.T) {
	shared := comb(20)
	shared.Nodes[shared.Roots[7]].True = shared.Roots[3] + 1
	twice := comb(20)
	twice.Roots[8] = twice.Roots[7]
	turned := comb(20)
	turned.Roots[2], turned.Roots[11] = turned.Roots[11], turned.Roots[2]
	wide := comb(20)
	last := len(wide.Nodes)
	wide.Roots = append(wide.Roots, int32(last))
	for range 40 {
		at := int32(len(wide.Nodes))
		wide.Nodes = append(wide.Nodes, Node{Mode: LT, True: at + 1, False: at + 2})
		wide.leaf(1)
	}
	wide.leaf(2)
	for what, c := range map[string]struct {
		spec  Spec
		reach int32
		apart bool
	}{
		"apart": {comb(20), maxNarrowDelta, true}, "two trees": {comb(2), maxNarrowDelta, true}, "too wide": {wide, 8, true},
		"shared nodes": {shared, maxNarrowDelta, false}, "a tree twice": {twice, maxNarrowDelta, false}, "out of order": {turned, maxNarrowDelta, false},
	} {
		if g, err := c.spec.survey(); err != nil || (g.marks == nil) != c.apart {
			t.Errorf("%s: apart %v, error %v", what, !c.apart, err)
		}
		one, three := layouts(t, c.spec, c.reach)
		for part, pair := range map[string][2]any{
			"narrow": {one.narrow, three.narrow}, "narrow trees": {one.narrowTrees, three.narrowTrees}, "keys": {one.narrowKeys, three.narrowKeys},
			"wide": {one.wide, three.wide}, "wide trees": {one.wideTrees, three.wideTrees},
		} {
			if diff := cmp.Diff(pair[0], pair[1], cmp.AllowUnexported(ref{}, columns{}, run{})); diff != "" {
				t.Errorf("%s: %s differ:\n%s", what, part, diff)
			}
		}
	}
}
