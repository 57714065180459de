package grpc

import (
	"encoding/binary"
	"math"

	"online-inference/function/oip"
)

// A Response is a ModelInferResponse in the making: Begin, one Output for each
// output, End.
type Response struct {
	dst []byte
	raw bool
}

// Values are the elements of an output, in the one slice that is set.
type Values struct {
	F32  []float32
	F64  []float64
	I64  []int64
	I32  []int32
	U8   []uint8
	Bool []bool
	Str  []string
}

// A Parameter is a name with a string.
type Parameter struct{ Name, Value string }

// Begin starts the response to a request.
func (res *Response) Begin(q *Request, model, version string) {
	res.raw = q.Raw
	res.dst = appendString(res.dst, 1, model)
	res.dst = appendString(res.dst, 2, version)
	res.dst = appendString(res.dst, 3, q.ID)
}

// Output adds an output.
func (res *Response) Output(name string, d oip.Datatype, shape []int, v Values) {
	res.dst = appendMessage(res.dst, 5, func(dst []byte) []byte {
		dst = appendString(dst, 1, name)
		dst = appendString(dst, 2, d.String())
		dst = appendShape(dst, 3, shape)
		if res.raw {
			return dst
		}
		return appendMessage(dst, 5, func(dst []byte) []byte {
			if d == oip.BYTES {
				for _, s := range v.Str {
					dst = appendElement(dst, 8, s)
				}
				return dst
			}
			return appendMessage(dst, contentsField(d), v.appendPacked)
		})
	})
	if res.raw {
		// Outputs and their raw contents may take turns: only the order within each counts.
		res.dst = appendMessage(res.dst, 6, v.appendRaw)
	}
}

// End adds the parameters.
func (res *Response) End(parameters []Parameter) {
	for _, p := range parameters {
		res.dst = appendMessage(res.dst, 4, func(dst []byte) []byte {
			dst = appendString(dst, 1, p.Name)
			return appendMessage(dst, 2, func(dst []byte) []byte { return appendElement(dst, 3, p.Value) })
		})
	}
}

// appendPacked writes the elements as a packed field has them.
func (v Values) appendPacked(dst []byte) []byte {
	for _, n := range v.I64 {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	for _, n := range v.I32 {
		dst = binary.AppendUvarint(dst, uint64(int64(n)))
	}
	for _, n := range v.U8 {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	if v.I64 != nil || v.I32 != nil || v.U8 != nil {
		return dst
	}
	return v.appendRaw(dst)
}

// appendRaw writes the elements as raw contents have them.
func (v Values) appendRaw(dst []byte) []byte {
	for _, f := range v.F32 {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(f))
	}
	for _, f := range v.F64 {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
	}
	for _, n := range v.I64 {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(n))
	}
	for _, n := range v.I32 {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	}
	dst = append(dst, v.U8...)
	for _, b := range v.Bool {
		one := byte(0)
		if b {
			one = 1
		}
		dst = append(dst, one)
	}
	for _, s := range v.Str {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)))
		dst = append(dst, s...)
	}
	return dst
}
