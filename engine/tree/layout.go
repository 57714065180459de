package tree

import (
	"math"
	"slices"

	"online-inference/engine/modelfile"
)

// A node is a test and where it leads: to the node delta places on, or to the
// one behind that where the key of the column is below the threshold. The
// column is counted in bytes of a row of keys. In a leaf column and delta are
// 0, so that walking on changes nothing and walks of different lengths can go
// in lock-step; its threshold is the payload. A jump to a node that has
// several parents is a test of column 0, which never holds.
//
// Scoring reads nodes in one of two packed forms. A narrow node is 8 bytes:
// from the top 32 bits of threshold or payload, 16 bits of delta, 16 bits of
// column. Because the lower half of an inner node is not 0 and that of a key
// is, key < node is key <= threshold. Wide nodes are 16 bytes and stand in
// pairs of four words: two thresholds, then two links of 32 bits of delta,
// counted in words, and 32 bits of column. A node is named by the place of its
// threshold, and its link is linkAt words on.
type node struct {
	threshold uint64
	column    uint32 // in trees with sets the upper two bits say which test it is
	delta     int32
}

// The tests of trees with sets, in node.column. The threshold of a test of
// membership is the place of the set in the upper half and the words in the lower.
const (
	testEqual  = 1 << 30
	testMember = 2 << 30
	testMask   = 3 << 30
)

const (
	maxNarrowColumns = 1 << 16 / 8
	maxNarrowDelta   = math.MaxInt16
	linkAt           = 2
	maxSlots         = 2 * modelfile.MaxTrees // so that places of wide nodes fit a delta
)

// A ref is a tree of a layout.
type ref struct {
	root   uint32
	steps  int32 // to its deepest leaf
	mean   float32
	target int32
	deep   bool // most leaves are far above the deepest
}

// builder lays trees out.
type builder struct {
	spec   *Spec
	chart  *chart
	leaves *leaves
	at     []int32  // by node of the spec: 1 + its place, or 1 + its payload for a leaf; nil where no node has several parents
	narrow []uint64 // the nodes, in one of two forms
	wide   []node
	queue  []place
	stack  []place

	delta     int32  // bits of jumps and thresholds in the narrow nodes of the tree at hand
	threshold uint64 // of which not all may fit

	ends, depths int // of the tree at hand: its leaves, and the steps to all of them
}

// room makes room for the nodes of some trees, each with its root's twin.
func (b *builder) room(nodes, trees int) {
	if b.chart.wide {
		b.wide = make([]node, 0, nodes+trees)
	} else {
		b.narrow = make([]uint64, 0, nodes+trees)
	}
}

// pair makes two places, one behind the other, and tells the first.
func (b *builder) pair() int32 {
	if b.chart.wide {
		b.wide = append(b.wide, node{}, node{})
		return int32(len(b.wide)) - 2
	}
	b.narrow = append(b.narrow, 0, 0)
	return int32(len(b.narrow)) - 2
}

// put writes a node.
func (b *builder) put(slot int32, n node) {
	if b.chart.wide {
		b.wide[slot] = n
		return
	}
	b.narrow[slot] = n.threshold<<32 | uint64(uint16(n.delta))<<16 | uint64(n.column)
	b.delta |= n.delta ^ n.delta>>31
	b.threshold |= n.threshold
}

// place is a node of the spec and where it goes.
type place struct {
	node, slot int32
	depth      int32 // steps from the root on the path on which it is laid out
}

// clusterPairs is how many pairs of children stand side by side before one of
// their descendants is followed further down: as many as a cache line of 64
// bytes has room for.
const clusterPairs = 4

// tree lays out one tree and says where it is. Children stand in pairs; the
// pairs of the upper levels of every subtree stand together, so that a walk
// touches few lines of the cache.
func (b *builder) tree(m stem) ref {
	root := m.root
	t := ref{steps: m.height, target: max(0, m.target)}
	b.delta, b.threshold = 0, 0
	if b.at != nil && !b.spec.Nodes[root].Ends() && b.at[root] > 0 {
		t.root = uint32(b.at[root] - 1)
		t.mean = float32(t.steps)
		return t
	}
	first := b.pair() // the root's twin stays empty
	t.root = uint32(first)
	b.stack, b.ends, b.depths = b.stack[:0], 0, 0
	if p := (place{root, first, 0}); b.child(p) {
		b.stack = append(b.stack, p)
	}
	for len(b.stack) > 0 {
		b.queue = append(b.queue[:0], b.stack[len(b.stack)-1])
		b.stack = b.stack[:len(b.stack)-1]
		for i := 0; i < len(b.queue); i++ {
			if i == clusterPairs {
				slices.Reverse(b.queue[i:])
				b.stack = append(b.stack, b.queue[i:]...)
				break
			}
			b.split(b.queue[i])
		}
	}
	if t.mean = float32(t.steps); b.ends > 0 {
		t.mean = float32(b.depths) / float32(b.ends)
	}
	return t
}

// child writes a leaf or a jump in its place, or says that the node's own test
// is to be written there.
func (b *builder) child(p place) (inner bool) {
	n := &b.spec.Nodes[p.node]
	if n.Ends() {
		b.put(p.slot, node{threshold: b.payload(p.node)})
		b.ends++
		b.depths += int(p.depth)
		return false
	}
	if b.at == nil {
		return true
	}
	if b.at[p.node] > 0 {
		b.put(p.slot, node{delta: b.at[p.node] - 1 - p.slot})
		return false
	}
	b.at[p.node] = p.slot + 1
	return true
}

func (b *builder) payload(leaf int32) uint64 {
	if b.at == nil {
		return b.leaves.payload(b.spec, &b.spec.Nodes[leaf], b.chart.wide)
	}
	if b.at[leaf] > 0 {
		return uint64(b.at[leaf] - 1)
	}
	p := b.leaves.payload(b.spec, &b.spec.Nodes[leaf], b.chart.wide)
	if b.leaves.form == leafVector || b.leaves.form == leafRecord || b.leaves.form == leafValue && !b.chart.wide {
		b.at[leaf] = int32(p) + 1
	}
	return p
}

// split writes the test of an inner node and makes room for its children.
func (b *builder) split(p place) {
	n := &b.spec.Nodes[p.node]
	t := newTest(n, b.chart.wide)
	slot := b.pair()
	k := t.kind
	threshold := t.threshold
	if k >= category {
		set := b.spec.Sets[int(n.Threshold)]
		threshold = uint64(set[0])<<32 | uint64(set[1]-set[0])
	}
	b.put(p.slot, node{threshold: threshold, column: 8*uint32(b.chart.column(k, n.Feature)) | t.flag, delta: slot - p.slot})
	for i, c := range [2]int32{t.no, t.yes} {
		if c := (place{c, slot + int32(i), p.depth + 1}); b.child(c) {
			b.queue = append(b.queue, c)
		}
	}
}

// test is a node's test as a comparison of keys.
type test struct {
	kind      kind
	threshold uint64
	flag      uint32
	yes, no   int32
}

// A way is how a node's test becomes a comparison of keys, which all but the
// threshold says.
type way struct {
	kind    kind
	flag    uint32
	swapped bool // the test is turned around: it asks for more instead of less, or for difference instead of equality
	most    bool // the threshold itself is on the lower side
}

// ways are the ways of all tests, by the fields of a node: they are asked for
// twice a node. Wide nodes have the second half.
var ways = func() (all [2][InTrunc + 1][MissNone + 1][2]way) {
	for wide := range all {
		for mode := LEQ; mode <= InTrunc; mode++ {
			for missing := range all[wide][mode] {
				for i := range 2 {
					n := Node{Mode: mode, Missing: Missing(missing), MissTrue: i == 1}
					all[wide][mode][missing][i] = wayOf(&n, mode, wide == 1)
				}
			}
		}
	}
	return all
}()

// wayOf is the way of a node whose test is that of mode.
func wayOf(n *Node, mode Mode, wide bool) way {
	w := way{swapped: mode == GT || mode == GTE || mode == NEQ, most: mode == LEQ || mode == GT}
	family := below
	switch {
	case mode == In:
		family, w.flag = category, testMember
	case mode == InTrunc:
		family, w.flag = categoryTrunc, testMember
	case mode == EQ || mode == NEQ:
		w.flag = testEqual
	case !wide && w.most:
		family = upTo
	}
	w.kind = kindOf(n, family, w.swapped)
	return w
}

// way is the node's, and what it compares with.
func (n *Node) way(wide bool) (w way, limit float64) {
	if limit = n.Threshold; limit != limit && n.Mode <= NEQ { // nothing is less or more than NaN, or equal to it
		mode := LT
		if n.Mode == NEQ {
			mode = GTE
		}
		return wayOf(n, mode, wide), math.Inf(-1)
	}
	half, holds := 0, 0
	if wide {
		half = 1
	}
	if n.MissTrue {
		holds = 1
	}
	return ways[half][n.Mode][n.Missing][holds], limit
}

// newTest is a node's test as a comparison of keys.
func newTest(n *Node, wide bool) test {
	w, limit := n.way(wide)
	t := test{kind: w.kind, flag: w.flag, yes: n.True, no: n.False}
	if w.swapped {
		t.yes, t.no = t.no, t.yes
	}
	if wide {
		t.threshold, _ = key64(limit)
		if w.most {
			t.threshold++
		}
	} else {
		key, _ := key32(float32(limit))
		if t.threshold = uint64(key); !w.most {
			t.threshold--
		}
	}
	return t
}

// reach is how wide a jump may be in narrow nodes. Tests make it less.
var reach int32 = maxNarrowDelta

// extent is how much a builder has laid out.
type extent struct{ nodes, values, records, weights int }

func (b *builder) state() extent {
	return extent{len(b.narrow), len(b.leaves.values), len(b.leaves.records), len(b.leaves.weights)}
}

// fits reports whether the tree that was laid out last fits narrow nodes.
func (b *builder) fits() bool { return b.delta <= reach && b.threshold <= math.MaxUint32 }

// undo takes back the tree that was laid out last, in narrow nodes, but not what
// it shares with trees before it.
func (b *builder) undo(root int32, before extent) {
	b.stack = append(b.stack[:0], place{node: root})
	for b.at != nil && len(b.stack) > 0 {
		k := b.stack[len(b.stack)-1].node
		b.stack = b.stack[:len(b.stack)-1]
		n, first := &b.spec.Nodes[k], before.nodes
		if n.Ends() {
			if first = before.values; b.leaves.form == leafRecord {
				first = before.records
			}
		}
		if int(b.at[k])-1 < first {
			continue
		}
		if b.at[k] = 0; !n.Ends() {
			b.stack = append(b.stack, place{node: n.True}, place{node: n.False})
		}
	}
	b.narrow = b.narrow[:before.nodes]
	b.leaves.values, b.leaves.records = b.leaves.values[:before.values], b.leaves.records[:before.records]
	b.leaves.weights = b.leaves.weights[:before.weights]
}

// widened packs the nodes, and places the trees anew.
func (b *builder) widened(trees []ref) []uint64 {
	place := func(slot int32) int32 { return slot/2*4 + slot%2 }
	out := make([]uint64, 2*len(b.wide))
	for i, n := range b.wide {
		at := place(int32(i))
		out[at] = n.threshold
		out[at+linkAt] = uint64(place(int32(i)+n.delta)-at)<<32 | uint64(n.column)
	}
	for i := range trees {
		trees[i].root = uint32(place(int32(trees[i].root)))
	}
	return out
}
