package tree

import (
	"fmt"
	"math"

	"online-inference/engine/modelfile"
)

// mark is what is known of a node before the trees are laid out.
type mark struct {
	height int32 // steps to the deepest leaf, those of jumps to shared nodes included
	target int32 // that all leaves below add to with one weight each, -1 where they differ
	refs   uint8 // nodes and roots that lead to it: 0, 1, or 2 for more
	state  uint8
	needs  needs // of the node and all below it
}

// needs are what a layout must be able to express.
type needs uint8

const (
	needsDouble needs = 1 << iota // a threshold that is no float32
	needsSets                     // a test that is no order: EQ, NEQ, In, InTrunc
)

// The states of a node while the graph is walked depth first.
const (
	unseen = iota
	open
	done
)

// survey proves that all that nodes refer to is there and that no path from a
// root returns to a node on it, and marks the nodes. The work is linear in the
// nodes, which are gone through as seldom as can be: in a large forest that is
// what loading waits for.
func (s *Spec) survey() ([]mark, error) {
	marks := make([]mark, len(s.Nodes))
	for t, root := range s.Roots {
		if root < 0 || int(root) >= len(s.Nodes) {
			return nil, fmt.Errorf("tree %d starts at node %d of %d", t, root, len(s.Nodes))
		}
		s.lead(&marks[root])
		marks[root].state = open
	}
	forward := true // children stand behind their parents
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if err := s.checkNode(i, n); err != nil {
			return nil, err
		}
		if n.Mode == Leaf {
			continue
		}
		s.lead(&marks[n.True])
		s.lead(&marks[n.False])
		forward = forward && int(n.True) > i && int(n.False) > i
		if marks[i].state == open {
			marks[n.True].state, marks[n.False].state = open, open
		}
	}
	if !forward {
		for i := range marks {
			marks[i].state = unseen
		}
		return marks, s.search(marks)
	}
	for i := len(s.Nodes) - 1; i >= 0; i-- {
		if marks[i].state == open {
			marks[i].finish(s, marks, &s.Nodes[i])
		}
	}
	return marks, nil
}

// lead counts one more that leads to a node.
func (s *Spec) lead(m *mark) {
	if m.refs++; m.refs > 1 {
		m.refs, s.shared = 2, true
	}
}

// search is the part of survey for nodes in any order: it walks depth first
// from every root and enters each node once over all trees.
func (s *Spec) search(marks []mark) error {
	var stack []int32
	for _, root := range s.Roots {
		stack = append(stack[:0], root)
		for len(stack) > 0 {
			k := stack[len(stack)-1]
			m, n := &marks[k], &s.Nodes[k]
			switch {
			case m.state == done: // it was reached on two paths
				stack = stack[:len(stack)-1]
				continue
			case n.Mode == Leaf || m.state == open: // all below it is done
				m.finish(s, marks, n)
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
	}
	return nil
}

// bound holds the steps of a row against the limits, and counts them. A tree counts for each of its
// roots: trees that share all nodes are walked one by one.
func (s *Spec) bound(marks []mark) (steps int, err error) {
	for t, root := range s.Roots {
		height := int(marks[root].height)
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
	if n.Mode == Leaf {
		m.target = -1
		if w := s.Weights[n.Part[0]:n.Part[1]]; len(w) == 1 {
			m.target = w[0].Target
		}
		return
	}
	if m.target = marks[n.True].target; m.target != marks[n.False].target {
		m.target = -1
	}
	for _, c := range [2]int32{n.True, n.False} {
		h := marks[c].height + 1
		if marks[c].refs > 1 && s.Nodes[c].Mode != Leaf {
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
