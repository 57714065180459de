// Package graph compiles an ONNX graph into a plan and runs it. Everything a
// file can get wrong is found while compiling: unknown operators, attributes,
// element types, and shapes that do not fit; a running plan can only refuse
// values, or stop where a file made for it would cost far more than the rows
// tried at load (modelfile.ErrLimit). Each operator is charged by the shapes of
// its inputs before it runs: see meter and price.
package graph

import (
	"errors"
	"fmt"
	"slices"

	"online-inference/engine/tensor"
	"online-inference/engine/tree"
)

// Role says what an output means.
type Role uint8

// The roles of outputs.
const (
	RoleOther Role = iota
	RoleLabel
	RoleProbabilities
	RoleScores
	RolePrediction
)

// Classes are the labels of a classifier in the order of its probabilities.
type Classes struct {
	Ints    []int64
	Strings []string
}

// Len is the number of classes.
func (c *Classes) Len() int { return max(len(c.Ints), len(c.Strings)) }

// A Port is an input or an output of a plan.
type Port struct {
	Name  string
	Type  tensor.Type
	Shape []int // -1 for a free dimension; the first counts rows
	Role  Role
	slot  int
}

// A Plan is a compiled graph. It is immutable and safe for concurrent use.
type Plan struct {
	Inputs  []Port
	Outputs []Port
	Classes Classes
	// MaxRows is the largest batch whose values stay within modelfile.MaxRun.
	MaxRows int

	trees  []*tree.Ensemble
	consts []*tensor.Tensor // by slot; nil where a step or the caller fills it
	steps  []step
	tariff tariff
}

// SetThreads bounds the goroutines that one Run of a large batch uses; 0 stands
// for as many as there are processors.
func (p *Plan) SetThreads(n int) {
	for _, e := range p.trees {
		e.SetThreads(n)
	}
}

// kernel computes the outputs of one node. Outputs beyond the node's own are
// its scratch memory. A kernel that refuses a value (modelfile.ValueError) has
// given its outputs their shapes before.
type kernel func(in, out []*tensor.Tensor) error

type step struct {
	label   string // operator and node, for messages
	run     kernel
	fresh   func(*meter) kernel // makes the kernel for one run, where run is nil
	price   pricing             // nil of a fused step, which costs no more than a row's inputs
	steady  bool                // the price follows the shapes of the plan's inputs alone
	in, out []int               // slots
	parts   []step              // of a fused step: what it stands for
}

func (s *step) kernel(m *meter) kernel {
	if s.fresh != nil {
		return s.fresh(m)
	}
	return s.run
}

// A Run is the memory of one execution. It belongs to one goroutine at a time.
type Run struct {
	plan   *Plan
	values []tensor.Tensor
	args   []args // by step
	meter  *meter

	priced  bool    // some step has a price
	shapes  [][]int // of the inputs of the last Execute
	whole   bool    // it went through all steps
	repeats bool    // this one has the same shapes, so that steady prices stand
	steady  cost    // what the steady steps cost together
}

type args struct {
	run     kernel
	price   pricing
	in, out []*tensor.Tensor
	parts   []args
	steady  bool // nothing is left to be charged where a run repeats the one before
}

// NewRun makes the memory of an execution. Arrays grow to what the batches
// need and are kept.
func (p *Plan) NewRun() *Run { return p.newRun(&meter{}) }

func (p *Plan) newRun(m *meter) *Run {
	r := &Run{plan: p, meter: m, values: make([]tensor.Tensor, len(p.consts)), args: make([]args, len(p.steps)), shapes: make([][]int, len(p.Inputs))}
	at := func(slot int) *tensor.Tensor {
		if c := p.consts[slot]; c != nil {
			return c
		}
		return &r.values[slot]
	}
	refs := count(p.steps)
	all := make([]*tensor.Tensor, 0, refs)
	collect := func(slots []int) []*tensor.Tensor {
		start := len(all)
		for _, slot := range slots {
			all = append(all, at(slot))
		}
		return all[start:len(all):len(all)]
	}
	for i, s := range p.steps {
		r.args[i] = args{run: s.kernel(m), price: s.price, in: collect(s.in), out: collect(s.out), steady: s.steady}
		r.priced = r.priced || s.price != nil
		for _, s := range s.parts { // which seldom run: their prices are told each time
			r.args[i].parts = append(r.args[i].parts, args{run: s.kernel(m), price: s.price, in: collect(s.in), out: collect(s.out)})
		}
	}
	return r
}

// count is the number of tensors that steps read and give.
func count(steps []step) (n int) {
	for _, s := range steps {
		n += len(s.in) + len(s.out) + count(s.parts)
	}
	return n
}

// Input is the tensor of input i, which the caller sizes and fills.
func (r *Run) Input(i int) *tensor.Tensor { return &r.values[r.plan.Inputs[i].slot] }

// Output is the tensor of output i after Execute.
func (r *Run) Output(i int) *tensor.Tensor {
	slot := r.plan.Outputs[i].slot
	if c := r.plan.consts[slot]; c != nil {
		return c
	}
	return &r.values[slot]
}

// Execute runs the steps in order. An error that errors.Is finds to be
// modelfile.ErrLimit says that they cost far more than the rows tried at load.
func (r *Run) Execute() error {
	rows := 0
	if len(r.plan.Inputs) > 0 { // all count the same rows
		rows = r.Input(0).Rows()
	}
	r.meter.used, r.meter.most = cost{}, r.plan.tariff.most(rows)
	if r.priced {
		if err := r.begin(r.again() && r.whole); err != nil {
			return err
		}
		r.whole = false
	}
	for i := range r.args {
		if err := r.step(i); err != nil {
			return err
		}
	}
	r.whole = true
	return nil
}

// begin charges what the steady steps cost where they repeat the run before, and
// else makes ready to tell it. For one row, telling prices takes as long as the
// steps; what the meter reads in the end is the same.
func (r *Run) begin(repeats bool) error {
	if r.repeats = repeats; repeats {
		return r.meter.add(r.steady)
	}
	r.steady = cost{}
	return nil
}

// again reports whether the inputs have the shapes that they had when it was
// asked last.
func (r *Run) again() bool {
	same := true
	for i := range r.shapes {
		if now := r.Input(i).Shape; !slices.Equal(r.shapes[i], now) {
			r.shapes[i], same = append(r.shapes[i][:0], now...), false
		}
	}
	return same
}

func (r *Run) step(i int) error {
	a := &r.args[i]
	err := r.pay(a)
	if err == nil {
		err = a.run(a.in, a.out)
	}
	if a.parts != nil && errors.Is(err, errApart) {
		return r.apart(i)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.plan.steps[i].label, err)
	}
	return nil
}

// pay charges what a step will cost.
func (r *Run) pay(a *args) error {
	if a.price == nil || a.steady && r.repeats {
		return nil
	}
	c := a.price(a.in)
	c = cost{min(c.made, endless), min(c.work, endless) + stepWork}
	if a.steady {
		r.steady.made += c.made
		r.steady.work += c.work
	}
	return r.meter.add(c)
}

// apart runs what a fused step stands for.
func (r *Run) apart(i int) error {
	for k := range r.args[i].parts {
		a := &r.args[i].parts[k]
		err := r.pay(a)
		if err == nil {
			err = a.run(a.in, a.out)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.plan.steps[i].parts[k].label, err)
		}
	}
	return nil
}
