package graph

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// cast is the operator Cast.
func cast(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	code := b.int("to", 0)
	b.ignore("saturate", "round_mode") // they speak of 8-bit floats only
	to := onnx.ElemType(code)
	if to == tensor.Invalid {
		return b.refuse("to element type %d", code)
	}
	return castTo(b, to)
}

// castLike is the operator CastLike: the type is another tensor's.
func castLike(b *build) kernel {
	if !b.arity(2, 2) {
		return nil
	}
	b.ignore("saturate", "round_mode")
	return castTo(b, b.typ(1))
}

func castTo(b *build, to tensor.Type) kernel {
	from := b.typ(0)
	if to == tensor.String && from == tensor.Bool {
		return b.refuse("from bool to string: the text is not defined")
	}
	b.gives(0, to)
	b.follows(0)
	b.keeps(0)
	switch from {
	case tensor.Float32:
		return castFrom[float32](to)
	case tensor.Float64:
		return castFrom[float64](to)
	case tensor.Int64:
		return castFrom[int64](to)
	case tensor.Int32:
		return castFrom[int32](to)
	case tensor.Uint8:
		return castFrom[uint8](to)
	case tensor.Bool:
		return castBool(to)
	}
	return castString(to)
}

func castFrom[F number](to tensor.Type) kernel {
	switch to {
	case tensor.Float32:
		return convert(func(v F) float32 { return float32(v) })
	case tensor.Float64:
		return convert(func(v F) float64 { return float64(v) })
	case tensor.Int64:
		return convert(truncate[F])
	case tensor.Int32:
		return convert(truncate32[F])
	case tensor.Uint8:
		return convert(func(v F) uint8 { return uint8(truncate(v)) })
	case tensor.Bool:
		return convert(func(v F) bool { return v != 0 })
	}
	if !isInteger[F]() {
		digits := 8 // of a float32
		if typeOf[F]() == tensor.Float64 {
			digits = 17
		}
		return convert(func(v F) string { return floatText(float64(v), digits) })
	}
	return convert(func(v F) string { return strconv.FormatInt(truncate(v), 10) })
}

// floatText writes a number with so many significant digits and no zeros behind
// them, as ONNX Runtime does: C's %.8g for float and %.17g for double.
func floatText(v float64, digits int) string {
	switch {
	case v != v:
		return "NaN"
	case math.IsInf(v, 1):
		return "INF"
	case math.IsInf(v, -1):
		return "-INF"
	}
	return strconv.FormatFloat(v, 'g', digits, 64)
}

// truncate32 is truncate to 32 bits: integers lose their upper half, floats
// without an int32 become the smallest one.
func truncate32[F number](v F) int32 {
	i := truncate(v)
	if !isInteger[F]() && int64(int32(i)) != i {
		return math.MinInt32
	}
	return int32(i)
}

// truncate rounds towards zero. What has no int64 (NaN, infinities, numbers too
// large) becomes the smallest one on every processor, as ONNX Runtime gives on x86.
func truncate[F number](v F) int64 {
	f := float64(v)
	if isInteger[F]() {
		return int64(v)
	}
	if f != f || f >= 1<<63 || f < -1<<63 {
		return math.MinInt64
	}
	return int64(f)
}

func convert[F, T element](f func(F) T) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		resizeLike(out[0], typ, in[0])
		to := data[T](out[0])
		for i, v := range data[F](in[0]) {
			to[i] = f(v)
		}
		return nil
	}
}

func castBool(to tensor.Type) kernel {
	switch to {
	case tensor.Float32:
		return convert(choose[float32])
	case tensor.Float64:
		return convert(choose[float64])
	case tensor.Int64:
		return convert(choose[int64])
	case tensor.Int32:
		return convert(choose[int32])
	case tensor.Uint8:
		return convert(choose[uint8])
	}
	return convert(func(v bool) bool { return v })
}

func choose[T number](v bool) T {
	if v {
		return 1
	}
	return 0
}

// castString reads numbers from text; text that is none is refused as a value.
func castString(to tensor.Type) kernel {
	switch to {
	case tensor.Float32:
		return parse(func(s string) (float32, error) { f, err := parseFloat(s, 32); return float32(f), err })
	case tensor.Float64:
		return parse(func(s string) (float64, error) { return parseFloat(s, 64) })
	case tensor.Int64:
		return parse(func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
	case tensor.Int32:
		return parse(func(s string) (int32, error) { i, err := strconv.ParseInt(s, 10, 32); return int32(i), err })
	case tensor.Uint8:
		return parse(func(s string) (uint8, error) { i, err := strconv.ParseUint(s, 10, 8); return uint8(i), err })
	case tensor.Bool:
		return parse(func(s string) (bool, error) { return s != "" && s != "0", nil })
	}
	return convert(func(v string) string { return v })
}

// parseFloat reads a number as ONNX writes them: hexadecimal forms and digit
// separators, which strconv knows, are no numbers here.
func parseFloat(s string, bits int) (float64, error) {
	if strings.ContainsAny(s, "xX_") {
		return 0, fmt.Errorf("%q is no number", s)
	}
	return strconv.ParseFloat(s, bits)
}

func parse[T element](f func(string) (T, error)) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		resizeLike(out[0], typ, in[0])
		to := data[T](out[0])
		for i, s := range in[0].Str {
			v, err := f(s)
			if err != nil {
				return &modelfile.ValueError{Row: i / max(1, in[0].Width()), Reason: fmt.Sprintf("%s is no %v", quoted(s), typ)}
			}
			to[i] = v
		}
		return nil
	}
}
