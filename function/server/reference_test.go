package server

import (
	"os"
	"strings"
	"testing"
)

// TestReferenceRoutes: the reference page lists every path that the router has, and
// no other.
func TestReferenceRoutes(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/rest.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## Endpoints\n")
	table, _, _ = strings.Cut(table, "\n## ")
	listed := map[string]bool{}
	for line := range strings.Lines(table) {
		if path, _, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "`"); ok && strings.HasPrefix(path, "/") {
			listed[path] = true
		}
	}
	listed["/v2/"] = listed["/v2"] // in one line
	delete(listed, "/v1/models/{model}:predict")
	s := quiet(t)
	s.patterns[metricsPath] = false
	for pattern := range s.patterns {
		parts := strings.Split(pattern, "/")
		for i, p := range parts {
			if name, ok := strings.CutPrefix(p, ":"); ok {
				parts[i] = "{" + name + "}"
			}
		}
		path := strings.Join(parts, "/")
		if !listed[path] {
			t.Errorf("%s is not listed", path)
		}
		delete(listed, path)
	}
	for path := range listed {
		t.Errorf("%s is listed, but no route", path)
	}
}
