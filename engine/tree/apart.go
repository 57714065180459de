package tree

import (
	"runtime"
	"slices"
	"sync"
)

// apartNodes is the number of nodes from which on goroutines lay out trees: below,
// starting them costs more than it gains. Tests make it less.
var apartNodes = 1 << 14

// layApart lays out trees of float32 tests in groups, each by a goroutine, where
// they are large, share no nodes, stand one behind the other, and leaves hold
// their numbers themselves. Jumps are relative, so that the groups' nodes one
// behind the other are what one builder makes. It reports false, and leaves all
// as it was, where that does not hold or a jump is too wide.
func (e *Ensemble) layApart(s *Spec, marks []mark, c *chart, roots []int32) bool {
	workers := min(runtime.GOMAXPROCS(0), len(roots))
	if workers < 2 || len(s.Nodes) < apartNodes || e.leaves.form != leafFloat || s.shared || !s.apart(roots) {
		return false
	}
	nodes := make([]uint64, len(s.Nodes)+len(roots)) // with the twins of roots
	groups := make([]*group, workers)
	for i := range groups {
		first, end := len(roots)*i/workers, len(roots)*(i+1)/workers
		at, behind := int(roots[first])+first, len(nodes)
		if end < len(roots) {
			behind = int(roots[end]) + end
		}
		groups[i] = &group{builder: builder{spec: s, marks: marks, chart: c, leaves: &e.leaves, narrow: nodes[at:at:behind]}, roots: roots[first:end]}
	}
	all(groups, (*group).lay)
	if slices.ContainsFunc(groups, func(g *group) bool { return !g.fit }) {
		return false
	}
	slots := 0
	for _, g := range groups {
		for _, t := range g.trees {
			t.root += uint32(slots)
			e.narrowTrees = append(e.narrowTrees, t)
		}
		slots += copy(nodes[slots:], g.narrow) // to where it is, unless nodes before are in no tree
	}
	e.narrowKeys, e.narrow = c.columns, trimmed(nodes[:slots])
	arrange(e.narrowTrees)
	return true
}

// apart reports whether the trees share no nodes and each stands before the
// next: all children of the nodes between two roots are between them, too.
func (s *Spec) apart(roots []int32) bool {
	for t, root := range roots {
		end := int32(len(s.Nodes))
		if t+1 < len(roots) {
			end = roots[t+1]
		}
		if end <= root { // not in order, or a tree twice
			return false
		}
		for i := root; i < end; i++ {
			if n := &s.Nodes[i]; n.Mode != Leaf && (n.True < root || n.True >= end || n.False < root || n.False >= end) {
				return false
			}
		}
	}
	return true
}

// group is trees that one goroutine lays out, in its own part of the nodes.
type group struct {
	builder
	roots []int32
	trees []ref
	fit   bool
}

func (g *group) lay() {
	g.trees, g.fit = make([]ref, 0, len(g.roots)), true
	for _, root := range g.roots {
		g.trees = append(g.trees, g.tree(root))
		g.fit = g.fit && g.fits()
	}
}

// all does the same to all groups at once and waits for the last.
func all(groups []*group, do func(*group)) {
	var wait sync.WaitGroup
	for _, g := range groups[1:] {
		wait.Go(func() { do(g) })
	}
	do(groups[0])
	wait.Wait()
}
