package conform

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// An answer is what came back: of HTTP a status with headers and a body, of gRPC
// a code with the message as JSON; err is set where there was none.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	code    string // of gRPC: OK, NOT_FOUND, …
	message string // of a gRPC error
	err     error
}

// none tells whether nothing came back.
func (a *answer) none() bool { return a.err != nil }

func (a *answer) grpc() bool { return a.code != "" }

func (a *answer) ok() bool {
	return a.code == "OK" || a.code == "" && a.status/100 == 2 && a.err == nil
}

// String is an excerpt for a report.
func (a *answer) String() string {
	switch {
	case a.err != nil:
		return "no answer: " + a.err.Error()
	case a.grpc() && a.code != "OK":
		return a.code + ": " + clip(a.message, 400)
	case a.grpc():
		return "OK: " + clip(string(a.body), 400)
	}
	return fmt.Sprintf("%d %s: %s", a.status, a.header.Get("Content-Type"), clip(string(a.body), 400))
}

// clip bounds a text for a report and makes what cannot be printed visible.
func clip(s string, most int) string {
	if len(s) > most {
		s = s[:most] + fmt.Sprintf("… (%d bytes)", len(s))
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f || r == '\ufffd' }) {
		q := strconv.Quote(s)
		return q[1 : len(q)-1]
	}
	return strings.TrimSpace(s)
}

// headerLength is the extension's header: how long the JSON part is.
const headerLength = "Inference-Header-Content-Length"

// json is the JSON of an answer: all of the body, or what stands before the
// binary data.
func (a *answer) json() (doc *node, tail []byte, err error) {
	body := a.body
	if h := a.header.Get(headerLength); h != "" {
		n, err := strconv.Atoi(h)
		if err != nil || n < 0 || n > len(body) {
			return nil, nil, fmt.Errorf("%s: %q does not fit a body of %d bytes", headerLength, h, len(body))
		}
		body, tail = body[:n], body[n:]
	}
	doc, err = parse(body)
	if err != nil {
		return nil, nil, fmt.Errorf("the body is no JSON: %w", err)
	}
	if doc.kind != '{' {
		return nil, nil, fmt.Errorf("the body is no JSON object")
	}
	return doc, tail, nil
}

// outputs reads the tensors of an answer.
func (a *answer) outputs() ([]tensor, error) {
	doc, tail, err := a.json()
	if err != nil {
		return nil, err
	}
	l := doc.get("outputs")
	if l == nil || l.kind != '[' {
		return nil, fmt.Errorf(`"outputs" is no list`)
	}
	raws := doc.get("raw_output_contents")
	var all []tensor
	for i, o := range l.items {
		name, datatype, shape := o.get("name"), o.get("datatype"), o.get("shape")
		if name == nil || !name.isString() || datatype == nil || !datatype.isString() || shape == nil || shape.kind != '[' {
			return nil, fmt.Errorf("output %d: name, datatype or shape is missing or of a wrong kind", i)
		}
		x := tensor{Name: name.text(), Datatype: datatype.text(), Shape: []int64{}}
		for _, d := range shape.items {
			n, err := strconv.ParseInt(d.text(), 10, 64)
			if err != nil || n < 0 || d.isString() && !a.grpc() {
				return nil, fmt.Errorf("output %q: dimension %s", x.Name, d.raw)
			}
			x.Shape = append(x.Shape, n)
		}
		switch {
		case a.grpc() && raws != nil && len(raws.items) > 0:
			if i >= len(raws.items) {
				return nil, fmt.Errorf("output %q has no raw contents", x.Name)
			}
			x.binary = true
			var b []byte
			if b, err = base64.StdEncoding.DecodeString(raws.items[i].text()); err == nil {
				x.Elements, err = decode(x.Datatype, b)
			}
		case a.grpc():
			x.Elements, err = typedElements(x.Datatype, o.get("contents"))
		case o.get("data") == nil:
			x.binary = true
			x.Elements, tail, err = binaryElements(&x, o, tail)
		default:
			err = x.readData(o.get("data"))
		}
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", x.Name, err)
		}
		all = append(all, x)
	}
	if len(tail) > 0 {
		return nil, fmt.Errorf("%d bytes are left behind the tensors", len(tail))
	}
	return all, nil
}

// readData reads elements in JSON, flat or nested as the shape says.
func (x *tensor) readData(data *node) error {
	if data.kind != '[' {
		return fmt.Errorf("data is no list")
	}
	flat, nesting, regular := data.leaves()
	if !regular {
		return fmt.Errorf("data is ragged")
	}
	if len(nesting) > 1 && len(flat) > 0 {
		if len(nesting) != len(x.Shape) {
			return fmt.Errorf("data is nested as %v, the shape is %v", nesting, x.Shape)
		}
		for i, n := range nesting {
			if int64(n) != x.Shape[i] {
				return fmt.Errorf("data is nested as %v, the shape is %v", nesting, x.Shape)
			}
		}
	}
	for _, e := range flat {
		if e.kind != 0 {
			return fmt.Errorf("an element is an object or an empty list")
		}
		x.Elements = append(x.Elements, e.raw)
	}
	return nil
}

func binaryElements(x *tensor, o *node, tail []byte) (elements []string, rest []byte, err error) {
	size := o.get("parameters").get("binary_data_size")
	if size == nil {
		return nil, nil, fmt.Errorf("neither data nor binary_data_size")
	}
	n, err := strconv.Atoi(size.raw)
	if err != nil || n < 0 || n > len(tail) {
		return nil, nil, fmt.Errorf("binary_data_size %s with %d bytes left", size.raw, len(tail))
	}
	elements, err = decode(x.Datatype, tail[:n])
	return elements, tail[n:], err
}

// typedElements reads gRPC's typed contents, as protojson writes them.
func typedElements(datatype string, contents *node) ([]string, error) {
	var elements []string
	want := field(datatype)
	if contents == nil {
		return nil, nil
	}
	for _, m := range contents.members {
		if m.name != want {
			if len(m.value.items) > 0 {
				return nil, fmt.Errorf("%s has its elements in %s", datatype, m.name)
			}
			continue
		}
		for _, e := range m.value.items {
			text := e.raw
			switch {
			case datatype == "BYTES":
				b, err := base64.StdEncoding.DecodeString(e.text())
				if err != nil {
					return nil, err
				}
				text = quote(string(b))
			case e.isString() && strings.Contains(want, "int"): // 64-bit integers
				text = e.text()
			case e.isString(): // "NaN", "Infinity"
				text = "null"
			}
			elements = append(elements, text)
		}
	}
	return elements, nil
}

// sameOutputs compares outputs by name; those that were not asked for may be
// missing in got.
func sameOutputs(got, want []tensor) error {
	if len(got) == 0 {
		return fmt.Errorf("no outputs")
	}
	for _, g := range got {
		var w *tensor
		for i := range want {
			if want[i].Name == g.Name {
				w = &want[i]
			}
		}
		if w == nil {
			return fmt.Errorf("output %q is not in the answer to the plain request", g.Name)
		}
		if len(g.Elements) != len(w.Elements) {
			return fmt.Errorf("output %q has %d elements, in the answer to the plain request %d", g.Name, len(g.Elements), len(w.Elements))
		}
		for i := range g.Elements {
			if !near(g.Elements[i], w.Elements[i]) {
				return fmt.Errorf("output %q, element %d: %s, in the answer to the plain request %s", g.Name, i, g.Elements[i], w.Elements[i])
			}
		}
	}
	return nil
}
