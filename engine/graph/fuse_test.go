package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// drawn is a random pipeline of blocks of columns into a linear operator.
type drawn struct {
	r     *rand.Rand
	m     *onnx.Model
	parts []string // float32 matrices that are laid side by side
	width int
}

func (d *drawn) node(domain, op string, in []string, attrs ...onnx.Attr) string {
	out := fmt.Sprintf("v%d", len(d.m.Graph.Nodes))
	d.m.Graph.Nodes = append(d.m.Graph.Nodes, onnx.Node{Name: out, Domain: domain, Op: op, Inputs: in, Outputs: []string{out}, Attrs: attrs})
	return out
}

func (d *drawn) constant(t *tensor.Tensor) string {
	name := fmt.Sprintf("c%d", len(d.m.Graph.Initializers))
	d.m.Graph.Initializers = append(d.m.Graph.Initializers, onnx.NamedTensor{Name: name, Tensor: t})
	return name
}

func (d *drawn) numbers(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(d.r.NormFloat64())
	}
	return v
}

func (d *drawn) give(part string, width int) {
	d.parts, d.width = append(d.parts, part), d.width+width
}

func (d *drawn) hot(in string, zeros int64, cats ...int64) {
	code := d.node(ml, "OneHotEncoder", []string{in}, intsAttr("cats_int64s", cats...), intAttr("zeros", zeros))
	d.give(d.node("", "Reshape", []string{code, d.constant(ints([]int{2}, -1, int64(len(cats))))}), len(cats))
}

func (d *drawn) filled(in string) string {
	missing := d.node(ml, "LabelEncoder", []string{in}, stringsAttr("keys_strings", ""), intsAttr("values_int64s", 1), intAttr("default_int64", 0))
	is := d.node("", "Cast", []string{missing}, intAttr("to", 9))
	fill := d.constant(&tensor.Tensor{Type: tensor.String, Shape: []int{1}, Str: []string{"north"}})
	return d.node("", "Where", []string{is, fill, in})
}

// block adds one of the blocks that converters write.
func (d *drawn) block(kind int, zeros int64) {
	column := func() string {
		return d.node("", "Gather", []string{"F", d.constant(ints([]int{1}, int64(d.r.IntN(3))))}, intAttr("axis", 1))
	}
	words := stringsAttr("cats_strings", "north", "south", "east", "west", "far north")
	scale := func(in string) string {
		return d.node(ml, "Scaler", []string{in}, floatsAttr("offset", d.numbers(3)...), floatsAttr("scale", d.numbers(1)...))
	}
	switch kind {
	case 0:
		d.give(scale("F"), 3)
	case 1:
		d.give(scale(d.node(ml, "Imputer", []string{"F"}, floatsAttr("imputed_value_floats", d.numbers(3)...), onnx.Attr{Name: "replaced_value_float", Kind: onnx.AttrFloat, Float: float32(math.NaN())})), 3)
	case 2:
		minus := d.node("", "Sub", []string{"F", d.constant(floats([]int{3}, d.numbers(3)...))})
		d.give(d.node("", "Div", []string{minus, d.constant(floats([]int{1, 3}, d.numbers(3)...))}), 3)
	case 3:
		d.hot(d.node("", "Cast", []string{column()}, intAttr("to", 7)), zeros, 3, 0, 1, 2)
	case 4:
		d.hot("I", zeros, 0, 1, 2)
	case 5:
		d.hot("I", zeros, 0, 1<<40, 2, -5, 1, 7, 9, 100000, 12, 13, 14, 15, 16, 17)
	case 6:
		d.give(d.node("", "Cast", []string{"I"}, intAttr("to", 1)), 1)
	case 7:
		d.give(d.node("", "Flatten", []string{d.node(ml, "OneHotEncoder", []string{"S"}, words, intAttr("zeros", zeros))}), 5)
	case 8:
		d.give(d.node("", "Flatten", []string{d.node(ml, "OneHotEncoder", []string{d.filled("T")}, words, intAttr("zeros", zeros))}), 5)
	case 9:
		order := d.node(ml, "LabelEncoder", []string{"T"}, stringsAttr("keys_strings", "north", "south", "", "east"), intsAttr("values_int64s", 4, 1, 2, 3), intAttr("default_int64", -1))
		d.give(d.node("", "Cast", []string{order}, intAttr("to", 1)), 1)
	case 10:
		d.give(d.node("", "Cast", []string{"D"}, intAttr("to", 1)), 2)
	case 11:
		d.give(column(), 1)
	case 12:
		d.hot(d.node("", "Cast", []string{d.node("", "Cast", []string{"I"}, intAttr("to", 1))}, intAttr("to", 7)), zeros, 5, 1, 0)
	default:
		picked := d.node(ml, "ArrayFeatureExtractor", []string{"F", d.constant(ints([]int{2}, 2, 0))})
		d.give(d.node(ml, "Imputer", []string{picked}, floatsAttr("imputed_value_floats", d.numbers(2)...), onnx.Attr{Name: "replaced_value_float", Kind: onnx.AttrFloat, Float: 2}), 2)
	}
}

const blocks, ends = 14, 8

func (d *drawn) end(kind int) {
	n := len(d.parts)
	all := d.parts[0]
	if n > 1 {
		all = d.node("", "Concat", d.parts, intAttr("axis", 1))
	}
	w := d.numbers(d.width)
	twice := append([]float32(nil), w...)
	for i := range w {
		twice[i] = -w[i]
	}
	twice = append(twice, w...)
	in, out := []string{all}, []string{"Y", "Z"}
	classifier := func(post string, coefficients, intercepts []float32, classes ...int64) onnx.Node {
		return onnx.Node{Name: "end", Domain: ml, Op: "LinearClassifier", Inputs: in, Outputs: out, Attrs: []onnx.Attr{
			stringAttr("post_transform", post), floatsAttr("coefficients", coefficients...), floatsAttr("intercepts", intercepts...), intsAttr("classlabels_ints", classes...)}}
	}
	var end onnx.Node
	switch kind {
	case 0:
		end = classifier("LOGISTIC", twice, []float32{-0.25, 0.25}, 3, 8)
	case 1:
		end = classifier("SOFTMAX", d.numbers(3*d.width), d.numbers(3), 1, 2, 3)
	case 2:
		end = classifier("LOGISTIC", w, []float32{0.5}, 0, 1)
	case 3:
		end = classifier("NONE", twice, []float32{0.5, 0.25}, 0, 1)
	case 4:
		end = classifier("SOFTMAX", twice, []float32{0.5, -0.5}, 0, 1)
	case 5:
		product := d.node("", "MatMul", []string{all, d.constant(floats([]int{d.width, 2}, d.numbers(2*d.width)...))})
		end = onnx.Node{Name: "end", Op: "Add", Inputs: []string{product, d.constant(floats([]int{2}, d.numbers(2)...))}, Outputs: out[:1]}
	case 6:
		end = onnx.Node{Name: "end", Op: "Gemm", Inputs: []string{all, d.constant(floats([]int{3, d.width}, d.numbers(3*d.width)...)), d.constant(floats([]int{1, 3}, d.numbers(3)...))},
			Outputs: out[:1], Attrs: []onnx.Attr{intAttr("transB", 1), {Name: "alpha", Kind: onnx.AttrFloat, Float: 0.3}, {Name: "beta", Kind: onnx.AttrFloat, Float: -1.7}}}
	default:
		end = onnx.Node{Name: "end", Domain: ml, Op: "LinearRegressor", Inputs: in, Outputs: out[:1], Attrs: []onnx.Attr{
			floatsAttr("coefficients", d.numbers(2*d.width)...), floatsAttr("intercepts", d.numbers(2)...), intAttr("targets", 2)}}
	}
	d.m.Graph.Nodes = append(d.m.Graph.Nodes, end)
	d.m.Graph.Outputs = nil
	for _, name := range end.Outputs {
		d.m.Graph.Outputs = append(d.m.Graph.Outputs, onnx.Value{Name: name})
	}
}

func draw(seed uint64) *onnx.Model {
	d := &drawn{r: rand.New(rand.NewPCG(seed, 1)), m: modelOf(3)}
	d.m.Graph.Inputs = nil
	for _, in := range []struct {
		name  string
		typ   tensor.Type
		width int
	}{{"F", tensor.Float32, 3}, {"I", tensor.Int64, 1}, {"S", tensor.String, 1}, {"T", tensor.String, 1}, {"D", tensor.Float64, 2}} {
		d.m.Graph.Inputs = append(d.m.Graph.Inputs, onnx.Value{Name: in.name, Kind: onnx.KindTensor, Elem: in.typ, HasShape: true, Shape: []int{-1, in.width}})
	}
	zeros := int64(1)
	if seed%5 == 4 {
		zeros = 0
	}
	d.block(int(seed)%blocks, zeros)
	for range d.r.IntN(6) {
		d.block(d.r.IntN(blocks), zeros)
	}
	d.end(int(seed/blocks) % ends)
	return d.m
}

// fillEdges draws the values of a batch, those beside and beyond the categories
// among them.
func fillEdges(r *rand.Rand, t *tensor.Tensor) {
	edges := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 1e30, -1, 0.99, 2, 3, 4, 1 << 40}
	words := []string{"", "north", "south", "east", "west", "far north", "nowhere", "North", "n\x00orth"}
	for i := range t.Len() {
		v := edges[r.IntN(len(edges))]
		if r.IntN(8) > 0 {
			v = float64(r.IntN(4))
		}
		switch t.Type {
		case tensor.Float32:
			t.F32[i] = float32(v)
		case tensor.Float64:
			t.F64[i] = v + 0.1
		case tensor.Int64:
			t.I64[i] = truncate(v)
			if r.IntN(20) == 0 {
				t.I64[i] = 1<<62 + 1<<38 + 1
			}
		default:
			t.Str[i] = words[r.IntN(len(words))]
		}
	}
}

// TestFused compares fused plans with the same plans step by step: labels and
// scores bit for bit, and what they refuse, by row and text.
func TestFused(t *testing.T) {
	refused := 0
	for seed := range uint64(ends * blocks * 5) {
		c := newCompiler(draw(seed))
		if err := c.compile(); err != nil {
			t.Fatalf("%d: %v", seed, err)
		}
		p, err := Compile(draw(seed))
		if err != nil {
			t.Fatalf("%d: %v", seed, err)
		}
		if n := len(p.steps); n > 2 || len(p.steps[0].parts)+n-1 != len(c.plan.steps) {
			t.Fatalf("%d: %d steps of which the first stands for %d, all together for %d", seed, n, len(p.steps[0].parts), len(c.plan.steps))
		}
		r := rand.New(rand.NewPCG(seed, 2))
		fast, slow := p.NewRun(), c.plan.NewRun()
		for _, rows := range []int{1, 7, block, 1, block + 1, 3*block - 1, 0, 2} {
			for i, in := range p.Inputs {
				slow.Input(i).Resize(in.Type, rows, in.Shape[1])
				fillEdges(r, slow.Input(i))
				*fast.Input(i) = *slow.Input(i).Clone()
			}
			have, want := fast.Execute(), slow.Execute()
			if fmt.Sprint(have) != fmt.Sprint(want) {
				t.Fatalf("%d: %d rows: error %v, want %v", seed, rows, have, want)
			}
			if want != nil {
				refused++
				continue
			}
			for i := range p.Outputs {
				if err := sameBits(fast.Output(i), slow.Output(i)); err != nil {
					t.Fatalf("%d: %d rows: output %d: %v", seed, rows, i, err)
				}
			}
		}
	}
	if refused == 0 {
		t.Error("no batch was refused")
	}
}

func sameBits(have, want *tensor.Tensor) error {
	if have.Type != want.Type || !equalShape(have.Shape, want.Shape) {
		return fmt.Errorf("%v of shape %v, want %v of %v", have.Type, have.Shape, want.Type, want.Shape)
	}
	for k := range want.Len() {
		h, w := numberAt(have, k), numberAt(want, k)
		if math.Float64bits(h) != math.Float64bits(w) && (h == h || w == w) {
			return fmt.Errorf("element %d is %v, want %v", k, h, w)
		}
	}
	return nil
}

// TestFusedAllocations shows that a fused plan costs no memory after its first run.
func TestFusedAllocations(t *testing.T) {
	for _, seed := range []uint64{0, 7, 15, 33} {
		p, err := Compile(draw(seed))
		if err != nil {
			t.Fatal(err)
		}
		for _, rows := range []int{1, 1000} {
			r := p.NewRun()
			for i, in := range p.Inputs {
				r.Input(i).Resize(in.Type, rows, in.Shape[1])
				fillEdges(rand.New(rand.NewPCG(seed, 3)), r.Input(i))
			}
			if n := testing.AllocsPerRun(20, func() {
				if err := r.Execute(); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%d, %d rows: %v allocations a run, want 0", seed, rows, n)
			}
		}
	}
}

// BenchmarkLinear scores pipelines of thirteen columns into a logistic
// regression, fused and step by step: eight numbers imputed and scaled, and five
// codes, of whole numbers or of texts with a stand-in for the missing.
func BenchmarkLinear(b *testing.B) {
	for _, texts := range []bool{false, true} {
		for _, fuse := range []bool{true, false} {
			for _, rows := range []int{1, 1000} {
				b.Run(fmt.Sprintf("texts=%v/fused=%v/rows=%d", texts, fuse, rows), func(b *testing.B) {
					c := newCompiler(thirteen(texts))
					if err := c.compile(); err != nil {
						b.Fatal(err)
					}
					if fuse {
						c.linears()
					}
					r := c.plan.NewRun()
					for i, in := range c.plan.Inputs {
						r.Input(i).Resize(in.Type, rows, in.Shape[1])
						fillEdges(rand.New(rand.NewPCG(1, 4)), r.Input(i))
					}
					for b.Loop() {
						if err := r.Execute(); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
				})
			}
		}
	}
}

func thirteen(texts bool) *onnx.Model {
	d := &drawn{r: rand.New(rand.NewPCG(13, 1)), m: modelOf(8)}
	missing := onnx.Attr{Name: "replaced_value_float", Kind: onnx.AttrFloat, Float: float32(math.NaN())}
	imputed := d.node(ml, "Imputer", []string{"X"}, floatsAttr("imputed_value_floats", d.numbers(8)...), missing)
	d.give(d.node(ml, "Scaler", []string{imputed}, floatsAttr("offset", d.numbers(8)...), floatsAttr("scale", d.numbers(8)...)), 8)
	for i := range 5 {
		in := onnx.Value{Name: fmt.Sprintf("C%d", i), Kind: onnx.KindTensor, Elem: tensor.Int64, HasShape: true, Shape: []int{-1, 1}}
		if texts {
			in.Elem = tensor.String
		}
		d.m.Graph.Inputs = append(d.m.Graph.Inputs, in)
		if texts {
			code := d.node(ml, "OneHotEncoder", []string{d.filled(in.Name)}, stringsAttr("cats_strings", "north", "south", "east", "west"))
			d.give(d.node("", "Flatten", []string{code}), 4)
		} else {
			d.hot(in.Name, 1, 0, 1, 2, 3)
		}
	}
	d.end(0)
	return d.m
}
