package engine_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// TestNativeConcurrent scores with one model from many goroutines.
func TestNativeConcurrent(t *testing.T) {
	for file := range natives {
		m, err := engine.LoadFile(filepath.Join("testdata/golden", file))
		if err != nil {
			t.Fatal(err)
		}
		score := func(rows int) string {
			b := m.NewBatch()
			b.Reset(rows)
			for i := range m.Signature().Inputs {
				x := b.Input(i)
				for k := range x.F32 {
					x.F32[k] = float32(k%7) - 3
				}
				for k := range x.F64 {
					x.F64[k] = float64(k%7) - 3
				}
				for k := range x.Str {
					x.Str[k] = ""
				}
			}
			if err := b.Run(); err != nil {
				t.Error(err)
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
		want := score(9)
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for range 10 {
					if got := score(9); got != want {
						t.Errorf("%s: %s, alone %s", file, got, want)
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
