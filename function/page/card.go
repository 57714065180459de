package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"online-inference/engine"
	"online-inference/function/artefact"
)

// recordedRow is an example for the form: each feature's value as its field holds
// it, empty for a missing one.
type recordedRow struct {
	Description string
	Row         map[string]string
}

func recorded(m *artefact.Model) []recordedRow {
	all := make([]recordedRow, len(m.Examples))
	for i, e := range m.Examples {
		all[i] = recordedRow{e.Description, make(map[string]string, m.Len())}
		if e.Description == "" {
			all[i].Description = fmt.Sprintf("row %d", i+1)
		}
		for f, v := range e.Values {
			if v.JSON() == "null" {
				v.Text = ""
			}
			all[i].Row[m.FeatureName(f)] = v.Text
		}
	}
	return all
}

// answers says what the model predicts.
func answers(m *artefact.Model) []string {
	var all []string
	for i, p := range m.Signature().Outputs {
		switch m.Role(i) {
		case engine.RoleLabel:
			all = append(all, fmt.Sprintf("%s: the likeliest of %d classes%s.", p.Name, len(m.Classes), called(m.Classes)))
		case engine.RoleProbabilities:
			all = append(all, p.Name+": the chance of each class, as far as the model can know it.")
		case engine.RolePrediction:
			all = append(all, p.Name+": a number.")
		default:
			all = append(all, p.Name+": a value that the model's file does not explain.")
		}
	}
	return all
}

// maxNamed bounds the classes that are named in a sentence.
const maxNamed = 12

// called names classes whose labels do not name themselves.
func called(classes []artefact.Class) string {
	var names []string
	for _, c := range classes {
		if c.Label != c.Name && c.Label != strconv.Quote(c.Name) {
			names = append(names, c.Label+" is "+c.Name)
		}
	}
	switch {
	case len(names) == 0:
		return ""
	case len(names) > maxNamed:
		names = append(names[:maxNamed], fmt.Sprintf("and %d more", len(names)-maxNamed))
	}
	return ": " + strings.Join(names, ", ")
}

// rare is the share of the training rows below which a category counts as hardly
// known.
const rare = 0.1

// doubts says when the model should not be trusted, as far as its record tells.
func doubts(m *artefact.Model) []string {
	var all []string
	if m.Training == nil {
		return []string{"Nothing is recorded of its training: how good it is, and for whom, is not known."}
	}
	for _, metric := range m.Training.Metrics {
		if metric.Name == "accuracy" && 0 < metric.Mean && metric.Mean < 1 {
			all = append(all, fmt.Sprintf("Of 100 rows like those that it learned from, about %.0f get the wrong class.", math.Round(100*(1-metric.Mean))))
		}
	}
	if n := m.Training.Data.Rows; n > 0 {
		all = append(all, fmt.Sprintf("It has seen %d rows, all of one source. Rows that came about otherwise may follow other rules.", n))
	}
	for i := range m.Features {
		f := &m.Features[i]
		for _, c := range f.Categories {
			if total := m.Training.Data.Rows; c.Rows > 0 && float64(c.Rows) < rare*float64(total) {
				all = append(all, fmt.Sprintf("%s = %s%s was seen in %d of %d rows only.", f.Name, c.Value, meaning(c), c.Rows, total))
			}
		}
	}
	for i := range m.Features {
		if f := &m.Features[i]; f.Training.Bounded() {
			return append(all, "A value outside of what was seen in training is answered, with a note: nothing was learned there.")
		}
	}
	return all
}

func meaning(c artefact.Categorical) string {
	if c.Meaning == "" {
		return ""
	}
	return " (" + c.Meaning + ")"
}

// barLength is what a metric of 1 is drawn as, in the units of the drawing.
const barLength = 200

// bar is a metric and its drawing, on a scale from 0 to 1.
type bar struct {
	artefact.Metric
	Drawn           bool // the metric fits on the scale
	Width, From, To float64
}

func bars(t *artefact.Training) []bar {
	if t == nil {
		return nil
	}
	all := make([]bar, len(t.Metrics))
	for i, metric := range t.Metrics {
		low, high := metric.Mean-metric.StandardError, metric.Mean+metric.StandardError
		all[i] = bar{Metric: metric, Drawn: 0 <= low && high <= 1}
		all[i].Width, all[i].From, all[i].To = barLength*metric.Mean, barLength*low, barLength*high
	}
	return all
}
