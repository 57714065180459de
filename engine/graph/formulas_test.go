package graph

import (
	"math"
	"testing"

	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// TestFormulas checks the element-wise operators for which the ONNX project has
// no test cases against the standard's formulas, in both element types.
func TestFormulas(t *testing.T) {
	wide := []float64{-40, -3, -1.5, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 1.5, 3, 40, math.NaN()}
	unit := []float64{-1, -0.75, -0.5, -0.1, 0, 0.1, 0.5, 0.75, 1, 1.5, math.NaN()} // 1.5 has no angle
	for _, c := range []struct {
		node onnx.Node
		in   []float64
		want func(x float64) float64
	}{
		{node("", "Acos"), unit, func(x float64) float64 { return math.Atan2(math.Sqrt(1-x*x), x) }},
		{node("", "Asin"), unit, func(x float64) float64 { return math.Atan2(x, math.Sqrt(1-x*x)) }},
		{node("", "Atan"), wide, func(x float64) float64 { return math.Atan2(x, 1) }},
		{node("", "Sin"), wide, math.Sin},
		{node("", "Cos"), wide, math.Cos},
		{node("", "Tan"), wide, func(x float64) float64 { return math.Sin(x) / math.Cos(x) }},
		{node("", "Sinh"), wide, func(x float64) float64 { return (math.Exp(x) - math.Exp(-x)) / 2 }},
		{node("", "Cosh"), wide, func(x float64) float64 { return (math.Exp(x) + math.Exp(-x)) / 2 }},
		{node("", "Softsign"), wide, func(x float64) float64 { return x / (1 + math.Abs(x)) }},
		{node("", "Celu"), wide, celu(1)},
		{node("", "Celu", floatAttr("alpha", 2)), wide, celu(2)},
		{node("", "HardSigmoid"), wide, hardSigmoid(float64(float32(0.2)), 0.5)},
		{node("", "HardSigmoid", floatAttr("alpha", 0.5), floatAttr("beta", 0.25)), wide, hardSigmoid(0.5, 0.25)},
		{node("", "ThresholdedRelu"), wide, thresholded(1)},
		{node("", "ThresholdedRelu", floatAttr("alpha", -0.5)), wide, thresholded(-0.5)},
	} {
		shape := []int{len(c.in)}
		narrow, want32, want64 := floats(shape), floats(shape), doubles(shape)
		for _, x := range c.in {
			narrow.F32 = append(narrow.F32, float32(x))
			want32.F32 = append(want32.F32, float32(c.want(float64(float32(x)))))
			want64.F64 = append(want64.F64, c.want(x))
		}
		if err := sameTensor(evaluate(t, c.node, 22, narrow), want32); err != nil {
			t.Errorf("%s of floats: %v", c.node.Op, err)
		}
		if err := sameTensor(evaluate(t, c.node, 22, doubles(shape, c.in...)), want64); err != nil {
			t.Errorf("%s of doubles: %v", c.node.Op, err)
		}
	}
}

func celu(alpha float64) func(float64) float64 {
	return func(x float64) float64 { return max(0, x) + min(0, alpha*(math.Exp(x/alpha)-1)) }
}

func hardSigmoid(alpha, beta float64) func(float64) float64 {
	return func(x float64) float64 { return max(0, min(1, alpha*x+beta)) }
}

func thresholded(alpha float64) func(float64) float64 {
	return func(x float64) float64 {
		if x <= alpha {
			return 0
		}
		return x // NaN too
	}
}

// through is a linear model that gives its inputs back, so that what comes out
// is post_transform alone.
func through(columns int, post string) onnx.Node {
	unit := make([]float32, columns*columns)
	for i := range columns {
		unit[i*columns+i] = 1
	}
	return node(ml, "LinearRegressor", floatsAttr("coefficients", unit...), intAttr("targets", int64(columns)), stringAttr("post_transform", post))
}

// TestProbit checks PROBIT against the approximation that docs/reference names
// and, to its precision, against the function that it approximates.
func TestProbit(t *testing.T) {
	x := []float32{0.001, 0.02425, 0.1, 0.3, 0.5, 0.75, 0.9, 0.999}
	got := evaluate(t, through(len(x), "PROBIT"), 1, floats([]int{1, len(x)}, x...))
	for i, p := range x {
		y := 2*float64(p) - 1
		const a = 0.147
		log := math.Log(1 - y*y)
		half := 2/(math.Pi*a) + log/2
		want := math.Sqrt2 * math.Copysign(math.Sqrt(math.Sqrt(half*half-log/a)-half), y)
		have, exact := float64(got.F32[i]), math.Sqrt2*math.Erfinv(y)
		if math.Abs(have-want) > 2e-6*max(1, math.Abs(want)) {
			t.Errorf("PROBIT of %v = %v, want %v by the approximation", p, have, want)
		}
		if math.Abs(have-exact) > 0.004*max(1, math.Abs(exact)) {
			t.Errorf("PROBIT of %v = %v, want about %v", p, have, exact)
		}
	}
}

// TestSoftmaxZero checks that scores of 0 stay 0 and that the others share.
func TestSoftmaxZero(t *testing.T) {
	e := math.Exp
	x := floats([]int{4, 3}, 1, 0, 2, -1, 0, 0, 0, 0, 0, 1, 2, 3)
	row := floats([]int{4, 3},
		float32(e(1)/(e(1)+e(2))), 0, float32(e(2)/(e(1)+e(2))),
		1, 0, 0,
		0, 0, 0,
		float32(e(1)/(e(1)+e(2)+e(3))), float32(e(2)/(e(1)+e(2)+e(3))), float32(e(3)/(e(1)+e(2)+e(3))))
	if err := sameTensor(evaluate(t, through(3, "SOFTMAX_ZERO"), 1, x), row); err != nil {
		t.Error(err)
	}
}

// pairOfTrees are two stumps on x0 <= 0.5 with two targets: the first tree adds
// 1 or 2 to both, the second 5 or -4 to the first and 7 or 8 to the second.
func pairOfTrees(extra ...onnx.Attr) onnx.Node {
	return node(ml, "TreeEnsembleRegressor", append([]onnx.Attr{
		intsAttr("nodes_treeids", 0, 0, 0, 1, 1, 1), intsAttr("nodes_nodeids", 0, 1, 2, 0, 1, 2), intsAttr("nodes_featureids", 0, 0, 0, 0, 0, 0),
		floatsAttr("nodes_values", 0.5, 0, 0, 0.5, 0, 0), stringsAttr("nodes_modes", "BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"),
		intsAttr("nodes_truenodeids", 1, 0, 0, 1, 0, 0), intsAttr("nodes_falsenodeids", 2, 0, 0, 2, 0, 0),
		intsAttr("target_treeids", 0, 0, 0, 0, 1, 1, 1, 1), intsAttr("target_nodeids", 1, 1, 2, 2, 1, 1, 2, 2),
		intsAttr("target_ids", 0, 1, 0, 1, 0, 1, 0, 1), floatsAttr("target_weights", 1, 1, 2, 2, 5, 7, -4, 8), intAttr("n_targets", 2),
	}, extra...)...)
}

// TestAggregates checks what an ensemble does with its trees' values: base
// values come on top of it, and a single one counts for every target.
func TestAggregates(t *testing.T) {
	x := floats([]int{2, 1}, 0, 1)
	each, one := floatsAttr("base_values", 10, 20), floatsAttr("base_values", 100)
	for _, c := range []struct {
		name string
		base onnx.Attr
		want []float32
	}{
		{"SUM", each, []float32{16, 28, 8, 30}},
		{"AVERAGE", each, []float32{13, 24, 9, 25}},
		{"MIN", each, []float32{11, 21, 6, 22}},
		{"MAX", each, []float32{15, 27, 12, 28}},
		{"SUM", one, []float32{106, 108, 98, 110}},
		{"AVERAGE", one, []float32{103, 104, 99, 105}},
		{"MIN", one, []float32{101, 101, 96, 102}},
		{"MAX", one, []float32{105, 107, 102, 108}},
	} {
		n := pairOfTrees(stringAttr("aggregate_function", c.name), c.base)
		if err := sameTensor(evaluate(t, n, 3, x), floats([]int{2, 2}, c.want...)); err != nil {
			t.Errorf("%s with base values %v: %v", c.name, c.base.Floats, err)
		}
	}
}

// TestTensorAttributes checks the doubles of version 3: thresholds and weights
// that a float cannot hold count as they are written.
func TestTensorAttributes(t *testing.T) {
	const threshold = 0.1 // float32(0.1) is larger
	above := math.Nextafter(threshold, 1)
	x := doubles([]int{3, 1}, threshold, above, float64(float32(threshold)))
	tree := func(op, leaves string, extra ...onnx.Attr) onnx.Node {
		return node(ml, op, append([]onnx.Attr{
			intsAttr("nodes_treeids", 0, 0, 0), intsAttr("nodes_nodeids", 0, 1, 2), intsAttr("nodes_featureids", 0, 0, 0),
			tensorAttr("nodes_values_as_tensor", doubles([]int{3}, threshold, 0, 0)), stringsAttr("nodes_modes", "BRANCH_LEQ", "LEAF", "LEAF"),
			intsAttr("nodes_truenodeids", 1, 0, 0), intsAttr("nodes_falsenodeids", 2, 0, 0), tensorAttr("nodes_hitrates_as_tensor", doubles([]int{3}, 1, 1, 1)),
			intsAttr(leaves+"_treeids", 0, 0), intsAttr(leaves+"_nodeids", 1, 2), intsAttr(leaves+"_ids", 0, 1),
		}, extra...)...)
	}
	two := intAttr("n_targets", 2)
	// 1+1e-9 is 1 as a float: what is left after the base value shows the doubles.
	weights := tensorAttr("target_weights_as_tensor", doubles([]int{2}, 1+1e-9, 2))
	base := tensorAttr("base_values_as_tensor", doubles([]int{2}, -1, 0.5))
	want := floats([]int{3, 2}, 1e-9, 0.5, -1, 2.5, -1, 2.5)
	got := evaluate(t, tree("TreeEnsembleRegressor", "target", two, weights, base), 3, x)
	if err := sameTensor(got, want); err != nil {
		t.Error(err)
	}
	if left := float64(got.F32[0]); math.Abs(left-1e-9) > 1e-15 {
		t.Errorf("the regressor leaves %v of 1+1e-9 and -1, want 1e-9", left)
	}
	votes := tensorAttr("class_weights_as_tensor", doubles([]int{2}, 0.75, 0.625))
	shift := tensorAttr("base_values_as_tensor", doubles([]int{2}, 0.25, 0.125))
	out := evaluateAll(t, tree("TreeEnsembleClassifier", "class", intsAttr("classlabels_int64s", 4, 7), votes, shift), 3, 2, x)
	if err := sameTensor(out[0], ints([]int{3}, 4, 7, 7)); err != nil {
		t.Error(err)
	}
	if err := sameTensor(out[1], floats([]int{3, 2}, 1, 0.125, 0.25, 0.75, 0.25, 0.75)); err != nil {
		t.Error(err)
	}

	floatsToo := floatsAttr("target_weights", 1, 2)
	for what, n := range map[string]onnx.Node{
		"both forms":     tree("TreeEnsembleRegressor", "target", two, weights, floatsToo),
		"whole numbers":  tree("TreeEnsembleRegressor", "target", two, tensorAttr("target_weights_as_tensor", ints([]int{2}, 1, 2))),
		"a weight short": tree("TreeEnsembleRegressor", "target", two, tensorAttr("target_weights_as_tensor", doubles([]int{1}, 1))),
	} {
		if out, err := tryAll(n, 3, 1, x); err == nil {
			t.Errorf("%s: gives %v, want a refusal", what, out[0])
		}
	}
	same := tree("TreeEnsembleRegressor", "target", two, tensorAttr("target_weights_as_tensor", &tensor.Tensor{Type: tensor.Float32, Shape: []int{2}, F32: []float32{3, 4}}))
	if err := sameTensor(evaluate(t, same, 3, x), floats([]int{3, 2}, 3, 0, 0, 4, 0, 4)); err != nil {
		t.Errorf("floats as a tensor: %v", err)
	}
}
