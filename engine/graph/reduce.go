package graph

import (
	"fmt"
	"math"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// reduce builds the operators that fold dimensions. The axes are an attribute
// until opset 12 (ReduceSum) or 17 (the others), then an input.
func reduce(b *build) kernel {
	name := b.node.Op
	asInput := b.version >= 18 || name == "ReduceSum" && b.version >= 13
	if b.has("axes") && b.input(1) == nil {
		asInput = false // some exporters keep the attribute, which says the same
	}
	f := fold{keep: b.int("keepdims", 1) != 0}
	if asInput {
		if !b.arity(1, 2) || b.input(1) != nil && !b.oneOf(1, tensor.Int64) {
			return nil
		}
		f.noop = b.int("noop_with_empty_axes", 0) != 0
	} else {
		if !b.arity(1, 1) {
			return nil
		}
		f.axes = b.ints("axes")
	}
	if f.noop && name != "ReduceSum" && name != "ReduceMean" && name != "ReduceMax" && name != "ReduceMin" && name != "ReduceProd" {
		axes := b.input(1)
		if axes == nil || axes.constant == nil || axes.constant.Len() == 0 {
			// Runtimes disagree whether the element's own part (a square, a
			// logarithm) is still taken.
			return b.refuse("noop_with_empty_axes without axes")
		}
	}
	b.gives(0, b.typ(0))
	b.scratch = 1
	if b.typ(0) == tensor.Bool {
		return foldKernel(f, func(v []bool) bool { return foldBools(name, v) })
	}
	return numeric(b.typ(0),
		foldKernel(f, func(v []float32) float32 { return foldFloats(name, v) }),
		foldKernel(f, func(v []float64) float64 { return foldFloats(name, v) }),
		foldKernel(f, func(v []int64) int64 { return foldInts(name, v) }),
		foldKernel(f, func(v []int32) int32 { return foldInts(name, v) }),
		foldKernel(f, func(v []uint8) uint8 { return foldInts(name, v) }))
}

// fold says which dimensions become one.
type fold struct {
	axes       []int64 // none for all dimensions, unless noop
	keep, noop bool
}

// plan marks the dimensions to fold and gives the shape that is left.
func (f *fold) plan(in []int, axes []int64, shape []int) (folded [modelfile.MaxRank]bool, rank int, err error) {
	for _, a := range axes {
		axis, err := axisOf(a, len(in))
		if err != nil {
			return folded, 0, err
		}
		folded[axis] = true
	}
	for d, n := range in {
		if len(axes) == 0 {
			folded[d] = !f.noop
		}
		switch {
		case !folded[d]:
			shape[rank] = n
			rank++
		case f.keep:
			shape[rank] = 1
			rank++
		}
	}
	return folded, rank, nil
}

// foldKernel hands each group of elements that fold into one to a function, in
// place where they lie side by side, else collected in the scratch tensor.
func foldKernel[T element](f fold, one func([]T) T) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		axes := f.axes
		if len(in) > 1 && in[1].Type == tensor.Int64 {
			axes = in[1].I64
		}
		var shape, outer, inner [modelfile.MaxRank]int // outer and inner: sizes along kept and folded dimensions
		folded, rank, err := f.plan(in[0].Shape, axes, shape[:])
		if err != nil {
			return err
		}
		out[0].Resize(typ, shape[:rank]...)
		to, src := data[T](out[0]), data[T](in[0])
		var strides [modelfile.MaxRank]int
		count, stride := 1, 1
		beside := true // the folded dimensions are the last ones
		for d := len(in[0].Shape) - 1; d >= 0; d-- {
			n := in[0].Shape[d]
			strides[d], outer[d], inner[d] = stride, n, 1
			stride *= n
			if folded[d] {
				outer[d], inner[d] = 1, n
				beside = beside && count*n == stride
				count *= n
			}
		}
		n := len(in[0].Shape)
		if beside {
			for k := range to {
				to[k] = one(src[k*count : (k+1)*count])
			}
			return nil
		}
		out[1].Resize(typ, count)
		buf := data[T](out[1])
		var at odometer
		for k := range to {
			var within odometer
			for i := range buf {
				buf[i] = src[at.offset+within.offset]
				within.next(inner[:n], strides[:n])
			}
			to[k] = one(buf)
			at.next(outer[:n], strides[:n])
		}
		return nil
	}
}

// foldFloats folds in float64 and rounds once.
func foldFloats[T float](name string, v []T) T {
	switch name {
	case "ReduceMax":
		top := T(math.Inf(-1))
		for _, x := range v {
			top = max(top, x)
		}
		return top
	case "ReduceMin":
		low := T(math.Inf(1))
		for _, x := range v {
			low = min(low, x)
		}
		return low
	}
	sum := 0.0
	switch name {
	case "ReduceSum", "ReduceMean", "ReduceLogSum":
		for _, x := range v {
			sum += float64(x)
		}
	case "ReduceL1":
		for _, x := range v {
			sum += math.Abs(float64(x))
		}
	case "ReduceL2", "ReduceSumSquare":
		for _, x := range v {
			sum += float64(x) * float64(x)
		}
	case "ReduceProd":
		sum = 1
		for _, x := range v {
			sum *= float64(x)
		}
	case "ReduceLogSumExp":
		return T(logSumExp(v))
	default:
		panic("graph: no reduction " + name)
	}
	switch name {
	case "ReduceMean":
		sum /= float64(len(v))
	case "ReduceLogSum":
		sum = math.Log(sum)
	case "ReduceL2":
		sum = math.Sqrt(sum)
	}
	return T(sum)
}

// logSumExp shifts by the largest element, so that no exponential overflows.
func logSumExp[T number](v []T) float64 {
	top := math.Inf(-1)
	for _, x := range v {
		top = max(top, float64(x))
	}
	if math.IsInf(top, 0) || top != top {
		return top
	}
	sum := 0.0
	for _, x := range v {
		sum += math.Exp(float64(x) - top)
	}
	return top + math.Log(sum)
}

func foldInts[T int64 | int32 | uint8](name string, v []T) T {
	var sum T
	switch name {
	case "ReduceMax", "ReduceMin":
		return extreme(name == "ReduceMin", v)
	case "ReduceSum", "ReduceMean", "ReduceLogSum":
		for _, x := range v {
			sum += x
		}
	case "ReduceL1":
		for _, x := range v {
			sum += max(x, 0-x)
		}
	case "ReduceL2", "ReduceSumSquare":
		for _, x := range v {
			sum += x * x
		}
	case "ReduceProd":
		sum = 1
		for _, x := range v {
			sum *= x
		}
	case "ReduceLogSumExp":
		return T(truncate(logSumExp(v)))
	default:
		panic("graph: no reduction " + name)
	}
	switch {
	case name == "ReduceMean" && len(v) > 0:
		sum /= T(len(v))
	case name == "ReduceLogSum":
		return T(truncate(math.Log(float64(sum))))
	case name == "ReduceL2":
		return T(truncate(math.Sqrt(float64(sum))))
	}
	return sum
}

// extreme is the smallest or largest element; of none, the type's other end.
func extreme[T int64 | int32 | uint8](smallest bool, v []T) T {
	if len(v) == 0 {
		var low, high T
		switch p := any(&low).(type) {
		case *int64:
			*p, *any(&high).(*int64) = math.MinInt64, math.MaxInt64
		case *int32:
			*p, *any(&high).(*int32) = math.MinInt32, math.MaxInt32
		case *uint8:
			*any(&high).(*uint8) = math.MaxUint8
		}
		if smallest {
			return high
		}
		return low
	}
	best := v[0]
	for _, x := range v[1:] {
		if smallest {
			best = min(best, x)
		} else {
			best = max(best, x)
		}
	}
	return best
}

// foldBools folds truth values, of which true is the larger.
func foldBools(name string, v []bool) bool {
	every, some := true, false
	for _, x := range v {
		every, some = every && x, some || x
	}
	return name == "ReduceMin" && every || name == "ReduceMax" && some
}

// arg builds ArgMax and ArgMin; the first of equals wins unless the node asks for the last.
func arg(b *build) kernel {
	smallest := b.node.Op == "ArgMin"
	if !b.arity(1, 1) {
		return nil
	}
	axis, keep, last := b.int("axis", 0), b.int("keepdims", 1) != 0, b.int("select_last_index", 0) != 0
	b.gives(0, tensor.Int64)
	return numeric(b.typ(0), argKernel[float32](axis, keep, last, smallest), argKernel[float64](axis, keep, last, smallest),
		argKernel[int64](axis, keep, last, smallest), argKernel[int32](axis, keep, last, smallest), argKernel[uint8](axis, keep, last, smallest))
}

func argKernel[T number](axis64 int64, keep, last, smallest bool) kernel {
	return func(in, out []*tensor.Tensor) error {
		axis, err := axisOf(axis64, len(in[0].Shape))
		if err != nil {
			return err
		}
		var shape [modelfile.MaxRank]int
		rank := copy(shape[:], in[0].Shape[:axis])
		if keep {
			shape[rank] = 1
			rank++
		}
		rank += copy(shape[rank:], in[0].Shape[axis+1:])
		out[0].Resize(tensor.Int64, shape[:rank]...)
		outer, along, inner := split3(in[0].Shape, axis)
		src, to := data[T](in[0]), out[0].I64
		if along == 0 && len(to) > 0 {
			return fmt.Errorf("no elements along axis %d", axis)
		}
		if len(to) == 0 {
			return nil
		}
		for o := range outer {
			for i := range inner {
				best, at := src[o*along*inner+i], 0
				for k := 1; k < along; k++ {
					v := src[(o*along+k)*inner+i]
					if smallest && v < best || !smallest && v > best || last && v == best {
						best, at = v, k
					}
				}
				to[o*inner+i] = int64(at)
			}
		}
		return nil
	}
}
