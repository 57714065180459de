package engine

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"online-inference/engine/internal/generated"
)

var updateFormats = flag.Bool("update-formats", false, "write the tables of formats and objectives into docs/reference/formats.md")

// TestFormatTables keeps the tables of formats and of objectives in the documents
// equal to the code's. What models take and give is told by those of the golden set.
func TestFormatTables(t *testing.T) {
	const path = "../docs/reference/formats.md"
	generated.Part(t, path, "formats", formatTable(t), *updateFormats)
	generated.Part(t, path, "objectives", objectiveTable(), *updateFormats)
}

func formatTable(t *testing.T) string {
	taken, given := map[string][]string{}, map[string][]string{}
	files, err := filepath.Glob("testdata/golden/*/model*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		m, err := LoadFile(file)
		if err != nil {
			continue // a status of the golden set, which its own test reads
		}
		sig := m.Signature()
		if in := sig.Inputs[0]; len(sig.Inputs) == 1 && in.Name == "X" {
			taken[sig.Format] = append(taken[sig.Format], fmt.Sprintf("`X` %s [rows, columns]", in.Type))
		} else {
			types := []string{}
			for _, in := range sig.Inputs {
				types = append(types, in.Type.String())
			}
			slices.Sort(types)
			taken[sig.Format] = append(taken[sig.Format], "where a column is text one input a column, "+strings.Join(slices.Compact(types), " or "))
		}
		for _, out := range sig.Outputs {
			given[sig.Format] = append(given[sig.Format], fmt.Sprintf("`%s` %s", out.Name, out.Type))
		}
	}
	var b strings.Builder
	b.WriteString("| Format | In a signature | Told by | Inputs | Outputs |\n|---|---|---|---|---|\n")
	for _, f := range formats() {
		in, out := "as the file declares", "as the file declares"
		if f.objectives != nil {
			in, out = listed(taken[f.name]), listed(given[f.name])
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s |\n", f.title, f.name, f.told, in, out)
	}
	return b.String()
}

// listed is a list of what occurs, the most frequent first.
func listed(all []string) string {
	count := map[string]int{}
	for _, s := range all {
		count[s]++
	}
	slices.Sort(all)
	once := slices.Compact(all)
	slices.SortStableFunc(once, func(a, b string) int { return count[b] - count[a] })
	return strings.Join(once, "; ")
}

func objectiveTable() string {
	var b strings.Builder
	b.WriteString("| Framework | Objectives | Outputs | A sum s becomes |\n|---|---|---|---|\n")
	seen := map[string]bool{}
	for _, f := range formats() {
		framework, _, _ := strings.Cut(f.title, " ")
		if f.objectives == nil || seen[framework] {
			continue
		}
		seen[framework] = true
		rows, names := []string{}, map[string][]string{}
		for _, o := range f.objectives() {
			meaning := fmt.Sprintf("%s | %s", o.Task, o.Link)
			if names[meaning] == nil {
				rows = append(rows, meaning)
			}
			names[meaning] = append(names[meaning], "`"+o.Name+"`")
		}
		for _, meaning := range rows {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", framework, strings.Join(names[meaning], ", "), meaning)
		}
	}
	return b.String()
}
