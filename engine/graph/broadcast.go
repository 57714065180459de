package graph

import (
	"fmt"
	"slices"

	"online-inference/engine/modelfile"
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
