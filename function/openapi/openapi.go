// Package openapi describes the server's HTTP interface for the model that it
// serves, as an OpenAPI 3.1 document: names, types, ranges, categories and classes
// are the model's own, so that a client generated from the document, or a person
// reading it, needs no other description.
package openapi

import (
	"encoding/json"

	"online-inference/function/artefact"
)

// Version is the version of the OpenAPI Specification that the document follows.
const Version = "3.1.0"

// Document writes the document of a model as JSON. build is the version of the
// server, maxRows the most rows that it takes in a request.
func Document(m *artefact.Model, build string, maxRows int) ([]byte, error) {
	title := m.Name
	if m.Title != "" {
		title = m.Title
	}
	return json.MarshalIndent(object{
		{"openapi", Version},
		{"info", object{
			{"title", title},
			{"description", m.Description},
			{"version", build},
			{"x-model", object{{"name", m.Name}, {"version", m.Version}, {"format", m.Format}, {"sha256", m.SHA256}}},
		}},
		{"servers", []any{object{{"url", "/"}}}},
		{"tags", []any{
			object{{"name", "simple"}, {"description", "Rows in, predictions out."}},
			object{{"name", "v2"}, {"description", "The Open Inference Protocol."}},
			object{{"name", "v1"}, {"description", "The protocol of TensorFlow Serving, as KServe speaks it."}},
			object{{"name", "server"}, {"description", "The server itself."}},
		}},
		{"paths", paths(m, maxRows)},
		{"components", object{{"schemas", schemas(m, maxRows)}, {"responses", responses()}, {"headers", headers()}}},
	}, "", "  ")
}

// schemas are the parts that paths refer to.
func schemas(m *artefact.Model, maxRows int) object {
	return object{
		{"Row", row(m)},
		{"RowAsList", positional(m)},
		{"Prediction", prediction(m)},
		{"Error", errorSchema()},
		{"Parameters", object{
			{"type", []string{"object", "null"}},
			{"description", "Free parameters: strings, numbers or booleans by name."},
			{"additionalProperties", object{{"type", []string{"string", "number", "boolean"}}}},
		}},
		{"InferRequest", inferRequest(m, maxRows)},
		{"InferResponse", inferResponse(m)},
	}
}

func errorSchema() object {
	return object{
		{"type", "object"},
		{"description", "What is wrong, and where."},
		{"properties", object{
			{"error", text("For people: what was expected, and what came.")},
			{"input", text("The tensor that is wrong, in /v2.")},
			{"feature", text("The feature that is wrong.")},
			{"row", object{{"type", "integer"}, {"minimum", 0}}},
			{"column", object{{"type", "integer"}, {"minimum", 0}}},
			{"expected", text("What the value has to be.")},
			{"got", text("The value that came, shortened where it is long.")},
		}},
		{"required", []string{"error"}},
	}
}
