// Package inspect tells what a model is, as far as its file and its model.yaml
// say: where it comes from, what it takes and gives, and how large it is. The
// engine keeps only what it needs to score; the rest is read from the file here.
package inspect

import (
	"fmt"
	"math"
	"strings"

	"online-inference/engine"
	"online-inference/function/artefact"
)

// A Report is what can be said of a model; its JSON form is documented in
// docs/reference/oinf.md.
type Report struct {
	Name        string `json:"name"`
	Version     string `json:"version"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`

	File      string `json:"file"`
	Bytes     int    `json:"bytes"`
	SHA256    string `json:"sha256"`
	Described bool   `json:"described"` // by a model.yaml

	Format string `json:"format"` // as the engine calls it
	Origin
	Structure Structure `json:"structure"`

	Inputs   []Port    `json:"inputs"`
	Features []Feature `json:"features"`
	Outputs  []Port    `json:"outputs"`
	Classes  []Class   `json:"classes,omitempty"`

	MaxRows  int                `json:"max_rows"` // of a batch
	Examples int                `json:"examples"` // rows that the model answered as recorded
	Training *artefact.Training `json:"training,omitempty"`
}

// Origin is what the file says of how it came to be.
type Origin struct {
	FormatVersion   string            `json:"format_version,omitempty"` // "IR 10", "v4"
	Opsets          map[string]int64  `json:"opsets,omitempty"`         // of ONNX, by domain
	Producer        string            `json:"producer,omitempty"`       // the program that wrote the file
	ProducerVersion string            `json:"producer_version,omitempty"`
	Objective       string            `json:"objective,omitempty"` // what training optimised, in its framework's words
	Metadata        map[string]string `json:"metadata,omitempty"`
}

// Structure is what a model is made of.
type Structure struct {
	Trees     *Trees         `json:"trees,omitempty"`
	Linear    bool           `json:"linear,omitempty"`    // a linear booster
	Operators map[string]int `json:"operators,omitempty"` // of an ONNX graph, with their number
	Note      string         `json:"note,omitempty"`
}

// Trees measures the trees of a model.
type Trees struct {
	Count  int `json:"count"`
	Nodes  int `json:"nodes"` // leaves included
	Leaves int `json:"leaves"`
	Depth  int `json:"depth"` // the most tests that a row meets in a tree
}

func (t *Trees) add(nodes, leaves, depth int) {
	t.Count++
	t.Nodes += nodes
	t.Leaves += leaves
	t.Depth = max(t.Depth, depth)
}

// A Port is an input or an output of the file.
type Port struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape []int  `json:"shape"` // -1 is free; the first dimension counts rows
	Role  string `json:"role,omitempty"`
}

// A Feature is a column of the table that the model scores.
type Feature struct {
	Name        string     `json:"name"`
	Type        string     `json:"type"`    // number, integer or category
	Storage     string     `json:"storage"` // the type of the model's input
	Input       string     `json:"input"`
	Column      int        `json:"column"` // of that input
	Nullable    bool       `json:"nullable"`
	Unit        string     `json:"unit,omitempty"`
	Description string     `json:"description,omitempty"`
	Valid       *Range     `json:"valid,omitempty"`
	Training    *Range     `json:"training,omitempty"`
	Categories  []Category `json:"categories,omitempty"`

	expected string
}

// A Range has an end where it has a limit.
type Range struct {
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
}

// A Category is a value that a feature takes.
type Category struct {
	Value   string `json:"value"`
	Meaning string `json:"meaning,omitempty"`
}

// A Class is an answer of a classifier.
type Class struct {
	Label string `json:"label"`
	Name  string `json:"name"`
}

// Model reads a model file, or a folder with one, and reports on it. The model's
// example rows have been answered as recorded, or there is an error.
func Model(path string) (*Report, error) {
	files, err := artefact.Read(path)
	if err != nil {
		return nil, err
	}
	m, err := files.Load(artefact.Labels{})
	if err != nil {
		return nil, err
	}
	examples, err := m.SelfTest()
	if err != nil {
		return nil, err
	}
	r := &Report{
		Name: m.Name, Version: m.Version, Title: m.Title, Description: strings.TrimSpace(m.Description),
		File: files.Name, Bytes: len(files.Data), SHA256: m.SHA256, Described: m.Described,
		Format: m.Format, MaxRows: m.MaxRows(), Examples: examples, Training: m.Training,
	}
	if err := r.read(files.Data); err != nil {
		return nil, fmt.Errorf("cannot inspect %s: %w", files.Name, err)
	}
	r.describe(m)
	return r, nil
}

// read fills in what the engine does not keep.
func (r *Report) read(data []byte) error {
	switch r.Format {
	case "onnx":
		return r.readONNX(data)
	case "xgboost-json", "xgboost-ubj":
		return r.readXGBoost(data)
	case "lightgbm-text":
		return r.readLightGBM(data)
	case "catboost-json":
		return r.readCatBoost(data)
	}
	return fmt.Errorf("format %q is not known", r.Format)
}

// describe fills in what the model takes and gives.
func (r *Report) describe(m *artefact.Model) {
	sig := m.Signature()
	for _, in := range sig.Inputs {
		r.Inputs = append(r.Inputs, Port{in.Name, in.Type.String(), in.Shape, ""})
	}
	for i, out := range sig.Outputs {
		r.Outputs = append(r.Outputs, Port{out.Name, out.Type.String(), out.Shape, roles[m.Role(i)]})
	}
	for i := range m.Features {
		f := &m.Features[i]
		d := Feature{
			Name: f.Name, Type: f.Type.String(), Storage: f.Storage.String(),
			Input: sig.Inputs[f.Input].Name, Column: f.Column, Nullable: f.Nullable,
			Unit: f.Unit, Description: f.Description, Valid: rangeOf(f.Valid), Training: rangeOf(f.Training),
			expected: f.Expected(),
		}
		for _, c := range f.Categories {
			d.Categories = append(d.Categories, Category{c.Value, c.Meaning})
		}
		r.Features = append(r.Features, d)
	}
	for _, c := range m.Classes {
		r.Classes = append(r.Classes, Class{c.Label, c.Name})
	}
}

var roles = map[engine.Role]string{
	engine.RoleLabel: "label", engine.RoleProbabilities: "probabilities", engine.RoleScores: "scores", engine.RolePrediction: "prediction",
}

// rangeOf is nil for a range without limits.
func rangeOf(r artefact.Range) *Range {
	if !r.Bounded() {
		return nil
	}
	limit := func(f float64) *float64 {
		if math.IsInf(f, 0) {
			return nil
		}
		return &f
	}
	return &Range{limit(r.Min), limit(r.Max)}
}
