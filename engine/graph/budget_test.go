package graph

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// op is a node without a name.
func op(name, in, out string, attrs ...onnx.Attr) onnx.Node {
	return onnx.Node{Op: name, Inputs: strings.Split(in, " "), Outputs: strings.Split(out, " "), Attrs: attrs}
}

// hostile is a model of one column X whose nodes may read some constants.
func hostile(nodes ...onnx.Node) *onnx.Model {
	m := modelOf(1, nodes...)
	number := func(name string, v float32) onnx.NamedTensor {
		return onnx.NamedTensor{Name: name, Tensor: floats(nil, v)}
	}
	list := func(name string, v ...int64) onnx.NamedTensor {
		return onnx.NamedTensor{Name: name, Tensor: ints([]int{len(v)}, v...)}
	}
	m.Graph.Initializers = []onnx.NamedTensor{
		number("low", -1), number("high", 1), list("square", 1024, 1024), list("large", 2048, 2048), list("million", 1_000_000, 1),
		list("long", 1<<24), list("flat", 0, 1<<26), list("one", 1), list("zero", 0), list("open", -1), list("hundred", 100), list("most", 1<<24),
	}
	return m
}

// scanned multiplies a state of 1024 x 1024 with itself a million times.
func scanned() *onnx.Model {
	body := &onnx.Graph{
		Inputs: []onnx.Value{{Name: "M"}, {Name: "s"}}, Outputs: []onnx.Value{{Name: "M3"}},
		Nodes: []onnx.Node{op("Add", "M s", "M1"), op("MatMul", "M1 M1", "M2"), op("Clip", "M2 low high", "M3")},
	}
	return hostile(op("ConstantOfShape", "square", "M0"), op("ConstantOfShape", "million", "S0"), op("ReduceSum", "X", "x", intAttr("keepdims", 0)),
		op("Add", "M0 x", "Mx"), op("Scan", "Mx S0", "Mend", intAttr("num_scan_inputs", 1), onnx.Attr{Name: "body", Kind: onnx.AttrGraph, Graph: body}),
		op("ReduceSum", "Mend", "t", intAttr("keepdims", 0)), op("Add", "X t", "Y"))
}

// TestHostile loads small files that ask for much time or memory. Each is
// refused before the operator that is to blame runs.
func TestHostile(t *testing.T) {
	text := onnx.Attr{Name: "value", Kind: onnx.AttrTensor, Tensor: &tensor.Tensor{Type: tensor.String, Shape: []int{1}, Str: []string{"x"}}}
	sum, add := op("ReduceSum", "big", "t", intAttr("keepdims", 0)), op("Add", "X t", "Y")
	counted := []onnx.Node{op("Cast", "X", "i", intAttr("to", 7)), op("ReduceMax", "i", "s", intAttr("keepdims", 0)), op("Reshape", "s one", "n")}
	given := func(nodes ...onnx.Node) *onnx.Model {
		return hostile(append(append(counted[:3:3], nodes...), op("Size", "q", "z"), op("Cast", "z", "t", intAttr("to", 1)), add)...)
	}
	for what, c := range map[string]struct {
		model *onnx.Model
		want  string
		limit bool
	}{
		"steps of a Scan":       {scanned(), "node 4, Scan: node 1, MatMul: loading it takes more than 268435456 steps of arithmetic", true},
		"product of constants":  {hostile(op("ConstantOfShape", "large", "A"), op("MatMul", "A A", "big"), sum, add), "node 1, MatMul: loading it takes", true},
		"Gemm of constants":     {hostile(op("ConstantOfShape", "large", "A"), op("Gemm", "A A", "big"), sum, add), "node 1, Gemm: loading it takes", true},
		"Einsum of constants":   {hostile(op("ConstantOfShape", "square", "A"), op("Einsum", "A A", "big", stringAttr("equation", "ij,jk->ik")), sum, add), "node 1, Einsum: loading it takes", true},
		"strings of a shape":    {hostile(op("ConstantOfShape", "long", "A", text), op("Size", "A", "z"), op("Cast", "z", "t", intAttr("to", 1)), add), "node 0, ConstantOfShape: a few rows", true},
		"nothing, but wide":     {hostile(op("ConstantOfShape", "flat", "A"), op("ReduceSum", "A zero", "big"), sum, add), "node 0, ConstantOfShape", true},
		"sizes that overflow":   {hostile(op("Reshape", "X flat", "Y")), "do not fit shape", false},
		"all pairs of rows":     {hostile(op("Transpose", "X", "T"), op("MatMul", "X T", "G"), op("ReduceSum", "G one", "Y")), "operator MatMul in node 1: what it costs grows faster", false},
		"all pairs, broadcast":  {hostile(op("Transpose", "X", "T"), op("Sub", "X T", "G"), op("ReduceSum", "G one", "Y")), "operator Sub in node 1: what it costs grows faster", false},
		"ConstantOfShape":       {given(op("ConstantOfShape", "n", "q")), "operator ConstantOfShape in node 3: input 0 says a shape", false},
		"Expand":                {given(op("Concat", "n one", "r", intAttr("axis", 0)), op("Expand", "X r", "q")), "operator Expand in node 4: input 1 says a shape", false},
		"Tile":                  {given(op("Concat", "one n", "r", intAttr("axis", 0)), op("Tile", "X r", "q")), "operator Tile in node 4: input 1", false},
		"TopK":                  {given(op("TopK", "X n", "q p")), "operator TopK in node 3: input 1", false},
		"Reshape":               {given(op("Concat", "n open", "r", intAttr("axis", 0)), op("Reshape", "X r", "q")), "operator Reshape in node 4: input 1", false},
		"Range":                 {given(op("Range", "k s k", "q")), `node 3, Range reads "k"`, false},
		"shape of a NonZero":    {given(op("NonZero", "X", "nz"), op("Shape", "nz", "r"), op("ConstantOfShape", "r", "q")), "operator ConstantOfShape in node 5: input 0", false},
		"operator without name": {hostile(op("Frobnicate", "X", "Y")), "operator Frobnicate in node 0: the engine does not know it", false},
	} {
		_, err := Compile(c.model)
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, modelfile.ErrLimit) != c.limit {
			t.Errorf("%s: error %v, want one with %q, about a limit: %v", what, err, c.want, c.limit)
		}
	}
}

// TestGrowth runs a file that is modest on the few rows tried at load and asks
// for a hundred times more from a hundred rows on: the run stops before it.
func TestGrowth(t *testing.T) {
	m := hostile(op("Shape", "X", "rows", intAttr("end", 1)), op("Less", "rows hundred", "few"), op("Where", "few one most", "n"),
		op("ConstantOfShape", "n", "q"), op("ReduceSum", "q", "t", intAttr("keepdims", 0)), op("Add", "X t", "Y"))
	p, err := Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRun()
	for rows, beyond := range map[int]bool{1: false, 99: false, 100: true} {
		r.Input(0).Resize(tensor.Float32, rows, 1)
		if err := r.Execute(); errors.Is(err, modelfile.ErrLimit) != beyond || beyond && !strings.Contains(err.Error(), "node 3, ConstantOfShape: more than") {
			t.Errorf("%d rows: error %v", rows, err)
		}
	}
}

// TestDamagedTrees shows that trees which do not fit together are damage, as
// they are in the frameworks' own formats.
func TestDamagedTrees(t *testing.T) {
	for what, n := range map[string]onnx.Node{
		"circle":         replaced(intsAttr("nodes_truenodeids", 0, 0, 0)),
		"missing child":  replaced(intsAttr("nodes_truenodeids", 9, 0, 0)),
		"two lengths":    replaced(floatsAttr("nodes_values", 0.5)),
		"leaves' length": replaced(intsAttr("target_ids", 0)),
	} {
		damage := (*modelfile.FormatError)(nil)
		if _, err := Compile(modelOf(2, n)); !errors.As(err, &damage) || damage.Limit {
			t.Errorf("%s: error %v, want one of a damaged file", what, err)
		}
	}
}

// golden reads every ONNX file of the golden set.
func golden(t *testing.T, each func(t *testing.T, m *onnx.Model)) {
	t.Helper()
	paths, err := filepath.Glob("../testdata/golden/*/*.onnx")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden set: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			m, err := onnx.Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			each(t, m)
		})
	}
}

// TestNoRows gives every golden file a batch of no rows.
func TestNoRows(t *testing.T) {
	golden(t, func(t *testing.T, m *onnx.Model) {
		p, err := Compile(m)
		if err != nil {
			t.Fatal(err)
		}
		r := p.NewRun()
		for _, rows := range []int{0, 2, 0} {
			for i, in := range p.Inputs {
				shape, err := in.sized(rows)
				if err != nil {
					t.Fatal(err)
				}
				r.Input(i).Resize(in.Type, shape...)
			}
			if err := r.Execute(); err != nil && !refusesZeros(err) {
				t.Fatalf("%d rows: %v", rows, err)
			}
			for i, out := range p.Outputs {
				got := r.Output(i)
				if got.Rows() != rows || len(got.Shape) != len(out.Shape) || !equalShape(got.Shape[1:], out.Shape[1:]) {
					t.Errorf("%d rows: output %q has shape %v, want that of %v", rows, out.Name, got.Shape, out.Shape)
				}
			}
		}
	})
}

func refusesZeros(err error) bool {
	value := (*modelfile.ValueError)(nil)
	return errors.As(err, &value)
}

// underpriced runs steps until values or shapes do not fit, which other tests
// see, and names one that gave more than it paid for.
func underpriced(r *Run) string {
	for i := range r.args {
		a := &r.args[i]
		before := r.meter.used.made
		if r.step(i) != nil {
			break
		}
		made := 0
		for _, x := range a.out {
			made += wordsOf(x.Type) * x.Len()
		}
		if made > r.meter.used.made-before {
			return r.plan.steps[i].label
		}
	}
	return ""
}

// TestPrices shows that no operator gives more than its price says, on the
// golden files and on the single-operator cases.
func TestPrices(t *testing.T) {
	golden(t, func(t *testing.T, m *onnx.Model) {
		c := newCompiler(m) // with one step a node
		if err := c.compile(); err != nil {
			t.Fatal(err)
		}
		p := c.plan
		r := p.newRun(loading())
		for i, in := range p.Inputs {
			shape, err := in.sized(5)
			if err != nil {
				t.Fatal(err)
			}
			r.Input(i).Resize(in.Type, shape...)
		}
		if label := underpriced(r); label != "" {
			t.Errorf("%s gives more than its price says", label)
		}
	})
	for name, files := range readCases(t, "../testdata/onnx-node/onnx-node-tests-1.22.0.tgz") {
		m, err := onnx.Parse(files["model.onnx"])
		if err != nil {
			t.Fatal(err)
		}
		p, err := compileNode(m)
		if err != nil {
			continue // those that TestNodes lists as refused
		}
		r := p.newRun(loading())
		for i := range p.Inputs {
			in, err := tensorOf(files, "input_"+string(rune('0'+i))+".pb")
			if err != nil {
				t.Fatal(err)
			}
			*r.Input(i) = *in
		}
		if label := underpriced(r); label != "" {
			t.Errorf("%s: %s gives more than its price says", name, label)
		}
	}
}
