// Package onnx reads ONNX files: the wire form of the few protocol-buffer
// messages that a model needs, checked while it is read and with every length
// bounded by the file's own size. Field numbers and meanings are those of
// onnx.proto (github.com/onnx/onnx, IR version 3 to 13).
package onnx

import (
	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// A Model is what a file says, before it is compiled.
type Model struct {
	IRVersion       int64
	Producer        string
	ProducerVersion string
	// Opsets maps a domain to its operator-set version. The default domain is
	// the empty string however the file writes it; files that list it twice
	// keep the higher version, as ONNX Runtime does.
	Opsets   map[string]int64
	Graph    *Graph
	Metadata map[string]string
	// Functions are the operators, by domain and name, that the file defines
	// itself. Their bodies are not read.
	Functions map[[2]string]bool
}

// A Graph is a list of nodes in topological order, with its inputs and outputs.
type Graph struct {
	Name         string
	Nodes        []Node
	Inputs       []Value
	Outputs      []Value
	Initializers []NamedTensor
}

// A NamedTensor is a constant of a graph.
type NamedTensor struct {
	Name string
	*tensor.Tensor
}

// A Value is a declared input or output.
type Value struct {
	Name string
	Kind Kind
	Elem tensor.Type // of a tensor; Invalid where the file names a type that the engine lacks
	// ElemCode is the type's number in the file, for messages.
	ElemCode int64
	Shape    []int // -1 for a free dimension
	HasShape bool
}

// Kind tells tensors from the containers that classifiers give.
type Kind uint8

// The kinds of values.
const (
	KindUnknown Kind = iota
	KindTensor
	KindSequence // of maps: what ZipMap gives
	KindOther
)

// A Node is one operator.
type Node struct {
	Name    string
	Op      string
	Domain  string // "" for the default domain
	Inputs  []string
	Outputs []string
	Attrs   []Attr
}

// AttrKind is the type of an attribute's value.
type AttrKind int64

// The attribute types, numbered as in the file.
const (
	AttrFloat   AttrKind = 1
	AttrInt     AttrKind = 2
	AttrString  AttrKind = 3
	AttrTensor  AttrKind = 4
	AttrGraph   AttrKind = 5
	AttrFloats  AttrKind = 6
	AttrInts    AttrKind = 7
	AttrStrings AttrKind = 8
)

// An Attr is a named parameter of a node; the field of its Kind is set. Its lists
// refer to the file's bytes, which must not change while they are read.
type Attr struct {
	Name    string
	Kind    AttrKind
	Float   float32
	Int     int64
	String  string
	Tensor  *tensor.Tensor
	Graph   *Graph
	Floats  Floats
	Ints    Ints
	Strings Strings
}

// Sniff reports whether data starts like an ONNX file: field 1 of ModelProto,
// the IR version, as a small number, followed by another field of the message.
func Sniff(data []byte) bool {
	if len(data) < 4 || data[0] != 1<<3|wireVarint || data[1] == 0 || data[1] > 64 {
		return false
	}
	r := &reader{data: data, at: 2}
	key := r.varint()
	field, wire := key>>3, key&7
	return r.err == nil && field >= 2 && field <= 25 && (wire == wireVarint || wire == wireBytes)
}

// Parse reads a file. The error is a *modelfile.FormatError or, for sound files
// that use what the engine lacks, a *modelfile.UnsupportedError.
func Parse(data []byte) (*Model, error) {
	m := &Model{Opsets: map[string]int64{}, Metadata: map[string]string{}, Functions: map[[2]string]bool{}}
	p := parser{}
	r := &reader{data: data}
	for r.next() {
		switch r.field {
		case 1:
			m.IRVersion = r.int()
		case 2:
			m.Producer = r.string()
		case 3:
			m.ProducerVersion = r.string()
		case 7:
			g := r.message()
			m.Graph = p.graph(g)
			r.close(g)
		case 8:
			s := r.message()
			domain, version := opset(s)
			r.close(s)
			m.Opsets[domain] = max(m.Opsets[domain], version)
		case 14:
			s := r.message()
			k, v := entry(s)
			r.close(s)
			m.Metadata[k] = v
		case 25:
			f := r.message()
			domain, name := function(f)
			r.close(f)
			m.Functions[[2]string{domain, name}] = true
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if m.Graph == nil {
		return nil, &modelfile.FormatError{Format: "onnx", Offset: -1, Reason: "it holds no graph"}
	}
	if p.wants(m.Graph); p.unsupported != "" {
		return nil, &modelfile.UnsupportedError{Format: "onnx", Reason: p.unsupported}
	}
	return m, nil
}

func opset(r *reader) (domain string, version int64) {
	for r.next() {
		switch r.field {
		case 1:
			domain = canonical(r.string())
		case 2:
			version = r.int()
		}
	}
	return domain, version
}

func function(r *reader) (domain, name string) {
	for r.next() {
		switch r.field {
		case 1:
			name = r.string()
		case 10:
			domain = canonical(r.string())
		}
	}
	return domain, name
}

// canonical folds the two spellings of the default domain.
func canonical(domain string) string {
	if domain == "ai.onnx" {
		return ""
	}
	return domain
}

func entry(r *reader) (key, value string) {
	for r.next() {
		switch r.field {
		case 1:
			key = r.string()
		case 2:
			value = r.string()
		}
	}
	return key, value
}
