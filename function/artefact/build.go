package artefact

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"online-inference/engine"
	"online-inference/function/oip"
)

// storedFeatures lists the columns of a signature's inputs. A column that the
// file does not name gets the input's name, with its number where the input has
// several.
func storedFeatures(sig *engine.Signature) ([]Feature, error) {
	var all []Feature
	for i, in := range sig.Inputs {
		width := in.Width()
		if width < 1 {
			return nil, fmt.Errorf("input %q: its shape %v leaves the number of columns open", in.Name, in.Shape)
		}
		for k := range width {
			f := Feature{Name: in.Name, Storage: in.Type, Input: i, Column: k, Valid: everything, Training: everything}
			switch {
			case len(in.Columns) == width:
				f.Name = in.Columns[k]
			case width > 1:
				f.Name += "_" + strconv.Itoa(k)
			}
			switch {
			case in.Type.IsFloat():
				f.Nullable = true
			case in.Type == engine.String || in.Type == engine.Bool:
				f.Type, f.Nullable = Category, in.Missing
			default:
				f.Type = Integer
			}
			if in.Categories != nil {
				f.stored(in.Categories[k])
			}
			all = append(all, f)
		}
	}
	return all, nil
}

// mostStored is how many categories of a file are held against values before the
// model sees them. More would be a table in every description of the model; it
// refuses what it does not know by itself.
const mostStored = 1000

// stored notes the categories that the file lists for a column: texts, or numbers
// without fractions.
func (f *Feature) stored(categories []string) {
	if len(categories) == 0 || len(categories) > mostStored {
		return
	}
	strs, ints := make(map[string]string, len(categories)), make(map[int64]bool, len(categories))
	for _, c := range categories {
		if f.Storage == engine.String {
			strs[c] = c
			continue
		}
		n, err := strconv.ParseInt(c, 10, 64)
		if err != nil {
			return
		}
		ints[n] = true
	}
	f.Type = Category
	if f.Storage == engine.String {
		f.strs = strs
	} else {
		f.ints = ints
	}
	for _, c := range categories {
		f.Categories = append(f.Categories, Categorical{Value: c})
	}
}

// named tells whether the file itself names the column of a feature.
func named(sig *engine.Signature, f *Feature) bool {
	in := sig.Inputs[f.Input]
	return in.Width() == 1 || len(in.Columns) > 0
}

// mergeFeatures adds what model.yaml says to the features of the file. The order
// is the file's; columns that the file does not name are described by place.
func mergeFeatures(sig *engine.Signature, stored []Feature, described []featureDescription) error {
	if len(described) == 0 {
		return nil
	}
	byName := make(map[string]*featureDescription, len(described))
	for i := range described {
		d := &described[i]
		if d.Name == "" {
			return fmt.Errorf("features[%d]: it has no name", i)
		}
		if byName[d.Name] != nil {
			return fmt.Errorf("feature %q: described twice", d.Name)
		}
		byName[d.Name] = d
	}
	if len(described) != len(stored) {
		return fmt.Errorf("features: %d are described, the file takes %d: %s", len(described), len(stored), names(stored))
	}
	for i := range stored {
		f := &stored[i]
		d := byName[f.Name]
		if !named(sig, f) {
			d = &described[i]
		}
		if d == nil {
			return fmt.Errorf("feature %q: the file takes it, model.yaml does not describe it", f.Name)
		}
		if err := f.merge(d); err != nil {
			return fmt.Errorf("feature %q: %w", d.Name, err)
		}
	}
	return nil
}

func names(features []Feature) string {
	all := make([]string, len(features))
	for i := range features {
		all[i] = features[i].Name
	}
	return strings.Join(all, ", ")
}

// merge adds a description to a feature and refuses contradictions.
func (f *Feature) merge(d *featureDescription) error {
	f.Name, f.Unit, f.Description = d.Name, d.Unit, d.Description
	t, ok := map[string]FeatureType{"number": Number, "integer": Integer, "category": Category}[d.Type]
	switch {
	case !ok:
		return fmt.Errorf("type: %q is not known, expected number, integer or category", d.Type)
	case t == Number && !f.Storage.IsFloat():
		return fmt.Errorf("type: a number has fractions, the file stores %s", f.Storage)
	case t == Integer && (f.Storage == engine.String || f.Storage == engine.Bool):
		return fmt.Errorf("type: the file stores %s, no integers", f.Storage)
	case t == Category && len(d.Categories)+len(f.Categories) == 0 && f.Storage.IsNumber() && f.Storage != engine.Bool:
		return errors.New("categories: a category needs its values")
	case t != Category && len(d.Categories) > 0:
		return fmt.Errorf("categories: they belong to a category, the type is %s", t)
	case t == Category && (d.Valid != nil || d.Training != nil):
		return errors.New("valid, training: a category has values, not ranges")
	}
	if f.Type = t; t != Category {
		f.Categories, f.ints, f.strs = nil, nil, nil // the model itself refuses what it does not know
	}
	if err := f.mergeMissing(d); err != nil {
		return err
	}
	if err := f.mergeRanges(d); err != nil {
		return err
	}
	return f.mergeCategories(d.Categories)
}

// mergeMissing checks the token that stands for a missing value.
func (f *Feature) mergeMissing(d *featureDescription) error {
	f.Nullable = d.Nullable
	if !d.Nullable {
		if d.Missing.Kind != 0 {
			return errors.New("missing: it belongs to a nullable feature")
		}
		return nil
	}
	want := "NaN"
	switch {
	case f.Storage == engine.String:
		want = ""
	case !f.Storage.IsFloat():
		return fmt.Errorf("nullable: %s has no token for a missing value", f.Storage)
	}
	if d.Missing.Kind == 0 {
		return fmt.Errorf("missing: a nullable feature needs its token, %q for %s", want, f.Storage)
	}
	got := d.Missing.Value
	if want == "NaN" && strings.EqualFold(got, ".nan") { // as YAML itself writes it
		got = want
	}
	if d.Missing.Kind != yaml.ScalarNode || got != want {
		return fmt.Errorf("missing: %q, expected %q for %s", got, want, f.Storage)
	}
	return nil
}

func (f *Feature) mergeRanges(d *featureDescription) error {
	if d.Valid != nil {
		f.Valid = span(d.Valid.Min, d.Valid.Max)
		if !(f.Valid.Min <= f.Valid.Max) {
			return fmt.Errorf("valid: min %s is not below max %s", number(f.Valid.Min), number(f.Valid.Max))
		}
	}
	if d.Training == nil {
		return nil
	}
	f.Training = span(d.Training.Min, d.Training.Max)
	f.Quantiles = d.Training.Quantiles
	if !(f.Training.Min <= f.Training.Max) {
		return fmt.Errorf("training: min %s is not below max %s", number(f.Training.Min), number(f.Training.Max))
	}
	if !f.Valid.Holds(f.Training.Min) && f.Training.Bounded() || !f.Valid.Holds(f.Training.Max) && f.Training.Bounded() {
		return fmt.Errorf("training: %s goes beyond the valid range %s", f.Training, f.Valid)
	}
	return checkQuantiles(f.Quantiles, f.Training)
}

// quantiles is the number of quantiles: 0, 10, … 100 %.
const quantiles = 11

func checkQuantiles(q []float64, r Range) error {
	if len(q) == 0 {
		return nil
	}
	if len(q) != quantiles {
		return fmt.Errorf("quantiles: expected %d, got %d", quantiles, len(q))
	}
	for i := 1; i < len(q); i++ {
		if !(q[i-1] <= q[i]) {
			return fmt.Errorf("quantiles: %s comes before %s", number(q[i-1]), number(q[i]))
		}
	}
	if q[0] != r.Min || q[quantiles-1] != r.Max {
		return fmt.Errorf("quantiles: they go from %s to %s, the training range is %s", number(q[0]), number(q[quantiles-1]), r)
	}
	return nil
}

// span is a range whose ends may be left out.
func span(lo, hi *float64) Range {
	r := everything
	if lo != nil {
		r.Min = *lo
	}
	if hi != nil {
		r.Max = *hi
	}
	return r
}

// mergeCategories fills the look-ups of a category's values.
func (f *Feature) mergeCategories(described []categoryDescription) error {
	if len(described) == 0 {
		return nil
	}
	if f.Storage == engine.Bool {
		return errors.New("categories: the file stores bool, whose values are true and false")
	}
	text, strs, ints := f.Storage == engine.String, f.strs, f.ints
	f.Categories = nil
	if text {
		f.strs = make(map[string]string, len(described))
	} else {
		f.ints = make(map[int64]bool, len(described))
	}
	for _, d := range described {
		v := d.Value.Value
		if isText := d.Value.Tag == "!!str"; isText != text || d.Value.Kind != yaml.ScalarNode {
			return fmt.Errorf("categories: value %q does not fit the file, which stores %s", v, f.Storage)
		}
		if text {
			if _, ok := f.strs[v]; ok {
				return fmt.Errorf("categories: %q is there twice", v)
			}
			if v == "" && f.Nullable {
				return errors.New(`categories: "" stands for a missing value and can be no category`)
			}
			if _, ok := strs[v]; !ok && strs != nil {
				return fmt.Errorf("categories: %q is none of the file's", v)
			}
			f.strs[v] = v
		} else {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return fmt.Errorf("categories: value %q is no integer", v)
			}
			if f.ints[n] {
				return fmt.Errorf("categories: %d is there twice", n)
			}
			if !ints[n] && ints != nil {
				return fmt.Errorf("categories: %d is none of the file's", n)
			}
			f.ints[n] = true
		}
		f.Categories = append(f.Categories, Categorical{Value: v, Meaning: d.Meaning, Rows: d.Rows})
	}
	return nil
}

// A Class is one answer of a classifier.
type Class struct {
	Label string // as it stands in JSON, quoted where it is a string
	Name  string // for people

	value string // the label as the file has it
	text  bool   // the label is a string
}

// mergeClasses names the classes of the file.
func mergeClasses(sig *engine.Signature, described []classDescription) ([]Class, error) {
	n := sig.Classes.Len()
	if len(described) > 0 && len(described) != n {
		return nil, fmt.Errorf("classes: %d are described, the file has %d", len(described), n)
	}
	classes := make([]Class, n)
	for i := range classes {
		var name string
		if sig.Classes.Strings != nil {
			name = sig.Classes.Strings[i]
			classes[i].Label = string(oip.AppendString(nil, name))
			classes[i].text = true
		} else {
			name = strconv.FormatInt(sig.Classes.Ints[i], 10)
			classes[i].Label = name
		}
		classes[i].Name, classes[i].value = name, name
		if len(described) == 0 {
			continue
		}
		if got := described[i].Label; got.Value != name || (got.Tag == "!!str") != (sig.Classes.Strings != nil) {
			return nil, fmt.Errorf("classes[%d]: label %q, the file has %s in its place", i, got.Value, classes[i].Label)
		}
		if described[i].Name != "" {
			classes[i].Name = described[i].Name
		}
		for _, c := range classes[:i] {
			if c.Name == classes[i].Name {
				return nil, fmt.Errorf("classes[%d]: the name %q is there twice", i, c.Name)
			}
		}
	}
	return classes, nil
}

// roles are the words of model.yaml for the roles of outputs.
var roles = map[string]engine.Role{
	"other": engine.RoleOther, "label": engine.RoleLabel, "probabilities": engine.RoleProbabilities,
	"scores": engine.RoleScores, "prediction": engine.RolePrediction,
}

// mergeOutputs holds the described outputs against the file's and returns what each
// one means. Where the file does not explain an output, its description may.
func mergeOutputs(sig *engine.Signature, described []outputDescription) ([]engine.Role, error) {
	if len(described) > 0 && len(described) != len(sig.Outputs) {
		return nil, fmt.Errorf("outputs: %d are described, the file has %d", len(described), len(sig.Outputs))
	}
	merged := make([]engine.Role, len(sig.Outputs))
	for i, out := range sig.Outputs {
		merged[i] = out.Role
		if len(described) == 0 {
			continue
		}
		d := described[i]
		if d.Name != out.Name {
			return nil, fmt.Errorf("outputs[%d]: %q, the file has %q in its place", i, d.Name, out.Name)
		}
		role, ok := roles[d.Role]
		if !ok {
			return nil, fmt.Errorf("output %q: the role %q is not known", d.Name, d.Role)
		}
		if role != out.Role && (out.Role != engine.RoleOther || !plausible(role, out, sig.Classes)) {
			return nil, fmt.Errorf("output %q: the role is %q, the file says otherwise", d.Name, d.Role)
		}
		merged[i] = role
	}
	return merged, nil
}

// plausible tells whether an output can mean what a description says.
func plausible(role engine.Role, out engine.Port, classes engine.Classes) bool {
	switch role {
	case engine.RoleLabel:
		return classes.Len() > 0 && out.Width() == 1 && (out.Type == engine.String) == (classes.Strings != nil)
	case engine.RoleProbabilities:
		return classes.Len() > 0 && out.Width() == classes.Len() && out.Type.IsFloat()
	}
	return out.Type.IsNumber()
}

// tolerance is how far a probability of an example may be off: the answers were
// recorded in float64, the engine answers in float32.
const tolerance = 1e-5

func near(got, want float64) bool { return math.Abs(got-want) <= tolerance }

// nearRelative is near for values of any size.
func nearRelative(got, want float64) bool {
	return math.Abs(got-want) <= tolerance*max(1, math.Abs(want))
}
