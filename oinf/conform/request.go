package conform

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"online-inference/oinf/conform/checks"
)

// A request is what a check sends.
type request struct {
	method, path string // of gRPC: GRPC and the call
	header       http.Header
	body         []byte
	sent         *node // the body as a value, where it was made of one
	rows         int
}

// build makes the request of a check, fitted to the model.
func (t *target) build(c *checks.Check) (*request, error) {
	method, path, _ := strings.Cut(c.Request, " ")
	r := &request{method: method, path: t.fill(path, fillPath), header: http.Header{}, rows: c.RowCount()}
	jsonLen := 0
	switch {
	case c.Body != nil:
		r.body = []byte(t.fill(*c.Body, fillJSON))
		r.header["Content-Type"] = []string{"application/json"}
	case c.Form == "none":
		if c.GRPC() {
			r.body = []byte("{}")
		}
	default:
		if err := t.compose(c, r); err != nil {
			return nil, err
		}
		r.body = r.sent.bytes()
		jsonLen = len(r.body)
		for _, in := range blobs(r.sent) {
			r.body = append(r.body, in...)
		}
		r.header["Content-Type"] = []string{"application/json"}
		if c.Form == "binary" || c.Form == "mixed" {
			r.header["Content-Type"] = []string{"application/octet-stream"}
			r.header[headerLength] = []string{strconv.Itoa(jsonLen)}
		}
	}
	whole := len(r.body)
	for _, line := range c.Wire {
		var err error
		if r.body, err = rewire(r.body, jsonLen, line); err != nil {
			return nil, err
		}
	}
	lengths := strings.NewReplacer("{json}", strconv.Itoa(jsonLen), "{json+1}", strconv.Itoa(jsonLen+1),
		"{json-1}", strconv.Itoa(jsonLen-1), "{body+1}", strconv.Itoa(whole+1))
	for name, value := range c.Headers {
		if value == "" {
			delete(r.header, name)
		} else {
			r.header[name] = []string{lengths.Replace(t.fill(value, fillPlain))}
		}
	}
	return r, nil
}

// compose writes the valid request in the form of a check, with its edits.
func (t *target) compose(c *checks.Check, r *request) error {
	root, err := t.valid(r.rows)
	if err != nil {
		return err
	}
	for _, line := range c.Values {
		if err := t.edit(root, r.rows, line); err != nil {
			return err
		}
	}
	switch c.Form {
	case "binary", "mixed":
		err = binaryForm(root, c.Form == "mixed")
	case "v1-lists":
		root = t.v1Lists(root, r.rows)
	case "v1-objects":
		root, err = t.v1Objects(root, r.rows)
	case "grpc", "grpc-raw", "grpc-both":
		root, err = t.grpcForm(root, c.Form)
	}
	if err != nil {
		return err
	}
	for _, line := range c.Edit {
		if strings.Contains(line, "{num}") {
			if _, err := t.selectInput("num", r.rows); err != nil {
				return err
			}
		}
		if err := t.edit(root, r.rows, line); err != nil {
			return err
		}
	}
	r.sent = root
	return nil
}

// binaryForm moves the data of the tensors, but for the first of a mixed request,
// behind the JSON.
func binaryForm(root *node, mixed bool) error {
	for i, in := range root.get("inputs").items {
		if mixed && i == 0 {
			continue
		}
		b, err := tensorBytes(in)
		if err != nil {
			return err
		}
		in.blob = b
		in.members = in.members[:len(in.members)-1] // data stands last
		in.set("parameters", object("binary_data_size", scalar(strconv.Itoa(len(b)))))
	}
	return nil
}

func tensorBytes(in *node) ([]byte, error) {
	var elements []string
	for _, e := range in.get("data").items {
		elements = append(elements, e.raw)
	}
	b, err := encode(in.get("datatype").text(), elements)
	if err != nil {
		return nil, inapplicable("the valid request has no bytes: %v", err)
	}
	return b, nil
}

// blobs are the binary data of a request, in the order of its tensors.
func blobs(root *node) [][]byte {
	inputs := root.get("inputs")
	if inputs == nil {
		return nil
	}
	var all [][]byte
	for _, in := range inputs.items {
		if in.blob != nil {
			all = append(all, in.blob)
		}
	}
	return all
}

// grpcForm writes the request as the JSON form of ModelInferRequest.
func (t *target) grpcForm(root *node, form string) (*node, error) {
	raws := list()
	for _, in := range root.get("inputs").items {
		b, err := tensorBytes(in)
		if err != nil {
			return nil, err
		}
		raws.items = append(raws.items, str(base64.StdEncoding.EncodeToString(b)))
		datatype, data := in.get("datatype").text(), in.get("data").items
		in.members = in.members[:len(in.members)-1]
		shape := list()
		for _, d := range in.get("shape").items {
			shape.items = append(shape.items, str(d.raw))
		}
		in.set("shape", shape)
		if form != "grpc-raw" {
			in.set("contents", object(field(datatype), typed(datatype, data)))
		}
	}
	m := object("model_name", str(t.model), "inputs", root.get("inputs"))
	if form != "grpc" {
		m.set("raw_input_contents", raws)
	}
	return m, nil
}

// String is an excerpt for a report.
func (r *request) String() string {
	s := r.method + " " + clip(r.path, 120)
	for _, name := range []string{"Content-Type", "Content-Encoding", headerLength} {
		if v := r.header[name]; len(v) > 0 && (name != "Content-Type" || v[0] != "application/json") {
			s += fmt.Sprintf("\n%s: %s", name, v[0])
		}
	}
	if len(r.body) > 0 {
		s += "\n" + clip(string(r.body), 400)
	}
	return s
}
