package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

// A goldenRow is a row of the training data and scikit-learn's answer.
type goldenRow struct {
	Row           map[string]json.RawMessage `json:"row"`
	Missing       []string                   `json:"missing"`
	Label         int64                      `json:"label"`
	Probabilities []float64                  `json:"probabilities"`
}

// columns are the features of the bundled models and the types of their inputs.
var columns = []struct{ name, datatype string }{
	{"age", "FP32"}, {"sex", "INT64"}, {"cp", "INT64"}, {"trestbps", "FP32"}, {"chol", "FP32"}, {"fbs", "INT64"},
	{"restecg", "INT64"}, {"thalach", "FP32"}, {"exang", "INT64"}, {"oldpeak", "FP32"}, {"slope", "INT64"},
	{"ca", "FP32"}, {"thal", "BYTES"},
}

func readGolden(t *testing.T, version string) []goldenRow {
	t.Helper()
	f, err := os.Open("../train/testdata/golden/heart-disease-" + version + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []goldenRow
	for scan := bufio.NewScanner(f); scan.Scan(); {
		rows = append(rows, decode[goldenRow](t, scan.Text()))
	}
	if len(rows) != 303 {
		t.Fatalf("%d golden rows, expected 303", len(rows))
	}
	return rows
}

// Bodies of the same rows in every form that the server reads.

// listBody writes rows as lists, with the columns in reverse order: names decide.
func listBody(rows []goldenRow) string {
	var names, data []string
	for i := range columns {
		names = append(names, fmt.Sprintf("%q", columns[len(columns)-1-i].name))
	}
	for _, r := range rows {
		var cells []string
		for i := range columns {
			cells = append(cells, string(r.Row[columns[len(columns)-1-i].name]))
		}
		data = append(data, "["+strings.Join(cells, ",")+"]")
	}
	return fmt.Sprintf(`{"features":[%s],"data":[%s]}`, strings.Join(names, ","), strings.Join(data, ","))
}

func objectBody(t *testing.T, rows []goldenRow) string {
	t.Helper()
	var objects []map[string]json.RawMessage
	for _, r := range rows {
		objects = append(objects, r.Row)
	}
	b, err := json.Marshal(objects)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func inferBody(rows []goldenRow, nested bool) string {
	var inputs []string
	for _, col := range columns {
		var cells []string
		for _, r := range rows {
			cell := string(r.Row[col.name])
			if nested {
				cell = "[" + cell + "]"
			}
			cells = append(cells, cell)
		}
		inputs = append(inputs, fmt.Sprintf(`{"name":%q,"shape":[%d,1],"datatype":%q,"data":[%s]}`,
			col.name, len(rows), col.datatype, strings.Join(cells, ",")))
	}
	return fmt.Sprintf(`{"id":"golden","inputs":[%s]}`, strings.Join(inputs, ","))
}

// answer is what all endpoints say of a row.
type answer struct {
	label         int64
	probabilities [2]float64
}

type predictReply struct {
	Model, Version, Revision, Pod string
	Predictions                   []struct {
		Label         int64
		Class         string
		Probabilities map[string]float64
		Warnings      []string
	}
}

func predictAnswers(t *testing.T, body string) []answer {
	t.Helper()
	var all []answer
	for _, p := range decode[predictReply](t, body).Predictions {
		if want := []string{"no disease", "disease"}[p.Label]; p.Class != want || len(p.Probabilities) != 2 {
			t.Fatalf("label %d is called %q with %v", p.Label, p.Class, p.Probabilities)
		}
		all = append(all, answer{p.Label, [2]float64{p.Probabilities["no disease"], p.Probabilities["disease"]}})
	}
	return all
}

type inferReply struct {
	ModelName    string            `json:"model_name"`
	ModelVersion string            `json:"model_version"`
	ID           *string           `json:"id"`
	Parameters   map[string]string `json:"parameters"`
	Outputs      []struct {
		Name, Datatype string
		Shape          []int
		Data           []json.Number
	}
}

func inferAnswers(t *testing.T, body string) []answer {
	t.Helper()
	r := decode[inferReply](t, body)
	if len(r.Outputs) != 2 || r.Outputs[0].Name != "label" || r.Outputs[1].Name != "probabilities" {
		t.Fatalf("unexpected outputs in %s", body)
	}
	labels, probabilities := r.Outputs[0].Data, r.Outputs[1].Data
	all := make([]answer, len(labels))
	for i := range all {
		all[i] = answer{integer(t, labels[i]), [2]float64{float(t, probabilities[2*i]), float(t, probabilities[2*i+1])}}
	}
	return all
}

func integer(t *testing.T, n json.Number) int64 {
	t.Helper()
	v, err := n.Int64()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func float(t *testing.T, n json.Number) float64 {
	t.Helper()
	v, err := n.Float64()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// endpointsOf sends rows by every form and endpoint and returns the answers.
func endpointsOf(t *testing.T, p *process, version string, rows []goldenRow) map[string][]answer {
	t.Helper()
	all := map[string][]answer{}
	for form, body := range map[string]string{"lists": listBody(rows), "objects": objectBody(t, rows)} {
		r := p.post("/predict", body)
		if r.status != 200 {
			t.Fatalf("/predict, %s: %d %s", form, r.status, r.body)
		}
		all["/predict "+form] = predictAnswers(t, r.body)
	}
	for _, path := range []string{"/v2/models/heart-disease/infer", "/v2/models/heart-disease/versions/" + version + "/infer"} {
		for form, nested := range map[string]bool{"flat": false, "nested": true} {
			r := p.post(path, inferBody(rows, nested))
			if r.status != 200 {
				t.Fatalf("%s, %s: %d %s", path, form, r.status, r.body)
			}
			all[path+" "+form] = inferAnswers(t, r.body)
		}
	}
	return all
}

// TestGolden sends all rows of the training data, the six with missing cells
// among them, to every endpoint of both versions.
func TestGolden(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		t.Run(version, func(t *testing.T) {
			p := start(t, "MODEL_VERSION="+version)
			rows := readGolden(t, version)
			for endpoint, got := range endpointsOf(t, p, version, rows) {
				compareGolden(t, endpoint, rows, got)
			}
			missing := 0
			for _, row := range rows {
				if len(row.Missing) == 0 {
					continue
				}
				missing++
				for endpoint, got := range endpointsOf(t, p, version, []goldenRow{row}) {
					compareGolden(t, endpoint, []goldenRow{row}, got)
				}
			}
			if missing != 6 {
				t.Errorf("%d rows with missing cells, expected 6", missing)
			}
		})
	}
}

func compareGolden(t *testing.T, endpoint string, rows []goldenRow, got []answer) {
	t.Helper()
	if len(got) != len(rows) {
		t.Errorf("%s: %d answers for %d rows", endpoint, len(got), len(rows))
		return
	}
	for i, row := range rows {
		if got[i].label != row.Label {
			t.Errorf("%s, row %d: label %d, scikit-learn says %d", endpoint, i, got[i].label, row.Label)
		}
		for k, want := range row.Probabilities {
			if d := math.Abs(got[i].probabilities[k] - want); !(d <= 1e-5) {
				t.Errorf("%s, row %d: probability %v, scikit-learn says %v", endpoint, i, got[i].probabilities[k], want)
			}
		}
	}
}
