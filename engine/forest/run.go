package forest

import (
	"fmt"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
	"online-inference/engine/tree"
)

// A Run is the memory of one execution at a time.
type Run struct {
	plan    *Plan
	in, out []tensor.Tensor
	rows32  []float32 // rows gathered from columns, or with codes for categories
	rows64  []float64
	sums    []float64
}

// NewRun makes the memory of a run.
func (p *Plan) NewRun() *Run {
	return &Run{plan: p, in: make([]tensor.Tensor, len(p.Inputs)), out: make([]tensor.Tensor, len(p.Outputs))}
}

// Input is input i, to be filled before Execute.
func (r *Run) Input(i int) *tensor.Tensor { return &r.in[i] }

// Output is output i, valid after Execute.
func (r *Run) Output(i int) *tensor.Tensor { return &r.out[i] }

// Execute scores the rows of the inputs. Its error is a *modelfile.ValueError.
func (r *Run) Execute() error {
	s := &r.plan.spec
	rows := r.in[0].Rows()
	r.sums = sized(r.sums, rows*s.Targets)
	var err error
	if s.Type == tensor.Float32 {
		r.rows32, err = score(r, rows, r.rows32, f32)
	} else {
		r.rows64, err = score(r, rows, r.rows64, f64)
	}
	if err != nil {
		return err
	}
	r.answer(rows)
	return nil
}

func f32(t *tensor.Tensor) []float32 { return t.F32 }
func f64(t *tensor.Tensor) []float64 { return t.F64 }

// score fills the sums. gathered is memory for rows that have to be put
// together, and is given back for the next time.
func score[T tree.Value](r *Run, rows int, gathered []T, data func(*tensor.Tensor) []T) ([]T, error) {
	s := &r.plan.spec
	n := s.Features
	x := data(&r.in[0])
	if !r.plan.matrix || r.plan.recodes {
		gathered = sized(gathered, rows*n)
		for c := range n {
			if err := gather(r, c, rows, gathered, data); err != nil {
				return gathered, err
			}
		}
		x = gathered
	}
	if s.Trees != nil {
		tree.Score(s.Trees, x[:rows*n], r.sums)
	} else {
		clear(r.sums)
	}
	if s.Linear != nil {
		for i := range rows {
			linear(s.Linear.Weights, x[i*n:(i+1)*n], r.sums[i*s.Targets:(i+1)*s.Targets])
		}
	}
	return gathered, nil
}

// gather writes column c of each row into x.
func gather[T tree.Value](r *Run, c, rows int, x []T, data func(*tensor.Tensor) []T) error {
	n := r.plan.spec.Features
	column := Column{Number: r.plan.spec.Number}
	if len(r.plan.spec.Columns) > 0 {
		column = r.plan.spec.Columns[c]
	}
	if column.Text != nil {
		for i, text := range r.in[c].Str[:rows] {
			code, ok := column.Text(text)
			if !ok {
				return &modelfile.ValueError{Row: i, Reason: fmt.Sprintf("%q is no category of column %q", text, r.plan.Inputs[c].Name)}
			}
			x[i*n+c] = T(code)
		}
		return nil
	}
	from, at, stride := data(&r.in[0]), c, n
	if !r.plan.matrix {
		from, at, stride = data(&r.in[c]), 0, 1
	}
	for i := range rows {
		v := from[at+i*stride]
		if column.Number != nil && v == v {
			code, ok := column.Number(float64(v))
			if !ok {
				return &modelfile.ValueError{Row: i, Reason: fmt.Sprintf("%v is no category of column %d", v, c)}
			}
			v = T(code)
		}
		x[i*n+c] = v
	}
	return nil
}

func linear[T tree.Value](weights []float32, row []T, sums []float64) {
	for c, v := range row {
		if v != v {
			continue
		}
		for t := range sums {
			sums[t] += float64(v) * float64(weights[c*len(sums)+t])
		}
	}
}

// answer turns sums into outputs.
func (r *Run) answer(rows int) {
	s := &r.plan.spec
	for i := range r.out {
		var shape [2]int
		rank := copy(shape[:], r.plan.Outputs[i].Shape)
		shape[0] = rows
		r.out[i].Resize(r.plan.Outputs[i].Type, shape[:rank]...)
	}
	last := &r.out[len(r.out)-1]
	label := &r.out[0]
	for i := range rows {
		sums := r.sums[i*s.Targets : (i+1)*s.Targets]
		for t := range sums {
			sums[t] *= s.Factor
			if len(s.Base) > 0 {
				sums[t] += s.Base[t]
			}
		}
		if s.Decide == BySum {
			s.label(label, i, sums)
		}
		s.Link.apply(sums)
		if s.Out == tensor.Float32 {
			for t, v := range sums {
				sums[t] = float64(float32(v))
			}
		}
		if s.Decide == ByAnswer {
			s.label(label, i, sums)
		}
		if s.Task == Binary {
			put(last, 2*i, 1-sums[0])
			put(last, 2*i+1, sums[0])
			continue
		}
		for t, v := range sums {
			put(last, i*s.Targets+t, v)
		}
	}
}

func put(t *tensor.Tensor, at int, v float64) {
	if t.Type == tensor.Float32 {
		t.F32[at] = float32(v)
	} else {
		t.F64[at] = v
	}
}

// label writes the label of row i by its sums or answers.
func (s *Spec) label(t *tensor.Tensor, i int, values []float64) {
	best := 0
	switch s.Task {
	case Regression:
		return
	case Multilabel:
		for k, v := range values {
			t.I64[i*len(values)+k] = 0
			if v > s.Cut {
				t.I64[i*len(values)+k] = 1
			}
		}
		return
	case Binary:
		if values[0] > s.Cut {
			best = 1
		}
	default:
		for k, v := range values {
			if v != v { // numpy's argmax: the first NaN is the largest
				best = k
				break
			}
			if v > values[best] {
				best = k
			}
		}
	}
	if s.Classes.Strings != nil {
		t.Str[i] = s.Classes.Strings[best]
	} else {
		t.I64[i] = s.Classes.Ints[best]
	}
}

func sized[E any](s []E, n int) []E {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]E, n)
}
