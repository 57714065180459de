package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// peers is the folder of the peers' programs and pinned requirements.
var peers = filepath.Join("bench", "server", "peers")

// prepare makes what a run needs: programs, the peers' environments, bodies, and
// ONNX Runtime's answers.
func (b *bench) prepare(ctx context.Context, field []*contender) error {
	for _, tool := range []string{"python3", "wrk"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("the benchmark needs %s (Debian's package of that name): %w", tool, err)
		}
	}
	for name, pkg := range map[string]string{"function": "./function", "floor": "./bench/server/floor"} {
		if err := b.build(ctx, name, pkg); err != nil {
			return err
		}
	}
	for _, name := range environments(field) {
		if err := b.environment(ctx, name); err != nil {
			return err
		}
	}
	var err error
	if b.model, err = filepath.Abs(filepath.Join("function", "kodata", "models", "heart-disease", "1", "model.onnx")); err != nil {
		return err
	}
	if b.bodies, err = readBodies(filepath.Join("train", "data", "heart.csv")); err != nil {
		return err
	}
	if err := b.bodies.write(b.dir); err != nil {
		return err
	}
	return b.expect(ctx)
}

// build makes a program as it is shipped: static, stripped, trimmed.
func (b *bench) build(ctx context.Context, name, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(b.dir, name), pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cannot build %s: %w", pkg, err)
	}
	return nil
}

// environments are those that a field needs; the first one also gives the answers
// that all are held against.
func environments(field []*contender) []string {
	names := []string{"fastapi"}
	for _, c := range field {
		if c.environment != "" && c.environment != names[0] {
			names = append(names, c.environment)
		}
	}
	return names
}

func (b *bench) python(environment string) string {
	return filepath.Join(b.cache, environment, "bin", "python")
}

// environment installs one peer's pinned packages. The stamp is written last, so
// that an installation that broke off is done again.
func (b *bench) environment(ctx context.Context, name string) error {
	requirements := filepath.Join(peers, "requirements-"+name+".txt")
	content, err := os.ReadFile(requirements)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	want, dir := hex.EncodeToString(sum[:]), filepath.Join(b.cache, name)
	stamp := filepath.Join(dir, "installed")
	if have, err := os.ReadFile(stamp); err == nil && string(have) == want {
		return nil
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	b.progress("installing %s into %s, a minute or two", name, dir)
	for _, args := range [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{b.python(name), "-m", "pip", "install", "--quiet", "--requirement", requirements},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
		}
	}
	return os.WriteFile(stamp, []byte(want), 0o644)
}

// expect asks ONNX Runtime, without a server, for the probabilities of all rows.
func (b *bench) expect(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, b.python("fastapi"), filepath.Join(peers, "expect.py"), b.model)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(b.bodies.simple(b.bodies.rows)), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("cannot score by ONNX Runtime: %w", err)
	}
	if err := json.Unmarshal(out, &b.expected); err != nil {
		return err
	}
	if len(b.expected) != len(b.bodies.rows) {
		return fmt.Errorf("ONNX Runtime gave %d answers for %d rows", len(b.expected), len(b.bodies.rows))
	}
	return nil
}

// versions are those of what was measured and of what measured it.
func (b *bench) versions(ctx context.Context, field []*contender) (map[string]string, error) {
	const script = `import importlib.metadata as m, json, platform, sys
names = {"fastapi": ["fastapi", "uvicorn", "uvloop", "pydantic", "onnxruntime", "numpy"], "mlserver": ["mlserver", "uvloop", "fastapi"], "kserve": ["kserve", "uvicorn", "fastapi"]}
n = sys.argv[1]
own = {"python": platform.python_version()} if n == "fastapi" else {}
print(json.dumps({p if p == n or n == "fastapi" else n + "'s " + p: m.version(p) for p in names[n]} | own))`
	versions := map[string]string{"go": strings.TrimPrefix(runtime.Version(), "go")}
	for _, name := range environments(field) {
		out, err := exec.CommandContext(ctx, b.python(name), "-c", script, name).Output()
		if err != nil {
			return nil, fmt.Errorf("cannot ask for the versions of %s: %w", name, err)
		}
		if err := json.Unmarshal(out, &versions); err != nil {
			return nil, err
		}
	}
	// wrk tells its version with an exit code of 1.
	out, err := exec.CommandContext(ctx, "wrk", "-v").CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	if f := strings.Fields(string(out)); len(f) > 1 {
		versions["wrk"] = f[1]
	}
	return versions, nil
}
