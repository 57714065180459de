package chart

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the README's table anew")

const (
	tableBegin = "<!-- generated: go test ./k8s-classic/chart -run TestReadme -update -->\n"
	tableEnd   = "<!-- end -->\n"
)

// A value is a line of the table.
type value struct{ name, text, comment string }

// describe lists the values below a mapping. A mapping with a comment of its own
// is one value, unless its own keys have comments.
func describe(prefix string, mapping *yaml.Node) ([]value, error) {
	var all []value
	for i := 0; i < len(mapping.Content); i += 2 {
		key, node := mapping.Content[i], mapping.Content[i+1]
		v := value{name: prefix + key.Value, comment: comment(key)}
		if node.Kind == yaml.MappingNode && commented(node) {
			if v.comment != "" {
				all = append(all, value{v.name, "", v.comment})
			}
			below, err := describe(v.name+".", node)
			if err != nil {
				return nil, err
			}
			all = append(all, below...)
			continue
		}
		if v.comment == "" {
			return nil, fmt.Errorf("values.yaml:%d: %s has no comment", key.Line, v.name)
		}
		var decoded any
		if err := node.Decode(&decoded); err != nil {
			return nil, err
		}
		text, err := json.Marshal(decoded)
		if err != nil {
			return nil, err
		}
		v.text = string(text)
		all = append(all, v)
	}
	return all, nil
}

// comment is what stands above a key, in one line, without a paragraph before it.
func comment(key *yaml.Node) string {
	paragraphs := strings.Split(key.HeadComment, "\n\n")
	lines := strings.Split(paragraphs[len(paragraphs)-1], "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSpace(strings.TrimPrefix(l, "#"))
	}
	return strings.Join(lines, " ")
}

func commented(mapping *yaml.Node) bool {
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].HeadComment != "" {
			return true
		}
	}
	return false
}

// TestReadme keeps the README's table equal to values.yaml.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	all, err := describe("", document.Content[0])
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	table.WriteString("\n| Value | Default | What it is |\n|---|---|---|\n")
	for _, v := range all {
		if v.text != "" {
			v.text = "`" + v.text + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", v.name, v.text, strings.ReplaceAll(v.comment, "|", `\|`))
	}
	table.WriteString("\n")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(readme), tableBegin)
	_, tail, ended := strings.Cut(rest, tableEnd)
	if !ok || !ended {
		t.Fatal("README.md has no place for the table")
	}
	want := head + tableBegin + table.String() + tableEnd + tail
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(readme)); diff != "" {
		t.Errorf("README.md is not what values.yaml says (-want +got):\n%s", diff)
	}
}

// TestUncommented has a value that nobody explains.
func TestUncommented(t *testing.T) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte("# A.\na: 1\nb: 2\n"), &document); err != nil {
		t.Fatal(err)
	}
	if _, err := describe("", document.Content[0]); err == nil || err.Error() != "values.yaml:3: b has no comment" {
		t.Errorf("a value without a comment: %v", err)
	}
}
