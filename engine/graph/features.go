package graph

import (
	"fmt"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// binarizer is the operator Binarizer: 1 above the threshold, else 0.
func binarizer(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	threshold := b.float("threshold", 0)
	b.keeps(0)
	b.gives(0, b.typ(0))
	return numeric(b.typ(0), binarizerKernel(threshold), binarizerKernel(float64(threshold)), binarizerWhole[int64](threshold), binarizerWhole[int32](threshold), nil)
}

func binarizerKernel[T number](threshold T) kernel {
	return unaryKernel(func(v T) T {
		if v > threshold {
			return 1
		}
		return 0
	})
}

func binarizerWhole[T int64 | int32](threshold float32) kernel {
	return unaryKernel(func(v T) T {
		if float64(v) > float64(threshold) {
			return 1
		}
		return 0
	})
}

// featureVectorizer is the operator FeatureVectorizer: columns of several
// inputs side by side, as float32.
func featureVectorizer(b *build) kernel {
	if !b.arity(1, len(b.in)) {
		return nil
	}
	widths := b.ints("inputdimensions")
	if len(widths) != len(b.in) {
		return b.refuse("%d inputdimensions for %d inputs", len(widths), len(b.in))
	}
	for i, w := range widths {
		if !signedTypes.has(b.typ(i)) {
			return b.refuse("input %d has type %v", i, b.typ(i))
		}
		if w < 1 || w > modelfile.MaxColumns {
			return b.damaged(outOf(w, "inputdimensions"))
		}
		b.reads(i, int(w))
	}
	b.gives(0, tensor.Float32)
	return func(in, out []*tensor.Tensor) error {
		rows, total := 0, 0
		for i, t := range in {
			n, columns := matrix(t)
			if i > 0 && n != rows {
				return fmt.Errorf("inputs of %d and %d rows", rows, n)
			}
			if columns != int(widths[i]) {
				return fmt.Errorf("input %d has %d columns, it takes %d", i, columns, widths[i])
			}
			rows, total = n, total+columns
		}
		if err := grow(out[0], tensor.Float32, rows, total); err != nil {
			return err
		}
		at := 0
		for i, t := range in {
			w := int(widths[i])
			for r := range rows {
				for k := range w {
					out[0].F32[r*total+at+k] = float32(numberAt(t, r*w+k))
				}
			}
			at += w
		}
		return nil
	}
}

// cDist is the operator CDist of com.microsoft: distances between the rows of
// two matrices, which nearest-neighbour models may be written with.
func cDist(b *build) kernel {
	if !b.arity(2, 2) || !sameTypes(b) {
		return nil
	}
	metric := b.string("metric", "sqeuclidean")
	if metric != "sqeuclidean" && metric != "euclidean" {
		return b.refuse("metric %q", metric)
	}
	if w := b.in[1].constant; w != nil && len(w.Shape) == 2 {
		b.reads(0, w.Shape[1])
	}
	b.gives(0, b.typ(0))
	return floating(b.typ(0), cDistKernel[float32](metric == "euclidean"), cDistKernel[float64](metric == "euclidean"))
}

func cDistKernel[T float](root bool) kernel {
	typ := typeOf[T]()
	norm := "ReduceSumSquare"
	if root {
		norm = "ReduceL2"
	}
	return func(in, out []*tensor.Tensor) error {
		x, y := in[0].Shape, in[1].Shape
		if len(x) != 2 || len(y) != 2 || x[1] != y[1] {
			return fmt.Errorf("shapes %v and %v", x, y)
		}
		if err := grow(out[0], typ, x[0], y[0]); err != nil {
			return err
		}
		a, b, to := data[T](in[0]), data[T](in[1]), data[T](out[0])
		w := x[1]
		var small [64]T
		diff := small[:]
		if w > len(diff) {
			diff = make([]T, w)
		}
		for i := range x[0] {
			for j := range y[0] {
				for k := range w {
					diff[k] = a[i*w+k] - b[j*w+k]
				}
				to[i*y[0]+j] = foldFloats(norm, diff[:w])
			}
		}
		return nil
	}
}
