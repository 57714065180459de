package conform

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A tensor is one of an answer or of a request, read from any of the protocol's
// forms. An element is the text of a JSON scalar.
type tensor struct {
	Name     string
	Datatype string
	Shape    []int64
	Elements []string
	binary   bool // its elements came as bytes
}

// datatypes are the protocol's, with the size of an element; 0 for BYTES.
var datatypes = map[string]int{
	"BOOL": 1, "UINT8": 1, "UINT16": 2, "UINT32": 4, "UINT64": 8, "INT8": 1, "INT16": 2, "INT32": 4, "INT64": 8,
	"FP16": 2, "BF16": 2, "FP32": 4, "FP64": 8, "BYTES": 0,
}

// numeric tells whether a datatype is of numbers that JSON can hold.
func numeric(datatype string) bool {
	size, ok := datatypes[datatype]
	return ok && size > 0 && datatype != "BOOL" && datatype != "FP16" && datatype != "BF16"
}

// encode writes elements as the little-endian bytes of a datatype.
func encode(datatype string, elements []string) ([]byte, error) {
	var dst []byte
	for _, e := range elements {
		var err error
		switch {
		case datatype == "BOOL":
			b := byte(0)
			if e == "true" {
				b = 1
			}
			dst = append(dst, b)
		case datatype == "BYTES":
			s := scalar(e).text()
			dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)))
			dst = append(dst, s...)
		case datatype == "FP32":
			var f float64
			f, err = strconv.ParseFloat(e, 32)
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(f)))
		case datatype == "FP64":
			var f float64
			f, err = strconv.ParseFloat(e, 64)
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
		case strings.HasPrefix(datatype, "UINT"):
			var n uint64
			n, err = strconv.ParseUint(whole(e), 10, 64)
			dst = appendInteger(dst, n, datatypes[datatype])
		case strings.HasPrefix(datatype, "INT"):
			var n int64
			n, err = strconv.ParseInt(whole(e), 10, 64)
			dst = appendInteger(dst, uint64(n), datatypes[datatype])
		default:
			err = fmt.Errorf("no bytes for datatype %s", datatype)
		}
		if err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// whole is an integer that may be written 1.0.
func whole(e string) string { return strings.TrimSuffix(e, ".0") }

func appendInteger(dst []byte, n uint64, size int) []byte {
	return append(dst, binary.LittleEndian.AppendUint64(nil, n)[:size]...)
}

// decode reads the elements of a datatype from their bytes.
func decode(datatype string, b []byte) ([]string, error) {
	var out []string
	if datatype == "BYTES" {
		for len(b) > 0 {
			if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
				return nil, fmt.Errorf("BYTES: a length goes beyond the tensor")
			}
			n := int(binary.LittleEndian.Uint32(b))
			if !utf8.Valid(b[4 : 4+n]) {
				return nil, fmt.Errorf("BYTES: an element is no UTF-8")
			}
			out, b = append(out, quote(string(b[4:4+n]))), b[4+n:]
		}
		return out, nil
	}
	size := datatypes[datatype]
	if size == 0 || len(b)%size != 0 {
		return nil, fmt.Errorf("%d bytes are no whole elements of %s", len(b), datatype)
	}
	for ; len(b) > 0; b = b[size:] {
		var wide [8]byte
		copy(wide[:], b[:size])
		n := binary.LittleEndian.Uint64(wide[:])
		switch {
		case datatype == "BOOL" && n > 1:
			return nil, fmt.Errorf("BOOL: a byte of %d", n)
		case datatype == "BOOL":
			out = append(out, strconv.FormatBool(n == 1))
		case datatype == "FP32":
			out = append(out, float(float64(math.Float32frombits(uint32(n))), 32))
		case datatype == "FP64":
			out = append(out, float(math.Float64frombits(n), 64))
		case strings.HasPrefix(datatype, "UINT"):
			out = append(out, strconv.FormatUint(n, 10))
		case strings.HasPrefix(datatype, "INT"):
			shift := 64 - 8*size
			out = append(out, strconv.FormatInt(int64(n<<shift)>>shift, 10))
		default:
			return nil, fmt.Errorf("%s is not read here", datatype)
		}
	}
	return out, nil
}

// float writes a number; what JSON does not have is null, as in a JSON answer.
func float(f float64, bits int) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "null"
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}

// fits tells what is wrong with an element of a datatype; nothing where it fits.
func fits(datatype, e string) error {
	n := scalar(e)
	bad := fmt.Errorf("%s is no %s", clip(e, 60), datatype)
	switch {
	case datatype == "BYTES" && n.isString(), datatype == "BOOL" && n.isBool():
		return nil
	case datatype == "BYTES" || datatype == "BOOL":
		return bad
	case strings.HasPrefix(datatype, "FP") || datatype == "BF16":
		if e == "null" { // NaN or an infinity, which JSON does not have
			return nil
		}
		f, err := strconv.ParseFloat(e, 64)
		if !n.isNumber() || err != nil || datatype == "FP32" && math.IsInf(float64(float32(f)), 0) {
			return bad
		}
		return nil
	}
	bits := 8 * datatypes[datatype]
	var err error
	if strings.HasPrefix(datatype, "UINT") {
		_, err = strconv.ParseUint(whole(e), 10, bits)
	} else {
		_, err = strconv.ParseInt(whole(e), 10, bits)
	}
	if err != nil || bits == 0 {
		return bad
	}
	return nil
}

// near tells whether two elements are the same answer: equal, or as near as sums
// of float32 in another order come.
func near(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && math.Abs(x-y) <= 1e-6+1e-5*math.Max(math.Abs(x), math.Abs(y))
}

// field is the member of gRPC's typed contents that holds a datatype.
func field(datatype string) string {
	switch datatype {
	case "BOOL":
		return "bool_contents"
	case "INT8", "INT16", "INT32":
		return "int_contents"
	case "INT64":
		return "int64_contents"
	case "UINT8", "UINT16", "UINT32":
		return "uint_contents"
	case "UINT64":
		return "uint64_contents"
	case "FP32":
		return "fp32_contents"
	case "FP64":
		return "fp64_contents"
	}
	return "bytes_contents"
}

// typed writes elements as gRPC's typed contents are written in JSON.
func typed(datatype string, elements []*node) *node {
	l := list()
	for _, e := range elements {
		switch {
		case datatype == "BYTES":
			e = str(base64.StdEncoding.EncodeToString([]byte(e.text())))
		case e.raw == "NaN":
			e = str("NaN")
		case strings.Contains(field(datatype), "int"):
			e = scalar(whole(e.raw))
		}
		l.items = append(l.items, e)
	}
	return l
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil { // a mistake in the table
		return nil
	}
	return b
}
