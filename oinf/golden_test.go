package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"online-inference/engine"
	"online-inference/oinf/inspect"
)

// A goldenCase is a model file of the golden set with its rows as the program takes
// them, and what the engine and the framework say of them.
type goldenCase struct {
	path   string
	report inspect.Report
	rows   [][]json.RawMessage // by feature
	// Of each row, in the order of the program's columns: the engine's values as
	// they have to be printed; and the framework's answers, nil where the file is
	// known to hold something else.
	engine [][]string
	truth  [][]any

	labels, probabilities, predictions int // how many columns
	tolerance                          float64
}

const golden = "../engine/testdata/golden"

// TestGolden scores every model of the golden set from CSV and from JSON lines. The
// answers are the engine's to the last digit, and the framework's.
func TestGolden(t *testing.T) {
	metas, err := filepath.Glob(golden + "/*/meta.json")
	if err != nil || len(metas) < 72 {
		t.Fatalf("%d golden models, %v", len(metas), err)
	}
	files, rows, compared := 0, 0, 0
	for _, path := range metas {
		var meta struct{ Files map[string]string }
		readJSON(t, path, &meta)
		for file := range meta.Files {
			files++
			t.Run(filepath.Base(filepath.Dir(path))+"/"+file, func(t *testing.T) {
				c := loadGolden(t, filepath.Dir(path), file)
				rows += len(c.rows)
				fromCSV := execute(t, strings.NewReader(c.csv(t)), "predict", c.path, "-quiet")
				if fromCSV.code != 0 || fromCSV.stderr != "" {
					t.Fatalf("CSV: exit %d, %s", fromCSV.code, fromCSV.stderr)
				}
				compared += c.compareCSV(t, fromCSV.stdout)
				fromJSON := execute(t, strings.NewReader(c.jsonLines(t)), "predict", c.path, "-quiet", "-out-format", "csv")
				if fromJSON.stdout != fromCSV.stdout || fromJSON.code != 0 {
					t.Errorf("JSON lines give other answers: exit %d, %s", fromJSON.code, fromJSON.stderr)
				}
				asJSON := execute(t, strings.NewReader(c.csv(t)), "predict", c.path, "-quiet", "-out-format", "jsonl")
				c.compareJSON(t, asJSON.stdout)
			})
		}
	}
	t.Logf("%d files, %d rows; %d answers compared with the frameworks'", files, rows, compared)
	if files < 107 || compared < 10_000 {
		t.Errorf("%d files and %d compared answers, expected more", files, compared)
	}
}

func readJSON(t *testing.T, path string, to any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, to)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// A goldenPort says which columns of the rows an input takes.
type goldenPort struct {
	Name    string
	Columns []int
}

func loadGolden(t *testing.T, dir, file string) *goldenCase {
	t.Helper()
	c := &goldenCase{path: filepath.Join(dir, file)}
	said := execute(t, nil, "inspect", c.path, "-json")
	if err := json.Unmarshal([]byte(said.stdout), &c.report); err != nil || said.code != 0 {
		t.Fatalf("inspect: %v, %s", err, said.stderr)
	}
	var meta struct {
		Inputs    []goldenPort
		Files     map[string]string
		Tolerance struct{ Rtol, Atol float64 }
		Checks    map[string]struct {
			Inputs        []goldenPort
			Status        string
			RowsFileWrong []int `json:"rows_file_wrong"`
			RowsUnclear   []int `json:"rows_unclear"`
		}
	}
	readJSON(t, filepath.Join(dir, "meta.json"), &meta)
	check := meta.Checks[file]
	ports := check.Inputs
	if meta.Files[file] == "native" {
		ports = meta.Inputs
	}
	var at []int // the column of each feature
	for _, f := range c.report.Features {
		k := slices.IndexFunc(ports, func(p goldenPort) bool { return p.Name == f.Input })
		if k < 0 {
			t.Fatalf("the golden set does not know input %q", f.Input)
		}
		at = append(at, ports[k].Columns[f.Column])
	}
	data, err := os.ReadFile(filepath.Join(dir, "rows.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for scan := bufio.NewScanner(bytes.NewReader(data)); scan.Scan(); {
		var all []json.RawMessage
		if err := json.Unmarshal(scan.Bytes(), &all); err != nil {
			t.Fatal(err)
		}
		row := make([]json.RawMessage, len(at))
		for f := range at {
			row[f] = all[at[f]]
		}
		c.rows = append(c.rows, row)
	}
	c.tolerance = max(meta.Tolerance.Rtol, meta.Tolerance.Atol)
	c.runEngine(t)
	c.readTruth(t, dir, check.Status, append(check.RowsFileWrong, check.RowsUnclear...))
	return c
}

// runEngine scores the rows by the library.
func (c *goldenCase) runEngine(t *testing.T) {
	t.Helper()
	m, err := engine.LoadFile(c.path)
	if err != nil {
		t.Fatal(err)
	}
	b := m.NewBatch()
	b.Reset(len(c.rows))
	inputs := map[string]*engine.Tensor{}
	for i, in := range m.Signature().Inputs {
		inputs[in.Name] = b.Input(i)
	}
	for f, feature := range c.report.Features {
		x := inputs[feature.Input]
		for r := range c.rows {
			put(t, x, r*x.Width()+feature.Column, string(c.rows[r][f]))
		}
	}
	if err := b.Run(); err != nil {
		t.Fatal(err)
	}
	order := []string{"label", "probabilities", "prediction"}
	c.engine = make([][]string, len(c.rows))
	for _, role := range append(order, "") {
		for i, out := range c.report.Outputs {
			if out.Role != role && (role != "" || slices.Contains(order, out.Role)) {
				continue
			}
			x := b.Output(i)
			for r := range c.rows {
				for k := r * x.Width(); k < (r+1)*x.Width(); k++ {
					c.engine[r] = append(c.engine[r], printed(t, x, k))
				}
			}
			switch role {
			case "label":
				c.labels = x.Width()
			case "probabilities":
				c.probabilities = x.Width()
			case "prediction":
				c.predictions = x.Width()
			}
		}
	}
}

// put stores a cell of the golden rows; null is NaN, and "" among texts.
func put(t *testing.T, x *engine.Tensor, at int, cell string) {
	t.Helper()
	if x.Type == engine.String {
		x.Str[at] = ""
		if cell != "null" {
			if err := json.Unmarshal([]byte(cell), &x.Str[at]); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	v := math.NaN()
	if cell != "null" {
		var err error
		if v, err = strconv.ParseFloat(cell, 64); err != nil {
			t.Fatal(err)
		}
	}
	switch x.Type {
	case engine.Float32:
		x.F32[at] = float32(v)
	case engine.Float64:
		x.F64[at] = v
	case engine.Int64:
		x.I64[at] = int64(v)
	default:
		t.Fatalf("the golden set has an input of type %v", x.Type)
	}
}

func printed(t *testing.T, x *engine.Tensor, at int) string {
	t.Helper()
	switch x.Type {
	case engine.Float32:
		return strconv.FormatFloat(float64(x.F32[at]), 'g', -1, 32)
	case engine.Float64:
		return strconv.FormatFloat(x.F64[at], 'g', -1, 64)
	case engine.Int64:
		return strconv.FormatInt(x.I64[at], 10)
	case engine.String:
		return x.Str[at]
	}
	t.Fatalf("the golden set has an output of type %v", x.Type)
	return ""
}

// readTruth reads the framework's answers: the label, its probabilities, or the
// predictions.
func (c *goldenCase) readTruth(t *testing.T, dir, status string, skip []int) {
	t.Helper()
	c.truth = make([][]any, len(c.rows))
	var expected struct {
		Labels, Predictions, Probabilities []any
		LabelIndex                         []any `json:"label_index"`
	}
	readJSON(t, filepath.Join(dir, "expected.json"), &expected)
	if expected.LabelIndex != nil && (strings.HasPrefix(c.report.Format, "xgboost") || c.report.Format == "lightgbm-text") && len(c.report.Classes) > 0 {
		expected.Labels = expected.LabelIndex // the formats do not name classes
	}
	switch status {
	case "ok", "ort_wrong", "rows_deviate":
	case "file_wrong":
		return // the file holds another function than the model
	default:
		t.Fatalf("status %q is unknown", status)
	}
	for r := range c.rows {
		if slices.Contains(skip, r) {
			continue
		}
		for width, answers := range map[int]map[int][]any{
			0: {c.labels: expected.Labels}, 1: {c.probabilities: expected.Probabilities}, 2: {c.predictions: expected.Predictions},
		} {
			for n, all := range answers {
				if n == 0 || all == nil {
					continue
				}
				at := []int{0, c.labels, c.labels + c.probabilities}[width]
				list, ok := all[r].([]any)
				if !ok {
					list = all[r : r+1]
				}
				if len(list) != n {
					t.Fatalf("row %d has %d answers, the framework gave %v", r, n, list)
				}
				for len(c.truth[r]) < at+n {
					c.truth[r] = append(c.truth[r], nil)
				}
				copy(c.truth[r][at:], list)
			}
		}
	}
}

// csv writes the rows with their columns in reverse order: names decide.
func (c *goldenCase) csv(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	record := make([]string, len(c.report.Features))
	for f := range record {
		record[len(record)-1-f] = c.report.Features[f].Name
	}
	write := func() {
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
	}
	write()
	for _, row := range c.rows {
		for f, cell := range row {
			text := string(cell)
			if text == "null" {
				text = ""
			} else if cell[0] == '"' {
				if err := json.Unmarshal(cell, &text); err != nil {
					t.Fatal(err)
				}
			}
			record[len(record)-1-f] = text
		}
		write()
	}
	w.Flush()
	return b.String()
}

// jsonLines writes the rows as objects and arrays in turns. A missing text is ""
// where the model does not say that it may be missing.
func (c *goldenCase) jsonLines(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for r, row := range c.rows {
		for f, cell := range row {
			feature := &c.report.Features[f]
			if feature.Storage == "string" && !feature.Nullable && string(cell) == "null" {
				cell = json.RawMessage(`""`)
			}
			b.WriteByte("[{,,"[min(2*f+(1-r%2), 2)])
			if r%2 == 0 {
				fmt.Fprintf(&b, "%q:", feature.Name)
			}
			b.Write(cell)
		}
		b.WriteString([]string{"}\n", "]\n"}[r%2])
	}
	return b.String()
}

// compareCSV returns how many answers it compared with the framework's.
func (c *goldenCase) compareCSV(t *testing.T, out string) (compared int) {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(records) != 1+len(c.rows) {
		t.Fatalf("%d lines for %d rows, %v", len(records), len(c.rows), err)
	}
	for r, got := range records[1:] {
		if len(got) != len(c.engine[r]) {
			t.Fatalf("row %d: %d answers, the engine gives %d", r, len(got), len(c.engine[r]))
		}
		for k, want := range c.engine[r] {
			if !sameNumber(got[k], want) {
				t.Errorf("row %d, %s: %s, the engine gives %s", r, records[0][k], got[k], want)
			}
		}
		for k, want := range c.truth[r] {
			if want == nil {
				continue
			}
			compared++
			if !agrees(got[k], want, c.tolerance) {
				t.Errorf("row %d, %s: %s, the framework says %v", r, records[0][k], got[k], want)
			}
		}
	}
	return compared
}

// sameNumber allows 1e-7 to be written in another form, but not another number.
func sameNumber(got, want string) bool {
	if got == want {
		return true
	}
	g, err := strconv.ParseFloat(got, 64)
	w, err2 := strconv.ParseFloat(want, 64)
	return err == nil && err2 == nil && (g == w || g != g && w != w) && len(got) <= len(want)+24
}

func agrees(got string, want any, tolerance float64) bool {
	w, ok := want.(float64)
	if !ok {
		return got == fmt.Sprint(want)
	}
	g, err := strconv.ParseFloat(got, 64)
	return err == nil && math.Abs(g-w) <= tolerance*max(1, math.Abs(w))
}

// compareJSON holds the JSON form against the engine's answers.
func (c *goldenCase) compareJSON(t *testing.T, out string) {
	t.Helper()
	all := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(all) != len(c.rows) {
		t.Fatalf("%d lines of JSON for %d rows", len(all), len(c.rows))
	}
	for r, line := range all {
		var got struct {
			Label         json.RawMessage
			Class         string
			Probabilities map[string]json.Number
			Prediction    json.RawMessage
			Outputs       map[string]json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("row %d: %v in %s", r, err, line)
		}
		var flat []string
		if c.labels > 0 {
			flat = append(flat, strings.Trim(string(got.Label), `"`))
			if want := c.engine[r][0]; got.Class != want && string(got.Label) != want {
				t.Errorf("row %d: class %q, label %s", r, got.Class, got.Label)
			}
		}
		if c.probabilities > 0 {
			for _, class := range c.report.Classes {
				flat = append(flat, got.Probabilities[class.Name].String())
			}
		}
		flat = append(flat, elements(got.Prediction)...)
		for _, o := range c.report.Outputs {
			if raw, ok := got.Outputs[o.Name]; ok {
				flat = append(flat, elements(raw)...)
			}
		}
		if !slices.EqualFunc(flat, c.engine[r], func(g, w string) bool { return sameNumber(g, w) || g == "null" }) {
			t.Errorf("row %d: %s, the engine gives %v", r, line, c.engine[r])
		}
	}
}

// elements are those of a list, or a value alone.
func elements(raw json.RawMessage) []string {
	if len(raw) == 0 {
		return nil
	}
	return strings.Split(strings.Trim(string(raw), "[]"), ",")
}
