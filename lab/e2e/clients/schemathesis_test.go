//go:build e2e

package clients

import (
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// generated finds how many requests schemathesis made.
var generated = regexp.MustCompile(`(\d+) generated, (\d+) (?:passed|found)`)

// TestOpenAPI lets schemathesis make requests from the server's own description:
// what fits it has to be taken, what does not has to be refused, and every answer has
// to be as it is described. The seed is fixed, so that a finding comes again.
func TestOpenAPI(t *testing.T) {
	address := "http://" + serve(t)
	config, err := filepath.Abs("python/schemathesis.toml")
	if err != nil {
		t.Fatal(err)
	}
	cmd := python(t, "schemathesis", "schemathesis", "--config-file", config, "run", address+"/openapi.json", "--url", address,
		"--seed", "20261122", "--max-examples", "40", "--phases", "examples,coverage,fuzzing", "--request-timeout", "60")
	cmd.Dir = t.TempDir() // it leaves files behind
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found := generated.FindSubmatch(out)
	if found == nil {
		t.Fatalf("the report does not say how many requests there were\n%s", out)
	}
	if n, err := strconv.Atoi(string(found[1])); err != nil || n < 300 {
		t.Errorf("only %s requests were made", found[1])
	}
	t.Logf("%s", found[0])
}
