package artefact

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// description is model.yaml, decoded strictly: an unknown key is an error, so
// that a misspelt rule cannot be silently without effect.
type description struct {
	Format      int                  `yaml:"format"`
	Name        string               `yaml:"name"`
	Version     string               `yaml:"version"`
	Title       string               `yaml:"title"`
	Description string               `yaml:"description"`
	Features    []featureDescription `yaml:"features"`
	Classes     []classDescription   `yaml:"classes"`
	Outputs     []outputDescription  `yaml:"outputs"`
	Examples    []exampleDescription `yaml:"examples"`
	Training    *Training            `yaml:"training"`
}

type featureDescription struct {
	Name        string                `yaml:"name"`
	Type        string                `yaml:"type"`
	Unit        string                `yaml:"unit"`
	Description string                `yaml:"description"`
	Nullable    bool                  `yaml:"nullable"`
	Missing     yaml.Node             `yaml:"missing"`
	Valid       *rangeDescription     `yaml:"valid"`
	Training    *trainingRange        `yaml:"training"`
	Categories  []categoryDescription `yaml:"categories"`
}

type rangeDescription struct {
	Min *float64 `yaml:"min"`
	Max *float64 `yaml:"max"`
}

type trainingRange struct {
	Min       *float64  `yaml:"min"`
	Max       *float64  `yaml:"max"`
	Quantiles []float64 `yaml:"quantiles"`
}

type categoryDescription struct {
	Value   yaml.Node `yaml:"value"`
	Meaning string    `yaml:"meaning"`
	Rows    int       `yaml:"rows"`
}

type classDescription struct {
	Label yaml.Node `yaml:"label"`
	Name  string    `yaml:"name"`
}

type outputDescription struct {
	Name        string `yaml:"name"`
	Role        string `yaml:"role"`
	Description string `yaml:"description"`
}

type exampleDescription struct {
	Description   string               `yaml:"description"`
	Row           map[string]yaml.Node `yaml:"row"`
	Label         yaml.Node            `yaml:"label"`
	Probabilities []float64            `yaml:"probabilities"`
	Prediction    *float64             `yaml:"prediction"`
}

// Training is the record of how a model came to be.
type Training struct {
	Algorithm  string            `yaml:"algorithm"`
	Data       TrainingData      `yaml:"data"`
	Tools      map[string]string `yaml:"tools"`
	Validation string            `yaml:"validation"`
	Metrics    []Metric          `yaml:"metrics"`
	Comparison string            `yaml:"comparison"`
}

// TrainingData says what a model learned from, and whom to thank.
type TrainingData struct {
	Name    string   `yaml:"name"`
	SHA256  string   `yaml:"sha256"`
	Rows    int      `yaml:"rows"`
	Source  string   `yaml:"source"`
	DOI     string   `yaml:"doi"`
	Licence string   `yaml:"licence"`
	Credit  []string `yaml:"credit"`
}

// A Metric is a validated figure with its standard error.
type Metric struct {
	Name          string  `yaml:"name"`
	Mean          float64 `yaml:"mean"`
	StandardError float64 `yaml:"standard_error"`
}

// formatVersion is the version of model.yaml's form that this package reads.
const formatVersion = 1

// parseDescription decodes model.yaml: one document, known keys only.
func parseDescription(data []byte) (*description, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	var d description
	if err := dec.Decode(&d); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it is empty")
		}
		return nil, oneLine(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one document")
	}
	if d.Format != formatVersion {
		return nil, fmt.Errorf("format: %d is not known, expected %d", d.Format, formatVersion)
	}
	return &d, nil
}

// maxFaults bounds the faults in one message.
const maxFaults = 3

// oneLine words an error of the decoder for people: in one line, without the names
// of this package's types.
func oneLine(err error) error {
	var wrong *yaml.TypeError
	if !errors.As(err, &wrong) {
		return errors.New(strings.ReplaceAll(err.Error(), "\n", " "))
	}
	first := wrong.Errors[:min(len(wrong.Errors), maxFaults)]
	all := make([]string, len(first))
	for i, text := range first {
		text, _, _ = strings.Cut(strings.ReplaceAll(text, "\n", " "), " in type ")
		if at := strings.LastIndex(text, " into "); at >= 0 {
			text = text[:at] + ", expected " + kindOf(text[at+len(" into "):])
		}
		all[i] = strings.Replace(text, "cannot unmarshal !!", "unexpected ", 1)
	}
	if n := len(wrong.Errors) - len(first); n > 0 {
		all = append(all, fmt.Sprintf("and %d more", n))
	}
	return errors.New("yaml: " + strings.Join(all, "; "))
}

// kindOf says in words what a type of Go takes.
func kindOf(goType string) string {
	switch {
	case strings.HasPrefix(goType, "float"):
		return "a number"
	case strings.HasPrefix(goType, "int"):
		return "an integer"
	case goType == "bool":
		return "true or false"
	case goType == "string":
		return "a text"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	}
	return "a mapping"
}
