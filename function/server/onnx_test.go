package server

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"online-inference/function/artefact"
)

// A message is one of Protocol Buffers, written field by field: what onnx.proto
// (of the ONNX project, IR version 8) says of a small model.
type message []byte

func (m message) number(field, v uint64) message {
	return binary.AppendUvarint(binary.AppendUvarint(m, field<<3), v)
}

func (m message) bytes(field uint64, b []byte) message {
	m = binary.AppendUvarint(binary.AppendUvarint(m, field<<3|2), uint64(len(b)))
	return append(m, b...)
}

func (m message) text(field uint64, s string) message { return m.bytes(field, []byte(s)) }

// port is a value of an element type with a shape; 0 is an open dimension.
func port(name string, element uint64, shape ...uint64) message {
	var dims message
	for _, d := range shape {
		dim := message{}
		if d > 0 {
			dim = dim.number(1, d)
		}
		dims = dims.bytes(1, dim)
	}
	tensor := message{}.number(1, element).bytes(2, dims)
	return message{}.text(1, name).bytes(2, message{}.bytes(1, tensor))
}

// node is an operator from x to y with an attribute, which is a whole message.
func node(x, y, op, domain string, attribute message) message {
	return message{}.text(1, x).text(2, y).text(4, op).bytes(5, attribute).text(7, domain)
}

// Types of onnx.proto.
const (
	elementFloat, elementInt64, elementString, elementBool = 1, 7, 8, 9

	attributeInt, attributeInts = 2, 7
)

// repositoryOf loads a model of one input, one output and some nodes.
func repositoryOf(t *testing.T, in, out message, nodes ...message) Repository {
	t.Helper()
	return repositoryOfInputs(t, []message{in}, out, nodes...)
}

// repositoryOfInputs is repositoryOf for a model of several inputs.
func repositoryOfInputs(t *testing.T, in []message, out message, nodes ...message) Repository {
	t.Helper()
	var graph message
	for _, n := range nodes {
		graph = graph.bytes(1, n)
	}
	graph = graph.text(2, "g")
	for _, p := range in {
		graph = graph.bytes(11, p)
	}
	graph = graph.bytes(12, out)
	model := message{}.number(1, 8).bytes(7, graph)
	for _, domain := range []string{"", "ai.onnx.ml"} {
		version := map[string]uint64{"": 17, "ai.onnx.ml": 3}[domain]
		model = model.bytes(8, message{}.text(1, domain).number(2, version))
	}
	path := filepath.Join(t.TempDir(), "small.onnx")
	if err := os.WriteFile(path, slices.Clone(model), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := artefact.Load(path, artefact.Labels{})
	if err != nil {
		t.Fatal(err)
	}
	store := &artefact.Store{}
	store.Put(m)
	return store
}

// cast makes floats of whatever comes.
func cast(x, y string) message {
	return node(x, y, "Cast", "", message{}.text(1, "to").number(3, elementFloat).number(20, attributeInt))
}

// oneHot makes a column for each of the first n integers.
func oneHot(x, y string, n uint64) message {
	categories := message{}.text(1, "cats_int64s").number(20, attributeInts)
	for i := range n {
		categories = categories.number(8, i)
	}
	return node(x, y, "OneHotEncoder", "ai.onnx.ml", categories)
}
