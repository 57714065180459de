package graph

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"online-inference/engine/tree"
)

// nodeArrays are the parallel arrays in which ONNX-ML lists the nodes of all trees.
type nodeArrays struct {
	trees, nodes, features []int64
	thresholds             []float64
	modes                  []string
	trues, falses          []int64
	missing                []int64 // empty, or 1 where NaN goes to the true child
}

func (a *nodeArrays) check() error {
	n := len(a.nodes)
	for _, l := range [...]int{len(a.trees), len(a.features), len(a.thresholds), len(a.modes), len(a.trues), len(a.falses)} {
		if l != n {
			return fmt.Errorf("node arrays of %d and %d elements", n, l)
		}
	}
	if len(a.missing) != 0 && len(a.missing) != n {
		return fmt.Errorf("%d nodes, nodes_missing_value_tracks_true has %d elements", n, len(a.missing))
	}
	if n == 0 {
		return fmt.Errorf("an ensemble without nodes")
	}
	return nil
}

// spec resolves the (tree, node) numbers to positions and collects the leaves'
// weights. The first node listed of a tree is its root.
func (a *nodeArrays) spec(leaves *leafWeights) (*tree.Spec, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	index := newNodeIndex(a.trees, a.nodes)
	for i := 1; i < len(index.keys); i++ {
		if k := index.keys[i]; k == index.keys[i-1] {
			return nil, fmt.Errorf("tree %d has two nodes %d", k.tree, k.node)
		}
	}
	s := &tree.Spec{Nodes: make([]tree.Node, len(a.nodes)), Weights: make([]tree.Weight, len(leaves.values))}
	seen := map[int64]bool{}
	for i := range a.nodes {
		if i == 0 || a.trees[i] != a.trees[i-1] {
			if !seen[a.trees[i]] {
				seen[a.trees[i]] = true
				s.Roots = append(s.Roots, int32(i))
			}
		}
		n := &s.Nodes[i]
		var err error
		if n.Mode, err = mode(a.modes[i]); err != nil {
			return nil, err
		}
		if n.Mode == tree.Leaf {
			continue
		}
		if a.features[i] < 0 || a.features[i] >= 1<<20 {
			return nil, fmt.Errorf("node %d of tree %d tests feature %d", a.nodes[i], a.trees[i], a.features[i])
		}
		n.Feature, n.Threshold = int32(a.features[i]), a.thresholds[i]
		n.MissTrue = len(a.missing) > 0 && a.missing[i] != 0
		s.Features = max(s.Features, int(n.Feature)+1)
		if n.True = index.find(a.trees[i], a.trues[i]); n.True < 0 {
			return nil, fmt.Errorf("node %d of tree %d has child %d, which is not there", a.nodes[i], a.trees[i], a.trues[i])
		}
		if n.False = index.find(a.trees[i], a.falses[i]); n.False < 0 {
			return nil, fmt.Errorf("node %d of tree %d has child %d, which is not there", a.nodes[i], a.trees[i], a.falses[i])
		}
	}
	s.Features = max(s.Features, 1)
	return s, attach(s, index, leaves)
}

func mode(name string) (tree.Mode, error) {
	switch name {
	case "LEAF":
		return tree.Leaf, nil
	case "BRANCH_LEQ":
		return tree.LEQ, nil
	case "BRANCH_LT":
		return tree.LT, nil
	case "BRANCH_GTE":
		return tree.GTE, nil
	case "BRANCH_GT":
		return tree.GT, nil
	case "BRANCH_EQ":
		return tree.EQ, nil
	case "BRANCH_NEQ":
		return tree.NEQ, nil
	}
	return 0, fmt.Errorf("node mode %q", name)
}

// nodeIndex finds a node by its tree and number. Exporters write the nodes in
// order and number them from 0, so that one look usually suffices; else the
// sorted keys are searched.
type nodeIndex struct {
	keys  []key
	at    []int32 // position of each key's node
	tree  int64   // the tree asked for last
	start int     // its first key; -1 before the first question
}

func newNodeIndex(trees, nodes []int64) *nodeIndex {
	x := &nodeIndex{keys: make([]key, len(nodes)), at: make([]int32, len(nodes)), start: -1}
	for i := range nodes {
		x.keys[i], x.at[i] = key{trees[i], nodes[i]}, int32(i)
	}
	if !slices.IsSortedFunc(x.keys, key.compare) {
		sort.Stable(x)
	}
	return x
}

func (x *nodeIndex) Len() int           { return len(x.keys) }
func (x *nodeIndex) Less(i, j int) bool { return x.keys[i].compare(x.keys[j]) < 0 }
func (x *nodeIndex) Swap(i, j int) {
	x.keys[i], x.keys[j] = x.keys[j], x.keys[i]
	x.at[i], x.at[j] = x.at[j], x.at[i]
}

// find gives a node's position, -1 where there is none.
func (x *nodeIndex) find(tree, node int64) int32 {
	if x.start < 0 || x.tree != tree {
		x.tree = tree
		// Where the tree begins; no node has this number, so none is found.
		x.start, _ = slices.BinarySearchFunc(x.keys, key{tree, math.MinInt64}, key.compare)
	}
	if node >= 0 && node < int64(len(x.keys)-x.start) && x.keys[x.start+int(node)] == (key{tree, node}) {
		return x.at[x.start+int(node)]
	}
	i, ok := slices.BinarySearchFunc(x.keys, key{tree, node}, key.compare)
	if !ok {
		return -1
	}
	return x.at[i]
}

// attach gives each leaf its weights. Several weights may belong to one leaf,
// and the file may list them in any order.
func attach(s *tree.Spec, index *nodeIndex, leaves *leafWeights) error {
	counts := make([]int32, len(s.Nodes)+1)
	owner := make([]int32, len(leaves.values))
	for i := range leaves.values {
		at := index.find(leaves.trees[i], leaves.nodes[i])
		if at < 0 || s.Nodes[at].Mode != tree.Leaf {
			return fmt.Errorf("a weight belongs to node %d of tree %d, which is no leaf", leaves.nodes[i], leaves.trees[i])
		}
		if t := leaves.targets[i]; t < 0 || t >= 1<<20 {
			return fmt.Errorf("a weight adds to target %d", t)
		}
		owner[i] = at
		counts[at+1]++
	}
	for i := range s.Nodes {
		counts[i+1] += counts[i]
		s.Nodes[i].Weights = [2]int32{counts[i], counts[i]}
	}
	for i, at := range owner {
		n := &s.Nodes[at]
		s.Weights[n.Weights[1]] = tree.Weight{Target: int32(leaves.targets[i]), Value: leaves.values[i]}
		n.Weights[1]++
	}
	return nil
}
