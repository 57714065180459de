package engine_test

import (
	"errors"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"online-inference/engine"
)

// TestImports holds the engine to itself and the standard library, whose import
// paths have no dot in their first element.
func TestImports(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			first, _, _ := strings.Cut(name, "/")
			if strings.Contains(first, ".") || first == "online-inference" && !strings.HasPrefix(name, "online-inference/engine/") || name == "C" {
				t.Errorf("%s imports %s", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("%d files found", files)
	}
}

// TestErrLimit tells a file beyond a limit from a damaged one.
func TestErrLimit(t *testing.T) {
	deep := &message{}
	for range 30 { // graphs in attributes of nodes, one in another
		attr, node, graph := &message{}, &message{}, &message{}
		attr.text(6, string(deep.bytes))
		node.text(5, string(attr.bytes))
		graph.text(1, string(node.bytes))
		deep = graph
	}
	many := &message{}
	for range 1<<18 + 1 {
		many.text(11, "")
	}
	for what, graph := range map[string]*message{"depth": deep, "inputs": many} {
		file := &message{}
		file.number(1, 8)
		file.text(7, string(graph.bytes))
		if _, err := engine.Load(file.bytes); !errors.Is(err, engine.ErrLimit) {
			t.Errorf("%s: error %v, want one about a limit", what, err)
		}
		malformed := (*engine.FormatError)(nil)
		if _, err := engine.Load(file.bytes[:len(file.bytes)-1]); !errors.As(err, &malformed) || errors.Is(err, engine.ErrLimit) {
			t.Errorf("%s, cut short: error %v, want one about damage", what, err)
		}
	}
}
