package openapi

import (
	"fmt"
	"math"
	"slices"

	"online-inference/engine"
	"online-inference/function/artefact"
	"online-inference/function/oip"
)

// maxExamples bounds the rows of an example.
const maxExamples = 2

// samples are rows that the model takes: the recorded ones, or one that is made of
// what each feature allows.
func samples(m *artefact.Model) []object {
	var all []object
	for i := range min(len(m.Examples), maxExamples) {
		all = append(all, example(m, &m.Examples[i]))
	}
	if len(all) > 0 {
		return all
	}
	return []object{sample(m)}
}

// sample is a row of plausible values. A model may know categories that its
// signature does not tell, such as numbers with fractions, and refuse others: such a
// value gives way to null.
func sample(m *artefact.Model) object {
	o := make(object, len(m.Features))
	for i := range m.Features {
		o[i] = member{m.Features[i].Name, plausible(&m.Features[i])}
	}
	if taken(m, o) {
		return o
	}
	blank := slices.Clone(o)
	for i := range blank {
		if m.Features[i].Nullable {
			blank[i].value = nil
		}
	}
	for i := range o {
		alone := slices.Clone(blank)
		alone[i] = o[i]
		if m.Features[i].Nullable && !taken(m, alone) {
			o[i].value = nil
		}
	}
	return o
}

// taken tells whether the model scores a row.
func taken(m *artefact.Model, row object) bool {
	b := m.Batch(1)
	defer b.Release()
	for i := range row {
		kind, text := oip.Number, fmt.Append(nil, row[i].value)
		switch row[i].value.(type) {
		case nil:
			kind, text = oip.Null, []byte("null")
		case bool:
			kind = oip.Bool
		case string:
			kind = oip.String
		}
		if expected, _ := b.Set(0, i, kind, text); expected != "" {
			return false
		}
	}
	return b.Run() == nil
}

// plausible is a value that a feature takes.
func plausible(f *artefact.Feature) any {
	switch {
	case f.Storage == engine.Bool:
		return false
	case len(f.Categories) > 0:
		return categories(f)[0]
	case f.Storage == engine.String:
		return ""
	}
	return limit(max(math.Min(0, f.Valid.Max), f.Valid.Min))
}

func body(schema object, examples object) object {
	return object{{"required", true}, {"content", object{{jsonType, object{{"schema", schema}, {"examples", examples}}}}}}
}

func named(summary string, value any) object { return object{{"summary", summary}, {"value", value}} }

// rowsOf is the schema of the rows of a request.
func rowsOf(kind string, maxRows int) object {
	return append(list(ref(kind)), member{"maxItems", maxRows})
}

// predictBody is the request of /predict.
func predictBody(m *artefact.Model, maxRows int) object {
	names := make([]string, m.Len())
	for i := range names {
		names[i] = m.FeatureName(i)
	}
	columns := object{
		{"type", "object"},
		{"description", "The names of the columns, in any order, and rows of values in that order."},
		{"properties", object{
			{"features", object{{"const", names}}},
			{"data", rowsOf("RowAsList", maxRows)},
		}},
		{"required", []string{"features", "data"}},
		{"additionalProperties", false},
	}
	rows := samples(m)
	return body(object{{"oneOf", []any{rowsOf("Row", maxRows), columns}}}, object{
		{"objects", named("Rows as objects", rows)},
		{"columns", named("Names and rows", object{{"features", names}, {"data", valuesOf(rows)}})},
	})
}

// valuesOf are rows without their names.
func valuesOf(rows []object) [][]any {
	all := make([][]any, len(rows))
	for i, r := range rows {
		for _, m := range r {
			all[i] = append(all[i], m.value)
		}
	}
	return all
}

func who() object {
	return object{
		{"model", text("Its name.")}, {"version", text("Its version.")},
		{"revision", text("The Knative revision, empty elsewhere.")}, {"pod", text("The pod or host.")},
	}
}

func predictAnswer() object {
	return object{
		{"type", "object"},
		{"properties", append(who(), member{"predictions", object{{"type", "array"}, {"items", ref("Prediction")}}})},
		{"required", []string{"model", "version", "revision", "pod", "predictions"}},
	}
}

// instancesBody is the request of the V1 protocol.
func instancesBody(m *artefact.Model, maxRows int) object {
	rows := object{{"oneOf", []any{rowsOf("Row", maxRows), rowsOf("RowAsList", maxRows)}}}
	form := func(name string) object {
		return object{{"type", "object"}, {"properties", object{{name, rows}}}, {"required", []string{name}}}
	}
	examples := samples(m)
	return body(object{{"oneOf", []any{form("instances"), form("inputs")}}}, object{
		{"objects", named("Rows as objects", object{{"instances", examples}})},
		{"lists", named("Rows as lists", object{{"instances", valuesOf(examples)}})},
	})
}

func instancesAnswer() object {
	return object{
		{"type", "object"}, {"properties", object{{"predictions", object{{"type", "array"}}}}}, {"required", []string{"predictions"}},
	}
}

func modelList(m *artefact.Model) object {
	return object{
		{"type", "object"},
		{"properties", object{{"models", object{{"type", "array"}, {"items", constant(m.Name)}}}}},
		{"required", []string{"models"}},
	}
}

func serverMetadata() object {
	return object{
		{"type", "object"},
		{"properties", object{
			{"name", text("The server.")}, {"version", text("Its version.")},
			{"extensions", object{{"type", "array"}, {"items", object{{"type", "string"}}}}},
		}},
		{"required", []string{"name", "version", "extensions"}},
	}
}

func modelMetadata(m *artefact.Model) object {
	tensor := object{
		{"type", "object"},
		{"properties", object{
			{"name", object{{"type", "string"}}}, {"datatype", object{{"type", "string"}}},
			{"shape", object{{"type", "array"}, {"items", object{{"type", "integer"}, {"minimum", -1}}}}},
		}},
		{"required", []string{"name", "datatype", "shape"}},
	}
	tensors := object{{"type", "array"}, {"items", tensor}}
	return object{
		{"type", "object"},
		{"properties", object{
			{"name", constant(m.Name)}, {"versions", constant([]string{m.Version})}, {"platform", object{{"type", "string"}}},
			{"inputs", tensors}, {"outputs", tensors},
			{"properties", object{{"type", "object"}, {"additionalProperties", object{{"type", "string"}}}}},
		}},
		{"required", []string{"name", "platform", "inputs", "outputs"}},
	}
}
