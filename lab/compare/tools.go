package compare

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/yaml"

	"online-inference/lab/target"
)

// isKnative says whether a file of the project is one of Knative's manifests.
func isKnative(file string) bool { return strings.HasPrefix(file, "knative/") }

// functionImage is how manifests name the function's image; ko builds it.
const functionImage = "ko://online-inference/function"

// tools run the programs that a user of the project runs.
type tools struct {
	root   string
	target *target.Target

	once  sync.Once
	image string
	err   error
}

// run runs a program in the project's root, with the target's environment.
func (t *tools) run(ctx context.Context, stdin []byte, name string, args ...string) ([]byte, error) {
	path, err := lookPath(name, t.target.Environ)
	if err != nil {
		return nil, err
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = t.root, t.target.Environ, &stdout, &stderr
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", commandText(name, args), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}

// lookPath finds a program on the PATH of environ.
func lookPath(name string, environ []string) (string, error) {
	for i := len(environ) - 1; i >= 0; i-- {
		list, ok := strings.CutPrefix(environ[i], "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return path, nil
			}
		}
		break
	}
	return "", fmt.Errorf("cannot find %s on the PATH", name)
}

func (t *tools) kubectl(ctx context.Context, namespace string, stdin []byte, args ...string) ([]byte, error) {
	where := []string{"--namespace", namespace}
	if t.target.Existing {
		where = append(where, "--context", t.target.Context)
	}
	return t.run(ctx, stdin, "kubectl", append(where, args...)...)
}

// patched gives a file's text after patches, with the function's image resolved.
func (t *tools) patched(ctx context.Context, file string, patches []string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(t.root, file))
	if err != nil {
		return nil, fmt.Errorf("cannot read the manifest: %w", err)
	}
	if bytes.Contains(text, []byte(functionImage)) {
		image, err := t.function(ctx)
		if err != nil {
			return nil, err
		}
		text = bytes.ReplaceAll(text, []byte(functionImage), []byte(image))
	}
	for _, p := range patches {
		kind, err := patchType(t.root, file, p)
		if err != nil {
			return nil, err
		}
		text, err = t.run(ctx, text, "kubectl", "patch", "--local", "-f", "-", "--type", kind, "--patch-file", p, "-o", "yaml")
		if err != nil {
			return nil, err
		}
	}
	return text, nil
}

// patchType is how kubectl has to take a patch file: a list is a JSON patch;
// Knative's kinds know no strategic one.
func patchType(root, file, patch string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, patch))
	if err != nil {
		return "", fmt.Errorf("cannot read the patch: %w", err)
	}
	var content any
	if err := yaml.Unmarshal(text, &content); err != nil {
		return "", fmt.Errorf("cannot read the patch %s: %w", patch, err)
	}
	switch _, list := content.([]any); {
	case list:
		return "json", nil
	case isKnative(file):
		return "merge", nil
	default:
		return "strategic", nil
	}
}

// function builds the function with ko, once, and gives the image's name.
func (t *tools) function(ctx context.Context) (string, error) {
	t.once.Do(func() {
		out, err := t.run(ctx, nil, "ko", "build", "./function")
		t.image, t.err = strings.TrimSpace(string(out)), err
	})
	return t.image, t.err
}

// applyText is how a user applies a patched file.
func applyText(root, file string, patches []string) (string, error) {
	program := "kubectl"
	if isKnative(file) {
		program = "ko"
	}
	if len(patches) == 0 {
		return program + " apply -f " + file, nil
	}
	text, in := "", file
	if program == "ko" {
		text, in = "ko resolve -f "+file+" | ", "-"
	}
	for _, p := range patches {
		kind, err := patchType(root, file, p)
		if err != nil {
			return "", err
		}
		text += "kubectl patch --local -f " + in + " --type=" + kind + " --patch-file=" + p + " -o yaml | "
		in = "-"
	}
	return text + "kubectl apply -f -", nil
}

// Hash is the hash of the objects in a file of YAML documents: comments and
// layout do not count.
func Hash(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("cannot hash: %w", err)
	}
	h := sha256.New()
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for n := 0; ; n++ {
		var object any
		switch err := documents.Decode(&object); {
		case errors.Is(err, io.EOF) && n == 0:
			return "", fmt.Errorf("cannot hash %s: it is empty", path)
		case errors.Is(err, io.EOF):
			return hex.EncodeToString(h.Sum(nil)), nil
		case err != nil:
			return "", fmt.Errorf("cannot hash %s: %w", path, err)
		}
		// encoding/json sorts the keys of maps.
		if err := json.NewEncoder(h).Encode(object); err != nil {
			return "", fmt.Errorf("cannot hash %s: %w", path, err)
		}
	}
}

// hashes are those of files below root, by their names.
func hashes(root string, files []string) (map[string]string, error) {
	out := make(map[string]string, len(files))
	for _, f := range files {
		sum, err := Hash(filepath.Join(root, filepath.FromSlash(f)))
		if err != nil {
			return nil, err
		}
		out[f] = sum
	}
	return out, nil
}
