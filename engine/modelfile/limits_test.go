package modelfile

import (
	"flag"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"online-inference/engine/internal/generated"
)

var update = flag.Bool("update", false, "write the table of limits into docs/reference/limits.md")

// TestLimits keeps the table of limits in the documents equal to the code's.
func TestLimits(t *testing.T) {
	generated.Part(t, "../../docs/reference/limits.md", "limits", limitTable(t), *update)
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
