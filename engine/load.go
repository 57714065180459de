package engine

import (
	"bytes"

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

func load(data []byte) (*Model, error) {
	if onnx.Sniff(data) {
		return loadONNX(data)
	}
	if format, parse := native(data); parse != nil {
		p, err := parse(data)
		if err != nil {
			return nil, err
		}
		return loadForest(format, p), nil
	}
	return nil, &FormatError{Format: "model", Offset: 0, Reason: "the content is of no format that is known: " +
		"ONNX, XGBoost JSON or UBJ, LightGBM text, CatBoost JSON"}
}

// native tells the frameworks' own formats by their first bytes and by the keys
// at the top of a JSON file. XGBoost's UBJSON opens an object whose first key
// has its length as a 64-bit integer; no JSON object continues with a letter.
func native(data []byte) (format string, parse func([]byte) (*forest.Plan, error)) {
	text := bytes.TrimLeft(data, " \t\r\n")
	switch {
	case bytes.HasPrefix(data, []byte("{L")), bytes.HasPrefix(data, []byte("{i")), bytes.HasPrefix(data, []byte("{#")):
		return "xgboost-ubj", xgboost.ParseUBJ
	case bytes.HasPrefix(text, []byte("{")) && catboost.Sniff(data):
		return "catboost-json", catboost.Parse
	case bytes.HasPrefix(text, []byte("{")):
		return "xgboost-json", xgboost.ParseJSON
	case lightgbm.Sniff(data):
		return "lightgbm-text", lightgbm.Parse
	}
	return "", nil
}

// Sniff tells the format of a model by the first kilobytes of its file; "" is
// none. It is stricter than Load, which takes any JSON object for a model whose
// faults it can name.
func Sniff(data []byte) string {
	if onnx.Sniff(data) {
		return "onnx"
	}
	format, _ := native(data)
	keys := map[string][]string{
		"xgboost-json": {`"learner"`}, "catboost-json": {`"features_info"`, `"model_info"`, `"oblivious_trees"`, `"trees"`},
	}[format]
	for _, key := range keys {
		if bytes.Contains(data, []byte(key)) {
			return format
		}
	}
	if keys != nil {
		return ""
	}
	return format
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
	return Port{Name: p.Name, Type: p.Type, Shape: p.Shape, Role: Role(p.Role), Columns: p.Columns}
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

func (p graphPlan) newRun() run  { return graphRun{p.NewRun()} }
func (p graphPlan) maxRows() int { return p.MaxRows }

type graphRun struct{ *graph.Run }

func (r graphRun) input(i int) *Tensor  { return r.Input(i) }
func (r graphRun) output(i int) *Tensor { return r.Output(i) }
func (r graphRun) execute() error       { return r.Execute() }
