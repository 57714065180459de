package engine

import (
	"online-inference/engine/graph"
	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
)

// A FormatError says that the bytes are not a sound file of their format.
type FormatError = modelfile.FormatError

// An UnsupportedError says that a sound file asks for what the engine does not do.
type UnsupportedError = modelfile.UnsupportedError

// A ValueError says that a model refuses a value of a batch.
type ValueError = modelfile.ValueError

func load(data []byte) (*Model, error) {
	if onnx.Sniff(data) {
		return loadONNX(data)
	}
	return nil, &FormatError{Format: "model", Offset: 0, Reason: "the content is of no format that is known: ONNX"}
}

func loadONNX(data []byte) (*Model, error) {
	file, err := onnx.Parse(data)
	if err != nil {
		return nil, err
	}
	p, err := graph.Compile(file)
	if err != nil {
		return nil, err
	}
	m := &Model{plan: graphPlan{p}}
	m.sig.Format = "onnx"
	m.sig.Classes = Classes(p.Classes)
	for _, in := range p.Inputs {
		m.sig.Inputs = append(m.sig.Inputs, port(in))
	}
	for _, out := range p.Outputs {
		m.sig.Outputs = append(m.sig.Outputs, port(out))
	}
	return m, nil
}

func port(p graph.Port) Port {
	return Port{Name: p.Name, Type: p.Type, Shape: p.Shape, Role: Role(p.Role)}
}

// graphPlan and graphRun fit an ONNX plan to what a Model runs.
type graphPlan struct{ *graph.Plan }

func (p graphPlan) newRun() run { return graphRun{p.NewRun()} }

type graphRun struct{ *graph.Run }

func (r graphRun) input(i int) *Tensor  { return r.Input(i) }
func (r graphRun) output(i int) *Tensor { return r.Output(i) }
func (r graphRun) execute() error       { return r.Execute() }
