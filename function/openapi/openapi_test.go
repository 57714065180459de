package openapi

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"online-inference/function/artefact"
)

// models are artefacts of every kind: bundled ones with a card, and bare files of
// every format.
func models(t *testing.T) []string {
	t.Helper()
	bundled, err := filepath.Glob("../kodata/models/heart-disease/*")
	if err != nil || len(bundled) == 0 {
		t.Fatal("no bundled models", err)
	}
	golden, err := filepath.Glob("../../engine/testdata/golden/*/model.*")
	if err != nil || len(golden) < 150 {
		t.Fatalf("%d golden models, %v", len(golden), err)
	}
	return append(bundled, golden...)
}

// TestDocument reads the document of every model back: each reference leads
// somewhere, each operation has an id of its own, and each example is there.
func TestDocument(t *testing.T) {
	for _, path := range models(t) {
		m, err := artefact.Load(path, artefact.Labels{Name: "m", Version: "1"})
		if err != nil {
			t.Fatal(err)
		}
		text, err := Document(m, "test", 1000)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		var doc map[string]any
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		ids := map[string]bool{}
		walk(doc, func(key string, v any) {
			s, isText := v.(string)
			switch {
			case key == "$ref" && !leads(doc, s):
				t.Errorf("%s: $ref %q leads nowhere", path, s)
			case key == "operationId" && isText:
				if ids[s] {
					t.Errorf("%s: operationId %q twice", path, s)
				}
				ids[s] = true
			}
		})
		if len(ids) < 10 {
			t.Errorf("%s: only operations %v", path, ids)
		}
	}
}

func walk(v any, f func(key string, v any)) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			f(key, inner)
			walk(inner, f)
		}
	case []any:
		for _, inner := range v {
			walk(inner, f)
		}
	}
}

func leads(doc map[string]any, ref string) bool {
	at := any(doc)
	for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		inner, ok := at.(map[string]any)
		if !ok || inner[part] == nil {
			return false
		}
		at = inner[part]
	}
	return true
}

// TestFeatures holds schemas of features against what model.yaml says.
func TestFeatures(t *testing.T) {
	m, err := artefact.Load("../kodata/models/heart-disease/1", artefact.Labels{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"age":  `{"type":"number","minimum":0,"maximum":120,"description":"Age at the examination. Unit: years. Seen in training: from 29 to 77; beyond it the answer carries a warning."}`,
		"sex":  `{"enum":[0,1],"description":"Sex as recorded. 0 = female, 1 = male."}`,
		"thal": `{"enum":["3","6","7",null],"description":"Thallium scan of the heart muscle. 3 = normal, 6 = fixed defect, 7 = reversible defect. null stands for a missing value."}`,
		"ca":   `{"type":["number","null"],"minimum":0,"maximum":3,"description":"Major vessels coloured by fluoroscopy. Unit: vessels. Seen in training: from 0 to 3; beyond it the answer carries a warning. null stands for a missing value."}`,
	} {
		i := m.Index([]byte(name))
		if i < 0 {
			t.Errorf("%s: the model has no such feature", name)
			continue
		}
		got, err := json.Marshal(value(&m.Features[i]))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s\n got %s\nwant %s", name, got, want)
		}
	}
}
