package graph

// leavesOnce refuses trees that list a leaf's weight for one target twice in a
// row. By the standard such weights add up, and ONNX Runtime takes one of them;
// skl2onnx's options decision_leaf and decision_path mean one.
func leavesOnce(prefix string, then func(*build) kernel) func(*build) kernel {
	return func(b *build) kernel {
		trees, nodes, targets := b.ints(prefix+"_treeids"), b.ints(prefix+"_nodeids"), b.ints(prefix+"_ids")
		if len(trees) == len(targets) && len(nodes) == len(targets) {
			for i := 1; i < len(targets); i++ {
				if nodes[i] == nodes[i-1] && targets[i] == targets[i-1] && trees[i] == trees[i-1] {
					return b.refuse("node %d of tree %d adds to target %d twice, which runtimes read in two ways", nodes[i], trees[i], targets[i])
				}
			}
		}
		return then(b)
	}
}
