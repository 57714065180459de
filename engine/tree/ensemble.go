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
	marks, err := s.survey()
	if err != nil {
		return nil, err
	}
	steps, err := s.bound(marks)
	if err != nil {
		return nil, err
	}
	e := &Ensemble{
		features: s.Features, targets: s.Targets, trees: len(s.Roots) + len(s.Tables), size: len(s.Nodes) + s.tableNodes(),
		steps: steps, base: s.Base,
	}
	e.leaves = newLeaves(&s, marks)
	if !e.lay(&s, marks) {
		s.spread()
		return New(s)
	}
	return e, nil
}

// lay divides the trees into parts and lays each out. It reports false where
// oblivious trees must be described by nodes.
func (e *Ensemble) lay(s *Spec, marks []mark) bool {
	if len(s.Tables) > 0 && e.leaves.form == leafRecord {
		return false
	}
	var narrow, wide, mixed []int32
	for _, root := range s.Roots {
		switch m := &marks[root]; {
		case m.needs&needsSets != 0:
			mixed = append(mixed, root)
		case m.needs&needsDouble != 0:
			wide = append(wide, root)
		default:
			narrow = append(narrow, root)
		}
	}
	if len(narrow)+len(s.Tables) > 0 {
		far := narrow
		if c := newChart(s, marks, false); c.n <= maxNarrowColumns {
			far = e.layNarrow(s, marks, c, narrow)
		} else if len(s.Tables) > 0 {
			return false
		}
		wide = append(far, wide...)
	}
	if len(wide)+len(mixed) > 0 {
		c := newChart(s, marks, true)
		e.wide, e.wideTrees = e.layWide(s, marks, c, wide)
		e.mixed, e.mixedTrees = e.layWide(s, marks, c, mixed)
		if e.wideKeys = c.columns; len(mixed) > 0 {
			e.bits = s.Bits
		}
	}
	e.leaves.values, e.leaves.records = slices.Clip(e.leaves.values), slices.Clip(e.leaves.records)
	return true
}

// newChart finds the columns that trees in narrow nodes, or the others, ask for.
func newChart(s *Spec, marks []mark, wide bool) *chart {
	c := &chart{columns: columns{wide: wide}, features: s.Features}
	if len(s.Nodes)+len(s.Levels) < s.Features {
		c.tested = make([]int32, 0, len(s.Nodes)+len(s.Levels))
		for i := range s.Levels {
			c.tested = append(c.tested, s.Levels[i].Feature)
		}
		for i := range s.Nodes {
			if s.Nodes[i].Mode != Leaf {
				c.tested = append(c.tested, s.Nodes[i].Feature)
			}
		}
		slices.Sort(c.tested)
		c.tested = slices.Compact(c.tested)
		c.features = len(c.tested)
	}
	for i := range s.Nodes {
		if marks[i].state == done && s.Nodes[i].Mode != Leaf && (wide || marks[i].needs == 0) {
			w, _ := s.Nodes[i].way(wide)
			c.want(w.kind, s.Nodes[i].Feature)
		}
	}
	for i := range s.Levels {
		if n := s.Levels[i].node(); !wide {
			w, _ := n.way(false)
			c.want(w.kind, n.Feature)
		}
	}
	c.number()
	return c
}

func (e *Ensemble) newBuilder(s *Spec, marks []mark, c *chart) *builder {
	return &builder{spec: s, marks: marks, chart: c, leaves: &e.leaves, at: s.places()}
}

// places is memory for where nodes are laid out, nil where nobody will ask.
func (s *Spec) places() []int32 {
	if !s.shared {
		return nil
	}
	return make([]int32, len(s.Nodes))
}

// layNarrow lays out trees of float32 tests. It gives back those in which a jump
// is too wide for a narrow node: single trees of some ten thousand leaves. What
// is tried in vain is bounded by the number of nodes, also where trees share
// them: then the rest is given back untried.
func (e *Ensemble) layNarrow(s *Spec, marks []mark, c *chart, roots []int32) (far []int32) {
	width := 1
	if e.leaves.form == leafVector {
		width = s.Targets
	}
	e.oblivious.take(s, c)
	walked := make([]int32, 0, len(roots))
	for _, root := range roots {
		if e.leaves.form == leafRecord || !e.oblivious.add(s, marks, c, root, width) {
			walked = append(walked, root)
		}
	}
	if e.oblivious.finish(&c.columns, width); len(e.oblivious.trees) > 0 {
		e.narrowKeys = c.columns
	}
	if len(walked) == 0 || e.layApart(s, marks, c, walked) {
		return nil
	}
	b := e.newBuilder(s, marks, c)
	b.room(len(s.Nodes), len(walked))
	vain := 0
	for i, root := range walked {
		before := b.state()
		if t := b.tree(root); b.fits() {
			e.narrowTrees = append(e.narrowTrees, t)
			continue
		}
		far = append(far, root)
		if vain += len(b.narrow) - before.nodes; vain > 2*len(s.Nodes) {
			b.undo(root, before)
			far = append(far, walked[i+1:]...)
			break
		}
		b.undo(root, before)
	}
	if len(far) < len(walked) {
		e.narrowKeys, e.narrow = c.columns, trimmed(b.narrow)
	}
	arrange(e.narrowTrees)
	return far
}

// layWide lays out other trees.
func (e *Ensemble) layWide(s *Spec, marks []mark, c *chart, roots []int32) ([]uint64, []ref) {
	if len(roots) == 0 {
		return nil, nil
	}
	b := e.newBuilder(s, marks, c)
	b.room(len(s.Nodes), len(roots))
	trees := make([]ref, 0, len(roots))
	for _, root := range roots {
		trees = append(trees, b.tree(root))
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
