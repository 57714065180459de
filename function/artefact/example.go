package artefact

import (
	"fmt"
	"math"
	"strings"

	"go.yaml.in/yaml/v3"

	"online-inference/engine"
	"online-inference/function/oip"
)

// An Example is a row with the answer that the training framework gave.
type Example struct {
	Description string
	Values      []Value // one a feature, in the model's order
	// What is recorded of the answer: the index of the class, or -1; one
	// probability a class, or none; the predicted value, or NaN.
	Class         int
	Probabilities []float64
	Prediction    float64
}

// A Value is a scalar as a client would send it.
type Value struct {
	Kind oip.Kind
	Text string // without quotes
}

// JSON is the value as JSON.
func (v Value) JSON() string {
	if v.Kind == oip.String {
		return string(oip.AppendString(nil, v.Text))
	}
	return v.Text
}

// buildExamples reads the examples and checks their values by the rules that
// hold for every request.
func buildExamples(m *Model, described []exampleDescription) ([]Example, error) {
	all := make([]Example, 0, len(described))
	for i, d := range described {
		ex, err := buildExample(m, &d)
		if err != nil {
			return nil, fmt.Errorf("examples[%d]: %w", i, err)
		}
		all = append(all, ex)
	}
	return all, nil
}

func buildExample(m *Model, d *exampleDescription) (Example, error) {
	ex := Example{Description: d.Description, Class: -1, Probabilities: d.Probabilities, Prediction: math.NaN()}
	for name := range d.Row {
		if m.Index([]byte(name)) < 0 {
			return ex, fmt.Errorf("row: the model has no feature %q", name)
		}
	}
	b := m.Batch(1)
	defer b.Release()
	for i := range m.Features {
		node, ok := d.Row[m.Features[i].Name]
		if !ok {
			return ex, fmt.Errorf("row: feature %q is missing", m.Features[i].Name)
		}
		v, err := valueOf(&node)
		if err != nil {
			return ex, fmt.Errorf("row: feature %q: %w", m.Features[i].Name, err)
		}
		if expected, _ := b.Set(0, i, v.Kind, []byte(v.Text)); expected != "" {
			return ex, fmt.Errorf("row: feature %q: expected %s, got %s", m.Features[i].Name, expected, v.JSON())
		}
		ex.Values = append(ex.Values, v)
	}
	if n := len(d.Probabilities); n > 0 && (n != len(m.Classes) || m.output(engine.RoleProbabilities) < 0) {
		return ex, fmt.Errorf("probabilities: %d are recorded, the model has %d classes", n, len(m.Classes))
	}
	if d.Prediction != nil {
		if m.output(engine.RolePrediction) < 0 {
			return ex, fmt.Errorf("prediction: the model predicts no value")
		}
		if ex.Prediction = *d.Prediction; math.IsNaN(ex.Prediction) || math.IsInf(ex.Prediction, 0) {
			return ex, fmt.Errorf("prediction: expected a finite number, got %v", ex.Prediction)
		}
	}
	if d.Label.Kind != 0 {
		v, err := valueOf(&d.Label)
		if err != nil {
			return ex, fmt.Errorf("label: %w", err)
		}
		for i, c := range m.Classes {
			if c.value == v.Text && c.text == (v.Kind == oip.String) {
				ex.Class = i
			}
		}
		if ex.Class < 0 {
			return ex, fmt.Errorf("label: the model has no class %s", v.JSON())
		}
	}
	if d.Label.Kind == 0 && d.Prediction == nil && len(d.Probabilities) == 0 {
		return ex, fmt.Errorf("no answer is recorded: expected label, probabilities or prediction")
	}
	return ex, nil
}

// valueOf reads a scalar of YAML that a client could send in JSON as well. YAML
// knows more forms of a number (+63, 0x3f, 063, 6_3), some of which readers
// disagree about.
func valueOf(n *yaml.Node) (Value, error) {
	if n.Kind == yaml.ScalarNode || n.Kind == 0 {
		switch n.Tag {
		case "!!null", "":
			return Value{oip.Null, "null"}, nil
		case "!!bool":
			return Value{oip.Bool, strings.ToLower(n.Value)}, nil
		case "!!int", "!!float":
			if !oip.IsNumber([]byte(n.Value)) {
				return Value{}, fmt.Errorf("expected a number as JSON writes it, got %s", n.Value)
			}
			return Value{oip.Number, n.Value}, nil
		case "!!str":
			return Value{oip.String, n.Value}, nil
		}
	}
	return Value{}, fmt.Errorf("expected a single value")
}

// SelfTest runs the examples and compares the answers with the recorded ones. It
// returns the number of rows that it ran.
func (m *Model) SelfTest() (rows int, err error) {
	if len(m.Examples) == 0 {
		return 0, nil
	}
	if n := len(m.Examples); n > m.MaxRows() {
		return 0, fmt.Errorf("self-test of %s: %d examples, the model takes %d rows at most", m.Source, n, m.MaxRows())
	}
	b := m.Batch(len(m.Examples))
	defer b.Release()
	for row, ex := range m.Examples {
		for i, v := range ex.Values {
			b.Set(row, i, v.Kind, []byte(v.Text))
		}
	}
	if err := b.Run(); err != nil {
		return 0, fmt.Errorf("self-test of %s: %w", m.Source, err)
	}
	for row := range m.Examples {
		if err := b.compare(row, &m.Examples[row]); err != nil {
			return 0, fmt.Errorf("self-test of %s: examples[%d]: %w", m.Source, row, err)
		}
	}
	return len(m.Examples), nil
}

// compare holds the answer of a row against an example.
func (b *Batch) compare(row int, ex *Example) error {
	for class, want := range ex.Probabilities {
		t, width := b.Probabilities()
		if got := float(t, row*width+class); !near(got, want) {
			return fmt.Errorf("probability of class %q is %v, recorded %v", b.model.Classes[class].Name, got, want)
		}
	}
	if ex.Class >= 0 {
		if got, ok := b.Label(row); !ok || got != ex.Class {
			return fmt.Errorf("the class is %q, recorded %q", b.model.Classes[got].Name, b.model.Classes[ex.Class].Name)
		}
	}
	if !math.IsNaN(ex.Prediction) {
		t, width := b.Predictions()
		if got := float(t, row*width); !nearRelative(got, ex.Prediction) {
			return fmt.Errorf("the prediction is %v, recorded %v", got, ex.Prediction)
		}
	}
	return nil
}
