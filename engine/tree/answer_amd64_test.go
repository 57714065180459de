package tree

import (
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"slices"
	"testing"
)

// TestAnswer compares vectors with words for every number of levels and around
// the numbers of rows at which one gives way to the other, and that nothing is
// written behind the rows.
func TestAnswer(t *testing.T) {
	r := rand.New(rand.NewPCG(27, 28))
	for length := range 9 {
		for rows := 1; rows <= binBlock/8; rows++ {
			gauges, stride := 1+r.IntN(5), rows+r.IntN(9)
			words := make([]uint64, gauges*stride)
			for i := range words {
				words[i] = r.Uint64() | highBits
			}
			levels := make([]uint32, length)
			for i := range levels {
				levels[i] = uint32(r.IntN(gauges))<<7 | uint32(1+r.IntN(maxBorders))
			}
			got := make([]uint64, rows+4)
			for i := range got {
				got[i] = r.Uint64()
			}
			want := slices.Clone(got)
			answer(hasVectors(), levels, words, stride, got[:rows])
			answerWords(levels, words, stride, want[:rows])
			if !slices.Equal(got, want) {
				t.Fatalf("%d levels %x, %d words: %x, want %x", length, levels, rows, got, want)
			}
		}
	}
}

// TestVectors compares what the processor was asked with what Linux says of it.
func TestVectors(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	if want := regexp.MustCompile(`(?m)^flags\s.* avx2( |$)`).Match(info); hasVectors() != want {
		t.Errorf("AVX2 %v, Linux says %v", hasVectors(), want)
	}
}
