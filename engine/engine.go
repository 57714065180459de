// Package engine scores batches of rows with trained tabular models. It reads
// the files that training tools write: ONNX (as scikit-learn's, XGBoost's,
// LightGBM's and CatBoost's converters emit it), XGBoost JSON and UBJ, LightGBM
// text, CatBoost JSON. It needs the standard library alone and no C, and knows
// nothing of HTTP, YAML, clocks or environments.
//
// # Use
//
// [Load] or [LoadFile] turns a file into a [Model]. Its [Signature] says what it
// takes and gives: inputs and outputs with names, element types and shapes, the
// classes of a classifier, the feature names where the file knows them. A
// [Batch], made by [Model.NewBatch], holds the inputs, the memory and the outputs
// of a run:
//
//	b := m.NewBatch()
//	b.Reset(rows)         // sizes the inputs
//	copy(b.Input(0).F32, values) // row-major
//	err := b.Run()
//	scores := b.Output(1) // valid until the next Reset or Run
//
// The module has no address to fetch it from. Another module takes it out of a
// checkout:
//
//	go mod edit -require=online-inference@v0.0.0 -replace=online-inference=../online-inference
//
// Rows are the first dimension of every input and output. An ONNX file has the
// inputs that it declares, often one a column. A native file has one input X of
// all columns; with categories given as text it has one input a column.
//
// # Missing values
//
// NaN is the missing number, and the empty string the missing text. What they
// mean is the model's affair: trees have a side for them, an imputer replaces
// them, a linear model answers NaN. Integers and truth values cannot be missing.
//
// # Concurrency and memory
//
// A Model is immutable and safe for concurrent use. A Batch belongs to one
// goroutine at a time; after its first run it allocates nothing. A row gives the
// same bits alone as in a batch.
//
// # Errors
//
// Everything that a file can get wrong is found by Load, so that what loads can
// be served. Its error is
//   - a [*FormatError] where the bytes are damaged, or where they go beyond a
//     limit, which errors.Is(err, [ErrLimit]) tells;
//   - an [*UnsupportedError] where a sound file asks for what the engine does not
//     do, with the operator and the node.
//
// [Batch.Run] gives a [*ValueError] with the row where a model refuses a value,
// such as a category that its encoder does not know.
//
// Model files are untrusted input: no file makes the package panic or run without
// end. What a file may cost, when it is loaded and in a run, is bounded by the
// constants of package modelfile: an ONNX file of a few bytes may ask for 64 MiB.
// [Model.MaxRows] bounds a batch.
//
// # Exactness
//
// The training framework's own prediction is what an answer is compared with.
// Sums are made in float64 and rounded once to the output's type. ONNX files
// that a converter got wrong are beyond repair: docs/reference/formats.md lists
// the known cases, and recommends the framework's own format where there is one.
package engine

import (
	"errors"
	"fmt"
	"slices"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// A Tensor is a dense row-major array, as package tensor describes it.
type Tensor = tensor.Tensor

// Type is the element type of a Tensor.
type Type = tensor.Type

// The element types of inputs and outputs.
const (
	Float32 = tensor.Float32
	Float64 = tensor.Float64
	Int64   = tensor.Int64
	Int32   = tensor.Int32
	Uint8   = tensor.Uint8
	Bool    = tensor.Bool
	String  = tensor.String
)

// Role says what an output means.
type Role uint8

// The roles of outputs.
const (
	RoleOther         Role = iota // a transformed value, several targets' labels, or what the file does not explain
	RoleLabel                     // the class that was chosen, shape [rows]
	RoleProbabilities             // one probability a class, shape [rows, classes]
	RoleScores                    // one unnormalised score a class or a pair of classes
	RolePrediction                // a regressed or ranked value
)

// A Port is a named input or output of a model.
type Port struct {
	Name string
	Type Type
	// Shape has -1 where the size is free; its first dimension counts rows.
	Shape []int
	// Role says what an output means; RoleOther for inputs.
	Role Role
	// Columns names the features of an input of more than one column, where
	// the file knows them; otherwise it is empty.
	Columns []string
	// Categories are, for each column of an input, the only values that the model
	// takes beside a missing one, as text; nil for a column that takes anything, or
	// whose values the file does not tell, and where no column is bound.
	Categories [][]string
	// Missing says that an input of text takes the empty one for a missing value.
	// Of others nothing is known: there the empty text may be one like any other.
	Missing bool
}

// Width is the number of elements in a row, or -1 where the file leaves it open.
func (p Port) Width() int {
	n := 1
	for i, d := range p.Shape {
		if i == 0 {
			continue
		}
		if d < 0 {
			return -1
		}
		n *= d
	}
	return n
}

// Classes are the labels of a classifier in the order of its probabilities:
// either Ints or Strings is set, by the type of the label output.
type Classes struct {
	Ints    []int64
	Strings []string
}

// Len is the number of classes, 0 for a model that is no classifier.
func (c Classes) Len() int { return max(len(c.Ints), len(c.Strings)) }

// A Signature tells what a model takes and gives.
type Signature struct {
	Format  string // "onnx", "xgboost-json", "xgboost-ubj", "lightgbm-text" or "catboost-json"
	Inputs  []Port
	Outputs []Port
	Classes Classes
}

// A Model is a loaded model.
type Model struct {
	sig  Signature
	plan plan
}

// plan is what a format compiles to.
type plan interface {
	newRun() run
	maxRows() int
	SetThreads(n int)
}

// run is the memory of one execution of a plan.
type run interface {
	input(i int) *Tensor
	output(i int) *Tensor
	execute() error
}

// Load reads a model from the bytes of its file, whose format it tells by
// content. It keeps no reference to data. The error is a [*FormatError] where the
// bytes are damaged or beyond a limit, and an [*UnsupportedError] where they are
// sound but ask for what this package does not do.
func Load(data []byte) (*Model, error) { return load(data) }

// Signature tells what the model takes and gives. The caller must not change it.
func (m *Model) Signature() *Signature { return &m.sig }

// MaxRows is the largest batch that the model takes: its values, intermediate
// ones included, grow with the rows and are bounded (modelfile.MaxRun elements).
func (m *Model) MaxRows() int { return m.plan.maxRows() }

// SetThreads bounds the goroutines that one Run uses for a batch of some
// thousand rows, the caller's own included. The default, 0, is as many as
// GOMAXPROCS says, and all Runs of a model at once have no more than that beside
// their own; 1 keeps every Run on the goroutine that called it. The answers are
// the same to the last bit. It may be called at any time.
func (m *Model) SetThreads(n int) { m.plan.SetThreads(n) }

// NewBatch makes the memory of a run, whose inputs have no size before Reset.
func (m *Model) NewBatch() *Batch { return &Batch{model: m, run: m.plan.newRun(), err: errUnsized} }

// A Batch holds the inputs, the scratch memory and the outputs of a run.
type Batch struct {
	model *Model
	run   run
	rows  int
	err   error // why the last Reset was refused
}

// errUnsized is what Run says of a batch whose inputs have no size.
var errUnsized = errors.New("cannot score a batch before Reset")

// Reset sizes the inputs for a number of rows, 0 included. Their old values are
// lost; the caller then fills every input completely. A number below 0 or above
// MaxRows allocates nothing: the inputs then have no rows, and Run gives the
// error. Who takes numbers of rows from others compares them with MaxRows first.
func (b *Batch) Reset(rows int) {
	b.rows, b.err = rows, nil
	switch most := b.model.MaxRows(); {
	case rows < 0:
		b.err = fmt.Errorf("cannot score %d rows", rows)
	case rows > most:
		b.err = fmt.Errorf("cannot score %d rows: this model takes %d at most", rows, most)
	}
	if b.err != nil {
		b.rows = 0
	}
	for i, p := range b.model.sig.Inputs {
		var shape [modelfile.MaxRank]int
		rank := copy(shape[:], p.Shape)
		shape[0] = b.rows
		b.run.input(i).Resize(p.Type, shape[:rank]...)
	}
}

// Rows is the number of rows of the last Reset, 0 where it was refused.
func (b *Batch) Rows() int { return b.rows }

// Input is the tensor of input i in the order of the signature, row-major, to
// be filled after Reset: its elements may be changed, its type, shape and length
// may not.
func (b *Batch) Input(i int) *Tensor { return b.run.input(i) }

// Output is the tensor of output i in the order of the signature. It is valid
// until the next Run or Reset of this batch, and the caller must not change it.
func (b *Batch) Output(i int) *Tensor { return b.run.output(i) }

// Run scores the batch. A *ValueError speaks of a value that was given (for
// example a category that the model refuses); what a file asks for was checked
// at load. Any other error means that the last Reset was refused or that there
// was none, that an input is no longer as Reset made it, that the file gives
// outputs of other shapes than it did when it was loaded, or, where errors.Is finds
// [ErrLimit], that it asks for far more than the rows tried at load foretold.
func (b *Batch) Run() error {
	if b.err != nil {
		return b.err
	}
	for i := range b.model.sig.Inputs {
		if err := b.check(i); err != nil {
			return err
		}
	}
	if err := b.run.execute(); err != nil {
		return err
	}
	for i, p := range b.model.sig.Outputs {
		if t := b.run.output(i); t.Type != p.Type || t.Rows() != b.rows || t.Width() != p.Width() {
			return fmt.Errorf("output %q has shape %v for %d rows, the signature says %v", p.Name, slices.Clone(t.Shape), b.rows, p.Shape)
		}
	}
	return nil
}

// check finds an input that is not as Reset made it: a slice that was shortened
// leaves no room for all rows, and one that was made longer means another number
// of rows than the batch has.
func (b *Batch) check(i int) error {
	p, t := &b.model.sig.Inputs[i], b.run.input(i)
	same := t.Type == p.Type && len(t.Shape) == len(p.Shape)
	want := 1
	for k := range p.Shape {
		d := p.Shape[k]
		if k == 0 {
			d = b.rows
		}
		want *= d
		same = same && t.Shape[k] == d
	}
	if !same {
		return fmt.Errorf("input %q is of type %v and shape %v, expected %v and %v for %d rows, as Reset made it",
			p.Name, t.Type, slices.Clone(t.Shape), p.Type, p.Shape, b.rows)
	}
	if got := elements(t); got != want {
		return fmt.Errorf("input %q has %d elements, expected %d for %d rows, as Reset made it", p.Name, got, want, b.rows)
	}
	return nil
}

// elements is the length of the slice that a tensor's type uses.
func elements(t *Tensor) int {
	switch t.Type {
	case Float32:
		return len(t.F32)
	case Float64:
		return len(t.F64)
	case Int64:
		return len(t.I64)
	case Int32:
		return len(t.I32)
	case Uint8:
		return len(t.U8)
	case Bool:
		return len(t.Bool)
	}
	return len(t.Str)
}
