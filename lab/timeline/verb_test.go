package timeline

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"online-inference/lab/record"
)

func TestVerb(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, run *record.Run) string {
		t.Helper()
		var b bytes.Buffer
		start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
		w, err := record.NewWriter(&b, run.Header, start)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range run.Lines {
			if err := w.Put(start.Add(time.Duration(line.T)*time.Millisecond), line); err != nil {
				t.Fatal(err)
			}
		}
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	good := write("x-1.events.jsonl", recreate())
	cut := recreate()
	cut.Lines = cut.Lines[:len(cut.Lines)-1]
	var out bytes.Buffer
	if err := Main([]string{"-o", dir, good}, &out); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x-1.svg", "x-1-dark.svg"} {
		svg, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(out.String(), name) {
			t.Fatalf("%v; said %q", err, out.String())
		}
		if len(parse(t, svg)) < 50 {
			t.Errorf("%s has %d elements", name, len(parse(t, svg)))
		}
	}
	for name, args := range map[string][]string{
		"no file is given":  nil,
		"no such file":      {filepath.Join(dir, "none.jsonl")},
		"no end":            {write("cut.jsonl", cut)},
		"not defined":       {"-x"},
		"no such file or d": {"-o", filepath.Join(dir, "none"), good},
	} {
		if err := Main(args, &out); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: got %v, want %q", args, err, name)
		}
	}
}
