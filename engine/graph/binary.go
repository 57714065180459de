package graph

import (
	"math"

	"online-inference/engine/tensor"
)

// binary builds the arithmetic of two tensors.
func binary(b *build) kernel {
	name := b.node.Op
	if !b.arity(2, 2) || !sameTypes(b) {
		return nil
	}
	axis := b.oldBroadcast()
	b.gives(0, b.typ(0))
	b.followsMain()
	return aligned(axis, numeric(b.typ(0), broadcast(arithmetic[float32](name)), broadcast(arithmetic[float64](name)),
		broadcast(arithmetic[int64](name)), broadcast(arithmetic[int32](name)), broadcast(arithmetic[uint8](name))))
}

// followsMain hands on what is known of the one input that is not a constant: a
// score that is scaled and moved by numbers of the file stays a score, and a
// number for each column tells how many columns there are.
func (b *build) followsMain() {
	for i := range 2 {
		if c := b.in[1-i].constant; c != nil {
			if n := len(c.Shape); n > 0 && n <= 2 && c.Shape[n-1] == c.Len() {
				b.readsEach(i, c.Len())
			}
			b.followsScore(i)
			b.keeps(i)
			return
		}
	}
}

func sameTypes(b *build) bool {
	if b.typ(0) != b.typ(1) {
		b.refuse("inputs of types %v and %v", b.typ(0), b.typ(1))
	}
	return b.err == nil
}

// noAxis says that shapes are aligned from their last dimension.
const noAxis = -1 << 31

// oldBroadcast reads the attributes that opsets before 7 have: without them
// both shapes are equal; with axis the second tensor lies along the first from
// that dimension on.
func (b *build) oldBroadcast() int {
	if b.version >= 7 {
		return noAxis
	}
	b.ignore("consumed_inputs", "broadcast") // equal shapes need no broadcasting
	return int(b.int("axis", noAxis))
}

// aligned shifts the second input to where opsets before 7 want it.
func aligned(axis int, k kernel) kernel {
	if axis == noAxis {
		return k
	}
	return func(in, out []*tensor.Tensor) error {
		first, err := axisOf(int64(axis), len(in[0].Shape))
		if err != nil {
			return err
		}
		y := *in[1]
		y.Shape = append([]int(nil), y.Shape...)
		for len(y.Shape)+first < len(in[0].Shape) {
			y.Shape = append(y.Shape, 1)
		}
		return k([]*tensor.Tensor{in[0], &y}, out)
	}
}

func arithmetic[T number](name string) func(x, y T) T {
	switch name {
	case "Add":
		return func(x, y T) T { return x + y }
	case "Sub":
		return func(x, y T) T { return x - y }
	case "Mul":
		return func(x, y T) T { return x * y }
	case "Div":
		if isInteger[T]() {
			return func(x, y T) T {
				if y == 0 {
					return 0 // undefined by the standard; never a panic
				}
				return x / y
			}
		}
		return func(x, y T) T { return x / y }
	}
	panic("graph: no binary operator " + name)
}

func isInteger[T number]() bool { return T(1)/T(2) == 0 }

// mod is the operator Mod: the sign of the result is the divisor's, or with
// fmod the dividend's, as C has it. Floats have the second kind only.
func mod(b *build) kernel {
	if !b.arity(2, 2) || !sameTypes(b) {
		return nil
	}
	c := b.int("fmod", 0) != 0
	if !c && b.typ(0).IsFloat() {
		return b.refuse("floats without fmod")
	}
	b.gives(0, b.typ(0))
	return numeric(b.typ(0), broadcast(remainder[float32](c)), broadcast(remainder[float64](c)), broadcast(remainder[int64](c)),
		broadcast(remainder[int32](c)), broadcast(remainder[uint8](c)))
}

func remainder[T number](c bool) func(x, y T) T {
	if !isInteger[T]() {
		return func(x, y T) T { return T(math.Mod(float64(x), float64(y))) }
	}
	return func(x, y T) T {
		if y == 0 {
			return 0 // undefined by the standard; never a panic
		}
		r := x - x/y*y
		if !c && r != 0 && (r < 0) != (y < 0) {
			r += y
		}
		return r
	}
}

// pow is the operator Pow. The exponent may have another type than the base,
// whose type the result has.
func pow(b *build) kernel {
	if !b.arity(2, 2) {
		return nil
	}
	if !numberTypes.has(b.typ(1)) {
		return b.refuse("an exponent of type %v", b.typ(1))
	}
	axis := b.oldBroadcast()
	b.gives(0, b.typ(0))
	return aligned(axis, numeric(b.typ(0), powKernel[float32](), powKernel[float64](), powKernel[int64](), powKernel[int32](), powKernel[uint8]()))
}

func powKernel[T number]() kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		x, e := data[T](in[0]), in[1]
		if e.Len() == 1 && len(e.Shape) <= len(in[0].Shape) {
			resizeLike(out[0], typ, in[0])
			to, p := data[T](out[0]), numberAt(e, 0)
			for i, v := range x {
				if p == 2 {
					to[i] = v * v // exact, and what almost every file asks for
				} else {
					to[i] = power(v, p)
				}
			}
			return nil
		}
		var w walk3
		if err := w.start(in[0].Shape, e.Shape, nil); err != nil {
			return err
		}
		if err := grow(out[0], typ, w.shape()...); err != nil {
			return err
		}
		to := data[T](out[0])
		for i := range to {
			to[i] = power(x[w.at[0]], numberAt(e, w.at[1]))
			w.next()
		}
		return nil
	}
}

// power raises integers by multiplying, which stays exact above 2^53.
func power[T number](x T, p float64) T {
	if !isInteger[T]() {
		return T(math.Pow(float64(x), p))
	}
	if p < 0 || p != math.Trunc(p) || p >= 1<<32 {
		return T(truncate(math.Pow(float64(x), p)))
	}
	result := T(1)
	for n := uint64(p); n > 0; n >>= 1 {
		if n&1 == 1 {
			result *= x
		}
		x *= x
	}
	return result
}

// variadic builds the operators of any number of tensors.
func variadic(b *build) kernel {
	name := b.node.Op
	if !b.arity(1, len(b.in)) {
		return nil
	}
	b.ignore("consumed_inputs")
	for i := range b.in {
		if b.typ(i) != b.typ(0) {
			return b.refuse("inputs of types %v and %v", b.typ(0), b.typ(i))
		}
	}
	b.gives(0, b.typ(0))
	return numeric(b.typ(0), variadicKernel[float32](name), variadicKernel[float64](name), variadicKernel[int64](name),
		variadicKernel[int32](name), variadicKernel[uint8](name))
}

func variadicKernel[T number](name string) kernel {
	var f func(x, y T) T
	switch name {
	case "Max":
		f = func(x, y T) T { return max(x, y) } // NaN wins
	case "Min":
		f = func(x, y T) T { return min(x, y) }
	case "Sum", "Mean":
		f = func(x, y T) T { return x + y }
	default:
		panic("graph: no variadic operator " + name)
	}
	typ := typeOf[T]()
	pair := broadcast(f)
	return func(in, out []*tensor.Tensor) error {
		var err error
		switch {
		case len(in) == 1:
			resizeLike(out[0], typ, in[0])
			copy(data[T](out[0]), data[T](in[0]))
		case len(in) == 2:
			err = pair(in, out)
		default:
			err = accumulate(f, in, out[0])
		}
		if err == nil && name == "Mean" {
			to, n := data[T](out[0]), T(len(in))
			for i := range to {
				to[i] /= n
			}
		}
		return err
	}
}

// accumulate lays all tensors over the shape they broadcast to, one by one.
func accumulate[T number](f func(x, y T) T, in []*tensor.Tensor, out *tensor.Tensor) error {
	var full walk3
	for _, t := range in {
		var w walk3
		if err := w.start(full.shape(), t.Shape, nil); err != nil {
			return err
		}
		full = w
	}
	if err := grow(out, typeOf[T](), full.shape()...); err != nil {
		return err
	}
	to := data[T](out)
	for k, t := range in {
		var w walk3
		if err := w.start(full.shape(), t.Shape, nil); err != nil {
			return err
		}
		from := data[T](t)
		for i := range to {
			if v := from[w.at[1]]; k == 0 {
				to[i] = v
			} else {
				to[i] = f(to[i], v)
			}
			w.next()
		}
	}
	return nil
}
