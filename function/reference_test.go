package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the answers of docs/reference/rest.md anew")

const referencePage = "../docs/reference/rest.md"

// TestReference runs every command of the reference page under bash and compares
// what it prints with what the page says.
func TestReference(t *testing.T) {
	page, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	iris, err := filepath.Abs("../engine/testdata/golden/sk_logreg_multi_str/model.onnx")
	if err != nil {
		t.Fatal(err)
	}
	addresses := strings.NewReplacer(
		"localhost:8080", strings.TrimPrefix(start(t, "HOSTNAME=demo").url, "http://"),
		"localhost:8081", strings.TrimPrefix(start(t, "HOSTNAME=demo", "MODEL="+iris, "MODEL_NAME=iris").url, "http://"),
	)
	dir := t.TempDir()
	var written strings.Builder
	rest, run := string(page), 0
	for {
		const opening, middle, end = "```sh\n", "\n```\n\n```text\n", "```\n"
		before, block, found := strings.Cut(rest, opening)
		written.WriteString(before)
		if !found {
			break
		}
		command, answer, found := strings.Cut(block, middle)
		if !found || strings.Contains(command, "```") {
			t.Fatalf("no answer is shown for\n%s", command)
		}
		answer, rest, _ = strings.Cut(answer, end)
		got := bash(t, dir, addresses.Replace(command))
		if !*update {
			if diff := cmp.Diff(answer, got); diff != "" {
				t.Errorf("%s\n%s", command, diff)
			}
		}
		written.WriteString(opening + command + middle + got + end)
		run++
	}
	if run < 15 {
		t.Errorf("%d commands were run", run)
	}
	if *update {
		if err := os.WriteFile(referencePage, []byte(written.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// bash runs a script and returns what it prints, its last line ended.
func bash(t *testing.T, dir, script string) string {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), "bash", "-eu", "-o", "pipefail", "-c", script)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = dir, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s\n%v %s", script, err, stderr.String())
	}
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, '\n')
	}
	return string(out)
}
