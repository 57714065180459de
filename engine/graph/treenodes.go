package graph

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"online-inference/engine/modelfile"
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
	index, err := newNodeIndex(a.trees, a.nodes)
	if err != nil {
		return nil, err
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
		n.Mode, _ = mode(a.modes[i]) // all are known
		if n.Mode == tree.Leaf {
			continue
		}
		if a.features[i] < 0 || a.features[i] >= modelfile.MaxColumns {
			return nil, outOf(a.features[i], "node %d of tree %d tests feature", a.nodes[i], a.trees[i])
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

func mode(name string) (tree.Mode, bool) {
	switch name {
	case "LEAF":
		return tree.Leaf, true
	case "BRANCH_LEQ":
		return tree.LEQ, true
	case "BRANCH_LT":
		return tree.LT, true
	case "BRANCH_GTE":
		return tree.GTE, true
	case "BRANCH_GT":
		return tree.GT, true
	case "BRANCH_EQ":
		return tree.EQ, true
	case "BRANCH_NEQ":
		return tree.NEQ, true
	}
	return 0, false
}

// nodeIndex finds a node by its tree and number. Exporters write the nodes in
// order and number them from 0, so that one look usually suffices; else they
// are searched, sorted first if need be.
type nodeIndex struct {
	trees, nodes []int64 // in the order of key
	at           []int32 // position of each in the file; nil for their own
	tree         int64   // the tree asked for last
	start        int     // its first node; -1 before the first question
}

func newNodeIndex(trees, nodes []int64) (*nodeIndex, error) {
	x := &nodeIndex{trees: trees, nodes: nodes, start: -1}
	for i := 1; i < len(nodes); i++ {
		if !x.Less(i-1, i) {
			x.sort()
			break
		}
	}
	for i := 1; i < len(nodes) && x.at != nil; i++ {
		if x.key(i) == x.key(i-1) {
			return nil, fmt.Errorf("tree %d has two nodes %d", x.trees[i], x.nodes[i])
		}
	}
	return x, nil
}

func (x *nodeIndex) sort() {
	x.trees, x.nodes, x.at = slices.Clone(x.trees), slices.Clone(x.nodes), make([]int32, len(x.nodes))
	for i := range x.at {
		x.at[i] = int32(i)
	}
	sort.Stable(x)
}

func (x *nodeIndex) key(i int) key      { return key{x.trees[i], x.nodes[i]} }
func (x *nodeIndex) Len() int           { return len(x.nodes) }
func (x *nodeIndex) Less(i, j int) bool { return x.key(i).compare(x.key(j)) < 0 }
func (x *nodeIndex) Swap(i, j int) {
	x.trees[i], x.trees[j] = x.trees[j], x.trees[i]
	x.nodes[i], x.nodes[j] = x.nodes[j], x.nodes[i]
	x.at[i], x.at[j] = x.at[j], x.at[i]
}

// search is the place of the first key that is not less.
func (x *nodeIndex) search(k key) int {
	return sort.Search(len(x.nodes), func(i int) bool { return x.key(i).compare(k) >= 0 })
}

// find gives a node's position in the file, -1 where there is none.
func (x *nodeIndex) find(tree, node int64) int32 {
	if x.start < 0 || x.tree != tree {
		x.tree = tree
		// Where the tree begins; no node has this number, so none is found.
		x.start = x.search(key{tree, math.MinInt64})
	}
	i := -1
	if node >= 0 && node < int64(len(x.nodes)-x.start) {
		i = x.start + int(node)
	}
	if i < 0 || x.nodes[i] != node || x.trees[i] != tree {
		if i = x.search(key{tree, node}); i == len(x.nodes) || x.key(i) != (key{tree, node}) {
			return -1
		}
	}
	if x.at == nil {
		return int32(i)
	}
	return x.at[i]
}

// attach gives each leaf its weights. Several weights may belong to one leaf,
// and the file may list them in any order.
func attach(s *tree.Spec, index *nodeIndex, leaves *leafWeights) error {
	owner := make([]int32, len(leaves.values))
	ordered := true
	for i := range leaves.values {
		at := index.find(leaves.trees[i], leaves.nodes[i])
		if at < 0 || s.Nodes[at].Mode != tree.Leaf {
			return fmt.Errorf("a weight belongs to node %d of tree %d, which is no leaf", leaves.nodes[i], leaves.trees[i])
		}
		if t := leaves.targets[i]; t < 0 || t >= modelfile.MaxColumns {
			return outOf(t, "a weight adds to target")
		}
		ordered = ordered && (i == 0 || at >= owner[i-1])
		owner[i] = at
	}
	if !ordered {
		makeRoom(s, owner)
	}
	for i, at := range owner {
		n := &s.Nodes[at]
		if ordered && n.Weights[1] == 0 {
			n.Weights = [2]int32{int32(i), int32(i)}
		}
		s.Weights[n.Weights[1]] = tree.Weight{Target: int32(leaves.targets[i]), Value: leaves.values[i]}
		n.Weights[1]++
	}
	return nil
}

// makeRoom gives each leaf the place of its first weight.
func makeRoom(s *tree.Spec, owner []int32) {
	counts := make([]int32, len(s.Nodes)+1)
	for _, at := range owner {
		counts[at+1]++
	}
	for i := range s.Nodes {
		counts[i+1] += counts[i]
		s.Nodes[i].Weights = [2]int32{counts[i], counts[i]}
	}
}
