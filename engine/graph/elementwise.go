package graph

import (
	"math"

	"online-inference/engine/tensor"
)

// unary builds the operators that map each element by itself.
func unary(name string) func(*build) kernel {
	return func(b *build) kernel {
		if !b.arity(1, 1) {
			return nil
		}
		b.gives(0, b.typ(0))
		switch b.typ(0) {
		case tensor.Float32:
			return unaryKernel(unaryFloat[float32](name))
		case tensor.Float64:
			return unaryKernel(unaryFloat[float64](name))
		}
		if name == "Abs" || name == "Neg" {
			switch b.typ(0) {
			case tensor.Int64:
				return unaryKernel(unarySigned[int64](name))
			case tensor.Int32:
				return unaryKernel(unarySigned[int32](name))
			}
		}
		return b.refuse("input 0 has type %v", b.typ(0))
	}
}

// unaryFloat is a function of one number. Results are made in float64 and
// rounded once, at least as close to the truth as the frameworks' own.
func unaryFloat[T float](name string) func(T) T {
	wide := func(f func(float64) float64) func(T) T {
		return func(v T) T { return T(f(float64(v))) }
	}
	switch name {
	case "Abs":
		return wide(math.Abs)
	case "Exp":
		return wide(math.Exp)
	case "Neg":
		return func(v T) T { return -v }
	case "Relu":
		return func(v T) T {
			if v < 0 {
				return 0
			}
			return v
		}
	case "Sigmoid":
		return wide(sigmoid)
	case "Sqrt":
		return wide(math.Sqrt)
	case "Tanh":
		return wide(math.Tanh)
	}
	panic("graph: no unary operator " + name) // the table and this switch disagree
}

func unarySigned[T int64 | int32](name string) func(T) T {
	if name == "Neg" {
		return func(v T) T { return -v }
	}
	return func(v T) T {
		if v < 0 {
			return -v
		}
		return v
	}
}

func unaryKernel[T element](f func(T) T) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		resizeLike(out[0], typ, in[0])
		to := data[T](out[0])
		for i, v := range data[T](in[0]) {
			to[i] = f(v)
		}
		return nil
	}
}

// not is the operator Not.
func not(b *build) kernel {
	if !b.arity(1, 1) || !b.oneOf(0, tensor.Bool) {
		return nil
	}
	b.gives(0, tensor.Bool)
	return unaryKernel(func(v bool) bool { return !v })
}

// binary builds the arithmetic of two tensors.
func binary(name string) func(*build) kernel {
	return func(b *build) kernel {
		if !b.arity(2, 2) || !sameTypes(b) {
			return nil
		}
		b.ignore("consumed_inputs")
		b.gives(0, b.typ(0))
		switch b.typ(0) {
		case tensor.Float32:
			return broadcast(arithmetic[float32](name))
		case tensor.Float64:
			return broadcast(arithmetic[float64](name))
		case tensor.Int64:
			return broadcast(arithmetic[int64](name))
		case tensor.Int32:
			return broadcast(arithmetic[int32](name))
		}
		return b.refuse("inputs of type %v", b.typ(0))
	}
}

func sameTypes(b *build) bool {
	if b.typ(0) != b.typ(1) {
		b.refuse("inputs of types %v and %v", b.typ(0), b.typ(1))
	}
	return b.err == nil
}

func arithmetic[T float32 | float64 | int64 | int32](name string) func(x, y T) T {
	switch name {
	case "Add":
		return func(x, y T) T { return x + y }
	case "Sub":
		return func(x, y T) T { return x - y }
	case "Mul":
		return func(x, y T) T { return x * y }
	case "Div":
		return func(x, y T) T {
			if y == 0 && isInteger[T]() {
				return 0 // undefined by the standard; never a panic
			}
			return x / y
		}
	}
	panic("graph: no binary operator " + name)
}

func isInteger[T number]() bool { return T(1)/T(2) == 0 }

// compare builds the operators that give truth values.
func compare(name string) func(*build) kernel {
	return func(b *build) kernel {
		if !b.arity(2, 2) || !sameTypes(b) {
			return nil
		}
		b.gives(0, tensor.Bool)
		switch b.typ(0) {
		case tensor.Float32:
			return broadcast(comparison[float32](name))
		case tensor.Float64:
			return broadcast(comparison[float64](name))
		case tensor.Int64:
			return broadcast(comparison[int64](name))
		case tensor.Int32:
			return broadcast(comparison[int32](name))
		}
		if name == "Equal" {
			switch b.typ(0) {
			case tensor.String:
				return broadcast(func(x, y string) bool { return x == y })
			case tensor.Bool:
				return broadcast(func(x, y bool) bool { return x == y })
			}
		}
		return b.refuse("inputs of type %v", b.typ(0))
	}
}

func comparison[T number](name string) func(x, y T) bool {
	switch name {
	case "Equal":
		return func(x, y T) bool { return x == y }
	case "Less":
		return func(x, y T) bool { return x < y }
	case "Greater":
		return func(x, y T) bool { return x > y }
	}
	panic("graph: no comparison " + name)
}

// where is the operator Where: a condition picks from two tensors.
func where(b *build) kernel {
	if !b.arity(3, 3) || !b.oneOf(0, tensor.Bool) {
		return nil
	}
	if b.typ(1) != b.typ(2) {
		return b.refuse("inputs of types %v and %v", b.typ(1), b.typ(2))
	}
	b.gives(0, b.typ(1))
	switch b.typ(1) {
	case tensor.Float32:
		return whereKernel[float32]()
	case tensor.Float64:
		return whereKernel[float64]()
	case tensor.Int64:
		return whereKernel[int64]()
	case tensor.String:
		return whereKernel[string]()
	case tensor.Bool:
		return whereKernel[bool]()
	}
	return b.refuse("inputs of type %v", b.typ(1))
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

// broadcast applies f to the elements of two tensors, whose shapes are aligned
// from the last dimension and repeated where one of them is 1. The shapes that
// tabular graphs have (equal, a scalar, one row against many) go straight.
func broadcast[T, R element](f func(x, y T) R) kernel {
	typ := typeOf[R]()
	return func(in, out []*tensor.Tensor) error {
		x, y := data[T](in[0]), data[T](in[1])
		switch nx, ny := len(x), len(y); {
		case equalShape(in[0].Shape, in[1].Shape):
			resizeLike(out[0], typ, in[0])
			to := data[R](out[0])
			for i, v := range x {
				to[i] = f(v, y[i])
			}
			return nil
		case ny == 1 && len(in[1].Shape) <= len(in[0].Shape):
			resizeLike(out[0], typ, in[0])
			to, c := data[R](out[0]), y[0]
			for i, v := range x {
				to[i] = f(v, c)
			}
			return nil
		case nx > 0 && ny == in[0].Shape[len(in[0].Shape)-1] && (len(in[1].Shape) == 1 || len(in[1].Shape) == 2 && in[1].Shape[0] == 1 && len(in[0].Shape) >= 2):
			resizeLike(out[0], typ, in[0])
			to := data[R](out[0])
			for i := 0; i < nx; i += ny {
				for k, v := range y {
					to[i+k] = f(x[i+k], v)
				}
			}
			return nil
		}
		var w walk3
		if err := w.start(in[0].Shape, in[1].Shape, nil); err != nil {
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

func sigmoid(v float64) float64 {
	if v >= 0 {
		return 1 / (1 + math.Exp(-v))
	}
	e := math.Exp(v) // for the far left tail, where 1 - 1/(1+e) would lose all digits
	return e / (1 + e)
}
