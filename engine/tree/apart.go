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
// they are large and apart, and leaves hold their numbers themselves. Jumps are
// relative, so that the groups' nodes one behind the other are what one builder
// makes. It reports false, and leaves all as it was, where that does not hold or a
// jump is too wide.
func (e *Ensemble) layApart(s *Spec, g *grove, c *chart, stems []stem) bool {
	workers := min(runtime.GOMAXPROCS(0), len(stems))
	if workers < 2 || len(s.Nodes) < apartNodes || e.leaves.form != leafFloat || g.marks != nil {
		return false
	}
	nodes := make([]uint64, len(s.Nodes)+len(stems)) // with the twins of roots
	groups := make([]*group, workers)
	for i := range groups {
		first, end := len(stems)*i/workers, len(stems)*(i+1)/workers
		at, behind := int(stems[first].root)+first, len(nodes)
		if end < len(stems) {
			behind = int(stems[end].root) + end
		}
		groups[i] = &group{builder: builder{spec: s, chart: c, leaves: &e.leaves, narrow: nodes[at:at:behind]}, stems: stems[first:end]}
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

// group is trees that one goroutine lays out, in its own part of the nodes.
type group struct {
	builder
	stems []stem
	trees []ref
	fit   bool
}

func (g *group) lay() {
	g.trees, g.fit = make([]ref, 0, len(g.stems)), true
	for _, m := range g.stems {
		g.trees = append(g.trees, g.tree(m))
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
