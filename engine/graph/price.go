package graph

import (
	"math"
	"math/bits"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// price gives the pricing of a node that was built: its own, that of its
// operator, or that of operators which give each output as many elements as the
// first input has.
func (b *build) price() pricing {
	if b.pricing != nil {
		return b.pricing
	}
	gives := wordsOf(b.out[0].typ)
	if b.node.Domain == "" {
		if p := b.standard(gives); p != nil {
			return p
		}
	}
	if b.op == ml+".ArrayFeatureExtractor" {
		return func(in []*tensor.Tensor) cost {
			last := 1
			if n := len(in[0].Shape); n > 0 {
				last = max(in[0].Shape[n-1], 1)
			}
			return moved(times(volume(in[0].Shape)/last, max(1, in[1].Len())), gives)
		}
	}
	if b.op == microsoft+".CDist" {
		return func(in []*tensor.Tensor) cost {
			n := times(volume(in[0].Shape[:min(1, len(in[0].Shape))]), volume(in[1].Shape[:min(1, len(in[1].Shape))]))
			return cost{times(n, gives), times(n, 2, max(1, in[1].Width()))}
		}
	}
	if b.op == ml+".FeatureVectorizer" {
		return sumPrice(gives)
	}
	return b.even()
}

// moved is the cost of n elements of some words that are given and little more.
func moved(n, each int) cost { return cost{times(n, each), n} }

// even is the pricing of operators that compute element by element.
func (b *build) even() pricing {
	each, effort := 2*b.scratch, 2
	for _, v := range b.out {
		each += wordsOf(v.typ)
	}
	switch b.node.Op {
	case "Acos", "Asin", "Atan", "Celu", "Cos", "Cosh", "Elu", "Erf", "Exp", "Log", "LogSoftmax", "Selu", "Sigmoid", "Sin", "Sinh",
		"Softmax", "Softplus", "Tan", "Tanh", "ReduceLogSumExp", "LabelEncoder":
		effort = 16
	case "Cast", "CastLike":
		if b.typ(0) == tensor.String || b.out[0].typ == tensor.String {
			effort = 64
		}
	}
	return func(in []*tensor.Tensor) cost {
		n := 0
		if len(in) > 0 {
			n = volume(in[0].Shape)
		}
		return cost{times(n, each), times(n, effort)}
	}
}

// standard is the pricing of operators of the default domain whose results have
// another size than what they read.
func (b *build) standard(gives int) pricing {
	switch b.node.Op {
	case "Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean", "Min", "Mod", "Mul", "Or", "Pow",
		"Sub", "Sum", "Where", "Xor":
		effort := 1
		if b.node.Op == "Pow" || b.node.Op == "Mod" {
			effort = 16
		}
		return func(in []*tensor.Tensor) cost {
			n := spread(in)
			return cost{times(n, gives), times(n, len(in), effort)}
		}
	case "Concat":
		return sumPrice(gives)
	case "ConstantOfShape":
		return func(in []*tensor.Tensor) cost { return moved(asked(in[0]), gives) }
	case "Einsum":
		return nil
	case "Expand":
		return func(in []*tensor.Tensor) cost {
			n, x := 1, in[0].Shape
			for d := range max(len(x), len(in[1].I64)) {
				size := 1
				if k := len(x) - 1 - d; k >= 0 {
					size = x[k]
				}
				if k := len(in[1].I64) - 1 - d; k >= 0 {
					size = max(size, int(min(in[1].I64[k], endless)))
				}
				n = times(n, max(1, size))
			}
			return moved(n, gives)
		}
	case "Gather":
		axis := b.int("axis", 0)
		return func(in []*tensor.Tensor) cost {
			n, along := volume(in[0].Shape), 1
			if a, err := axisOf(axis, len(in[0].Shape)); err == nil {
				along = max(1, in[0].Shape[a])
			}
			return moved(times(n/along, volume(in[1].Shape)), gives)
		}
	case "GatherElements":
		return func(in []*tensor.Tensor) cost { return moved(volume(in[1].Shape), gives) }
	case "MatMul", "Gemm":
		return productPrice(gives, b.node.Op == "Gemm" && b.int("transA", 0) != 0, b.node.Op == "Gemm" && b.int("transB", 0) != 0)
	case "NonZero":
		return func(in []*tensor.Tensor) cost {
			return moved(times(max(1, len(in[0].Shape)), volume(in[0].Shape)), gives)
		}
	case "OneHot":
		return func(in []*tensor.Tensor) cost { return moved(times(volume(in[0].Shape), counted(in[1])), gives) }
	case "Range":
		return func(in []*tensor.Tensor) cost { return moved(ranged(in), gives) }
	case "Shape", "Size":
		return func([]*tensor.Tensor) cost { return cost{2 * modelfile.MaxRank, modelfile.MaxRank} }
	case "Split":
		return func(in []*tensor.Tensor) cost { return moved(volume(in[0].Shape), gives) }
	case "Tile":
		return func(in []*tensor.Tensor) cost { return moved(times(volume(in[0].Shape), asked(in[1])), gives) }
	case "TopK":
		return topPrice(b.version, b.int("k", 0), b.int("axis", -1), gives)
	}
	return nil
}

// sumPrice is the pricing of laying tensors side by side.
func sumPrice(gives int) pricing {
	return func(in []*tensor.Tensor) cost {
		n := 0
		for _, t := range in {
			n += volume(t.Shape)
		}
		return moved(n, gives)
	}
}

// spread is the number of elements of tensors laid over one another.
func spread(in []*tensor.Tensor) int {
	n, rank := 1, 0
	for _, t := range in {
		rank = max(rank, len(t.Shape))
	}
	for d := range rank {
		size := 1
		for _, t := range in {
			if k := len(t.Shape) - 1 - d; k >= 0 {
				size = max(size, t.Shape[k])
			}
		}
		n = times(n, size)
	}
	return n
}

// asked is the volume of the shape that a tensor's elements say.
func asked(t *tensor.Tensor) int {
	n := 1
	for _, d := range t.I64 {
		n = times(n, int(min(max(d, 1), endless)))
	}
	return n
}

// counted is the count that a tensor's first element says.
func counted(t *tensor.Tensor) int {
	if t.Len() == 0 {
		return 1
	}
	if v := numberAt(t, 0); v >= 1 {
		return int(min(v, endless))
	}
	return 1
}

// ranged is the number of elements of a Range.
func ranged(in []*tensor.Tensor) int {
	for _, t := range in {
		if t.Len() == 0 {
			return 0
		}
	}
	n := math.Ceil((numberAt(in[1], 0) - numberAt(in[0], 0)) / numberAt(in[2], 0))
	if n > 0 {
		return int(min(n, endless))
	}
	return 0
}

// productPrice is the pricing of matrix products.
func productPrice(gives int, flipA, flipB bool) pricing {
	return func(in []*tensor.Tensor) cost {
		x, y := in[0].Shape, in[1].Shape
		last := func(s []int, flip bool) (outer, inner int) { // outer times inner is the volume
			if len(s) == 0 {
				return 1, 1
			}
			at := len(s) - 1
			if flip {
				at = 0
			}
			inner = max(1, s[at])
			return volume(s) / inner, inner
		}
		n, inner := last(x, flipA)
		_, m := last(y, flipB)
		if len(y) == 1 {
			m = 1
		}
		if len(x) > 2 || len(y) > 2 { // matrices that the leading dimensions count, laid over one another
			matrices := []*tensor.Tensor{{Shape: x[:max(0, len(x)-2)]}, {Shape: y[:max(0, len(y)-2)]}}
			rows := 1
			if len(x) > 1 {
				rows = max(1, x[len(x)-2])
			}
			n = times(spread(matrices), rows)
		}
		made := times(n, m)
		return cost{times(made, gives) + 2*m, times(made, inner)}
	}
}

// topPrice is the pricing of TopK: inserting into the best or sorting all.
func topPrice(version, fixed, axis int64, gives int) pricing {
	return func(in []*tensor.Tensor) cost {
		n, k := volume(in[0].Shape), fixed
		if version >= 10 && len(in) > 1 && len(in[1].I64) == 1 {
			k = in[1].I64[0]
		}
		comparisons := int(min(max(k, 1), sortAbove))
		if k > sortAbove {
			along := n
			if a, err := axisOf(axis, len(in[0].Shape)); err == nil {
				along = in[0].Shape[a]
			}
			comparisons = 4 * bits.Len(uint(along))
		}
		return cost{times(n, gives+2+2), times(n, comparisons)}
	}
}

// rowPrice is the pricing of models: some work and some words for each row.
func rowPrice(work, words int) pricing {
	return func(in []*tensor.Tensor) cost {
		rows, columns := matrix(in[0])
		rows = max(1, rows)
		return cost{times(rows, words), times(rows, work) + times(rows, columns)}
	}
}
