package graph

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the table of operators into docs/reference/formats.md")

// TestFormats keeps the table of operators in the documents equal to the code's.
func TestFormats(t *testing.T) {
	const (
		path  = "../../docs/reference/formats.md"
		begin = "<!-- operators: generated, do not edit -->\n"
		end   = "<!-- end of operators -->\n"
	)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), begin)
	have, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the operators", path)
	}
	want := operatorTable()
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

func operatorTable() string {
	var b strings.Builder
	b.WriteString("| Domain | Operator | Operator sets | Types |\n|---|---|---|---|\n")
	for _, op := range operators() {
		domain, sets, types := op.domain, fmt.Sprintf("%d to %d", op.since, newest(op.domain)), op.types.String()
		if domain == "" {
			domain = "ai.onnx"
		}
		if op.since == newest(op.domain) {
			sets = fmt.Sprint(op.since)
		}
		if op.name == "Constant" {
			types = "no input; gives all"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", domain, op.name, sets, types)
	}
	return b.String()
}

// TestTable checks the table itself: sorted, nothing twice, and each entry with
// types and an operator set that can occur.
func TestTable(t *testing.T) {
	ops := operators()
	if !slices.IsSortedFunc(ops, func(a, b operator) int {
		if c := strings.Compare(a.domain, b.domain); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	}) {
		t.Error("the operators are not sorted")
	}
	seen := map[string]bool{}
	for _, op := range ops {
		if name := op.domain + "." + op.name; seen[name] || op.types == 0 || op.since < 1 || op.since > newest(op.domain) || op.build == nil {
			t.Errorf("entry %s: twice, or without types, or since %d", name, op.since)
		} else {
			seen[name] = true
		}
	}
}
