package artefact

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"online-inference/engine"
	"online-inference/function/oip"
)

// FeatureType is what the values of a feature mean.
type FeatureType uint8

// The types of features.
const (
	Number   FeatureType = iota // any number
	Integer                     // a whole number
	Category                    // one of a list, or any string where there is no list
)

func (t FeatureType) String() string { return [...]string{"number", "integer", "category"}[t] }

// A Feature is one column of a model's table.
type Feature struct {
	Name, Unit, Description string
	Type                    FeatureType
	// Storage is the type of the model's input, which can be wider than Type.
	Storage engine.Type
	// Input and Column say where the model takes the feature.
	Input, Column int
	// Nullable features may be missing; the model then gets NaN or "".
	Nullable bool
	// Valid bounds values, Training tells what the model has seen. Both are
	// infinite where nothing is known.
	Valid, Training Range
	// Quantiles of the training data at 0, 10, … 100 %.
	Quantiles  []float64
	Categories []Categorical

	ints     map[int64]bool
	small    uint64 // those of ints from 0 to 63, a bit each
	strs     map[string]string
	expected string // what the feature takes, for messages
}

// A Categorical is one value of a category.
type Categorical struct {
	Value   string // as a client writes it, without quotes
	Meaning string
	Rows    int // in the training data
}

// A Range is a closed interval.
type Range struct{ Min, Max float64 }

var everything = Range{math.Inf(-1), math.Inf(1)}

// Holds tells whether a value lies in the range.
func (r Range) Holds(f float64) bool { return r.Min <= f && f <= r.Max }

// Bounded tells whether the range has a limit at all.
func (r Range) Bounded() bool { return r != everything }

func (r Range) String() string {
	switch {
	case math.IsInf(r.Min, -1):
		return "at most " + number(r.Max)
	case math.IsInf(r.Max, 1):
		return "at least " + number(r.Min)
	}
	return "from " + number(r.Min) + " to " + number(r.Max)
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// Expected tells what values the feature takes, for messages and people.
func (f *Feature) Expected() string { return f.expected }

// ExpectedOf is Expected for a refused value of a kind: a number that a feature
// without bounds of its own does not take is one that its storage cannot hold.
func (f *Feature) ExpectedOf(kind oip.Kind) string {
	if kind == oip.Number && f.Type == Number && f.Storage == engine.Float32 && len(f.Categories) == 0 && !f.Valid.Bounded() {
		return f.expected + ", within ±" + strconv.FormatFloat(math.MaxFloat32, 'g', -1, 32)
	}
	return f.expected
}

// mostTold is how many categories a message lists.
const mostTold = 20

// describeExpected writes Expected once, after the feature is complete, and makes
// ready what judging values takes.
func (f *Feature) describeExpected() {
	var b strings.Builder
	switch {
	case len(f.Categories) > 0:
		b.WriteString("one of ")
		for i, c := range f.Categories {
			if i > 0 {
				b.WriteString(", ")
			}
			if i == mostTold {
				fmt.Fprintf(&b, "… (%d in all)", len(f.Categories))
				break
			}
			if f.Storage == engine.String {
				b.WriteString(strconv.Quote(c.Value))
			} else {
				b.WriteString(c.Value)
			}
			if c.Meaning != "" {
				b.WriteString(" (" + c.Meaning + ")")
			}
		}
	case f.Storage == engine.String:
		b.WriteString("a string")
	case f.Storage == engine.Bool:
		b.WriteString("true or false")
	case f.Type == Number:
		b.WriteString("a number")
	default:
		b.WriteString("an integer")
	}
	if f.Valid.Bounded() {
		b.WriteString(" " + f.Valid.String())
	}
	if f.Unit != "" {
		b.WriteString(" (" + f.Unit + ")")
	}
	if f.Nullable {
		b.WriteString(" or null")
	}
	f.expected = b.String()
	for n := range f.ints {
		if uint64(n) < 64 {
			f.small |= 1 << uint(n)
		}
	}
}

// set checks one value and writes it to element i of the model's input. This and
// setValue are the only places that judge values, whatever endpoint they came by.
// ok is false where the feature does not take the value; strange is true where it
// is valid but outside the range that the model was trained on.
func (f *Feature) set(t *engine.Tensor, i int, kind oip.Kind, text []byte) (ok, strange bool) {
	if kind == oip.Null {
		return f.Nullable && setMissing(t, i), false
	}
	switch t.Type {
	case engine.String:
		return kind == oip.String && f.setString(t, i, text), false
	case engine.Bool:
		t.Bool[i] = len(text) > 0 && text[0] == 't'
		return kind == oip.Bool, false
	}
	if kind != oip.Number {
		return false, false
	}
	if f.Type == Number {
		x, ok := oip.Float64(text)
		return f.setFloat(t, i, x, ok)
	}
	n, ok := oip.Int64(text)
	return f.setInt(t, i, n, ok)
}

// setValue is set for a value that came as binary data: NaN is a missing number,
// as null is in JSON.
func (f *Feature) setValue(t *engine.Tensor, i int, v *oip.Value) (ok, strange bool) {
	if v.Kind == oip.FloatValue && v.Float != v.Float {
		return f.Nullable && setMissing(t, i), false
	}
	if t.Type == engine.Bool {
		t.Bool[i] = v.Bool
		return v.Kind == oip.BoolValue, false
	}
	if !t.Type.IsNumber() {
		return false, false
	}
	whole := f.Type != Number
	switch v.Kind {
	case oip.FloatValue:
		if whole {
			n, exact := int64(v.Float), math.Abs(v.Float) < 1<<53
			return f.setInt(t, i, n, exact && float64(n) == v.Float)
		}
		return f.setFloat(t, i, v.Float, !math.IsInf(v.Float, 0))
	case oip.IntValue:
		if whole {
			return f.setInt(t, i, v.Int, true)
		}
		return f.setFloat(t, i, float64(v.Int), true)
	case oip.UintValue:
		return f.setFloat(t, i, float64(v.Uint), !whole)
	}
	return false, false
}

// setFloat stores a number of a feature that takes any; sound is whether it is one.
func (f *Feature) setFloat(t *engine.Tensor, i int, x float64, sound bool) (ok, strange bool) {
	ok = sound && f.Valid.Holds(x) && setNumber(t, i, x)
	return ok, ok && !f.Training.Holds(x)
}

// setInt stores a number of a feature that takes whole ones.
func (f *Feature) setInt(t *engine.Tensor, i int, n int64, sound bool) (ok, strange bool) {
	if ok = sound; ok && f.ints != nil {
		if uint64(n) < 64 {
			ok = f.small>>uint(n)&1 == 1
		} else {
			ok = f.ints[n]
		}
	}
	x := float64(n)
	if t.Type == engine.Int64 {
		t.I64[i] = n
	}
	ok = ok && f.Valid.Holds(x) && setNumber(t, i, x)
	return ok, ok && !f.Training.Holds(x)
}

// fewCategories are compared faster than looked up.
const fewCategories = 8

// setString writes the model's own copy of a category, so that nothing of the
// request is kept.
func (f *Feature) setString(t *engine.Tensor, i int, text []byte) bool {
	if f.strs == nil {
		t.Str[i] = string(text)
		return true
	}
	if len(f.Categories) <= fewCategories {
		for k := range f.Categories {
			if v := f.Categories[k].Value; v == string(text) {
				t.Str[i] = v
				return true
			}
		}
		return false
	}
	v, ok := f.strs[string(text)]
	t.Str[i] = v
	return ok
}

// setMissing writes the missing token, NaN or "".
func setMissing(t *engine.Tensor, i int) bool {
	switch t.Type {
	case engine.Float32:
		t.F32[i] = float32(math.NaN())
	case engine.Float64:
		t.F64[i] = math.NaN()
	case engine.String:
		t.Str[i] = ""
	default:
		return false
	}
	return true
}

// setNumber writes a number; it fails where the type cannot hold it. An infinity
// is a number where it is written as one, which JSON has no way to do.
func setNumber(t *engine.Tensor, i int, x float64) bool {
	switch t.Type {
	case engine.Float32:
		t.F32[i] = float32(x)
		return !math.IsInf(float64(t.F32[i]), 0) || math.IsInf(x, 0)
	case engine.Float64:
		t.F64[i] = x
	case engine.Int64: // written exactly by set
	case engine.Int32:
		t.I32[i] = int32(x)
		return math.MinInt32 <= x && x <= math.MaxInt32
	case engine.Uint8:
		t.U8[i] = uint8(x)
		return 0 <= x && x <= math.MaxUint8
	default:
		return false
	}
	return true
}

// Warning tells of a value outside the training range.
func (f *Feature) Warning(text []byte) string {
	return fmt.Sprintf("%s %s is outside the training range %s", f.Name, oip.Describe(oip.Number, text), f.Training)
}
