package graph

import (
	"fmt"
	"slices"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
	"online-inference/engine/tree"
)

// nodeArrays are the parallel arrays in which ONNX-ML lists the nodes of all
// trees, as the file writes them.
type nodeArrays struct {
	trees, nodes, features onnx.Ints
	thresholds             reals
	modes                  onnx.Strings
	trues, falses          onnx.Ints
	missing                onnx.Ints // empty, or 1 where NaN goes to the true child
}

// reals is a list of floats or of doubles.
type reals struct {
	floats  onnx.Floats
	doubles []float64
}

func (l *reals) len() int { return max(l.floats.Len(), len(l.doubles)) }

func (l *reals) at(i int) float64 {
	if l.doubles != nil {
		return l.doubles[i]
	}
	return float64(l.floats.At(i))
}

// reals reads an attribute that is a list of floats or, from version 3 on, a
// tensor of doubles under the name with _as_tensor.
func (b *build) reals(name string) reals {
	l := reals{floats: b.floatList(name)}
	t := b.tensor(name + "_as_tensor")
	if t == nil {
		return l
	}
	if l.floats.Len() > 0 {
		b.refuse("both %s and %s_as_tensor", name, name)
	}
	switch t.Type {
	case tensor.Float64:
		l.doubles = t.F64
	case tensor.Float32:
		l.floats = onnx.FloatsOf(t.F32)
	default:
		b.refuse("%s_as_tensor has type %v", name, t.Type)
	}
	return l
}

func (a *nodeArrays) check() error {
	n := a.nodes.Len()
	for _, l := range [...]int{a.trees.Len(), a.features.Len(), a.thresholds.len(), a.modes.Len(), a.trues.Len(), a.falses.Len()} {
		if l != n {
			return fmt.Errorf("node arrays of %d and %d elements", n, l)
		}
	}
	if a.missing.Len() != 0 && a.missing.Len() != n {
		return fmt.Errorf("%d nodes, nodes_missing_value_tracks_true has %d elements", n, a.missing.Len())
	}
	if n == 0 {
		return fmt.Errorf("an ensemble without nodes")
	}
	return nil
}

// part is how many elements of each list are read at a time.
const part = 256

// parts is the memory for a part of a list.
type parts struct {
	onnx.IntReader
	memory [part]int64
}

func partsOf(l *onnx.Ints) parts { return parts{IntReader: l.Reader()} }

func (p *parts) next() []int64 { return p.Next(p.memory[:]) }

// A lackError says that trees ask for what the engine does not do.
type lackError struct{ reason string }

func (e *lackError) Error() string { return e.reason }

// spec resolves the (tree, node) numbers to positions and collects the leaves'
// weights. The first node listed of a tree is its root.
func (a *nodeArrays) spec(leaves *leafWeights) (*tree.Spec, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	index, err := newNodeIndex(&a.trees, &a.nodes)
	if err != nil {
		return nil, err
	}
	s := &tree.Spec{Nodes: make([]tree.Node, a.nodes.Len()), Roots: index.roots()}
	modes := a.modes.Reader()
	features, trues, falses, missing := partsOf(&a.features), partsOf(&a.trues), partsOf(&a.falses), partsOf(&a.missing)
	names := namesOf(a, index)
	for from := 0; from < len(s.Nodes); from += part {
		features, trues, falses, missing := features.next(), trues.next(), falses.next(), missing.next()
		for k := range features {
			n := &s.Nodes[from+k]
			in, number := names.next()
			name, _ := modes.Next() // as many as nodes
			test, known := mode(name)
			if n.Mode = test; !known {
				return nil, &lackError{fmt.Sprintf("node mode %q", name)}
			}
			if n.Mode == tree.Leaf {
				n.Mode = tree.LeafMany // of no weights so far
				continue
			}
			if features[k] < 0 || features[k] >= modelfile.MaxColumns {
				return nil, outOf(features[k], "node %d of tree %d tests feature", number, in)
			}
			n.Feature, n.Threshold = int32(features[k]), a.thresholds.at(from+k)
			n.MissTrue = k < len(missing) && missing[k] != 0
			s.Features = max(s.Features, int(n.Feature)+1)
			if n.True = index.find(in, trues[k]); n.True < 0 {
				return nil, fmt.Errorf("node %d of tree %d has child %d, which is not there", number, in, trues[k])
			}
			if n.False = index.find(in, falses[k]); n.False < 0 {
				return nil, fmt.Errorf("node %d of tree %d has child %d, which is not there", number, in, falses[k])
			}
		}
	}
	s.Features = max(s.Features, 1)
	return s, leaves.attach(s, index)
}

// names tells tree and number of each node, in the order of the file.
type names struct {
	tree, number, left int64 // told last, and how many more nodes the tree has where the index tells all

	index        *nodeIndex
	at           int // in the index, of the tree to come
	trees, nodes parts
	ids, numbers []int64
}

func namesOf(a *nodeArrays, index *nodeIndex) names {
	return names{index: index, trees: partsOf(&a.trees), nodes: partsOf(&a.nodes)}
}

func (r *names) next() (tree, node int64) {
	if r.left == 0 {
		return r.turn()
	}
	r.left--
	r.number++
	return r.tree, r.number
}

// turn is next where a tree begins, or where the lists are to be read again.
func (r *names) turn() (tree, node int64) {
	if x := r.index; x.trees == nil {
		r.tree, r.number, r.left = x.ids[r.at], 0, int64(x.starts[r.at+1]-x.starts[r.at])-1
		r.at++
		return r.tree, 0
	}
	if len(r.ids) == 0 {
		r.ids, r.numbers = r.trees.next(), r.nodes.next()
	}
	tree, node = r.ids[0], r.numbers[0]
	r.ids, r.numbers = r.ids[1:], r.numbers[1:]
	return tree, node
}

func mode(name []byte) (tree.Mode, bool) {
	switch string(name) {
	case "LEAF":
		return tree.Leaf, true
	case "BRANCH_LEQ":
		return tree.LEQ, true
	case "BRANCH_LT":
		return tree.LT, true
	case "BRANCH_GTE":
		return tree.GTE, true
	case "BRANCH_GT":
		return tree.GT, true
	case "BRANCH_EQ":
		return tree.EQ, true
	case "BRANCH_NEQ":
		return tree.NEQ, true
	}
	return 0, false
}

// leafWeights are the parallel arrays that say what each leaf adds.
type leafWeights struct {
	trees, nodes, targets onnx.Ints
	values                reals
	first                 bool // all add to target 0, whatever the targets say
	aggregate             tree.Aggregate
}

func (b *build) leafWeights(prefix string) *leafWeights {
	w := &leafWeights{
		trees: b.intList(prefix + "_treeids"), nodes: b.intList(prefix + "_nodeids"), targets: b.intList(prefix + "_ids"),
		values: b.reals(prefix + "_weights"),
	}
	if n := w.targets.Len(); b.err == nil && (w.trees.Len() != n || w.nodes.Len() != n || w.values.len() != n) {
		b.damaged(fmt.Errorf("leaf arrays of %d, %d, %d and %d elements", w.trees.Len(), w.nodes.Len(), n, w.values.len()))
	}
	return w
}

// negative reports whether a weight is below 0.
func (w *leafWeights) negative() bool {
	for i := range w.values.len() {
		if w.values.at(i) < 0 {
			return true
		}
	}
	return false
}

// target gives the target of the first weight, 0 where there is none, and
// whether all others have it too.
func (w *leafWeights) target() (first int64, all bool) {
	r := partsOf(&w.targets)
	for from := 0; from < w.targets.Len(); from += part {
		targets := r.next()
		if from == 0 {
			first = targets[0]
		}
		if slices.ContainsFunc(targets, func(t int64) bool { return t != first }) {
			return first, false
		}
	}
	return first, true
}

// A weightReader reads what leaves add, one weight after the other.
type weightReader struct {
	*leafWeights
	spec  *tree.Spec
	index *nodeIndex

	trees, nodes, targets parts
	from, k               int // of the parts at hand: the number of their first, and how many are read
	inTrees, ids, to      []int64

	leaf   int32 // read last
	target int64 // as the file says
}

func (w *leafWeights) reader(s *tree.Spec, index *nodeIndex) *weightReader {
	return &weightReader{leafWeights: w, spec: s, index: index, trees: partsOf(&w.trees), nodes: partsOf(&w.nodes), targets: partsOf(&w.targets), leaf: -1}
}

// next gives the next weight and its leaf. A leaf's weight for one target that is
// listed twice in a row is refused: by the standard such weights add up, and ONNX
// Runtime takes one of them; skl2onnx's options decision_leaf and decision_path
// mean one.
func (r *weightReader) next() (leaf int32, w tree.Weight, err error) {
	if r.k == len(r.to) {
		r.from, r.k = r.from+r.k, 0
		r.inTrees, r.ids, r.to = r.trees.next(), r.nodes.next(), r.targets.next()
	}
	in, id, t := r.inTrees[r.k], r.ids[r.k], r.to[r.k]
	leaf = r.index.find(in, id)
	if leaf < 0 || !r.spec.Nodes[leaf].Ends() {
		return 0, w, fmt.Errorf("a weight belongs to node %d of tree %d, which is no leaf", id, in)
	}
	if leaf == r.leaf && t == r.target {
		return 0, w, &lackError{fmt.Sprintf("node %d of tree %d adds to target %d twice, which runtimes read in two ways", id, in, t)}
	}
	r.leaf, r.target = leaf, t
	if r.first {
		t = 0
	}
	if t < 0 || t >= modelfile.MaxColumns {
		return 0, w, outOf(t, "a weight adds to target")
	}
	r.k++
	return leaf, tree.Weight{Target: int32(t), Value: r.values.at(r.from + r.k - 1)}, nil
}

// attach gives the leaves what they add: mostly one weight each.
func (w *leafWeights) attach(s *tree.Spec, index *nodeIndex) error {
	r := w.reader(s, index)
	for range w.targets.Len() {
		leaf, weight, err := r.next()
		if err != nil {
			return err
		}
		n := &s.Nodes[leaf]
		if n.Mode == tree.Leaf {
			return w.attachMany(s, index)
		}
		n.Mode, n.Feature, n.Threshold = tree.Leaf, weight.Target, weight.Value
	}
	return nil
}

// attachMany is attach where several weights may belong to one leaf. The file may
// list them in any order.
func (w *leafWeights) attachMany(s *tree.Spec, index *nodeIndex) error {
	n := w.targets.Len()
	s.Weights = make([]tree.Weight, n)
	var owner []int32 // of each weight, where the leaves are not in order
	last, ordered := int32(-1), true
	r := w.reader(s, index)
	for i := range int32(n) {
		leaf, weight, err := r.next()
		if err != nil {
			return err
		}
		s.Weights[i] = weight
		if ordered && leaf < last {
			ordered, owner = false, owners(s, int(i), n)
		}
		if last = leaf; !ordered {
			owner = append(owner, leaf)
			continue
		}
		if l := &s.Nodes[leaf]; l.Mode == tree.Leaf || l.False == 0 {
			*l = tree.Node{Mode: tree.LeafMany, True: i, False: i + 1}
		} else {
			l.False++
		}
	}
	if !ordered {
		rearrange(s, owner)
	}
	return nil
}

// owners gives the leaf of each weight so far, with room for all.
func owners(s *tree.Spec, n, room int) []int32 {
	owner := make([]int32, n, room)
	for i := range s.Nodes {
		if l := &s.Nodes[i]; l.Mode == tree.LeafMany {
			for k := l.True; k < l.False; k++ {
				owner[k] = int32(i)
			}
		}
	}
	return owner
}

// rearrange puts the weights in the order of their leaves.
func rearrange(s *tree.Spec, owner []int32) {
	counts := make([]int32, len(s.Nodes)+1)
	for _, at := range owner {
		counts[at+1]++
	}
	for i := range s.Nodes {
		counts[i+1] += counts[i]
		if n := &s.Nodes[i]; n.Ends() {
			*n = tree.Node{Mode: tree.LeafMany, True: counts[i], False: counts[i]}
		}
	}
	listed := slices.Clone(s.Weights)
	for i, at := range owner {
		n := &s.Nodes[at]
		s.Weights[n.False] = listed[i]
		n.False++
	}
}
