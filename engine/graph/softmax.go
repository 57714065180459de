package graph

import (
	"fmt"
	"math"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// alongAxis builds the operators that work on the elements along one axis:
// Softmax, LogSoftmax, Hardmax. Before opset 13 they work on all dimensions
// from the axis on, as one.
func alongAxis(b *build) kernel {
	name := b.node.Op
	if !b.arity(1, 1) {
		return nil
	}
	flat := b.version < 13
	axis := b.int("axis", map[bool]int64{true: 1, false: -1}[flat])
	b.gives(0, b.typ(0))
	if name == "Softmax" {
		b.followsSquash()
	}
	b.scratch = 1
	return floating(b.typ(0), alongKernel[float32](name, axis, flat), alongKernel[float64](name, axis, flat))
}

func alongKernel[T float](name string, axis64 int64, flat bool) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		axis, err := axisOf(axis64, len(in[0].Shape))
		if err != nil {
			return err
		}
		resizeLike(out[0], typ, in[0])
		outer, along, inner := split3(in[0].Shape, axis)
		if flat {
			along, inner = along*inner, 1
		}
		src, to := data[T](in[0]), data[T](out[0])
		out[1].Resize(tensor.Float64, along)
		buf := out[1].F64
		for o := range outer {
			for i := range inner {
				for k := range buf {
					buf[k] = float64(src[(o*along+k)*inner+i])
				}
				applyAlong(name, buf)
				for k, v := range buf {
					to[(o*along+k)*inner+i] = T(v)
				}
			}
		}
		return nil
	}
}

func applyAlong(name string, v []float64) {
	switch name {
	case "Softmax":
		softmax(v, false)
	case "LogSoftmax":
		sum := logSumExp(v)
		for i := range v {
			v[i] -= sum
		}
	case "Hardmax":
		best := 0
		for i, x := range v {
			if x > v[best] {
				best = i
			}
		}
		clear(v)
		if len(v) > 0 {
			v[best] = 1
		}
	default:
		panic("graph: no operator along an axis " + name)
	}
}

// lpNormalization divides the elements along an axis by their norm.
func lpNormalization(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	axis, p := b.int("axis", -1), b.int("p", 2)
	if p != 1 && p != 2 {
		return b.refuse("norm of degree %d", p)
	}
	b.gives(0, b.typ(0))
	b.follows(0)
	return floating(b.typ(0), lpKernel[float32](axis, p), lpKernel[float64](axis, p))
}

func lpKernel[T float](axis64, p int64) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		axis, err := axisOf(axis64, len(in[0].Shape))
		if err != nil {
			return err
		}
		resizeLike(out[0], typ, in[0])
		outer, along, inner := split3(in[0].Shape, axis)
		src, to := data[T](in[0]), data[T](out[0])
		for o := range outer {
			for i := range inner {
				norm := 0.0
				for k := range along {
					v := float64(src[(o*along+k)*inner+i])
					if p == 1 {
						norm += math.Abs(v)
					} else {
						norm += v * v
					}
				}
				if p == 2 {
					norm = math.Sqrt(norm)
				}
				if norm == 0 {
					norm = 1 // a row of zeros stays one
				}
				for k := range along {
					at := (o*along+k)*inner + i
					to[at] = T(float64(src[at]) / norm)
				}
			}
		}
		return nil
	}
}

// cumSum is the operator CumSum: running sums along an axis.
func cumSum(b *build) kernel {
	if !b.arity(2, 2) || !b.oneOf(1, tensor.Int64, tensor.Int32) {
		return nil
	}
	exclusive, reverse := b.int("exclusive", 0) != 0, b.int("reverse", 0) != 0
	b.gives(0, b.typ(0))
	return numeric(b.typ(0), cumSumKernel[float32](exclusive, reverse), cumSumKernel[float64](exclusive, reverse),
		cumSumKernel[int64](exclusive, reverse), cumSumKernel[int32](exclusive, reverse), cumSumKernel[uint8](exclusive, reverse))
}

func cumSumKernel[T number](exclusive, reverse bool) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		if in[1].Len() != 1 {
			return errScalar(in[1].Shape)
		}
		axis, err := axisOf(int64(indexAt(in[1], 0)), len(in[0].Shape))
		if err != nil {
			return err
		}
		resizeLike(out[0], typ, in[0])
		outer, along, inner := split3(in[0].Shape, axis)
		src, to := data[T](in[0]), data[T](out[0])
		for o := range outer {
			for i := range inner {
				var sum T
				for k := range along {
					if reverse {
						k = along - 1 - k
					}
					at := (o*along+k)*inner + i
					if exclusive {
						to[at] = sum
						sum += src[at]
					} else {
						sum += src[at]
						to[at] = sum
					}
				}
			}
		}
		return nil
	}
}

// batchNorm is the operator BatchNormalization as it scores: a scale and a
// shift for each element of dimension 1.
func batchNorm(b *build) kernel {
	if !b.arity(5, 5) {
		return nil
	}
	epsilon := float64(b.float("epsilon", 1e-5))
	b.ignore("momentum", "is_test", "consumed_inputs") // of training
	if b.int("training_mode", 0) != 0 || len(b.out) > 1 {
		return b.refuse("training mode")
	}
	if b.int("spatial", 1) == 0 {
		return b.refuse("statistics for each position (spatial 0)")
	}
	for i := 1; i < 5; i++ {
		if !b.oneOf(i, tensor.Float32, tensor.Float64) {
			return nil
		}
	}
	b.gives(0, b.typ(0))
	return floating(b.typ(0), batchNormKernel[float32](epsilon), batchNormKernel[float64](epsilon))
}

func batchNormKernel[T float](epsilon float64) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		var shape [modelfile.MaxRank]int
		rank := copy(shape[:], in[0].Shape)
		if rank < 2 {
			shape[rank], rank = 1, rank+1 // a vector has one channel
		}
		if rank < 2 {
			return fmt.Errorf("a scalar has no channels")
		}
		outer, channels, inner := split3(shape[:rank], 1)
		for _, t := range in[1:] {
			if t.Len() != channels {
				return fmt.Errorf("%d statistics for %d channels", t.Len(), channels)
			}
		}
		resizeLike(out[0], typ, in[0])
		src, to := data[T](in[0]), data[T](out[0])
		for c := range channels {
			scale := numberAt(in[1], c) / math.Sqrt(numberAt(in[4], c)+epsilon)
			shift := numberAt(in[2], c) - numberAt(in[3], c)*scale
			for o := range outer {
				for i := (o*channels + c) * inner; i < (o*channels+c+1)*inner; i++ {
					to[i] = T(float64(src[i])*scale + shift)
				}
			}
		}
		return nil
	}
}

// dropout is the operator Dropout as it scores: it drops nothing. Its mask, if
// asked for, says so.
func dropout(b *build) kernel {
	if !b.arity(1, 3) {
		return nil
	}
	b.ignore("ratio", "seed", "is_test", "consumed_inputs") // of training
	if mode := b.input(2); mode != nil && (mode.constant == nil || mode.typ != tensor.Bool || mode.constant.Len() != 1 || mode.constant.Bool[0]) {
		return b.refuse("training mode")
	}
	mask := tensor.Bool
	if b.version < 10 {
		mask = b.typ(0)
	}
	b.gives(0, b.typ(0))
	b.gives(1, mask)
	b.follows(0)
	return floating(b.typ(0), dropoutKernel[float32](mask), dropoutKernel[float64](mask))
}

func dropoutKernel[T float](mask tensor.Type) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		resizeLike(out[0], typ, in[0])
		copy(data[T](out[0]), data[T](in[0]))
		if len(out) < 2 {
			return nil
		}
		resizeLike(out[1], mask, in[0])
		for i := range in[0].Len() {
			if mask == tensor.Bool {
				out[1].Bool[i] = true
			} else {
				data[T](out[1])[i] = 1
			}
		}
		return nil
	}
}
