package graph

import (
	"errors"
	"fmt"
	"slices"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// scan is the operator Scan: a body graph runs for each element along the first
// dimension of some inputs and carries state from one to the next. Nearest
// neighbours are written with it: the body measures one training row against
// all rows asked for.
func scan(b *build) kernel {
	body := b.attr("body", onnx.AttrGraph)
	n := int(b.int("num_scan_inputs", 0))
	states := len(b.in) - n
	for _, name := range []string{"scan_input_directions", "scan_output_directions", "scan_input_axes", "scan_output_axes"} {
		if slices.ContainsFunc(b.ints(name), func(v int64) bool { return v != 0 }) {
			return b.refuse("%s other than 0", name)
		}
	}
	if b.compiler.outer != nil {
		return b.refuse("a Scan within a Scan")
	}
	if body == nil || body.Graph == nil || n < 1 || states < 0 || !b.arity(len(b.in), len(b.in)) {
		return b.refuse("%d inputs, of which %d are scanned", len(b.in), n)
	}
	g := body.Graph
	if len(g.Inputs) != len(b.in) || len(g.Outputs) != len(b.out) || states > len(b.out) {
		return b.refuse("a body of %d inputs and %d outputs for a node of %d and %d", len(g.Inputs), len(g.Outputs), len(b.in), len(b.out))
	}
	inner, err := b.compiler.body(g, b.in)
	if err != nil {
		if b.err == nil {
			b.err = err
		}
		return nil
	}
	p := inner.plan
	b.wrong = inner.settled()
	for i := range states {
		for j := range states {
			if i != j && p.Outputs[i].slot == p.Inputs[j].slot {
				return b.refuse("states that change places")
			}
		}
	}
	b.in = append(b.in, inner.captured...)
	for i := range b.out {
		b.gives(i, p.Outputs[i].Type)
		if i < states && p.Outputs[i].Type != b.typ(i) {
			return b.refuse("state %d of types %v and %v", i, b.typ(i), p.Outputs[i].Type)
		}
	}
	b.pricing = func(in []*tensor.Tensor) cost { // beside what the body charges: the states
		c := cost{}
		for _, t := range in[:states] {
			c.made += 2 * times(volume(t.Shape), wordsOf(t.Type))
			c.work += volume(t.Shape)
		}
		return c
	}
	b.stateful = func(m *meter) kernel {
		s := &scanRun{run: p.newRun(m), states: states, scanned: n}
		return s.execute
	}
	return nil
}

// body compiles a graph that a node holds. Its inputs have the types of the
// given values; what it reads from the graph around it becomes further inputs.
func (c *compiler) body(g *onnx.Graph, in []*value) (*compiler, error) {
	inner := newCompiler(&onnx.Model{Opsets: c.model.Opsets, Graph: g})
	inner.outer, inner.table, inner.meter = c, c.table, c.meter
	if err := inner.initializers(); err != nil {
		return nil, err
	}
	for i, port := range g.Inputs {
		if err := inner.port(Port{Name: port.Name, Type: in[i].typ}); err != nil {
			return nil, err
		}
		inner.ports[i].loose = in[i].loose
	}
	if err := inner.nodes(); err != nil {
		return nil, err
	}
	if err := inner.outputs(); err != nil {
		return nil, err
	}
	inner.prune()
	return inner, nil
}

// capture finds a value of the graph around this one. Constants are taken over,
// other values become inputs of the plan.
func (c *compiler) capture(name string) *value {
	if c.outer == nil {
		return nil
	}
	v := c.outer.find(name)
	if v == nil {
		return nil
	}
	own := &value{typ: v.typ, constant: v.constant, given: v.given, loose: v.loose}
	if v.constant != nil {
		own.slot = c.slot(v.constant)
	} else {
		own.slot = c.slot(nil)
		c.plan.Inputs = append(c.plan.Inputs, Port{Name: name, Type: v.typ, slot: own.slot})
		c.captured = append(c.captured, v)
	}
	c.values[name] = own
	return own
}

// scanRun is the memory of one Scan in one run.
type scanRun struct {
	run             *Run
	states, scanned int
	empty           tensor.Tensor // stands for an element where there is none
}

func (s *scanRun) execute(in, out []*tensor.Tensor) error {
	length := -1
	for _, t := range in[s.states : s.states+s.scanned] {
		if len(t.Shape) == 0 || length >= 0 && t.Shape[0] != length {
			return fmt.Errorf("shape %v along %d steps", t.Shape, length)
		}
		if length = t.Shape[0]; length > 0 && t.Len() == 0 {
			return fmt.Errorf("%d steps over shape %v", length, t.Shape)
		}
	}
	for i, t := range in {
		switch {
		case i < s.states:
			reshaped(s.run.Input(i), t, t.Shape)
		case i >= s.states+s.scanned:
			view(s.run.Input(i), t, t.Shape, 0)
		}
	}
	var refused error // the first value that the body refused
	meter := s.run.meter
	before, made := meter.used.work, 0
	for step := range max(1, length) {
		for i := s.states; i < s.states+s.scanned; i++ {
			t := in[i]
			if length == 0 { // one try on zeros tells the shapes of the results
				s.empty.Resize(t.Type, t.Shape[1:]...)
				t = &s.empty
				view(s.run.Input(i), t, t.Shape, 0)
				continue
			}
			view(s.run.Input(i), t, t.Shape[1:], step)
		}
		if err := s.run.begin(step > 0); err != nil {
			return err
		}
		if err := s.body(&refused); err != nil {
			return err
		}
		if err := s.collect(out, step, length); err != nil {
			return err
		}
		if length == 0 {
			return refused
		}
		for i := range s.states {
			from, to := s.run.Output(i), s.run.Input(i)
			if !equalShape(from.Shape, to.Shape) {
				return fmt.Errorf("state %d of shape %v becomes one of shape %v", i, slices.Clone(to.Shape), slices.Clone(from.Shape))
			}
			if from != to {
				meter.used.work += from.Len()
				reshaped(to, from, from.Shape)
			}
		}
		if step == 0 { // all steps cost as much as the first, and take the same memory
			made = meter.used.made
			if err := meter.foresee(times(meter.used.work-before, length-1)); err != nil {
				return err
			}
		}
		meter.used.made = made
	}
	if err := s.finish(out); err != nil {
		return err
	}
	return refused
}

// body runs the steps once. It goes on past a refused value, so that the results
// have their shapes whatever the values are, and keeps the first refusal.
func (s *scanRun) body(refused *error) error {
	for i := range s.run.args {
		err := s.run.step(i)
		if err == nil {
			continue
		}
		if value := (*modelfile.ValueError)(nil); !errors.As(err, &value) {
			return err
		}
		if *refused == nil {
			*refused = err
		}
	}
	return nil
}

// collect appends the results of one step; without steps they get no elements.
func (s *scanRun) collect(out []*tensor.Tensor, step, length int) error {
	if length == 0 {
		if err := s.finish(out); err != nil {
			return err
		}
	}
	for i := s.states; i < len(s.run.plan.Outputs); i++ {
		one := s.run.Output(i)
		if step == 0 {
			var shape [modelfile.MaxRank + 1]int
			rank := copy(shape[1:], one.Shape) + 1
			shape[0] = length
			if rank > modelfile.MaxRank {
				return fmt.Errorf("a result of %d dimensions", rank)
			}
			if err := s.run.meter.charge(cost{times(volume(shape[:rank]), wordsOf(one.Type)), 0}); err != nil {
				return err
			}
			if err := grow(out[i], one.Type, shape[:rank]...); err != nil {
				return err
			}
		}
		if !equalShape(one.Shape, out[i].Shape[1:]) {
			return fmt.Errorf("steps of shapes %v and %v", out[i].Shape[1:], one.Shape)
		}
		if length > 0 {
			copyElements(out[i], step*one.Len(), one, 0, one.Len())
		}
	}
	return nil
}

// finish hands out the last state.
func (s *scanRun) finish(out []*tensor.Tensor) error {
	for i := range s.states {
		from := s.run.Input(i)
		reshaped(out[i], from, from.Shape)
	}
	return nil
}

// view makes one tensor a window on element k of another's first dimension.
// Both are read only while the window is in use.
func view(to, from *tensor.Tensor, shape []int, k int) {
	to.Type = from.Type
	to.Shape = append(to.Shape[:0], shape...)
	n := to.Len()
	a, b := k*n, (k+1)*n
	switch from.Type {
	case tensor.Float32:
		to.F32 = from.F32[a:b:b]
	case tensor.Float64:
		to.F64 = from.F64[a:b:b]
	case tensor.Int64:
		to.I64 = from.I64[a:b:b]
	case tensor.Int32:
		to.I32 = from.I32[a:b:b]
	case tensor.Uint8:
		to.U8 = from.U8[a:b:b]
	case tensor.Bool:
		to.Bool = from.Bool[a:b:b]
	default:
		to.Str = from.Str[a:b:b]
	}
}
