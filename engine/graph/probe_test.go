package graph

import (
	"strings"
	"testing"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// behindEncoder is a model whose encoder refuses the zeros that are tried at
// load (its categories are 4 and 9), followed by what is given.
func behindEncoder(nodes ...onnx.Node) *onnx.Model {
	encode := node(ml, "OneHotEncoder", intsAttr("cats_int64s", 4, 9), intAttr("zeros", 0))
	encode.Outputs = []string{"E"}
	flat := onnx.Node{Name: "flat", Op: "Flatten", Inputs: []string{"E"}, Outputs: []string{"F"}, Attrs: []onnx.Attr{intAttr("axis", 1)}}
	m := modelOf(1, append([]onnx.Node{encode, flat}, nodes...)...)
	m.Graph.Inputs[0].Elem = tensor.Int64
	return m
}

func after(op onnx.Node) onnx.Node {
	op.Inputs[0] = "F"
	return op
}

// TestBehindRefusal shows that a model which refuses zeros is checked as whole
// as any other: what follows the refusal must fit as well.
func TestBehindRefusal(t *testing.T) {
	for what, c := range map[string]struct {
		model *onnx.Model
		want  string
	}{
		"linear model's width":   {behindEncoder(after(node(ml, "LinearRegressor", floatsAttr("coefficients", 1, 2, 3)))), "2 columns, it takes 3"},
		"tree's width":           {behindEncoder(after(replaced(intsAttr("nodes_featureids", 9, 0, 0)))), "it tests column 9"},
		"rows folded":            {behindEncoder(after(node("", "ReduceSum"))), "does not count rows"},
		"rows put into one line": {behindEncoder(after(onnx.Node{Op: "Reshape", Inputs: []string{"F", "S"}, Outputs: []string{"Y"}})), "does not count rows"},
	} {
		c.model.Graph.Initializers = []onnx.NamedTensor{{Name: "S", Tensor: ints([]int{2}, 1, -1)}}
		if _, err := Compile(c.model); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", what, err, c.want)
		}
	}
	sound := behindEncoder(after(node(ml, "LinearRegressor", floatsAttr("coefficients", 1, 2))))
	p, err := Compile(sound)
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRun()
	*r.Input(0) = *ints([]int{2, 1}, 9, 4)
	if err := r.Execute(); err != nil || r.Output(0).F32[0] != 2 || r.Output(0).F32[1] != 1 {
		t.Errorf("%v, error %v, want 2 and 1", r.Output(0).F32, err)
	}
}

// TestMaxRows shows that the largest batch follows from the widest values in
// between, not from the inputs.
func TestMaxRows(t *testing.T) {
	categories := make([]int64, 7000)
	for i := range categories {
		categories[i] = int64(i)
	}
	narrow := modelOf(1, node("", "Abs"))
	wide := modelOf(1, node(ml, "OneHotEncoder", intsAttr("cats_int64s", categories...)))
	wide.Graph.Inputs[0].Elem = tensor.Int64
	for _, c := range []struct {
		model    *onnx.Model
		elements int // a row
		what     string
	}{{narrow, 2, "one column in and out"}, {wide, 7001, "7000 categories"}} {
		p, err := Compile(c.model)
		if err != nil {
			t.Fatal(err)
		}
		if want := modelfile.MaxRun / c.elements; p.MaxRows != want {
			t.Errorf("%s: %d rows at most, want %d", c.what, p.MaxRows, want)
		}
	}
}
