//go:build e2e

package clients

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// generated finds how many requests schemathesis made.
var generated = regexp.MustCompile(`(\d+) generated, (\d+) (?:passed|found)`)

// TestOpenAPI lets schemathesis make requests from the server's own description,
// which is the served model's: what fits it has to be taken, what does not has to be
// refused, and every answer has to be as it is described. The seed is fixed, so that
// a finding comes again.
func TestOpenAPI(t *testing.T) {
	golden := filepath.Join(root, "engine/testdata/golden")
	for name, c := range map[string]struct {
		environ        []string
		model, version string
		examples       string // of each operation
		least          int    // requests in all
	}{
		"heart 1":      {nil, "heart-disease", "1", "40", 300},
		"heart 2":      {[]string{"MODEL_VERSION=2"}, "heart-disease", "2", "15", 150},
		"text columns": {[]string{"MODEL=" + filepath.Join(golden, "lgb_cat_strings/model.txt"), "MODEL_NAME=bare"}, "bare", "1", "15", 150},
		"float32":      {[]string{"MODEL=" + filepath.Join(golden, "xgb_multi/model.ubj"), "MODEL_NAME=bare"}, "bare", "1", "15", 150},
		"matrix":       {[]string{"MODEL=" + filepath.Join(golden, "lgb_binary/model.txt"), "MODEL_NAME=bare"}, "bare", "1", "15", 150},
	} {
		t.Run(name, func(t *testing.T) {
			address := "http://" + serve(t, c.environ...)
			dir := t.TempDir() // it leaves files behind
			settings, err := os.ReadFile("python/schemathesis.toml")
			if err != nil {
				t.Fatal(err)
			}
			config := filepath.Join(dir, "config.toml")
			settings = bytes.ReplaceAll(settings, []byte("models/MODEL"), []byte("models/"+c.model))
			settings = bytes.ReplaceAll(settings, []byte("versions/VERSION"), []byte("versions/"+c.version))
			if err := os.WriteFile(config, settings, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := python(t, "schemathesis", "schemathesis", "--config-file", config, "run", address+"/openapi.json", "--url", address,
				"--seed", "20261122", "--max-examples", c.examples, "--phases", "examples,coverage,fuzzing", "--request-timeout", "60")
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			found := generated.FindSubmatch(out)
			if found == nil {
				t.Fatalf("the report does not say how many requests there were\n%s", out)
			}
			if n, err := strconv.Atoi(string(found[1])); err != nil || n < c.least {
				t.Errorf("only %s requests were made", found[1])
			}
			t.Logf("%s", found[0])
		})
	}
}
