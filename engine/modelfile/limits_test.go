package modelfile

import (
	"flag"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the table of limits into docs/reference/limits.md")

// TestLimits keeps the table of limits in the documents equal to the code's.
func TestLimits(t *testing.T) {
	const (
		path  = "../../docs/reference/limits.md"
		begin = "<!-- limits: generated, do not edit -->\n"
		end   = "<!-- end of limits -->\n"
	)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), begin)
	have, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the limits", path)
	}
	want := limitTable(t)
	if *update {
		if err := os.WriteFile(path, []byte(head+begin+want+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("run this test with -update (-want +got)\n%s", diff)
	}
}

// limitTable reads the constants, their values and the comments beside them.
func limitTable(t *testing.T) string {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "limits.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := (&types.Config{}).Check("modelfile", files, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| Limit | Most | Of what |\n|---|---|---|\n")
	rows := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		name := spec.Names[0].Name
		v, exact := constant.Int64Val(pkg.Scope().Lookup(name).(*types.Const).Val())
		if !exact || spec.Comment == nil {
			t.Fatalf("%s is no whole number, or has no comment beside it", name)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, grouped(v), strings.TrimSpace(spec.Comment.Text()))
		rows++
		return true
	})
	if rows < 10 {
		t.Fatalf("%d limits found", rows)
	}
	return b.String()
}

// grouped writes a number with commas between thousands.
func grouped(v int64) string {
	s := fmt.Sprint(v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
