package artefact

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"online-inference/engine"
)

// A Model is a loaded and checked model. It is immutable but for what it counts, and
// safe for concurrent use.
type Model struct {
	Name, Version      string
	Title, Description string
	Source             string // the path that it was loaded from
	Format             string // the file's format, as the engine calls it
	SHA256             string // of the model file
	Described          bool   // by a model.yaml
	Features           []Feature
	Classes            []Class // none where the model is no classifier
	Examples           []Example
	Training           *Training // nil without a record

	engine  *engine.Model
	roles   []engine.Role // of the outputs
	index   map[string]int
	batches sync.Pool
	bins    *Bins
}

// Labels override what an artefact says of itself; empty ones do not.
type Labels struct{ Name, Version string }

// fallbackVersion labels a model that nobody gave a version.
const fallbackVersion = "1"

// Load reads a model file, or a folder with one model file and an optional
// model.yaml, and checks that both say the same. It does not run the model:
// SelfTest does.
func Load(path string, labels Labels) (m *Model, err error) {
	file, desc, err := locate(path)
	if err != nil {
		return nil, fmt.Errorf("cannot load model: %w", err)
	}
	var loadErr error
	err = useModel(file, func(data []byte) error {
		m, loadErr = (&Files{Path: path, Name: file, Data: data, description: desc}).Load(labels)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot load model: %w", err)
	}
	return m, loadErr
}

// Files are an artefact as it lies on disk, before anything is made of it.
type Files struct {
	Path string // as it was given: the model file or its folder
	Name string // of the model file
	Data []byte // of the model file

	description string // the path of model.yaml; empty without one
}

// Read finds the model file of a path and reads it.
func Read(path string) (*Files, error) {
	file, desc, err := locate(path)
	if err != nil {
		return nil, fmt.Errorf("cannot load model: %w", err)
	}
	var content []byte
	err = useModel(file, func(data []byte) error {
		content = bytes.Clone(data)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot load model: %w", err)
	}
	return &Files{Path: path, Name: file, Data: content, description: desc}, nil
}

// Load makes a model of the files, as the function of the same name does.
func (f *Files) Load(labels Labels) (*Model, error) {
	e, err := engine.Load(f.Data)
	if err != nil {
		return nil, fmt.Errorf("cannot load model %s: %w", f.Name, err)
	}
	d := &description{}
	if f.description != "" {
		text, err := readFile(f.description, maxDescriptionBytes)
		if err != nil {
			return nil, fmt.Errorf("cannot load model: %w", err)
		}
		if d, err = parseDescription(text); err != nil {
			return nil, fmt.Errorf("cannot load model: %s: %w", f.description, err)
		}
	}
	m, err := build(e, d)
	if err != nil {
		return nil, fmt.Errorf("cannot load model %s: %w", f.Path, err)
	}
	sum := sha256.Sum256(f.Data)
	m.SHA256, m.Source, m.Described = hex.EncodeToString(sum[:]), f.Path, f.description != ""
	stem := strings.TrimSuffix(filepath.Base(f.Path), filepath.Ext(f.Path))
	if err := m.label(labels, d, stem); err != nil {
		return nil, fmt.Errorf("cannot load model %s: %w", f.Path, err)
	}
	return m, nil
}

// build joins what the file and its description say.
func build(e *engine.Model, d *description) (*Model, error) {
	sig := e.Signature()
	features, err := storedFeatures(sig)
	if err != nil {
		return nil, err
	}
	if err := mergeFeatures(sig, features, d.Features); err != nil {
		return nil, err
	}
	classes, err := mergeClasses(sig, d.Classes)
	if err != nil {
		return nil, err
	}
	roles, err := mergeOutputs(sig, d.Outputs)
	if err != nil {
		return nil, err
	}
	m := &Model{
		Title: d.Title, Description: d.Description, Format: sig.Format,
		Features: features, Classes: classes, Training: d.Training,
		engine: e, roles: roles, index: make(map[string]int, len(features)),
	}
	for i := range m.Features {
		f := &m.Features[i]
		f.describeExpected()
		if _, ok := m.index[f.Name]; ok {
			return nil, fmt.Errorf("two columns are called %q", f.Name)
		}
		m.index[f.Name] = i
	}
	m.batches.New = func() any { return e.NewBatch() }
	m.bins = newBins(m.Features)
	m.Examples, err = buildExamples(m, d.Examples)
	return m, err
}

// label decides name and version: an override, else the description, else the
// file's own name, as far as a label can be that, and version 1.
func (m *Model) label(labels Labels, d *description, stem string) error {
	m.Name = first(labels.Name, d.Name, labelOf(stem))
	m.Version = first(labels.Version, d.Version, fallbackVersion)
	if err := CheckLabel(m.Name); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	if err := CheckLabel(m.Version); err != nil {
		return fmt.Errorf("version: %w", err)
	}
	return nil
}

// fallbackName labels a model whose file's name has nothing that a label may have.
const fallbackName = "model"

// labelOf makes a label of a file's name: nobody chose it to be one, so what a
// label may not have becomes '-'.
func labelOf(stem string) string {
	name := strings.Map(func(c rune) rune {
		if c < utf8.RuneSelf && labelByte(byte(c)) {
			return c
		}
		return '-'
	}, stem[:min(len(stem), maxLabel)])
	return first(strings.Trim(name, "._-"), fallbackName)
}

func first(candidates ...string) string {
	for _, c := range candidates {
		if c != "" {
			return c
		}
	}
	return ""
}

// maxLabel bounds a name or version, which stand in URLs, headers and metrics.
const maxLabel = 128

// CheckLabel holds a name or version against the rule for both: letters, digits,
// '.', '_' and '-', the first a letter or digit.
func CheckLabel(s string) error {
	for i, c := range []byte(s) {
		if !labelByte(c) || i == 0 && (c == '.' || c == '_' || c == '-') {
			return fmt.Errorf("%q: expected letters, digits, '.', '_' and '-', the first a letter or digit", s)
		}
	}
	if s == "" || len(s) > maxLabel {
		return fmt.Errorf("%q: expected 1 to %d characters", s, maxLabel)
	}
	return nil
}

func labelByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

// Signature tells what the model's inputs and outputs are. The caller must not
// change it.
func (m *Model) Signature() *engine.Signature { return m.engine.Signature() }

// MaxRows is the largest batch that the model takes.
func (m *Model) MaxRows() int { return m.engine.MaxRows() }

// Len is the number of features.
func (m *Model) Len() int { return len(m.Features) }

// FeatureName is the name of feature i.
func (m *Model) FeatureName(i int) string { return m.Features[i].Name }

// Index is the feature of that name, or -1.
func (m *Model) Index(name []byte) int {
	if i, ok := m.index[string(name)]; ok {
		return i
	}
	return -1
}

// output finds the first output of a role, or -1.
func (m *Model) output(role engine.Role) int {
	return slices.Index(m.roles, role)
}

// Explained tells whether output i is a label, a probability or a prediction; any
// other is a value that only its name explains.
func (m *Model) Explained(i int) bool {
	return m.roles[i] == engine.RoleLabel || m.roles[i] == engine.RoleProbabilities || m.roles[i] == engine.RolePrediction
}

// Role says what output i means.
func (m *Model) Role(i int) engine.Role { return m.roles[i] }
