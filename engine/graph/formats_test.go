package graph

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"online-inference/engine/internal/generated"
)

var update = flag.Bool("update", false, "write the table of operators into docs/reference/formats.md")

// TestFormats keeps the table of operators in the documents equal to the code's.
func TestFormats(t *testing.T) {
	generated.Part(t, "../../docs/reference/formats.md", "operators", operatorTable(), *update)
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
