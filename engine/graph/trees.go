package graph

import (
	"errors"
	"fmt"
	"slices"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
	"online-inference/engine/tree"
)

// treeClassifier is TreeEnsembleClassifier, versions 1 and 3 of ai.onnx.ml.
func treeClassifier(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	classes := classLabels(b, "classlabels_int64s")
	post := postTransform(b)
	leaves := b.leafWeights("class")
	base := b.numbers("base_values")
	if b.err != nil {
		return nil
	}
	c := &chooser{classes: classes, post: post, scores: classes.Len()}
	n := classes.Len()
	c.shares = post == postNone && !leaves.negative() // what forests and single trees vote
	if first, all := leaves.target(); n == 2 && all {
		// One score for two classes: see the table in docs/reference/formats.md.
		c.scores, c.pair = 1, pairSigned
		if c.shares {
			c.pair = pairShare
		}
		if len(base) == 2 && first >= 0 && first < 2 {
			base = base[first : first+1]
		}
		leaves.first = true
	}
	if len(base) == 1 && c.scores > 1 {
		return b.refuse("one base value for %d classes", n)
	}
	e := b.ensemble(leaves, c.scores, base)
	c.describe(b)
	if b.err != nil {
		return nil
	}
	b.scratch = 2
	switch b.typ(0) {
	case tensor.Float32:
		return treeClassifierKernel[float32](e, c)
	case tensor.Float64:
		return treeClassifierKernel[float64](e, c)
	case tensor.Int64, tensor.Int32:
		return viaFloat(b, treeClassifierKernel[float32](e, c))
	}
	return b.refuse("input 0 has type %v", b.typ(0))
}

func treeClassifierKernel[T float](e *tree.Ensemble, c *chooser) kernel {
	return func(in, out []*tensor.Tensor) error {
		rows, err := checkRows(e, in[0])
		if err != nil {
			return err
		}
		c.resize(out, rows)
		var small [16]float64
		own := scratch(small[:], max(c.scores, c.classes.Len()))
		scoreRows(e, data[T](in[0]), rows, out[2:], func(r int, sums []float64) {
			copy(own, sums)
			c.choose(out, r, own)
		})
		return nil
	}
}

func checkRows(e *tree.Ensemble, t *tensor.Tensor) (rows int, err error) {
	rows, columns := matrix(t)
	if columns < e.Features() {
		return 0, fmt.Errorf("%d columns, it tests column %d", columns, e.Features()-1)
	}
	return rows, nil
}

// How many rows are scored at once: enough for trees to be read from memory
// rarely, few enough for the sums to stay in the cache. Of large batches it is
// more, so that goroutines can share the work.
const (
	scoreRowsBlock = 512
	scoreRowsLarge = 8192
)

// scoreRows scores rows and hands the sums of each to a function. Two tensors
// of scratch hold the sums of a block, and its rows where they have more columns
// than the ensemble reads.
func scoreRows[T float](e *tree.Ensemble, x []T, rows int, memory []*tensor.Tensor, each func(r int, sums []float64)) {
	if rows == 0 {
		return
	}
	columns, features, targets := len(x)/rows, e.Features(), e.Targets()
	block := min(rows, scoreRowsBlock)
	if rows >= scoreRowsLarge/4 {
		block = min(rows, scoreRowsLarge)
	}
	memory[0].Resize(tensor.Float64, block, targets)
	for start := 0; start < rows; start += block {
		n := min(block, rows-start)
		part := x[start*columns : (start+n)*columns]
		if columns != features {
			memory[1].Resize(typeOf[T](), n, features)
			narrow := data[T](memory[1])
			for r := range n {
				copy(narrow[r*features:(r+1)*features], part[r*columns:])
			}
			part = narrow
		}
		sums := memory[0].F64[:n*targets]
		tree.Score(e, part, sums)
		for r := range n {
			each(start+r, sums[r*targets:(r+1)*targets])
		}
	}
}

// treeRegressor is TreeEnsembleRegressor, versions 1 and 3 of ai.onnx.ml.
func treeRegressor(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	targets := int(b.int("n_targets", 1))
	post := postTransform(b)
	leaves := b.leafWeights("target")
	base := b.numbers("base_values")
	switch name := b.string("aggregate_function", "SUM"); name {
	case "SUM":
	case "AVERAGE":
		leaves.aggregate = tree.Average
	case "MIN":
		leaves.aggregate = tree.Min
	case "MAX":
		leaves.aggregate = tree.Max
	default:
		return b.refuse("aggregate_function %q", name)
	}
	if targets < 1 || targets > modelfile.MaxColumns {
		return b.damaged(outOf(int64(targets), "the number of targets is"))
	}
	if len(base) == 1 && targets > 1 {
		base = slices.Repeat(base, targets)
	}
	e := b.ensemble(leaves, targets, base)
	b.gives(0, tensor.Float32)
	b.means(0, RolePrediction, nil)
	if b.err != nil {
		return nil
	}
	b.scratch = 2
	switch b.typ(0) {
	case tensor.Float32:
		return treeRegressorKernel[float32](e, post)
	case tensor.Float64:
		return treeRegressorKernel[float64](e, post)
	case tensor.Int64, tensor.Int32:
		return viaFloat(b, treeRegressorKernel[float32](e, post))
	}
	return b.refuse("input 0 has type %v", b.typ(0))
}

func treeRegressorKernel[T float](e *tree.Ensemble, post transform) kernel {
	return treeKernel[T, float32](e, post)
}

// treeKernel scores rows of type T into an output of type R.
func treeKernel[T, R float](e *tree.Ensemble, post transform) kernel {
	typ := typeOf[R]()
	return func(in, out []*tensor.Tensor) error {
		rows, err := checkRows(e, in[0])
		if err != nil {
			return err
		}
		n := e.Targets()
		out[0].Resize(typ, rows, n)
		to := data[R](out[0])
		scoreRows(e, data[T](in[0]), rows, out[1:], func(r int, sums []float64) {
			post.apply(sums)
			for i, v := range sums {
				to[r*n+i] = R(v)
			}
		})
		return nil
	}
}

// viaFloat gives a kernel for float32 rows integer ones: comparisons with float
// thresholds are made in float32, as C++ converts them in ONNX Runtime.
func viaFloat(b *build, k kernel) kernel {
	var toFloat kernel
	if b.typ(0) == tensor.Int64 {
		toFloat = castFrom[int64](tensor.Float32)
	} else {
		toFloat = castFrom[int32](tensor.Float32)
	}
	b.scratch++
	return func(in, out []*tensor.Tensor) error {
		last := len(out) - 1
		if err := toFloat(in, out[last:]); err != nil {
			return err
		}
		return k(out[last:], out[:last])
	}
}

// numbers is reals for few numbers.
func (b *build) numbers(name string) []float64 {
	l := b.reals(name)
	out := make([]float64, l.len())
	for i := range out {
		out[i] = l.at(i)
	}
	return out
}

// ensemble builds the trees from the parallel arrays of the node.
func (b *build) ensemble(leaves *leafWeights, targets int, base []float64) *tree.Ensemble {
	b.ignore("nodes_hitrates", "nodes_hitrates_as_tensor")
	n := nodeArrays{
		trees: b.intList("nodes_treeids"), nodes: b.intList("nodes_nodeids"), features: b.intList("nodes_featureids"),
		thresholds: b.reals("nodes_values"), modes: b.stringList("nodes_modes"),
		trues: b.intList("nodes_truenodeids"), falses: b.intList("nodes_falsenodeids"),
		missing: b.intList("nodes_missing_value_tracks_true"),
	}
	if b.err != nil {
		return nil
	}
	spec, err := n.spec(leaves)
	if lacks := (*lackError)(nil); errors.As(err, &lacks) {
		b.refuse("%s", lacks.reason)
		return nil
	}
	if err != nil {
		b.damaged(err)
		return nil
	}
	spec.Targets, spec.Base, spec.Aggregate = targets, base, leaves.aggregate
	b.picks(0, spec.Features)
	return b.grow(spec)
}

// grow makes the ensemble that a description asks for.
func (b *build) grow(spec *tree.Spec) *tree.Ensemble {
	e, err := tree.New(*spec)
	if err != nil {
		b.damaged(err)
		return nil
	}
	b.compiler.plan.trees = append(b.compiler.plan.trees, e)
	// A row takes the longest way through each tree, adds to its sums, and is
	// copied where it has more columns than the trees read, or integers.
	price := rowPrice(e.Steps()+8*spec.Targets, 6+4*spec.Targets+2*spec.Features)
	b.pricing = func(in []*tensor.Tensor) cost {
		c := price(in)
		c.made += 2 * volume(in[0].Shape)
		return c
	}
	return e
}
