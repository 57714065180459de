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
	var shapes [2][][]int
	var elements [2]int
	for k, rows := range [2]int{2, 3} {
		r := c.plan.NewRun()
		for i, p := range c.plan.Inputs {
			if err := fillZero(r.Input(i), p, rows); err != nil {
				return err
			}
			elements[k] += r.Input(i).Len()
		}
		n, err := r.probe()
		if err != nil {
			return within("", err)
		}
		elements[k] += n
		c.tried = r
		for i := range c.plan.Outputs {
			shapes[k] = append(shapes[k], append([]int(nil), r.Output(i).Shape...))
		}
	}
	if c.turn(shapes) {
		return c.probe()
	}
	for i := range c.plan.Outputs {
		shape, err := generalise(shapes[0][i], shapes[1][i])
		if err != nil {
			return unsupported("output %q: %v", c.plan.Outputs[i].Name, err)
		}
		c.plan.Outputs[i].Shape = shape
	}
	c.plan.MaxRows = modelfile.MaxRun / max(1, elements[1]-elements[0])
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
		})
		p.slot, turned = slot, true
	}
	return turned
}

// charge counts what a step read and gave, up to modelfile.MaxWork: a long list
// of nodes that each read one large constant costs time and no memory.
func charge(work *int, lists ...[]*tensor.Tensor) error {
	for _, l := range lists {
		for _, t := range l {
			*work += t.Len()
		}
	}
	if *work > modelfile.MaxWork {
		return exceeds("loading it takes more than %d elements through its operators", modelfile.MaxWork)
	}
	return nil
}

// probe is Execute under a budget for all steps together, and past the steps
// that refuse a value. It gives the number of elements that the steps made.
func (r *Run) probe() (elements int, err error) {
	work := 0
	for i := range r.args {
		err := r.step(i)
		if err == nil {
			err = charge(&work, r.args[i].in, r.args[i].out)
		}
		if refused := (*modelfile.ValueError)(nil); err != nil && !errors.As(err, &refused) {
			return 0, err
		}
		for _, t := range r.args[i].out {
			elements += t.Len()
		}
		if elements > modelfile.MaxProbe {
			return 0, exceeds("a few rows need more than %d elements", modelfile.MaxProbe)
		}
	}
	return elements, nil
}

func fillZero(t *tensor.Tensor, p Port, rows int) error {
	shape := append([]int(nil), p.Shape...)
	shape[0] = rows
	for k, d := range shape {
		if d < 0 {
			return unsupported("input %q leaves its dimension %d open and no operator settles it", p.Name, k)
		}
	}
	t.Resize(p.Type, shape...)
	return nil
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
