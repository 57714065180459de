package conform

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// v1Lists writes the valid request as V1's rows of values.
func (t *target) v1Lists(root *node, rows int) *node {
	instances := list()
	for r := range rows {
		one := list()
		for i, in := range root.get("inputs").items {
			w := t.template[i].width()
			one.items = append(one.items, in.get("data").items[r*w:(r+1)*w]...)
		}
		instances.items = append(instances.items, one)
	}
	return object("instances", instances)
}

// v1Objects writes it as V1's rows of named values.
func (t *target) v1Objects(root *node, rows int) (*node, error) {
	instances := list()
	for r := range rows {
		one := &node{kind: '{'}
		for i, in := range root.get("inputs").items {
			if t.template[i].width() != 1 || !t.described {
				return nil, inapplicable("the model's columns have no names")
			}
			one.set(t.template[i].name, in.get("data").items[r])
		}
		instances.items = append(instances.items, one)
	}
	return object("instances", instances), nil
}

// predictions are V1's, one for each row.
func (j *judge) predictions() ([]*node, error) {
	doc, err := j.object()
	if err != nil {
		return nil, err
	}
	p := doc.get("predictions")
	if p == nil || p.kind != '[' {
		return nil, fmt.Errorf(`"predictions" is no list`)
	}
	rows := j.rows
	if j.sent != nil {
		for _, name := range []string{"instances", "inputs"} {
			if l := j.sent.get(name); l != nil && l.kind == '[' {
				rows = len(l.items)
			}
		}
	}
	return p.items, require(len(p.items) == rows, "%d predictions for %d rows", len(p.items), rows)
}

// v1Same compares predictions with those for the same rows in the plain form.
func (j *judge) v1Same(ctx context.Context) error {
	got, err := j.predictions()
	if err != nil {
		return err
	}
	key := fmt.Sprint(j.rows)
	want, known := j.t.baselineV1[key]
	if !known {
		root, err := j.t.valid(j.rows)
		if err != nil {
			return err
		}
		sent := j.t.v1Lists(root, j.rows)
		path := "/v1/models/" + url.PathEscape(j.t.model) + ":predict"
		a := j.t.send(ctx, http.MethodPost, path, http.Header{"Content-Type": {"application/json"}}, sent.bytes())
		if a.err != nil || a.status != http.StatusOK {
			return fmt.Errorf("the plain request: %s", a.String())
		}
		plain := &judge{t: j.t, check: j.check, rows: j.rows, sent: sent, a: a}
		if want, err = plain.predictions(); err != nil {
			return fmt.Errorf("the plain request: %w", err)
		}
		j.t.baselineV1[key] = want
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d predictions, for the plain request %d", len(got), len(want))
	}
	for i := range got {
		if !alike(got[i], want[i]) {
			return fmt.Errorf("prediction %d: %s, for the plain request %s", i, clip(string(got[i].bytes()), 100), clip(string(want[i].bytes()), 100))
		}
	}
	return nil
}

// alike compares values, numbers as near as answers of a batch come.
func alike(a, b *node) bool {
	if a.kind != b.kind || len(a.items) != len(b.items) || len(a.members) != len(b.members) {
		return false
	}
	for i := range a.items {
		if !alike(a.items[i], b.items[i]) {
			return false
		}
	}
	for i := range a.members {
		if a.members[i].name != b.members[i].name || !alike(a.members[i].value, b.members[i].value) {
			return false
		}
	}
	return near(a.raw, b.raw)
}

// v2Same compares V1's predictions with V2's outputs of the same rows. A
// prediction is a row of one output, or an object of outputs by their names.
func (j *judge) v2Same(ctx context.Context) error {
	got, err := j.predictions()
	if err != nil {
		return err
	}
	outputs, err := j.t.baseline(ctx, j.rows)
	if err != nil {
		return err
	}
	for r, p := range got {
		if err := agrees(p, row(outputs, r, j.rows)); err != nil {
			return fmt.Errorf("prediction %d: %w", r, err)
		}
	}
	return nil
}

func agrees(p *node, outputs []tensor) error {
	if p.kind != '{' {
		for _, o := range outputs {
			if holdsElements(p, o.Elements) {
				return nil
			}
		}
		return fmt.Errorf("%s is the row of no V2 output", clip(string(p.bytes()), 100))
	}
	found := false
	for _, o := range outputs {
		v := p.get(o.Name)
		if v == nil {
			continue
		}
		found = true
		if !holdsElements(v, o.Elements) {
			return fmt.Errorf("%q is %s, V2 says %v", o.Name, clip(string(v.bytes()), 100), o.Elements)
		}
	}
	return require(found, "%s names no V2 output", clip(string(p.bytes()), 100))
}

func holdsElements(v *node, elements []string) bool {
	flat, _, _ := v.leaves()
	if len(flat) != len(elements) {
		return false
	}
	for i := range flat {
		if flat[i].kind != 0 || !near(flat[i].raw, elements[i]) {
			return false
		}
	}
	return true
}
