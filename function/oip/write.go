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

// AppendFault appends the error object of a client's mistake, with a member for
// everything that the fault tells apart. A name that a client made very long is
// left out: answers do not grow with mistakes.
func AppendFault(dst []byte, f *Fault) []byte {
	dst = append(dst, `{"error":`...)
	dst = AppendString(dst, f.Text)
	for _, m := range [...]struct{ name, value string }{{"input", f.Input}, {"feature", f.Feature}} {
		if len(m.value) <= 4*maxQuoted {
			dst = appendMember(dst, m.name, m.value)
		}
	}
	for _, m := range [...]struct {
		name  string
		value int
	}{{"row", f.Row}, {"column", f.Column}} {
		if m.value >= 0 {
			dst = append(append(append(dst, `,"`...), m.name...), `":`...)
			dst = strconv.AppendInt(dst, int64(m.value), 10)
		}
	}
	dst = appendMember(dst, "expected", f.Expected)
	dst = appendMember(dst, "got", f.Got)
	return append(dst, "}\n"...)
}

// appendMember appends a string that is not empty.
func appendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return AppendString(dst, value)
}

// A Response is written member by member: BeginResponse, each output, then
// BeginParameters, each parameter, and Finish.
type Response struct {
	// Buf is what was written so far. Between Begin and End of an output its data,
	// separated by commas, are to be appended.
	Buf []byte

	outputs, parameters int
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
	return Response{Buf: append(dst, `,"outputs":[`...)}
}

// Begin starts an output.
func (r *Response) Begin(name string, d Datatype, shape []int) {
	r.head(name, d, shape)
	r.Buf = append(r.Buf, `,"data":[`...)
}

// End ends an output.
func (r *Response) End() { r.Buf = append(r.Buf, "]}"...) }

// OutputBinary writes an output whose data come behind the JSON text.
func (r *Response) OutputBinary(name string, d Datatype, shape []int, size int) {
	r.head(name, d, shape)
	r.Buf = append(r.Buf, `,"parameters":{"binary_data_size":`...)
	r.Buf = append(strconv.AppendInt(r.Buf, int64(size), 10), "}}"...)
}

func (r *Response) head(name string, d Datatype, shape []int) {
	if r.outputs++; r.outputs > 1 {
		r.Buf = append(r.Buf, ',')
	}
	r.Buf = append(r.Buf, `{"name":`...)
	r.Buf = AppendString(r.Buf, name)
	r.Buf = append(r.Buf, `,"datatype":"`...)
	r.Buf = append(r.Buf, d.String()...)
	r.Buf = append(r.Buf, `","shape":`...)
	r.Buf = AppendShape(r.Buf, shape)
}

// BeginParameters ends the outputs.
func (r *Response) BeginParameters() { r.Buf = append(r.Buf, ']') }

// Parameter writes a name with a string.
func (r *Response) Parameter(name, value string) {
	if r.parameters++; r.parameters == 1 {
		r.Buf = append(r.Buf, `,"parameters":{`...)
	} else {
		r.Buf = append(r.Buf, ',')
	}
	r.Buf = AppendString(r.Buf, name)
	r.Buf = append(r.Buf, ':')
	r.Buf = AppendString(r.Buf, value)
}

// Finish returns the whole response.
func (r *Response) Finish() []byte {
	if r.parameters > 0 {
		r.Buf = append(r.Buf, '}')
	}
	return append(r.Buf, "}\n"...)
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
