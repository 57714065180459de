package engine_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"online-inference/engine"
)

// natives are models in the frameworks' own formats, one or two of each.
var natives = map[string]string{
	"xgb_binary/model.json":       "xgboost-json",
	"xgb_cat_strings/model.ubj":   "xgboost-ubj",
	"lgb_binary/model.txt":        "lightgbm-text",
	"lgb_cat_strings/model.txt":   "lightgbm-text",
	"cb_binary/model.json":        "catboost-json",
	"cb_onehot_cat/model.json":    "catboost-json",
	"xgb_multi/model.json":        "xgboost-json",
	"xgb_rank_pairwise/model.ubj": "xgboost-ubj",
}

// TestNativeFormats checks that formats are told by content.
func TestNativeFormats(t *testing.T) {
	for file, want := range natives {
		m, err := engine.LoadFile(filepath.Join("testdata/golden", file))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Signature().Format; got != want {
			t.Errorf("%s is %s, want %s", file, got, want)
		}
	}
	for _, text := range []string{"", "hello", "[]", "{", "{}", `{"learner":{}}`, `{"trees":[]}`, "tree\n", "{L", "{i\x00", "\x00\x00\x00\x00", "<pmml/>"} {
		_, err := engine.Load([]byte(text))
		malformed, unsupported := (*engine.FormatError)(nil), (*engine.UnsupportedError)(nil)
		if !errors.As(err, &malformed) && !errors.As(err, &unsupported) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// pipelines are models in ONNX whose graphs hold every kind of state that a run
// may keep: columns of text and their encoders, loops, votes, lists of maps.
var pipelines = []string{
	"sk_pipe_heart_gbc/model.onnx", "sk_pipe_heart_logreg/model.onnx", "sk_pipe_heart_logreg/model_zipmap.onnx", "sk_pipe_heart_rf/model.onnx",
	"sk_knn/model.onnx", "sk_more_words/model.onnx", "sk_svc_multi/model.onnx", "sk_svc_rbf_prob/model.onnx",
}

// TestConcurrent scores with one model from many goroutines.
func TestConcurrent(t *testing.T) {
	for _, path := range append(slices.Clone(pipelines), sortedKeys(natives)...) {
		dir, file := filepath.Split(filepath.Join("testdata/golden", path))
		var meta goldenMeta
		readJSON(t, dir+"meta.json", &meta)
		m, err := engine.LoadFile(dir + file)
		if err != nil {
			t.Fatal(err)
		}
		ports := meta.Checks[file].Inputs
		if meta.Files[file] == "native" {
			ports = meta.Inputs
		}
		rows := readRows(t, dir+"rows.jsonl")
		filled := m.NewBatch()
		fill(t, m, filled, ports, rows)
		score := func(b *engine.Batch) string {
			b.Reset(len(rows))
			for i := range m.Signature().Inputs {
				to, from := b.Input(i), filled.Input(i)
				copy(to.F32, from.F32)
				copy(to.F64, from.F64)
				copy(to.I64, from.I64)
				copy(to.Str, from.Str)
			}
			if err := b.Run(); err != nil {
				t.Errorf("%s: %v", path, err)
				return ""
			}
			var out strings.Builder
			for i := range m.Signature().Outputs {
				for r := range rows {
					fmt.Fprint(&out, cells(b.Output(i), r))
				}
			}
			return out.String()
		}
		want := score(m.NewBatch())
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for range 3 {
					b := m.NewBatch()
					for range 3 { // also with what the last run left
						if got := score(b); got != want {
							t.Errorf("%s: %s, alone %s", path, got, want)
						}
					}
				}
			})
		}
		group.Wait()
	}
}

// TestNativeNoAllocation checks that a batch, once it has its memory, runs
// without any.
func TestNativeNoAllocation(t *testing.T) {
	for file := range natives {
		data, err := os.ReadFile(filepath.Join("testdata/golden", file))
		if err != nil {
			t.Fatal(err)
		}
		m, err := engine.Load(data)
		if err != nil {
			t.Fatal(err)
		}
		b := m.NewBatch()
		run := func() {
			b.Reset(3)
			for i := range m.Signature().Inputs {
				clear(b.Input(i).Str)
			}
			if err := b.Run(); err != nil {
				t.Fatal(err)
			}
		}
		run()
		if n := testing.AllocsPerRun(50, run); n != 0 {
			t.Errorf("%s: %v allocations a run", file, n)
		}
	}
}
