package checks

import (
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	table, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	spec, ours := 0, 0
	for _, g := range table.Groups {
		for _, c := range g.Checks {
			if c.Spec != "" {
				spec++
			} else {
				ours++
			}
		}
	}
	if spec < 300 || ours < 80 {
		t.Errorf("%d checks of the specification and %d of ours: some were lost", spec, ours)
	}
}

func TestValidate(t *testing.T) {
	good := func() *Table {
		return &Table{
			Documents: map[string]string{"D": "a text"},
			Lines:     map[string]Line{"a": {In: "D", At: "heading", Line: "words"}},
			Groups: []Group{{Checks: []Check{{
				ID: "a-1", Title: "title", Request: "GET /", Form: "none", Status: []string{"200"}, Spec: "a",
			}}}},
		}
	}
	if err := good().validate(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Table, *Check)
		want   string
	}{
		"id":            {func(_ *Table, c *Check) { c.ID = "A b" }, "id: expected"},
		"title":         {func(_ *Table, c *Check) { c.Title = "" }, "title or request"},
		"both sources":  {func(_ *Table, c *Check) { c.Ours = "why" }, "expected spec or ours"},
		"no source":     {func(_ *Table, c *Check) { c.Spec = "" }, "expected spec or ours"},
		"unknown line":  {func(_ *Table, c *Check) { c.Spec = "b" }, `unknown source "b"`},
		"form":          {func(_ *Table, c *Check) { c.Form = "v3" }, `unknown "v3"`},
		"no status":     {func(_ *Table, c *Check) { c.Status = nil }, "a request has statuses"},
		"status":        {func(_ *Table, c *Check) { c.Status = []string{"6xx"} }, `"6xx" is none`},
		"code":          {func(_ *Table, c *Check) { c.Request = "GRPC A" }, "a call has codes"},
		"twice":         {func(t *Table, c *Check) { t.Groups = append(t.Groups, Group{Checks: []Check{*c}}) }, "twice"},
		"document":      {func(t *Table, _ *Check) { t.Documents = nil }, "document, place or line"},
		"unused source": {func(t *Table, _ *Check) { t.Lines["b"] = t.Lines["a"] }, "used by no check"},
	} {
		table := good()
		c.change(table, &table.Groups[0].Checks[0])
		if err := table.validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
