package artefact

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"online-inference/engine"
)

func TestFolders(t *testing.T) {
	model, err := os.ReadFile(bundled + "1/model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"nothing", nil, "holds no model file"},
		{"no model", map[string]string{"README.md": "x", "model.yaml": "format: 1"}, "holds no model file"},
		{"two models", map[string]string{"a.onnx": string(model), "b.txt": "tree\nversion=v4\n"}, "holds 2 model files, expected one: a.onnx, b.txt"},
		{"two models of any name", map[string]string{"a": `{"learner":{}}`, "b.data": `{"features_info":{}}`}, "holds 2 model files, expected one: a, b.data"},
		{"hidden files", map[string]string{".a.onnx": string(model), "b.onnx": string(model)}, ""},
		{"no description", map[string]string{"b.onnx": string(model)}, ""},
		{"any name", map[string]string{"model.bin": string(model)}, ""},
		{"no ending", map[string]string{"model": string(model)}, ""},
		{"other files", map[string]string{
			"b.onnx": string(model), "README.txt": "A tree\n", "requirements.txt": "onnx==1.19\n", "metadata.json": `{"name":"x"}`, "empty.onnx": "", "list.json": "[]",
		}, ""},
		{"an empty description", map[string]string{"b.onnx": string(model), "model.yaml": ""}, "model.yaml: it is empty"},
		{"a description of another name", map[string]string{"b.onnx": string(model), "model.yml": "format: 1"}, `it holds "model.yml"; a description has to be called model.yaml`},
		{"a second description", map[string]string{"b.onnx": string(model), "model.yaml": "format: 1", "other.YAML": "format: 1"}, `it holds "other.YAML"; a description has to be called model.yaml`},
		{"a broken model", map[string]string{"b.onnx": string(model[:100])}, "cannot load model"},
		{"a model of no kind", map[string]string{"b.txt": "hello"}, "holds no model file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range c.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Load(dir, Labels{Name: "x"})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, expected %q", err, c.want)
			}
		})
	}
}

// TestLinks: as in a mounted ConfigMap, the files of a folder may be links; a link
// to a folder or to nowhere is no model file.
func TestLinks(t *testing.T) {
	model, err := filepath.Abs(bundled + "1/model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, target := range map[string]string{"a.onnx": model, "b.onnx": filepath.Dir(model), "c.onnx": "nowhere", "d.onnx": "d.onnx"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Load(dir, Labels{Name: "x"}); err == nil || !strings.Contains(err.Error(), "too many levels") {
		t.Errorf("a link to itself: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "d.onnx")); err != nil {
		t.Fatal(err)
	}
	load(t, dir, Labels{Name: "x"})
}

// TestReadFile: files are read whole or refused by their size.
func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := readFile(path, 5); err != nil || string(b) != "12345" {
		t.Errorf("%s, %v", b, err)
	}
	var none *NoModelError
	for _, path := range []string{path, "/dev/zero"} { // whose size nobody says before
		if _, err := readFile(path, 4); !errors.As(err, &none) || !strings.HasSuffix(err.Error(), "it is larger than 4 bytes") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestSniff: every model of the golden set is told by its first bytes as the
// engine tells it when it loads it.
func TestSniff(t *testing.T) {
	paths, err := filepath.Glob("../../engine/testdata/golden/*/model*")
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d models, %v", len(paths), err)
	}
	for _, path := range paths {
		m := load(t, path, Labels{Name: "x"})
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := engine.Sniff(data[:min(len(data), sniffBytes)]); got != m.Format {
			t.Errorf("%s is %q, told as %q", path, m.Format, got)
		}
	}
}
