package catboost_test

import (
	"os"
	"testing"

	"online-inference/engine/catboost"
)

// BenchmarkParse loads a file; the rate is of the file's bytes.
func BenchmarkParse(b *testing.B) {
	data, err := os.ReadFile("../testdata/golden/cb_reg/model.json")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := catboost.Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}
