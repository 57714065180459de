package inspect

import (
	"fmt"

	"online-inference/engine/onnx"
)

// readONNX reports on an ONNX file: who wrote it, its operators and its trees.
func (r *Report) readONNX(data []byte) error {
	m, err := onnx.Parse(data)
	if err != nil {
		return err
	}
	r.FormatVersion = fmt.Sprintf("IR %d", m.IRVersion)
	r.Opsets = map[string]int64{}
	for domain, version := range m.Opsets {
		if domain == "" {
			domain = "ai.onnx"
		}
		r.Opsets[domain] = version
	}
	r.Producer, r.ProducerVersion = m.Producer, m.ProducerVersion
	if len(m.Metadata) > 0 {
		r.Metadata = m.Metadata
	}
	r.Structure.Operators = map[string]int{}
	r.operators(m.Graph)
	return nil
}

// operators counts those of a graph and of the graphs inside it.
func (r *Report) operators(g *onnx.Graph) {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		r.Structure.Operators[n.Op]++
		switch n.Op {
		case "TreeEnsembleClassifier", "TreeEnsembleRegressor":
			r.trees().addONNX(n)
		case "TreeEnsemble":
			r.trees().addONNX5(n)
		}
		for _, a := range n.Attrs {
			if a.Graph != nil {
				r.operators(a.Graph)
			}
		}
	}
}

func (r *Report) trees() *Trees {
	if r.Structure.Trees == nil {
		r.Structure.Trees = &Trees{}
	}
	return r.Structure.Trees
}

func ints(n *onnx.Node, name string) []int64 {
	for i := range n.Attrs {
		if n.Attrs[i].Name == name {
			return n.Attrs[i].Ints.All()
		}
	}
	return nil
}

// nodeKey is a node's number in its tree.
type nodeKey struct{ tree, node int64 }

// addONNX measures the trees of an ensemble of ai.onnx.ml 1 to 4, whose nodes are
// numbered tree by tree. The engine has checked the numbers.
func (t *Trees) addONNX(n *onnx.Node) {
	trees, nodes := ints(n, "nodes_treeids"), ints(n, "nodes_nodeids")
	yes, no := ints(n, "nodes_truenodeids"), ints(n, "nodes_falsenodeids")
	var modes []string
	for i := range n.Attrs {
		if n.Attrs[i].Name == "nodes_modes" {
			modes = n.Attrs[i].Strings.All()
		}
	}
	if min(len(nodes), len(yes), len(no), len(modes)) < len(trees) {
		return
	}
	places := make(map[nodeKey]int32, len(trees))
	for i := range trees {
		places[nodeKey{trees[i], nodes[i]}] = int32(i)
	}
	children := make([][2]int32, len(trees))
	root := make([]bool, len(trees))
	for i := range trees {
		root[i] = true
	}
	for i := range trees {
		children[i] = [2]int32{-1, -1}
		if modes[i] == "LEAF" {
			continue
		}
		for side, id := range [2]int64{yes[i], no[i]} {
			if at, ok := places[nodeKey{trees[i], id}]; ok {
				children[i][side] = at
				root[at] = false
			}
		}
	}
	t.measure(children, root)
}

// addONNX5 measures the trees of a TreeEnsemble of ai.onnx.ml 5, whose leaves are
// apart from the tests.
func (t *Trees) addONNX5(n *onnx.Node) {
	yes, no := ints(n, "nodes_truenodeids"), ints(n, "nodes_falsenodeids")
	yesLeaf, noLeaf := ints(n, "nodes_trueleafs"), ints(n, "nodes_falseleafs")
	leaves := len(ints(n, "leaf_targetids"))
	if min(len(no), len(yesLeaf), len(noLeaf)) < len(yes) {
		return
	}
	tests := len(yes)
	children := make([][2]int32, tests+leaves)
	root := make([]bool, tests+leaves)
	for i := range children {
		children[i] = [2]int32{-1, -1}
	}
	for i := range tests {
		for side, to := range [2]struct{ id, leaf int64 }{{yes[i], yesLeaf[i]}, {no[i], noLeaf[i]}} {
			if to.leaf != 0 {
				to.id += int64(tests)
			}
			if to.id >= 0 && to.id < int64(len(children)) {
				children[i][side] = int32(to.id)
			}
		}
	}
	for _, at := range ints(n, "tree_roots") {
		if at >= 0 && at < int64(len(root)) {
			root[at] = true
		}
	}
	t.measure(children, root)
}

// measure adds trees that are given by the children of their nodes, -1 for none.
// Trees may share nodes. The engine refuses a file in which they do so in a circle;
// here a node that is met on its own path just ends the path.
func (t *Trees) measure(children [][2]int32, root []bool) {
	const open = -1
	depth := make([]int32, len(children)) // 1 more than the tests below; 0 is not known yet
	var stack []int32
	for i, isRoot := range root {
		if !isRoot {
			continue
		}
		t.Count++
		if depth[i] == 0 {
			stack = append(stack, int32(i))
		}
		for len(stack) > 0 {
			at := stack[len(stack)-1]
			first := depth[at] == 0
			if !first && depth[at] != open { // it was reached by another path since
				stack = stack[:len(stack)-1]
				continue
			}
			depth[at] = open
			deepest := int32(0)
			for _, c := range children[at] {
				if c < 0 {
					continue
				}
				if depth[c] == 0 && first {
					stack = append(stack, c)
				}
				deepest = max(deepest, depth[c])
			}
			if !first || int(stack[len(stack)-1]) == int(at) {
				depth[at] = deepest + 1
				stack = stack[:len(stack)-1]
			}
		}
		t.Depth = max(t.Depth, int(depth[i])-1)
	}
	for i, d := range depth {
		if d == 0 {
			continue
		}
		t.Nodes++
		if children[i] == [2]int32{-1, -1} {
			t.Leaves++
		}
	}
}
