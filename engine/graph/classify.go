package graph

import (
	"math"

	"online-inference/engine/tensor"
)

// transform turns the scores of a row into what the model answers
// (post_transform of ONNX-ML).
type transform uint8

const (
	postNone transform = iota
	postLogistic
	postSoftmax
	postSoftmaxZero
	postProbit
)

func postTransform(b *build) transform {
	switch name := b.string("post_transform", "NONE"); name {
	case "NONE":
		return postNone
	case "LOGISTIC":
		return postLogistic
	case "SOFTMAX":
		return postSoftmax
	case "SOFTMAX_ZERO":
		return postSoftmaxZero
	case "PROBIT":
		return postProbit
	default:
		b.refuse("post_transform %q", name)
		return postNone
	}
}

func (t transform) apply(s []float64) {
	switch t {
	case postLogistic:
		if len(s) == 2 && s[0] == -s[1] { // two classes, as LinearClassifier writes them
			s[0], s[1] = sigmoids(s[1])
			return
		}
		for i, v := range s {
			s[i] = sigmoid(v)
		}
	case postSoftmax, postSoftmaxZero:
		softmax(s, t == postSoftmaxZero)
	case postProbit:
		for i, v := range s {
			s[i] = probit(v)
		}
	}
}

// sigmoids are sigmoid(-v) and sigmoid(v), to the bit, by one exponential.
func sigmoids(v float64) (against, of float64) {
	e := math.Exp(-math.Abs(v))
	high, low := 1/(1+e), e/(1+e)
	switch {
	case v > 0:
		return low, high
	case v < 0:
		return high, low
	}
	return high, high // 1/2, or NaN
}

// softmax divides exponentials by their sum. With zero set, scores of about 0
// stay 0: classes that nothing spoke of (SOFTMAX_ZERO).
func softmax(s []float64, zero bool) {
	top := math.Inf(-1)
	for _, v := range s {
		top = max(top, v)
	}
	sum := 0.0
	for i, v := range s {
		if zero && math.Abs(v) <= 1e-7 {
			s[i] = v * math.Exp(-top)
		} else {
			s[i] = math.Exp(v - top)
		}
		sum += s[i]
	}
	if sum == 0 {
		return
	}
	for i := range s {
		s[i] /= sum
	}
}

// probit is sqrt(2) * erfinv(2v-1) with Winitzki's approximation of erfinv and
// its constant 0.147, as ONNX Runtime computes it.
func probit(v float64) float64 {
	x := 2*v - 1
	l := math.Log((1 - x) * (1 + x))
	a := 2/(math.Pi*0.147) + 0.5*l
	e := math.Sqrt(math.Sqrt(a*a-l/0.147) - a)
	return math.Sqrt2 * math.Copysign(e, x)
}

// classLabels reads the labels of a classifier; exactly one of the two
// attributes is given.
func classLabels(b *build, ints string) *Classes {
	c := &Classes{Ints: b.ints(ints), Strings: b.strings("classlabels_strings")}
	if len(c.Ints) > 0 && len(c.Strings) > 0 {
		b.refuse("class labels both as integers and as strings")
	}
	if c.Len() == 0 {
		b.refuse("no class labels")
	}
	return c
}

// pair says how one score stands for two classes.
type pair uint8

const (
	pairNone     pair = iota // one score a class
	pairSigned               // -s and s, the second class if s > 0
	pairShare                // s is the second class's probability: 1-s and s
	pairLogistic             // sigmoid(-s) and sigmoid(s), the second class if s > 0
)

// A chooser turns the scores of a row into a label and the answer's scores, the
// common end of all classifiers of ONNX-ML.
type chooser struct {
	classes *Classes
	post    transform
	scores  int // that the model computes: one a class, or one for two classes
	pair    pair
	shares  bool // the scores are probabilities without a transform
}

// describe sets the outputs' types and roles: the label and the scores.
func (c *chooser) describe(b *build) {
	if c.pair == pairSigned && c.post == postLogistic {
		c.pair = pairLogistic
	}
	role := RoleScores
	if c.post != postNone || c.pair == pairShare || c.shares {
		role = RoleProbabilities
	}
	describeClassifier(b, c.classes, role)
}

// describeClassifier sets types and roles of a classifier's two outputs.
func describeClassifier(b *build, classes *Classes, role Role) {
	if len(b.out) != 2 {
		b.refuse("%d outputs, it has 2", len(b.out))
		return
	}
	if len(classes.Strings) > 0 {
		b.gives(0, tensor.String)
	} else {
		b.gives(0, tensor.Int64)
	}
	b.gives(1, tensor.Float32)
	b.means(0, RoleLabel, classes)
	b.means(1, role, classes)
}

func (c *chooser) resize(out []*tensor.Tensor, rows int) {
	resizeLabels(out[0], c.classes, rows)
	out[1].Resize(tensor.Float32, rows, c.classes.Len())
}

// choose writes the label and the scores of row r. sums holds the scores and
// has room for one a class; it is overwritten. Scores are compared as they are
// answered, in float32: weights that a converter rounded leave a tie of a
// forest's votes a tie, which the first class wins as in the frameworks.
func (c *chooser) choose(out []*tensor.Tensor, r int, sums []float64) {
	n := c.classes.Len()
	sums = sums[:n]
	best := 0
	switch s := sums[0]; c.pair {
	case pairSigned:
		if s > 0 {
			best = 1
		}
		sums[0], sums[1] = -s, s
		c.post.apply(sums)
	case pairLogistic:
		if s > 0 {
			best = 1
		}
		sums[0], sums[1] = sigmoids(s)
	case pairShare:
		if float32(s) > 0.5 {
			best = 1
		}
		sums[0], sums[1] = 1-s, s
	default:
		for i, v := range sums {
			if float32(v) > float32(sums[best]) {
				best = i
			}
		}
		c.post.apply(sums)
	}
	putLabel(out[0], c.classes, r, best)
	narrow(out[1].F32[r*n:], sums)
}

func resizeLabels(t *tensor.Tensor, c *Classes, rows int) {
	if len(c.Strings) > 0 {
		t.Resize(tensor.String, rows)
	} else {
		t.Resize(tensor.Int64, rows)
	}
}

func putLabel(t *tensor.Tensor, c *Classes, row, class int) {
	if len(c.Strings) > 0 {
		t.Str[row] = c.Strings[class]
	} else {
		t.I64[row] = c.Ints[class]
	}
}
