package compare

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"testing"
)

// TestRecords holds every recorded run against its claims and against today's
// manifests. A missing record fails, but for the experiments that Unrecorded
// lists: and a listed one whose runs are all there fails too.
func TestRecords(t *testing.T) {
	folder := filepath.Join(root, filepath.FromSlash(Folder))
	var said bytes.Buffer
	open := Unrecorded()
	if _, err := Find(open); err != nil {
		t.Error(err)
	}
	for _, e := range All() {
		listed := slices.Contains(open, e.Name)
		if !listed {
			if err := Check(&said, root, folder, []Experiment{e}); err != nil {
				t.Errorf("%v\n%s", err, said.String())
			}
			continue
		}
		runs, err := Read(folder, e)
		if err == nil {
			t.Errorf("%s is recorded: take it off the list of Unrecorded", e.Name)
		}
		if len(runs) == 0 {
			continue
		}
		if err := errors.Join(current(root, e, runs), Assert(&said, e, runs)); err != nil {
			t.Errorf("%v\n%s", err, said.String())
		}
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
