package engine_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/engine"
)

var update = flag.Bool("update", false, "write the list of golden cases")

// The golden set: models trained and converted by the frameworks, with the
// frameworks' own answers on rows that include the edges (values on thresholds
// and one ulp beside them, infinities, missing cells, strings never seen).

type goldenMeta struct {
	Inputs    []goldenPort
	Outputs   map[string][]goldenOutput
	Tolerance tolerance
	Checks    map[string]goldenCheck
	Files     map[string]string
	Rows      int `json:"n_rows"` // 0 where the case does not say
}

// A tolerance is how far a number may lie from the one wanted: by Atol, or by
// Rtol of the one wanted if that is more.
type tolerance struct{ Rtol, Atol float64 }

func (l tolerance) allows(have, want float64) bool {
	return math.Abs(have-want) <= max(l.Atol, l.Rtol*math.Abs(want))
}

// leastRows is what a case must have for its edge rows to be among them.
const leastRows = 20

type goldenPort struct {
	Name    string
	Columns []int
}

type goldenCheck struct {
	Inputs        []goldenPort
	Status        string
	RowsFileWrong []int `json:"rows_file_wrong"`
	RowsUnclear   []int `json:"rows_unclear"`
}

type goldenOutput struct {
	Name   string
	MapsTo string `json:"maps_to"`
}

func TestGolden(t *testing.T) {
	dirs, err := filepath.Glob("testdata/golden/*/meta.json")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no golden set: %v", err)
	}
	counts := map[string]int{}
	for _, path := range dirs {
		dir := filepath.Dir(path)
		var meta goldenMeta
		readJSON(t, path, &meta)
		listFiles(t, dir, &meta)
		for _, file := range sortedKeys(meta.Files) {
			counts[meta.Checks[file].Status]++
			t.Run(filepath.Base(dir)+"/"+file, func(t *testing.T) { checkGolden(t, dir, file, &meta) })
		}
	}
	t.Logf("golden files by status: %v", counts)
	listGolden(t, dirs)
}

// listFiles fails for a model in a case's folder that its meta.json leaves out.
func listFiles(t *testing.T, dir string, meta *goldenMeta) {
	t.Helper()
	models, err := filepath.Glob(filepath.Join(dir, "model*"))
	if err != nil || len(models) == 0 {
		t.Fatalf("%s holds no model: %v", dir, err)
	}
	for i := range models {
		models[i] = filepath.Base(models[i])
	}
	if diff := cmp.Diff(sortedKeys(meta.Files), models); diff != "" {
		t.Errorf("%s: the files that meta.json lists and those in the folder (-listed +there)\n%s", dir, diff)
	}
}

// listGolden compares the folders with the list of cases beside them, so that
// none is lost unseen.
func listGolden(t *testing.T, dirs []string) {
	t.Helper()
	const list = "testdata/golden/cases.txt"
	var have strings.Builder
	for _, path := range dirs {
		fmt.Fprintln(&have, filepath.Base(filepath.Dir(path)))
	}
	if *update {
		if err := os.WriteFile(list, []byte(have.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), have.String()); diff != "" {
		t.Errorf("the folders are not those that %s lists; after adding a case: go test ./engine -run TestGolden -update (-want +got)\n%s", list, diff)
	}
}

func checkGolden(t *testing.T, dir, file string, meta *goldenMeta) {
	check, ok := meta.Checks[file]
	if !ok {
		t.Fatalf("meta.json has no check for %s", file)
	}
	m, err := engine.LoadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	rows := readRows(t, filepath.Join(dir, "rows.jsonl"))
	if len(rows) < leastRows || meta.Rows != 0 && len(rows) != meta.Rows {
		t.Fatalf("%d rows; meta.json says %d, and at least %d are wanted", len(rows), meta.Rows, leastRows)
	}
	var expected map[string]json.RawMessage
	readJSON(t, filepath.Join(dir, "expected.json"), &expected)
	outputs := meta.Outputs[file]
	if meta.Files[file] == "native" {
		check.Inputs, outputs = meta.Inputs, nativeOutputs(t, m)
	}
	if len(outputs) == 0 {
		t.Fatal("no output is compared")
	}
	b := m.NewBatch()
	fill(t, m, b, check.Inputs, rows)
	if err := b.Run(); err != nil {
		t.Fatal(err)
	}
	places := map[string]int{}
	for i, out := range m.Signature().Outputs {
		places[out.Name] = i
	}
	for _, out := range outputs {
		i, ok := places[out.Name]
		if !ok {
			t.Errorf("no output %q", out.Name)
			continue
		}
		var want []any
		if err := json.Unmarshal(expected[out.MapsTo], &want); err != nil {
			t.Fatalf("expected.json: %s: %v", out.MapsTo, err)
		}
		compareByStatus(t, dir, file, out.Name, &check, b.Output(i), want, meta.Tolerance)
	}
	compareAlone(t, m, b, check.Inputs, rows)
	scoreNone(t, m, b)
}

// scoreNone gives a used batch no rows: its outputs keep their shapes.
func scoreNone(t *testing.T, m *engine.Model, b *engine.Batch) {
	t.Helper()
	b.Reset(0)
	if err := b.Run(); err != nil {
		t.Fatalf("no rows: %v", err)
	}
	for i, p := range m.Signature().Outputs {
		if out := b.Output(i); out.Rows() != 0 || out.Len() != 0 || len(out.Shape) != len(p.Shape) || out.Width() != p.Width() {
			t.Errorf("no rows: output %q has shape %v, the signature says %v", p.Name, out.Shape, p.Shape)
		}
	}
}

// nativeOutputs says which answers of the framework a native file's outputs
// must equal. XGBoost and LightGBM files do not hold class names.
func nativeOutputs(t *testing.T, m *engine.Model) []goldenOutput {
	t.Helper()
	sig := m.Signature()
	var out []goldenOutput
	for _, port := range sig.Outputs {
		switch {
		case port.Name == "label" && (port.Role == engine.RoleOther && len(port.Shape) == 2 || sig.Format == "catboost-json"):
			out = append(out, goldenOutput{port.Name, "labels"})
		case port.Name == "label" && port.Role == engine.RoleLabel:
			out = append(out, goldenOutput{port.Name, "label_index"})
		case port.Name == "probabilities":
			out = append(out, goldenOutput{port.Name, "probabilities"})
		case port.Name == "prediction" && port.Role == engine.RolePrediction:
			out = append(out, goldenOutput{port.Name, "predictions"})
		default:
			t.Fatalf("a native model has output %q of role %d", port.Name, port.Role)
		}
	}
	return out
}

// compareAlone scores each row as a batch of one, which must give the very same
// bits as the large batch did.
func compareAlone(t *testing.T, m *engine.Model, all *engine.Batch, inputs []goldenPort, rows [][]any) {
	t.Helper()
	one := m.NewBatch()
	for r := range rows {
		fill(t, m, one, inputs, rows[r:r+1])
		if err := one.Run(); err != nil {
			t.Fatalf("row %d alone: %v", r, err)
		}
		for i, out := range m.Signature().Outputs {
			got, want := cells(one.Output(i), 0), cells(all.Output(i), r)
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%s: row %d alone gives %v, among others %v", out.Name, r, got, want)
			}
		}
	}
}

// compareRows compares an output with the framework's answers, but for the rows
// that the file itself gets wrong.
func compareRows(t *testing.T, name string, got *engine.Tensor, want []any, skip []int, within tolerance) {
	t.Helper()
	if got.Rows() != len(want) {
		t.Fatalf("%s: %d rows, want %d", name, got.Rows(), len(want))
	}
	for r := range want {
		if slices.Contains(skip, r) {
			continue
		}
		wants := listed(want[r])
		have := cells(got, r)
		if len(have) != len(wants) {
			t.Fatalf("%s: row %d has %d values, want %d", name, r, len(have), len(wants))
		}
		for k := range wants {
			if !near(have[k], wants[k], within) {
				t.Errorf("%s: row %d value %d = %v, want %v", name, r, k, have[k], wants[k])
			}
		}
	}
}

func near(have, want any, within tolerance) bool {
	w, ok := want.(float64)
	if want == nil { // JSON has no NaN
		w, ok = math.NaN(), true
	}
	if !ok {
		return have == want
	}
	h, ok := have.(float64)
	if i, isInt := have.(int64); isInt {
		return float64(i) == w
	}
	return ok && (h == w || within.allows(h, w) || h != h && w != w)
}

// cells lists the values of one row as float64, int64, string or bool.
func cells(t *engine.Tensor, row int) []any {
	var out []any
	w := t.Width()
	for k := row * w; k < (row+1)*w; k++ {
		switch t.Type {
		case engine.Float32:
			out = append(out, float64(t.F32[k]))
		case engine.Float64:
			out = append(out, t.F64[k])
		case engine.Int64:
			out = append(out, t.I64[k])
		case engine.String:
			out = append(out, t.Str[k])
		default:
			out = append(out, fmt.Sprintf("a cell of type %v", t.Type))
		}
	}
	return out
}

// fill puts rows into a batch; each input takes the columns that ports says.
func fill(t *testing.T, m *engine.Model, b *engine.Batch, ports []goldenPort, rows [][]any) {
	t.Helper()
	b.Reset(len(rows))
	for i, in := range m.Signature().Inputs {
		k := slices.IndexFunc(ports, func(p goldenPort) bool { return p.Name == in.Name })
		if k < 0 {
			t.Fatalf("the golden set does not know input %q", in.Name)
		}
		columns := ports[k].Columns
		x := b.Input(i)
		if x.Width() != len(columns) {
			t.Fatalf("input %q has width %d, want %d", in.Name, x.Width(), len(columns))
		}
		for r, row := range rows {
			for c, column := range columns {
				if err := put(x, r*len(columns)+c, row[column]); err != nil {
					t.Fatalf("row %d column %d: %v", r, column, err)
				}
			}
		}
	}
}

func put(x *engine.Tensor, at int, cell any) error {
	if s, ok := cell.(string); (ok || cell == nil) && x.Type == engine.String {
		x.Str[at] = s // empty where the cell is missing
		return nil
	}
	v, ok := number(cell)
	if !ok {
		return fmt.Errorf("%v for type %v", cell, x.Type)
	}
	switch x.Type {
	case engine.Float32:
		x.F32[at] = float32(v)
	case engine.Float64:
		x.F64[at] = v
	case engine.Int64:
		x.I64[at] = int64(v)
	default:
		return fmt.Errorf("%v for type %v", cell, x.Type)
	}
	return nil
}

func number(cell any) (float64, bool) {
	switch v := cell.(type) {
	case nil:
		return math.NaN(), true
	case float64:
		return v, true
	case string:
		switch v {
		case "Infinity":
			return math.Inf(1), true
		case "-Infinity":
			return math.Inf(-1), true
		}
	}
	return 0, false
}

func readRows(t *testing.T, path string) [][]any {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]any
	for s := bufio.NewScanner(strings.NewReader(string(data))); s.Scan(); {
		var row []any
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		rows = append(rows, row)
	}
	return rows
}

func readJSON(t *testing.T, path string, to any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, to); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func nan() float64 { return math.NaN() }
