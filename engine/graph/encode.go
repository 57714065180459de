package graph

import (
	"fmt"
	"math"
	"strconv"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// oneHotEncoder is the operator OneHotEncoder: each element becomes a row of
// zeros with a one at its category's place.
func oneHotEncoder(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	ints, strings := b.ints("cats_int64s"), b.strings("cats_strings")
	zeros := b.int("zeros", 1) != 0
	b.gives(0, tensor.Float32)
	b.pricing = func(in []*tensor.Tensor) cost { return moved(times(volume(in[0].Shape), len(ints)+len(strings)), 1) }
	switch {
	case len(ints) > 0 && len(strings) > 0 || len(ints)+len(strings) == 0:
		return b.refuse("%d integer and %d string categories", len(ints), len(strings))
	case len(strings) > 0:
		if !b.oneOf(0, tensor.String) {
			return nil
		}
		return oneHotKernel(newFinder(strings), len(strings), zeros, func(s string) string { return s })
	}
	find := newFinder(ints)
	switch b.typ(0) {
	case tensor.Int64:
		return oneHotKernel(find, len(ints), zeros, func(v int64) int64 { return v })
	case tensor.Int32:
		return oneHotKernel(find, len(ints), zeros, func(v int32) int64 { return int64(v) })
	case tensor.Float32:
		return oneHotKernel(find, len(ints), zeros, truncate[float32])
	case tensor.Float64:
		return oneHotKernel(find, len(ints), zeros, truncate[float64])
	}
	return b.refuse("integer categories for input type %v", b.typ(0))
}

func oneHotKernel[T element, K comparable](find *finder[K], n int, zeros bool, as func(T) K) kernel {
	return func(in, out []*tensor.Tensor) error {
		if len(in[0].Shape) >= modelfile.MaxRank {
			return fmt.Errorf("a tensor of %d dimensions", len(in[0].Shape))
		}
		var shape [modelfile.MaxRank]int
		rank := copy(shape[:], in[0].Shape)
		shape[rank] = n
		if err := grow(out[0], tensor.Float32, shape[:rank+1]...); err != nil {
			return err
		}
		to := out[0].F32
		clear(to)
		for i, v := range data[T](in[0]) {
			k := find.index(as(v))
			switch {
			case k >= 0:
				to[i*n+k] = 1
			case !zeros:
				return &modelfile.ValueError{Row: i / max(1, in[0].Width()), Reason: fmt.Sprintf("category %s is unknown", quoted(v))}
			}
		}
		return nil
	}
}

// quoted is a value for a message, short whatever a client sent.
func quoted(v any) string {
	text, ok := v.(string)
	if !ok {
		return fmt.Sprint(v)
	}
	if len(text) > 64 {
		return fmt.Sprintf("%q…", text[:64])
	}
	return strconv.Quote(text)
}

// finder looks a key up among a few or many. The first of equal keys wins.
type finder[K comparable] struct {
	keys []K
	at   map[K]int // only where the keys are many
}

// few is the number of keys up to which comparing them all beats hashing.
const few = 12

func newFinder[K comparable](keys []K) *finder[K] {
	f := &finder[K]{keys: keys}
	if len(keys) > few {
		f.at = make(map[K]int, len(keys))
		for i, k := range keys {
			if _, ok := f.at[k]; !ok {
				f.at[k] = i
			}
		}
	}
	return f
}

// index is the position of a key, -1 where it is none.
func (f *finder[K]) index(k K) int {
	if f.at != nil {
		if i, ok := f.at[k]; ok {
			return i
		}
		return -1
	}
	for i, have := range f.keys {
		if have == k {
			return i
		}
	}
	return -1
}

// labelEncoder is the operator LabelEncoder: a table from keys to values. In
// version 1 of ai.onnx.ml the table is a list of strings and their positions.
func labelEncoder(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	if b.version < 2 {
		return labelEncoderV1(b)
	}
	keys, values := b.table("keys"), b.table("values")
	fallback := b.fallback(values)
	if b.err != nil {
		return nil
	}
	if keys == nil || values == nil || keys.Len() != values.Len() {
		return b.refuse("keys and values do not pair up")
	}
	if b.typ(0) != keys.Type {
		return b.refuse("keys of type %v for input type %v", keys.Type, b.typ(0))
	}
	b.gives(0, values.Type)
	switch keys.Type {
	case tensor.String:
		return encodeTo[string](b, newFinder(keys.Str), values, fallback, func(s string) string { return s })
	case tensor.Int64:
		return encodeTo[int64](b, newFinder(keys.I64), values, fallback, func(v int64) int64 { return v })
	case tensor.Float32:
		return encodeTo[float32](b, newFinder(bitsOf(keys.F32)), values, fallback, floatKey[float32])
	case tensor.Float64:
		return encodeTo[float64](b, newFinder(bitsOf(keys.F64)), values, fallback, floatKey[float64])
	}
	return b.refuse("keys of type %v", keys.Type)
}

// floatKey makes floats comparable as the operator wants: NaN equals NaN, and
// the two zeros are one.
func floatKey[T float](v T) uint64 {
	switch {
	case v != v:
		return math.Float64bits(math.NaN())
	case v == 0:
		return 0
	}
	return math.Float64bits(float64(v))
}

func bitsOf[T float](keys []T) []uint64 {
	out := make([]uint64, len(keys))
	for i, k := range keys {
		out[i] = floatKey(k)
	}
	return out
}

// table reads one side of the table, from a list attribute or a tensor.
func (b *build) table(side string) *tensor.Tensor {
	if t := b.tensor(side + "_tensor"); t != nil {
		return t
	}
	if s := b.strings(side + "_strings"); s != nil {
		return &tensor.Tensor{Type: tensor.String, Shape: []int{len(s)}, Str: s}
	}
	if i := b.ints(side + "_int64s"); i != nil {
		return &tensor.Tensor{Type: tensor.Int64, Shape: []int{len(i)}, I64: i}
	}
	if f := b.floats(side + "_floats"); f != nil {
		return &tensor.Tensor{Type: tensor.Float32, Shape: []int{len(f)}, F32: f}
	}
	return nil
}

// fallback is what unknown keys become: one element of the values' type.
func (b *build) fallback(values *tensor.Tensor) *tensor.Tensor {
	str, i, f := b.string("default_string", "_Unused"), b.int("default_int64", -1), b.float("default_float", float32(math.Copysign(0, -1)))
	given := b.tensor("default_tensor")
	if values == nil {
		return nil
	}
	if given != nil {
		if given.Type != values.Type || given.Len() != 1 {
			b.refuse("default_tensor of type %v for values of type %v", given.Type, values.Type)
		}
		return given
	}
	t := &tensor.Tensor{}
	t.Resize(values.Type, 1)
	switch values.Type {
	case tensor.String:
		t.Str[0] = str
	case tensor.Int64:
		t.I64[0] = i
	case tensor.Float32:
		t.F32[0] = f
	case tensor.Float64:
		t.F64[0] = float64(f)
	}
	return t
}

func encodeTo[T element, K comparable](b *build, find *finder[K], values, fallback *tensor.Tensor, as func(T) K) kernel {
	switch values.Type {
	case tensor.String:
		return encodeKernel(find, values.Str, fallback.Str[0], as)
	case tensor.Int64:
		return encodeKernel(find, values.I64, fallback.I64[0], as)
	case tensor.Float32:
		return encodeKernel(find, values.F32, fallback.F32[0], as)
	case tensor.Float64:
		return encodeKernel(find, values.F64, fallback.F64[0], as)
	}
	return b.refuse("values of type %v", values.Type)
}

func encodeKernel[T, V element, K comparable](find *finder[K], values []V, fallback V, as func(T) K) kernel {
	typ := typeOf[V]()
	return func(in, out []*tensor.Tensor) error {
		resizeLike(out[0], typ, in[0])
		to := data[V](out[0])
		for i, v := range data[T](in[0]) {
			if k := find.index(as(v)); k >= 0 {
				to[i] = values[k]
			} else {
				to[i] = fallback
			}
		}
		return nil
	}
}

func labelEncoderV1(b *build) kernel {
	classes := b.strings("classes_strings")
	str, num := b.string("default_string", "_Unused"), b.int("default_int64", -1)
	positions := make([]int64, len(classes))
	for i := range positions {
		positions[i] = int64(i)
	}
	switch b.typ(0) {
	case tensor.String:
		b.gives(0, tensor.Int64)
		return encodeKernel(newFinder(classes), positions, num, func(s string) string { return s })
	case tensor.Int64:
		b.gives(0, tensor.String)
		return encodeKernel(newFinder(positions), classes, str, func(v int64) int64 { return v })
	}
	return b.refuse("input 0 has type %v", b.typ(0))
}
