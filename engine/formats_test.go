package engine

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"online-inference/engine/forest"
	"online-inference/engine/internal/generated"
)

var updateFormats = flag.Bool("update-formats", false, "write the tables of formats and objectives into docs/reference/formats.md")

// TestFormatTables keeps the tables of formats and of objectives in the documents
// equal to the code's. What models take and give is told by those of the golden set.
func TestFormatTables(t *testing.T) {
	const path = "../docs/reference/formats.md"
	generated.Part(t, path, "formats", formatTable(t), *updateFormats)
	generated.Part(t, path, "objectives", objectiveTable(t), *updateFormats)
}

func formatTable(t *testing.T) string {
	taken, given := map[string][]string{}, map[string][]string{}
	files, err := filepath.Glob("testdata/golden/*/model*")
	if err != nil {
		t.Fatal(err)
	}
	models := []*Model{named(t, "testdata/golden/xgb_binary/model.json")}
	for _, file := range files {
		if m, err := LoadFile(file); err == nil { // others have a status in the golden set, which its own test reads
			models = append(models, m)
		}
	}
	for _, m := range models {
		sig := m.Signature()
		framework := framework(sig.Format)
		if in := sig.Inputs[0]; len(sig.Inputs) == 1 && in.Name == "X" {
			taken[framework] = append(taken[framework], fmt.Sprintf("`X` %s [rows, columns]", in.Type))
		} else {
			types := []string{}
			for _, in := range sig.Inputs {
				types = append(types, in.Type.String())
			}
			slices.Sort(types)
			taken[framework] = append(taken[framework], "where a column is text one input a column, "+strings.Join(slices.Compact(types), " or "))
		}
		for _, out := range sig.Outputs {
			given[framework] = append(given[framework], fmt.Sprintf("`%s` %s", out.Name, out.Type))
		}
	}
	var b strings.Builder
	b.WriteString("| Format | In a signature | Told by | Inputs | Outputs |\n|---|---|---|---|---|\n")
	for _, f := range formats() {
		in, out := "as the file declares", "as the file declares"
		if f.objectives != nil {
			in, out = listed(taken[framework(f.name)]), listed(given[framework(f.name)])
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s |\n", f.title, f.name, f.told, in, out)
	}
	return b.String()
}

// framework is whose format a name is of.
func framework(format string) string {
	f, _, _ := strings.Cut(format, "-")
	return f
}

// named is a model of XGBoost's whose file names the classes, as those until 1.5 do.
func named(t *testing.T, path string) *Model {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const attributes, wrapper = `"attributes":{`, `"scikit_learn":"{\"_estimator_type\": \"classifier\", \"classes_\": [\"no\", \"yes\"]}"`
	data = bytes.Replace(data, []byte(attributes), []byte(attributes+wrapper), 1)
	m, err := Load(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// listed is a list of what occurs, the most frequent first.
func listed(all []string) string {
	count := map[string]int{}
	for _, s := range all {
		count[s]++
	}
	once := slices.Compact(slices.Sorted(slices.Values(all)))
	slices.SortStableFunc(once, func(a, b string) int { return count[b] - count[a] })
	return strings.Join(once, "; ")
}

// answers and links say what tasks give and what links do with a sum s.
var (
	answers = map[forest.Task]string{
		forest.Regression: "`prediction`", forest.Binary: "`label`, `probabilities` of two classes",
		forest.Multiclass: "`label`, `probabilities`", forest.Multilabel: "`label`, `probabilities` of each label",
	}
	links = map[forest.LinkKind]string{
		forest.Identity: "the sum", forest.Logistic: "1 / (1 + exp(-s))", forest.Softmax: "softmax of the classes' sums", forest.Exp: "exp(s)",
		forest.Softplus: "log(1 + exp(s))", forest.Step: "1 if s > 0, else 0",
		forest.Cumulative: "the first sum, then steps of log(1 + exp(s))", forest.NormalScale: "a mean, and a variance of exp(2s)",
	}
)

func objectiveTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| Framework | Objectives | Outputs | A sum s becomes |\n|---|---|---|---|\n")
	seen := map[string]bool{}
	for _, f := range formats() {
		if f.objectives == nil || seen[framework(f.name)] {
			continue
		}
		seen[framework(f.name)] = true
		title, _, _ := strings.Cut(f.title, " ")
		rows, names := []string{}, map[string][]string{}
		for _, o := range f.objectives() {
			meaning := answers[o.Task] + " | " + links[o.Link]
			if answers[o.Task] == "" || links[o.Link] == "" {
				t.Errorf("task %d and link %d have no words", o.Task, o.Link)
			}
			if names[meaning] == nil {
				rows = append(rows, meaning)
			}
			names[meaning] = append(names[meaning], "`"+o.Name+"`")
		}
		for _, meaning := range rows {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", title, strings.Join(names[meaning], ", "), meaning)
		}
	}
	return b.String()
}
