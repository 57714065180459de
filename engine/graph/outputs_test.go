package graph

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// wired gives a node its name, inputs and outputs.
func wired(n onnx.Node, name string, in, out []string) onnx.Node {
	n.Name, n.Inputs, n.Outputs = name, in, out
	return n
}

func constantNode(name string, t *tensor.Tensor) onnx.Node {
	return wired(node("", "Constant", onnx.Attr{Name: "value", Kind: onnx.AttrTensor, Tensor: t}), name, nil, []string{name})
}

// giving sets the outputs of a model.
func giving(m *onnx.Model, outputs ...string) *onnx.Model {
	m.Graph.Outputs = nil
	for _, name := range outputs {
		m.Graph.Outputs = append(m.Graph.Outputs, onnx.Value{Name: name})
	}
	return m
}

// run compiles a model of one float input and runs it on two rows.
func runRows(t *testing.T, m *onnx.Model, x *tensor.Tensor) (*Plan, []*tensor.Tensor) {
	t.Helper()
	p, err := Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRun()
	*r.Input(0) = *x
	if err := r.Execute(); err != nil {
		t.Fatal(err)
	}
	var out []*tensor.Tensor
	for i := range p.Outputs {
		out = append(out, r.Output(i))
	}
	return p, out
}

// TestConstantOutput checks that an output which is a constant is no answer, and
// that it names the classes where nothing else does.
func TestConstantOutput(t *testing.T) {
	m := giving(modelOf(2, node("", "Sigmoid"), constantNode("names", &tensor.Tensor{Type: tensor.String, Shape: []int{2}, Str: []string{"no", "yes"}})), "Y", "names")
	p, err := Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Outputs) != 1 || p.Outputs[0].Name != "Y" {
		t.Errorf("outputs %v, want Y alone", p.Outputs)
	}
	if diff := cmp.Diff(Classes{Strings: []string{"no", "yes"}}, p.Classes); diff != "" {
		t.Error(diff)
	}
	unsupported := (*modelfile.UnsupportedError)(nil)
	if _, err := Compile(giving(m, "names")); !errors.As(err, &unsupported) {
		t.Errorf("error %v of a file without answers, want it unsupported", err)
	}
}

// TestRowsSecond checks that [targets, rows, classes] is answered rows first.
func TestRowsSecond(t *testing.T) {
	m := modelOf(2,
		wired(node("", "Unsqueeze"), "a", []string{"X", "zero"}, []string{"first"}),
		wired(node("", "Neg"), "b", []string{"first"}, []string{"second"}),
		wired(node("", "Concat", intAttr("axis", 0)), "c", []string{"first", "second", "first"}, []string{"Y"}))
	m.Graph.Initializers = []onnx.NamedTensor{{Name: "zero", Tensor: ints([]int{1}, 0)}}
	p, out := runRows(t, m, floats([]int{2, 2}, 1, 2, 3, 4))
	if err := sameTensor(out[0], floats([]int{2, 3, 2}, 1, 2, -1, -2, 1, 2, 3, 4, -3, -4, 3, 4)); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]int{-1, 3, 2}, p.Outputs[0].Shape); diff != "" {
		t.Error(diff)
	}
}

// TestSequence checks that a sequence of tensors becomes as many outputs, and
// that nothing else reads one.
func TestSequence(t *testing.T) {
	negated := wired(node("", "Neg"), "a", []string{"X"}, []string{"minus"})
	both := wired(node("", "SequenceConstruct"), "b", []string{"X", "minus"}, []string{"Y"})
	p, out := runRows(t, modelOf(1, negated, both), floats([]int{2, 1}, 1, 2))
	if err := errors.Join(sameTensor(out[0], floats([]int{2, 1}, 1, 2)), sameTensor(out[1], floats([]int{2, 1}, -1, -2))); err != nil {
		t.Error(err)
	}
	if p.Outputs[0].Name != "Y_0" || p.Outputs[1].Name != "Y_1" {
		t.Errorf("outputs %q and %q, want Y_0 and Y_1", p.Outputs[0].Name, p.Outputs[1].Name)
	}
	reader := wired(node("", "Concat", intAttr("axis", 1)), "c", []string{"X", "Y"}, []string{"Z"})
	unsupported := (*modelfile.UnsupportedError)(nil)
	if _, err := Compile(giving(modelOf(1, negated, both, reader), "Z")); !errors.As(err, &unsupported) || unsupported.Op != "Concat" {
		t.Errorf("error %v, want a refusal by Concat", err)
	}
}

// TestSeveralTargets checks that a label with a column for each target is none
// in the sense of the signature, which has room for the classes of one.
func TestSeveralTargets(t *testing.T) {
	label := wired(node("", "ArgMax", intAttr("axis", 1)), "a", []string{"X"}, []string{"one"})
	both := wired(node("", "Concat", intAttr("axis", 1)), "b", []string{"one", "one"}, []string{"label"})
	share := wired(node("", "Softmax"), "c", []string{"X"}, []string{"probabilities"})
	p, _ := runRows(t, giving(modelOf(3, label, both, share), "label", "probabilities"), floats([]int{1, 3}, 1, 2, 3))
	for _, out := range p.Outputs {
		if out.Role != RoleOther {
			t.Errorf("output %s has role %d", out.Name, out.Role)
		}
	}
}

// TestIndexBeyond checks whom an index outside its table blames: a value where
// the rows give the index, the file where a constant does.
func TestIndexBeyond(t *testing.T) {
	grid := floats([]int{2, 3}, 1, 2, 3, 4, 5, 6)
	for _, n := range []onnx.Node{node("", "GatherElements"), node("", "Gather", intAttr("axis", 1)), node(ml, "ArrayFeatureExtractor")} {
		opset := int64(13)
		if n.Domain == ml {
			opset = 3
		}
		index := ints([]int{2, 1}, 1, 9)
		if n.Op == "ArrayFeatureExtractor" {
			index = ints([]int{1, 2}, 1, 9)
		}
		value := (*modelfile.ValueError)(nil)
		if _, err := tryAll(n, opset, 1, grid, index); !errors.As(err, &value) {
			t.Errorf("%s: error %v of a given index, want it to blame a value", n.Op, err)
		}
		m := modelOf(3, wired(n, "n", []string{"X", "index"}, []string{"Y"}))
		m.Opsets = map[string]int64{"": 13, ml: 3}
		m.Graph.Initializers = []onnx.NamedTensor{{Name: "index", Tensor: index}}
		if p, err := Compile(m); err == nil || errors.As(err, &value) {
			t.Errorf("%s: plan %v, error %v of a constant index, want a refusal of the file", n.Op, p, err)
		}
	}
}

// TestIndexSelected checks that -1 is the last element where a Where put it, and
// only there.
func TestIndexSelected(t *testing.T) {
	m := modelOf(1,
		wired(node("", "Cast", intAttr("to", 7)), "a", []string{"X"}, []string{"code"}),
		wired(node("", "Less"), "b", []string{"code", "three"}, []string{"inside"}),
		wired(node("", "Where"), "c", []string{"inside", "code", "none"}, []string{"index"}),
		wired(node("", "Reshape"), "d", []string{"index", "shape"}, []string{"flat"}),
		wired(node(ml, "ArrayFeatureExtractor"), "e", []string{"table", "flat"}, []string{"picked"}),
		wired(node("", "Transpose"), "f", []string{"picked"}, []string{"Y"}))
	m.Graph.Initializers = []onnx.NamedTensor{
		{Name: "three", Tensor: ints([]int{1}, 3)}, {Name: "none", Tensor: ints([]int{1}, -1)},
		{Name: "shape", Tensor: ints([]int{1}, -1)}, {Name: "table", Tensor: floats([]int{3}, 5, 6, 7)},
	}
	_, out := runRows(t, m, floats([]int{3, 1}, 1, 9, 0))
	if err := sameTensor(out[0], floats([]int{3, 1}, 6, 7, 5)); err != nil {
		t.Error(err)
	}
	value := (*modelfile.ValueError)(nil)
	if _, err := tryAll(node(ml, "ArrayFeatureExtractor"), 1, 1, floats([]int{3}, 5, 6, 7), ints([]int{1}, -1)); !errors.As(err, &value) {
		t.Errorf("error %v of a given -1, want it to blame a value", err)
	}
}

// TestTiedVotes checks that shares which a file rounded to float32 leave a tie a
// tie: the label goes with the answered probabilities, and the first class wins.
func TestTiedVotes(t *testing.T) {
	c := &chooser{classes: &Classes{Ints: []int64{4, 7}}, scores: 1, pair: pairShare, shares: true}
	out := []*tensor.Tensor{{}, {}}
	c.resize(out, 1)
	c.choose(out, 0, []float64{0.5 + 1e-9, 0})
	if out[0].I64[0] != 4 || out[1].F32[1] != 0.5 {
		t.Errorf("label %d with a share of %v, want 4 with 0.5", out[0].I64[0], out[1].F32[1])
	}
	c = &chooser{classes: &Classes{Ints: []int64{1, 2, 3}}, scores: 3, shares: true}
	c.resize(out, 1)
	c.choose(out, 0, []float64{0.25, 0.375, 0.375 + 1e-10})
	if out[0].I64[0] != 2 {
		t.Errorf("label %d of tied classes, want the first of them, 2", out[0].I64[0])
	}
}
