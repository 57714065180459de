package xgboost

import (
	"slices"

	"online-inference/engine/forest"
	"online-inference/engine/modelfile"
	"online-inference/engine/tree"
)

// nodeArrays are the arrays of one tree, an element a node unless it says
// otherwise. Their memory serves one tree after the other.
type nodeArrays struct {
	left, right, split, defaults, kinds []int32
	conditions                          []float32
	base, leaves                        []float32 // base_weights, leaf_weights
	sets, setNodes, setStarts, setSizes []int32   // categories, and by split: node, first category, number
	vector                              int       // size_leaf_vector
	at                                  []int32   // by node: 1 + its split by categories, 0 for none
	vectors                             int       // vector leaves so far
	values                              []float64 // the values of a vector leaf
}

// tree reads one tree and appends it to the spec.
func (m *model) tree() {
	a := &m.nodes
	for _, s := range []*[]int32{&a.left, &a.right, &a.split, &a.defaults, &a.kinds, &a.sets, &a.setNodes, &a.setStarts, &a.setSizes} {
		*s = (*s)[:0]
	}
	a.conditions, a.base, a.leaves, a.vector = a.conditions[:0], a.base[:0], a.leaves[:0], 1
	a.vectors = 0
	r := m.r
	start, baseAt := r.Mark(), -1
	r.Object(func(key []byte) {
		switch string(key) {
		case "left_children":
			a.left = r.Ints(a.left)
		case "right_children":
			a.right = r.Ints(a.right)
		case "split_indices":
			a.split = r.Ints(a.split)
		case "default_left":
			a.defaults = r.Ints(a.defaults)
		case "split_type":
			a.kinds = r.Ints(a.kinds)
		case "split_conditions":
			a.conditions = r.Floats32(a.conditions)
		case "base_weights":
			baseAt = r.Mark() // needed for vector leaves alone, which tree_param tells
			r.Skip()
		case "leaf_weights":
			a.leaves = r.Floats32(a.leaves)
		case "categories":
			a.sets = r.Ints(a.sets)
		case "categories_nodes":
			a.setNodes = r.Ints(a.setNodes)
		case "categories_segments":
			a.setStarts = r.Ints(a.setStarts)
		case "categories_sizes":
			a.setSizes = r.Ints(a.setSizes)
		case "tree_param":
			r.Object(func(key []byte) {
				if string(key) == "size_leaf_vector" {
					a.vector = max(1, m.count("size_leaf_vector"))
				}
			})
		}
	})
	if a.vector > 1 && len(a.leaves) == 0 && baseAt >= 0 {
		end := r.Mark()
		r.Return(baseAt)
		a.base = r.Floats32(a.base)
		r.Return(end)
	}
	if r.Err() != nil {
		return
	}
	m.append(a)
	if len(m.ends) == 1 {
		n := forest.Room(len(a.left), r.Mark()-start, m.size-r.Mark())
		m.spec.Nodes = slices.Grow(m.spec.Nodes, n)
	}
}

// append adds the nodes of a tree, their indexes moved behind those there are.
func (m *model) append(a *nodeArrays) {
	n := len(a.left)
	if n == 0 || len(a.right) != n || len(a.split) != n || len(a.defaults) != n || len(a.conditions) != n ||
		len(a.kinds) != 0 && len(a.kinds) != n {
		m.r.Fail("tree %d has arrays of %d, %d, %d, %d, %d and %d nodes",
			len(m.ends), n, len(a.right), len(a.split), len(a.defaults), len(a.conditions), len(a.kinds))
		return
	}
	if !m.placeSets(a) {
		return
	}
	first := int32(len(m.spec.Nodes))
	m.spec.Roots = append(m.spec.Roots, first)
	m.spec.Nodes = slices.Grow(m.spec.Nodes, n)
	for i := range n {
		if a.left[i] == -1 {
			if !m.leaf(a, i) {
				return
			}
			continue
		}
		if uint(a.left[i]) >= uint(n) || uint(a.right[i]) >= uint(n) {
			m.r.Fail("tree %d node %d has children %d and %d of %d", len(m.ends), i, a.left[i], a.right[i], n)
			return
		}
		node := tree.Node{
			Mode: tree.LT, Feature: a.split[i], Threshold: float64(a.conditions[i]),
			True: first + a.left[i], False: first + a.right[i], MissTrue: a.defaults[i] != 0,
		}
		if len(a.kinds) != 0 && a.kinds[i] != 0 && !m.split(a, i, &node) {
			return
		}
		m.spec.Nodes = append(m.spec.Nodes, node)
	}
	m.ends = append(m.ends, treeEnd{nodes: len(m.spec.Nodes), weights: len(m.spec.Weights), vector: a.vector > 1})
}

// placeSets finds the split by categories of each node. Every split has
// categories of its own (src/tree/tree_model.cc, SaveCategoricalSplit), so that
// all of them together are no more than are listed.
func (m *model) placeSets(a *nodeArrays) bool {
	k, n := len(a.setNodes), len(a.left)
	if k == 0 {
		return true
	}
	if len(a.setStarts) != k || len(a.setSizes) != k {
		m.r.Fail("tree %d has %d splits by categories with %d starts and %d sizes", len(m.ends), k, len(a.setStarts), len(a.setSizes))
		return false
	}
	a.at = append(a.at[:0], make([]int32, n)...)
	used := 0
	for s, node := range a.setNodes {
		from, size := int(a.setStarts[s]), int(a.setSizes[s])
		if uint(node) >= uint(n) || from < 0 || size < 0 || from+size > len(a.sets) {
			m.r.Fail("tree %d splits node %d of %d by categories %d to %d of %d", len(m.ends), node, n, from, from+size, len(a.sets))
			return false
		}
		if used += size; used > len(a.sets) {
			m.r.Fail("tree %d lists %d categories, but its splits up to node %d have %d: they overlap", len(m.ends), len(a.sets), node, used)
			return false
		}
		a.at[node] = int32(s) + 1
	}
	return true
}

// split makes a test of numbers one of categories: those listed go right.
func (m *model) split(a *nodeArrays, i int, node *tree.Node) bool {
	if len(a.setNodes) == 0 || a.at[i] == 0 {
		m.r.Fail("tree %d node %d splits by categories that are not listed", len(m.ends), i)
		return false
	}
	s := a.at[i] - 1
	set := a.sets[a.setStarts[s] : a.setStarts[s]+a.setSizes[s]]
	top := int32(-1)
	for _, c := range set {
		if c >= modelfile.MaxCategory {
			m.r.Exceed("tree %d node %d has category %d, %d are allowed", len(m.ends), i, c, modelfile.MaxCategory)
			return false
		}
		if c < 0 {
			m.r.Fail("tree %d node %d has category %d", len(m.ends), i, c)
			return false
		}
		top = max(top, c)
	}
	from := len(m.spec.Bits)
	words := int(top/32) + 1
	if most := modelfile.MaxSetWords + 2*m.size; from+words > most {
		m.r.Exceed("sets of categories of more than %d words in a file of %d bytes", most, m.size)
		return false
	}
	m.spec.Bits = append(m.spec.Bits, make([]uint32, words)...)
	for _, c := range set {
		m.spec.Bits[from+int(c/32)] |= 1 << (c % 32)
	}
	node.Mode, node.Threshold, node.MissTrue = tree.In, float64(len(m.spec.Sets)), !node.MissTrue
	node.True, node.False = node.False, node.True
	m.spec.Sets = append(m.spec.Sets, [2]int32{int32(from), int32(from + words)})
	return true
}

// leaf appends a leaf. Its value is its split_condition. A vector leaf has its
// values in leaf_weights, at the place that right_children says, or until 3.1
// in base_weights, at its own place.
func (m *model) leaf(a *nodeArrays, i int) bool {
	if a.vector == 1 {
		m.spec.Nodes = append(m.spec.Nodes, tree.Node{Mode: tree.Leaf, Threshold: float64(a.conditions[i])})
		return true
	}
	values, at := a.base, i
	if len(a.leaves) > 0 {
		values, at = a.leaves, int(a.right[i])
	}
	if at < 0 || at >= len(values)/a.vector {
		m.r.Fail("tree %d leaf %d has no values of its own", len(m.ends), i)
		return false
	}
	if a.vectors++; a.vectors > len(values)/a.vector {
		m.r.Fail("tree %d has %d values for leaves of %d each, but at least %d leaves", len(m.ends), len(values), a.vector, a.vectors)
		return false
	}
	a.values = a.values[:0]
	for _, v := range values[at*a.vector : (at+1)*a.vector] {
		a.values = append(a.values, float64(v))
	}
	m.spec.Nodes = append(m.spec.Nodes, m.spec.LeafOf(a.values))
	return true
}

// ensemble cuts the trees at the best round and gives each its output and its
// weight.
func (m *model) ensemble(targets int) (*tree.Ensemble, error) {
	n := len(m.ends)
	if len(m.info) != 0 && len(m.info) != n || len(m.drop) > n {
		return nil, m.damaged("%d trees with %d outputs and %d weights", n, len(m.info), len(m.drop))
	}
	if n > 0 && (m.booster == "dart" && len(m.drop) == 0 || targets > 1 && len(m.info) == 0 && !m.ends[0].vector) {
		return nil, m.damaged("%d trees, but no weight_drop or no tree_info", n)
	}
	keep, err := m.keep(n, targets)
	if err != nil || keep == 0 {
		return nil, err
	}
	s := &m.spec
	s.Roots, s.Nodes, s.Weights = s.Roots[:keep], s.Nodes[:m.ends[keep-1].nodes], s.Weights[:m.ends[keep-1].weights]
	from := treeEnd{}
	for t, end := range m.ends[:keep] {
		target, share := int32(0), 1.0
		if !end.vector && len(m.info) > 0 {
			target = m.info[t]
		}
		if t < len(m.drop) {
			share = float64(float32(m.drop[t]))
		}
		if target != 0 || share != 1 {
			for i := from.nodes; i < end.nodes; i++ {
				if n := &s.Nodes[i]; n.Mode == tree.Leaf {
					n.Feature, n.Threshold = target, n.Threshold*share
				}
			}
			for i := from.weights; i < end.weights; i++ {
				s.Weights[i].Value *= share
			}
		}
		from = end
	}
	s.Features, s.Targets = m.params.features, targets
	e, err := tree.New(*s)
	if err != nil {
		return nil, modelfile.Malformed(m.format, err)
	}
	return e, nil
}

// keep is the number of trees up to the best round.
func (m *model) keep(trees, targets int) (int, error) {
	if m.best < 0 {
		return trees, nil
	}
	rounds := m.best + 1
	if len(m.rounds) > 0 { // iteration_indptr, of 2.0 and later
		if rounds >= len(m.rounds) {
			return 0, m.damaged("best_iteration %d of %d rounds", m.best, len(m.rounds)-1)
		}
		if k := int(m.rounds[rounds]); k >= 0 && k <= trees {
			return k, nil
		}
		return 0, m.damaged("round %d ends at tree %d of %d", m.best, m.rounds[rounds], trees)
	}
	each := m.parallel
	if trees > 0 && !m.ends[0].vector {
		each *= targets
	}
	if rounds > trees/each {
		return 0, m.damaged("best_iteration %d of %d rounds", m.best, trees/each)
	}
	return rounds * each, nil
}

// linear reads the weights of gblinear: a row of outputs for each feature, then
// the biases. Every output starts at the first base value
// (src/gbm/gblinear.cc, PredictBatchInternal).
func (m *model) linear(s *forest.Spec) (*forest.Linear, error) {
	if want := (m.params.features + 1) * s.Targets; len(m.weights) != want {
		return nil, m.damaged("gblinear has %d weights, %d are wanted", len(m.weights), want)
	}
	split := m.params.features * s.Targets
	first := s.Base[0]
	for t := range s.Base {
		s.Base[t] = first + float64(m.weights[split+t])
	}
	return &forest.Linear{Weights: m.weights[:split:split]}, nil
}
