package graph

import "online-inference/engine/tensor"

// compare builds the operators that give truth values.
func compare(b *build) kernel {
	name := b.node.Op
	if !b.arity(2, 2) || !sameTypes(b) {
		return nil
	}
	axis := b.oldBroadcast()
	b.gives(0, tensor.Bool)
	switch b.typ(0) {
	case tensor.String:
		return broadcast(func(x, y string) bool { return x == y })
	case tensor.Bool:
		return aligned(axis, broadcast(func(x, y bool) bool { return x == y }))
	}
	return aligned(axis, numeric(b.typ(0), broadcast(comparison[float32](name)), broadcast(comparison[float64](name)),
		broadcast(comparison[int64](name)), broadcast(comparison[int32](name)), broadcast(comparison[uint8](name))))
}

func comparison[T number](name string) func(x, y T) bool {
	switch name {
	case "Equal":
		return func(x, y T) bool { return x == y }
	case "Less":
		return func(x, y T) bool { return x < y }
	case "LessOrEqual":
		return func(x, y T) bool { return x <= y }
	case "Greater":
		return func(x, y T) bool { return x > y }
	case "GreaterOrEqual":
		return func(x, y T) bool { return x >= y }
	}
	panic("graph: no comparison " + name)
}

// logic builds the operators of two truth values.
func logic(b *build) kernel {
	name := b.node.Op
	if !b.arity(2, 2) || !sameTypes(b) {
		return nil
	}
	axis := b.oldBroadcast()
	b.gives(0, tensor.Bool)
	switch name {
	case "And":
		return aligned(axis, broadcast(func(x, y bool) bool { return x && y }))
	case "Or":
		return aligned(axis, broadcast(func(x, y bool) bool { return x || y }))
	case "Xor":
		return aligned(axis, broadcast(func(x, y bool) bool { return x != y }))
	}
	panic("graph: no logical operator " + name)
}

// where is the operator Where: a condition picks from two tensors.
func where(b *build) kernel {
	if !b.arity(3, 3) {
		return nil
	}
	if b.typ(1) != b.typ(2) {
		return b.refuse("inputs of types %v and %v", b.typ(1), b.typ(2))
	}
	b.gives(0, b.typ(1))
	if len(b.out) > 0 {
		b.out[0].selected = true
	}
	return moves(b.typ(1), whereKernel[float32](), whereKernel[float64](), whereKernel[int64](), whereKernel[int32](),
		whereKernel[uint8](), whereKernel[bool](), whereKernel[string]())
}

func whereKernel[T element]() kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		var w walk3
		if err := w.start(in[0].Shape, in[1].Shape, in[2].Shape); err != nil {
			return err
		}
		if err := grow(out[0], typ, w.shape()...); err != nil {
			return err
		}
		c, x, y, to := data[bool](in[0]), data[T](in[1]), data[T](in[2]), data[T](out[0])
		for i := range to {
			if c[w.at[0]] {
				to[i] = x[w.at[1]]
			} else {
				to[i] = y[w.at[2]]
			}
			w.next()
		}
		return nil
	}
}
