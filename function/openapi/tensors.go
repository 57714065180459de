package openapi

import (
	"online-inference/engine"
	"online-inference/function/artefact"
)

// datatype is the protocol's name of a type.
func datatype(t engine.Type) string {
	switch t {
	case engine.Float32:
		return "FP32"
	case engine.Float64:
		return "FP64"
	case engine.Int64:
		return "INT64"
	case engine.Int32:
		return "INT32"
	case engine.Uint8:
		return "UINT8"
	case engine.Bool:
		return "BOOL"
	}
	return "BYTES"
}

// shape is the schema of a tensor's shape.
func shape(maxRows int) object {
	return object{
		{"type", "array"}, {"description", "Rows first; the product is the number of elements."},
		{"items", object{{"type", "integer"}, {"minimum", 1}, {"maximum", maxRows}}}, {"minItems", 1}, {"maxItems", 2},
	}
}

// elements is the schema of a tensor's elements, flat or nested by rows.
func elements(one object) object {
	return object{{"type", "array"}, {"items", object{{"anyOf", []any{one, list(one)}}}}}
}

// inferRequest is the request of the Open Inference Protocol. Whether shape and data
// belong together, and whether each input is there once, is beyond what a schema can
// say.
func inferRequest(m *artefact.Model, maxRows int) object {
	ports := m.Signature().Inputs
	inputs := make([]any, len(ports))
	for i, p := range ports {
		inputs[i] = input(m, i, p, maxRows)
	}
	outputs := make([]string, len(m.Signature().Outputs))
	for i, p := range m.Signature().Outputs {
		outputs[i] = p.Name
	}
	return object{
		{"type", "object"},
		{"properties", object{
			{"id", object{{"type", []string{"string", "null"}}, {"description", "Comes back in the answer."}}},
			{"parameters", ref("Parameters")},
			{"inputs", object{
				{"type", "array"}, {"minItems", len(ports)}, {"maxItems", len(ports)}, {"items", object{{"anyOf", inputs}}},
			}},
			{"outputs", object{
				{"type", []string{"array", "null"}}, {"description", "The outputs that are wanted, in this order; all without it."},
				{"items", object{
					{"type", "object"},
					{"properties", object{{"name", object{{"enum", outputs}}}, {"parameters", ref("Parameters")}}},
					{"required", []string{"name"}},
				}},
			}},
		}},
		{"required", []string{"inputs"}},
	}
}

// input is the schema of one tensor of a request.
func input(m *artefact.Model, k int, p engine.Port, maxRows int) object {
	var values []any
	for i := range m.Features {
		if m.Features[i].Input == k {
			values = append(values, value(&m.Features[i]))
		}
	}
	one := object{{"anyOf", values}}
	if len(values) == 1 {
		one = values[0].(object)
	}
	return object{
		{"type", "object"},
		{"properties", object{
			{"name", constant(p.Name)},
			{"shape", shape(maxRows)},
			{"datatype", constant(datatype(p.Type))},
			{"parameters", ref("Parameters")},
			{"data", elements(one)},
		}},
		{"required", []string{"name", "shape", "datatype", "data"}},
	}
}

// inferBody is the request with a complete example.
func inferBody(m *artefact.Model) object {
	rows := samples(m)
	var inputs []object
	for k, p := range m.Signature().Inputs {
		var flat []any
		width := 0
		for _, r := range rows {
			width = 0
			for i := range m.Features {
				if m.Features[i].Input == k {
					flat = append(flat, r[i].value)
					width++
				}
			}
		}
		inputs = append(inputs, object{
			{"name", p.Name}, {"shape", []int{len(rows), width}}, {"datatype", datatype(p.Type)}, {"data", flat},
		})
	}
	return body(ref("InferRequest"), object{
		{"rows", named("Rows as tensors", object{{"inputs", inputs}})},
	})
}

// inferResponse is the answer of the Open Inference Protocol.
func inferResponse(m *artefact.Model) object {
	var outputs []any
	for _, p := range m.Signature().Outputs {
		kind := object{{"type", []string{jsonKind(p.Type), "null"}}}
		outputs = append(outputs, object{
			{"type", "object"},
			{"properties", object{
				{"name", constant(p.Name)}, {"shape", object{{"type", "array"}, {"items", object{{"type", "integer"}}}}},
				{"datatype", constant(datatype(p.Type))}, {"parameters", ref("Parameters")},
				{"data", object{{"type", "array"}, {"items", kind}}},
			}},
			{"required", []string{"name", "shape", "datatype"}},
		})
	}
	return object{
		{"type", "object"},
		{"properties", object{
			{"model_name", constant(m.Name)}, {"model_version", constant(m.Version)},
			{"id", object{{"type", "string"}}}, {"parameters", ref("Parameters")},
			{"outputs", object{{"type", "array"}, {"items", object{{"anyOf", outputs}}}}},
		}},
		{"required", []string{"model_name", "outputs"}},
	}
}

func jsonKind(t engine.Type) string {
	switch t {
	case engine.Bool:
		return "boolean"
	case engine.String:
		return "string"
	case engine.Float32, engine.Float64:
		return "number"
	}
	return "integer"
}
