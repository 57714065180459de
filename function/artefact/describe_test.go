package artefact

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"online-inference/engine"
	"online-inference/function/oip"
)

// edited copies the bundled artefact with a change in its model.yaml: old has to
// be there, and its first occurrence becomes change.
func edited(t *testing.T, old, change string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"model.onnx", "model.yaml"} {
		b, err := os.ReadFile(filepath.Join(bundled, "1", name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "model.yaml" {
			if !strings.Contains(string(b), old) {
				t.Fatalf("model.yaml has no %q", old)
			}
			b = []byte(strings.Replace(string(b), old, change, 1))
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestContradictions: whatever model.yaml says wrongly, the model does not load,
// and the message says what and where.
func TestContradictions(t *testing.T) {
	const age = "valid: {min: 0, max: 120}"
	for _, c := range []struct{ name, old, new, want string }{
		{"another format", "format: 1", "format: 2", "format: 2 is not known, expected 1"},
		{"no format", "format: 1\n", "", "format: 0 is not known, expected 1"},
		{"no YAML", "format: 1", "format: [1", "model.yaml: yaml:"},
		{"an unknown key", "format: 1", "format: 1\nfeature: []", "model.yaml: yaml: line 3: field feature not found"},
		{"two unknown keys", "format: 1", "format: 1\na: 1\nb: 2", "model.yaml: yaml: line 3: field a not found; line 4: field b not found"},
		{"many unknown keys", "format: 1", "format: 1\na: 1\nb: 2\nc: 3\nd: 4\ne: 5", "field c not found; and 2 more"},
		{"a mapping for a text", "title: Heart", "title: {a: 1}\ndescription: Heart", "model.yaml: yaml: "},
		{"a text for a list", "  - {label: 0, name: no disease}\n  - {label: 1, name: disease}\n", "  two\n", "expected a list"},
		{"an unknown key of a feature", "unit: years", "units: years", "field units not found"},
		{"a duplicate key", "format: 1", "format: 1\nformat: 1", "already defined"},
		{"two documents", "format: 1", "format: 1\n---\nformat: 1", "more than one document"},
		{"a bad name", "name: heart-disease", "name: heart disease", `name: "heart disease": expected letters, digits`},
		{"a bad version", "version: '1'", "version: 'v/1'", `version: "v/1": expected letters, digits`},

		{"a feature without name", "- name: age\n", "- name: ''\n", "features[0]: it has no name"},
		{"a feature that the file does not have", "- name: age\n", "- name: ages\n", `feature "age": the file takes it, model.yaml does not describe it`},
		{"a feature twice", "- name: sex\n", "- name: age\n", `feature "age": described twice`},
		{"a feature too many", "features:\n", "features:\n  - {name: more, type: number}\n", "features: 14 are described, the file takes 13: age, sex"},
		{"an unknown type", "type: number", "type: float", `feature "age": type: "float" is not known, expected number, integer or category`},
		{"numbers in an INT64 input", "name: sex\n    type: category", "name: sex\n    type: number", `feature "sex": type: a number has fractions, the file stores int64`},
		{"integers in a string input", "name: thal\n    type: category", "name: thal\n    type: integer", `feature "thal": type: the file stores string, no integers`},
		{"categories of a number", "name: sex\n    type: category", "name: sex\n    type: integer", `feature "sex": categories: they belong to a category, the type is integer`},
		{"a category without values", "name: age\n    type: number", "name: age\n    type: category", `feature "age": categories: a category needs its values`},
		{"a range of a category", "description: Sex as recorded.", "valid: {min: 0, max: 1}", `feature "sex": valid, training: a category has values, not ranges`},
		{"strings in an INT64 input", "{value: 0, meaning: female", "{value: 'f', meaning: female", `feature "sex": categories: value "f" does not fit the file, which stores int64`},
		{"integers in a string category", "{value: '3', meaning: normal", "{value: 3, meaning: normal", `feature "thal": categories: value "3" does not fit the file, which stores string`},
		{"fractions as category", "{value: 0, meaning: female", "{value: 0.5, meaning: female", `feature "sex": categories: value "0.5" is no integer`},
		{"a category twice", "{value: 0, meaning: female", "{value: 1, meaning: female", `feature "sex": categories: 1 is there twice`},
		{"a string category twice", "{value: '3', meaning: normal", "{value: '6', meaning: normal", `feature "thal": categories: "6" is there twice`},
		{"the missing token as category", "{value: '3', meaning: normal", "{value: '', meaning: normal", `feature "thal": categories: "" stands for a missing value and can be no category`},

		{"a nullable INT64 input", "description: Sex as recorded.", "nullable: true", `feature "sex": nullable: int64 has no token for a missing value`},
		{"nullable without token", "    missing: NaN\n", "", `feature "ca": missing: a nullable feature needs its token, "NaN" for float32`},
		{"the wrong token", "missing: NaN", "missing: -1", `feature "ca": missing: "-1", expected "NaN" for float32`},
		{"the wrong token of a string", "missing: ''", "missing: '?'", `feature "thal": missing: "?", expected "" for string`},
		{"a token without nullable", "    nullable: true\n    missing: NaN\n", "    missing: NaN\n", `feature "ca": missing: it belongs to a nullable feature`},

		{"an empty range", age, "valid: {min: 120, max: 0}", `feature "age": valid: min 120 is not below max 0`},
		{"no range at all", age, "valid: {min: .nan, max: 120}", `feature "age": valid: min NaN is not below max 120`},
		{"a range of words", age, "valid: {min: low, max: 120}", "unexpected str `low`, expected a number"},
		{"training beyond valid", age, "valid: {min: 0, max: 70}", `feature "age": training: from 29 to 77 goes beyond the valid range from 0 to 70`},
		{"an empty training range", "min: 29\n      max: 77", "min: 77\n      max: 29", `feature "age": training: min 77 is not below max 29`},
		{"too few quantiles", "[29, 42, 45,", "[29, 45,", `feature "age": quantiles: expected 11, got 10`},
		{"quantiles out of order", "[29, 42, 45,", "[29, 45, 42,", `feature "age": quantiles: 45 comes before 42`},
		{"quantiles beyond the range", "[29, 42, 45,", "[28, 42, 45,", `feature "age": quantiles: they go from 28 to 77, the training range is from 29 to 77`},

		{"a class too many", "- {label: 1, name: disease}", "- {label: 1, name: disease}\n  - {label: 2, name: other}", "classes: 3 are described, the file has 2"},
		{"another label", "- {label: 1, name: disease}", "- {label: 2, name: disease}", `classes[1]: label "2", the file has 1 in its place`},
		{"a label of another type", "- {label: 1, name: disease}", "- {label: '1', name: disease}", `classes[1]: label "1", the file has 1 in its place`},
		{"classes in another order", "- {label: 0, name: no disease}\n  - {label: 1, name: disease}", "- {label: 1, name: disease}\n  - {label: 0, name: no disease}", `classes[0]: label "1", the file has 0 in its place`},
		{"a class name twice", "- {label: 1, name: disease}", "- {label: 1, name: no disease}", `classes[1]: the name "no disease" is there twice`},
		{"another output", "- {name: label,", "- {name: class,", `outputs[0]: "class", the file has "label" in its place`},
		{"an unknown role", "role: label", "role: answer", `output "label": the role "answer" is not known`},
		{"another role", "role: label", "role: prediction", `output "label": the role is "prediction", the file says otherwise`},
		{"an output too few", "  - {name: label, role: label, description: The likelier class.}\n", "", "outputs: 1 are described, the file has 2"},

		{"an example with a stranger", "row: {age: 63,", "row: {ages: 63,", `examples[0]: row: the model has no feature "ages"`},
		{"an example with a hole", "row: {age: 63,", "row: {", `examples[0]: row: feature "age" is missing`},
		{"an example out of bounds", "row: {age: 63,", "row: {age: 200,", `examples[0]: row: feature "age": expected a number from 0 to 120 (years), got 200`},
		{"an example of another type", "row: {age: 63,", "row: {age: '63',", `examples[0]: row: feature "age": expected a number from 0 to 120 (years), got "63"`},
		{"an example with a list", "row: {age: 63,", "row: {age: [63],", `examples[0]: row: feature "age": expected a single value`},
		{"an example with null", "row: {age: 63,", "row: {age: null,", `examples[0]: row: feature "age": expected a number from 0 to 120 (years), got null`},
		{"an example with another label", "label: 0\n    probabilities", "label: 7\n    probabilities", `examples[0]: label: the model has no class 7`},
		{"an example with a probability too few", "probabilities: [0.6407180709061011, ", "probabilities: [", "examples[0]: probabilities: 1 are recorded, the model has 2 classes"},
		{"an example with a prediction", "label: 0\n    probabilities", "prediction: 3\n    probabilities", "examples[0]: prediction: the model predicts no value"},
		{"an example with a plus", "row: {age: 63,", "row: {age: +63,", `examples[0]: row: feature "age": expected a number as JSON writes it, got +63`},
		{"an example with a bare point", "row: {age: 63,", "row: {age: 63.,", `examples[0]: row: feature "age": expected a number as JSON writes it, got 63.`},
		{"an example with a leading zero", "row: {age: 63,", "row: {age: 063,", `examples[0]: row: feature "age": expected a number as JSON writes it, got 063`},
		{"an example with an underscore", "row: {age: 63,", "row: {age: 6_3,", `examples[0]: row: feature "age": expected a number as JSON writes it, got 6_3`},
		{"an example in hexadecimal", "row: {age: 63,", "row: {age: 0x3f,", `examples[0]: row: feature "age": expected a number as JSON writes it, got 0x3f`},
		{"an example without a number", "row: {age: 63,", "row: {age: .nan,", `examples[0]: row: feature "age": expected a number as JSON writes it, got .nan`},
		{"an example without answer", "    label: 0\n    probabilities: [0.6407180709061011, 0.35928192909389883]\n", "", "examples[0]: no answer is recorded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(edited(t, c.old, c.new), Labels{})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "cannot load model") {
				t.Errorf("got %v, expected %q", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "artefact.")) {
				t.Errorf("more than one line, or a type of Go: %v", err)
			}
		})
	}
}

// TestSelfTest: a model whose answers are not the recorded ones is refused.
func TestSelfTest(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"a probability", "[0.6407180709061011,", "[0.6407400709061011,", `examples[0]: probability of class "no disease" is 0.640718`},
		{"not a number", "[0.6407180709061011,", "[.nan,", `examples[0]: probability of class "no disease" is`},
		{"a label", "label: 0\n    probabilities: [0.960", "label: 1\n    probabilities: [0.960", `examples[2]: the class is "no disease", recorded "disease"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := load(t, edited(t, c.old, c.new), Labels{})
			if _, err := m.SelfTest(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, expected %q", err, c.want)
			}
		})
	}
	m := load(t, edited(t, "[0.6407180709061011,", "[0.6407190709061011,"), Labels{})
	if _, err := m.SelfTest(); err != nil {
		t.Errorf("within the tolerance: %v", err)
	}
}

// TestOutputRoles: a description may explain an output that the file does not,
// where it can be true.
func TestOutputRoles(t *testing.T) {
	model, err := os.ReadFile("../../engine/testdata/golden/sk_logreg_double/model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	for role, want := range map[string]string{
		"probabilities": "", "label": `output "probabilities": the role is "label", the file says otherwise`,
	} {
		dir := t.TempDir()
		text := "format: 1\noutputs:\n  - {name: label, role: label}\n  - {name: probabilities, role: " + role + "}\n"
		for name, content := range map[string]string{"model.onnx": string(model), "model.yaml": text} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		m, err := Load(dir, Labels{Name: "x"})
		switch {
		case want != "":
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, expected %q", role, err, want)
			}
		case err != nil || !m.Explained(0) || !m.Explained(1):
			t.Errorf("%s: %v", role, err)
		}
	}
}

// TestClassLabels: a class may be called anything; its label is JSON, and an
// example names it as the file does.
func TestClassLabels(t *testing.T) {
	model, err := os.ReadFile("../../engine/testdata/golden/sk_logreg_multi_str/model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	const text = `
format: 1
classes: [{label: %[1]s}, {label: versicolor}, {label: virginica}]
examples:
  - {row: {X_0: 4.8, X_1: 3.1, X_2: 1.6, X_3: 0.2}, label: %[1]s}
`
	for class, inYAML := range map[string]string{
		"<=50K!": `"<=50K!"`, "a&b>cd": `"a&b>cd"`, "a\"b'\\c": `"a\"b'\\c"`, "\x7f\a\b\v01": `"\x7F\a\b\v01"`, "\U0001f60052": `"\U0001F60052"`,
	} {
		dir := t.TempDir()
		changed := strings.ReplaceAll(string(model), "setosa", class)
		for name, content := range map[string]string{"model.onnx": changed, "model.yaml": fmt.Sprintf(text, inYAML)} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		m := load(t, dir, Labels{Name: "x"})
		if rows, err := m.SelfTest(); rows != 1 || err != nil {
			t.Errorf("%q: self-test of %d rows: %v", class, rows, err)
		}
		var got string
		if err := json.Unmarshal([]byte(m.Classes[0].Label), &got); err != nil || got != class {
			t.Errorf("the label %s is %q: %v", m.Classes[0].Label, got, err)
		}
	}
}

// TestPrediction: an example of a regressor proves a number, and nothing else will
// do: a comparison with NaN would prove nothing.
func TestPrediction(t *testing.T) {
	model, err := os.ReadFile("../../engine/testdata/golden/xgb_reg/model.json")
	if err != nil {
		t.Fatal(err)
	}
	for prediction, want := range map[string]string{
		".nan": "examples[0]: prediction: expected a finite number, got NaN", ".inf": "examples[0]: prediction: expected a finite number, got +Inf",
		"1e9": "self-test of ",
	} {
		dir := t.TempDir()
		bare := load(t, "../../engine/testdata/golden/xgb_reg/model.json", Labels{})
		var row []string
		for i := range bare.Features {
			row = append(row, bare.Features[i].Name+": 1.5")
		}
		text := "format: 1\nexamples:\n  - {row: {" + strings.Join(row, ", ") + "}, prediction: " + prediction + "}\n"
		for name, content := range map[string]string{"model.json": string(model), "model.yaml": text} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		m, err := Load(dir, Labels{Name: "x"})
		if err == nil {
			_, err = m.SelfTest()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, expected %q", prediction, err, want)
		}
	}
}

// TestFileCategories: where the file itself lists a column's texts, values are held
// against them before the model sees them, and a description may name some of them
// but no others. Long lists are cut short in messages.
func TestFileCategories(t *testing.T) {
	const path = "../../engine/testdata/golden/xgb_cat_strings/model.json"
	bare := load(t, path, Labels{})
	job := &bare.Features[4]
	if want := `one of "clerk", "driver", "nurse", "teacher" or null`; job.Expected() != want {
		t.Errorf("job takes %s, want %s", job.Expected(), want)
	}
	b := bare.Batch(1)
	defer b.Release()
	for _, c := range []struct {
		kind oip.Kind
		text string
		ok   bool
	}{{oip.String, "nurse", true}, {oip.Null, "null", true}, {oip.String, "pilot", false}, {oip.String, "", false}, {oip.Number, "1", false}} {
		if expected, _ := b.Set(0, 4, c.kind, []byte(c.text)); (expected == "") != c.ok {
			t.Errorf("job %v %q: expected %q", c.kind, c.text, expected)
		}
	}

	if city := bare.Features[3].Expected(); city != "a string or null" { // the file tells names in two ways, neither for sure
		t.Errorf("city takes %s", city)
	}

	numbers := load(t, "../../engine/testdata/golden/xgb_more_numbers/model.json", Labels{})
	if got, want := numbers.Features[2].Expected(), "one of 30, -2, 500, 7 or null"; got != want {
		t.Errorf("k takes %s, want %s", got, want)
	}
	n := numbers.Batch(1)
	defer n.Release()
	for text, ok := range map[string]bool{"30": true, "-2": true, "-2.0": true, "31": false, "2": false, "7.5": false} {
		if expected, _ := n.Set(0, 2, oip.Number, []byte(text)); (expected == "") != ok {
			t.Errorf("k %s: expected %q", text, expected)
		}
	}

	model, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	described := func(jobs string) error {
		dir := t.TempDir()
		yaml := "format: 1\nname: m\nversion: '1'\nfeatures:\n"
		for _, name := range []string{"income", "debt", "age"} {
			yaml += "  - {name: " + name + ", type: number}\n"
		}
		yaml += "  - {name: city, type: category}\n  - {name: job, type: category, categories: [" + jobs + "]}\n"
		for name, text := range map[string]string{"model.json": string(model), "model.yaml": yaml} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		m, err := Load(dir, Labels{})
		if err == nil && m.Features[4].Expected() != `one of "nurse"` {
			t.Errorf("job takes %s", m.Features[4].Expected())
		}
		return err
	}
	if err := described("{value: nurse}"); err != nil {
		t.Error(err)
	}
	if err := described("{value: nurse}, {value: pilot}"); err == nil || !strings.Contains(err.Error(), `feature "job": categories: "pilot" is none of the file's`) {
		t.Errorf("a category that the file does not have: %v", err)
	}

	many := Feature{Storage: engine.String, Nullable: true, Valid: everything}
	var texts []string
	for i := range 300 {
		texts = append(texts, "c"+strconv.Itoa(i))
	}
	many.stored(texts)
	many.describeExpected()
	if want := `"c18", "c19", … (300 in all) or null`; !strings.HasSuffix(many.Expected(), want) {
		t.Errorf("it takes %s, want an end of %s", many.Expected(), want)
	}
}

// TestReference loads the examples of docs/reference/model-yaml.md.
func TestReference(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/model-yaml.md")
	if err != nil {
		t.Fatal(err)
	}
	model, err := os.ReadFile("../../engine/testdata/golden/xgb_cat_strings/model.json")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(page), "\n```yaml\n")[1:]
	if len(parts) < 2 {
		t.Fatalf("%d examples", len(parts))
	}
	for i, part := range parts {
		text, _, _ := strings.Cut(part, "```")
		dir := t.TempDir()
		for name, content := range map[string]string{"model.json": string(model), "model.yaml": text} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		m, err := Load(dir, Labels{})
		if err != nil {
			t.Errorf("example %d: %v", i, err)
			continue
		}
		if rows, err := m.SelfTest(); err != nil || rows != strings.Count(text, "row:") || m.Classes[1].Name != "leaves" {
			t.Errorf("example %d: self-test of %d rows, %v, classes %v", i, rows, err, m.Classes)
		}
	}
	// Every key is in the page.
	for _, of := range []reflect.Type{reflect.TypeFor[description](), reflect.TypeFor[featureDescription](), reflect.TypeFor[categoryDescription](), reflect.TypeFor[classDescription](),
		reflect.TypeFor[outputDescription](), reflect.TypeFor[exampleDescription](), reflect.TypeFor[Training](), reflect.TypeFor[TrainingData](), reflect.TypeFor[Metric]()} {
		for i := range of.NumField() {
			if key := of.Field(i).Tag.Get("yaml"); !strings.Contains(string(page), "`"+key+"`") {
				t.Errorf("the page does not speak of %s of %s", key, of.Name())
			}
		}
	}
}
