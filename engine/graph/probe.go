package graph

import (
	"errors"
	"fmt"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// probe runs the plan on batches of zeros, so that shapes that do not fit are
// found at load, and learns from it the shapes of the outputs.
func (c *compiler) probe() error {
	var shapes [2][][]int
	for k, rows := range [2]int{2, 3} {
		r := c.plan.NewRun()
		for i, p := range c.plan.Inputs {
			if err := fillZero(r.Input(i), p, rows); err != nil {
				return err
			}
		}
		err := r.probe()
		if refused := (*modelfile.ValueError)(nil); errors.As(err, &refused) {
			c.tried = nil
			return c.declared() // zeros are no value this model takes; the file's own word must do
		}
		if err != nil {
			return malformed("%v", err)
		}
		c.tried = r
		for i := range c.plan.Outputs {
			shapes[k] = append(shapes[k], append([]int(nil), r.Output(i).Shape...))
		}
	}
	for i := range c.plan.Outputs {
		shape, err := generalise(shapes[0][i], shapes[1][i])
		if err != nil {
			return malformed("output %q: %v", c.plan.Outputs[i].Name, err)
		}
		c.plan.Outputs[i].Shape = shape
	}
	return nil
}

// probe is Execute under a budget for all steps together.
func (r *Run) probe() error {
	left := modelfile.MaxProbe
	for i := range r.args {
		if err := r.step(i); err != nil {
			return err
		}
		for _, t := range r.args[i].out {
			left -= t.Len()
		}
		if left < 0 {
			return fmt.Errorf("a few rows need more than %d elements", modelfile.MaxProbe)
		}
	}
	return nil
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

// declared takes the outputs' shapes from the file.
func (c *compiler) declared() error {
	for i, out := range c.model.Graph.Outputs {
		p := &c.plan.Outputs[i]
		p.Shape = append([]int{-1}, out.Shape[min(1, len(out.Shape)):]...)
		if p.Role == RoleProbabilities && len(p.Shape) == 1 {
			p.Shape = append(p.Shape, c.plan.Classes.Len())
		}
	}
	return nil
}
