package lightgbm

import (
	"bytes"
	"math"
	"slices"

	"online-inference/engine/forest"
	"online-inference/engine/scan"
	"online-inference/engine/tree"
)

// Bits of decision_type.
const (
	bitCategorical = 1
	bitDefaultLeft = 2
	missingShift   = 2
	missingMask    = 3
)

// block is the lines of one tree. Its memory serves one tree after the other.
type block struct {
	leaves, sets               int // num_leaves, num_cat
	linear                     bool
	left, right, feature, kind []int32 // an element an inner node
	threshold                  []float64
	value                      []float64 // an element a leaf
	bounds                     []int32   // cat_boundaries: sets+1 places in words
	words                      []uint32  // cat_threshold
	constant                   []float64 // leaf_const
	counts, linFeatures        []int32   // num_features by leaf; leaf_features one leaf after the other
	coefs                      []float64 // leaf_coeff likewise
}

// trees reads the blocks of trees up to the line that ends them.
func (f *file) trees() {
	for f.err == nil {
		line, ok := f.next()
		switch {
		case !ok:
			f.fail("the file ends within its trees")
			return
		case len(line) == 0:
		case bytes.HasPrefix(line, []byte("Tree=")):
			f.tree()
		case string(line) == "end of trees", string(line) == "feature importances:",
			string(line) == "feature_importances:", string(line) == "parameters:":
			return
		default:
			f.fail("the line %.40q between trees", line)
		}
	}
}

// tree reads one block, which an empty line ends.
func (f *file) tree() {
	b := &f.block
	*b = block{
		left: b.left[:0], right: b.right[:0], feature: b.feature[:0], kind: b.kind[:0], threshold: b.threshold[:0],
		value: b.value[:0], bounds: b.bounds[:0], words: b.words[:0],
		constant: b.constant[:0], counts: b.counts[:0], linFeatures: b.linFeatures[:0], coefs: b.coefs[:0],
	}
	start := f.pos
	for f.err == nil {
		line, ok := f.next()
		if !ok || len(line) == 0 {
			break
		}
		key, value, ok := bytes.Cut(line, []byte("="))
		if !ok {
			f.back() // old versions put no empty line behind the last tree
			break
		}
		switch string(key) {
		case "num_leaves":
			b.leaves = f.whole("num_leaves", value)
		case "num_cat":
			b.sets = f.whole("num_cat", value)
		case "is_linear":
			b.linear = f.whole("is_linear", value) != 0
		case "split_feature":
			b.feature = ints(f, b.feature, value)
		case "left_child":
			b.left = ints(f, b.left, value)
		case "right_child":
			b.right = ints(f, b.right, value)
		case "decision_type":
			b.kind = ints(f, b.kind, value)
		case "threshold":
			b.threshold = f.floats(b.threshold, value)
		case "leaf_value":
			b.value = f.floats(b.value, value)
		case "cat_boundaries":
			b.bounds = ints(f, b.bounds, value)
		case "cat_threshold":
			b.words = ints(f, b.words, value)
		case "leaf_const":
			b.constant = f.floats(b.constant, value)
		case "num_features":
			b.counts = ints(f, b.counts, value)
		case "leaf_features":
			b.linFeatures = ints(f, b.linFeatures, value)
		case "leaf_coeff":
			b.coefs = f.floats(b.coefs, value)
		}
	}
	if f.err != nil {
		return
	}
	f.append(b)
	if s := &f.spec; len(s.Roots) == 1 {
		n := forest.Room(len(s.Nodes), f.pos-start, len(f.data)-f.pos)
		s.Nodes = slices.Grow(s.Nodes, n)
	}
}

// floats reads the numbers of a line, which spaces separate.
func (f *file) floats(dst []float64, text []byte) []float64 {
	for i := 0; i < len(text); {
		if text[i] == ' ' {
			i++
			continue
		}
		v, n := scan.ParseNumber(text[i:])
		if n == 0 || i+n < len(text) && text[i+n] != ' ' {
			f.fail("%.40q is no number", text[i:])
			return dst
		}
		dst = append(dst, v)
		i += n
	}
	return dst
}

// ints reads whole numbers. Those of at most nine digits, which all but words of
// sets are, need no floating point.
func ints[T int32 | uint32](f *file, dst []T, text []byte) []T {
	for i := 0; i < len(text); {
		if text[i] == ' ' {
			i++
			continue
		}
		at, sign := i, int32(1)
		if text[at] == '-' {
			at, sign = at+1, -1
		}
		first, v := at, int32(0)
		for ; at < len(text) && at-first < 9 && text[at]-'0' <= 9; at++ {
			v = v*10 + int32(text[at]-'0')
		}
		if at == first || at < len(text) && text[at] != ' ' || T(sign*v) < 0 != (sign*v < 0) {
			exact, n := scan.ParseNumber(text[i:])
			if n == 0 || i+n < len(text) && text[i+n] != ' ' {
				f.fail("%.40q is no number", text[i:])
				return dst
			}
			if exact != float64(T(exact)) {
				f.fail("%v is no 32-bit integer", exact)
				return dst
			}
			dst = append(dst, T(exact))
			i += n
			continue
		}
		dst = append(dst, T(sign*v))
		i = at
	}
	return dst
}

// append adds a tree: its inner nodes, then its leaves.
func (f *file) append(b *block) {
	t := len(f.spec.Roots)
	inner := b.leaves - 1
	if b.leaves < 1 || len(b.value) != b.leaves {
		f.fail("tree %d has %d leaves and %d leaf values", t, b.leaves, len(b.value))
		return
	}
	if len(b.kind) == 0 {
		b.kind = append(b.kind, make([]int32, inner)...)
	}
	if inner > 0 && (len(b.left) != inner || len(b.right) != inner || len(b.feature) != inner || len(b.kind) != inner || len(b.threshold) != inner) {
		f.fail("tree %d has %d leaves and %d, %d, %d, %d and %d inner nodes",
			t, b.leaves, len(b.left), len(b.right), len(b.feature), len(b.kind), len(b.threshold))
		return
	}
	s := &f.spec
	words, sets := int32(len(s.Bits)), len(s.Sets)
	if !f.checkSets(b) {
		return
	}
	s.Bits = append(s.Bits, b.words...)
	for k := range b.sets {
		s.Sets = append(s.Sets, [2]int32{words + b.bounds[k], words + b.bounds[k+1]})
	}
	first := int32(len(s.Nodes))
	s.Roots = append(s.Roots, first)
	s.Nodes = slices.Grow(s.Nodes, inner+b.leaves)
	for i := range inner {
		node := tree.Node{Mode: tree.LEQ, Feature: b.feature[i], Threshold: aroundZero(b.threshold[i])}
		var ok1, ok2 bool
		node.True, ok1 = child(first, b.left[i], inner, b.leaves)
		node.False, ok2 = child(first, b.right[i], inner, b.leaves)
		if !ok1 || !ok2 {
			f.fail("tree %d node %d has children %d and %d", t, i, b.left[i], b.right[i])
			return
		}
		if !f.test(b, i, &node, sets) {
			return
		}
		s.Nodes = append(s.Nodes, node)
	}
	for _, v := range b.value {
		s.Nodes = append(s.Nodes, tree.Node{Mode: tree.Leaf, Feature: int32(t % f.each), Threshold: v})
	}
	if b.linear {
		f.linear(b, int(first)+inner)
	}
}

// nearZero is kZeroThreshold, a double that was written as a float. LightGBM's
// thresholds beside the bin of zeros are this far from it.
const nearZero = float64(float32(1e-35))

// aroundZero moves a threshold so that all numbers within nearZero of zero are
// on the side of zero: LightGBM drops them from a row before it predicts
// (RowPairFunctionFromDenseMatric in src/c_api.cpp).
func aroundZero(t float64) float64 {
	switch {
	case -nearZero <= t && t < 0:
		return math.Nextafter(-nearZero, -1)
	case 0 <= t && t <= nearZero:
		return nearZero
	}
	return t
}

// child is the index of a child: an inner node's number, or the complement of
// a leaf's.
func child(first, c int32, inner, leaves int) (int32, bool) {
	if c >= 0 {
		return first + c, int(c) < inner
	}
	return first + int32(inner) + ^c, int(^c) < leaves
}

// checkSets makes sure that the sets lie in order within their words.
func (f *file) checkSets(b *block) bool {
	if b.sets == 0 {
		b.words = b.words[:0]
		return true
	}
	ok := len(b.bounds) == b.sets+1 && b.bounds[0] >= 0 && slices.IsSorted(b.bounds) && int(b.bounds[b.sets]) <= len(b.words)
	if !ok {
		f.fail("tree %d has %d sets with %d bounds in %d words", len(f.spec.Roots), b.sets, len(b.bounds), len(b.words))
	}
	return ok
}

// test fills in what decision_type says of node i. sets is where the tree's
// sets begin.
func (f *file) test(b *block, i int, node *tree.Node, sets int) bool {
	kind, t := b.kind[i], len(f.spec.Roots)-1
	if kind&bitCategorical != 0 {
		k := int(b.threshold[i])
		if float64(k) != b.threshold[i] || k < 0 || k >= b.sets {
			f.fail("tree %d node %d tests set %v of %d", t, i, b.threshold[i], b.sets)
			return false
		}
		node.Mode, node.Threshold = tree.InTrunc, float64(sets+k)
		return true
	}
	node.MissTrue = kind&bitDefaultLeft != 0
	switch kind >> missingShift & missingMask {
	case 0:
		node.Missing = tree.MissNone
	case 1:
		node.Missing = tree.MissZero
	case 2:
		node.Missing = tree.MissNaN
	default:
		f.fail("tree %d node %d has decision type %d", t, i, kind)
		return false
	}
	return true
}

// linear gives the leaves from node first on their linear models.
func (f *file) linear(b *block, first int) {
	t := len(f.spec.Roots) - 1
	if len(b.constant) != b.leaves || len(b.counts) != b.leaves || len(b.linFeatures) != len(b.coefs) {
		f.fail("tree %d is linear; for %d leaves it has %d constants, %d counts, %d features and %d coefficients",
			t, b.leaves, len(b.constant), len(b.counts), len(b.linFeatures), len(b.coefs))
		return
	}
	features, coefs := slices.Clone(b.linFeatures), slices.Clone(b.coefs)
	for i := range b.leaves {
		n := int(b.counts[i])
		if n < 0 || n > len(features) {
			f.fail("tree %d leaf %d has %d features of %d", t, i, n, len(features))
			return
		}
		f.spec.Linears = append(f.spec.Linears, tree.Linear{Const: b.constant[i], Features: features[:n:n], Coefs: coefs[:n:n]})
		f.spec.Nodes[first+i].True = int32(len(f.spec.Linears))
		features, coefs = features[n:], coefs[n:]
	}
}
