package graph

import (
	"fmt"

	"online-inference/engine/tensor"
)

// affine is a matrix and an offset: outputs = inputs x weights + offsets, with
// one row of weights an output. It accumulates in float64.
type affine struct {
	outputs, columns int
	weights          []float64
	offsets          []float64
}

// newAffine checks the numbers that a linear model carries.
func newAffine(b *build, outputs int, weights, offsets []float32) *affine {
	if outputs < 1 || len(weights) == 0 || len(weights)%outputs != 0 {
		b.refuse("%d coefficients for %d outputs", len(weights), outputs)
		return nil
	}
	if len(offsets) != 0 && len(offsets) != outputs {
		b.refuse("%d intercepts for %d outputs", len(offsets), outputs)
		return nil
	}
	a := &affine{outputs: outputs, columns: len(weights) / outputs, offsets: make([]float64, outputs)}
	for _, w := range weights {
		a.weights = append(a.weights, float64(w))
	}
	for i, o := range offsets {
		a.offsets[i] = float64(o)
	}
	b.reads(0, a.columns)
	b.pricing = rowPrice(len(weights)+16*outputs, 6+outputs)
	return a
}

// check compares the width of a batch with the model's.
func (a *affine) check(t *tensor.Tensor) (rows int, err error) {
	rows, columns := matrix(t)
	if columns != a.columns {
		return 0, fmt.Errorf("%d columns, it takes %d", columns, a.columns)
	}
	return rows, nil
}

// row computes the outputs of one row.
func affineRow[T number](a *affine, x []T, out []float64) {
	for k := range out {
		w := a.weights[k*a.columns : (k+1)*a.columns]
		x := x[:len(w)]
		sum := a.offsets[k]
		for i, v := range x {
			sum += float64(v) * w[i]
		}
		out[k] = sum
	}
}

// linearRegressor is the operator LinearRegressor.
func linearRegressor(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	targets := int(b.int("targets", 1))
	a := newAffine(b, targets, b.floats("coefficients"), b.floats("intercepts"))
	post := postTransform(b)
	b.gives(0, tensor.Float32)
	b.means(0, RolePrediction, nil)
	if b.err != nil {
		return nil
	}
	b.compiler.ends[b] = &linear{
		affine: a, room: targets,
		resize: func(out []*tensor.Tensor, rows int) { out[0].Resize(tensor.Float32, rows, targets) },
		finish: func(out []*tensor.Tensor, r int, sums []float64) {
			post.apply(sums)
			narrow(out[0].F32[r*targets:], sums)
		},
	}
	switch b.typ(0) {
	case tensor.Float32:
		return linearKernel[float32](a, post)
	case tensor.Float64:
		return linearKernel[float64](a, post)
	case tensor.Int64:
		return linearKernel[int64](a, post)
	case tensor.Int32:
		return linearKernel[int32](a, post)
	}
	return b.refuse("input 0 has type %v", b.typ(0))
}

func linearKernel[T number](a *affine, post transform) kernel {
	return func(in, out []*tensor.Tensor) error {
		rows, err := a.check(in[0])
		if err != nil {
			return err
		}
		out[0].Resize(tensor.Float32, rows, a.outputs)
		x := data[T](in[0])
		var small [16]float64
		sums := scratch(small[:], a.outputs)
		for r := range rows {
			affineRow(a, x[r*a.columns:(r+1)*a.columns], sums)
			post.apply(sums)
			narrow(out[0].F32[r*a.outputs:], sums)
		}
		return nil
	}
}

// scratch is the given memory where it suffices.
func scratch(small []float64, n int) []float64 {
	if n <= len(small) {
		return small[:n]
	}
	return make([]float64, n)
}

func narrow(to []float32, from []float64) {
	for i, v := range from {
		to[i] = float32(v)
	}
}

// linearClassifier is the operator LinearClassifier.
func linearClassifier(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	b.int("multi_class", 0) // how it was trained; the coefficients say all
	coefficients, intercepts := b.floats("coefficients"), b.floats("intercepts")
	post := postTransform(b)
	classes := classLabels(b, "classlabels_ints")
	if b.err != nil {
		return nil
	}
	n := classes.Len()
	scores := n
	if len(intercepts) > 0 {
		scores = len(intercepts)
	}
	if scores != n && (scores != 1 || n != 2) {
		return b.refuse("%d scores for %d classes", scores, n)
	}
	a := newAffine(b, scores, coefficients, intercepts)
	c := &chooser{classes: classes, post: post, scores: scores}
	if scores == 1 && n == 2 {
		c.pair = pairSigned
	}
	c.describe(b)
	if b.err != nil {
		return nil
	}
	b.pricing = rowPrice(len(coefficients)+16*n, 6+n+scores)
	end := &linear{affine: a, room: max(scores, n), resize: c.resize, finish: c.choose}
	if n == 2 && (c.pair == pairLogistic || c.pair == pairNone && c.post == postLogistic) {
		end.logit = c
	}
	b.compiler.ends[b] = end
	switch b.typ(0) {
	case tensor.Float32:
		return linearClassifierKernel[float32](a, c)
	case tensor.Float64:
		return linearClassifierKernel[float64](a, c)
	case tensor.Int64:
		return linearClassifierKernel[int64](a, c)
	case tensor.Int32:
		return linearClassifierKernel[int32](a, c)
	}
	return b.refuse("input 0 has type %v", b.typ(0))
}

func linearClassifierKernel[T number](a *affine, c *chooser) kernel {
	return func(in, out []*tensor.Tensor) error {
		rows, err := a.check(in[0])
		if err != nil {
			return err
		}
		c.resize(out, rows)
		x := data[T](in[0])
		var small [16]float64
		sums := scratch(small[:], max(a.outputs, c.classes.Len()))
		for r := range rows {
			affineRow(a, x[r*a.columns:(r+1)*a.columns], sums[:a.outputs])
			c.choose(out, r, sums)
		}
		return nil
	}
}
