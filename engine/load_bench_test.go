package engine_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"online-inference/engine"
)

// message is a protocol-buffer message under construction.
type message struct{ bytes []byte }

func (m *message) key(field, wire int) {
	m.bytes = binary.AppendUvarint(m.bytes, uint64(field)<<3|uint64(wire))
}

func (m *message) number(field int, v int64) {
	m.key(field, 0)
	m.bytes = binary.AppendUvarint(m.bytes, uint64(v))
}

func (m *message) text(field int, v string) {
	m.key(field, 2)
	m.bytes = binary.AppendUvarint(m.bytes, uint64(len(v)))
	m.bytes = append(m.bytes, v...)
}

// The codes of attribute types in a file.
const (
	floatsCode  = 6
	intsCode    = 7
	stringsCode = 8
)

// attribute appends a named list to a node, as the Python package onnx writes
// it: the numbers one by one, each with its key.
func (m *message) attribute(name string, code int64, add func(a *message)) {
	a := &message{}
	a.text(1, name)
	add(a)
	a.number(20, code)
	m.text(5, string(a.bytes))
}

func (m *message) ints(name string, v []int64) {
	m.attribute(name, intsCode, func(a *message) {
		for _, x := range v {
			a.number(8, x)
		}
	})
}

func (m *message) floats(name string, v []float32) {
	m.attribute(name, floatsCode, func(a *message) {
		for _, x := range v {
			a.key(7, 5)
			a.bytes = binary.LittleEndian.AppendUint32(a.bytes, math.Float32bits(x))
		}
	})
}

func (m *message) strings(name string, v []string) {
	m.attribute(name, stringsCode, func(a *message) {
		for _, x := range v {
			a.text(9, x)
		}
	})
}

// forest holds the parallel arrays in which ONNX-ML lists trees.
type forest struct {
	rng                            *rand.Rand
	trees, nodes, features         []int64
	trues, falses                  []int64
	values                         []float32
	modes                          []string
	leafTrees, leafNodes, leafZero []int64
	weights                        []float32
}

const forestFeatures = 28

// grow appends a tree with so many leaves from node on, in the order in which
// scikit-learn numbers nodes, and gives the number after its last.
func (f *forest) grow(tree, node, leaves int64) int64 {
	at := len(f.nodes)
	f.trees, f.nodes = append(f.trees, tree), append(f.nodes, node)
	f.trues, f.falses = append(f.trues, 0), append(f.falses, 0)
	if leaves == 1 {
		f.features, f.values, f.modes = append(f.features, 0), append(f.values, 0), append(f.modes, "LEAF")
		f.leafTrees, f.leafNodes, f.leafZero = append(f.leafTrees, tree), append(f.leafNodes, node), append(f.leafZero, 0)
		f.weights = append(f.weights, f.rng.Float32()/100)
		return node + 1
	}
	f.features = append(f.features, f.rng.Int64N(forestFeatures))
	f.values, f.modes = append(f.values, float32(f.rng.NormFloat64())), append(f.modes, "BRANCH_LEQ")
	left := 1 + f.rng.Int64N(leaves-1)
	next := f.grow(tree, node+1, left)
	f.trues[at], f.falses[at] = node+1, next
	return f.grow(tree, next, leaves-left)
}

// forestFile writes a classifier of two classes as skl2onnx does.
func forestFile(trees, leaves int64) (data []byte, nodes int) {
	f := &forest{rng: rand.New(rand.NewPCG(1, 2))}
	for t := range trees {
		f.grow(t, 0, leaves)
	}
	n := &message{}
	n.text(1, "X")
	n.text(2, "label")
	n.text(2, "probabilities")
	n.text(3, "forest")
	n.text(4, "TreeEnsembleClassifier")
	n.ints("class_ids", f.leafZero)
	n.ints("class_nodeids", f.leafNodes)
	n.ints("class_treeids", f.leafTrees)
	n.floats("class_weights", f.weights)
	n.ints("classlabels_int64s", []int64{0, 1})
	n.ints("nodes_falsenodeids", f.falses)
	n.ints("nodes_featureids", f.features)
	n.floats("nodes_hitrates", make([]float32, len(f.nodes)))
	n.ints("nodes_missing_value_tracks_true", make([]int64, len(f.nodes)))
	n.strings("nodes_modes", f.modes)
	n.ints("nodes_nodeids", f.nodes)
	n.ints("nodes_treeids", f.trees)
	n.ints("nodes_truenodeids", f.trues)
	n.floats("nodes_values", f.values)
	n.text(7, "ai.onnx.ml")
	g := &message{}
	g.text(1, string(n.bytes))
	g.text(11, "\x0a\x01X\x12\x0e\x0a\x0c\x08\x01\x12\x08\x0a\x00\x0a\x04\x08\x1c\x12\x00") // float [?, 28]
	g.text(12, "\x0a\x05label")
	g.text(12, "\x0a\x0dprobabilities")
	m := &message{}
	m.number(1, 8)
	m.text(7, string(g.bytes))
	m.text(8, "\x0a\x0aai.onnx.ml\x10\x01")
	return m.bytes, len(f.nodes)
}

// TestForestFile checks that the file of the benchmark is what it should be.
func TestForestFile(t *testing.T) {
	data, nodes := forestFile(3, 40)
	m, err := engine.Load(data)
	if err != nil {
		t.Fatal(err)
	}
	sig := m.Signature()
	if in := sig.Inputs[0]; in.Width() != forestFeatures || sig.Classes.Len() != 2 || nodes != 3*79 {
		t.Errorf("%d columns, %d classes, %d nodes", in.Width(), sig.Classes.Len(), nodes)
	}
	b := m.NewBatch()
	b.Reset(1)
	if err := b.Run(); err != nil {
		t.Error(err)
	}
}

// BenchmarkLoadForest loads a deep forest of 450,000 nodes and says what a
// megabyte of the file takes.
func BenchmarkLoadForest(b *testing.B) {
	data, nodes := forestFile(100, 2250)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := engine.Load(data); err != nil {
			b.Fatal(err)
		}
	}
	ms := float64(b.Elapsed().Microseconds()) / 1000 / float64(b.N)
	b.ReportMetric(ms/(float64(len(data))/1e6), "ms/MB")
	b.ReportMetric(float64(len(data))/1e6, "MB")
	b.ReportMetric(float64(nodes), "nodes")
}
