package inspect

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxListed bounds the features that the text lists; the JSON form has all.
const maxListed = 200

// Text writes a report for people.
func (r *Report) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Name, r.Version)
	if r.Title != "" {
		fmt.Fprintf(&b, "%s\n", r.Title)
	}
	b.WriteByte('\n')
	r.facts(&b)
	r.features(&b)
	b.WriteString("\noutputs\n")
	rows := [][]string{}
	for _, p := range r.Outputs {
		rows = append(rows, []string{p.Name, p.Type, shape(p.Shape), p.Role})
	}
	table(&b, rows)
	if len(r.Classes) > 0 {
		b.WriteString("\nclasses\n")
		rows = rows[:0]
		for _, c := range r.Classes[:min(len(r.Classes), maxListed)] {
			name := c.Name
			if unquoted, err := strconv.Unquote(c.Label); c.Label == name || err == nil && unquoted == name {
				name = ""
			}
			rows = append(rows, []string{c.Label, name})
		}
		table(&b, rows)
		more(&b, len(r.Classes))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// facts writes what is one line each.
func (r *Report) facts(b *strings.Builder) {
	fact := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "%-11s %s\n", name, value)
		}
	}
	format := formats[r.Format]
	if r.FormatVersion != "" {
		format += " " + r.FormatVersion
	}
	for _, domain := range sorted(r.Opsets) {
		format += fmt.Sprintf(", %s %d", domain, r.Opsets[domain])
	}
	fact("format", format)
	switch {
	case r.Producer == "" && r.ProducerVersion == "":
		fact("written by", "the file does not say")
	case r.ProducerVersion == "":
		fact("written by", r.Producer+", the file does not say which version")
	default:
		fact("written by", strings.TrimSpace(r.Producer+" "+r.ProducerVersion))
	}
	fact("objective", r.Objective)
	r.training(fact)
	fact("file", fmt.Sprintf("%s, %s bytes, sha256 %s", r.File, thousands(r.Bytes), r.SHA256))
	r.structure(fact)
	fact("rows", fmt.Sprintf("%s at most in one batch", thousands(r.MaxRows)))
	if r.Examples > 0 {
		fact("examples", fmt.Sprintf("%d in model.yaml, answered as recorded", r.Examples))
	}
	if !r.Described {
		fact("note", "no model.yaml: values have no bounds, and no example proves the answers")
	}
}

var formats = map[string]string{
	"onnx": "ONNX", "xgboost-json": "XGBoost JSON", "xgboost-ubj": "XGBoost UBJ", "lightgbm-text": "LightGBM text", "catboost-json": "CatBoost JSON",
}

func (r *Report) training(fact func(name, value string)) {
	if r.Training == nil {
		return
	}
	fact("algorithm", r.Training.Algorithm)
	var tools []string
	for _, tool := range sorted(r.Training.Tools) {
		tools = append(tools, tool+" "+r.Training.Tools[tool])
	}
	fact("tools", strings.Join(tools, ", "))
	if d := r.Training.Data; d.Name != "" {
		fact("data", fmt.Sprintf("%s, %s rows", d.Name, thousands(d.Rows)))
	}
	for _, m := range r.Training.Metrics {
		fact("metric", fmt.Sprintf("%s %.3f ± %.3f", m.Name, m.Mean, m.StandardError))
	}
}

func (r *Report) structure(fact func(name, value string)) {
	if t := r.Structure.Trees; t != nil {
		fact("trees", fmt.Sprintf("%s, %s nodes, %s of them leaves, depth %d", thousands(t.Count), thousands(t.Nodes), thousands(t.Leaves), t.Depth))
	}
	if r.Structure.Linear {
		fact("model", "linear")
	}
	var ops []string
	for _, op := range sorted(r.Structure.Operators) {
		if n := r.Structure.Operators[op]; n > 1 {
			op += " × " + strconv.Itoa(n)
		}
		ops = append(ops, op)
	}
	fact("operators", strings.Join(ops, ", "))
	fact("note", r.Structure.Note)
}

// features writes the columns that the model takes, and the file's inputs where
// they are not the same.
func (r *Report) features(b *strings.Builder) {
	if len(r.Inputs) != len(r.Features) {
		b.WriteString("\ninputs\n")
		var rows [][]string
		for _, p := range r.Inputs {
			rows = append(rows, []string{p.Name, p.Type, shape(p.Shape)})
		}
		table(b, rows)
	}
	fmt.Fprintf(b, "\nfeatures (%d)\n", len(r.Features))
	var rows [][]string
	for i := range r.Features[:min(len(r.Features), maxListed)] {
		f := &r.Features[i]
		rows = append(rows, []string{f.Name, f.Storage, f.expected})
	}
	table(b, rows)
	more(b, len(r.Features))
}

func more(b *strings.Builder, n int) {
	if n > maxListed {
		fmt.Fprintf(b, "  … and %s more (-json lists all)\n", thousands(n-maxListed))
	}
}

// widest bounds the padding of a table's columns.
const widest = 32

// table writes rows of cells in columns that are as wide as their cells.
func table(b *strings.Builder, rows [][]string) {
	var width []int
	for _, row := range rows {
		for k, cell := range row {
			if k == len(width) {
				width = append(width, 0)
			}
			width[k] = max(width[k], min(utf8.RuneCountInString(cell), widest))
		}
	}
	for _, row := range rows {
		line := " "
		for k, cell := range row {
			line += " " + cell + strings.Repeat(" ", max(width[k]-utf8.RuneCountInString(cell), 0)+1)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// shape writes a shape whose free dimension is the rows.
func shape(dims []int) string {
	words := make([]string, len(dims))
	for i, d := range dims {
		words[i] = strconv.Itoa(d)
		if d < 0 {
			words[i] = "rows"
		}
	}
	return "[" + strings.Join(words, ", ") + "]"
}

func sorted[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// thousands writes a number with commas between thousands.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
