package graph

import "slices"

// shapeInputs are the inputs whose elements say how large a result is, or which
// of its dimensions are meant.
func shapeInputs(op string) []int {
	switch op {
	case "ConstantOfShape":
		return []int{0}
	case "CumSum", "Expand", "OneHot", "Reshape", "Split", "Squeeze", "Tile", "TopK", "Unsqueeze",
		"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum",
		"ReduceSumSquare":
		return []int{1}
	case "Range":
		return []int{0, 1, 2}
	case "Slice":
		return []int{1, 2, 3, 4}
	}
	return nil
}

// settle tells which outputs follow the values of rows, and gives what is wrong
// where a shape does: what a batch costs must follow the number of its rows
// alone, or one row of a client could ask for any amount of memory.
func (b *build) settle() error {
	given, loose := false, false
	for _, v := range b.in {
		if v != nil {
			given, loose = given || v.given, loose || v.loose
		}
	}
	wrong := b.wrong
	if b.node.Domain == "" {
		for _, i := range shapeInputs(b.node.Op) {
			if v := b.input(i); v != nil && v.given && wrong == nil {
				refused := &build{node: b.node, op: b.op, place: b.place}
				refused.refuse("input %d says a shape and follows the values of rows, not their number alone", i)
				wrong = refused.err
			}
		}
		switch b.node.Op {
		case "Shape", "Size", "EyeLike": // of the input they see the shape alone
			given = loose
		case "NonZero":
			loose = loose || given
		case "Scan":
			given = true
		}
	}
	for _, v := range b.out {
		v.given, v.loose = given, loose
	}
	return wrong
}

// settled gives what settle found to be wrong with the steps that are left.
func (c *compiler) settled() error {
	for _, s := range c.plan.steps {
		if k := slices.IndexFunc(s.out, func(slot int) bool { return c.spoilt[slot] != nil }); k >= 0 {
			return c.spoilt[s.out[k]]
		}
	}
	return nil
}
