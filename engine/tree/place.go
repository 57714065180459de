package tree

import "fmt"

// place names node i in an error.
func (s *Spec) place(i int) string {
	t, k := s.find(i)
	if t < 0 {
		return fmt.Sprintf("node %d, which is in no tree,", k)
	}
	return fmt.Sprintf("tree %d node %d", t, k)
}

// find gives the tree of node i, and the node's number counted from the first
// of the tree's nodes, as the frameworks count. A node of several trees is the
// first one's; the tree is -1 where there is none. Nothing in the Spec need be
// sound yet.
func (s *Spec) find(i int) (root, node int) {
	seen := make([]bool, len(s.Nodes))
	var stack []int32
	for t, root := range s.Roots {
		found, first := false, len(s.Nodes)
		stack = append(stack[:0], root)
		for len(stack) > 0 {
			k := int(stack[len(stack)-1])
			stack = stack[:len(stack)-1]
			if k < 0 || k >= len(s.Nodes) || seen[k] {
				continue
			}
			seen[k] = true
			found, first = found || k == i, min(first, k)
			if n := &s.Nodes[k]; !n.Ends() {
				stack = append(stack, n.True, n.False)
			}
		}
		if found {
			return t, i - first
		}
	}
	return -1, i
}

// owner names the leaf that weight i belongs to.
func (s *Spec) owner(i int) string {
	for k, n := range s.Nodes {
		if n.Mode == LeafMany && int(n.True) <= i && i < int(n.False) {
			return s.place(k)
		}
	}
	return fmt.Sprintf("weight %d, which is no leaf's,", i)
}
