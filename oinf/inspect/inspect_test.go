package inspect

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata anew")

const golden = "../../engine/testdata/golden/"

// TestOrigin: who wrote a file, by what objective, and what it is made of, as
// the frameworks themselves tell it (the numbers of trees and leaves were counted
// by Python over the same files).
func TestOrigin(t *testing.T) {
	for path, want := range map[string]Report{
		"xgb_binary/model.json":         {Origin: Origin{Producer: "XGBoost", ProducerVersion: "3.2.0", Objective: "binary:logistic"}, Structure: Structure{Trees: &Trees{80, 3988, 2034, 6}}},
		"xgb_early_stop/model.ubj":      {Origin: Origin{Producer: "XGBoost", ProducerVersion: "3.2.0", Objective: "binary:logistic"}, Structure: Structure{Trees: &Trees{10, 288, 149, 4}, Note: "early stopping: the rounds up to 4 are used, as XGBoost's scikit-learn wrapper does"}},
		"xgb_more_gblinear/model.json":  {Origin: Origin{Producer: "XGBoost", ProducerVersion: "3.2.0", Objective: "binary:logistic"}, Structure: Structure{Linear: true}},
		"xgb_dart/model.json":           {Origin: Origin{Producer: "XGBoost", ProducerVersion: "3.2.0", Objective: "binary:logistic"}, Structure: Structure{Trees: &Trees{20, 266, 143, 3}}},
		"lgb_binary/model.txt":          {Origin: Origin{FormatVersion: "v4", Producer: "LightGBM", Objective: "binary sigmoid:1"}, Structure: Structure{Trees: &Trees{60, 3660, 1860, 17}}},
		"cb_binary/model.json":          {Origin: Origin{Producer: "CatBoost", ProducerVersion: "1.2.10", Objective: "Logloss"}, Structure: Structure{Trees: &Trees{60, 3780, 1920, 5}}},
		"cb_more_depthwise/model.json":  {Origin: Origin{Producer: "CatBoost", ProducerVersion: "1.2.10", Objective: "Logloss"}, Structure: Structure{Trees: &Trees{5, 75, 40, 3}}},
		"sk_rf_multi_zipmap/model.onnx": {Origin: Origin{FormatVersion: "IR 8", Opsets: map[string]int64{"ai.onnx": 18, "ai.onnx.ml": 1}, Producer: "skl2onnx", ProducerVersion: "1.20.0"}, Structure: Structure{Trees: &Trees{30, 1592, 811, 5}, Operators: map[string]int{"TreeEnsembleClassifier": 1}}},
	} {
		got, err := Model(golden + path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want.Origin, got.Origin); d != "" {
			t.Errorf("%s: %s", path, d)
		}
		if d := cmp.Diff(want.Structure, got.Structure); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}
}

// TestAll: every model of the golden set can be told, and its parts agree.
func TestAll(t *testing.T) {
	paths, err := filepath.Glob(golden + "*/model*")
	if err != nil || len(paths) < 107 {
		t.Fatalf("%d models, %v", len(paths), err)
	}
	for _, path := range paths {
		r, err := Model(path)
		if err != nil {
			t.Error(err)
			continue
		}
		s := r.Structure
		if s.Trees == nil && !s.Linear && len(s.Operators) == 0 {
			t.Errorf("%s is made of nothing", path)
		}
		// Trees of two branches have one leaf more than tests; shared nodes change that.
		if tr := s.Trees; tr != nil && (tr.Count == 0 || tr.Nodes < tr.Leaves || tr.Leaves < tr.Count || r.Format != "onnx" && tr.Nodes != 2*tr.Leaves-tr.Count) {
			t.Errorf("%s: %+v", path, tr)
		}
		if r.Producer == "" || len(r.Features) == 0 || len(r.Outputs) == 0 || r.MaxRows < 1 || r.Bytes < 100 {
			t.Errorf("%s: %+v", path, r)
		}
		var text bytes.Buffer
		if err := r.Text(&text); err != nil || !strings.Contains(text.String(), "\nfeatures (") {
			t.Errorf("%s: %v, %s", path, err, text.String())
		}
	}
}

// TestMeasure: trees that share nodes, and circles, which no sound file has.
func TestMeasure(t *testing.T) {
	leaf := [2]int32{-1, -1}
	for _, c := range []struct {
		name     string
		children [][2]int32
		roots    []int
		want     Trees
	}{
		{"a leaf", [][2]int32{leaf}, []int{0}, Trees{1, 1, 1, 0}},
		{"a stump", [][2]int32{{1, 2}, leaf, leaf}, []int{0}, Trees{1, 3, 2, 1}},
		{"one side deep", [][2]int32{{1, 2}, leaf, {3, 4}, leaf, {5, 6}, leaf, leaf}, []int{0}, Trees{1, 7, 4, 3}},
		{"shared leaves", [][2]int32{{1, 2}, {3, 3}, {3, 4}, leaf, leaf}, []int{0}, Trees{1, 5, 2, 2}},
		{"a shared subtree", [][2]int32{{2, 3}, {2, 3}, {3, 4}, leaf, leaf}, []int{0, 1}, Trees{2, 5, 2, 2}},
		{"a node that no root leads to", [][2]int32{leaf, {0, 0}}, []int{0}, Trees{1, 1, 1, 0}},
		{"a circle", [][2]int32{{1, 1}, {0, 2}, {1, 0}}, []int{0}, Trees{1, 3, 0, 2}},
		{"a node under itself", [][2]int32{{0, 0}}, []int{0}, Trees{1, 1, 0, 0}},
	} {
		roots := make([]bool, len(c.children))
		for _, r := range c.roots {
			roots[r] = true
		}
		var got Trees
		got.measure(c.children, roots)
		if got != c.want {
			t.Errorf("%s: %+v, expected %+v", c.name, got, c.want)
		}
	}
}

// TestReport: both forms of a described model, as they are recorded.
func TestReport(t *testing.T) {
	r, err := Model("../../function/kodata/models/heart-disease/2")
	if err != nil {
		t.Fatal(err)
	}
	r.File = "model.onnx"
	var text, asJSON bytes.Buffer
	if err := r.Text(&text); err != nil {
		t.Fatal(err)
	}
	e := json.NewEncoder(&asJSON)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"heart.txt": text.Bytes(), "heart.json": asJSON.Bytes()} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Errorf("%s (-update writes it anew): %s", name, d)
		}
	}
}
