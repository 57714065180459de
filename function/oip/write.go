package oip

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendFloat32 appends a number in the fewest digits that read back as the same
// float32, and null for what JSON cannot write: NaN and the infinities. The form
// is that of encoding/json.
func AppendFloat32(dst []byte, f float32) []byte { return appendFloat(dst, float64(f), 32) }

// AppendFloat64 is AppendFloat32 for a float64.
func AppendFloat64(dst []byte, f float64) []byte { return appendFloat(dst, f, 64) }

func appendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 {
		if bits == 64 && (abs < 1e-6 || abs >= 1e21) || bits == 32 && (float32(abs) < 1e-6 || float32(abs) >= 1e21) {
			format = 'e'
		}
	}
	dst = strconv.AppendFloat(dst, f, format, -1, bits)
	if n := len(dst); format == 'e' && n >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1] // e-09 as e-9
		dst = dst[:n-1]
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// AppendString appends a JSON string. What is no UTF-8 becomes U+FFFD; '<', '>',
// '&' and the line separators are escaped, so that a reply is harmless inside
// HTML and JavaScript.
func AppendString[S string | []byte](dst []byte, s S) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c == '"' || c == '\\':
				dst = append(dst, '\\', c)
			case c == '\n':
				dst = append(dst, '\\', 'n')
			case c < ' ' || c == 0x7f || c == '<' || c == '>' || c == '&':
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			default:
				dst = append(dst, c)
			}
			continue
		}
		r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		i += n
		if r == '\u2028' || r == '\u2029' {
			dst = append(dst, '\\', 'u', '2', '0', '2', hexDigits[r&15])
			continue
		}
		dst = utf8.AppendRune(dst, r)
	}
	return append(dst, '"')
}

// AppendError appends the protocol's error object.
func AppendError(dst []byte, message string) []byte {
	dst = append(dst, `{"error":`...)
	dst = AppendString(dst, message)
	return append(dst, "}\n"...)
}

// A Response is written member by member: begin, one call for each output, end.
type Response struct {
	buf     []byte
	outputs int
}

// BeginResponse starts a response in dst. The id is written as it came; without
// one the member is left out.
func BeginResponse(dst []byte, model, version string, id []byte) Response {
	dst = append(dst, `{"model_name":`...)
	dst = AppendString(dst, model)
	dst = append(dst, `,"model_version":`...)
	dst = AppendString(dst, version)
	if id != nil {
		dst = append(append(dst, `,"id":`...), id...)
	}
	return Response{buf: append(dst, `,"outputs":[`...)}
}

// Output starts an output; values then appends its data, separated by commas.
func (r *Response) Output(name string, d Datatype, shape []int, values func(dst []byte) []byte) {
	if r.outputs++; r.outputs > 1 {
		r.buf = append(r.buf, ',')
	}
	r.buf = append(r.buf, `{"name":`...)
	r.buf = AppendString(r.buf, name)
	r.buf = append(r.buf, `,"datatype":"`...)
	r.buf = append(r.buf, d.String()...)
	r.buf = append(r.buf, `","shape":`...)
	r.buf = AppendShape(r.buf, shape)
	r.buf = append(r.buf, `,"data":[`...)
	r.buf = values(r.buf)
	r.buf = append(r.buf, "]}"...)
}

// A Parameter is a name with a string.
type Parameter struct{ Name, Value string }

// End closes the outputs, adds the parameters, and returns the whole response.
func (r *Response) End(parameters []Parameter) []byte {
	r.buf = append(r.buf, ']')
	dst := r.buf
	for i, p := range parameters {
		if i == 0 {
			dst = append(dst, `,"parameters":{`...)
		} else {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, p.Name)
		dst = append(dst, ':')
		dst = AppendString(dst, p.Value)
	}
	if len(parameters) > 0 {
		dst = append(dst, '}')
	}
	return append(dst, "}\n"...)
}

// AppendShape appends a list of integers.
func AppendShape(dst []byte, shape []int) []byte {
	dst = append(dst, '[')
	for i, d := range shape {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(d), 10)
	}
	return append(dst, ']')
}
