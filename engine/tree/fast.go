package tree

import (
	"math"
	"slices"
	"unsafe"
)

// A layout is the form in which an ensemble of plain numeric tests is walked
// fast. Every test is `value < threshold` on float32; a node is 8 bytes, its
// children lie side by side, the one for "no" first, so that a step is two
// loads, a comparison and an addition, without a branch to mispredict. A leaf
// points to itself with a threshold of NaN, so that walking on changes nothing
// and trees of different depth can walk in lock-step: while one step waits for
// memory, seven others go on.
type layout struct {
	features int
	targets  int
	nodes    []fastNode
	values   []float64 // by node: what a leaf adds
	trees    []fastTree
	// nanYes has a bit a node: NaN goes to the "yes" child. Where no bit is set
	// the plain comparison is right for NaN too, and the slice is empty.
	nanYes []uint64
}

// fastNode is a threshold and, in link, the index of the "no" child in the
// upper 20 bits and the feature in the lower 12.
type fastNode struct {
	threshold float32
	link      uint32
}

const (
	linkBits    = 12
	maxFeatures = 1 << linkBits
	maxNodes    = 1 << (32 - linkBits)
)

// fastTree is a tree's root, the steps to its deepest leaf, and the target that
// its leaves add to.
type fastTree struct {
	root   uint32
	depth  int32
	target int32
}

// newLayout lays out an ensemble, or gives nil where it has something that the
// fast form does not: sets, tests for equality, other kinds of missing values,
// leaves with several weights, thresholds that float32 cannot express as "<",
// children shared so often that the copies outgrow the file, or too many
// features or nodes.
func newLayout(s *Spec) *layout {
	if s.Aggregate != Sum || s.Features > maxFeatures || len(s.Nodes) > maxNodes {
		return nil
	}
	l := &layout{
		features: s.Features, targets: s.Targets,
		nodes: make([]fastNode, 0, len(s.Nodes)), values: make([]float64, 0, len(s.Nodes)),
		nanYes: make([]uint64, (len(s.Nodes)+63)/64),
	}
	for _, root := range s.Roots {
		if !l.add(s, root) {
			return nil
		}
	}
	if !slices.ContainsFunc(l.nanYes, func(w uint64) bool { return w != 0 }) {
		l.nanYes = nil
	}
	slices.SortStableFunc(l.trees, func(a, b fastTree) int { return int(a.depth - b.depth) })
	return l
}

// add appends one tree in breadth-first order.
func (l *layout) add(s *Spec, root int32) bool {
	t := fastTree{root: uint32(len(l.nodes)), target: -1}
	queue := []int32{root} // by place in the new order
	ends := 1              // of the level that is being read
	l.nodes, l.values = append(l.nodes, fastNode{}), append(l.values, 0)
	for i := 0; i < len(queue); i++ {
		if i == ends {
			t.depth++
			ends = len(queue)
		}
		at := int(t.root) + i
		n := &s.Nodes[queue[i]]
		if n.Mode == Leaf {
			if n.Linear != 0 || n.Weights[1]-n.Weights[0] != 1 {
				return false
			}
			w := s.Weights[n.Weights[0]]
			if t.target >= 0 && t.target != w.Target {
				return false
			}
			t.target = w.Target
			l.values[at] = w.Value
			l.nodes[at] = fastNode{float32(math.NaN()), uint32(at) << linkBits}
			continue
		}
		threshold, swapped, ok := lessThan(n)
		if !ok || len(l.nodes)+2 > len(s.Nodes) { // shared children are laid out twice, within reason
			return false
		}
		l.nodes[at] = fastNode{threshold, uint32(len(l.nodes))<<linkBits | uint32(n.Feature)}
		yes, no, nanYes := n.True, n.False, n.MissTrue
		if swapped {
			yes, no, nanYes = no, yes, !nanYes
		}
		if nanYes {
			l.nanYes[at/64] |= 1 << (at % 64)
		}
		queue = append(queue, no, yes)
		l.nodes, l.values = append(l.nodes, fastNode{}, fastNode{}), append(l.values, 0, 0)
	}
	l.trees = append(l.trees, t)
	return true
}

// lessThan writes a test as `value < threshold` in float32, with the children
// swapped where the test asks for the opposite.
func lessThan(n *Node) (threshold float32, swapped, ok bool) {
	if n.Missing != MissNaN {
		return 0, false, false
	}
	t := float32(n.Threshold)
	if float64(t) != n.Threshold || t != t {
		return 0, false, false
	}
	switch n.Mode {
	case LT, GTE:
		return t, n.Mode == GTE, true
	case LEQ, GT: // value <= t is value < the next number above t
		if math.IsInf(float64(t), 1) {
			return 0, false, false
		}
		return math.Nextafter32(t, float32(math.Inf(1))), n.Mode == GT, true
	}
	return 0, false, false
}

// step takes one step down a tree. The caller has made sure that row has
// l.features elements; the layout itself was made of checked nodes, so that
// every index is in range.
func step(nodes unsafe.Pointer, row unsafe.Pointer, k uint32) uint32 {
	n := (*fastNode)(unsafe.Add(nodes, uintptr(k)*unsafe.Sizeof(fastNode{})))
	v := *(*float32)(unsafe.Add(row, uintptr(n.link&(maxFeatures-1))*4))
	var yes uint32
	if v < n.threshold {
		yes = 1
	}
	return n.link>>linkBits + yes
}

// lanes is how many walks go on at once. Eight keeps the loads of a modern
// core busy and their state in its registers.
const lanes = 8

// score adds up all trees for rows of x, row-major with stride features, into
// out, row-major with stride targets. Each row's sum is made in the order of
// l.trees whatever the size of the batch, so that a row alone gives the same
// bits as among others.
func (l *layout) score(x []float32, out []float64) {
	rows := len(out) / l.targets
	r := 0
	for ; r+lanes <= rows; r += block {
		n := min(block, (rows-r)/lanes*lanes)
		l.scoreBlock(x[r*l.features:(r+n)*l.features], out[r*l.targets:(r+n)*l.targets], n)
		if n < block {
			r += n
			break
		}
	}
	for ; r < rows; r++ {
		l.scoreRow(x[r*l.features:(r+1)*l.features], out[r*l.targets:(r+1)*l.targets])
	}
}

// block is how many rows are taken down one tree before the next tree, so that
// a large ensemble is read from memory once a block and not once a row.
const block = 64

func (l *layout) scoreRow(row []float32, sums []float64) {
	if len(l.nanYes) > 0 && slices.ContainsFunc(row, func(v float32) bool { return v != v }) {
		for _, t := range l.trees {
			sums[t.target] += l.values[l.walkNaN(row, t.root)]
		}
		return
	}
	nodes, at := unsafe.Pointer(unsafe.SliceData(l.nodes)), unsafe.Pointer(unsafe.SliceData(row))
	trees := l.trees
	for ; len(trees) >= lanes; trees = trees[lanes:] {
		g := (*[lanes]fastTree)(trees)
		a, b, c, d := g[0].root, g[1].root, g[2].root, g[3].root
		e, f, h, i := g[4].root, g[5].root, g[6].root, g[7].root
		for range g[lanes-1].depth { // the deepest: trees are sorted
			a, b, c, d = step(nodes, at, a), step(nodes, at, b), step(nodes, at, c), step(nodes, at, d)
			e, f, h, i = step(nodes, at, e), step(nodes, at, f), step(nodes, at, h), step(nodes, at, i)
		}
		sums[g[0].target] += l.values[a]
		sums[g[1].target] += l.values[b]
		sums[g[2].target] += l.values[c]
		sums[g[3].target] += l.values[d]
		sums[g[4].target] += l.values[e]
		sums[g[5].target] += l.values[f]
		sums[g[6].target] += l.values[h]
		sums[g[7].target] += l.values[i]
	}
	for _, t := range trees {
		k := t.root
		for range t.depth {
			k = step(nodes, at, k)
		}
		sums[t.target] += l.values[k]
	}
}

// walkNaN goes down one tree with a row in which values are missing.
func (l *layout) walkNaN(row []float32, k uint32) uint32 {
	for {
		n := l.nodes[k]
		next := n.link >> linkBits
		switch v := row[n.link&(maxFeatures-1)]; {
		case next == k:
			return k
		case v < n.threshold:
			next++
		case v != v:
			next += uint32(l.nanYes[k/64] >> (k % 64) & 1)
		}
		k = next
	}
}

// scoreBlock scores n rows, a multiple of lanes and at most block.
func (l *layout) scoreBlock(x []float32, out []float64, n int) {
	if len(l.nanYes) > 0 && slices.ContainsFunc(x, func(v float32) bool { return v != v }) {
		for r := range n {
			l.scoreRow(x[r*l.features:(r+1)*l.features], out[r*l.targets:(r+1)*l.targets])
		}
		return
	}
	nodes, rows := unsafe.Pointer(unsafe.SliceData(l.nodes)), unsafe.Pointer(unsafe.SliceData(x))
	stride := uintptr(l.features) * 4
	for _, t := range l.trees {
		for r := 0; r < n; r += lanes {
			p0 := unsafe.Add(rows, uintptr(r)*stride)
			p1, p2, p3 := unsafe.Add(p0, stride), unsafe.Add(p0, 2*stride), unsafe.Add(p0, 3*stride)
			p4, p5, p6 := unsafe.Add(p0, 4*stride), unsafe.Add(p0, 5*stride), unsafe.Add(p0, 6*stride)
			p7 := unsafe.Add(p0, 7*stride)
			a, b, c, d, e, f, g, h := t.root, t.root, t.root, t.root, t.root, t.root, t.root, t.root
			for range t.depth {
				a, b, c, d = step(nodes, p0, a), step(nodes, p1, b), step(nodes, p2, c), step(nodes, p3, d)
				e, f, g, h = step(nodes, p4, e), step(nodes, p5, f), step(nodes, p6, g), step(nodes, p7, h)
			}
			at := r*l.targets + int(t.target)
			for i, k := range [lanes]uint32{a, b, c, d, e, f, g, h} {
				out[at+i*l.targets] += l.values[k]
			}
		}
	}
}
