package xgboost_test

import (
	"os"
	"testing"

	"online-inference/engine/forest"
	"online-inference/engine/xgboost"
)

// BenchmarkParse loads a file of each encoding; the rate is of the file's bytes.
func BenchmarkParse(b *testing.B) {
	for path, parse := range map[string]func([]byte) (*forest.Plan, error){
		"../testdata/golden/xgb_reg/model.json": xgboost.ParseJSON,
		"../testdata/golden/xgb_reg/model.ubj":  xgboost.ParseUBJ,
	} {
		data, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(path[len("../testdata/golden/"):], func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parse(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
