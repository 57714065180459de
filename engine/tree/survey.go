package tree

import (
	"fmt"
	"math"

	"online-inference/engine/modelfile"
)

// A stem is what is known of a tree before it is laid out.
type stem struct {
	root   int32
	height int32 // steps to the deepest leaf, those of jumps to shared nodes included
	target int32 // that all leaves add to with one weight each, -1 where they differ
	needs  needs
}

// needs are what a layout must be able to express.
type needs uint8

const (
	needsDouble needs = 1 << iota // a threshold that is no float32
	needsSets                     // a test that is no order: EQ, NEQ, In, InTrunc
)

// A grove is what survey finds out about all trees.
type grove struct {
	stems  []stem
	marks  []mark // of the nodes; nil where each tree's stand apart, as walkApart demands
	shared bool   // a node has several parents
	leaves census
	chart  *chart // for narrow nodes, where all trees go there; nil where it is to be made yet
}

// survey proves that all that nodes refer to is there and that no path from a
// root returns to a node on it. The work is linear in the nodes, which are gone
// through as seldom as can be: that is what loading a large forest waits for.
func (s *Spec) survey() (*grove, error) {
	for t, root := range s.Roots {
		if root < 0 || int(root) >= len(s.Nodes) {
			return nil, fmt.Errorf("tree %d starts at node %d of %d", t, root, len(s.Nodes))
		}
	}
	g := &grove{stems: make([]stem, len(s.Roots))}
	if s.walkApart(g) {
		return g, nil
	}
	*g = grove{stems: g.stems, marks: make([]mark, len(s.Nodes))}
	return g, s.search(g)
}

// end is one past the last node of tree t, where trees stand apart.
func (s *Spec) end(t int) int {
	if t+1 < len(s.Roots) {
		return int(s.Roots[t+1])
	}
	return len(s.Nodes)
}

// walkApart surveys trees as most files have them: one behind the other, each
// node behind its only parent or without one. It keeps nothing of a node but its
// depth, and that until the next tree. It reports false, and what it found means
// nothing, where anything is otherwise; what is wrong is among that.
func (s *Spec) walkApart(g *grove) bool {
	if len(s.Nodes) > 0 && (len(s.Roots) == 0 || s.Roots[0] != 0) {
		return false // nodes that no tree would show
	}
	most := 0
	for t, root := range s.Roots {
		if s.end(t) <= int(root) {
			return false
		}
		most = max(most, s.end(t)-int(root))
	}
	c := &chart{features: s.Features}
	if len(s.Nodes)+len(s.Levels) >= s.Features {
		g.chart = c
	}
	depths := make([]int32, most) // and 1 more; 0 for a node without a parent yet
	for t, root := range s.Roots {
		tree := s.Nodes[root:s.end(t)]
		depths := depths[:len(tree)]
		clear(depths)
		depths[0] = 1
		m := stem{root: root, target: -2}
		for i := range tree {
			n, depth := &tree[i], depths[i]
			if n.Mode > LeafMany || n.Missing > MissNone {
				return false
			}
			if n.Ends() || depth == 0 {
				if s.checkNode(int(root)+i, n) != nil {
					return false
				}
				if depth == 0 { // cut off, as pruning leaves them
					continue
				}
				g.leaves.add(s, n)
				m.height = max(m.height, depth-1)
				if target := s.target(n); m.target != target {
					if m.target != -2 {
						target = -1
					}
					m.target = target
				}
				continue
			}
			yes, no := int(n.True-root), int(n.False-root)
			if yes <= i || no <= i || yes >= len(tree) || no >= len(tree) || yes == no || depths[yes]|depths[no] != 0 || uint(n.Feature) >= uint(s.Features) {
				return false
			}
			depths[yes], depths[no] = depth+1, depth+1
			switch {
			case n.Mode > GT:
				if n.Mode >= In && !s.isSet(n.Threshold) {
					return false
				}
				m.needs |= needsSets
			case !single(n.Threshold):
				m.needs |= needsDouble
			case g.chart != nil:
				w, _ := n.way(false)
				c.want(w.kind, n.Feature)
			}
		}
		if m.needs != 0 {
			g.chart = nil
		}
		g.stems[t] = m
	}
	return true
}

// mark is what search knows of a node.
type mark struct {
	height int32 // as a stem's
	target int32
	refs   uint8 // nodes and roots that lead to it: 0, 1, or 2 for more
	state  uint8
	needs  needs // of the node and all below it
}

// The states of a node while the graph is walked depth first.
const (
	unseen = iota
	open
	done
)

// search surveys nodes in any order: it walks depth first from every root and
// enters each node once over all trees.
func (s *Spec) search(g *grove) error {
	marks := g.marks
	for _, root := range s.Roots {
		g.lead(&marks[root])
	}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if err := s.checkNode(i, n); err != nil {
			return err
		}
		if !n.Ends() {
			g.lead(&marks[n.True])
			g.lead(&marks[n.False])
		}
	}
	var stack []int32
	for t, root := range s.Roots {
		stack = append(stack[:0], root)
		for len(stack) > 0 {
			k := stack[len(stack)-1]
			m, n := &marks[k], &s.Nodes[k]
			switch {
			case m.state == done: // it was reached on two paths
				stack = stack[:len(stack)-1]
				continue
			case n.Ends() || m.state == open: // all below it is done
				m.finish(s, marks, n)
				if n.Ends() {
					g.leaves.add(s, n)
				}
				stack = stack[:len(stack)-1]
				continue
			}
			m.state = open
			for _, c := range [2]int32{n.True, n.False} {
				switch marks[c].state {
				case open: // open nodes are exactly those on the path to k
					_, to := s.find(int(c))
					return fmt.Errorf("%s returns to node %d", s.place(int(k)), to)
				case unseen:
					stack = append(stack, c)
				}
			}
		}
		m := &marks[root]
		g.stems[t] = stem{root: root, height: m.height, target: m.target, needs: m.needs}
	}
	return nil
}

// lead counts one more that leads to a node.
func (g *grove) lead(m *mark) {
	if m.refs++; m.refs > 1 {
		m.refs, g.shared = 2, true
	}
}

// bound holds the steps of a row against the limits, and counts them. A tree counts for each of its
// roots: trees that share all nodes are walked one by one.
func (s *Spec) bound(stems []stem) (steps int, err error) {
	for t := range stems {
		height := int(stems[t].height)
		if height > modelfile.MaxPath {
			return 0, modelfile.Exceeds("tree %d has a leaf %d steps from its root, %d are allowed", t, height, modelfile.MaxPath)
		}
		if steps += height + 1; steps > modelfile.MaxSteps {
			return 0, modelfile.Exceeds("a row takes more than %d steps down the first %d of %d trees", modelfile.MaxSteps, t+1, len(s.Roots)+len(s.Tables))
		}
	}
	for t := range s.Tables {
		if steps += int(s.Tables[t].Levels) + 1; steps > modelfile.MaxSteps {
			return 0, modelfile.Exceeds("a row takes more than %d steps down the first %d of %d trees", modelfile.MaxSteps, len(s.Roots)+t+1, len(s.Roots)+len(s.Tables))
		}
	}
	return steps, nil
}

func (m *mark) finish(s *Spec, marks []mark, n *Node) {
	m.state = done
	if n.Ends() {
		m.target = s.target(n)
		return
	}
	if m.target = marks[n.True].target; m.target != marks[n.False].target {
		m.target = -1
	}
	for _, c := range [2]int32{n.True, n.False} {
		h := marks[c].height + 1
		if marks[c].refs > 1 && !s.Nodes[c].Ends() {
			h++
		}
		m.height, m.needs = max(m.height, h), m.needs|marks[c].needs
	}
	if n.Mode > GT {
		m.needs |= needsSets
	} else if !single(n.Threshold) {
		m.needs |= needsDouble
	}
}

// single reports whether a float32 holds a threshold exactly.
func single(t float64) bool { return float64(float32(t)) == t && !math.IsNaN(t) }
