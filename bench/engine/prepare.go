package main

import (
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

// prepare makes what a run needs and keeps it: the peers' Python environment
// and the models. Both are made again only where what they are made of changed.
func (b *bench) prepare(ctx context.Context, names []string) error {
	for _, tool := range []string{"python3", "cc"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("the peers need %s: %w", tool, err)
		}
	}
	if err := b.environment(ctx); err != nil {
		return err
	}
	b.progress("models in %s, trained where they are missing (2 minutes for all)", b.models())
	cmd := exec.CommandContext(ctx, b.python(), append([]string{b.script("models.py"), b.models()}, names...)...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cannot make the models: %w", err)
	}
	return nil
}

// environment installs the pinned peers. The stamp is written last, so that an
// installation that broke off is done again.
func (b *bench) environment(ctx context.Context) error {
	requirements := filepath.Join(b.root, "bench", "engine", "requirements.txt")
	content, err := os.ReadFile(requirements)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	want, stamp := hex.EncodeToString(sum[:]), filepath.Join(b.cache, "venv", "installed")
	if have, err := os.ReadFile(stamp); err == nil && string(have) == want {
		return nil
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	b.progress("installing the peers into %s: 1.1 GB, some minutes", filepath.Dir(stamp))
	for _, args := range [][]string{
		{"python3", "-m", "venv", filepath.Join(b.cache, "venv")},
		{b.python(), "-m", "pip", "install", "--quiet", "--requirement", requirements},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
		}
	}
	return os.WriteFile(stamp, []byte(want), 0o644)
}

// versions are those of the peers that were measured, and of Go.
func (b *bench) versions(ctx context.Context) (map[string]string, error) {
	const script = `import importlib.metadata as m, json, platform
names = ["onnxruntime", "xgboost-cpu", "lightgbm", "catboost", "scikit-learn", "lleaves", "llvmlite", "tl2cgen", "treelite", "numpy", "skl2onnx", "onnxmltools"]
print(json.dumps({n: m.version(n) for n in names} | {"python": platform.python_version()}))`
	out, err := exec.CommandContext(ctx, b.python(), "-c", script).Output()
	if err != nil {
		return nil, fmt.Errorf("cannot ask for the peers' versions: %w: %s", err, stderr(err))
	}
	versions := map[string]string{}
	if err := json.Unmarshal(out, &versions); err != nil {
		return nil, err
	}
	versions["go"] = strings.TrimPrefix(runtime.Version(), "go")
	out, err = exec.CommandContext(ctx, "cc", "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("cannot ask for the C compiler's version: %w", err)
	}
	versions["cc"] = strings.SplitN(string(out), "\n", 2)[0]
	return versions, nil
}

// stderr is what a failed command wrote to its standard error.
func stderr(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return strings.TrimSpace(string(exit.Stderr))
	}
	return ""
}
