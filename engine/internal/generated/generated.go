// Package generated keeps the parts of documents that the code writes equal to
// what it writes.
package generated

import (
	"os"
	"strings"
	"testing"
)

// Part compares a part of a document, between the comments "NAME: generated, do
// not edit" and "end of NAME", with what it is to be, or writes it.
func Part(t *testing.T, path, name, want string, write bool) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+": generated, do not edit -->\n", "<!-- end of "+name+" -->\n"
	head, rest, ok := strings.Cut(string(data), begin)
	have, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the %s", path, name)
	}
	if write {
		if err := os.WriteFile(path, []byte(head+begin+want+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	haves, wants := strings.SplitAfter(have, "\n"), strings.SplitAfter(want, "\n")
	for i := range max(len(haves), len(wants)) {
		line := func(all []string) string { return strings.Join(all[min(i, len(all)):min(i+1, len(all))], "") }
		if line(haves) != line(wants) {
			t.Fatalf("line %d of the %s in %s is not the code's; a flag of this test writes them\nhave %swant %s", i+1, name, path, line(haves), line(wants))
		}
	}
}
