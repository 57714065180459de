package graph

import (
	"fmt"
	"slices"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// walk3 visits the elements of up to three tensors whose shapes broadcast
// together, in the order of the result's elements.
type walk3 struct {
	rank    int
	dims    [modelfile.MaxRank]int
	index   [modelfile.MaxRank]int
	strides [3][modelfile.MaxRank]int // 0 along a dimension that is repeated
	at      [3]int                    // offsets of the current elements
}

// start lays the shapes over each other, aligned from the last dimension; a
// nil shape is a scalar.
func (w *walk3) start(x, y, z []int) error {
	shapes := [3][]int{x, y, z}
	for _, s := range shapes {
		w.rank = max(w.rank, len(s))
	}
	if w.rank > modelfile.MaxRank {
		return fmt.Errorf("a tensor of %d dimensions", w.rank)
	}
	for d := range w.rank {
		w.dims[d] = 1
	}
	for _, s := range shapes {
		for i, n := range s {
			d := w.rank - len(s) + i
			if n != 1 {
				if w.dims[d] != 1 && w.dims[d] != n {
					return fmt.Errorf("shapes %v, %v and %v do not broadcast", slices.Clone(x), slices.Clone(y), slices.Clone(z))
				}
				w.dims[d] = n
			}
		}
	}
	for k, s := range shapes {
		stride := 1
		for i := len(s) - 1; i >= 0; i-- {
			if s[i] != 1 {
				w.strides[k][w.rank-len(s)+i] = stride
			}
			stride *= s[i]
		}
	}
	return nil
}

func (w *walk3) shape() []int { return w.dims[:w.rank] }

func (w *walk3) next() {
	for d := w.rank - 1; d >= 0; d-- {
		w.index[d]++
		for k := range w.at {
			w.at[k] += w.strides[k][d]
		}
		if w.index[d] < w.dims[d] {
			return
		}
		for k := range w.at {
			w.at[k] -= w.strides[k][d] * w.dims[d]
		}
		w.index[d] = 0
	}
}

// broadcast applies f to the elements of two tensors, whose shapes are aligned
// from the last dimension and repeated where one of them is 1. The shapes that
// tabular graphs have (equal, a scalar, one row or one column against many) go
// straight.
func broadcast[T, R element](f func(x, y T) R) kernel {
	typ := typeOf[R]()
	return func(in, out []*tensor.Tensor) error {
		x, y := data[T](in[0]), data[T](in[1])
		xs, ys := in[0].Shape, in[1].Shape
		width := 1 // of a row of x
		if len(xs) > 0 {
			width = xs[len(xs)-1]
		}
		switch {
		case equalShape(xs, ys):
			resizeLike(out[0], typ, in[0])
			to := data[R](out[0])
			for i, v := range x {
				to[i] = f(v, y[i])
			}
			return nil
		case len(y) == 1 && len(ys) <= len(xs):
			resizeLike(out[0], typ, in[0])
			to, c := data[R](out[0]), y[0]
			for i, v := range x {
				to[i] = f(v, c)
			}
			return nil
		case len(x) > 0 && len(y) == width && (len(ys) == 1 && len(xs) > 0 || len(ys) == 2 && ys[0] == 1 && len(xs) >= 2):
			resizeLike(out[0], typ, in[0])
			to := data[R](out[0])
			for i := 0; i < len(x); i += width {
				for k, v := range y {
					to[i+k] = f(x[i+k], v)
				}
			}
			return nil
		case len(x) > 0 && len(xs) == 2 && len(ys) == 2 && ys[0] == xs[0] && ys[1] == 1:
			resizeLike(out[0], typ, in[0])
			to := data[R](out[0])
			for r, c := range y {
				for i := r * width; i < (r+1)*width; i++ {
					to[i] = f(x[i], c)
				}
			}
			return nil
		}
		var w walk3
		if err := w.start(xs, ys, nil); err != nil {
			return err
		}
		if err := grow(out[0], typ, w.shape()...); err != nil {
			return err
		}
		to := data[R](out[0])
		for i := range to {
			to[i] = f(x[w.at[0]], y[w.at[1]])
			w.next()
		}
		return nil
	}
}

// errScalar says that one number belongs where a tensor of some shape is.
func errScalar(shape []int) error {
	return fmt.Errorf("shape %v where one number belongs", slices.Clone(shape))
}

func equalShape(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
