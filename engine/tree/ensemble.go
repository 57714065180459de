package tree

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// An Ensemble is a checked Spec, ready to score. It is immutable and safe for
// concurrent use.
//
// Its trees are in up to four parts, by the tests they make: oblivious ones;
// those whose thresholds are float32 numbers, in narrow nodes; other numeric
// ones, in wide nodes; and those with sets or tests of equality.
type Ensemble struct {
	features, targets int
	trees, size       int
	steps             int // down all trees to their deepest leaves
	base              []float64
	leaves            leaves

	narrowKeys, wideKeys columns // of the first two parts, and of the others
	oblivious            oblivious
	narrow, wide, mixed  []uint64 // nodes
	narrowTrees          []ref
	wideTrees            []ref
	mixedTrees           []ref
	bits                 []uint32 // sets of the mixed trees

	memory  sync.Pool    // of *[]uint64, keys
	threads atomic.Int32 // that may score one batch; 0 for as many as there are processors
	helpers atomic.Int32 // goroutines at work beside the callers' own
}

// New checks a description and takes it over: the caller must not change it
// afterwards.
func New(s Spec) (*Ensemble, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	s.spread(false)
	g, err := s.survey()
	if err != nil {
		return nil, err
	}
	steps, err := s.bound(g.stems)
	if err != nil {
		return nil, err
	}
	e := &Ensemble{
		features: s.Features, targets: s.Targets, trees: len(s.Roots) + len(s.Tables), size: len(s.Nodes) + s.tableNodes(),
		steps: steps, base: s.Base,
	}
	e.leaves = newLeaves(&s, g)
	if !e.lay(&s, g) {
		s.spread(true)
		return New(s)
	}
	return e, nil
}

// lay divides the trees into parts and lays each out. It reports false where
// oblivious trees must be described by nodes.
func (e *Ensemble) lay(s *Spec, g *grove) bool {
	if len(s.Tables) > 0 && e.leaves.form == leafRecord {
		return false
	}
	narrow, wide, mixed := make([]stem, 0, len(g.stems)), []stem{}, []stem{}
	for _, m := range g.stems {
		switch {
		case m.needs&needsSets != 0:
			mixed = append(mixed, m)
		case m.needs&needsDouble != 0:
			wide = append(wide, m)
		default:
			narrow = append(narrow, m)
		}
	}
	if len(narrow)+len(s.Tables) > 0 {
		far := narrow
		if c := newChart(s, g, false); c.n <= maxNarrowColumns {
			far = e.layNarrow(s, g, c, narrow)
		} else if len(s.Tables) > 0 {
			return false
		}
		wide = append(far, wide...)
	}
	if len(wide)+len(mixed) > 0 {
		c := newChart(s, g, true)
		e.wide, e.wideTrees = e.layWide(s, g, c, wide)
		e.mixed, e.mixedTrees = e.layWide(s, g, c, mixed)
		if e.wideKeys = c.columns; len(mixed) > 0 {
			e.bits = s.Bits
		}
	}
	e.leaves.values, e.leaves.records, e.leaves.weights = slices.Clip(e.leaves.values), slices.Clip(e.leaves.records), slices.Clip(e.leaves.weights)
	return true
}

// newChart finds the columns that trees in narrow nodes, or the others, ask for.
func newChart(s *Spec, g *grove, wide bool) *chart {
	c := g.chart
	if c == nil || wide {
		c = &chart{columns: columns{wide: wide}, features: s.Features}
		if len(s.Nodes)+len(s.Levels) < s.Features {
			c.count(s)
		}
		c.ask(s, g)
	}
	if !wide {
		for i := range s.Levels {
			n := s.Levels[i].node()
			w, _ := n.way(false)
			c.want(w.kind, n.Feature)
		}
	}
	c.number()
	return c
}

// count notes which features are tested.
func (c *chart) count(s *Spec) {
	c.tested = make([]int32, 0, len(s.Nodes)+len(s.Levels))
	for i := range s.Levels {
		c.tested = append(c.tested, s.Levels[i].Feature)
	}
	for i := range s.Nodes {
		if !s.Nodes[i].Ends() {
			c.tested = append(c.tested, s.Nodes[i].Feature)
		}
	}
	slices.Sort(c.tested)
	c.tested = slices.Compact(c.tested)
	c.features = len(c.tested)
}

// ask wants what the nodes that are in trees ask for. Of nodes that stand apart
// it is known by the tree whether they fit narrow ones, of others by the node.
func (c *chart) ask(s *Spec, g *grove) {
	ask := func(n *Node) {
		if !n.Ends() {
			w, _ := n.way(c.wide)
			c.want(w.kind, n.Feature)
		}
	}
	if g.marks == nil {
		for t, m := range g.stems {
			if !c.wide && m.needs != 0 {
				continue
			}
			for i := int(m.root); i < s.end(t); i++ {
				ask(&s.Nodes[i])
			}
		}
		return
	}
	for i := range s.Nodes {
		if m := &g.marks[i]; m.state == done && (c.wide || m.needs == 0) {
			ask(&s.Nodes[i])
		}
	}
}

func (e *Ensemble) newBuilder(s *Spec, g *grove, c *chart) *builder {
	b := &builder{spec: s, chart: c, leaves: &e.leaves}
	if g.shared {
		b.at = make([]int32, len(s.Nodes))
	}
	return b
}

// layNarrow lays out trees of float32 tests. It gives back those in which a jump
// is too wide for a narrow node: single trees of some ten thousand leaves. What
// is tried in vain is bounded by the number of nodes, also where trees share
// them: then the rest is given back untried.
func (e *Ensemble) layNarrow(s *Spec, g *grove, c *chart, stems []stem) (far []stem) {
	width := 1
	if e.leaves.form == leafVector {
		width = s.Targets
	}
	e.oblivious.take(s, c)
	walked := make([]stem, 0, len(stems))
	for _, m := range stems {
		if e.leaves.form == leafRecord || !e.oblivious.add(s, g, c, m, width) {
			walked = append(walked, m)
		}
	}
	if e.oblivious.finish(&c.columns, width); len(e.oblivious.trees) > 0 {
		e.narrowKeys = c.columns
	}
	if len(walked) == 0 || e.layApart(s, g, c, walked) {
		return nil
	}
	b := e.newBuilder(s, g, c)
	b.room(len(s.Nodes), len(walked))
	vain := 0
	for i, m := range walked {
		before := b.state()
		if t := b.tree(m); b.fits() {
			e.narrowTrees = append(e.narrowTrees, t)
			continue
		}
		far = append(far, m)
		if vain += len(b.narrow) - before.nodes; vain > 2*len(s.Nodes) {
			b.undo(m.root, before)
			far = append(far, walked[i+1:]...)
			break
		}
		b.undo(m.root, before)
	}
	if len(far) < len(walked) {
		e.narrowKeys, e.narrow = c.columns, trimmed(b.narrow)
	}
	arrange(e.narrowTrees)
	return far
}

// layWide lays out other trees.
func (e *Ensemble) layWide(s *Spec, g *grove, c *chart, stems []stem) ([]uint64, []ref) {
	if len(stems) == 0 {
		return nil, nil
	}
	b := e.newBuilder(s, g, c)
	b.room(len(s.Nodes), len(stems))
	trees := make([]ref, 0, len(stems))
	for _, m := range stems {
		trees = append(trees, b.tree(m))
	}
	nodes := b.widened(trees)
	arrange(trees)
	return nodes, trees
}

// arrange sorts trees by depth and tells those that are far deeper than most
// of their leaves.
func arrange(trees []ref) {
	slices.SortStableFunc(trees, func(a, b ref) int { return cmp.Compare(a.steps, b.steps) })
	for i := range trees {
		t := &trees[i]
		t.deep = t.steps > look+1 && t.mean < deepShare*float32(t.steps)
	}
}

// deepShare is the mean depth of the leaves, as a share of the deepest leaf's,
// up to which asking whether all walks have ended pays.
const deepShare = 0.75

// Trees is the number of trees.
func (e *Ensemble) Trees() int { return e.trees }

// Nodes is the number of nodes of all trees.
func (e *Ensemble) Nodes() int { return e.size }

// Steps is how many nodes a row meets at most, in all trees together.
func (e *Ensemble) Steps() int { return e.steps }

// Targets is the number of sums that the trees add up to.
func (e *Ensemble) Targets() int { return e.targets }

// Features is the number of columns of a row.
func (e *Ensemble) Features() int { return e.features }
