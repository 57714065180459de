package page

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"online-inference/function/artefact"
	"online-inference/function/oip"
)

// element is a start tag with its attributes.
type element struct {
	name string
	attr map[string]string
}

// parse reads HTML strictly: every element that needs one has its end.
func parse(t *testing.T, html []byte) []element {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(string(html), "<!doctype html>")))
	dec.Strict = false // attributes without values, void elements
	dec.AutoClose = []string{"meta", "link", "input", "br"}
	dec.Entity = xml.HTMLEntity
	var all []element
	depth := 0
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			if depth != 0 {
				t.Fatalf("%d elements are left open", depth)
			}
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			e := element{tok.Name.Local, map[string]string{}}
			for _, a := range tok.Attr {
				e.attr[a.Name.Local] = a.Value
			}
			all = append(all, e)
			depth++
		case xml.EndElement:
			depth--
		}
	}
}

func render(t *testing.T, path string) ([]byte, *artefact.Model) {
	t.Helper()
	m, err := artefact.Load(path, artefact.Labels{})
	if err != nil {
		t.Fatal(err)
	}
	html, err := New().Render(m, Identity{Build: "b", Revision: "r-1", Pod: "p-1", Base: "http://host:8080"})
	if err != nil {
		t.Fatal(err)
	}
	return html, m
}

// TestPage holds the page against its policy and against what a keyboard and a
// screen reader need.
func TestPage(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		html, m := render(t, "../kodata/models/heart-disease/"+version)
		elements := parse(t, html)
		ids, labelled, fields := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for _, e := range elements {
			if id := e.attr["id"]; id != "" && ids[id] {
				t.Errorf("the id %s is there twice", id)
			} else {
				ids[id] = true
			}
			for name, value := range e.attr {
				if strings.HasPrefix(name, "on") || name == "style" {
					t.Errorf("<%s> has an inline %s", e.name, name)
				}
				if (name == "src" || name == "href" || name == "action") && !strings.HasPrefix(value, "/") && value != "data:," {
					t.Errorf("<%s> leads to %s", e.name, value)
				}
			}
			switch e.name {
			case "script":
				if e.attr["src"] == "" && e.attr["type"] != "application/json" { // data is no code
					t.Error("an inline script")
				}
			case "style":
				t.Error("an inline style sheet")
			case "html":
				if e.attr["lang"] == "" {
					t.Error("the page has no language")
				}
			case "label":
				labelled[e.attr["for"]] = true
			case "input", "select":
				fields[e.attr["name"]] = true
			}
			if (e.name == "script" || e.name == "link") && strings.HasPrefix(e.attr["src"]+e.attr["href"], "/assets/") {
				if _, _, ok := Asset(filepath.Base(e.attr["src"] + e.attr["href"])); !ok {
					t.Errorf("the asset %v is not there", e.attr)
				}
			}
		}
		for _, f := range m.Features {
			if !fields[f.Name] || !labelled["f-"+f.Name] || !ids["f-"+f.Name] || !ids["d-"+f.Name] {
				t.Errorf("feature %s has no complete field", f.Name)
			}
		}
		for _, want := range []string{m.Title, "version <strong>" + version, "r-1", "p-1", "curl http://host:8080/predict", "standard error", "not for medical use", "get the wrong class", "thal = 6 (fixed defect) was seen in 18 of 303 rows only", `class="mean"`, `aria-live="polite"`, `role="alert"`} {
			if !strings.Contains(string(html), want) {
				t.Errorf("the page does not say %q", want)
			}
		}
	}
}

// TestPageEscapes: what an artefact says of itself cannot act on the page.
func TestPageEscapes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"model.onnx", "model.yaml"} {
		b, err := os.ReadFile("../kodata/models/heart-disease/1/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if name == "model.yaml" {
			old := "title: Heart disease from thirteen measurements, by boosted trees"
			if !strings.Contains(string(b), old) {
				t.Fatal("the title has changed")
			}
			b = []byte(strings.Replace(string(b), old, `title: "<script>alert(1)</script>"`, 1))
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	html, _ := render(t, dir)
	if strings.Contains(string(html), "<script>alert") || !strings.Contains(string(html), "&lt;script&gt;alert(1)") {
		t.Error("the title is not escaped")
	}
}

// TestBareModel: a model without a description has a page, too.
func TestBareModel(t *testing.T) {
	html, _ := render(t, "../kodata/models/heart-disease/1/model.onnx")
	parse(t, html)
	for _, want := range []string{"<h1>model</h1>", "Nothing is recorded of its training"} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestAsset(t *testing.T) {
	for name, want := range map[string]string{"style.css": "text/css; charset=utf-8", "app.js": "text/javascript; charset=utf-8"} {
		if b, contentType, ok := Asset(name); !ok || len(b) == 0 || contentType != want {
			t.Errorf("%s: %d bytes of %s, %v", name, len(b), contentType, ok)
		}
	}
	for _, name := range []string{"", "index.html", "../index.html", "nope.css", ".css", "style.css/x"} {
		if _, _, ok := Asset(name); ok {
			t.Errorf("%q is there", name)
		}
	}
}

// TestCurl: the command line stays one command, whatever the client's Host header
// and the artefact say.
func TestCurl(t *testing.T) {
	for _, c := range []struct{ base, row, want string }{
		{"http://host:8080", `{"a":1}`, `curl http://host:8080/predict -H 'Content-Type: application/json' -d '[{"a":1}]'`},
		{"http://x;reboot", `{"it's":1}`, `curl 'http://x;reboot/predict' -H 'Content-Type: application/json' -d '[{"it'\''s":1}]'`},
		{"http://$(id)'`id`", `{}`, "curl 'http://$(id)'\\''`id`/predict' -H 'Content-Type: application/json' -d '[{}]'"},
	} {
		if got := curl(c.base, c.row); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// TestBareRow: without a recorded example the row of the command line is one that
// the framework's own files take, and fields of any name have ids.
func TestBareRow(t *testing.T) {
	paths, err := filepath.Glob("../../engine/testdata/golden/*/model*")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, path := range paths {
		m, err := artefact.Load(path, artefact.Labels{})
		if err != nil || m.Format == "onnx" { // an encoder may refuse whatever it does not know
			continue
		}
		tried++
		var row map[string]any
		if err := json.Unmarshal([]byte(exampleRow(m)), &row); err != nil || len(row) != len(m.Features) {
			t.Errorf("%s: %s: %v", path, exampleRow(m), err)
		}
		b := m.Batch(1)
		for i := range m.Features {
			kind, text := oip.Number, anyValue(&m.Features[i])
			switch v := row[m.Features[i].Name].(type) {
			case nil:
				kind = oip.Null
			case string:
				kind, text = oip.String, v
			case bool:
				kind = oip.Bool
			}
			if expected, _ := b.Set(0, i, kind, []byte(text)); expected != "" {
				t.Errorf("%s: %s: %s is to be %s", path, m.Features[i].Name, text, expected)
			}
		}
		if err := b.Run(); err != nil {
			t.Errorf("%s: %s: %v", path, exampleRow(m), err)
		}
		b.Release()
	}
	if tried < 40 {
		t.Errorf("only %d files were tried", tried)
	}
	for name, want := range map[string]string{"age": "age", "Net income": "7", "Größe": "7", "1st": "7", "": "7", "a_b-1": "a_b-1"} {
		if got := idOf(7, name); got != want {
			t.Errorf("%q: id %q, want %q", name, got, want)
		}
	}
}
