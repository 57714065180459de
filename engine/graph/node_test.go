package graph

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// refusedNodes are the cases that the engine refuses, with a part of the
// reason. An entry that is no longer true fails the test.
func refusedNodes() map[string]string {
	return map[string]string{
		"test_batchnorm_epsilon_training_mode":  "training mode",
		"test_batchnorm_example_training_mode":  "training mode",
		"test_training_dropout":                 "training mode",
		"test_training_dropout_default":         "training mode",
		"test_training_dropout_default_mask":    "training mode",
		"test_training_dropout_mask":            "training mode",
		"test_training_dropout_zero_ratio":      "training mode",
		"test_training_dropout_zero_ratio_mask": "training mode",
	}
}

// TestNodes runs the single-operator cases of the ONNX project.
func TestNodes(t *testing.T) {
	cases := readCases(t, "../testdata/onnx-node/onnx-node-tests-1.22.0.tgz")
	if len(cases) != 445 {
		t.Errorf("%d cases, want 445", len(cases))
	}
	refused := refusedNodes()
	passed := 0
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			reason, listed := refused[name]
			delete(refused, name)
			err := runCase(cases[name])
			unsupported := (*modelfile.UnsupportedError)(nil)
			switch {
			case !listed && err != nil:
				t.Error(err)
			case listed && err == nil:
				t.Error("it is listed as refused, and passes")
			case listed && (!errors.As(err, &unsupported) || !strings.Contains(err.Error(), reason)):
				t.Errorf("error %v, want a refusal with %q", err, reason)
			case !listed:
				passed++
			}
		})
	}
	for name := range refused {
		t.Errorf("%s is listed as refused, and is no case", name)
	}
	t.Logf("%d cases pass, %d are refused", passed, len(cases)-passed)
}

// readCases unpacks the archive: the files of each case by their path in it.
func readCases(t testing.TB, file string) map[string]map[string][]byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return cases
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name, rest, _ := strings.Cut(path.Clean(h.Name), "/")
		if cases[name] == nil {
			cases[name] = map[string][]byte{}
		}
		cases[name][rest] = data
	}
}

// runCase compiles a model of one node and compares what it gives.
func runCase(files map[string][]byte) error {
	m, err := onnx.Parse(files["model.onnx"])
	if err != nil {
		return err
	}
	p, err := compileNode(m)
	if err != nil {
		return err
	}
	r := p.NewRun()
	for i := range p.Inputs {
		in, err := tensorOf(files, fmt.Sprintf("input_%d.pb", i))
		if err != nil {
			return err
		}
		*r.Input(i) = *in
	}
	if err := r.Execute(); err != nil {
		return err
	}
	for i := range p.Outputs {
		want, err := tensorOf(files, fmt.Sprintf("output_%d.pb", i))
		if err != nil {
			return err
		}
		if err := sameTensor(r.Output(i), want); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

// compileNode is Compile for graphs whose values need not have rows: no shape
// is tried out.
func compileNode(m *onnx.Model) (*Plan, error) {
	c := newCompiler(m)
	if err := c.initializers(); err != nil {
		return nil, err
	}
	for _, in := range m.Graph.Inputs {
		if err := checkInput(in); err != nil {
			return nil, err
		}
		if err := c.port(Port{Name: in.Name, Type: in.Elem}); err != nil {
			return nil, err
		}
	}
	if err := c.nodes(); err != nil {
		return nil, err
	}
	if err := c.outputs(); err != nil {
		return nil, err
	}
	c.prune()
	return c.plan, nil
}

func tensorOf(files map[string][]byte, name string) (*tensor.Tensor, error) {
	data, ok := files["test_data_set_0/"+name]
	if !ok {
		return nil, fmt.Errorf("the case has no %s", name)
	}
	_, t, err := onnx.ParseTensor(data)
	return t, err
}

// sameTensor compares floats within a few roundings and all else exactly.
func sameTensor(have, want *tensor.Tensor) error {
	if have.Type != want.Type || !equalShape(have.Shape, want.Shape) {
		return fmt.Errorf("%v of shape %v, want %v of %v", have.Type, have.Shape, want.Type, want.Shape)
	}
	for k := range want.Len() {
		var same bool
		switch want.Type {
		case tensor.String:
			same = have.Str[k] == want.Str[k]
		case tensor.Bool:
			same = have.Bool[k] == want.Bool[k]
		default:
			h, w := numberAt(have, k), numberAt(want, k)
			same = h == w || h != h && w != w || want.Type.IsFloat() && math.Abs(h-w) <= 2e-6*max(1, math.Abs(w))
		}
		if !same {
			return fmt.Errorf("element %d differs: %v, want %v", k, have, want)
		}
	}
	return nil
}
