package conform

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
)

// A target is a server and what it says of itself, as far as requests are made of
// it.
type target struct {
	base       *url.URL
	client     *http.Client
	conn       *grpc.ClientConn // nil where the server speaks no gRPC
	grpcAddr   string
	noGRPC     string // why not
	noV1       string // why the server does not speak V1
	timeout    time.Duration
	server     metaServer
	model      string
	version    string // "" where the model has none
	meta       metaModel
	described  bool // the metadata lists the inputs, and not the example alone
	batched    bool
	template   []input
	known      map[string]bool     // the rules that the answer to the plain request breaks
	echoes     map[string]string   // datatype: the output that repeats the first input of it
	baselines  map[int][]tensor    // rows: the outputs of the plain valid request
	baselineV1 map[string][]*node  // form and rows: V1's predictions
	notes      []string            // what was found out on the way
	infers     map[string][]tensor // for single rows
}

type metaServer struct {
	Name       string   `json:"name"`
	Version    string   `json:"version"`
	Extensions []string `json:"extensions"`
}

type metaModel struct {
	Name     string       `json:"name"`
	Versions []string     `json:"versions"`
	Platform string       `json:"platform"`
	Inputs   []metaTensor `json:"inputs"`
	Outputs  []metaTensor `json:"outputs"`
}

type metaTensor struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

// An input is a tensor of the valid request.
type input struct {
	name, datatype string
	row            []int     // dimensions of a row; of the whole tensor without a batch
	rows           [][]*node // the elements of each row that is known to be valid
}

func (in *input) width() int {
	n := 1
	for _, d := range in.row {
		n *= d
	}
	return n
}

// valid is a request of so many rows that the server is known to answer.
func (t *target) valid(rows int) (*node, error) {
	if !t.batched && rows != 1 {
		return nil, inapplicable("the model has no batch dimension")
	}
	inputs := list()
	for _, in := range t.template {
		shape, data := list(), list()
		if t.batched {
			shape.items = append(shape.items, scalar(fmt.Sprint(rows)))
		}
		for _, d := range in.row {
			shape.items = append(shape.items, scalar(fmt.Sprint(d)))
		}
		for r := range rows {
			for _, e := range in.rows[r%len(in.rows)] {
				data.items = append(data.items, e.clone())
			}
		}
		inputs.items = append(inputs.items, object("name", str(in.name), "shape", shape, "datatype", str(in.datatype), "data", data))
	}
	return object("inputs", inputs), nil
}

// selectInput is the first input of a kind: @num, @matrix, @FP32 and the like.
func (t *target) selectInput(kind string, rows int) (int, error) {
	kind = strings.TrimPrefix(kind, "@")
	for i, in := range t.template {
		switch {
		case kind == "num" && numeric(in.datatype),
			kind == "matrix" && t.batched && len(in.row) == 1 && in.row[0] > 1 && in.row[0] != rows,
			kind == in.datatype:
			return i, nil
		}
	}
	what := map[string]string{"num": "input of numbers", "matrix": "input of several columns"}[kind]
	if what == "" {
		what = kind + " input"
	}
	return 0, inapplicable("the model has no %s", what)
}

// How a name is written where it stands in for a placeholder.
const (
	fillPlain = iota
	fillJSON
	fillPath
)

// fill replaces {model} and the like.
func (t *target) fill(s string, how int) string {
	if !strings.Contains(s, "{") {
		return s
	}
	write := func(v string) string {
		switch how {
		case fillJSON:
			q := quote(v)
			return q[1 : len(q)-1]
		case fillPath:
			return url.PathEscape(v)
		}
		return v
	}
	pairs := []string{"{model}", write(t.model), "{MODEL}", write(otherCase(t.model)), "{version}", write(t.version),
		"{long}", strings.Repeat("a", 4000)}
	if len(t.template) > 0 {
		pairs = append(pairs, "{INPUT0}", write(otherCase(t.template[0].name)))
		if i, err := t.selectInput("num", 1); err == nil {
			pairs = append(pairs, "{num}", write(t.template[i].name))
		}
	}
	if n := len(t.meta.Outputs); n > 0 {
		first := t.meta.Outputs[0].Name
		pairs = append(pairs, "{output0}", write(first), "{OUTPUT0}", write(otherCase(first)), "{output-1}", write(t.meta.Outputs[n-1].Name))
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// otherCase writes a name in capitals, or without any where it is in capitals.
func otherCase(s string) string {
	if up := strings.ToUpper(s); up != s {
		return up
	}
	return strings.ToLower(s)
}

// need tells why a check has nothing to check here.
func (t *target) need(what string) error {
	kind, arg, _ := strings.Cut(what, " ")
	no := func(missing bool, format string, args ...any) error {
		if missing {
			return inapplicable(format, args...)
		}
		return nil
	}
	switch kind {
	case "versions":
		return no(t.version == "", "the model has no versions")
	case "cased":
		name := map[string]string{"name": t.model}[arg]
		if arg == "input" {
			name = t.template[0].name
		} else if arg == "output" && len(t.meta.Outputs) > 0 {
			name = t.meta.Outputs[0].Name
		}
		return no(otherCase(name) == name, "the name %q has no letters", name)
	case "named":
		return no(!t.described, "the metadata names no inputs")
	case "inputs":
		return no(len(t.template) < 2, "the model has one input")
	case "outputs":
		return no(len(t.meta.Outputs) < 2, "the model has one output")
	case "batched":
		return no(!t.batched, "the model has no batch dimension")
	case "width":
		return no(t.freeWidth(), "the metadata leaves the width of the first input open")
	case "echo":
		return no(t.echoes[arg] == "", "the model has no output that repeats an input of %s", arg)
	case "input":
		_, err := t.selectInput(arg, 1)
		return err
	case "extension":
		return no(!slices.Contains(t.server.Extensions, arg), "the server does not advertise %s", arg)
	case "no":
		return no(slices.Contains(t.server.Extensions, strings.TrimPrefix(arg, "extension ")), "the server advertises the extension")
	case "v1":
		return no(t.noV1 != "", "%s", t.noV1)
	case "grpc":
		return no(t.noGRPC != "", "%s", t.noGRPC)
	}
	return fmt.Errorf("needs %q: unknown", what)
}

func (t *target) freeWidth() bool {
	if len(t.meta.Inputs) == 0 || len(t.meta.Inputs[0].Shape) == 0 {
		return true
	}
	shape := t.meta.Inputs[0].Shape
	return shape[len(shape)-1] < 0
}

// baseline is the answer to the plain valid request of so many rows.
func (t *target) baseline(ctx context.Context, rows int) ([]tensor, error) {
	if b, ok := t.baselines[rows]; ok {
		return b, nil
	}
	root, err := t.valid(rows)
	if err != nil {
		return nil, err
	}
	b, err := t.ask(ctx, root)
	if err == nil {
		t.baselines[rows] = b
	}
	return b, err
}

// ask sends a plain request and reads its outputs.
func (t *target) ask(ctx context.Context, root *node) ([]tensor, error) {
	a := t.post(ctx, root)
	t.client.CloseIdleConnections() // a server may close after an error without a word
	if a.err != nil {
		return nil, a.err
	}
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("status %d: %s", a.status, clip(string(a.body), 300))
	}
	return a.outputs()
}

// post sends a plain request.
func (t *target) post(ctx context.Context, root *node) answer {
	return t.send(ctx, http.MethodPost, t.inferPath(), http.Header{"Content-Type": {"application/json"}}, root.bytes())
}

func (t *target) inferPath() string { return "/v2/models/" + url.PathEscape(t.model) + "/infer" }

// getJSON reads a document of the server.
func (t *target) getJSON(ctx context.Context, path string, into any) error {
	a := t.send(ctx, http.MethodGet, path, nil, nil)
	if a.err != nil {
		return a.err
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("GET %s: status %d: %s", path, a.status, clip(string(a.body), 300))
	}
	if err := json.Unmarshal(a.body, into); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}
