// Command answer scores models for the attack on ONNX coverage (run.py beside
// it): one request a line on standard input, one reply a line on standard output.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"online-inference/engine"
)

// A request names a model file and the values of its inputs.
type request struct {
	Model  string
	Inputs map[string]array
}

// An array is a tensor. Numbers are little-endian bytes, so that NaN, infinities
// and the last bit arrive.
type array struct {
	Type    string   `json:"type"`
	Shape   []int    `json:"shape"`
	Data    []byte   `json:"data,omitempty"`
	Strings []string `json:"strings,omitempty"`
	Role    int      `json:"role"`
}

type reply struct {
	Outputs map[string]array `json:"outputs,omitempty"`
	Classes engine.Classes   `json:"classes"`
	// Kind of error: malformed, unsupported, value, run or request.
	Kind  string `json:"kind,omitempty"`
	Error string `json:"error,omitempty"`
}

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<28)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var q request
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return err
		}
		if err := out.Encode(answer(q)); err != nil {
			return err
		}
	}
	return lines.Err()
}

func answer(q request) reply {
	m, err := engine.LoadFile(q.Model)
	if err != nil {
		return refusal(err, "request")
	}
	b := m.NewBatch()
	for i, in := range m.Signature().Inputs {
		a, ok := q.Inputs[in.Name]
		if !ok || a.Type != in.Type.String() || len(a.Shape) == 0 {
			return refusal(fmt.Errorf("input %q of type %v is given as %q", in.Name, in.Type, a.Type), "request")
		}
		if i == 0 {
			b.Reset(a.Shape[0])
		}
		if err := decode(a, b.Input(i)); err != nil {
			return refusal(fmt.Errorf("input %q: %w", in.Name, err), "request")
		}
	}
	if err := b.Run(); err != nil {
		return refusal(err, "run")
	}
	r := reply{Outputs: map[string]array{}, Classes: m.Signature().Classes}
	for i, out := range m.Signature().Outputs {
		a, err := encode(b.Output(i))
		if err != nil {
			return refusal(err, "run")
		}
		a.Role = int(out.Role)
		r.Outputs[out.Name] = a
	}
	return r
}

func refusal(err error, kind string) reply {
	var malformed *engine.FormatError
	var unsupported *engine.UnsupportedError
	var value *engine.ValueError
	switch {
	case errors.As(err, &malformed):
		kind = "malformed"
	case errors.As(err, &unsupported):
		kind = "unsupported"
	case errors.As(err, &value):
		kind = "value"
	}
	return reply{Kind: kind, Error: err.Error()}
}

// numbers is the slice of a tensor's numbers, nil for strings.
func numbers(t *engine.Tensor) any {
	switch t.Type {
	case engine.Float32:
		return t.F32
	case engine.Float64:
		return t.F64
	case engine.Int64:
		return t.I64
	case engine.Int32:
		return t.I32
	case engine.Uint8:
		return t.U8
	case engine.Bool:
		return t.Bool
	}
	return nil
}

func decode(a array, t *engine.Tensor) error {
	n := 1
	for _, d := range a.Shape {
		n *= d
	}
	if n != t.Len() {
		return fmt.Errorf("%d elements, the model takes %v", n, t.Shape)
	}
	if t.Type == engine.String {
		copy(t.Str, a.Strings)
		return nil
	}
	_, err := binary.Decode(a.Data, binary.LittleEndian, numbers(t))
	return err
}

func encode(t *engine.Tensor) (array, error) {
	a := array{Type: t.Type.String(), Shape: t.Shape}
	if t.Type == engine.String {
		a.Strings = t.Str
		return a, nil
	}
	var err error
	a.Data, err = binary.Append(nil, binary.LittleEndian, numbers(t))
	return a, err
}
