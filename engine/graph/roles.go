package graph

import (
	"math"
	"strings"

	"online-inference/engine/tensor"
)

// roles settles what the outputs mean that no operator explained: classifiers
// made of plain operators end in sums and quotients, which only the label
// beside them and their own name explain.
func (c *compiler) roles() {
	outputs := c.plan.Outputs
	label := -1
	for i := range outputs {
		if outputs[i].Role == RoleLabel {
			label = i
		}
	}
	for i := range outputs {
		if p := &outputs[i]; label < 0 && len(outputs) > 1 && p.Role == RoleOther && !p.Type.IsFloat() && strings.Contains(strings.ToLower(p.Name), "label") {
			p.Role, label = RoleLabel, i
		}
	}
	if label >= 0 && c.severalTargets(&outputs[label]) {
		return
	}
	if label >= 0 {
		for i := range outputs {
			c.scores(&outputs[i], i)
		}
		return
	}
	if len(outputs) == 1 && c.predicts(&outputs[0]) {
		outputs[0].Role = RolePrediction
	}
}

// severalTargets tells whether a label has a column for each of several targets.
// Their classes may differ, which a signature cannot say: no output is a label
// or probabilities then, as with the native formats.
func (c *compiler) severalTargets(label *Port) bool {
	if len(label.Shape) < 2 || label.Shape[1] == 1 {
		return false
	}
	c.plan.Classes = Classes{}
	for i := range c.plan.Outputs {
		c.plan.Outputs[i].Role = RoleOther
	}
	return true
}

// scores explains a float output that stands beside a label. Converters give
// the name "probabilities" to raw scores too; the rows of probabilities sum to 1.
func (c *compiler) scores(p *Port, output int) {
	if !p.Type.IsFloat() || p.Role != RoleOther && p.Role != RolePrediction {
		return
	}
	width := 1
	for _, d := range p.Shape[min(1, len(p.Shape)):] {
		width *= d
	}
	name := strings.ToLower(p.Name)
	switch n := c.plan.Classes.Len(); {
	case n > 0 && width != n && (n != 2 || width != 1) && width != n*(n-1)/2:
		p.Role = RoleOther
	case strings.Contains(name, "prob") && (width == n || n == 0) && c.sumsToOne(output):
		p.Role = RoleProbabilities
	default:
		p.Role = RoleScores
	}
}

// sumsToOne looks at the answers to rows of zeros. Without them, or where they
// are no numbers, the name of the output must do.
func (c *compiler) sumsToOne(output int) bool {
	if c.tried == nil {
		return true
	}
	t := c.tried.Output(output)
	width := t.Width()
	for r := range t.Rows() {
		sum := 0.0
		for k := range width {
			v := numberAt(t, r*width+k)
			if v < -1e-3 {
				return false
			}
			sum += v
		}
		if math.Abs(sum-1) > 1e-3 {
			return false
		}
	}
	return true
}

// predicts tells whether a lone output is a regressor's: one number a row, of
// several columns.
func (c *compiler) predicts(p *Port) bool {
	if p.Role != RoleOther || !p.Type.IsFloat() || len(p.Shape) > 2 || len(p.Shape) == 2 && p.Shape[1] != 1 {
		return false
	}
	columns := 0
	for _, in := range c.plan.Inputs {
		if in.Type == tensor.String {
			columns++ // text makes several numbers
		}
		if columns++; len(in.Shape) == 2 {
			columns += in.Shape[1] - 1
		}
	}
	return columns > 1
}

// followsScore hands on what stays true of a value that a number of the file
// scales or moves: it is a prediction or a score still, but no probability.
func (b *build) followsScore(i int) {
	if v := b.input(i); v != nil && (v.role == RolePrediction || v.role == RoleScores) {
		b.means(0, v.role, v.classes)
	}
}

// followsSquash is followsScore for functions that make probabilities of scores.
func (b *build) followsSquash() {
	switch v := b.in[0]; v.role {
	case RoleScores:
		b.means(0, RoleProbabilities, v.classes)
	case RolePrediction:
		b.means(0, v.role, nil)
	}
}
