package graph

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// Compile turns a parsed file into a plan.
func Compile(m *onnx.Model) (*Plan, error) {
	c := newCompiler(m)
	if err := c.compile(); err != nil {
		return nil, err
	}
	c.linears()
	c.release()
	return c.plan, nil
}

// release forgets the constants that no step reads.
func (c *compiler) release() {
	read := make([]bool, len(c.plan.consts))
	var mark func(steps []step)
	mark = func(steps []step) {
		for _, s := range steps {
			for _, slot := range s.in {
				read[slot] = true
			}
			mark(s.parts)
		}
	}
	mark(c.plan.steps)
	for _, p := range c.plan.Outputs {
		read[p.slot] = true
	}
	for i := range c.plan.consts {
		if !read[i] {
			c.plan.consts[i] = nil
		}
	}
}

// compile makes the plan with one step a node.
func (c *compiler) compile() error {
	if err := c.inputs(); err != nil {
		return err
	}
	if err := c.nodes(); err != nil {
		return err
	}
	if err := c.outputs(); err != nil {
		return err
	}
	if err := c.constants(); err != nil {
		return err
	}
	c.widths()
	c.prune()
	if err := c.settled(); err != nil {
		return err
	}
	if err := c.probe(); err != nil {
		return err
	}
	c.roles()
	return nil
}

// compiler turns one graph into a plan.
type compiler struct {
	model  *onnx.Model
	plan   *Plan
	table  []operator        // sorted
	values map[string]*value // by name
	ports  []*value          // of the inputs
	meter  *meter            // of what the load costs, bodies included
	tried  *Run              // the run on three rows of zeros
	spoilt map[int]error     // what is wrong with the steps, by their first output's slot, unless they are dropped

	builds map[int]*build     // the nodes of the steps by their first output's slot
	ends   map[*build]*linear // the linear operators

	outer    *compiler // of the graph around this one
	captured []*value  // that this graph reads from there
}

func newCompiler(m *onnx.Model) *compiler {
	c := &compiler{model: m, plan: &Plan{}, values: map[string]*value{}, meter: loading(), spoilt: map[int]error{},
		builds: map[int]*build{}, ends: map[*build]*linear{}}
	return c
}

func malformed(format string, args ...any) error {
	return &modelfile.FormatError{Format: "onnx", Offset: -1, Reason: fmt.Sprintf(format, args...)}
}

// within says where a fault was found, and keeps that it is about a limit.
func within(label string, err error) error {
	if label != "" {
		label += ": "
	}
	e := &modelfile.FormatError{Format: "onnx", Offset: -1, Reason: label + err.Error(), Limit: errors.Is(err, modelfile.ErrLimit)}
	if inner := (*modelfile.FormatError)(nil); errors.As(err, &inner) {
		e.Reason = strings.Replace(e.Reason, inner.Error(), inner.Reason, 1)
	}
	return e
}

func unsupported(format string, args ...any) error {
	return &modelfile.UnsupportedError{Format: "onnx", Reason: fmt.Sprintf(format, args...)}
}

func (c *compiler) slot(constant *tensor.Tensor) int {
	c.plan.consts = append(c.plan.consts, constant)
	return len(c.plan.consts) - 1
}

func (c *compiler) define(name string, v *value) error {
	if _, ok := c.values[name]; ok {
		return malformed("value %q is given twice", name)
	}
	c.values[name] = v
	return nil
}

// inputs declares the initialisers and the inputs. An initialiser may repeat
// as an input (its default value, as IR version 3 demanded): it is a constant.
func (c *compiler) inputs() error {
	if err := c.initializers(); err != nil {
		return err
	}
	for _, in := range c.model.Graph.Inputs {
		if v := c.values[in.Name]; v != nil && v.constant != nil {
			continue
		}
		if err := checkInput(in); err != nil {
			return err
		}
		shape := slices.Clone(in.Shape)
		if len(shape) == 0 { // not said: a matrix of rows, as every tabular model takes
			shape = []int{-1, -1}
		}
		shape[0] = -1
		if err := c.port(Port{Name: in.Name, Type: in.Elem, Shape: shape}); err != nil {
			return err
		}
	}
	if len(c.plan.Inputs) == 0 {
		return unsupported("it takes no input")
	}
	return nil
}

func (c *compiler) initializers() error {
	for _, t := range c.model.Graph.Initializers {
		if err := c.define(t.Name, &value{slot: c.slot(t.Tensor), typ: t.Type, constant: t.Tensor}); err != nil {
			return err
		}
	}
	return nil
}

func checkInput(in onnx.Value) error {
	if in.Kind != onnx.KindTensor {
		return unsupported("input %q is no tensor; in place of a dictionary, as DictVectorizer takes one, "+
			"convert the model behind it and give the columns of its vocabulary", in.Name)
	}
	if in.Elem == tensor.Invalid {
		return unsupported("input %q has element type %d", in.Name, in.ElemCode)
	}
	return nil
}

// port declares an input.
func (c *compiler) port(p Port) error {
	v := &value{slot: c.slot(nil), typ: p.Type, given: true}
	v.origin = v
	p.slot = v.slot
	c.ports = append(c.ports, v)
	c.plan.Inputs = append(c.plan.Inputs, p)
	return c.define(p.Name, v)
}

func (c *compiler) nodes() error {
	for i := range c.model.Graph.Nodes {
		if err := c.node(&c.model.Graph.Nodes[i], i); err != nil {
			return err
		}
	}
	return nil
}

// find gives a value by its name, of this graph or of those around it; nil for none.
func (c *compiler) find(name string) *value {
	if v := c.values[name]; v != nil {
		return v
	}
	return c.capture(name)
}

// lookup finds an operator in the table, which is made for each file anew: the
// package keeps no globals.
func (c *compiler) lookup(domain, name string) *operator {
	if c.table == nil {
		c.table = operators()
	}
	i, found := slices.BinarySearchFunc(c.table, name, func(op operator, name string) int {
		return cmp.Or(strings.Compare(op.domain, domain), strings.Compare(op.name, name))
	})
	if !found {
		return nil
	}
	return &c.table[i]
}

// node compiles one node, or computes it at once where all it reads is constant.
func (c *compiler) node(n *onnx.Node, index int) error {
	op := c.lookup(n.Domain, n.Op)
	full := n.Op
	if n.Domain != "" {
		full = n.Domain + "." + n.Op
	}
	b := &build{node: n, op: full, place: index, version: c.model.Opsets[n.Domain], used: map[string]bool{}, compiler: c}
	switch {
	case c.model.Functions[[2]string{n.Domain, n.Op}]:
		b.refuse("the file defines it as a function of its own, and those are not read")
	case op == nil:
		b.refuse("the engine does not know it")
	}
	if b.err != nil {
		return b.err
	}
	if b.version == 0 {
		b.version = 1 // a file that uses a domain without importing it
	}
	for _, name := range n.Inputs {
		var v *value
		if name != "" {
			if v = c.find(name); v == nil {
				return malformed("%s reads %q, which no earlier node gives", b.where(), name)
			}
		}
		b.in = append(b.in, v)
	}
	if len(n.Outputs) == 0 {
		return malformed("%s gives no output", b.where())
	}
	for range n.Outputs {
		b.out = append(b.out, &value{})
	}
	if err := op.admits(b); err != nil {
		return err
	}
	for i, v := range b.in {
		if v != nil && v.parts != nil {
			b.refuse("input %d is a sequence, which can only be an output", i)
			return b.err
		}
	}
	if op.alias {
		return c.alias(b, op)
	}
	run := op.build(b)
	if err := b.finish(); err != nil {
		return err
	}
	if b.parts != nil {
		return c.define(n.Outputs[0], &value{typ: tensor.Invalid, parts: b.parts})
	}
	s := step{label: b.where(), run: run, fresh: b.stateful, price: b.price()}
	wrong := b.settle()
	s.steady = !slices.ContainsFunc(b.in, func(v *value) bool { return v != nil && v.loose })
	for _, v := range b.in {
		slot := -1
		if v != nil {
			slot = v.slot
		}
		s.in = append(s.in, slot)
	}
	if err := c.place(b, s); err != nil {
		return err
	}
	if wrong != nil {
		c.spoilt[b.out[0].slot] = wrong
	}
	return nil
}

// finish checks that the builder gave what it must and read all that the node says.
func (b *build) finish() error {
	for i := range b.node.Attrs {
		if a := &b.node.Attrs[i]; !b.used[a.Name] {
			b.refuse("attribute %q is unknown", a.Name)
		}
	}
	if b.err != nil {
		return b.err
	}
	for i, v := range b.out {
		if v.typ == tensor.Invalid {
			b.refuse("it has no output %d", i)
			return b.err
		}
	}
	return nil
}

// place gives the outputs their slots and appends the step; a node of constants
// only is run now.
func (c *compiler) place(b *build, s step) error {
	fold := true
	for _, v := range b.in {
		fold = fold && (v == nil || v.constant != nil)
	}
	absent := -1
	for i, slot := range s.in {
		if slot < 0 {
			if absent < 0 {
				absent = c.slot(&tensor.Tensor{})
			}
			s.in[i] = absent
		}
	}
	for i, v := range b.out {
		v.slot = c.slot(nil)
		s.out = append(s.out, v.slot)
		if name := b.node.Outputs[i]; name != "" {
			if err := c.define(name, v); err != nil {
				return err
			}
		}
	}
	for range b.scratch {
		s.out = append(s.out, c.slot(nil))
	}
	if !fold {
		if len(s.out) > 0 {
			c.builds[s.out[0]] = b
		}
		c.plan.steps = append(c.plan.steps, s)
		return nil
	}
	in := make([]*tensor.Tensor, len(s.in))
	for i, slot := range s.in {
		in[i] = c.plan.consts[slot]
	}
	out := make([]*tensor.Tensor, len(s.out))
	for i := range out {
		out[i] = &tensor.Tensor{}
	}
	held := c.meter.used.made
	err := c.meter.charge(s.price(in))
	if err == nil {
		err = s.kernel(c.meter)(in, out)
	}
	if err != nil {
		return within(s.label, err)
	}
	c.meter.used.made = held // and what stays
	for i, v := range b.out {
		c.meter.used.made += times(volume(out[i].Shape), wordsOf(out[i].Type))
		v.constant = out[i]
		c.plan.consts[v.slot] = out[i]
	}
	return nil
}

// alias lets an output be its input under another name and, for ZipMap, in
// another form: a matrix stands for the list of maps.
func (c *compiler) alias(b *build, op *operator) error {
	op.build(b)
	if err := b.finish(); err != nil {
		return err
	}
	if len(b.out) != 1 {
		return malformed("%s has %d outputs", b.where(), len(b.out))
	}
	v := *b.in[0]
	if b.out[0].role != RoleOther {
		v.role, v.classes = b.out[0].role, b.out[0].classes
	}
	return c.define(b.node.Outputs[0], &v)
}
