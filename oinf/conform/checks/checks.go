// Package checks holds the conformance table of the Open Inference Protocol as
// data: what is sent, which statuses are accepted, what the answer has to be, and
// where the rule comes from. It judges nothing.
package checks

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed *.yaml
var files embed.FS

// A Table is all checks and where they come from.
type Table struct {
	Documents map[string]string // short name: which text
	Lines     map[string]Line   // key: a line of such a text
	Groups    []Group
}

// A Line is a rule of a specification.
type Line struct {
	In   string `yaml:"in"`   // the document's short name
	At   string `yaml:"at"`   // the heading or the name there
	Line string `yaml:"line"` // what it says, shortened
}

// A Group is a part of the table.
type Group struct {
	Name     string  `yaml:"group"`
	Defaults Check   `yaml:"defaults"` // what a check of the group leaves out
	Checks   []Check `yaml:"checks"`
}

// A Check is one request and what is accepted as its answer.
type Check struct {
	ID    string `yaml:"id"`
	Title string `yaml:"title"`
	// Request is METHOD PATH, or GRPC CALL. {model}, {version} and their like
	// stand for what the server's metadata says.
	Request string            `yaml:"request"`
	Headers map[string]string `yaml:"headers"` // "" sends none of that name
	// Form is how the valid request is written that Values and Edit change: none,
	// v2, binary, mixed, v1-lists, v1-objects, grpc, grpc-raw, grpc-both.
	Form   string   `yaml:"form"`
	Rows   *int     `yaml:"rows"`   // of the valid request; 1 where it is left out
	Values []string `yaml:"values"` // edits of the valid request before it takes its form
	Edit   []string `yaml:"edit"`   // edits of the request in its form
	Body   *string  `yaml:"body"`   // in the place of a form
	Wire   []string `yaml:"wire"`   // edits of the bytes that are sent
	// Program is code that sends the request where one plain exchange is not it.
	Program string   `yaml:"program"`
	Needs   []string `yaml:"needs"`  // what server and model have to have
	Status  []string `yaml:"status"` // accepted, of HTTP: 200, 4xx, none
	Code    []string `yaml:"code"`   // accepted, of gRPC
	Expect  []string `yaml:"expect"` // rules of the answer
	Spec    string   `yaml:"spec"`   // key of the line it comes from, or
	Ours    string   `yaml:"ours"`   // why it is a rule of ours
}

// Load reads the table and refuses one that contradicts itself.
func Load() (*Table, error) {
	var t Table
	names, err := fs.Glob(files, "*.yaml") // sorted
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		d := yaml.NewDecoder(bytes.NewReader(text))
		d.KnownFields(true)
		if name == "00-sources.yaml" {
			err = d.Decode(&t)
		} else {
			var g Group
			if err = d.Decode(&g); err == nil {
				g.complete()
				t.Groups = append(t.Groups, g)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", name, err)
		}
	}
	return &t, t.validate()
}

// complete gives every check what the group says by default.
func (g *Group) complete() {
	d := g.Defaults
	for i := range g.Checks {
		c := &g.Checks[i]
		if c.Request == "" {
			c.Request = d.Request
		}
		if c.Form == "" {
			c.Form = d.Form
		}
		if c.Needs == nil {
			c.Needs = d.Needs
		}
		if c.Expect == nil {
			c.Expect = d.Expect
		}
		if c.Spec == "" && c.Ours == "" {
			c.Spec, c.Ours = d.Spec, d.Ours
		}
		switch grpc := c.GRPC(); {
		case grpc && c.Code == nil:
			c.Code = d.Code
		case !grpc && c.Status == nil:
			c.Status = d.Status
		}
	}
}

// GRPC tells whether a check is a call and no HTTP request.
func (c *Check) GRPC() bool { return strings.HasPrefix(c.Request, "GRPC ") }

// RowCount is the number of rows of the valid request.
func (c *Check) RowCount() int {
	if c.Rows == nil {
		return 1
	}
	return *c.Rows
}

var (
	idForm     = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	statusForm = regexp.MustCompile(`^([1-5]xx|[1-5][0-9][0-9]|none)$`)
	forms      = []string{"none", "v2", "binary", "mixed", "v1-lists", "v1-objects", "grpc", "grpc-raw", "grpc-both"}
)

// validate holds the table against its own rules.
func (t *Table) validate() error {
	seen, used := map[string]bool{}, map[string]bool{}
	for _, g := range t.Groups {
		for _, c := range g.Checks {
			if err := c.validate(t); err != nil {
				return fmt.Errorf("check %q: %w", c.ID, err)
			}
			if seen[c.ID] {
				return fmt.Errorf("check %q stands there twice", c.ID)
			}
			seen[c.ID], used[c.Spec] = true, true
		}
	}
	for key, l := range t.Lines {
		if t.Documents[l.In] == "" || l.At == "" || l.Line == "" {
			return fmt.Errorf("source %q: document, place or line is missing", key)
		}
		if !used[key] {
			return fmt.Errorf("source %q is used by no check", key)
		}
	}
	return nil
}

func (c *Check) validate(t *Table) error {
	switch {
	case !idForm.MatchString(c.ID):
		return fmt.Errorf("id: expected words with hyphens")
	case c.Title == "" || c.Request == "":
		return fmt.Errorf("title or request is missing")
	case (c.Spec == "") == (c.Ours == ""):
		return fmt.Errorf("expected spec or ours")
	case c.Spec != "" && t.Lines[c.Spec].In == "":
		return fmt.Errorf("spec: unknown source %q", c.Spec)
	case !slices.Contains(forms, c.Form):
		return fmt.Errorf("form: unknown %q", c.Form)
	case c.GRPC() && (len(c.Code) == 0 || len(c.Status) > 0):
		return fmt.Errorf("a call has codes and no statuses")
	case !c.GRPC() && (len(c.Status) == 0 || len(c.Code) > 0):
		return fmt.Errorf("a request has statuses and no codes")
	}
	for _, s := range c.Status {
		if !statusForm.MatchString(s) {
			return fmt.Errorf("status: %q is none", s)
		}
	}
	return nil
}
