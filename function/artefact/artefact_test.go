package artefact

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"online-inference/function/oip"
)

const bundled = "../kodata/models/heart-disease/"

// load reads an artefact that has to be sound.
func load(t *testing.T, path string, labels Labels) *Model {
	t.Helper()
	m, err := Load(path, labels)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestBundled(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		m := load(t, bundled+version, Labels{})
		if m.Name != "heart-disease" || m.Version != version || m.Format != "onnx" || len(m.SHA256) != 64 {
			t.Errorf("it is %s %s, %s, %s", m.Name, m.Version, m.Format, m.SHA256)
		}
		if rows, err := m.SelfTest(); rows != 4 || err != nil {
			t.Errorf("self-test: %d rows, %v", rows, err)
		}
		if m.Training == nil || m.Training.Data.Rows != 303 || len(m.Training.Metrics) != 3 || len(m.Classes) != 2 || m.Len() != 13 {
			t.Errorf("it is %+v", m)
		}
		for i := range m.Features {
			f := &m.Features[i]
			if nullable := f.Name == "ca" || f.Name == "thal"; f.Nullable != nullable {
				t.Errorf("%s: nullable %v", f.Name, f.Nullable)
			}
			if f.Type == Number && (len(f.Quantiles) != quantiles || !f.Valid.Bounded() || !f.Training.Bounded()) {
				t.Errorf("%s: %+v", f.Name, f)
			}
		}
	}
}

func TestLabels(t *testing.T) {
	for _, c := range []struct {
		path          string
		labels        Labels
		name, version string
	}{
		{bundled + "2", Labels{}, "heart-disease", "2"},
		{bundled + "2", Labels{Name: "x"}, "x", "2"},
		{bundled + "2", Labels{Version: "9"}, "heart-disease", "9"},
		{bundled + "2/model.onnx", Labels{}, "model", "1"},
		{bundled + "2/model.onnx", Labels{"y", "7"}, "y", "7"},
	} {
		if m := load(t, c.path, c.labels); m.Name != c.name || m.Version != c.version {
			t.Errorf("%s with %v is %s %s", c.path, c.labels, m.Name, m.Version)
		}
	}
	for stem, want := range map[string]string{
		"churn": "churn", "churn v2 (final)": "churn-v2--final", ".hidden": "hidden", "模型": "model", "": "model", "modèle": "mod-le",
		strings.Repeat("a", maxLabel+1): strings.Repeat("a", maxLabel),
	} {
		if got := labelOf(stem); got != want || CheckLabel(got) != nil {
			t.Errorf("a file called %q is labelled %q, expected %q", stem, got, want)
		}
	}
	for _, s := range []string{"", "-a", ".a", "a/b", "a b", "ä", "a\n", strings.Repeat("a", maxLabel+1)} {
		if CheckLabel(s) == nil {
			t.Errorf("%q is taken as a label", s)
		}
	}
}

// TestSet: the rule for values, at its edges.
func TestSet(t *testing.T) {
	m := load(t, bundled+"1", Labels{})
	b := m.Batch(1)
	defer b.Release()
	read := func(feature int) string {
		tensor := b.Input(m.Features[feature].Input)
		return string(AppendElements(nil, tensor, 0, 1))
	}
	for _, c := range []struct {
		feature     string
		kind        oip.Kind
		text        string
		stored      string // empty: not taken
		warningPart string
	}{
		{"age", oip.Number, "0", "0", "age 0 is outside the training range from 29 to 77"},
		{"age", oip.Number, "29", "29", ""},
		{"age", oip.Number, "77", "77", ""},
		{"age", oip.Number, "77.5", "77.5", "age 77.5 is outside"},
		{"age", oip.Number, "120", "120", "age 120 is outside"},
		{"age", oip.Number, "6.3e1", "63", ""},
		{"age", oip.Number, "120.1", "", ""},
		{"age", oip.Number, "100." + strings.Repeat("0", 9000) + "1", "100", "age 100." + strings.Repeat("0", 60) + "… is outside"},
		{"oldpeak", oip.Number, "6.2", "6.2", ""},
		{"oldpeak", oip.Number, "6.2000001", "6.2000003", "oldpeak 6.2000001 is outside"},
		{"sex", oip.Number, "1", "1", ""},
		{"sex", oip.Number, "1.0", "1", ""},
		{"sex", oip.Number, "0e0", "0", ""},
		{"sex", oip.Number, "1.0000001", "", ""},
		{"sex", oip.Number, "-0", "0", ""},
		{"sex", oip.String, "1", "", ""},
		{"ca", oip.Null, "null", "null", ""},
		{"thal", oip.Null, "null", `""`, ""},
		{"thal", oip.String, "7", `"7"`, ""},
		{"thal", oip.String, "7.0", "", ""},
		{"slope", oip.Null, "null", "", ""},
	} {
		i := m.Index([]byte(c.feature))
		expected, warning := b.Set(0, i, c.kind, []byte(c.text))
		if (expected == "") != (c.stored != "") || c.stored != "" && read(i) != c.stored {
			t.Errorf("%s %s: expected %q, stored %s", c.feature, c.text, expected, read(i))
		}
		if (warning == "") != (c.warningPart == "") || !strings.Contains(warning, c.warningPart) {
			t.Errorf("%s %s: warning %q", c.feature, c.text, warning)
		}
	}
}

// TestBareFile: without a description every number may be missing, nothing is
// bounded, and any string is a category.
func TestBareFile(t *testing.T) {
	m := load(t, bundled+"1/model.onnx", Labels{})
	if rows, err := m.SelfTest(); rows != 0 || err != nil {
		t.Errorf("self-test: %d, %v", rows, err)
	}
	var got []string
	for i := range m.Features {
		f := &m.Features[i]
		got = append(got, fmt.Sprintf("%s: %s", f.Name, f.Expected()))
	}
	want := "age: a number or null, sex: an integer, cp: an integer, trestbps: a number or null, chol: a number or null, fbs: an integer, " +
		"restecg: an integer, thalach: a number or null, exang: an integer, oldpeak: a number or null, slope: an integer, ca: a number or null, thal: a string"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
	b := m.Batch(1)
	defer b.Release()
	if expected, _ := b.Set(0, 12, oip.String, []byte("anything")); expected != "" {
		t.Error(expected)
	}
	if expected, _ := b.Set(0, 0, oip.Number, []byte("3e38")); expected != "" {
		t.Error(expected)
	}
	if expected, _ := b.Set(0, 0, oip.Number, []byte("4e38")); expected == "" {
		t.Error("a float32 took 4e38")
	}
	if expected, _ := b.Set(0, 0, oip.Number, []byte("-inf")); expected != "" || !math.IsInf(float64(b.Input(0).F32[0]), -1) {
		t.Errorf("-inf: expected %q, stored %v", expected, b.Input(0).F32[0])
	}
}

func TestRange(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		r    Range
		text string
	}{
		{Range{0, 1.5}, "from 0 to 1.5"},
		{Range{-inf, 3}, "at most 3"},
		{Range{2, inf}, "at least 2"},
	} {
		if c.r.String() != c.text || !c.r.Bounded() {
			t.Errorf("%v, expected %s", c.r, c.text)
		}
	}
	if everything.Bounded() || !everything.Holds(1e300) || everything.Holds(math.NaN()) {
		t.Error("everything is bounded")
	}
}

// TestStore: what is there is found, what is not is told apart.
func TestStore(t *testing.T) {
	var s Store
	if _, err := s.Find("", ""); !errors.Is(err, ErrLoading) {
		t.Error(err)
	}
	m := load(t, bundled+"1", Labels{})
	s.Put(m)
	for _, c := range []struct {
		name, version string
		found         bool
	}{{"", "", true}, {"heart-disease", "", true}, {"heart-disease", "1", true}, {"heart-disease", "2", false}, {"x", "", false}, {"x", "1", false}} {
		got, err := s.Find(c.name, c.version)
		if (got == m) != c.found || (err == nil) != c.found {
			t.Errorf("%q %q: %v", c.name, c.version, err)
		}
	}
}
