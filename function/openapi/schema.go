package openapi

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"online-inference/engine"
	"online-inference/function/artefact"
)

// value is the schema of what a client may send for a feature: exactly what the
// server takes, so that a request that fits the document is never refused for a
// value.
func value(f *artefact.Feature) object {
	var s object
	switch {
	case f.Storage == engine.Bool:
		s = object{{"type", types("boolean", f.Nullable)}}
	case len(f.Categories) > 0:
		s = object{{"enum", categories(f)}}
	case f.Storage == engine.String:
		s = object{{"type", types("string", f.Nullable)}}
	case f.Type == artefact.Number:
		s = append(object{{"type", types("number", f.Nullable)}}, bounds(f)...)
	default:
		s = append(object{{"type", types("integer", f.Nullable)}}, bounds(f)...)
	}
	if d := describe(f); d != "" {
		s = append(s, member{"description", d})
	}
	return s
}

func types(name string, nullable bool) any {
	if nullable {
		return []string{name, "null"}
	}
	return name
}

// categories are the values of a category as JSON.
func categories(f *artefact.Feature) []any {
	var all []any
	for _, c := range f.Categories {
		if f.Storage == engine.String {
			all = append(all, c.Value)
		} else {
			all = append(all, json.Number(c.Value))
		}
	}
	if f.Nullable {
		all = append(all, nil)
	}
	return all
}

// mostFloat32 is the largest number that a float32 takes: it is rounded to the
// largest float32, and the next one to infinity.
var mostFloat32 = math.Nextafter(math.MaxFloat32+0x1p103, 0)

// bounds are the feature's own limits, or what its storage can hold.
func bounds(f *artefact.Feature) object {
	low, high := math.Inf(-1), math.Inf(1)
	switch f.Storage {
	case engine.Float32:
		low, high = -mostFloat32, mostFloat32
	case engine.Int64:
		low, high = math.MinInt64, math.MaxInt64
	case engine.Int32:
		low, high = math.MinInt32, math.MaxInt32
	case engine.Uint8:
		low, high = 0, math.MaxUint8
	}
	low, high = max(low, f.Valid.Min), min(high, f.Valid.Max)
	var s object
	if !math.IsInf(low, 0) {
		s = append(s, member{"minimum", limit(low)})
	}
	if !math.IsInf(high, 0) {
		s = append(s, member{"maximum", limit(high)})
	}
	return s
}

// limit writes a bound exactly: 2^63 as a float64 is one more than the largest
// integer.
func limit(f float64) any {
	switch f {
	case math.MinInt64:
		return int64(math.MinInt64)
	case math.MaxInt64:
		return int64(math.MaxInt64)
	}
	return f
}

// describe says in words what the schema's keywords do not.
func describe(f *artefact.Feature) string {
	var parts []string
	if f.Description != "" {
		parts = append(parts, f.Description)
	}
	if f.Unit != "" {
		parts = append(parts, "Unit: "+f.Unit+".")
	}
	var meanings []string
	for _, c := range f.Categories {
		if c.Meaning != "" {
			meanings = append(meanings, c.Value+" = "+c.Meaning)
		}
	}
	if len(meanings) > 0 {
		parts = append(parts, strings.Join(meanings, ", ")+".")
	}
	if f.Training.Bounded() {
		parts = append(parts, "Seen in training: "+f.Training.String()+"; beyond it the answer carries a warning.")
	}
	if f.Nullable {
		parts = append(parts, "null stands for a missing value.")
	}
	return strings.Join(parts, " ")
}

// row is the schema of a row as an object.
func row(m *artefact.Model) object {
	var properties object
	names := make([]string, len(m.Features))
	for i := range m.Features {
		f := &m.Features[i]
		names[i] = f.Name
		properties = append(properties, member{f.Name, value(f)})
	}
	return object{
		{"type", "object"},
		{"description", "One row: a value for each feature."},
		{"properties", properties},
		{"required", names},
		{"additionalProperties", false},
	}
}

// positional is the schema of a row as a list in the order of the features.
func positional(m *artefact.Model) object {
	items := make([]any, len(m.Features))
	for i := range m.Features {
		items[i] = value(&m.Features[i])
	}
	return object{
		{"type", "array"},
		{"description", "One row: a value for each feature, in the order of the features."},
		{"prefixItems", items},
		{"items", false},
		{"minItems", len(items)},
	}
}

// example is a recorded row as a JSON object, in the model's order.
func example(m *artefact.Model, e *artefact.Example) object {
	o := make(object, len(m.Features))
	for i := range m.Features {
		o[i] = member{m.Features[i].Name, json.RawMessage(e.Values[i].JSON())}
	}
	return o
}

// classLabels and classNames are what a classifier answers with.
func classLabels(m *artefact.Model) []any {
	all := make([]any, len(m.Classes))
	for i := range m.Classes {
		all[i] = json.RawMessage(m.Classes[i].Label)
	}
	return all
}

func classNames(m *artefact.Model) []string {
	all := make([]string, len(m.Classes))
	for i := range m.Classes {
		all[i] = m.Classes[i].Name
	}
	return all
}

// prediction is the schema of the answer to a row.
func prediction(m *artefact.Model) object {
	var properties object
	var required []string
	add := func(name string, schema object) {
		properties = append(properties, member{name, schema})
		required = append(required, name)
	}
	roles := make([]engine.Role, len(m.Signature().Outputs))
	for i := range roles {
		roles[i] = m.Role(i)
	}
	if slices.Contains(roles, engine.RoleLabel) {
		label, class := object{{"description", "The chosen class, as the model calls it."}}, text("The chosen class, by name.")
		if len(m.Classes) > 0 {
			label = append(label, member{"enum", classLabels(m)})
			class = append(class, member{"enum", classNames(m)})
		}
		properties = append(properties, member{"label", label}, member{"class", class})
	}
	if slices.Contains(roles, engine.RoleProbabilities) {
		var each object
		for _, name := range classNames(m) {
			each = append(each, member{name, object{{"type", []string{"number", "null"}}}})
		}
		add("probabilities", object{
			{"type", "object"}, {"description", "The probability of each class."},
			{"properties", each}, {"required", classNames(m)}, {"additionalProperties", false},
		})
	}
	if slices.Contains(roles, engine.RolePrediction) {
		add("prediction", object{
			{"type", []string{"number", "null"}},
			{"description", "The predicted value; null for NaN or an infinity, which JSON does not have."},
		})
	}
	var others object
	for i, p := range m.Signature().Outputs {
		if !m.Explained(i) {
			others = append(others, member{p.Name, object{{"type", "array"}}})
		}
	}
	if others != nil {
		add("outputs", object{{"type", "object"}, {"description", "Further outputs of the model, by name."}, {"properties", others}})
	}
	properties = append(properties, member{"warnings", object{
		{"type", "array"}, {"items", object{{"type", "string"}}},
		{"description", "Values that are valid but unlike all that the model was trained on."},
	}})
	s := object{{"type", "object"}, {"properties", properties}}
	if required != nil {
		s = append(s, member{"required", required})
	}
	return append(s, member{"additionalProperties", false})
}
