package graph

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// modelOf wraps nodes that read a float matrix X of some columns and give Y.
func modelOf(columns int, nodes ...onnx.Node) *onnx.Model {
	return &onnx.Model{
		Opsets: map[string]int64{"": 18, ml: 3},
		Graph: &onnx.Graph{
			Nodes:   nodes,
			Inputs:  []onnx.Value{{Name: "X", Kind: onnx.KindTensor, Elem: tensor.Float32, HasShape: true, Shape: []int{-1, columns}}},
			Outputs: []onnx.Value{{Name: "Y"}},
		},
	}
}

func node(domain, op string, attrs ...onnx.Attr) onnx.Node {
	return onnx.Node{Name: "n", Domain: domain, Op: op, Inputs: []string{"X"}, Outputs: []string{"Y"}, Attrs: attrs}
}

func intAttr(name string, v int64) onnx.Attr {
	return onnx.Attr{Name: name, Kind: onnx.AttrInt, Int: v}
}
func intsAttr(name string, v ...int64) onnx.Attr {
	return onnx.Attr{Name: name, Kind: onnx.AttrInts, Ints: onnx.IntsOf(v)}
}
func floatsAttr(name string, v ...float32) onnx.Attr {
	return onnx.Attr{Name: name, Kind: onnx.AttrFloats, Floats: onnx.FloatsOf(v)}
}
func stringAttr(name, v string) onnx.Attr {
	return onnx.Attr{Name: name, Kind: onnx.AttrString, String: v}
}
func stringsAttr(name string, v ...string) onnx.Attr {
	return onnx.Attr{Name: name, Kind: onnx.AttrStrings, Strings: onnx.StringsOf(v)}
}

func tensorAttr(name string, t *tensor.Tensor) onnx.Attr {
	return onnx.Attr{Name: name, Kind: onnx.AttrTensor, Tensor: t}
}

func floats(shape []int, v ...float32) *tensor.Tensor {
	return &tensor.Tensor{Type: tensor.Float32, Shape: shape, F32: v}
}

func ints(shape []int, v ...int64) *tensor.Tensor {
	return &tensor.Tensor{Type: tensor.Int64, Shape: shape, I64: v}
}

// stump is one tree with one test, x0 <= 0.5, whose leaves add 1 and 2.
func stump(extra ...onnx.Attr) onnx.Node {
	n := node(ml, "TreeEnsembleRegressor", append([]onnx.Attr{
		intsAttr("nodes_treeids", 0, 0, 0), intsAttr("nodes_nodeids", 0, 1, 2), intsAttr("nodes_featureids", 0, 0, 0),
		floatsAttr("nodes_values", 0.5, 0, 0), stringsAttr("nodes_modes", "BRANCH_LEQ", "LEAF", "LEAF"),
		intsAttr("nodes_truenodeids", 1, 0, 0), intsAttr("nodes_falsenodeids", 2, 0, 0),
		intsAttr("target_treeids", 0, 0), intsAttr("target_nodeids", 1, 2), intsAttr("target_ids", 0, 0), floatsAttr("target_weights", 1, 2),
	}, extra...)...)
	return n
}

// replaced gives the stump with one attribute exchanged.
func replaced(with onnx.Attr) onnx.Node {
	n := stump()
	for i := range n.Attrs {
		if n.Attrs[i].Name == with.Name {
			n.Attrs[i] = with
		}
	}
	return n
}

// TestRefused lists files that are sound as bytes and wrong or beyond the engine
// as graphs: each is refused at load with the node and the reason.
func TestRefused(t *testing.T) {
	twice := modelOf(2, node("", "Abs"), node("", "Abs"))
	dangling := modelOf(2, node("", "Abs"))
	dangling.Graph.Nodes[0].Inputs[0] = "Z"
	silent := modelOf(2, node("", "Abs"), node("", "Abs"))
	silent.Graph.Nodes[1].Outputs = nil
	open := modelOf(-1, node("", "Abs"))
	lost := modelOf(2, node("", "Abs"))
	lost.Graph.Outputs[0].Name = "W"
	halves := modelOf(2, node("", "Abs"))
	halves.Graph.Inputs[0].Elem, halves.Graph.Inputs[0].ElemCode = tensor.Invalid, 10
	local := modelOf(2, node("", "Abs"))
	local.Functions = map[[2]string]bool{{"", "Abs"}: true}
	grows := modelOf(1024)
	for i := range 12 { // each value is twice as wide as the last
		grows.Graph.Nodes = append(grows.Graph.Nodes, onnx.Node{
			Name: "n", Op: "Concat", Attrs: []onnx.Attr{intAttr("axis", 1)},
			Inputs: []string{name(i), name(i), name(i), name(i)}, Outputs: []string{name(i + 1)},
		})
	}
	grows.Graph.Outputs[0].Name = name(12)

	for what, c := range map[string]struct {
		model *onnx.Model
		want  string // in the message
		// The operator and the node that an UnsupportedError blames; a FormatError has neither.
		op, node string
	}{
		"unknown operator":       {modelOf(2, node("", "Frobnicate")), `operator Frobnicate in node "n": the engine does not know it`, "Frobnicate", "n"},
		"local function":         {local, `operator Abs in node "n": the file defines it as a function of its own`, "Abs", "n"},
		"unknown domain":         {modelOf(2, node("com.acme", "Abs")), "operator com.acme.Abs", "com.acme.Abs", "n"},
		"unknown attribute":      {modelOf(2, node("", "Abs", intAttr("speed", 3))), `attribute "speed" is unknown`, "Abs", "n"},
		"attribute's type":       {modelOf(2, node(ml, "Scaler", intsAttr("offset", 1), floatsAttr("scale", 1))), "attribute offset has type 7 where 6 belongs", "ai.onnx.ml.Scaler", "n"},
		"element type":           {halves, `input "X" has element type 10`, "", ""},
		"operator's type":        {modelOf(2, node("", "Not")), "input 0 has type float32", "Not", "n"},
		"value not given":        {dangling, `reads "Z", which no earlier node gives`, "", ""},
		"no output":              {silent, `Abs "n" gives no output`, "", ""},
		"value given twice":      {twice, `value "Y" is given twice`, "", ""},
		"output not given":       {lost, `output "W" is given by no node`, "", ""},
		"open width":             {open, "leaves its dimension 1 open", "", ""},
		"too many inputs":        {modelOf(2, onnx.Node{Op: "Abs", Inputs: []string{"X", "X"}, Outputs: []string{"Y"}}), "2 inputs, it takes 1 to 1", "Abs", "#0"},
		"too many outputs":       {modelOf(2, onnx.Node{Op: "Abs", Inputs: []string{"X"}, Outputs: []string{"Y", "Z"}}), "it has no output 1", "Abs", "#0"},
		"scaler's width":         {modelOf(2, node(ml, "Scaler", floatsAttr("offset", 1, 2, 3), floatsAttr("scale", 1))), "2 columns, it has 3 offsets", "", ""},
		"scaler without numbers": {modelOf(2, node(ml, "Scaler")), "0 offsets and 0 scales", "ai.onnx.ml.Scaler", "n"},
		"tree's width":           {modelOf(2, replaced(intsAttr("nodes_featureids", 7, 0, 0))), "2 columns, it tests column 7", "", ""},
		"negative feature":       {modelOf(2, replaced(intsAttr("nodes_featureids", -1, 0, 0))), "tests feature -1", "", ""},
		"two nodes alike":        {modelOf(2, replaced(intsAttr("nodes_nodeids", 0, 1, 1))), "tree 0 has two nodes 1", "", ""},
		"missing child":          {modelOf(2, replaced(intsAttr("nodes_truenodeids", 9, 0, 0))), "has child 9, which is not there", "", ""},
		"tree with a circle":     {modelOf(2, replaced(intsAttr("nodes_truenodeids", 0, 0, 0))), "returns to node 0", "", ""},
		"unknown mode":           {modelOf(2, replaced(stringsAttr("nodes_modes", "BRANCH_XOR", "LEAF", "LEAF"))), `node mode "BRANCH_XOR"`, "ai.onnx.ml.TreeEnsembleRegressor", "n"},
		"arrays of two lengths":  {modelOf(2, replaced(floatsAttr("nodes_values", 0.5))), "node arrays of 3 and 1 elements", "", ""},
		"weight of no leaf":      {modelOf(2, replaced(intsAttr("target_nodeids", 0, 2))), "which is no leaf", "", ""},
		"unknown target":         {modelOf(2, replaced(intsAttr("target_ids", 0, 1))), "adds to target 1 of 1", "", ""},
		"weight given twice":     {modelOf(2, replaced(intsAttr("target_nodeids", 1, 1))), "adds to target 0 twice", "ai.onnx.ml.TreeEnsembleRegressor", "n"},
		"no leaves":              {modelOf(2, replaced(intsAttr("target_ids"))), "leaf arrays", "", ""},
		"aggregate":              {modelOf(2, stump(stringAttr("aggregate_function", "MEDIAN"))), `aggregate_function "MEDIAN"`, "ai.onnx.ml.TreeEnsembleRegressor", "n"},
		"post_transform":         {modelOf(2, stump(stringAttr("post_transform", "TANH"))), `post_transform "TANH"`, "ai.onnx.ml.TreeEnsembleRegressor", "n"},
		"coefficients":           {modelOf(2, node(ml, "LinearRegressor", floatsAttr("coefficients", 1, 2, 3), intAttr("targets", 2))), "3 coefficients for 2 outputs", "ai.onnx.ml.LinearRegressor", "n"},
		"linear model's width":   {modelOf(2, node(ml, "LinearRegressor", floatsAttr("coefficients", 1, 2, 3))), "2 columns, it takes 3", "", ""},
		"text of a truth value":  {modelOf(2, onnx.Node{Op: "IsNaN", Inputs: []string{"X"}, Outputs: []string{"Z"}}, onnx.Node{Op: "Cast", Attrs: []onnx.Attr{intAttr("to", 8)}, Inputs: []string{"Z"}, Outputs: []string{"Y"}}), "from bool to string", "Cast", "#1"},
		"cast to half":           {modelOf(2, node("", "Cast", intAttr("to", 10))), "to element type 10", "Cast", "n"},
		"growth without end":     {grows, "more than 16777216 words", "", ""},
		"rows folded":            {modelOf(2, node("", "ReduceSum", intsAttr("axes", 0))), "does not count rows", "", ""},
	} {
		_, err := Compile(c.model)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", what, err, c.want)
			continue
		}
		malformed, unsupported := (*modelfile.FormatError)(nil), (*modelfile.UnsupportedError)(nil)
		if !errors.As(err, &malformed) && !errors.As(err, &unsupported) {
			t.Errorf("%s: error of type %T", what, err)
		}
		if unsupported == nil {
			unsupported = &modelfile.UnsupportedError{}
		}
		if unsupported.Op != c.op || unsupported.Node != c.node {
			t.Errorf("%s: blames operator %q in node %q, want %q in %q", what, unsupported.Op, unsupported.Node, c.op, c.node)
		}
	}
}

func name(i int) string {
	if i == 0 {
		return "X"
	}
	return strings.Repeat("v", i)
}

// TestOperators checks the corners of single operators against results worked
// out by hand from the operators' definitions.
func TestOperators(t *testing.T) {
	nan := float32(math.NaN())
	grid := floats([]int{2, 3}, 1, 2, 3, 4, 5, 6)
	for what, c := range map[string]struct {
		node  onnx.Node
		opset int64
		in    []*tensor.Tensor
		want  *tensor.Tensor
	}{
		"slice from the end":      {node("", "Slice"), 13, []*tensor.Tensor{grid, ints([]int{1}, -1), ints([]int{1}, -9), ints([]int{1}, 1), ints([]int{1}, -2)}, floats([]int{2, 2}, 3, 1, 6, 4)},
		"slice as attributes":     {node("", "Slice", intsAttr("starts", 1), intsAttr("ends", 99), intsAttr("axes", 1)), 9, []*tensor.Tensor{grid}, floats([]int{2, 2}, 2, 3, 5, 6)},
		"gather from the end":     {node("", "Gather", intAttr("axis", 1)), 13, []*tensor.Tensor{grid, ints([]int{2}, -1, 0)}, floats([]int{2, 2}, 3, 1, 6, 4)},
		"gather by a scalar":      {node("", "Gather", intAttr("axis", 1)), 13, []*tensor.Tensor{grid, ints(nil, 1)}, floats([]int{2}, 2, 5)},
		"reshape keeps and fills": {node("", "Reshape"), 13, []*tensor.Tensor{grid, ints([]int{3}, 0, -1, 1)}, floats([]int{2, 3, 1}, 1, 2, 3, 4, 5, 6)},
		"one row against many":    {node("", "Add"), 13, []*tensor.Tensor{grid, floats([]int{3}, 10, 20, 30)}, floats([]int{2, 3}, 11, 22, 33, 14, 25, 36)},
		"one column against many": {node("", "Mul"), 13, []*tensor.Tensor{grid, floats([]int{2, 1}, 1, -1)}, floats([]int{2, 3}, 1, 2, 3, -4, -5, -6)},
		"many against one row":    {node("", "Sub"), 13, []*tensor.Tensor{floats([]int{3}, 1, 1, 1), grid}, floats([]int{2, 3}, 0, -1, -2, -3, -4, -5)},
		"integers by zero":        {node("", "Div"), 13, []*tensor.Tensor{ints([]int{2}, 7, 7), ints([]int{2}, 2, 0)}, ints([]int{2}, 3, 0)},
		"sum of all":              {node("", "ReduceSum", intAttr("keepdims", 0)), 11, []*tensor.Tensor{grid}, floats(nil, 21)},
		"sum along rows":          {node("", "ReduceSum", intsAttr("axes", -1)), 11, []*tensor.Tensor{grid}, floats([]int{2, 1}, 6, 15)},
		"first of equals":         {node("", "ArgMax", intAttr("axis", 1)), 13, []*tensor.Tensor{floats([]int{1, 3}, 5, 5, 1)}, ints([]int{1, 1}, 0)},
		"last of equals":          {node("", "ArgMax", intAttr("axis", 1), intAttr("select_last_index", 1)), 13, []*tensor.Tensor{floats([]int{1, 3}, 5, 5, 1)}, ints([]int{1, 1}, 1)},
		"a row of zeros":          {node(ml, "Normalizer", stringAttr("norm", "L1")), 3, []*tensor.Tensor{floats([]int{2, 2}, 0, 0, -1, 3)}, floats([]int{2, 2}, 0, 0, -0.25, 0.75)},
		"missing replaced":        {node(ml, "Imputer", floatsAttr("imputed_value_floats", 7, 8), onnx.Attr{Name: "replaced_value_float", Kind: onnx.AttrFloat, Float: nan}), 3, []*tensor.Tensor{floats([]int{2, 2}, nan, 1, 2, nan)}, floats([]int{2, 2}, 7, 1, 2, 8)},
		"unknown to zeros":        {node(ml, "OneHotEncoder", intsAttr("cats_int64s", 4, 9)), 3, []*tensor.Tensor{ints([]int{3, 1}, 9, 5, 4)}, floats([]int{3, 1, 2}, 0, 1, 0, 0, 1, 0)},
		"NaN is a key":            {node(ml, "LabelEncoder", floatsAttr("keys_floats", nan, 1), intsAttr("values_int64s", 10, 11), intAttr("default_int64", -5)), 3, []*tensor.Tensor{floats([]int{3}, 1, nan, 2)}, ints([]int{3}, 11, 10, -5)},
		"integer from NaN":        {node("", "Cast", intAttr("to", 7)), 13, []*tensor.Tensor{floats([]int{3}, nan, -1.9, 2.9)}, ints([]int{3}, math.MinInt64, -1, 2)},
		"picked columns":          {node(ml, "ArrayFeatureExtractor"), 1, []*tensor.Tensor{grid, ints([]int{1, 2}, 2, 0)}, floats([]int{2, 2}, 3, 1, 6, 4)},
		"no rows":                 {node(ml, "Scaler", floatsAttr("offset", 1), floatsAttr("scale", 2)), 1, []*tensor.Tensor{floats([]int{0, 3})}, floats([]int{0, 3})},
	} {
		t.Run(what, func(t *testing.T) {
			got := evaluate(t, c.node, c.opset, c.in...)
			want := *c.want
			want.Shape = append([]int{}, want.Shape...)
			have := tensor.Tensor{Type: got.Type, Shape: append([]int{}, got.Shape...), F32: got.F32, I64: got.I64}
			if diff := cmp.Diff(want, have, equateEmpty); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

var equateEmpty = cmp.FilterValues(func(a, b []float32) bool { return len(a)+len(b) == 0 }, cmp.Ignore())

// TestRefusedValue shows that a category which the model refuses is told apart
// from a file that does not work.
func TestRefusedValue(t *testing.T) {
	m := modelOf(1, node(ml, "OneHotEncoder", intsAttr("cats_int64s", 4, 9), intAttr("zeros", 0)))
	m.Graph.Inputs[0].Elem = tensor.Int64
	m.Graph.Outputs[0].Shape = []int{-1, 1, 2}
	p, err := Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRun()
	*r.Input(0) = *ints([]int{3, 1}, 4, 9, 5)
	refused := (*modelfile.ValueError)(nil)
	if err := r.Execute(); !errors.As(err, &refused) || refused.Row != 2 {
		t.Errorf("error %v, want a ValueError of row 2", err)
	}
}

// TestShared loads a tree whose two tests share a child, as converters write
// category sets, and a file that names no operator set for the default domain.
func TestShared(t *testing.T) {
	n := node(ml, "TreeEnsembleRegressor",
		intsAttr("nodes_treeids", 0, 0, 0, 0), intsAttr("nodes_nodeids", 0, 1, 2, 3), intsAttr("nodes_featureids", 0, 0, 0, 0),
		floatsAttr("nodes_values", 3, 5, 0, 0), stringsAttr("nodes_modes", "BRANCH_EQ", "BRANCH_EQ", "LEAF", "LEAF"),
		intsAttr("nodes_truenodeids", 2, 2, 0, 0), intsAttr("nodes_falsenodeids", 1, 3, 0, 0),
		intsAttr("target_treeids", 0, 0), intsAttr("target_nodeids", 2, 3), intsAttr("target_ids", 0, 0), floatsAttr("target_weights", 1, 2))
	m := modelOf(1, n)
	m.Opsets = map[string]int64{ml: 1}
	p, err := Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRun()
	*r.Input(0) = *floats([]int{3, 1}, 3, 5, 4)
	if err := r.Execute(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float32{1, 1, 2}, r.Output(0).F32); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestUnreadConstant loads a file with a constant that nothing reads:
// the plan does not keep it.
func TestUnreadConstant(t *testing.T) {
	m := modelOf(2, node("", "Neg"))
	m.Graph.Initializers = []onnx.NamedTensor{{Name: "left", Tensor: floats([]int{1 << 10}, make([]float32, 1<<10)...)}}
	p, out := runRows(t, m, floats([]int{1, 2}, 1, -2))
	if err := sameTensor(out[0], floats([]int{1, 2}, -1, 2)); err != nil {
		t.Error(err)
	}
	for i, c := range p.consts {
		if c != nil {
			t.Errorf("the plan keeps constant %d of shape %v", i, c.Shape)
		}
	}
}

// TestOpenWidth loads files that do not say how many columns they take: what
// reads the input settles it, also behind operators that keep the columns.
func TestOpenWidth(t *testing.T) {
	scale := node(ml, "Scaler", floatsAttr("offset", 1, 2, 3), floatsAttr("scale", 1))
	scale.Inputs[0] = "C"
	pick := onnx.Node{Op: "ArrayFeatureExtractor", Domain: ml, Inputs: []string{"X", "four"}, Outputs: []string{"Y"}}
	minus := onnx.Node{Op: "Sub", Inputs: []string{"C", "mean"}, Outputs: []string{"Y"}}
	cast := onnx.Node{Op: "Cast", Attrs: []onnx.Attr{intAttr("to", 1)}, Inputs: []string{"X"}, Outputs: []string{"C"}}
	for what, c := range map[string]struct {
		nodes []onnx.Node
		want  int
	}{
		"behind a cast":  {[]onnx.Node{cast, scale}, 3},
		"by picking":     {[]onnx.Node{pick}, 5},
		"by subtracting": {[]onnx.Node{cast, minus}, 2},
		"by a tree":      {[]onnx.Node{replaced(intsAttr("nodes_featureids", 6, 0, 0))}, 7},
	} {
		m := modelOf(-1, c.nodes...)
		m.Graph.Inputs[0].Shape, m.Graph.Inputs[0].HasShape = nil, false
		m.Graph.Initializers = []onnx.NamedTensor{{Name: "four", Tensor: ints([]int{2}, 4, 0)}, {Name: "mean", Tensor: floats([]int{1, 2}, 1, 2)}}
		p, err := Compile(m)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if got := p.Inputs[0].Shape[1]; got != c.want {
			t.Errorf("%s: %d columns, want %d", what, got, c.want)
		}
	}
}

// TestWork refuses a file whose nodes read one large constant over and over.
func TestWork(t *testing.T) {
	m := modelOf(2, node("", "Abs"))
	m.Graph.Nodes = append(m.Graph.Nodes, onnx.Node{Op: "ConstantOfShape", Inputs: []string{"size"}, Outputs: []string{"large"}})
	m.Graph.Initializers = []onnx.NamedTensor{{Name: "size", Tensor: ints([]int{2}, 1<<9, 1<<12)}}
	for i := range 80 {
		m.Graph.Nodes = append(m.Graph.Nodes, onnx.Node{Op: "ReduceSum", Inputs: []string{"large"}, Outputs: []string{"s" + name(i)}})
	}
	if _, err := Compile(m); err == nil || !strings.Contains(err.Error(), "steps of arithmetic") {
		t.Errorf("error %v, want one about the work", err)
	}
}
