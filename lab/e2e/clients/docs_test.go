//go:build e2e

package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// grpcurl is the client of the examples in docs/reference/grpc.md.
const grpcurl = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3"

// blocks are the fenced blocks of a language in the examples of grpc.md, asking the
// address in place of the one that is written there.
func blocks(t *testing.T, language, address string) (all []string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs/reference/grpc.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(page), "\n```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(part, "\n```")
		if strings.Count(block, "localhost:8080") == 0 {
			t.Fatalf("a block asks no server:\n%s", block)
		}
		all = append(all, strings.ReplaceAll(block, "localhost:8080", address))
	}
	return all
}

// answers runs a command and holds its output against what each of its parts says.
func answers(t *testing.T, cmd *exec.Cmd, wants ...string) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	rest := string(out)
	for _, want := range wants {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("no %q in what is left of the output:\n%s", want, rest)
		}
		rest = after
	}
}

// TestGRPCExamples runs the examples of docs/reference/grpc.md as they are written.
func TestGRPCExamples(t *testing.T) {
	address := serve(t)
	python3 := blocks(t, "python", address)
	if len(python3) != 1 {
		t.Fatalf("%d Python examples", len(python3))
	}
	answers(t, python(t, "clients", "python", "-c", python3[0]), "[0]", "[[0.", "]]")

	bin := t.TempDir()
	install := exec.CommandContext(t.Context(), "go", "install", grpcurl)
	install.Env = append(os.Environ(), "GOBIN="+bin, "GOFLAGS=-mod=mod", "GOWORK=off")
	install.Dir = bin // outside of all modules
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	shell := blocks(t, "sh", address)
	if len(shell) != 2 {
		t.Fatalf("%d examples with grpcurl", len(shell))
	}
	for i, wants := range [][]string{
		{"grpc.health.v1.Health", "inference.GRPCInferenceService", "inference.ModelInferRequest is a message", `"thal"`, `"modelVersion": "1"`, `"label"`, `"probabilities"`},
		{`"status": "SERVING"`},
	} {
		cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", shell[i])
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		answers(t, cmd, wants...)
	}
}
