package graph

import (
	"errors"
	"strings"
	"testing"

	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// runningSums is a Scan whose body adds each row, times a number of the graph
// around it, to its state, and gives the state so far.
func runningSums() *onnx.Model {
	body := &onnx.Graph{
		Inputs:  []onnx.Value{{Name: "state"}, {Name: "row"}},
		Outputs: []onnx.Value{{Name: "next"}, {Name: "sofar"}},
		Nodes: []onnx.Node{
			{Name: "times", Op: "Mul", Inputs: []string{"row", "factor"}, Outputs: []string{"part"}},
			{Name: "add", Op: "Add", Inputs: []string{"state", "part"}, Outputs: []string{"next"}},
			{Name: "same", Op: "Identity", Inputs: []string{"next"}, Outputs: []string{"sofar"}},
		},
	}
	m := modelOf(2,
		onnx.Node{Name: "total", Op: "ReduceSum", Attrs: []onnx.Attr{intAttr("keepdims", 0)}, Inputs: []string{"one"}, Outputs: []string{"factor"}},
		onnx.Node{Name: "scan", Op: "Scan", Inputs: []string{"zero", "X"}, Outputs: []string{"last", "Y"},
			Attrs: []onnx.Attr{intAttr("num_scan_inputs", 1), {Name: "body", Kind: onnx.AttrGraph, Graph: body}}},
	)
	m.Graph.Initializers = []onnx.NamedTensor{{Name: "zero", Tensor: floats([]int{2}, 0, 0)}}
	m.Graph.Inputs = append(m.Graph.Inputs, onnx.Value{Name: "one", Kind: onnx.KindTensor, Elem: tensor.Float32, HasShape: true, Shape: []int{-1, 1}})
	m.Graph.Outputs = append(m.Graph.Outputs, onnx.Value{Name: "last"})
	return m
}

// TestScan runs a body that reads its state, its row, and a value around it.
func TestScan(t *testing.T) {
	p, err := compileNode(runningSums())
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRun()
	for range 2 { // the second run must not see the first one's state
		*r.Input(0) = *floats([]int{3, 2}, 1, 2, 3, 4, 5, 6)
		*r.Input(1) = *floats([]int{2, 1}, 1.5, 0.5) // the factor is 2
		if err := r.Execute(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(sameTensor(r.Output(0), floats([]int{3, 2}, 2, 4, 8, 12, 18, 24)), sameTensor(r.Output(1), floats([]int{2}, 18, 24))); err != nil {
			t.Fatal(err)
		}
	}
	*r.Input(0) = *floats([]int{0, 2})
	if err := r.Execute(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sameTensor(r.Output(0), floats([]int{0, 2})), sameTensor(r.Output(1), floats([]int{2}, 0, 0))); err != nil {
		t.Error(err)
	}
}

// TestScanRefused lists bodies that are refused.
func TestScanRefused(t *testing.T) {
	for what, c := range map[string]struct {
		change func(scan *onnx.Node, body *onnx.Graph)
		want   string
	}{
		"no body":         {func(n *onnx.Node, _ *onnx.Graph) { n.Attrs = n.Attrs[:1] }, "of which 1 are scanned"},
		"nothing scanned": {func(n *onnx.Node, _ *onnx.Graph) { n.Attrs[0].Int = 0 }, "of which 0 are scanned"},
		"more than given": {func(n *onnx.Node, _ *onnx.Graph) { n.Attrs[0].Int = 3 }, "of which 3 are scanned"},
		"a Scan within":   {func(_ *onnx.Node, g *onnx.Graph) { g.Nodes[0].Op = "Scan" }, "a Scan within a Scan"},
		"backwards":       {func(n *onnx.Node, _ *onnx.Graph) { n.Attrs = append(n.Attrs, intsAttr("scan_input_directions", 1)) }, "other than 0"},
		"body's inputs":   {func(_ *onnx.Node, g *onnx.Graph) { g.Inputs = g.Inputs[:1] }, "a body of 1 inputs"},
		"body's operator": {func(_ *onnx.Node, g *onnx.Graph) { g.Nodes[0].Op = "Frobnicate" }, "operator Frobnicate"},
		"body's values":   {func(_ *onnx.Node, g *onnx.Graph) { g.Nodes[0].Inputs[1] = "nowhere" }, `reads "nowhere"`},
		"state's type": {func(_ *onnx.Node, g *onnx.Graph) {
			g.Nodes[1] = onnx.Node{Op: "IsNaN", Inputs: []string{"part"}, Outputs: []string{"next"}}
		}, "state 0 of types float32 and bool"},
		"body without end": {func(_ *onnx.Node, g *onnx.Graph) { g.Outputs[1].Name = "nowhere" }, "is given by no node"},
	} {
		m := runningSums()
		scan := &m.Graph.Nodes[1]
		c.change(scan, scan.Attrs[1].Graph)
		if _, err := compileNode(m); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", what, err, c.want)
		}
	}
}
