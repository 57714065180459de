package conform

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"online-inference/oinf/conform/checks"
)

// either is a rule for what may be answered or refused.
func (j *judge) either(answered func() error) error {
	if j.a.ok() {
		return answered()
	}
	return j.errorObject()
}

// A part is one rule of a successful inference, which a check of its own has, too.
type part struct {
	name  string
	holds func(*judge) error
}

var parts = []part{
	{"type", func(j *judge) error { _, err := j.object(); return err }},
	{"model_name", (*judge).modelName},
	{"version", (*judge).version},
	{"parameters", (*judge).parameters},
	{"datatype", func(j *judge) error { return j.eachOutput((*judge).datatype) }},
	{"shape", func(j *judge) error { return j.eachOutput((*judge).shape) }},
	{"length", func(j *judge) error { return j.eachOutput((*judge).length) }},
	{"values", func(j *judge) error { return j.eachOutput((*judge).values) }},
}

// response is every rule of a successful inference at once, but for those that the
// answer to the plain request breaks already: the checks of these rules report
// them, and they would hide everything else.
func (j *judge) response() error {
	outputs, err := j.a.outputs()
	if err != nil {
		return err
	}
	if len(outputs) == 0 {
		return fmt.Errorf("no outputs")
	}
	for _, p := range parts {
		if err := p.holds(j); err != nil && !j.t.known[p.name] {
			return err
		}
	}
	return nil
}

// learn finds the rules that the answer to the plain request breaks.
func (t *target) learn(a answer) {
	t.known = map[string]bool{}
	j := &judge{t: t, check: &checks.Check{}, rows: 1, a: a}
	for _, p := range parts {
		if err := p.holds(j); err != nil {
			t.known[p.name] = true
			t.note("the answer to the plain request breaks the rule %q (%v): other checks do not repeat that", p.name, err)
		}
	}
}

func (j *judge) modelName() error {
	doc, _, err := j.a.json()
	if err != nil {
		return err
	}
	m := doc.get("model_name")
	return require(m != nil && m.text() == j.t.model, "model_name is missing or another one")
}

// responseOrNone is response, or one that says that no outputs were wanted.
func (j *judge) responseOrNone() error {
	if outputs, err := j.a.outputs(); err == nil && len(outputs) == 0 {
		return nil
	}
	return j.response()
}

// eachOutput goes through the outputs of the answer and what the metadata says of
// each.
func (j *judge) eachOutput(ok func(*judge, *tensor, *metaTensor) error) error {
	outputs, err := j.a.outputs()
	if err != nil {
		return err
	}
	for i := range outputs {
		o := &outputs[i]
		k := slices.IndexFunc(j.t.meta.Outputs, func(m metaTensor) bool { return m.Name == o.Name })
		if k < 0 {
			return fmt.Errorf("output %q is not in the metadata", o.Name)
		}
		if err := ok(j, o, &j.t.meta.Outputs[k]); err != nil {
			return fmt.Errorf("output %q: %w", o.Name, err)
		}
	}
	return nil
}

func (j *judge) datatype(o *tensor, m *metaTensor) error {
	return require(o.Datatype == m.Datatype, "datatype %s, the metadata says %s", o.Datatype, m.Datatype)
}

func (j *judge) shape(o *tensor, m *metaTensor) error {
	if len(o.Shape) != len(m.Shape) {
		return fmt.Errorf("shape %v, the metadata says %v", o.Shape, m.Shape)
	}
	for i, d := range m.Shape {
		if d >= 0 && d != o.Shape[i] {
			return fmt.Errorf("shape %v, the metadata says %v", o.Shape, m.Shape)
		}
	}
	return nil
}

func (j *judge) length(o *tensor, _ *metaTensor) error {
	product := int64(1)
	for _, d := range o.Shape {
		product *= d
	}
	return require(product == int64(len(o.Elements)), "shape %v, but %d elements", o.Shape, len(o.Elements))
}

func (j *judge) values(o *tensor, _ *metaTensor) error {
	for i, e := range o.Elements {
		if err := fits(o.Datatype, e); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	return nil
}

func (j *judge) outputMembers() error {
	doc, err := j.object()
	if err != nil {
		return err
	}
	l := doc.get("outputs")
	if l == nil || len(l.items) == 0 {
		return fmt.Errorf("no outputs")
	}
	for i, o := range l.items {
		for _, name := range []string{"name", "shape", "datatype", "data"} {
			if o.get(name) == nil {
				return fmt.Errorf("output %d: %q is missing", i, name)
			}
		}
	}
	return nil
}

func (j *judge) version() error {
	doc, _, err := j.a.json()
	if err != nil {
		return err
	}
	v := doc.get("model_version")
	if v == nil || j.a.grpc() && v.text() == "" {
		return nil
	}
	if !v.isString() {
		return fmt.Errorf("model_version is %s, expected a string", v.raw)
	}
	return require(len(j.t.meta.Versions) == 0 || slices.Contains(j.t.meta.Versions, v.text()),
		"model_version is %s, the metadata says %v", v.raw, j.t.meta.Versions)
}

// parameters are flat, of the answer and of its outputs.
func (j *judge) parameters() error {
	doc, _, err := j.a.json()
	if err != nil || j.a.grpc() {
		return err
	}
	outputs := doc.get("outputs")
	if outputs == nil {
		return fmt.Errorf("no outputs")
	}
	for _, at := range append([]*node{doc}, outputs.items...) {
		p := at.get("parameters")
		if p == nil {
			continue
		}
		if p.kind != '{' {
			return fmt.Errorf("parameters are %s, expected an object", clip(string(p.bytes()), 60))
		}
		for _, m := range p.members {
			if !m.value.isString() && !m.value.isNumber() && !m.value.isBool() {
				return fmt.Errorf("parameter %q is %s, expected a string, a number or a boolean", m.name, clip(string(m.value.bytes()), 60))
			}
		}
	}
	return nil
}

// outputList wants certain outputs, in order: all, reversed, or one by its place.
func (j *judge) outputList(arg string) error {
	var want, got []string
	for _, m := range j.t.meta.Outputs {
		want = append(want, m.Name)
	}
	switch arg {
	case "all":
	case "reversed":
		slices.Reverse(want)
	case "-1":
		want = want[len(want)-1:]
	default:
		want = want[atoi(arg) : atoi(arg)+1]
	}
	outputs, err := j.a.outputs()
	for _, o := range outputs {
		got = append(got, o.Name)
	}
	if err != nil {
		return err
	}
	return require(slices.Equal(got, want), "outputs %q, expected %q", got, want)
}

func (j *judge) rowCounts() error {
	if !j.a.ok() || !j.t.batched {
		return nil
	}
	return j.eachOutput(func(_ *judge, o *tensor, _ *metaTensor) error {
		return require(len(o.Shape) > 0 && o.Shape[0] == int64(j.rows), "shape %v for %d rows", o.Shape, j.rows)
	})
}

// row is one row of outputs of a batch.
func row(outputs []tensor, r, rows int) []tensor {
	var all []tensor
	for _, o := range outputs {
		n := len(o.Elements) / max(rows, 1)
		o.Elements = o.Elements[r*n : (r+1)*n]
		all = append(all, o)
	}
	return all
}

// rowsAlone compares each row of a batch with the answer to that row alone.
func (j *judge) rowsAlone(ctx context.Context) error {
	outputs, err := j.a.outputs()
	if err != nil {
		return err
	}
	root, err := j.t.valid(j.rows)
	if err != nil {
		return err
	}
	for r := range j.rows {
		one := root.clone()
		for i, in := range one.get("inputs").items {
			w := j.t.template[i].width()
			data := in.get("data")
			data.items = data.items[r*w : (r+1)*w]
			in.get("shape").items[0] = scalar("1")
		}
		key := string(one.bytes())
		alone, known := j.t.infers[key]
		if !known {
			if alone, err = j.t.ask(ctx, one); err != nil {
				return fmt.Errorf("row %d alone: %w", r, err)
			}
			j.t.infers[key] = alone
		}
		if err := sameOutputs(row(outputs, r, j.rows), alone); err != nil {
			return fmt.Errorf("row %d of the batch is not answered as it is alone: %w", r, err)
		}
	}
	return nil
}

// same compares the outputs with those of the plain valid request.
func (j *judge) same(ctx context.Context) error {
	want, err := j.t.baseline(ctx, j.rows)
	if err != nil {
		return fmt.Errorf("the plain request: %w", err)
	}
	got, err := j.a.outputs()
	if err != nil {
		return err
	}
	for _, g := range got {
		if !slices.ContainsFunc(want, func(w tensor) bool { return w.Name == g.Name }) {
			if want, err = j.t.asked(ctx, j.rows); err != nil {
				return fmt.Errorf("the plain request for all outputs: %w", err)
			}
			break
		}
	}
	return sameOutputs(got, want)
}

// asked is baseline for a server that answers fewer outputs than it has where a
// request names none.
func (t *target) asked(ctx context.Context, rows int) ([]tensor, error) {
	root, err := t.valid(rows)
	if err != nil {
		return nil, err
	}
	if err := t.edit(root, rows, "ask all"); err != nil {
		return nil, err
	}
	return t.ask(ctx, root)
}

// echo wants the output that repeats an input to hold what was sent, exactly.
func (j *judge) echo(datatype string) error {
	i, err := j.t.selectInput(datatype, j.rows)
	if err != nil {
		return err
	}
	outputs, err := j.a.outputs()
	if err != nil {
		return err
	}
	root, err := j.t.valid(j.rows)
	if err != nil {
		return err
	}
	for _, line := range slices.Concat(j.check.Values, j.check.Edit) {
		if strings.Contains(line, ".data.") {
			if err := j.t.edit(root, j.rows, line); err != nil {
				return err
			}
		}
	}
	sent := root.get("inputs").items[i].get("data").items
	for _, o := range outputs {
		if o.Name != j.t.echoes[datatype] {
			continue
		}
		for k, e := range o.Elements {
			if k >= len(sent) || !exact(datatype, e, sent[k]) {
				return fmt.Errorf("output %q, element %d: %s for %s", o.Name, k, clip(e, 60), clip(sent[min(k, len(sent)-1)].raw, 60))
			}
		}
		return require(len(o.Elements) == len(sent), "output %q has %d elements for %d", o.Name, len(o.Elements), len(sent))
	}
	return fmt.Errorf("output %q is missing", j.t.echoes[datatype])
}

// exact tells whether an element is what was sent, in its datatype.
func exact(datatype, got string, sent *node) bool {
	if datatype == "BYTES" {
		return scalar(got).isString() && scalar(got).text() == sent.text()
	}
	a, errA := encode(datatype, []string{got})
	b, errB := encode(datatype, []string{sent.raw})
	return errA == nil && errB == nil && slices.Equal(a, b) && scalar(got).isBool() == (datatype == "BOOL")
}

// id wants the id of the request back; "sent" is the one that was sent.
func (j *judge) id(want string) error {
	w := raw(want)
	if want == "sent" {
		w = j.sent.get("id")
	}
	return j.member("id", func(v *node) bool { return v.isString() && v.text() == w.text() }, w.raw)
}

// binaryOutputs wants certain outputs as binary data: all, none, 0 (the first
// alone), 1: (all but the first).
func (j *judge) binaryOutputs(arg string) error {
	outputs, err := j.a.outputs()
	if err != nil {
		return err
	}
	if (j.a.header.Get(headerLength) == "") != (arg == "none") {
		return fmt.Errorf("%s is %q", headerLength, j.a.header.Get(headerLength))
	}
	for i, o := range outputs {
		want := arg == "all" || arg == "0" && i == 0 || arg == "1:" && i > 0
		if o.binary != want {
			return fmt.Errorf("output %q: binary data %v, expected %v", o.Name, o.binary, want)
		}
	}
	return nil
}

// contentsOrRaw wants elements of gRPC in one of the two places.
func (j *judge) contentsOrRaw() error {
	doc, err := j.object()
	if err != nil {
		return err
	}
	raws, outputs := doc.get("raw_output_contents"), doc.get("outputs")
	if outputs == nil || len(outputs.items) == 0 {
		return fmt.Errorf("no outputs")
	}
	isRaw := raws != nil && len(raws.items) > 0
	if isRaw && len(raws.items) != len(outputs.items) {
		return fmt.Errorf("%d raw contents for %d outputs", len(raws.items), len(outputs.items))
	}
	for i, o := range outputs.items {
		c := o.get("contents")
		given := c != nil && c.kind == '{'
		if given == isRaw {
			return fmt.Errorf("output %d: raw contents %v, contents %v", i, isRaw, given)
		}
	}
	return nil
}
