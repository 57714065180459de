package lightgbm_test

import (
	"os"
	"testing"

	"online-inference/engine/lightgbm"
)

// BenchmarkParse loads a file; the rate is of the file's bytes.
func BenchmarkParse(b *testing.B) {
	data, err := os.ReadFile("../testdata/golden/lgb_reg_double/model.txt")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := lightgbm.Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}
