package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOtherModels serves model files of other shapes, without any description:
// one wide input, float64, string classes, a regressor with string categories.
// Both ways to ask have to give the training framework's answers.
func TestOtherModels(t *testing.T) {
	for _, name := range []string{"sk_logreg_binary", "sk_logreg_double", "sk_logreg_multi_str", "sk_pipe_loans_ridge"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("..", "engine", "testdata", "golden", name)
			p := start(t, "MODEL="+filepath.Join(dir, "model.onnx"), "MODEL_NAME="+name)
			var want struct {
				Labels        []any
				Probabilities [][]float64
				Predictions   [][]float64
			}
			readJSON(t, filepath.Join(dir, "expected.json"), &want)
			var meta struct {
				Kept any `json:"input_json_rows"`
			}
			readJSON(t, filepath.Join(dir, "meta.json"), &meta)

			got := p.post("/predict", tableOf(t, p, name, filepath.Join(dir, "rows.jsonl")))
			if got.status != 200 {
				t.Fatalf("/predict: %d %s", got.status, got.body)
			}
			answers := decode[struct{ Predictions []modelAnswer }](t, got.body).Predictions
			if len(answers) != 50 {
				t.Fatalf("%d answers for 50 rows", len(answers))
			}
			for i, a := range answers {
				if want.Labels != nil {
					if a.Label != want.Labels[i] {
						t.Errorf("row %d: label %v, expected %v", i, a.Label, want.Labels[i])
					}
					if a.Outputs != nil { // the file does not say that these are probabilities
						a.Probabilities = map[string]float64{"0": a.Outputs["probabilities"][0], "1": a.Outputs["probabilities"][1]}
					}
					sum := 0.0
					for _, p := range a.Probabilities {
						sum += p
					}
					best := 0.0
					for _, p := range want.Probabilities[i] {
						best = max(best, p)
					}
					if p := a.Probabilities[a.Class]; !agrees(p, best) || !agrees(sum, 1) || len(a.Probabilities) != len(want.Probabilities[i]) {
						t.Errorf("row %d: %v, expected %v", i, a.Probabilities, want.Probabilities[i])
					}
				}
				if want.Predictions != nil && (a.Prediction == nil || !agrees(*a.Prediction, want.Predictions[i][0])) {
					t.Errorf("row %d: %v, expected %v", i, a.Prediction, want.Predictions[i])
				}
			}

			body, err := os.ReadFile(filepath.Join(dir, "input.json"))
			if err != nil {
				t.Fatal(err)
			}
			compareInfer(t, p.post("/v2/models/"+name+"/infer", string(body)), answers, keptRows(meta.Kept), name)
		})
	}
}

type modelAnswer struct {
	Label         any
	Class         string
	Probabilities map[string]float64
	Prediction    *float64
	Outputs       map[string][]float64
}

// agrees is agreement between float32 arithmetic and the framework's float64.
func agrees(got, want float64) bool { return math.Abs(got-want) <= 1e-4*max(1, math.Abs(want)) }

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// tableOf makes a request to /predict of the rows of a file; the names of the
// features are those of the model's inputs.
func tableOf(t *testing.T, p *process, model, rows string) string {
	t.Helper()
	meta := decode[struct {
		Inputs []struct {
			Name  string
			Shape []int
		}
	}](t, p.get("/v2/models/"+model).body)
	var names []string
	for _, in := range meta.Inputs {
		if in.Shape[1] == 1 {
			names = append(names, fmt.Sprintf("%q", in.Name))
			continue
		}
		for k := range in.Shape[1] {
			names = append(names, fmt.Sprintf("%q", fmt.Sprintf("%s_%d", in.Name, k)))
		}
	}
	f, err := os.Open(rows)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var data []string
	for scan := bufio.NewScanner(f); scan.Scan(); {
		data = append(data, scan.Text())
	}
	return fmt.Sprintf(`{"features":[%s],"data":[%s]}`, strings.Join(names, ","), strings.Join(data, ","))
}

// keptRows are the rows that a V2 request holds: "all", or their numbers.
func keptRows(v any) []int {
	list, ok := v.([]any)
	if !ok {
		all := make([]int, 50)
		for i := range all {
			all[i] = i
		}
		return all
	}
	rows := make([]int, len(list))
	for i, n := range list {
		rows[i] = int(n.(float64))
	}
	return rows
}

// compareInfer holds a V2 answer against those of /predict for the same rows.
func compareInfer(t *testing.T, got reply, answers []modelAnswer, rows []int, model string) {
	t.Helper()
	if got.status != 200 {
		t.Fatalf("%s: %d %s", model, got.status, got.body)
	}
	out := decode[struct {
		Outputs []struct {
			Shape []int
			Data  []any
		}
	}](t, got.body).Outputs[0]
	if out.Shape[0] != len(rows) || len(out.Data) != len(rows) {
		t.Fatalf("shape %v for %d rows", out.Shape, len(rows))
	}
	for i, row := range rows {
		want := answers[row].Label
		if answers[row].Prediction != nil {
			want = *answers[row].Prediction
		}
		if out.Data[i] != want {
			t.Errorf("row %d: %v, /predict says %v", row, out.Data[i], want)
		}
	}
}
