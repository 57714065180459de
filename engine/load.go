package engine

import (
	"bytes"
	"slices"

	"online-inference/engine/catboost"
	"online-inference/engine/forest"
	"online-inference/engine/graph"
	"online-inference/engine/lightgbm"
	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
	"online-inference/engine/xgboost"
)

// A FormatError says that the bytes are not a sound file of their format, or
// that they go beyond a limit: errors.Is(err, ErrLimit) tells the two apart.
type FormatError = modelfile.FormatError

// ErrLimit is what errors.Is finds in the error of a file that is larger or
// deeper than the engine reads. Package modelfile lists the limits.
var ErrLimit = modelfile.ErrLimit

// An UnsupportedError says that a sound file asks for what the engine does not do.
type UnsupportedError = modelfile.UnsupportedError

// A ValueError says that a model refuses a value of a batch.
type ValueError = modelfile.ValueError

// A format is a kind of model file.
type format struct {
	name  string // in a signature
	title string
	told  string // for people: by what it is told from the others
	// is tells the format by the first kilobytes, and sure whether they are
	// enough to say so of a file that may be anything; nil where is is enough.
	is, sure   func(data []byte) bool
	load       func(format string, data []byte) (*Model, error)
	objectives func() []forest.Objective // nil where the file says what it computes
}

// formats lists what is read, in the order in which it is asked for. XGBoost's
// UBJSON opens an object whose first key has its length as an integer; no JSON
// object continues with a letter. A JSON object of which nothing else is known
// is XGBoost's, so that its faults can be named.
func formats() []format {
	object := func(data []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) }
	ubj := func(data []byte) bool {
		return bytes.HasPrefix(data, []byte("{L")) || bytes.HasPrefix(data, []byte("{i")) || bytes.HasPrefix(data, []byte("{#"))
	}
	return []format{
		{name: "onnx", title: "ONNX", told: "its first bytes", is: onnx.Sniff, load: loadONNX},
		{name: "xgboost-ubj", title: "XGBoost UBJSON", told: "an object with keys of counted length", is: ubj,
			load: forestLoader(xgboost.ParseUBJ), objectives: xgboost.Objectives},
		{name: "catboost-json", title: "CatBoost JSON", told: "a JSON object with `features_info`, `model_info`, `oblivious_trees` or `trees`",
			is:   func(data []byte) bool { return object(data) && catboost.Sniff(data) },
			load: forestLoader(catboost.Parse), objectives: catboost.Objectives},
		{name: "xgboost-json", title: "XGBoost JSON", told: "any other JSON object; one with `learner` where any file may stand", is: object,
			sure: func(data []byte) bool { return bytes.Contains(data, []byte(`"learner"`)) },
			load: forestLoader(xgboost.ParseJSON), objectives: xgboost.Objectives},
		{name: "lightgbm-text", title: "LightGBM text", told: "its first line, `tree`", is: lightgbm.Sniff,
			load: forestLoader(lightgbm.Parse), objectives: lightgbm.Objectives},
	}
}

func formatOf(data []byte) (f format, ok bool) {
	list := formats()
	i := slices.IndexFunc(list, func(f format) bool { return f.is(data) })
	if i < 0 {
		return f, false
	}
	return list[i], true
}

func load(data []byte) (*Model, error) {
	f, ok := formatOf(data)
	if !ok {
		return nil, &FormatError{Format: "model", Offset: 0, Reason: "the content is of no format that is known: " +
			"ONNX, XGBoost JSON or UBJ, LightGBM text, CatBoost JSON"}
	}
	return f.load(f.name, data)
}

// Sniff tells the format of a model by the first kilobytes of its file; "" is
// none. It is stricter than Load, which takes any JSON object for a model whose
// faults it can name.
func Sniff(data []byte) string {
	f, ok := formatOf(data)
	if !ok || f.sure != nil && !f.sure(data) {
		return ""
	}
	return f.name
}

func forestLoader(parse func([]byte) (*forest.Plan, error)) func(string, []byte) (*Model, error) {
	return func(format string, data []byte) (*Model, error) {
		p, err := parse(data)
		if err != nil {
			return nil, err
		}
		return loadForest(format, p), nil
	}
}

func loadForest(format string, p *forest.Plan) *Model {
	m := &Model{plan: forestPlan{p}}
	m.sig.Format = format
	m.sig.Classes = Classes(p.Classes)
	for _, in := range p.Inputs {
		m.sig.Inputs = append(m.sig.Inputs, forestPort(in))
	}
	for _, out := range p.Outputs {
		m.sig.Outputs = append(m.sig.Outputs, forestPort(out))
	}
	return m
}

func forestPort(p forest.Port) Port {
	return Port{Name: p.Name, Type: p.Type, Shape: p.Shape, Role: Role(p.Role), Columns: p.Columns, Categories: p.Categories, Missing: p.Missing}
}

// forestPlan and forestRun fit a native model to what a Model runs.
type forestPlan struct{ *forest.Plan }

func (p forestPlan) newRun() run { return forestRun{p.NewRun()} }

// maxRows counts the inputs' columns, once more where they are gathered, the
// sums and the answers.
func (p forestPlan) maxRows() int {
	elements := 0
	for _, in := range p.Inputs {
		elements += 2 * forestPort(in).Width()
	}
	for _, out := range p.Outputs {
		elements += 2 * forestPort(out).Width()
	}
	return modelfile.MaxRun / max(1, elements)
}

type forestRun struct{ *forest.Run }

func (r forestRun) input(i int) *Tensor  { return r.Input(i) }
func (r forestRun) output(i int) *Tensor { return r.Output(i) }
func (r forestRun) execute() error       { return r.Execute() }

func loadONNX(format string, data []byte) (*Model, error) {
	file, err := onnx.Parse(data)
	if err != nil {
		return nil, err
	}
	p, err := graph.Compile(file)
	if err != nil {
		return nil, err
	}
	m := &Model{plan: graphPlan{p}}
	m.sig.Format = format
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

func (p graphPlan) newRun() run  { return graphRun{p.NewRun()} }
func (p graphPlan) maxRows() int { return p.MaxRows }

type graphRun struct{ *graph.Run }

func (r graphRun) input(i int) *Tensor  { return r.Input(i) }
func (r graphRun) output(i int) *Tensor { return r.Output(i) }
func (r graphRun) execute() error       { return r.Execute() }
