package graph

import (
	"fmt"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

func identity(b *build) kernel {
	if b.arity(1, 1) {
		b.gives(0, b.typ(0))
	}
	return nil
}

// moves picks the instance of a kernel that only moves elements.
func moves(t tensor.Type, f32, f64, i64, i32, u8, boolean, str kernel) kernel {
	switch t {
	case tensor.Float32:
		return f32
	case tensor.Float64:
		return f64
	case tensor.Int64:
		return i64
	case tensor.Int32:
		return i32
	case tensor.Uint8:
		return u8
	case tensor.Bool:
		return boolean
	}
	return str
}

func concat(b *build) kernel {
	if !b.arity(1, len(b.in)) {
		return nil
	}
	if !b.has("axis") {
		return b.refuse("no axis")
	}
	axis := b.int("axis", 0)
	for i := range b.in {
		if b.typ(i) != b.typ(0) {
			return b.refuse("inputs of types %v and %v", b.typ(0), b.typ(i))
		}
	}
	b.gives(0, b.typ(0))
	return moves(b.typ(0), concatKernel[float32](axis), concatKernel[float64](axis), concatKernel[int64](axis),
		concatKernel[int32](axis), concatKernel[uint8](axis), concatKernel[bool](axis), concatKernel[string](axis))
}

func concatKernel[T element](axis64 int64) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		first := in[0].Shape
		axis, err := axisOf(axis64, len(first))
		if err != nil {
			return err
		}
		total := 0
		for _, t := range in {
			if len(t.Shape) != len(first) {
				return fmt.Errorf("shapes %v and %v", first, t.Shape)
			}
			for d, n := range t.Shape {
				if d != axis && n != first[d] {
					return fmt.Errorf("shapes %v and %v differ beside axis %d", first, t.Shape, axis)
				}
			}
			total += t.Shape[axis]
		}
		var shape [modelfile.MaxRank]int
		copy(shape[:], first)
		shape[axis] = total
		if err := grow(out[0], typ, shape[:len(first)]...); err != nil {
			return err
		}
		outer, _, inner := split3(first, axis)
		to, at := data[T](out[0]), 0
		row := total * inner
		for _, t := range in {
			from, n := data[T](t), t.Shape[axis]*inner
			if n == 1 { // a column of a table, the usual case
				for o := range outer {
					to[o*row+at] = from[o]
				}
			} else {
				for o := range outer {
					copy(to[o*row+at:o*row+at+n], from[o*n:])
				}
			}
			at += n
		}
		return nil
	}
}

// sequence is the operator SequenceConstruct. skl2onnx ends classifiers of
// several targets in it: each of its tensors becomes an output of its own.
func sequence(b *build) kernel {
	if b.arity(1, modelfile.MaxRank*modelfile.MaxRank) {
		b.parts = b.in
	}
	b.gives(0, b.typ(0))
	return nil
}
