package graph

import (
	"errors"
	"fmt"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// probe runs the plan on batches of zeros, so that shapes that do not fit are
// found at load, and learns from it the shapes of the outputs and what a row
// costs. Where zeros are no value that the model takes, it goes on all the same:
// what follows must fit too.
func (c *compiler) probe() error {
	var tries [2]*try
	for k := range tries {
		var err error
		if tries[k], err = c.try(k + 2); err != nil {
			return err
		}
		c.tried = tries[k].run
	}
	two, three := tries[0], tries[1]
	if c.turn([2][][]int{two.shapes, three.shapes}) {
		return c.probe()
	}
	for i := range c.plan.Outputs {
		shape, err := generalise(two.shapes[i], three.shapes[i])
		if err != nil {
			return unsupported("output %q: %v", c.plan.Outputs[i].Name, err)
		}
		c.plan.Outputs[i].Shape = shape
	}
	c.plan.MaxRows = modelfile.MaxRun / max(1, three.elements-two.elements)
	return c.foretell(two, three)
}

// manyRows is the third number of rows tried, or as many as the limits allow: a
// cost that grows faster than the rows shows there.
const manyRows = 8

// foretell learns what a batch costs, and refuses steps whose cost is no
// straight line over the number of rows, as that of all pairs of rows is.
func (c *compiler) foretell(two, three *try) error {
	t := tariff{}
	for i := range c.plan.steps {
		t.row.made += three.costs[i].made - two.costs[i].made
		t.row.work += three.costs[i].work - two.costs[i].work
		t.base.made += two.costs[i].made
		t.base.work += two.costs[i].work
	}
	t.row.made, t.row.work = max(t.row.made, 0), max(t.row.work, 0)
	c.plan.tariff = t // two rows' cost as the base is two rows too much, and no harm
	rows := manyRows
	for rows > 4 && (t.base.made+rows*(t.row.made+three.inputs) > modelfile.MaxProbe/2 || rows*t.row.work > modelfile.MaxWork/4) {
		rows--
	}
	many, err := c.try(rows)
	if err != nil {
		return err
	}
	for i := range c.plan.steps {
		from, to, have := two.costs[i], three.costs[i], many.costs[i]
		if have.made > from.made+(rows-2)*(to.made-from.made) || have.work > from.work+(rows-2)*(to.work-from.work) {
			const reason = "what it costs grows faster than the number of rows"
			if b := c.builds[c.plan.steps[i].out[0]]; b != nil {
				b.refuse(reason)
				return b.err
			}
			return unsupported("%s: %s", c.plan.steps[i].label, reason)
		}
	}
	return nil
}

// A try is a run on some rows of zeros.
type try struct {
	run      *Run
	shapes   [][]int // of the outputs
	costs    []cost  // by step
	elements int     // of the inputs and of all that the steps gave
	inputs   int     // words of one row of the inputs
}

func (c *compiler) try(rows int) (*try, error) {
	held := c.meter.used.made // by constants; what a try takes is let go
	defer func() { c.meter.used.made = held }()
	t := &try{run: c.plan.newRun(c.meter)}
	for i, p := range c.plan.Inputs {
		shape, err := p.sized(rows)
		if err != nil {
			return nil, err
		}
		if err := c.meter.charge(moved(volume(shape), wordsOf(p.Type))); err != nil {
			return nil, within(fmt.Sprintf("input %q", p.Name), err)
		}
		t.inputs += volume(shape) / rows * wordsOf(p.Type)
		x := t.run.Input(i)
		x.Resize(p.Type, shape...)
		t.elements += x.Len()
	}
	if err := t.steps(); err != nil {
		return nil, within("", err)
	}
	for i := range c.plan.Outputs {
		t.shapes = append(t.shapes, append([]int(nil), t.run.Output(i).Shape...))
	}
	return t, nil
}

// steps is Execute past the steps that refuse a value.
func (t *try) steps() error {
	r := t.run
	for i := range r.args {
		before := r.meter.used
		err := r.step(i)
		if refused := (*modelfile.ValueError)(nil); err != nil && !errors.As(err, &refused) {
			return err
		}
		t.costs = append(t.costs, cost{r.meter.used.made - before.made, r.meter.used.work - before.work})
		for _, x := range r.args[i].out {
			t.elements += x.Len()
		}
	}
	return nil
}

// turn puts the rows first in outputs whose second dimension counts them, such
// as the probabilities of skl2onnx's classifiers of several targets: [targets,
// rows, classes] becomes [rows, targets, classes].
func (c *compiler) turn(shapes [2][][]int) (turned bool) {
	for i := range c.plan.Outputs {
		p := &c.plan.Outputs[i]
		two, three := shapes[0][i], shapes[1][i]
		if len(two) < 2 || len(two) != len(three) || two[0] != three[0] || two[1] != 2 || three[1] != 3 {
			continue
		}
		perm := []int64{1, 0}
		for d := 2; d < len(two); d++ {
			perm = append(perm, int64(d))
		}
		slot := c.slot(nil)
		c.plan.steps = append(c.plan.steps, step{
			label: fmt.Sprintf("output %q", p.Name), run: transposed(perm), in: []int{p.slot}, out: []int{slot},
			price: func(in []*tensor.Tensor) cost { return moved(volume(in[0].Shape), wordsOf(in[0].Type)) },
		})
		p.slot, turned = slot, true
	}
	return turned
}

// sized is the shape of an input of some rows.
func (p *Port) sized(rows int) ([]int, error) {
	shape := append([]int(nil), p.Shape...)
	shape[0] = rows
	for k, d := range shape {
		if d < 0 {
			return nil, unsupported("input %q leaves its dimension %d open and no operator settles it", p.Name, k)
		}
	}
	return shape, nil
}

// generalise compares the shapes that two and three rows gave: the first
// dimension must count the rows, all others must stay.
func generalise(two, three []int) ([]int, error) {
	if len(two) == 0 || len(two) != len(three) || two[0] != 2 || three[0] != 3 {
		return nil, fmt.Errorf("two rows give shape %v, three give %v: the first dimension does not count rows", two, three)
	}
	shape := []int{-1}
	for i, d := range two[1:] {
		if d != three[i+1] {
			return nil, fmt.Errorf("two rows give shape %v, three give %v", two, three)
		}
		shape = append(shape, d)
	}
	return shape, nil
}
