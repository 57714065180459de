package graph

import (
	"math"
	"testing"
)

// TestSigmoids compares the pair with two single calls, bit for bit.
func TestSigmoids(t *testing.T) {
	for _, v := range []float64{0, math.Copysign(0, -1), 1e-300, 0.3, -0.3, 1, -1, 36.7, -36.7, 745, -746, 1000, math.Inf(1), math.Inf(-1), math.NaN()} {
		against, of := sigmoids(v)
		a, b := sigmoid(-v), sigmoid(v)
		if v == v && (math.Float64bits(against) != math.Float64bits(a) || math.Float64bits(of) != math.Float64bits(b)) || v != v && (against == against || of == of) {
			t.Errorf("%v: %v and %v, want %v and %v", v, against, of, a, b)
		}
	}
}
