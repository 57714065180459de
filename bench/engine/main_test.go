package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/bench/engine/record"
)

func TestChosen(t *testing.T) {
	for words, want := range map[string][]string{
		"catboost":       {"catboost-100x6", "catboost-1000x8"},
		"1000x8,columns": {"xgboost-1000x8", "catboost-1000x8", "columns-13"},
		"nothing":        {},
		"":               names,
	} {
		if diff := cmp.Diff(want, chosen(words)); diff != "" {
			t.Errorf("chosen(%q) (-want +got):\n%s", words, diff)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"what"}, "expected no arguments"},
		{[]string{"-rounds", "0"}, "-rounds and -slice of 1 or more"},
		{[]string{"-models", "nothing"}, "no model has such a name"},
		{[]string{"-render", "-o", "/nowhere"}, "engine.json"},
	} {
		var out, progress bytes.Buffer
		err := run(t.Context(), c.args, strings.NewReader(""), &out, &progress)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("run %v: %v, want %q", c.args, err, c.want)
		}
	}
}

// TestMissingTool shows that what the machine lacks is named.
func TestMissingTool(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-quick"}, strings.NewReader(""), &out, &out); err == nil || !strings.Contains(err.Error(), "the peers need python3") {
		t.Errorf("error = %v, want one that names python3", err)
	}
}

// TestRender shows that page and charts come from the record alone.
func TestRender(t *testing.T) {
	dir := t.TempDir()
	r := &record.Record{Date: "2026-11-22T11:00:00Z", Quick: true, Versions: map[string]string{"onnxruntime": "1"}}
	if err := r.Write(filepath.Join(dir, "engine.json")); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-render", "-o", dir}, strings.NewReader(""), &out, &out); err != nil {
		t.Fatal(err)
	}
	for name, want := range r.Files() {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}
