package server

import (
	"encoding/json"
	"net/http"
	"strings"

	"online-inference/engine"
	"online-inference/function/artefact"
	"online-inference/function/oip"
)

// serverName is our name in the protocol's server metadata.
const serverName = "online-inference"

type serverMetadata struct {
	Name       string   `json:"name"`
	Version    string   `json:"version"`
	Extensions []string `json:"extensions"`
}

type modelMetadata struct {
	Name       string            `json:"name"`
	Versions   []string          `json:"versions"`
	Platform   string            `json:"platform"`
	Inputs     []tensorMetadata  `json:"inputs"`
	Outputs    []tensorMetadata  `json:"outputs"`
	Properties map[string]string `json:"properties,omitempty"`
}

type tensorMetadata struct {
	Name     string `json:"name"`
	Datatype string `json:"datatype"`
	Shape    []int  `json:"shape"`
}

func (s *Server) serverMetadata(c *call) error {
	return s.replyJSON(c, serverMetadata{Name: serverName, Version: s.opt.Build, Extensions: []string{"binary_tensor_data"}})
}

func (s *Server) modelMetadata(c *call) error {
	m, err := s.model(c)
	if err != nil {
		return err
	}
	sig := m.Signature()
	meta := modelMetadata{
		Name: m.Name, Versions: []string{m.Version}, Platform: platform(m),
		Inputs: tensors(sig.Inputs), Outputs: tensors(sig.Outputs), Properties: map[string]string{},
	}
	for key, value := range map[string]string{
		"title": m.Title, "description": m.Description, "sha256": m.SHA256, "revision": s.opt.Revision, "pod": s.opt.Pod,
	} {
		if value != "" {
			meta.Properties[key] = value
		}
	}
	return s.replyJSON(c, meta)
}

// platform is PROJECT_FORMAT, as the protocol forms it. It names ONNX's itself; the
// engine's names of the others are xgboost-json and their like.
func platform(m *artefact.Model) string {
	if m.Format == "onnx" {
		return "onnx_onnxv1"
	}
	return strings.Replace(m.Format, "-", "_", 1)
}

func tensors(ports []engine.Port) []tensorMetadata {
	all := make([]tensorMetadata, len(ports))
	for i, p := range ports {
		all[i] = tensorMetadata{Name: p.Name, Datatype: datatype(p.Type).String(), Shape: p.Shape}
	}
	return all
}

// datatype is the protocol's name of an engine's type.
func datatype(t engine.Type) oip.Datatype {
	switch t {
	case engine.Float32:
		return oip.FP32
	case engine.Float64:
		return oip.FP64
	case engine.Int64:
		return oip.INT64
	case engine.Int32:
		return oip.INT32
	case engine.Uint8:
		return oip.UINT8
	case engine.Bool:
		return oip.BOOL
	}
	return oip.BYTES
}

// replyJSON answers 200 with a value.
func (s *Server) replyJSON(c *call, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	s.reply(c, http.StatusOK, jsonType, append(body, '\n'))
	return nil
}
