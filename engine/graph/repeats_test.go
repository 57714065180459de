package graph

import (
	"errors"
	"math/rand/v2"
	"testing"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// fill sizes and fills the inputs of runs alike.
func fill(t *testing.T, seed uint64, rows int, runs ...*Run) {
	t.Helper()
	for _, r := range runs {
		for i, in := range r.plan.Inputs {
			shape, err := in.sized(rows)
			if err != nil {
				t.Fatal(err)
			}
			r.Input(i).Resize(in.Type, shape...)
			fillEdges(rand.New(rand.NewPCG(seed, 9)), r.Input(i))
		}
	}
}

// TestRepeats shows that a run whose steady prices were told by the run before
// reads the same on its meter as one that tells all of them, whatever the
// batches in between were: on the golden files, on a Scan, and on a result whose
// size follows the values.
func TestRepeats(t *testing.T) {
	repeated := 0
	stepwise := func(t *testing.T, m *onnx.Model) {
		c := newCompiler(m)
		if err := c.compile(); err != nil {
			t.Fatal(err)
		}
		p := c.plan
		kept := p.NewRun()
		for n, rows := range []int{1, 1, 3, 1, 1, 0, 0, 4, 4, 4} {
			fresh := p.NewRun()
			fill(t, uint64(n), rows, kept, fresh)
			have, want := kept.Execute(), fresh.Execute()
			if (have == nil) != (want == nil) {
				t.Fatalf("run %d, %d rows: error %v, that of a new run %v", n, rows, have, want)
			}
			if want == nil && kept.meter.used != fresh.meter.used {
				t.Errorf("run %d, %d rows: cost %v, that of a new run %v", n, rows, kept.meter.used, fresh.meter.used)
			}
			if kept.repeats {
				repeated++
			}
		}
	}
	golden(t, stepwise)
	t.Run("Scan", func(t *testing.T) {
		m := runningSums()
		m.Graph.Outputs = m.Graph.Outputs[:1] // the other one counts no rows
		stepwise(t, m)
	})
	t.Run("NonZero", func(t *testing.T) {
		stepwise(t, hostile(op("NonZero", "X", "nz"), op("Cast", "nz", "f", intAttr("to", 1)), op("Abs", "f", "a"),
			op("ReduceSum", "a", "t", intAttr("keepdims", 0)), op("Add", "X t", "Y")))
	})
	if repeated < 100 {
		t.Errorf("%d runs took over the prices of the run before", repeated)
	}
}

// TestRepeatsStopped shows that prices of a run that was stopped count for
// nothing: the steps behind the stop have those of another batch.
func TestRepeatsStopped(t *testing.T) {
	m := hostile(op("Cast", "X", "i", intAttr("to", 7)),
		onnx.Node{Name: "code", Domain: ml, Op: "OneHotEncoder", Inputs: []string{"i"}, Outputs: []string{"code"}, Attrs: []onnx.Attr{intsAttr("cats_int64s", 0, 1), intAttr("zeros", 0)}},
		op("Flatten", "code", "Y"))
	p, err := Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRun()
	run := func(values ...float32) error {
		*r.Input(0) = *floats([]int{len(values), 1}, values...)
		return r.Execute()
	}
	one := errors.Join(run(0), run(1))
	refused := (*modelfile.ValueError)(nil)
	if err := run(0, 1, 7); one != nil || !errors.As(err, &refused) {
		t.Fatalf("errors %v and %v, want none and that of a refused value", one, err)
	}
	if err := run(0, 1, 1); err != nil || r.repeats {
		t.Errorf("error %v, prices of the stopped run taken over: %v", err, r.repeats)
	}
	have := r.meter.used
	if r = p.NewRun(); run(0, 1, 1) != nil || have != r.meter.used {
		t.Errorf("cost %v, that of a new run %v", have, r.meter.used)
	}
	r.Input(0).Resize(tensor.Float32, 0, 1)
	if err := r.Execute(); err != nil {
		t.Error(err)
	}
}
