package forest

import (
	"math"
	"slices"
)

// Link turns the sums of a row into its answers.
type Link struct {
	Kind LinkKind
	// Slope multiplies the sum in Logistic; 0 stands for 1.
	Slope float64
}

// LinkKind is a kind of link function.
type LinkKind uint8

// The links.
const (
	Identity     LinkKind = iota
	Logistic              // 1 / (1 + exp(-Slope*s))
	Softmax               // exp(s) / sum of exp(s) over the targets
	Exp                   // exp(s)
	Softplus              // log(1 + exp(s))
	SignedSquare          // s*|s|
	Step                  // 1 if s > 0, else 0
	Sorted                // the targets in ascending order
	Cumulative            // the first target, then each larger by 1e-6 + log(1 + exp(s)) than the one before
	NormalScale           // of two targets the second is a logarithm of a standard deviation: its variance
)

// apply overwrites the sums of a row.
func (l Link) apply(s []float64) {
	switch l.Kind {
	case Logistic:
		for i, v := range s {
			s[i] = sigmoid(l.Slope * v)
		}
	case Softmax:
		softmax(s)
	case Exp:
		for i, v := range s {
			s[i] = math.Exp(v)
		}
	case Softplus:
		for i, v := range s {
			s[i] = softplus(v)
		}
	case SignedSquare:
		for i, v := range s {
			s[i] = v * math.Abs(v)
		}
	case Step:
		for i, v := range s {
			s[i] = 0
			if v > 0 {
				s[i] = 1
			}
		}
	case Sorted:
		slices.Sort(s)
	case Cumulative:
		for i := 1; i < len(s); i++ {
			s[i] = s[i-1] + 1e-6 + softplus(s[i])
		}
	case NormalScale:
		s[1] = math.Exp(2 * s[1])
	}
}

// sigmoid keeps the digits of small probabilities on both sides.
func sigmoid(v float64) float64 {
	if v < 0 {
		e := math.Exp(v)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-v))
}

func softplus(v float64) float64 {
	return max(v, 0) + math.Log1p(math.Exp(-math.Abs(v)))
}

func softmax(s []float64) {
	top := slices.Max(s)
	sum := 0.0
	for i, v := range s {
		s[i] = math.Exp(v - top)
		sum += s[i]
	}
	for i := range s {
		s[i] /= sum
	}
}
