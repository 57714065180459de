// Package forest scores the models that the boosting frameworks' own files
// describe. The readers of the formats (packages xgboost, lightgbm, catboost)
// agree on a Spec: named columns, a sum over trees or a linear model for each
// target, a link that turns sums into answers, and the task, which says what
// the outputs are. New makes a Plan of it.
//
//   - A classifier gives "label", shape [rows], and "probabilities", shape
//     [rows, classes]; with several labels a row, both are [rows, labels].
//   - A regressor or ranker gives "prediction", shape [rows], or [rows, targets]
//     where there are several targets.
//   - The input is "X", shape [rows, columns], unless a column holds text: then
//     every column is an input of its own, shape [rows, 1], under its name.
//
// A missing number is NaN. A missing text is the empty string, unless the
// model has the empty string for a category.
package forest

import (
	"fmt"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
	"online-inference/engine/tree"
)

// Role says what an output means; the values are those of package engine.
type Role uint8

// The roles of outputs.
const (
	RoleOther Role = iota
	RoleLabel
	RoleProbabilities
	RoleScores
	RolePrediction
)

// A Port is an input or an output.
type Port struct {
	Name    string
	Type    tensor.Type
	Shape   []int // -1 for the number of rows
	Role    Role
	Columns []string
	// Categories are, for each column, all that it takes beside a missing value, as
	// text; nil for a column that takes anything, and where no column is bound.
	Categories [][]string
	Missing    bool // an input of text takes the empty one for a missing value
}

// Classes are the labels of a classifier: either Ints or Strings is set.
type Classes struct {
	Ints    []int64
	Strings []string
}

// Len is the number of classes.
func (c Classes) Len() int { return max(len(c.Ints), len(c.Strings)) }

// Counted are the classes 0 to n-1, for formats that do not name them.
func Counted(n int) Classes {
	c := Classes{Ints: make([]int64, n)}
	for i := range c.Ints {
		c.Ints[i] = int64(i)
	}
	return c
}

// A Column is one feature.
type Column struct {
	Name string
	// Text gives the number that stands for a text; nil for a column of numbers.
	Text func(string) (code float64, ok bool)
	// Categories are all that Text or Number takes but a missing value, in the order
	// of their codes; nil where it takes any, or where they are not known.
	Categories []string
	// Number gives the code of a category that is a number; nil where numbers
	// are compared as they are. It is not asked about NaN.
	Number func(float64) (code float64, ok bool)
}

// Task says what a model answers.
type Task uint8

// The tasks.
const (
	Regression Task = iota
	Binary          // one target is the second class's
	Multiclass      // one target a class, the largest answer wins
	Multilabel      // one target a label, each 0 or 1
)

// A Spec describes a model.
type Spec struct {
	Format string
	// Features is the number of columns of a row; 0 stands for len(Columns).
	Features int
	// Columns are the features, or none where nothing is known of them but their
	// number: then they are numbers without names, and Number is that of all.
	Columns []Column
	Number  func(float64) (code float64, ok bool)
	Type    tensor.Type // Float32 or Float64, in which values meet thresholds
	Targets int
	// Trees and Linear add up to the sums; either may be nil.
	Trees  *tree.Ensemble
	Linear *Linear

	Factor float64   // by which sums are multiplied; 0 stands for 1
	Base   []float64 // what is then added to each target; empty for zeros
	Link   Link
	Task   Task
	// Decide says what a binary or a multilabel label looks at: the answer, or
	// the sum before the link. It is 1 where that is more than Cut.
	Decide  Decide
	Cut     float64
	Classes Classes // empty for regression and multilabel
	Out     tensor.Type
}

// Decide is what a label is decided by.
type Decide uint8

// What a label is decided by.
const (
	ByAnswer Decide = iota
	BySum
)

// Linear is a linear model: target t of a row is the sum over columns c of
// Weights[c*targets+t] * row[c]. NaN adds nothing.
type Linear struct{ Weights []float32 }

// A Plan is a model ready to run. It is immutable and safe for concurrent use.
type Plan struct {
	Inputs  []Port
	Outputs []Port
	Classes Classes
	spec    Spec
	matrix  bool // one input holds all columns
	recodes bool // a column holds categories that are numbers
}

// New checks a description and lays out its inputs and outputs.
func New(s Spec) (*Plan, error) {
	if s.Features == 0 {
		s.Features = len(s.Columns)
	}
	if err := s.check(); err != nil {
		return nil, modelfile.Malformed(s.Format, err)
	}
	if s.Factor == 0 {
		s.Factor = 1
	}
	if s.Link.Slope == 0 {
		s.Link.Slope = 1
	}
	p := &Plan{spec: s, Classes: s.Classes, matrix: true, recodes: len(s.Columns) == 0 && s.Number != nil}
	names := make([]string, 0, len(s.Columns))
	named := false
	for _, c := range s.Columns {
		p.matrix = p.matrix && c.Text == nil
		p.recodes = p.recodes || c.Number != nil
		named = named || c.Name != ""
		names = append(names, c.Name)
	}
	if !named {
		names = nil
	}
	if p.matrix {
		p.Inputs = []Port{{Name: "X", Type: s.Type, Shape: []int{-1, s.Features}, Columns: names, Categories: bound(s.Columns)}}
	} else if err := p.nameInputs(); err != nil {
		return nil, err
	}
	p.layOutputs()
	return p, nil
}

// SetThreads bounds the goroutines that one Run of a large batch uses; 0 stands
// for as many as there are processors.
func (p *Plan) SetThreads(n int) {
	if p.spec.Trees != nil {
		p.spec.Trees.SetThreads(n)
	}
}

func (s *Spec) check() error {
	switch {
	case s.Features < 1:
		return fmt.Errorf("a model without features")
	case s.Features > modelfile.MaxColumns:
		return modelfile.Exceeds("%d features, %d are allowed", s.Features, modelfile.MaxColumns)
	case len(s.Columns) != 0 && len(s.Columns) != s.Features:
		return fmt.Errorf("%d columns for %d features", len(s.Columns), s.Features)
	case s.Targets < 1:
		return fmt.Errorf("a model of %d targets", s.Targets)
	case s.Targets > modelfile.MaxTargets:
		return modelfile.Exceeds("%d targets, %d are allowed", s.Targets, modelfile.MaxTargets)
	case s.Trees != nil && (s.Trees.Targets() != s.Targets || s.Trees.Features() != s.Features):
		return fmt.Errorf("trees of %d features and %d targets in a model of %d and %d",
			s.Trees.Features(), s.Trees.Targets(), s.Features, s.Targets)
	case s.Linear != nil && len(s.Linear.Weights) != s.Features*s.Targets:
		return fmt.Errorf("%d weights for %d features and %d targets", len(s.Linear.Weights), s.Features, s.Targets)
	case len(s.Base) != 0 && len(s.Base) != s.Targets:
		return fmt.Errorf("%d base values for %d targets", len(s.Base), s.Targets)
	case s.Task == Binary && (s.Targets != 1 || s.Classes.Len() != 2):
		return fmt.Errorf("two classes, %d names and %d targets", s.Classes.Len(), s.Targets)
	case s.Task == Multiclass && s.Classes.Len() != s.Targets:
		return fmt.Errorf("%d class names for %d classes", s.Classes.Len(), s.Targets)
	case s.Link.Kind == NormalScale && s.Targets != 2:
		return fmt.Errorf("a mean and a deviation in %d targets", s.Targets)
	}
	return nil
}

// bound are the categories of columns, nil where there are none.
func bound(columns []Column) [][]string {
	all, some := make([][]string, len(columns)), false
	for i, c := range columns {
		all[i], some = c.Categories, some || c.Categories != nil
	}
	if !some {
		return nil
	}
	return all
}

// missing reports whether the empty text is a missing value of a column.
func missing(c Column) bool {
	if c.Text == nil {
		return false
	}
	code, ok := c.Text("")
	return ok && code != code
}

// nameInputs makes an input of every column.
func (p *Plan) nameInputs() error {
	if n := p.spec.Features; n > modelfile.MaxInputs {
		return modelfile.Malformed(p.spec.Format, modelfile.Exceeds("%d columns, some of them of text, %d are allowed", n, modelfile.MaxInputs))
	}
	seen := map[string]bool{}
	for i, c := range p.spec.Columns {
		name := c.Name
		if name == "" {
			name = fmt.Sprintf("f%d", i)
		}
		if seen[name] {
			return &modelfile.UnsupportedError{Format: p.spec.Format, Reason: fmt.Sprintf("two features are named %q, and a model with text columns needs one input for each", name)}
		}
		seen[name] = true
		typ := p.spec.Type
		if c.Text != nil {
			typ = tensor.String
		}
		p.Inputs = append(p.Inputs, Port{Name: name, Type: typ, Shape: []int{-1, 1}, Categories: bound([]Column{c}), Missing: missing(c)})
	}
	return nil
}

func (p *Plan) layOutputs() {
	s := &p.spec
	if s.Task == Regression {
		shape := []int{-1}
		if s.Targets > 1 {
			shape = append(shape, s.Targets)
		}
		p.Outputs = []Port{{Name: "prediction", Type: s.Out, Shape: shape, Role: RolePrediction}}
		return
	}
	label := Port{Name: "label", Type: tensor.Int64, Shape: []int{-1}, Role: RoleLabel}
	share := Port{Name: "probabilities", Type: s.Out, Shape: []int{-1, max(s.Classes.Len(), s.Targets)}, Role: RoleProbabilities}
	if s.Task == Binary && s.Link.Kind == Identity {
		share.Role = RoleScores // 1-s and s of a sum that is no probability
	}
	if s.Classes.Strings != nil {
		label.Type = tensor.String
	}
	if s.Task == Multilabel {
		// One label a row and probabilities that exclude each other are what
		// the two roles promise; several labels are neither.
		label.Shape, label.Role, share.Role = share.Shape, RoleOther, RoleOther
	}
	p.Outputs = []Port{label, share}
}

// Room is how many more nodes to make room for: as many as the bytes that are
// left hold if they hold as many a byte as the first tree did. A file's own
// counts are not trusted for that; no format needs fewer than 8 bytes a node.
func Room(nodes, bytes, left int) int {
	return min(int(float64(nodes)/float64(max(bytes, 1))*float64(left)), left/8)
}
