package graph

import (
	"fmt"
	"math"
	"slices"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
	"online-inference/engine/tree"
)

// treeEnsemble is TreeEnsemble, version 5 of ai.onnx.ml: leaves stand apart from
// the inner nodes, and a node may test membership of a set.
func treeEnsemble(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	targets := int(b.int("n_targets", 1))
	f := forest5{
		roots: b.ints("tree_roots"), features: b.ints("nodes_featureids"), trues: b.ints("nodes_truenodeids"), falses: b.ints("nodes_falsenodeids"),
		trueLeaf: b.ints("nodes_trueleafs"), falseLeaf: b.ints("nodes_falseleafs"), missing: b.ints("nodes_missing_value_tracks_true"),
		targets: b.ints("leaf_targetids"), splits: b.tensorNumbers("nodes_splits"), weights: b.tensorNumbers("leaf_weights"),
		members: b.tensorNumbers("membership_values"),
	}
	if m := b.tensor("nodes_modes"); m != nil && m.Type == tensor.Uint8 {
		f.modes = m.U8
	}
	b.ignore("nodes_hitrates")
	aggregate, ok := map[int64]tree.Aggregate{0: tree.Average, 1: tree.Sum, 2: tree.Min, 3: tree.Max}[b.int("aggregate_function", 1)]
	if !ok {
		return b.refuse("aggregate_function %d", b.int("aggregate_function", 1))
	}
	post := b.int("post_transform", 0)
	if post < 0 || post > 4 {
		return b.refuse("post_transform %d", post)
	}
	if targets < 1 || targets > modelfile.MaxColumns {
		return b.damaged(outOf(int64(targets), "the number of targets is"))
	}
	if b.err != nil {
		return nil
	}
	spec, err := f.spec()
	if err != nil {
		return b.damaged(err)
	}
	spec.Targets, spec.Aggregate = targets, aggregate
	b.picks(0, spec.Features)
	e := b.grow(spec)
	if e == nil {
		return nil
	}
	b.gives(0, b.typ(0))
	b.means(0, RolePrediction, nil)
	t := [...]transform{postNone, postSoftmax, postLogistic, postSoftmaxZero, postProbit}[post]
	if t == postSoftmax || t == postSoftmaxZero || t == postLogistic {
		b.means(0, RoleOther, nil)
	}
	b.scratch = 2
	return floating(b.typ(0), treeKernel[float32, float32](e, t), treeKernel[float64, float64](e, t))
}

// tensorNumbers reads an attribute that is a tensor of floats or doubles.
func (b *build) tensorNumbers(name string) []float64 {
	t := b.tensor(name)
	if t == nil {
		return nil
	}
	if !t.Type.IsFloat() {
		b.refuse("%s has type %v", name, t.Type)
		return nil
	}
	out := make([]float64, t.Len())
	for i := range out {
		out[i] = numberAt(t, i)
	}
	return out
}

// forest5 holds the arrays of TreeEnsemble. Children are positions among the
// inner nodes or, where the leaf arrays say 1, among the leaves.
type forest5 struct {
	roots, features, trues, falses []int64
	trueLeaf, falseLeaf, missing   []int64
	targets                        []int64
	splits, weights, members       []float64
	modes                          []uint8
}

func (f *forest5) check() error {
	n := len(f.features)
	for _, l := range [...]int{len(f.trues), len(f.falses), len(f.trueLeaf), len(f.falseLeaf), len(f.splits), len(f.modes)} {
		if l != n {
			return fmt.Errorf("node arrays of %d and %d elements", n, l)
		}
	}
	if len(f.missing) != 0 && len(f.missing) != n {
		return fmt.Errorf("%d nodes, nodes_missing_value_tracks_true has %d elements", n, len(f.missing))
	}
	if len(f.targets) != len(f.weights) {
		return fmt.Errorf("leaf arrays of %d and %d elements", len(f.targets), len(f.weights))
	}
	if n == 0 || len(f.roots) == 0 {
		return fmt.Errorf("an ensemble without nodes")
	}
	return nil
}

// spec lays the inner nodes first, then the leaves, then the further tests of
// nodes whose set has more than one member: a chain of equalities that share
// their true child.
func (f *forest5) spec() (*tree.Spec, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	inner, leaves := len(f.features), len(f.targets)
	s := &tree.Spec{Nodes: make([]tree.Node, inner+leaves)}
	for i, t := range f.targets {
		if t < 0 || t >= modelfile.MaxColumns {
			return nil, outOf(t, "a weight adds to target")
		}
		s.Nodes[inner+i] = tree.Node{Mode: tree.Leaf, Feature: int32(t), Threshold: f.weights[i]}
	}
	for _, r := range f.roots {
		if r < 0 || r >= int64(inner) {
			return nil, fmt.Errorf("a tree starts at node %d of %d", r, inner)
		}
		s.Roots = append(s.Roots, int32(r))
	}
	members := f.members
	for i := range inner {
		if f.features[i] < 0 || f.features[i] >= modelfile.MaxColumns {
			return nil, outOf(f.features[i], "node %d tests feature", i)
		}
		n := tree.Node{Feature: int32(f.features[i]), Threshold: f.splits[i], MissTrue: len(f.missing) > 0 && f.missing[i] != 0}
		s.Features = max(s.Features, int(n.Feature)+1)
		var err error
		if n.True, err = child(f.trues[i], f.trueLeaf[i], inner, leaves); err != nil {
			return nil, fmt.Errorf("node %d %w", i, err)
		}
		if n.False, err = child(f.falses[i], f.falseLeaf[i], inner, leaves); err != nil {
			return nil, fmt.Errorf("node %d %w", i, err)
		}
		const member = 6
		modes := [...]tree.Mode{tree.LEQ, tree.LT, tree.GTE, tree.GT, tree.EQ, tree.NEQ}
		switch m := int(f.modes[i]); {
		case m < len(modes):
			n.Mode = modes[m]
			s.Nodes[i] = n
		case m == member:
			end := slices.IndexFunc(members, math.IsNaN)
			if end < 1 {
				return nil, fmt.Errorf("node %d has no members or no end of them", i)
			}
			chain(s, i, n, members[:end])
			members = members[end+1:]
		default:
			return nil, fmt.Errorf("node %d has mode %d", i, m)
		}
	}
	if len(members) > 0 {
		return nil, fmt.Errorf("%d membership_values belong to no node", len(members))
	}
	return s, nil
}

func child(at, leaf int64, inner, leaves int) (int32, error) {
	limit, start := inner, 0
	if leaf != 0 {
		limit, start = leaves, inner
	}
	if at < 0 || at >= int64(limit) {
		return 0, fmt.Errorf("has child %d of %d", at, limit)
	}
	return int32(start + int(at)), nil
}

// chain writes a test of membership as equalities, the first in place of node i.
func chain(s *tree.Spec, i int, n tree.Node, members []float64) {
	n.Mode = tree.EQ
	last := n.False
	at := i
	for k, v := range members {
		n.Threshold, n.False = v, last
		if k < len(members)-1 {
			n.False = int32(len(s.Nodes))
			s.Nodes = append(s.Nodes, tree.Node{})
		}
		s.Nodes[at] = n
		at = int(n.False)
	}
}
