package compare

import (
	"bytes"
	"path/filepath"
	"testing"
)

// TestRecords holds every recorded run against its claims and against today's
// manifests; a missing record fails.
func TestRecords(t *testing.T) {
	folder := filepath.Join(root, filepath.FromSlash(Folder))
	var said bytes.Buffer
	if err := Check(&said, root, folder, All()); err != nil {
		t.Errorf("%v\n%s", err, said.String())
	}
	strays, size, err := Stray(folder, All())
	if err != nil {
		t.Fatal(err)
	}
	if len(strays) > 0 {
		t.Errorf("records of no experiment: %v", strays)
	}
	if size > Budget {
		t.Errorf("the records take %d bytes, at most %d are wanted", size, Budget)
	}
}
