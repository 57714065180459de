// Package tree scores ensembles of decision trees. A format reader describes
// its trees in a Spec; New checks the description whole, so that scoring needs
// no checks, and lays the nodes out for walking.
package tree

import (
	"fmt"
	"math"

	"online-inference/engine/modelfile"
)

// Mode is the test of a node: which values of the feature go to the true child.
type Mode uint8

// The tests, named as ONNX names them; NaN fails each of them but NEQ.
const (
	Leaf     Mode = iota // no test: the node adds a number to one target
	LEQ                  // value <= threshold
	LT                   // value <  threshold
	GTE                  // value >= threshold
	GT                   // value >  threshold
	EQ                   // value == threshold
	NEQ                  // value != threshold
	In                   // value, truncated to an integer, is a member of the node's set; negative ones are not
	InTrunc              // the same, but a value between -1 and 0 counts as 0 (LightGBM)
	LeafMany             // no test: the node adds weights, to several targets or to none
)

// Missing says which values a node takes for missing, and what it does with NaN.
type Missing uint8

// The ways to treat missing values; a missing one goes where MissTrue says.
const (
	MissNaN  Missing = iota // NaN is missing
	MissZero                // NaN and numbers within 1e-35 (as a float32) of zero are missing (LightGBM's zero_as_missing)
	MissNone                // nothing is missing: NaN counts as 0 (LightGBM without missing values in training)
)

// A Node is one node of a Spec. Children may be shared: a tree is a directed
// acyclic graph with one root, as converters write category sets. Files have
// many nodes, and the memory for their descriptions is most of what loading one
// touches: hence fields that mean one thing in tests and another in leaves.
type Node struct {
	Threshold float64 // values are compared with it as float64 numbers; of In and InTrunc an index in Spec.Sets; of a Leaf what it adds
	Feature   int32   // column of the row; of a Leaf the target
	True      int32   // index of a child in Spec.Nodes; of a Leaf 1 + an index in Spec.Linears, 0 for none; of LeafMany its first in Spec.Weights
	False     int32   // index of the other child; of LeafMany one past its last in Spec.Weights
	Mode      Mode
	Missing   Missing
	MissTrue  bool // a missing value goes to the true child
}

// Ends reports whether the node is a leaf of either kind.
func (n *Node) Ends() bool { return n.Mode == Leaf || n.Mode == LeafMany }

// A Weight is what a leaf adds to one target.
type Weight struct {
	Target int32
	Value  float64
}

// A Linear is a leaf's own linear model (LightGBM's linear_tree), which takes
// the place of what the leaf adds: Const + sum of Coefs[i] * row[Features[i]].
// A row in which one of the features is NaN gets what the leaf adds.
type Linear struct {
	Const    float64
	Features []int32
	Coefs    []float64
}

// A Level is the test that an oblivious tree makes in all nodes of a level: a
// Node's, with a Mode from LEQ to NEQ.
type Level struct {
	Mode      Mode
	Missing   Missing
	MissTrue  bool
	Feature   int32
	Threshold float64
}

// A Table is an oblivious tree. The answers of its levels, from the root on, are
// the bits of a leaf's number, the upper one first and 1 for true.
type Table struct {
	First  int32 // in Spec.Levels, its root's
	Levels int32 // how many, 1 to MaxLevels
	Values int   // first in Spec.Values: for each leaf, by number, Spec.Targets of them
}

// A Spec describes an ensemble.
type Spec struct {
	Features  int     // columns of a row
	Targets   int     // sums that the trees add up to
	Roots     []int32 // the first node of each tree, an index in Nodes
	Nodes     []Node
	Weights   []Weight
	Bits      []uint32   // sets of categories: category c is bit c%32 of word c/32 of a set
	Sets      [][2]int32 // of words in Bits: the first, and one past the last
	Linears   []Linear
	Aggregate Aggregate
	// Levels, Tables and Values describe oblivious trees, beside those of Roots,
	// without a node for each test: a file that has them so is read several
	// times as fast. Only ensembles that sum may have them. New gives nodes to
	// those that ask for equality or whose thresholds are no float32 numbers.
	Levels []Level
	Tables []Table
	Values []float64
	// Base is added to each target after aggregation; empty for zeros.
	Base []float64
}

// LeafOf is a leaf that adds a value to each target from the first on. Where they
// are several the weights are appended.
func (s *Spec) LeafOf(values []float64) Node {
	if len(values) == 1 {
		return Node{Mode: Leaf, Threshold: values[0]}
	}
	n := Node{Mode: LeafMany, True: int32(len(s.Weights))}
	for target, v := range values {
		s.Weights = append(s.Weights, Weight{Target: int32(target), Value: v})
	}
	n.False = int32(len(s.Weights))
	return n
}

// target is the only one that a leaf adds to, -1 where there is no such one.
func (s *Spec) target(n *Node) int32 {
	switch {
	case n.Mode == Leaf:
		return n.Feature
	case n.False-n.True == 1:
		return s.Weights[n.True].Target
	}
	return -1
}

// weights are what a leaf adds. Those of a Leaf stand in memory of the caller.
func (s *Spec) weights(n *Node, one *[1]Weight) []Weight {
	if n.Mode == Leaf {
		one[0] = Weight{Target: n.Feature, Value: n.Threshold}
		return one[:]
	}
	return s.Weights[n.True:n.False]
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

// check proves, with survey, what scoring relies on: every index is in range
// and no path from a root returns to a node on it. The nodes are survey's.
func (s *Spec) check() error {
	if len(s.Roots)+len(s.Tables) == 0 {
		return fmt.Errorf("an ensemble without trees")
	}
	if s.Targets < 1 || s.Features < 0 || s.Aggregate > Max {
		return fmt.Errorf("an ensemble without targets, of %d features, aggregated in way %d", s.Features, s.Aggregate)
	}
	if err := s.checkTables(); err != nil {
		return err
	}
	if trees, nodes := len(s.Roots)+len(s.Tables), len(s.Nodes)+s.tableNodes(); nodes+trees > modelfile.MaxTrees {
		return modelfile.Exceeds("%d trees of %d nodes, %d together are allowed", trees, nodes, modelfile.MaxTrees)
	}
	if len(s.Base) != 0 && len(s.Base) != s.Targets {
		return fmt.Errorf("%d base values for %d targets", len(s.Base), s.Targets)
	}
	for i, set := range s.Sets {
		if set[0] < 0 || set[0] > set[1] || int(set[1]) > len(s.Bits) {
			return fmt.Errorf("set %d has words %d to %d of %d", i, set[0], set[1], len(s.Bits))
		}
	}
	for i, w := range s.Weights {
		if w.Target < 0 || int(w.Target) >= s.Targets {
			return fmt.Errorf("%s adds to target %d of %d", s.owner(i), w.Target, s.Targets)
		}
	}
	return nil
}

// checkNode proves that what a node refers to is there.
func (s *Spec) checkNode(i int, n *Node) error {
	switch {
	case n.Mode > LeafMany || n.Missing > MissNone:
		return fmt.Errorf("%s has test %d, missing values %d", s.place(i), n.Mode, n.Missing)
	case n.Mode == LeafMany:
		if n.True < 0 || n.True > n.False || int(n.False) > len(s.Weights) {
			return fmt.Errorf("%s has weights %d to %d of %d", s.place(i), n.True, n.False, len(s.Weights))
		}
		return nil
	case n.Mode == Leaf:
		if n.Feature < 0 || int(n.Feature) >= s.Targets {
			return fmt.Errorf("%s adds to target %d of %d", s.place(i), n.Feature, s.Targets)
		}
		if err := s.checkLinear(n); err != nil {
			return fmt.Errorf("%s %w", s.place(i), err)
		}
		return nil
	case n.Feature < 0 || int(n.Feature) >= s.Features:
		return fmt.Errorf("%s tests feature %d of %d", s.place(i), n.Feature, s.Features)
	case n.Mode >= In && !s.isSet(n.Threshold):
		return fmt.Errorf("%s tests set %v of %d", s.place(i), n.Threshold, len(s.Sets))
	}
	for _, c := range [2]int32{n.True, n.False} {
		if c < 0 || int(c) >= len(s.Nodes) {
			return fmt.Errorf("%s has child %d of %d nodes", s.place(i), c, len(s.Nodes))
		}
	}
	return nil
}

// isSet reports whether a threshold is an index of a set.
func (s *Spec) isSet(t float64) bool {
	return t >= 0 && t < float64(len(s.Sets)) && t == math.Trunc(t)
}

func (s *Spec) checkLinear(n *Node) error {
	if n.True == 0 {
		return nil
	}
	if n.True < 0 || int(n.True) > len(s.Linears) {
		return fmt.Errorf("has linear model %d of %d", n.True-1, len(s.Linears))
	}
	l := &s.Linears[n.True-1]
	if len(l.Features) != len(l.Coefs) {
		return fmt.Errorf("has %d features and %d coefficients", len(l.Features), len(l.Coefs))
	}
	for _, f := range l.Features {
		if f < 0 || int(f) >= s.Features {
			return fmt.Errorf("reads feature %d of %d", f, s.Features)
		}
	}
	return nil
}

// nearZero is LightGBM's kZeroThreshold, a double that was written as a float.
const nearZero = float64(float32(1e-35))
