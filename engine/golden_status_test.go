package engine_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"online-inference/engine"
)

// goldenRuntime is what ONNX Runtime made of a file.
type goldenRuntime struct {
	Outputs map[string]struct {
		Shape []int
		Data  []any
	}
}

// deviation is how far two answers may lie apart where a runtime that adds up
// in float32 gave one of them.
func deviation() tolerance { return tolerance{Rtol: 1e-4, Atol: 1e-4} }

// compareByStatus compares an output with whatever its file's status names as
// the truth; README.md beside the golden set explains the statuses.
func compareByStatus(t *testing.T, dir, file, name string, check *goldenCheck, got *engine.Tensor, want []any, within tolerance) {
	t.Helper()
	switch check.Status {
	case "ok", "ort_wrong":
		compareRows(t, name, got, want, nil, within)
	case "rows_deviate":
		compareRows(t, name, got, want, append(slices.Clone(check.RowsFileWrong), check.RowsUnclear...), within)
		compareWrong(t, name, got, want, runtimeRows(t, dir, file, name), check.RowsFileWrong)
	case "file_wrong": // the file holds another function than the model: what it holds is what counts
		compareRows(t, name, got, runtimeRows(t, dir, file, name), nil, deviation())
	default:
		t.Fatalf("status %q is unknown", check.Status)
	}
}

// compareWrong checks the rows on which the file cannot be right: the answer is
// the framework's or the file's own, and nothing third.
func compareWrong(t *testing.T, name string, got *engine.Tensor, framework, file []any, rows []int) {
	t.Helper()
	for _, r := range rows {
		have := cells(got, r)
		if !nearAll(have, listed(framework[r]), deviation()) && !nearAll(have, listed(file[r]), deviation()) {
			t.Errorf("%s: row %d = %v, want %v or, as the file has it, %v", name, r, have, framework[r], file[r])
		}
	}
}

// runtimeRows cuts ONNX Runtime's flat answer into rows.
func runtimeRows(t *testing.T, dir, file, name string) []any {
	t.Helper()
	var ran map[string]goldenRuntime
	readJSON(t, filepath.Join(dir, "ort.json"), &ran)
	out, ok := ran[file].Outputs[name]
	if !ok || len(out.Shape) == 0 || out.Shape[0] == 0 {
		t.Fatalf("ort.json has no output %q of %s", name, file)
	}
	rows := make([]any, out.Shape[0])
	width := len(out.Data) / len(rows)
	for r := range rows {
		rows[r] = out.Data[r*width : (r+1)*width]
	}
	return rows
}

func listed(row any) []any {
	if list, ok := row.([]any); ok {
		return list
	}
	return []any{row}
}

func nearAll(have, want []any, within tolerance) bool {
	return slices.EqualFunc(have, want, func(h, w any) bool { return near(h, w, within) })
}

// TestGoldenRoles checks what the engine says of each output of an ONNX file:
// whether it is a label, probabilities, scores or a prediction, and the classes.
func TestGoldenRoles(t *testing.T) {
	roles := map[string]engine.Role{
		"labels": engine.RoleLabel, "probabilities": engine.RoleProbabilities, "scores": engine.RoleScores,
		"predictions": engine.RolePrediction, "transformed": engine.RoleOther,
	}
	paths, err := filepath.Glob("testdata/golden/*/*.onnx")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden set: %v", err)
	}
	for _, path := range paths {
		dir, file := filepath.Split(path)
		var meta goldenMeta
		readJSON(t, dir+"meta.json", &meta)
		var expected struct{ Classes []any }
		readJSON(t, dir+"expected.json", &expected)
		m, err := engine.LoadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sig := m.Signature()
		for _, out := range meta.Outputs[file] {
			want, known := roles[out.MapsTo]
			if strings.HasPrefix(out.MapsTo, "other_") { // of several targets
				want, known = engine.RoleOther, true
			}
			i := slices.IndexFunc(sig.Outputs, func(p engine.Port) bool { return p.Name == out.Name })
			if !known || i < 0 || sig.Outputs[i].Role != want {
				t.Errorf("%s: output %s of %s has role %d, want %d", path, out.Name, out.MapsTo, sig.Outputs[i].Role, want)
			}
		}
		var classes []any
		for _, c := range sig.Classes.Ints {
			classes = append(classes, float64(c))
		}
		for _, c := range sig.Classes.Strings {
			classes = append(classes, c)
		}
		if !slices.Equal(classes, expected.Classes) {
			t.Errorf("%s: classes %v, want %v", path, classes, expected.Classes)
		}
	}
}

// TestGoldenNoAllocation shows that one row costs no memory in any of the ONNX
// files, whatever their operators.
func TestGoldenNoAllocation(t *testing.T) {
	paths, err := filepath.Glob("testdata/golden/*/*.onnx")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden set: %v", err)
	}
	for _, path := range paths {
		dir, file := filepath.Split(path)
		var meta goldenMeta
		readJSON(t, dir+"meta.json", &meta)
		m, err := engine.LoadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b := m.NewBatch()
		fill(t, m, b, meta.Checks[file].Inputs, readRows(t, dir+"rows.jsonl")[:1])
		if n := testing.AllocsPerRun(10, func() {
			if err := b.Run(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations a run, want 0", path, n)
		}
	}
}
