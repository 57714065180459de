package graph

import (
	"math"

	"online-inference/engine/tensor"
)

// unary builds the operators that map each element by itself.
func unary(b *build) kernel {
	name := b.node.Op
	if !b.arity(1, 1) {
		return nil
	}
	b.ignore("consumed_inputs")
	b.gives(0, b.typ(0))
	b.keeps(0)
	switch name {
	case "Exp", "Neg":
		b.followsScore(0)
	case "Sigmoid":
		b.followsSquash()
	}
	return numeric(b.typ(0), unaryKernel(unaryFloat[float32](name)), unaryKernel(unaryFloat[float64](name)),
		unaryKernel(unaryNumber[int64](name)), unaryKernel(unaryNumber[int32](name)), unaryKernel(unaryNumber[uint8](name)))
}

// unaryNumber is a function that integers have too, nil where name is none.
func unaryNumber[T number](name string) func(T) T {
	switch name {
	case "Abs":
		return func(v T) T {
			if v <= 0 {
				return 0 - v // of -0 too
			}
			return v
		}
	case "Neg":
		return func(v T) T { return -v }
	case "Relu":
		return func(v T) T {
			if v < 0 {
				return 0
			}
			return v
		}
	case "Sign":
		return func(v T) T {
			switch {
			case v < 0:
				return 0 - T(1)
			case v > 0:
				return 1
			}
			return v
		}
	}
	return nil
}

// unaryFloat is a function of one float. Results are made in float64 and
// rounded once, at least as close to the truth as the frameworks' own.
func unaryFloat[T float](name string) func(T) T {
	if f := unaryNumber[T](name); f != nil {
		return f
	}
	f := function(name)
	return func(v T) T { return T(f(float64(v))) }
}

func function(name string) func(float64) float64 {
	switch name {
	case "Acos":
		return math.Acos
	case "Asin":
		return math.Asin
	case "Atan":
		return math.Atan
	case "Ceil":
		return math.Ceil
	case "Cos":
		return math.Cos
	case "Cosh":
		return math.Cosh
	case "Erf":
		return math.Erf
	case "Exp":
		return math.Exp
	case "Floor":
		return math.Floor
	case "Log":
		return math.Log
	case "Reciprocal":
		return func(v float64) float64 { return 1 / v }
	case "Round":
		return math.RoundToEven
	case "Sigmoid":
		return sigmoid
	case "Sin":
		return math.Sin
	case "Sinh":
		return math.Sinh
	case "Softplus":
		return softplus
	case "Softsign":
		return func(v float64) float64 { return v / (1 + math.Abs(v)) }
	case "Sqrt":
		return math.Sqrt
	case "Tan":
		return math.Tan
	case "Tanh":
		return math.Tanh
	}
	panic("graph: no unary operator " + name) // the table and this switch disagree
}

// softplus is log(1 + exp(v)) without overflow for large v.
func softplus(v float64) float64 {
	return max(v, 0) + math.Log1p(math.Exp(-math.Abs(v)))
}

func sigmoid(v float64) float64 {
	if v >= 0 {
		return 1 / (1 + math.Exp(-v))
	}
	e := math.Exp(v) // for the far left tail, where 1 - 1/(1+e) would lose all digits
	return e / (1 + e)
}

// activation builds the operators of one float with parameters.
func activation(b *build) kernel {
	name := b.node.Op
	if !b.arity(1, 1) {
		return nil
	}
	b.ignore("consumed_inputs")
	f := activationFunction(b, name)
	b.keeps(0)
	b.gives(0, b.typ(0))
	return floating(b.typ(0), unaryKernel(func(v float32) float32 { return float32(f(float64(v))) }), unaryKernel(f))
}

func activationFunction(b *build, name string) func(float64) float64 {
	parameter := func(attr string, fallback float32) float64 { return float64(b.float(attr, fallback)) }
	switch name {
	case "Celu":
		alpha := parameter("alpha", 1)
		return func(v float64) float64 { return max(v, 0) + min(0, alpha*math.Expm1(v/alpha)) }
	case "Elu":
		alpha := parameter("alpha", 1)
		return func(v float64) float64 {
			if v < 0 {
				return alpha * math.Expm1(v)
			}
			return v
		}
	case "HardSigmoid":
		alpha, beta := parameter("alpha", 0.2), parameter("beta", 0.5)
		return func(v float64) float64 { return max(0, min(1, alpha*v+beta)) }
	case "LeakyRelu":
		alpha := parameter("alpha", 0.01)
		return func(v float64) float64 {
			if v < 0 {
				return alpha * v
			}
			return v
		}
	case "Selu":
		alpha, gamma := parameter("alpha", 1.67326319217681884765625), parameter("gamma", 1.05070102214813232421875)
		return func(v float64) float64 {
			if v < 0 {
				return gamma * alpha * math.Expm1(v)
			}
			return gamma * v
		}
	case "ThresholdedRelu":
		alpha := parameter("alpha", 1)
		return func(v float64) float64 {
			if v > alpha || v != v {
				return v
			}
			return 0
		}
	}
	panic("graph: no activation " + name)
}

func unaryKernel[T element](f func(T) T) kernel { return convert(f) }

// not is the operator Not.
func not(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	b.gives(0, tensor.Bool)
	return unaryKernel(func(v bool) bool { return !v })
}

func isNaN(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	b.gives(0, tensor.Bool)
	return floating(b.typ(0), convert(func(v float32) bool { return v != v }), convert(func(v float64) bool { return v != v }))
}

func isInf(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	positive, negative := b.int("detect_positive", 1) != 0, b.int("detect_negative", 1) != 0
	b.gives(0, tensor.Bool)
	test := func(v float64) bool { return positive && math.IsInf(v, 1) || negative && math.IsInf(v, -1) }
	return floating(b.typ(0), convert(func(v float32) bool { return test(float64(v)) }), convert(test))
}

// clip is the operator Clip. The bounds are attributes until opset 10, then
// inputs. NaN stays NaN; where the bounds cross, the upper one wins.
func clip(b *build) kernel {
	var low, high *float64
	if b.version < 11 {
		if !b.arity(1, 1) {
			return nil
		}
		b.ignore("consumed_inputs")
		for name, to := range map[string]**float64{"min": &low, "max": &high} {
			if b.has(name) {
				v := float64(b.float(name, 0))
				*to = &v
			}
		}
	} else if !b.arity(1, 3) {
		return nil
	}
	for i := 1; i < 3; i++ {
		if v := b.input(i); v != nil && v.typ != b.typ(0) {
			return b.refuse("inputs of types %v and %v", b.typ(0), v.typ)
		}
	}
	b.gives(0, b.typ(0))
	b.followsScore(0)
	b.keeps(0)
	return numeric(b.typ(0), clipKernel[float32](low, high), clipKernel[float64](low, high), clipKernel[int64](low, high),
		clipKernel[int32](low, high), clipKernel[uint8](low, high))
}

func clipKernel[T number](low, high *float64) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		var from, to T
		hasFrom, hasTo := low != nil, high != nil
		if hasFrom {
			from = T(*low)
		}
		if hasTo {
			to = T(*high)
		}
		if len(in) > 1 && in[1].Type == typ {
			if len(data[T](in[1])) != 1 {
				return errScalar(in[1].Shape)
			}
			from, hasFrom = data[T](in[1])[0], true
		}
		if len(in) > 2 && in[2].Type == typ {
			if len(data[T](in[2])) != 1 {
				return errScalar(in[2].Shape)
			}
			to, hasTo = data[T](in[2])[0], true
		}
		resizeLike(out[0], typ, in[0])
		y := data[T](out[0])
		for i, v := range data[T](in[0]) {
			if hasFrom && v < from {
				v = from
			}
			if hasTo && v > to {
				v = to
			}
			y[i] = v
		}
		return nil
	}
}
