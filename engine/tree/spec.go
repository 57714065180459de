// Package tree scores ensembles of decision trees. A format reader describes
// its trees in a Spec; New checks the description whole, so that scoring needs
// no checks, and lays the nodes out for walking.
package tree

import "fmt"

// Mode is the test of a node: which values of the feature go to the true child.
type Mode uint8

// The tests, named as ONNX names them; NaN fails each of them but NEQ.
const (
	Leaf Mode = iota
	LEQ       // value <= threshold
	LT        // value <  threshold
	GTE       // value >= threshold
	GT        // value >  threshold
	EQ        // value == threshold
	NEQ       // value != threshold
)

// A Node is one node of a Spec. Children may be shared: a tree is a directed
// acyclic graph with one root, as converters write category sets.
type Node struct {
	Mode      Mode
	MissTrue  bool     // a missing value (NaN) goes to the true child
	Feature   int32    // column of the row
	True      int32    // index of a child in Spec.Nodes
	False     int32    // index of the other
	Threshold float64  // in the precision in which values are compared
	Weights   [2]int32 // of a leaf: first index in Spec.Weights, and one past the last
}

// A Weight is what a leaf adds to one target.
type Weight struct {
	Target int32
	Value  float64
}

// A Spec describes an ensemble.
type Spec struct {
	Features  int     // columns of a row
	Targets   int     // sums that the trees add up to
	Roots     []int32 // the first node of each tree, an index in Nodes
	Nodes     []Node
	Weights   []Weight
	Aggregate Aggregate
	// Base is added to each target after aggregation; empty for zeros.
	Base []float64
}

// Aggregate says how the trees' answers become one.
type Aggregate uint8

// The ways to aggregate.
const (
	Sum Aggregate = iota
	Average
	Min
	Max
)

// check proves what scoring relies on: every index is in range and no path
// from a root returns to a node on it.
func (s *Spec) check() error {
	if len(s.Roots) == 0 {
		return fmt.Errorf("an ensemble without trees")
	}
	if s.Targets < 1 {
		return fmt.Errorf("an ensemble without targets")
	}
	if len(s.Base) != 0 && len(s.Base) != s.Targets {
		return fmt.Errorf("%d base values for %d targets", len(s.Base), s.Targets)
	}
	for i, n := range s.Nodes {
		if n.Mode > NEQ {
			return fmt.Errorf("node %d has test %d", i, n.Mode)
		}
		if n.Mode == Leaf {
			if a, b := n.Weights[0], n.Weights[1]; a < 0 || a > b || int(b) > len(s.Weights) {
				return fmt.Errorf("leaf %d has weights %d to %d of %d", i, a, b, len(s.Weights))
			}
			continue
		}
		if n.Feature < 0 || int(n.Feature) >= s.Features {
			return fmt.Errorf("node %d tests feature %d of %d", i, n.Feature, s.Features)
		}
		for _, c := range [2]int32{n.True, n.False} {
			if c < 0 || int(c) >= len(s.Nodes) {
				return fmt.Errorf("node %d has child %d of %d nodes", i, c, len(s.Nodes))
			}
		}
	}
	for i, w := range s.Weights {
		if w.Target < 0 || int(w.Target) >= s.Targets {
			return fmt.Errorf("weight %d adds to target %d of %d", i, w.Target, s.Targets)
		}
	}
	return s.checkAcyclic()
}

// checkAcyclic walks depth first from every root. Each node is entered once
// over all trees, so the work is linear in the nodes.
func (s *Spec) checkAcyclic() error {
	const open, done = 1, 2
	state := make([]uint8, len(s.Nodes))
	var stack []int32
	for t, root := range s.Roots {
		if root < 0 || int(root) >= len(s.Nodes) {
			return fmt.Errorf("tree %d starts at node %d of %d", t, root, len(s.Nodes))
		}
		stack = append(stack[:0], root)
		for len(stack) > 0 {
			k := stack[len(stack)-1]
			if state[k] != 0 { // its children are done, or it was reached on two paths
				state[k] = done
				stack = stack[:len(stack)-1]
				continue
			}
			state[k] = open
			n := &s.Nodes[k]
			if n.Mode == Leaf {
				continue
			}
			for _, c := range [2]int32{n.True, n.False} {
				switch state[c] {
				case open: // open nodes are exactly those on the path to k
					return fmt.Errorf("tree %d returns to node %d", t, c)
				case 0:
					stack = append(stack, c)
				}
			}
		}
	}
	return nil
}
