package artefact

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"online-inference/engine"
	"online-inference/function/oip"
)

// A Batch holds the rows of one request and their answers. It is taken from a
// model, filled feature by feature, run, read, and put back.
type Batch struct {
	*engine.Batch
	model *Model
}

// Batch takes a batch for a number of rows; Release puts it back.
func (m *Model) Batch(rows int) *Batch {
	b := &Batch{Batch: m.batches.Get().(*engine.Batch), model: m}
	b.Reset(rows)
	return b
}

// keepRows bounds the size of a batch that is kept for the next request.
const keepRows = 1024

// Release gives the batch back. Nothing read from it may be used afterwards.
func (b *Batch) Release() {
	if b.Rows() <= keepRows {
		b.model.batches.Put(b.Batch)
	}
	b.Batch = nil
}

// Set checks one value of a feature against all its rules and stores it in a row.
// expected is empty where the value was taken; warning is set where it is valid
// but the model has seen none like it.
func (b *Batch) Set(row, feature int, kind oip.Kind, text []byte) (expected, warning string) {
	f := &b.model.Features[feature]
	t := b.Input(f.Input)
	ok, strange := f.set(t, row*t.Width()+f.Column, kind, text)
	if !ok {
		return f.ExpectedOf(kind), ""
	}
	if strange {
		return "", f.Warning(text)
	}
	return "", ""
}

// A Column takes the values of one feature in a batch, row by row.
type Column struct {
	f         *Feature
	t         *engine.Tensor
	at, width int
}

// Column is that of a feature. It is valid until the batch is released.
func (b *Batch) Column(feature int) Column {
	f := &b.model.Features[feature]
	t := b.Input(f.Input)
	return Column{f, t, f.Column, t.Width()}
}

// Set checks a value against all rules of the feature and stores it. ok is false
// where it breaks one; strange is true where it is valid but the model has seen
// none like it.
func (c *Column) Set(row int, kind oip.Kind, text []byte) (ok, strange bool) {
	return c.f.set(c.t, row*c.width+c.at, kind, text)
}

// SetValue is Set for a value that came as binary data; NaN stands for a missing
// one.
func (c *Column) SetValue(row int, v *oip.Value) (ok, strange bool) {
	return c.f.setValue(c.t, row*c.width+c.at, v)
}

// Refused finds the feature whose value the model refuses, -1 where more than one
// may be meant: the engine tells the row and the value, but knows no features.
func (b *Batch) Refused(e *engine.ValueError) int {
	found := -1
	for i := range b.model.Features {
		f := &b.model.Features[i]
		t := b.Input(f.Input)
		at := e.Row*t.Width() + f.Column
		if at >= t.Len() || !strings.Contains(" "+e.Reason+" ", " "+refusedText(t, at)+" ") {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// refusedText is a value as the engine writes it into a message.
func refusedText(t *engine.Tensor, i int) string {
	if t.Type == engine.String {
		return strconv.Quote(t.Str[i])
	}
	return string(AppendElements(nil, t, i, i+1))
}

// Label is the index of the class that was chosen for a row; ok is false where
// the model is no classifier or answers with a class that it did not declare.
func (b *Batch) Label(row int) (class int, ok bool) {
	o := b.model.output(engine.RoleLabel)
	if o < 0 {
		return 0, false
	}
	t, c := b.Output(o), b.model.Signature().Classes
	for i := range c.Len() {
		if c.Strings != nil && t.Type == engine.String && t.Str[row] == c.Strings[i] ||
			c.Strings == nil && t.Type == engine.Int64 && t.I64[row] == c.Ints[i] {
			return i, true
		}
	}
	return 0, false
}

// Probabilities is the tensor of the classes' probabilities and its width; nil
// where the model gives none.
func (b *Batch) Probabilities() (*engine.Tensor, int) { return b.find(engine.RoleProbabilities) }

// Predictions is the tensor of predicted values and its width; nil where the
// model is no regressor.
func (b *Batch) Predictions() (*engine.Tensor, int) { return b.find(engine.RolePrediction) }

func (b *Batch) find(role engine.Role) (*engine.Tensor, int) {
	o := b.model.output(role)
	if o < 0 {
		return nil, 0
	}
	t := b.Output(o)
	return t, t.Width()
}

// float reads an element of a numeric tensor.
func float(t *engine.Tensor, i int) float64 {
	switch t.Type {
	case engine.Float32:
		return float64(t.F32[i])
	case engine.Float64:
		return t.F64[i]
	case engine.Int64:
		return float64(t.I64[i])
	case engine.Int32:
		return float64(t.I32[i])
	}
	return float64(t.U8[i])
}

// AppendElements appends elements lo to hi of a tensor as JSON values separated
// by commas; NaN and the infinities become null.
func AppendElements(dst []byte, t *engine.Tensor, lo, hi int) []byte {
	for i := lo; i < hi; i++ {
		if i > lo {
			dst = append(dst, ',')
		}
		switch t.Type {
		case engine.Float32:
			dst = oip.AppendFloat32(dst, t.F32[i])
		case engine.Float64:
			dst = oip.AppendFloat64(dst, t.F64[i])
		case engine.Int64:
			dst = strconv.AppendInt(dst, t.I64[i], 10)
		case engine.Int32:
			dst = strconv.AppendInt(dst, int64(t.I32[i]), 10)
		case engine.Uint8:
			dst = strconv.AppendUint(dst, uint64(t.U8[i]), 10)
		case engine.Bool:
			dst = strconv.AppendBool(dst, t.Bool[i])
		case engine.String:
			dst = oip.AppendString(dst, t.Str[i])
		}
	}
	return dst
}

// BinarySize is the number of bytes of a tensor in the protocol's binary form.
func BinarySize(t *engine.Tensor) int {
	switch t.Type {
	case engine.Float64, engine.Int64:
		return 8 * t.Len()
	case engine.Float32, engine.Int32:
		return 4 * t.Len()
	case engine.String:
		n := 0
		for _, s := range t.Str {
			n += 4 + len(s)
		}
		return n
	}
	return t.Len()
}

// AppendBinary appends a tensor in the protocol's binary form: little-endian,
// booleans in one byte, strings behind their length in four.
func AppendBinary(dst []byte, t *engine.Tensor) []byte {
	le := binary.LittleEndian
	switch t.Type {
	case engine.Float32:
		for _, f := range t.F32 {
			dst = le.AppendUint32(dst, math.Float32bits(f))
		}
	case engine.Float64:
		for _, f := range t.F64 {
			dst = le.AppendUint64(dst, math.Float64bits(f))
		}
	case engine.Int64:
		for _, n := range t.I64 {
			dst = le.AppendUint64(dst, uint64(n))
		}
	case engine.Int32:
		for _, n := range t.I32 {
			dst = le.AppendUint32(dst, uint32(n))
		}
	case engine.Uint8:
		dst = append(dst, t.U8...)
	case engine.Bool:
		for _, b := range t.Bool {
			one := byte(0)
			if b {
				one = 1
			}
			dst = append(dst, one)
		}
	case engine.String:
		for _, s := range t.Str {
			dst = append(le.AppendUint32(dst, uint32(len(s))), s...)
		}
	}
	return dst
}
