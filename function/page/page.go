// Package page is the server's page for people: what this server is, who answers,
// and a form that sends a row and shows the answer. It works without any other
// host and under a strict content security policy.
package page

import (
	"bytes"
	"embed"
	"html/template"
	"path"
	"strconv"
	"strings"
	"sync"

	"online-inference/engine"
	"online-inference/function/artefact"
	"online-inference/function/oip"
)

//go:embed index.html assets
var files embed.FS

// SecurityPolicy is the Content-Security-Policy of every answer of this package:
// nothing inline, nothing from elsewhere.
const SecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// A Page renders the page. Its template is parsed when the first person looks,
// which keeps it out of the server's start.
type Page struct {
	template func() (*template.Template, error)
}

// New makes a Page.
func New() *Page {
	return &Page{template: sync.OnceValues(func() (*template.Template, error) {
		return template.ParseFS(files, "index.html")
	})}
}

// Identity says who answers.
type Identity struct{ Build, Revision, Pod, Base string }

// Render writes the page of a model.
func (p *Page) Render(m *artefact.Model, who Identity) ([]byte, error) {
	t, err := p.template()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, view{
		Model: m, Who: who, Fields: fields(m), Curl: curl(who.Base, exampleRow(m)),
		Examples: recorded(m), Answers: answers(m), Doubts: doubts(m), Bars: bars(m.Training),
	})
	return b.Bytes(), err
}

// Asset is a file of the page and its type; ok is false where there is none.
func Asset(name string) (content []byte, contentType string, ok bool) {
	switch path.Ext(name) {
	case ".css":
		contentType = "text/css; charset=utf-8"
	case ".js":
		contentType = "text/javascript; charset=utf-8"
	default:
		return nil, "", false
	}
	content, err := files.ReadFile("assets/" + path.Base(name))
	return content, contentType, err == nil
}

// view is what the template sees.
type view struct {
	Model  *artefact.Model
	Who    Identity
	Fields []field
	Curl   string // sends the first example from a shell

	Examples        []recordedRow
	Answers, Doubts []string // sentences of the model card
	Bars            []bar
}

// field is one feature of the form.
type field struct {
	*artefact.Feature
	ID      string // in the page: the name, or the place where the name cannot be one
	Kind    string // of its values in JSON: text, bool or number
	Options []option
	Value   string // of the first example
	Bounds  string // in words, empty without any
}

type option struct {
	Value, Label string
	Selected     bool
}

func fields(m *artefact.Model) []field {
	all := make([]field, len(m.Features))
	for i := range m.Features {
		f := &m.Features[i]
		fd := field{Feature: f, ID: idOf(i, f.Name), Kind: kind(f.Storage)}
		example := artefact.Value{Kind: oip.Null}
		if len(m.Examples) > 0 {
			example = m.Examples[0].Values[i]
		}
		if example.Kind != oip.Null {
			fd.Value = example.Text
		}
		if f.Nullable && len(f.Categories) > 0 {
			fd.Options = append(fd.Options, option{"", "not known", example.Kind == oip.Null})
		}
		if f.Storage == engine.Bool {
			for _, v := range []string{"false", "true"} {
				fd.Options = append(fd.Options, option{v, v, v == example.Text})
			}
		}
		for _, c := range f.Categories {
			label := c.Value
			if c.Meaning != "" {
				label += " – " + c.Meaning
			}
			fd.Options = append(fd.Options, option{c.Value, label, example.Kind != oip.Null && c.Value == example.Text})
		}
		if f.Valid.Bounded() {
			bounds := f.Valid.String()
			fd.Bounds = strings.ToUpper(bounds[:1]) + bounds[1:]
		}
		all[i] = fd
	}
	return all
}

// idOf is the name of a feature where it can stand in lists of ids, which spaces
// separate; else its number.
func idOf(i int, name string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '-'
	}
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) || '0' <= name[0] && name[0] <= '9' {
		return strconv.Itoa(i)
	}
	return name
}

// anyValue is a value that a feature takes, as JSON: null where that is one.
func anyValue(f *artefact.Feature) string {
	switch {
	case f.Nullable:
		return "null"
	case f.Storage == engine.String && len(f.Categories) > 0:
		return string(oip.AppendString(nil, f.Categories[0].Value))
	case len(f.Categories) > 0:
		return f.Categories[0].Value
	case f.Storage == engine.String:
		return `""`
	case f.Storage == engine.Bool:
		return "false"
	}
	return strconv.FormatFloat(min(max(0, f.Valid.Min), f.Valid.Max), 'f', -1, 64)
}

// exampleRow is the first example as a JSON object; without one a row of values
// that the features take.
func exampleRow(m *artefact.Model) string {
	var b strings.Builder
	b.WriteByte('{')
	for i := range m.Features {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(oip.AppendString(nil, m.Features[i].Name))
		b.WriteByte(':')
		if len(m.Examples) > 0 {
			b.WriteString(m.Examples[0].Values[i].JSON())
		} else {
			b.WriteString(anyValue(&m.Features[i]))
		}
	}
	b.WriteByte('}')
	return b.String()
}

func kind(t engine.Type) string {
	switch t {
	case engine.String:
		return "text"
	case engine.Bool:
		return "bool"
	}
	return "number"
}

// curl is the command that sends a row. The address comes from the client's own
// Host header, the row from the artefact: neither may end its word of the shell.
func curl(base, row string) string {
	return "curl " + shellWord(base+"/predict") + " -H 'Content-Type: application/json' -d " + shellWord("["+row+"]")
}

// shellWord quotes what a shell would not take as one plain word.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.:/", r)
	}
	if strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
