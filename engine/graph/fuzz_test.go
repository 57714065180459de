package graph

import (
	"testing"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// FuzzNodes compiles and runs damaged forms of the single-operator cases: no
// panic, no read beyond an array, no result beyond the budget of a load.
func FuzzNodes(f *testing.F) {
	for _, files := range readCases(f, "../testdata/onnx-node/onnx-node-tests-1.22.0.tgz") {
		f.Add(files["model.onnx"])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := onnx.Parse(data)
		if err != nil {
			return
		}
		if p, err := Compile(m); err == nil && len(p.Outputs) == 0 {
			t.Fatal("neither outputs nor an error")
		}
		p, err := compileNode(m)
		if err != nil {
			return
		}
		r := p.newRun(loading())
		for i := range p.Inputs {
			if !hostileInput(r.Input(i), m.Graph.Inputs[i]) {
				return
			}
		}
		left := modelfile.MaxProbe
		for i := range r.args {
			if r.step(i) != nil {
				return // shapes or values that do not fit
			}
			for _, x := range r.args[i].out {
				left -= x.Len()
			}
			if left < 0 {
				return
			}
		}
		for i, out := range p.Outputs {
			if got := r.Output(i); got.Type != out.Type {
				t.Fatalf("output %d has type %v, the plan says %v", i, got.Type, out.Type)
			}
		}
	})
}

// hostileInput fills an input of the declared shape with edges of its type. It
// declines shapes that only cost time.
func hostileInput(x *tensor.Tensor, declared onnx.Value) bool {
	var shape []int
	n := 1
	for _, d := range declared.Shape {
		if d < 0 {
			d = 2
		}
		if n *= d; n > 1<<12 {
			return false
		}
		shape = append(shape, d)
	}
	x.Resize(declared.Elem, shape...)
	for i := range n {
		switch x.Type {
		case tensor.Float32:
			x.F32[i] = []float32{0, -1, 2, 1e30, -3e38}[i%5]
		case tensor.Float64:
			x.F64[i] = []float64{0, 1, -1, 1e300, 0.5}[i%5]
		case tensor.Int64:
			x.I64[i] = []int64{1, 0, -1, 1 << 62, -1 << 63}[i%5]
		case tensor.Int32:
			x.I32[i] = []int32{1, 0, -1, 1 << 30, -1 << 31}[i%5]
		case tensor.Uint8:
			x.U8[i] = uint8(255 * i)
		case tensor.Bool:
			x.Bool[i] = i%2 == 0
		case tensor.String:
			x.Str[i] = []string{"", "1", "x"}[i%3]
		}
	}
	return true
}
