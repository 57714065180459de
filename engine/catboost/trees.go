package catboost

import (
	"fmt"
	"math"
	"slices"

	"online-inference/engine/forest"
	"online-inference/engine/modelfile"
	"online-inference/engine/scan"
	"online-inference/engine/tree"
)

// split is a question. A tree's node keeps it with the feature's number among
// those of its kind, until place puts the column there: features may follow
// the trees in the file.
type split struct {
	kind    string
	border  float32
	feature int32
	hash    int32
}

func (f *file) split() split {
	s := split{feature: -1}
	f.r.Object(func(key []byte) {
		switch string(key) {
		case "split_type":
			s.kind = f.r.Text()
		case "border":
			s.border = float32(f.r.Float())
		case "float_feature_index", "cat_feature_index":
			s.feature = int32(f.whole(modelfile.MaxColumns))
		case "value":
			v := f.r.Float()
			if v < math.MinInt32 || v > math.MaxUint32 || v != math.Trunc(v) {
				f.r.Fail("%v is no hash", v)
				return
			}
			s.hash = int32(uint32(int64(v)))
		}
	})
	if f.r.Err() == nil && s.kind != "FloatFeature" && s.kind != "OneHotFeature" && f.other == nil {
		f.other = unsupported(s.kind, f.trees())
	}
	if s.kind == "" || s.feature < 0 && f.other == nil {
		f.r.Fail("tree %d has a split without type or feature", f.trees())
	}
	return s
}

// unsupported is the error for a kind of split that is not read.
func unsupported(kind string, tree int) *modelfile.UnsupportedError {
	e := &modelfile.UnsupportedError{Format: formatName, Op: kind, Reason: fmt.Sprintf("tree %d asks a split of type %.40s, "+
		"but only numbers and one-hot categories are read", tree, kind)}
	if kind == "OnlineCtr" {
		e.Reason += ": a categorical column has more values than one_hot_max_size, and its split looks up counters of the training data; " +
			"train with a larger one_hot_max_size, or encode the column before training"
	}
	return e
}

// test is what a split asks: of a category whether it has the hash, which is the
// threshold until place gives it a code; of a number whether it is above the border.
func (s split) test() (tree.Mode, float64) {
	if s.kind == "OneHotFeature" {
		return tree.EQ, float64(s.hash)
	}
	return tree.GT, float64(s.border)
}

// place gives the tests their columns, and categories their codes.
func (f *file) place() error {
	for i := range f.spec.Levels {
		l := &f.spec.Levels[i]
		if err := f.placeTest(l.Mode, &l.Feature, &l.Threshold, &l.MissTrue); err != nil {
			return err
		}
	}
	for i := range f.spec.Nodes {
		n := &f.spec.Nodes[i]
		if n.Ends() {
			continue
		}
		if err := f.placeTest(n.Mode, &n.Feature, &n.Threshold, &n.MissTrue); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) placeTest(mode tree.Mode, feature *int32, threshold *float64, missTrue *bool) error {
	list := f.floats
	if mode == tree.EQ {
		list = f.cats
	}
	if int(*feature) >= len(list) {
		return damaged("a split on feature %d of %d of its kind", *feature, len(list))
	}
	x := &list[*feature]
	*feature = int32(x.column)
	if mode == tree.GT {
		*missTrue = x.nanTrue
		return nil
	}
	hash := int32(*threshold)
	code, ok := x.codes[hash]
	if !ok {
		code = float64(len(x.codes))
		x.codes[hash] = code
	}
	*threshold = code
	return nil
}

// oblivious reads a tree whose levels ask one question each.
func (f *file) oblivious() {
	f.level, f.value = f.level[:0], f.value[:0]
	start := f.r.Mark()
	f.r.Object(func(key []byte) {
		switch string(key) {
		case "splits":
			if f.r.Kind() == scan.Null { // a tree of one leaf
				f.r.Skip()
				return
			}
			f.r.Array(func(int) { f.level = append(f.level, f.split()) })
		case "leaf_values":
			f.value = f.r.Floats64(f.value)
		}
	})
	d := len(f.level)
	if f.r.Err() != nil {
		return
	}
	if d > modelfile.MaxLevels {
		f.r.Exceed("tree %d has %d levels, %d are allowed", f.trees(), d, modelfile.MaxLevels)
		return
	}
	leaves := 1 << d
	if len(f.value) == 0 || len(f.value)%leaves != 0 || !f.setDims(len(f.value)/leaves) {
		f.r.Fail("tree %d has %d values for %d leaves of %d dimensions", f.trees(), len(f.value), leaves, f.dims)
		return
	}
	s, read, left := &f.spec, f.r.Mark()-start, f.size-f.r.Mark()
	if d == 0 {
		s.Roots = append(s.Roots, int32(len(s.Nodes)))
		s.Nodes = append(s.Nodes, s.LeafOf(f.value))
		return
	}
	if f.table(); len(s.Tables) == 1 {
		s.Values = slices.Grow(s.Values, forest.Room(len(s.Values), read, left))
	}
}

// trees is how many trees were read.
func (f *file) trees() int { return len(f.spec.Roots) + len(f.spec.Tables) }

// table takes in the tree at hand by its levels: the last split at the root, so
// that the leaves stand in the order of their numbers.
func (f *file) table() {
	s := &f.spec
	s.Tables = append(s.Tables, tree.Table{First: int32(len(s.Levels)), Levels: int32(len(f.level)), Values: len(s.Values)})
	for _, split := range slices.Backward(f.level) {
		mode, threshold := split.test()
		s.Levels = append(s.Levels, tree.Level{Mode: mode, Feature: split.feature, Threshold: threshold})
	}
	s.Values = append(s.Values, f.value...)
}

// setDims notes how many values a leaf has, which is the same in all trees.
func (f *file) setDims(n int) bool {
	if n > modelfile.MaxTargets {
		f.r.Exceed("tree %d has leaves of %d values, %d are allowed", f.trees(), n, modelfile.MaxTargets)
	}
	if f.dims == 0 {
		f.dims = n
	}
	return f.dims == n
}

// nested reads a tree that is not oblivious.
func (f *file) nested() {
	root := f.branch()
	f.spec.Roots = append(f.spec.Roots, root)
}

// branch reads a node with all below it and gives its index.
func (f *file) branch() int32 {
	var s split
	left, right, inner := int32(-1), int32(-1), false
	f.value = f.value[:0]
	f.r.Object(func(key []byte) {
		switch string(key) {
		case "left":
			left = f.branch()
		case "right":
			right = f.branch()
		case "split":
			s, inner = f.split(), true
		case "value":
			f.value = f.value[:0]
			if f.r.Kind() == scan.Array {
				f.value = f.r.Floats64(f.value)
			} else {
				f.value = append(f.value, f.r.Float())
			}
		}
	})
	switch {
	case f.r.Err() != nil:
		return 0
	case inner && left >= 0 && right >= 0:
		n := tree.Node{Feature: s.feature, False: left, True: right}
		n.Mode, n.Threshold = s.test()
		f.spec.Nodes = append(f.spec.Nodes, n)
	case !inner && left < 0 && right < 0 && len(f.value) > 0 && f.setDims(len(f.value)):
		f.spec.Nodes = append(f.spec.Nodes, f.spec.LeafOf(f.value))
	default:
		f.r.Fail("tree %d has a node that is neither a split with two branches nor a leaf of %d values", f.trees(), f.dims)
		return 0
	}
	return int32(len(f.spec.Nodes)) - 1
}
