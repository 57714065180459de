package graph

import (
	"fmt"
	"slices"
)

// outputs collects what the graph gives.
func (c *compiler) outputs() error {
	for _, out := range c.model.Graph.Outputs {
		v := c.find(out.Name)
		if v == nil {
			return malformed("output %q is given by no node", out.Name)
		}
		for i, part := range v.parts {
			c.output(fmt.Sprintf("%s_%d", out.Name, i), part)
		}
		if v.parts == nil {
			c.output(out.Name, v)
		}
	}
	if len(c.plan.Outputs) == 0 {
		return unsupported("it gives no output")
	}
	return nil
}

func (c *compiler) output(name string, v *value) {
	if v.classes != nil && c.plan.Classes.Len() == 0 {
		c.plan.Classes = *v.classes
	}
	c.plan.Outputs = append(c.plan.Outputs, Port{Name: name, Type: v.typ, Role: v.role, slot: v.slot})
}

// constants leaves out the outputs that are constants, which are no answers.
// Where no operator knows the classes, such an output is taken for their names,
// as skl2onnx's option output_class_labels writes them.
func (c *compiler) constants() error {
	answers := c.plan.Outputs[:0:0]
	for _, p := range c.plan.Outputs {
		t := c.plan.consts[p.slot]
		if t == nil {
			answers = append(answers, p)
		} else if c.plan.Classes.Len() == 0 && len(t.Shape) == 1 {
			c.plan.Classes = Classes{Ints: t.I64, Strings: t.Str}
		}
	}
	if len(answers) == 0 {
		return unsupported("its outputs do not follow its inputs")
	}
	c.plan.Outputs = answers
	return nil
}

// widths settles the open widths of inputs by what reads them.
func (c *compiler) widths() {
	for i := range c.plan.Inputs {
		p := &c.plan.Inputs[i]
		if n := c.ports[i].width; len(p.Shape) == 2 && p.Shape[1] < 0 {
			if n == 0 {
				n = c.ports[i].least
			}
			if n > 0 {
				p.Shape[1] = n
			}
		}
	}
}

// prune drops the steps whose results nobody reads.
func (c *compiler) prune() {
	needed := make([]bool, len(c.plan.consts))
	for _, p := range c.plan.Outputs {
		needed[p.slot] = true
	}
	kept := c.plan.steps[:0:0]
	for _, s := range slices.Backward(c.plan.steps) {
		if !slices.ContainsFunc(s.out, func(slot int) bool { return needed[slot] }) {
			continue
		}
		for _, slot := range s.in {
			needed[slot] = true
		}
		kept = append(kept, s)
	}
	slices.Reverse(kept)
	c.plan.steps = kept
}
