package graph

import (
	"fmt"
	"testing"
	"time"

	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// TestFusedCost loads files that would make following their columns dear: what
// is beyond the bounds runs step by step, and answers the same.
func TestFusedCost(t *testing.T) {
	base := func() *drawn {
		d := &drawn{m: modelOf(1)}
		for _, in := range []onnx.Value{{Name: "S", Elem: tensor.String}, {Name: "F", Elem: tensor.Float32}} {
			in.Kind, in.HasShape, in.Shape = onnx.KindTensor, true, []int{-1, 1}
			d.m.Graph.Inputs = append(d.m.Graph.Inputs, in)
		}
		d.m.Graph.Inputs = d.m.Graph.Inputs[1:]
		return d
	}
	end := func(d *drawn, matrix string, width int) *onnx.Model {
		w := make([]float32, width)
		for i := range w {
			w[i] = float32(i%7) - 3
		}
		d.m.Graph.Nodes = append(d.m.Graph.Nodes, onnx.Node{Name: "end", Domain: ml, Op: "LinearRegressor", Inputs: []string{matrix}, Outputs: []string{"Y"},
			Attrs: []onnx.Attr{floatsAttr("coefficients", w...)}})
		return d.m
	}
	words := make([]string, 3000)
	for i := range words {
		words[i] = fmt.Sprintf("word %d", i)
	}
	doubled := func(n int) *onnx.Model {
		d := base()
		is := d.node("", "Cast", []string{d.node(ml, "LabelEncoder", []string{"S"}, stringsAttr("keys_strings", words...), intsAttr("values_int64s", make([]int64, len(words))...))}, intAttr("to", 9))
		v := "S"
		for range n {
			v = d.node("", "Where", []string{is, v, v})
		}
		return end(d, d.node("", "Flatten", []string{d.node(ml, "OneHotEncoder", []string{v}, stringsAttr("cats_strings", "a", "b"))}), 2)
	}
	woven := func(n int) *onnx.Model { // cells of two wide codes by turns
		d := base()
		cats, index := make([]int64, 3000), make([]int64, n)
		for i := range cats {
			cats[i] = int64(i)
		}
		for i := range index {
			index[i] = int64(i%2*3000 + i/2%3000)
		}
		code := func() string {
			return d.node("", "Flatten", []string{d.node(ml, "OneHotEncoder", []string{"F"}, intsAttr("cats_int64s", cats...))})
		}
		both := d.node("", "Concat", []string{code(), code()}, intAttr("axis", 1))
		return end(d, d.node("", "Gather", []string{both, d.constant(ints([]int{n}, index...))}, intAttr("axis", 1)), n)
	}
	chain := func(n int) *onnx.Model {
		d := base()
		v := "F"
		for range n {
			v = d.node("", "Add", []string{v, d.constant(floats([]int{1}, 1))})
		}
		return end(d, v, 1)
	}
	for what, c := range map[string]struct {
		model *onnx.Model
		fused bool
	}{
		"two choices": {doubled(2), true}, "forty choices": {doubled(40), false},
		"ten cells": {woven(10), true}, "thousands of cells": {woven(20000), false},
		"ten sums": {chain(10), true}, "thousands of sums": {chain(5000), false},
	} {
		began := time.Now()
		p, err := Compile(c.model)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		t.Logf("%s: loaded in %v", what, time.Since(began))
		if fused := len(p.steps) == 1 && p.steps[0].parts != nil; fused != c.fused {
			t.Errorf("%s: fused %v, want %v", what, fused, c.fused)
		}
	}
}
