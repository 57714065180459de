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
	axis := b.int("axis", 1)
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

func reshape(b *build) kernel {
	if b.version < 5 {
		if !b.arity(1, 1) {
			return nil
		}
		b.ignore("consumed_inputs")
		return reshapeTo(b, b.ints("shape"), false)
	}
	zeros := b.int("allowzero", 0) != 0
	if !b.arity(2, 2) || !b.oneOf(1, tensor.Int64) {
		return nil
	}
	var fixed []int64
	if c := b.in[1].constant; c != nil {
		fixed = c.I64
	}
	return reshapeTo(b, fixed, zeros)
}

// reshapeTo reshapes to a fixed shape, or to that in input 1 where fixed is nil.
func reshapeTo(b *build, fixed []int64, zeros bool) kernel {
	b.gives(0, b.typ(0))
	b.follows(0)
	t := b.typ(0)
	return moves(t, reshapeKernel[float32](fixed, zeros), reshapeKernel[float64](fixed, zeros), reshapeKernel[int64](fixed, zeros),
		reshapeKernel[int32](fixed, zeros), reshapeKernel[uint8](fixed, zeros), reshapeKernel[bool](fixed, zeros), reshapeKernel[string](fixed, zeros))
}

func reshapeKernel[T element](fixed []int64, zeros bool) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		want := fixed
		if want == nil {
			want = in[1].I64
		}
		var dims [modelfile.MaxRank]int
		n, err := resolve(dims[:], want, in[0], zeros)
		if err != nil {
			return err
		}
		out[0].Resize(typ, dims[:n]...)
		copy(data[T](out[0]), data[T](in[0]))
		return nil
	}
}

// resolve works out a shape in which 0 keeps a dimension and one -1 takes what is left.
func resolve(dims []int, want []int64, in *tensor.Tensor, zeros bool) (int, error) {
	if len(want) > len(dims) {
		return 0, fmt.Errorf("a shape of %d dimensions", len(want))
	}
	total, known, open := in.Len(), 1, -1
	for i, d := range want {
		switch {
		case d == -1 && open < 0:
			open = i
			continue
		case d == 0 && !zeros:
			if i >= len(in.Shape) {
				return 0, fmt.Errorf("shape %v keeps dimension %d of %v", want, i, in.Shape)
			}
			dims[i] = in.Shape[i]
		case d < 0 || d > modelfile.MaxColumns<<8:
			return 0, fmt.Errorf("shape %v", want)
		default:
			dims[i] = int(d)
		}
		known *= dims[i]
	}
	if open >= 0 {
		switch {
		case known > 0:
			dims[open] = total / known
			known *= dims[open]
		case total == 0:
			dims[open] = 0
		}
	}
	if known != total {
		return 0, fmt.Errorf("%d elements do not fit shape %v", total, want)
	}
	return len(want), nil
}

func gather(b *build) kernel {
	if !b.arity(2, 2) || !b.oneOf(1, tensor.Int64, tensor.Int32) {
		return nil
	}
	axis := b.int("axis", 0)
	b.gives(0, b.typ(0))
	return moves(b.typ(0), gatherKernel[float32](axis), gatherKernel[float64](axis), gatherKernel[int64](axis),
		gatherKernel[int32](axis), gatherKernel[uint8](axis), gatherKernel[bool](axis), gatherKernel[string](axis))
}

func gatherKernel[T element](axis64 int64) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		from, idx := in[0], in[1]
		axis, err := axisOf(axis64, len(from.Shape))
		if err != nil {
			return err
		}
		var shape [2 * modelfile.MaxRank]int
		n := copy(shape[:], from.Shape[:axis])
		n += copy(shape[n:], idx.Shape)
		n += copy(shape[n:], from.Shape[axis+1:])
		if n > modelfile.MaxRank {
			return fmt.Errorf("a result of %d dimensions", n)
		}
		if err := grow(out[0], typ, shape[:n]...); err != nil {
			return err
		}
		outer, along, inner := split3(from.Shape, axis)
		src, to := data[T](from), data[T](out[0])
		at := 0
		for o := range outer {
			for k := range idx.Len() {
				i := indexAt(idx, k)
				if i < 0 {
					i += along
				}
				if i < 0 || i >= along {
					return fmt.Errorf("index %d of %d", i, along)
				}
				base := (o*along + i) * inner
				at += copy(to[at:at+inner], src[base:base+inner])
			}
		}
		return nil
	}
}

// indexAt reads an index of either integer type.
func indexAt(t *tensor.Tensor, k int) int {
	if t.Type == tensor.Int32 {
		return int(t.I32[k])
	}
	return int(t.I64[k])
}
