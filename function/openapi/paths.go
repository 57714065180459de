package openapi

import (
	"maps"
	"slices"
	"strconv"

	"online-inference/function/artefact"
)

const jsonType = "application/json"

// paths are the server's addresses for the model that it serves.
func paths(m *artefact.Model, maxRows int) object {
	v2, v1 := "/v2/models/"+m.Name, "/v1/models/"+m.Name
	version := v2 + "/versions/" + m.Version
	ready := object{{"type", "object"}, {"properties", object{{"ready", boolean}}}, {"required", []string{"ready"}}}
	named := object{
		{"type", "object"}, {"properties", object{{"name", constant(m.Name)}, {"ready", boolean}}}, {"required", []string{"name", "ready"}},
	}
	live := object{{"type", "object"}, {"properties", object{{"live", constant(true)}}}, {"required", []string{"live"}}}
	anything := object{{"type", "object"}}
	return object{
		{"/predict", object{{"post", operation("simple", "predict", "Score rows.", predictBody(m, maxRows), predictAnswer(), 400, 404, 408, 413, 415, 503)}}},
		{"/health", object{{"get", operation("server", "health", "Whether the model can be asked, and who answers.", nil, anything, 503)}}},
		{"/v2", object{{"get", operation("v2", "serverMetadata", "What the server is.", nil, serverMetadata())}}},
		{"/v2/health/live", object{{"get", operation("v2", "serverLive", "Whether the process works.", nil, live)}}},
		{"/v2/health/ready", object{{"get", operation("v2", "serverReady", "Whether the model can be asked.", nil, ready, 503)}}},
		{v2, object{{"get", operation("v2", "modelMetadata", "The model's inputs and outputs.", nil, modelMetadata(m), 404, 503)}}},
		{v2 + "/ready", object{{"get", operation("v2", "modelReady", "Whether the model can be asked.", nil, named, 404, 503)}}},
		{v2 + "/infer", object{{"post", infer(m, "modelInfer")}}},
		{version, object{{"get", operation("v2", "versionMetadata", "The same for one version.", nil, modelMetadata(m), 404, 503)}}},
		{version + "/ready", object{{"get", operation("v2", "versionReady", "The same for one version.", nil, named, 404, 503)}}},
		{version + "/infer", object{{"post", infer(m, "versionInfer")}}},
		{"/v1/models", object{{"get", operation("v1", "listModels", "The models of this server.", nil, modelList(m), 503)}}},
		{v1, object{{"get", operation("v1", "modelStatus", "Whether the model can be asked.", nil, named, 404, 503)}}},
		{v1 + ":predict", object{{"post", operation("v1", "v1Predict", "Score rows.", instancesBody(m, maxRows), instancesAnswer(), 400, 404, 408, 413, 415, 503)}}},
	}
}

var boolean = object{{"type", "boolean"}}

func constant(v any) object { return object{{"const", v}} }

// operation describes one method of a path; body is nil where it takes none.
func operation(tag, id, summary string, body, answer object, errors ...int) object {
	op := object{{"tags", []string{tag}}, {"operationId", id}, {"summary", summary}}
	if body != nil {
		op = append(op, member{"requestBody", body})
	}
	all := object{{"200", object{
		{"description", "The answer."}, {"headers", answerHeaders()}, {"content", object{{jsonType, object{{"schema", answer}}}}},
	}}}
	for _, status := range errors {
		all = append(all, member{strconv.Itoa(status), object{{"$ref", "#/components/responses/" + strconv.Itoa(status)}}})
	}
	all = append(all, member{"500", object{{"$ref", "#/components/responses/500"}}})
	return append(op, member{"responses", all})
}

func infer(m *artefact.Model, id string) object {
	return operation("v2", id, "Score a batch of rows given as tensors.", inferBody(m), ref("InferResponse"), 400, 404, 408, 413, 415, 503)
}

// meanings of the statuses that are no success.
var meanings = map[int]string{
	400: "The request is wrong: the message names place, expected and got.",
	404: "There is no such model, version or path.",
	408: "The request did not arrive in time.",
	413: "The request has too many bytes or rows.",
	415: "The body is of a type or coding that is not read.",
	500: "A fault of the server.",
	503: "The model is not loaded yet, or the server is about to end. Try again.",
}

func responses() object {
	var all object
	for _, status := range slices.Sorted(maps.Keys(meanings)) {
		r := object{{"description", meanings[status]}}
		if status == 503 {
			r = append(r, member{"headers", object{{"Retry-After", object{{"$ref", "#/components/headers/Retry-After"}}}}})
		}
		r = append(r, member{"content", object{{jsonType, object{{"schema", ref("Error")}}}}})
		all = append(all, member{strconv.Itoa(status), r})
	}
	return all
}

// described are the headers of every answer.
var described = object{
	{"X-Model-Name", "The model that answered."},
	{"X-Model-Version", "Its version."},
	{"X-Revision", "The Knative revision that answered; absent elsewhere."},
	{"X-Pod", "The pod or host that answered."},
	{"X-Request-Id", "The client's id of the request, or one that was made for it."},
}

func headers() object {
	var all object
	for _, h := range described {
		all = append(all, member{h.name, object{{"description", h.value}, {"schema", object{{"type", "string"}}}}})
	}
	return append(all, member{"Retry-After", object{{"description", "Seconds to wait."}, {"schema", object{{"type", "integer"}}}}})
}

func answerHeaders() object {
	var all object
	for _, h := range described {
		all = append(all, member{h.name, object{{"$ref", "#/components/headers/" + h.name}}})
	}
	return all
}
