package conform

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// probe learns what a server has: its metadata, a model, a request that it
// answers, and which protocols it speaks beside REST.
func (t *target) probe(ctx context.Context, example []byte) error {
	if err := t.getJSON(ctx, "/v2", &t.server); err != nil {
		t.note("server metadata: %v", err)
	}
	if t.model == "" {
		if err := t.findModel(ctx); err != nil {
			return err
		}
	}
	if err := t.getJSON(ctx, "/v2/models/"+url.PathEscape(t.model), &t.meta); err != nil {
		return fmt.Errorf("cannot read the metadata of model %q: %w", t.model, err)
	}
	t.described = len(t.meta.Inputs) > 0
	if t.version == "" && len(t.meta.Versions) > 0 {
		t.version = t.meta.Versions[len(t.meta.Versions)-1]
	}
	if err := t.findRequest(ctx, example); err != nil {
		return err
	}
	if len(t.meta.Outputs) == 0 {
		t.note("the metadata lists no outputs: those of an answer are taken")
		for _, o := range t.baselines[1] {
			shape := append([]int64(nil), o.Shape...)
			if t.batched && len(shape) > 0 {
				shape[0] = -1
			}
			t.meta.Outputs = append(t.meta.Outputs, metaTensor{o.Name, o.Datatype, shape})
		}
	}
	if err := t.vary(ctx); err != nil {
		return err
	}
	root, err := t.valid(1)
	if err != nil {
		return err
	}
	t.learn(t.post(ctx, root))
	t.findEchoes(ctx)
	t.findV1(ctx)
	t.findGRPC(ctx)
	return nil
}

func (t *target) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// findModel asks the V1 list of models and the JSON of GET /, which some servers
// have: the protocol itself has no list.
func (t *target) findModel(ctx context.Context) error {
	var v1 struct {
		Models []string `json:"models"`
	}
	var index struct {
		Model string `json:"model"`
	}
	if err := t.getJSON(ctx, "/v1/models", &v1); err == nil && len(v1.Models) > 0 {
		t.model = v1.Models[0]
	} else if err := t.getJSON(ctx, "/", &index); err == nil {
		t.model = index.Model
	}
	if t.model == "" {
		return fmt.Errorf("cannot find out the model's name: give -model NAME")
	}
	return nil
}

// findRequest finds a request that the server answers: the given one, one that
// the server's /openapi.json shows, or a guess.
func (t *target) findRequest(ctx context.Context, example []byte) error {
	if example != nil {
		if err := t.adopt(ctx, example); err != nil {
			return fmt.Errorf("cannot use the example request: %w", err)
		}
		return nil
	}
	for _, e := range t.openAPIExamples(ctx) {
		if err := t.adopt(ctx, e); err == nil {
			return nil
		}
	}
	if !t.described {
		return fmt.Errorf("the metadata names no inputs: give -example FILE, a request that the server answers")
	}
	last := error(nil)
	for _, guess := range []string{"1", "0", "0.5", "50"} {
		if last = t.adopt(ctx, t.guess(guess)); last == nil {
			return nil
		}
	}
	return fmt.Errorf("the server answers no guessed request (%w): give -example FILE, a request that it answers", last)
}

// adopt makes a request the valid one.
func (t *target) adopt(ctx context.Context, example []byte) error {
	root, err := parse(example)
	if err != nil {
		return err
	}
	inputs := root.get("inputs")
	if inputs == nil || inputs.kind != '[' || len(inputs.items) == 0 {
		return fmt.Errorf(`expected an inference request with "inputs"`)
	}
	t.batched = true
	for _, m := range t.meta.Inputs {
		t.batched = t.batched && len(m.Shape) > 0 && m.Shape[0] < 0
	}
	t.template = nil
	for _, in := range inputs.items {
		if in.get("name") == nil || in.get("datatype") == nil || in.get("shape") == nil || in.get("data") == nil {
			return fmt.Errorf("an input lacks name, datatype, shape or data")
		}
		flat, _, _ := in.get("data").leaves()
		shape := dims(in)
		one := input{name: in.get("name").text(), datatype: in.get("datatype").text(), row: shape, rows: [][]*node{flat}}
		if t.batched {
			if len(shape) == 0 || shape[0] < 1 || len(flat)%shape[0] != 0 {
				return fmt.Errorf("input %q: shape and data do not fit", one.name)
			}
			one.row, one.rows = shape[1:], nil
			for chunk := range slices.Chunk(flat, max(len(flat)/shape[0], 1)) {
				one.rows = append(one.rows, chunk)
			}
		}
		t.template = append(t.template, one)
	}
	for _, in := range t.template {
		if len(in.rows) != len(t.template[0].rows) {
			return fmt.Errorf("input %q has %d rows, input %q has %d", in.name, len(in.rows), t.template[0].name, len(t.template[0].rows))
		}
	}
	t.baselines, t.baselineV1, t.infers = map[int][]tensor{}, map[string][]*node{}, map[string][]tensor{}
	_, err = t.baseline(ctx, 1)
	return err
}

// guess makes a request of the metadata alone, with one value for all numbers.
func (t *target) guess(value string) []byte {
	inputs := list()
	for _, m := range t.meta.Inputs {
		shape, count := list(), 1
		for _, d := range m.Shape {
			d = max(d, 1)
			count *= int(min(d, 1<<20))
			shape.items = append(shape.items, scalar(strconv.FormatInt(d, 10)))
		}
		data := list()
		for range count {
			switch {
			case m.Datatype == "BYTES":
				data.items = append(data.items, str(value))
			case m.Datatype == "BOOL":
				data.items = append(data.items, scalar(strconv.FormatBool(value == "1")))
			case strings.HasPrefix(m.Datatype, "FP"):
				data.items = append(data.items, scalar(value))
			default:
				data.items = append(data.items, scalar(strings.TrimSuffix(value, ".5")))
			}
		}
		inputs.items = append(inputs.items, object("name", str(m.Name), "shape", shape, "datatype", str(m.Datatype), "data", data))
	}
	return object("inputs", inputs).bytes()
}

// openAPIExamples are the example requests of the inference path in the server's
// own description.
func (t *target) openAPIExamples(ctx context.Context) [][]byte {
	var doc struct {
		Paths map[string]struct {
			Post struct {
				RequestBody struct {
					Content map[string]struct {
						Example  json.RawMessage
						Examples map[string]struct{ Value json.RawMessage }
					}
				}
			}
		}
	}
	if err := t.getJSON(ctx, "/openapi.json", &doc); err != nil {
		return nil
	}
	var found [][]byte
	for path, p := range doc.Paths {
		if !strings.HasSuffix(path, "/infer") {
			continue
		}
		c := p.Post.RequestBody.Content["application/json"]
		if c.Example != nil {
			found = append(found, c.Example)
		}
		for _, e := range c.Examples {
			found = append(found, e.Value)
		}
	}
	// The one of the most rows first: different rows show more.
	slices.SortFunc(found, func(a, b []byte) int { return len(b) - len(a) })
	return found
}

// vary finds a second, different row where the example has one alone, by changing
// one number at a time.
func (t *target) vary(ctx context.Context) error {
	if !t.batched || len(t.template[0].rows) > 1 {
		return nil
	}
	base, err := t.baseline(ctx, 1)
	if err != nil {
		return err
	}
	for i, in := range t.template {
		for k, e := range in.rows[0] {
			f, err := strconv.ParseFloat(e.raw, 64)
			if err != nil || !numeric(in.datatype) {
				continue
			}
			for _, v := range []float64{f*1.3 + 1, f + 1, f - 1} {
				if !strings.HasPrefix(in.datatype, "FP") {
					v = float64(int64(v))
				}
				if t.tryRow(ctx, base, i, k, strconv.FormatFloat(v, 'f', -1, 32)) {
					return nil
				}
			}
		}
	}
	t.note("no second row with another answer was found: batches repeat one row")
	return nil
}

// tryRow adds a row that differs in one element, where the server answers it and
// answers it differently.
func (t *target) tryRow(ctx context.Context, base []tensor, i, k int, value string) bool {
	saved := slices.Clone(t.template)
	for n := range t.template {
		row := slices.Clone(saved[n].rows[0])
		if n == i {
			row[k] = scalar(value)
		}
		t.template[n].rows = [][]*node{row}
	}
	root, err := t.valid(1)
	if err != nil {
		t.template = saved
		return false
	}
	got, err := t.ask(ctx, root)
	if err != nil || sameOutputs(got, base) == nil {
		t.template = saved
		return false
	}
	for n := range t.template {
		t.template[n].rows = [][]*node{saved[n].rows[0], t.template[n].rows[0]}
	}
	return true
}

// findEchoes finds outputs that repeat an input, for the checks of exact values.
func (t *target) findEchoes(ctx context.Context) {
	t.echoes = map[string]string{}
	base, err := t.baseline(ctx, 1)
	if err != nil {
		return
	}
	for i, in := range t.template {
		if t.echoes[in.datatype] != "" {
			continue
		}
		for _, o := range base {
			if o.Datatype != in.datatype || !equalElements(o.Elements, in.rows[0]) {
				continue
			}
			other := map[string]string{"BYTES": `"other"`, "BOOL": "true"}[in.datatype]
			if other == "" {
				other = "3"
			}
			if in.rows[0][0].raw == other {
				other = map[string]string{"BYTES": `"another"`, "BOOL": "false"}[in.datatype]
				if other == "" {
					other = "5"
				}
			}
			root, err := t.valid(1)
			if err != nil {
				return
			}
			root.get("inputs").items[i].get("data").items[0] = scalar(other)
			got, err := t.ask(ctx, root)
			if err != nil {
				continue
			}
			if k := slices.IndexFunc(got, func(g tensor) bool { return g.Name == o.Name }); k >= 0 && near(got[k].Elements[0], other) {
				t.echoes[in.datatype] = o.Name
			}
		}
	}
}

func equalElements(got []string, sent []*node) bool {
	return slices.EqualFunc(got, sent, func(g string, s *node) bool { return near(g, s.raw) })
}

// findV1 tells whether the server speaks V1.
func (t *target) findV1(ctx context.Context) {
	a := t.send(ctx, http.MethodGet, "/v1/models/"+url.PathEscape(t.model), nil, nil)
	if a.err != nil || a.status == http.StatusNotFound {
		t.noV1 = "the server does not speak V1"
	}
}
