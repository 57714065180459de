package graph

import (
	"errors"
	"math"
	"testing"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// evaluate runs one operator on tensors that stand for inputs, nil for one that
// is left out, and gives its first output.
func evaluate(t *testing.T, n onnx.Node, opset int64, in ...*tensor.Tensor) *tensor.Tensor {
	t.Helper()
	return evaluateAll(t, n, opset, 1, in...)[0]
}

func evaluateAll(t *testing.T, n onnx.Node, opset int64, outputs int, in ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	out, err := tryAll(n, opset, outputs, in...)
	if err != nil {
		t.Fatalf("%s: %v", n.Op, err)
	}
	return out
}

func tryAll(n onnx.Node, opset int64, outputs int, in ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	m := &onnx.Model{Opsets: map[string]int64{n.Domain: opset}, Graph: &onnx.Graph{}}
	n.Inputs, n.Outputs = nil, nil
	for i, x := range in {
		if x == nil {
			n.Inputs = append(n.Inputs, "")
			continue
		}
		n.Inputs = append(n.Inputs, name(i))
		m.Graph.Inputs = append(m.Graph.Inputs, onnx.Value{Name: name(i), Kind: onnx.KindTensor, Elem: x.Type})
	}
	for i := range outputs {
		n.Outputs = append(n.Outputs, "out"+name(i))
		m.Graph.Outputs = append(m.Graph.Outputs, onnx.Value{Name: "out" + name(i)})
	}
	m.Graph.Nodes = []onnx.Node{n}
	p, err := compileNode(m)
	if err != nil {
		return nil, err
	}
	r, k := p.NewRun(), 0
	for _, x := range in {
		if x != nil {
			*r.Input(k) = *x
			k++
		}
	}
	if err := r.Execute(); err != nil {
		return nil, err
	}
	var out []*tensor.Tensor
	for i := range p.Outputs {
		out = append(out, r.Output(i))
	}
	return out, nil
}

func doubles(shape []int, v ...float64) *tensor.Tensor {
	return &tensor.Tensor{Type: tensor.Float64, Shape: shape, F64: v}
}
func bytes(shape []int, v ...uint8) *tensor.Tensor {
	return &tensor.Tensor{Type: tensor.Uint8, Shape: shape, U8: v}
}
func truths(shape []int, v ...bool) *tensor.Tensor {
	return &tensor.Tensor{Type: tensor.Bool, Shape: shape, Bool: v}
}
func texts(shape []int, v ...string) *tensor.Tensor {
	return &tensor.Tensor{Type: tensor.String, Shape: shape, Str: v}
}
func floatAttr(name string, v float32) onnx.Attr {
	return onnx.Attr{Name: name, Kind: onnx.AttrFloat, Float: v}
}

// corner is one operator on values worked out by hand from its definition.
type corner struct {
	node  onnx.Node
	opset int64
	in    []*tensor.Tensor
	want  *tensor.Tensor
}

func list(t ...*tensor.Tensor) []*tensor.Tensor { return t }

// TestCorners covers what the node tests of ONNX do not: older operator sets,
// other element types, empty tensors, NaN.
func TestCorners(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	grid := floats([]int{2, 3}, 1, 2, 3, 4, 5, 6)
	none := floats([]int{0, 3})
	for what, c := range map[string]corner{
		"old broadcast along an axis": {node("", "Add", intAttr("broadcast", 1), intAttr("axis", 0)), 6, list(grid, floats([]int{2}, 10, 20)), floats([]int{2, 3}, 11, 12, 13, 24, 25, 26)},
		"old broadcast from the end":  {node("", "Mul", intAttr("broadcast", 1)), 6, list(grid, floats([]int{3}, 1, 0, 2)), floats([]int{2, 3}, 1, 0, 6, 4, 0, 12)},
		"a scalar first":              {node("", "Sub"), 14, list(floats(nil, 1), grid), floats([]int{2, 3}, 0, -1, -2, -3, -4, -5)},
		"no rows against one row":     {node("", "Add"), 14, list(none, floats([]int{3}, 1, 2, 3)), none},
		"no rows against a column":    {node("", "Add"), 14, list(none, floats([]int{0, 1})), none},
		"bytes wrap":                  {node("", "Add"), 14, list(bytes([]int{1}, 250), bytes([]int{1}, 10)), bytes([]int{1}, 4)},
		"smallest by minus one":       {node("", "Div"), 14, list(ints([]int{1}, math.MinInt64), ints([]int{1}, -1)), ints([]int{1}, math.MinInt64)},
		"modulo of zero":              {node("", "Mod"), 13, list(ints([]int{2}, 5, -5), ints([]int{2}, 0, 3)), ints([]int{2}, 0, 1)},
		"power exact above 2^53":      {node("", "Pow"), 13, list(ints([]int{1}, 3), ints([]int{1}, 39)), ints([]int{1}, 4052555153018976267)},
		"root of a negative":          {node("", "Pow"), 13, list(floats([]int{2}, -1, 4), floats(nil, 0.5)), floats([]int{2}, nan, 2)},
		"square keeps the type":       {node("", "Pow"), 15, list(floats([]int{2}, -3, 4), ints(nil, 2)), floats([]int{2}, 9, 16)},
		"maximum with NaN":            {node("", "Max"), 13, list(floats([]int{2}, nan, 1), floats([]int{2}, 5, nan)), floats([]int{2}, nan, nan)},
		"maximum of three, broadcast": {node("", "Max"), 13, list(grid, floats([]int{1, 3}, 2, 2, 2), floats([]int{2, 1}, 0, 5)), floats([]int{2, 3}, 2, 2, 3, 5, 5, 6)},
		"bounds as attributes":        {node("", "Clip", floatAttr("min", 2), floatAttr("max", 4)), 6, list(grid), floats([]int{2, 3}, 2, 2, 3, 4, 4, 4)},
		"upper bound alone":           {node("", "Clip"), 13, list(ints([]int{3}, 1, 5, 9), nil, ints(nil, 5)), ints([]int{3}, 1, 5, 5)},
		"NaN is not clipped":          {node("", "Clip"), 13, list(floats([]int{1}, nan), floats(nil, 0), floats(nil, 1)), floats([]int{1}, nan)},
		"sigmoid of far values":       {node("", "Sigmoid"), 13, list(doubles([]int{2}, -800, 800)), doubles([]int{2}, 0, 1)},
		"softplus of far values":      {node("", "Softplus"), 13, list(floats([]int{2}, -1000, 1000)), floats([]int{2}, 0, 1000)},
		"halves round to even":        {node("", "Round"), 13, list(floats([]int{4}, 0.5, 1.5, -0.5, 2.5)), floats([]int{4}, 0, 2, 0, 2)},
		"sign of NaN and zero":        {node("", "Sign"), 13, list(floats([]int{3}, nan, 0, -inf)), floats([]int{3}, nan, 0, -1)},
		"neither NaN nor infinite":    {node("", "IsInf", intAttr("detect_negative", 0)), 20, list(floats([]int{3}, nan, -inf, inf)), truths([]int{3}, false, false, true)},
		"equal NaN":                   {node("", "Equal"), 13, list(floats([]int{1}, nan), floats([]int{1}, nan)), truths([]int{1}, false)},
		"text chosen":                 {node("", "Where"), 16, list(truths([]int{2, 1}, true, false), texts([]int{1}, "a"), texts([]int{2}, "b", "c")), texts([]int{2, 2}, "a", "a", "b", "c")},
		"bytes chosen":                {node("", "Where"), 16, list(truths(nil, false), bytes(nil, 1), bytes([]int{2}, 7, 8)), bytes([]int{2}, 7, 8)},

		"softmax of all dimensions behind": {node("", "Softmax"), 11, list(floats([]int{1, 2, 2}, 0, 0, 0, 0)), floats([]int{1, 2, 2}, 0.25, 0.25, 0.25, 0.25)},
		"softmax of the last dimension":    {node("", "Softmax"), 13, list(floats([]int{1, 2, 2}, 0, 0, 5, 5)), floats([]int{1, 2, 2}, 0.5, 0.5, 0.5, 0.5)},
		"sum over two of three":            {node("", "ReduceSum", intAttr("keepdims", 0)), 13, list(floats([]int{2, 2, 2}, 1, 2, 3, 4, 5, 6, 7, 8), ints([]int{2}, 0, 2)), floats([]int{2}, 14, 22)},
		"mean of integers":                 {node("", "ReduceMean", intsAttr("axes", 1)), 13, list(ints([]int{1, 2}, 3, 4)), ints([]int{1, 1}, 3)},
		"sum of nothing":                   {node("", "ReduceSum", intsAttr("axes", 0)), 11, list(none), floats([]int{1, 3}, 0, 0, 0)},
		"log of large sums":                {node("", "ReduceLogSumExp", intsAttr("axes", 1)), 13, list(floats([]int{1, 2}, 1000, 1000)), floats([]int{1, 1}, 1000.6931)},
		"without axes, no operation":       {node("", "ReduceMax", intAttr("noop_with_empty_axes", 1)), 18, list(grid), grid},
		"largest byte":                     {node("", "ReduceMax", intAttr("keepdims", 0)), 20, list(bytes([]int{3}, 3, 200, 7)), bytes(nil, 200)},
		"no rows, no winner":               {node("", "ArgMax", intAttr("axis", 1), intAttr("keepdims", 0)), 13, list(none), ints([]int{0})},

		"top as attribute":           {node("", "TopK", intAttr("k", 2)), 9, list(floats([]int{1, 3}, 1, 3, 2)), floats([]int{1, 2}, 3, 2)},
		"NaN on top":                 {node("", "TopK"), 11, list(floats([]int{3}, 1, nan, 2), ints([]int{1}, 2)), floats([]int{2}, nan, 2)},
		"all, sorted":                {node("", "TopK", intAttr("largest", 0)), 11, list(ramp(100), ints([]int{1}, 100)), rising(100)},
		"running from the end":       {node("", "CumSum", intAttr("reverse", 1)), 14, list(ints([]int{3}, 1, 2, 3), ints(nil, 0)), ints([]int{3}, 6, 5, 3)},
		"vector by matrix":           {node("", "MatMul"), 13, list(floats([]int{2}, 1, 2), floats([]int{2, 2}, 1, 2, 3, 4)), floats([]int{2}, 7, 10)},
		"whole numbers multiply":     {node("", "MatMul"), 13, list(ints([]int{1, 2}, 1, 2), ints([]int{2, 1}, 3, 4)), ints([]int{1, 1}, 11)},
		"one offset for all":         {node("", "Gemm", floatAttr("alpha", 2), intAttr("transB", 1)), 11, list(floats([]int{1, 2}, 1, 2), floats([]int{1, 2}, 3, 4), floats(nil, 1)), floats([]int{1, 1}, 23)},
		"letters in order":           {node("", "Einsum", stringAttr("equation", "ij, kj")), 12, list(grid, floats([]int{1, 3}, 1, 0, 1)), floats([]int{2, 1}, 4, 10)},
		"diagonal":                   {node("", "Einsum", stringAttr("equation", "ii->i")), 12, list(floats([]int{2, 2}, 1, 2, 3, 4)), floats([]int{2}, 1, 4)},
		"sum to a scalar":            {node("", "Einsum", stringAttr("equation", "i,i->")), 12, list(ints([]int{2}, 3, 4), ints([]int{2}, 5, 6)), ints(nil, 39)},
		"ones dropped":               {node("", "Squeeze"), 11, list(floats([]int{1, 2, 1}, 1, 2)), floats([]int{2}, 1, 2)},
		"a place put in, attribute":  {node("", "Unsqueeze", intsAttr("axes", -1, 0)), 11, list(floats([]int{2}, 1, 2)), floats([]int{1, 2, 1}, 1, 2)},
		"text turned":                {node("", "Transpose"), 13, list(texts([]int{1, 2}, "a", "b")), texts([]int{2, 1}, "a", "b")},
		"one part as attribute":      {node("", "Split", intsAttr("split", 3), intAttr("axis", 1)), 11, list(grid), grid},
		"slice by 32-bit numbers":    {node("", "Slice"), 13, list(grid, int32s(1), int32s(3), int32s(1)), floats([]int{2, 2}, 2, 3, 5, 6)},
		"picked one by one":          {node("", "GatherElements", intAttr("axis", 1)), 13, list(grid, ints([]int{2, 1}, -1, 0)), floats([]int{2, 1}, 3, 4)},
		"text repeated":              {node("", "Tile"), 13, list(texts([]int{1, 1}, "a"), ints([]int{2}, 2, 1)), texts([]int{2, 1}, "a", "a")},
		"a range of nothing":         {node("", "Range"), 11, list(ints(nil, 5), ints(nil, 1), ints(nil, 1)), ints([]int{0})},
		"a diagonal":                 {node("", "EyeLike", intAttr("k", 1), intAttr("dtype", 11)), 9, list(grid), doubles([]int{2, 3}, 0, 1, 0, 0, 0, 1)},
		"positions of truth":         {node("", "NonZero"), 13, list(truths([]int{3}, true, false, true)), ints([]int{1, 2}, 0, 2)},
		"dimension counted from end": {node("", "Flatten", intAttr("axis", -1)), 13, list(floats([]int{2, 1, 2}, 1, 2, 3, 4)), floats([]int{2, 2}, 1, 2, 3, 4)},

		"text of floats":        {node("", "Cast", intAttr("to", 8)), 13, list(floats([]int{6}, 1, 0.1, 1e10, -inf, nan, 16777217)), texts([]int{6}, "1", "0.1", "1e+10", "-INF", "NaN", "16777216")},
		"32 bits from far":      {node("", "Cast", intAttr("to", 6)), 13, list(floats([]int{3}, nan, 3e9, -2.5)), &tensor.Tensor{Type: tensor.Int32, Shape: []int{3}, I32: []int32{math.MinInt32, math.MinInt32, -2}}},
		"text of a double":      {node("", "Cast", intAttr("to", 8)), 13, list(doubles([]int{2}, 0.1, 3)), texts([]int{2}, "0.10000000000000001", "3")},
		"text of a byte":        {node("", "Cast", intAttr("to", 8)), 13, list(bytes([]int{1}, 255)), texts([]int{1}, "255")},
		"like another":          {node("", "CastLike"), 15, list(texts([]int{2}, "1.5", "nan"), floats([]int{1}, 0)), floats([]int{2}, 1.5, nan)},
		"channels shifted":      {node("", "BatchNormalization", floatAttr("epsilon", 0)), 9, list(floats([]int{1, 2}, 3, 5), floats([]int{2}, 1, 2), floats([]int{2}, 0, 1), floats([]int{2}, 1, 1), floats([]int{2}, 4, 1)), floats([]int{1, 2}, 1, 9)},
		"above the threshold":   {node(ml, "Binarizer", floatAttr("threshold", 2)), 1, list(ints([]int{3}, 1, 2, 3)), ints([]int{3}, 0, 0, 1)},
		"columns side by side":  {node(ml, "FeatureVectorizer", intsAttr("inputdimensions", 1, 2)), 1, list(ints([]int{2, 1}, 7, 8), doubles([]int{2, 2}, 1, 2, 3, 4)), floats([]int{2, 3}, 7, 1, 2, 8, 3, 4)},
		"distances":             {node(microsoft, "CDist", stringAttr("metric", "euclidean")), 1, list(floats([]int{1, 2}, 0, 0), floats([]int{2, 2}, 3, 4, 0, 1)), floats([]int{1, 2}, 5, 1)},
		"doubles to strings":    {node(ml, "LabelEncoder", tensorAttr("keys_tensor", doubles([]int{2}, 0.1, math.NaN())), tensorAttr("values_tensor", texts([]int{2}, "tenth", "none")), tensorAttr("default_tensor", texts([]int{1}, "else"))), 4, list(doubles([]int{3}, math.NaN(), 0.1, float64(float32(0.1)))), texts([]int{3}, "none", "tenth", "else")},
		"strings to doubles":    {node(ml, "LabelEncoder", tensorAttr("keys_tensor", texts([]int{2}, "a", "b")), tensorAttr("values_tensor", doubles([]int{2}, 0.1, 1e300)), tensorAttr("default_tensor", doubles([]int{1}, -0.3))), 4, list(texts([]int{3}, "b", "c", "a")), doubles([]int{3}, 1e300, -0.3, 0.1)},
		"whole numbers put in":  {node(ml, "Imputer", intsAttr("imputed_value_int64s", 7, 8), intAttr("replaced_value_int64", -1)), 1, list(ints([]int{2, 2}, -1, 2, 3, -1)), ints([]int{2, 2}, 7, 2, 3, 8)},
		"doubles put in":        {node(ml, "Imputer", floatsAttr("imputed_value_floats", 0.5), floatAttr("replaced_value_float", nan)), 1, list(doubles([]int{1, 3}, math.NaN(), 0.1, 1e300)), doubles([]int{1, 3}, 0.5, 0.1, 1e300)},
		"a lower diagonal":      {node("", "EyeLike", intAttr("k", -1)), 9, list(ints([]int{3, 2}, 9, 9, 9, 9, 9, 9)), ints([]int{3, 2}, 0, 0, 1, 0, 0, 1)},
		"unknown category":      {node(ml, "LabelEncoder", stringsAttr("keys_strings", "a"), floatsAttr("values_floats", 5), floatAttr("default_float", -1)), 2, list(texts([]int{2}, "a", "é")), floats([]int{2}, 5, -1)},
		"positions of strings":  {node(ml, "LabelEncoder", stringsAttr("classes_strings", "a", "b"), intAttr("default_int64", 9)), 1, list(texts([]int{2}, "b", "c")), ints([]int{2}, 1, 9)},
		"strings of positions":  {node(ml, "LabelEncoder", stringsAttr("classes_strings", "a", "b"), stringAttr("default_string", "?")), 1, list(ints([]int{2}, 1, 2)), texts([]int{2}, "b", "?")},
		"unit length":           {node("", "LpNormalization", intAttr("axis", 0)), 1, list(floats([]int{2, 2}, 3, 0, 4, 0)), floats([]int{2, 2}, 0.6, 0, 0.8, 0)},
		"sum of one":            {node("", "LpNormalization", intAttr("p", 1)), 22, list(doubles([]int{2, 2}, 1, -3, 0, 0)), doubles([]int{2, 2}, 0.25, -0.75, 0, 0)},
		"absolute maximum":      {node(ml, "Normalizer"), 1, list(floats([]int{1, 2}, -4, 2)), floats([]int{1, 2}, -1, 0.5)},
		"integers in a scaler":  {node(ml, "Scaler", floatsAttr("offset", 1), floatsAttr("scale", 0.5)), 1, list(ints([]int{1, 2}, 3, 5)), floats([]int{1, 2}, 1, 2)},
		"linear support vector": {node(ml, "SVMRegressor", floatsAttr("support_vectors", 1, 0, 0, 1), floatsAttr("coefficients", 2, 3), intAttr("n_supports", 2), floatsAttr("rho", 0.5)), 1, list(floats([]int{1, 2}, 1, 2)), floats([]int{1, 1}, 8.5)},
		"radial":                {svr("RBF", 0.5, 0, 3), 1, list(floats([]int{1, 2}, 2, 2)), floats([]int{1, 1}, 0.36787944)},
		"polynomial":            {svr("POLY", 1, 1, 2), 1, list(doubles([]int{1, 2}, 1, 2)), floats([]int{1, 1}, 16)},
		"hyperbolic":            {svr("SIGMOID", 1, -3, 0), 1, list(ints([]int{1, 2}, 1, 2)), floats([]int{1, 1}, 0)},
		"without vectors":       {node(ml, "SVMRegressor", floatsAttr("coefficients", 2, 3), floatsAttr("rho", -1)), 1, list(floats([]int{1, 2}, 1, 2)), floats([]int{1, 1}, 7)},
		"one class":             {node(ml, "SVMRegressor", floatsAttr("coefficients", 2, 3), floatsAttr("rho", -9), intAttr("one_class", 1)), 1, list(floats([]int{2, 2}, 1, 2, 2, 2)), floats([]int{2, 1}, -1, 1)},
	} {
		t.Run(what, func(t *testing.T) {
			if err := sameTensor(evaluate(t, c.node, c.opset, c.in...), c.want); err != nil {
				t.Error(err)
			}
		})
	}
}

func int32s(v ...int32) *tensor.Tensor {
	return &tensor.Tensor{Type: tensor.Int32, Shape: []int{len(v)}, I32: v}
}

// ramp gives n numbers in falling order, rising the same in rising order.
func ramp(n int) *tensor.Tensor {
	x := floats([]int{n})
	for i := range n {
		x.F32 = append(x.F32, float32(n-i))
	}
	return x
}

func rising(n int) *tensor.Tensor {
	x := floats([]int{n})
	for i := range n {
		x.F32 = append(x.F32, float32(i+1))
	}
	return x
}

// svr is a regressor with one vector, (1, 1).
func svr(kernel string, params ...float32) onnx.Node {
	return node(ml, "SVMRegressor", stringAttr("kernel_type", kernel), floatsAttr("kernel_params", params...), floatsAttr("support_vectors", 1, 1),
		floatsAttr("coefficients", 1), intAttr("n_supports", 1), floatsAttr("rho", 0))
}

// TestVotes checks a classifier of one vector a class, x = 1 and x = -1.
func TestVotes(t *testing.T) {
	n := node(ml, "SVMClassifier", floatsAttr("support_vectors", 1, -1), intsAttr("vectors_per_class", 1, 1), floatsAttr("coefficients", 1, -1),
		floatsAttr("rho", 0), intsAttr("classlabels_ints", 5, 9))
	x := floats([]int{2, 1}, 2, -2)
	out := evaluateAll(t, n, 1, 2, x)
	if err := errors.Join(sameTensor(out[0], ints([]int{2}, 5, 9)), sameTensor(out[1], floats([]int{2, 2}, -4, 4, 4, -4))); err != nil {
		t.Error(err)
	}
	n.Attrs = append(n.Attrs, floatsAttr("prob_a", -1), floatsAttr("prob_b", 0))
	out = evaluateAll(t, n, 1, 2, x)
	// Coupling two classes ends near the pair's share, within libsvm's tolerance
	// of 0.005, as in the framework.
	p := sigmoid(4)
	for r, want := range []float64{p, 1 - p} {
		if got := float64(out[1].F32[2*r]); math.Abs(got-want) > 0.0025 || math.Abs(got+float64(out[1].F32[2*r+1])-1) > 1e-6 {
			t.Errorf("row %d: probabilities %v, want about %v", r, out[1].F32[2*r:2*r+2], want)
		}
	}
	if err := sameTensor(out[0], ints([]int{2}, 5, 9)); err != nil {
		t.Error(err)
	}
}

// TestRefusedNodes lists what single operators refuse, at load or as a value.
func TestRefusedNodes(t *testing.T) {
	grid := floats([]int{2, 3}, 1, 2, 3, 4, 5, 6)
	for what, c := range map[string]corner{
		"shapes apart":          {node("", "Add"), 14, list(grid, floats([]int{2}, 1, 2)), nil},
		"concat without axis":   {node("", "Concat"), 13, list(grid, grid), nil},
		"two types":             {node("", "Add"), 14, list(grid, ints([]int{1}, 1)), nil},
		"future operator set":   {node("", "Abs"), 99, list(grid), nil},
		"past operator set":     {node("", "Where"), 8, list(truths(nil, true), grid, grid), nil},
		"too many wanted":       {node("", "TopK"), 11, list(grid, ints([]int{1}, 4)), nil},
		"negative wanted":       {node("", "TopK"), 11, list(grid, ints([]int{1}, -1)), nil},
		"ellipsis":              {node("", "Einsum", stringAttr("equation", "...i->i")), 12, list(grid), nil},
		"letter without a size": {node("", "Einsum", stringAttr("equation", "ij->k")), 12, list(grid), nil},
		"axis twice":            {node("", "Slice"), 13, list(grid, ints([]int{2}, 0, 0), ints([]int{2}, 1, 1), ints([]int{2}, 0, 0)), nil},
		"step of nothing":       {node("", "Slice"), 13, list(grid, ints([]int{1}, 0), ints([]int{1}, 1), ints([]int{1}, 0), ints([]int{1}, 0)), nil},
		"range without end":     {node("", "Range"), 11, list(ints(nil, 0), ints(nil, 5), ints(nil, 0)), nil},
		"huge expansion":        {node("", "Expand"), 13, list(grid, ints([]int{4}, 1<<20, 1<<20, 2, 3)), nil},
		"huge from a shape":     {node("", "ConstantOfShape"), 9, list(ints([]int{2}, 1<<20, 1<<20)), nil},
		"negative dimension":    {node("", "ConstantOfShape"), 9, list(ints([]int{1}, -1)), nil},
		"dimension not one":     {node("", "Squeeze"), 13, list(grid, ints([]int{1}, 0)), nil},
		"dimension twice":       {node("", "Transpose", intsAttr("perm", 0, 0)), 13, list(grid), nil},
		"parts too large":       {node("", "Split", intsAttr("split", 9)), 11, list(grid), nil},
		"logarithm's noop":      {node("", "ReduceLogSum", intAttr("noop_with_empty_axes", 1)), 18, list(grid), nil},
		"kernel":                {svr("COSINE", 1, 1, 1), 1, list(floats([]int{1, 2}, 1, 2)), nil},
		"kernel parameters":     {svr("RBF", 1), 1, list(floats([]int{1, 2}, 1, 2)), nil},
		"vectors of two widths": {svr("LINEAR", 1, 1, 1), 1, list(grid), nil},
		"statistics of spread":  {node("", "BatchNormalization"), 9, list(grid, floats([]int{1}, 1), floats([]int{1}, 1), floats([]int{1}, 1), floats([]int{1}, 1)), nil},
		"floats without fmod":   {node("", "Mod"), 13, list(grid, grid), nil},
	} {
		out, err := tryAll(c.node, c.opset, 1, c.in...)
		if err == nil {
			t.Errorf("%s: gives %v, want a refusal", what, out[0])
		}
		if value := (*modelfile.ValueError)(nil); errors.As(err, &value) {
			t.Errorf("%s: %v blames a value", what, err)
		}
	}
}

// TestManyRows scores more rows than one block holds, with columns that no tree reads.
func TestManyRows(t *testing.T) {
	const rows = 2*scoreRowsBlock + 7
	x, want := floats([]int{rows, 3}), floats([]int{rows, 1})
	for r := range rows {
		x.F32 = append(x.F32, float32(r%2), 9, 9)
		want.F32 = append(want.F32, float32(1+r%2))
	}
	if err := sameTensor(evaluate(t, stump(), 3, x), want); err != nil {
		t.Error(err)
	}
}
