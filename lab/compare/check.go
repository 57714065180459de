package compare

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"online-inference/lab/record"
)

// Folder is where records are kept, from the project's root.
const Folder = "docs/comparisons/events"

// Budget is the most that all records may take, in bytes.
const Budget = 10 << 20

// Check holds the records in a folder against the claims and the files of
// today. It needs no cluster.
func Check(out io.Writer, root, folder string, all []Experiment) error {
	var fault []error
	for _, e := range all {
		runs, err := Read(folder, e)
		fault = append(fault, err, current(root, e, runs), Assert(out, e, runs))
	}
	return errors.Join(fault...)
}

// Read reads all runs of an experiment; one that is missing is an error.
func Read(folder string, e Experiment) ([]*record.Run, error) {
	var runs []*record.Run
	var fault []error
	for n := 1; n <= e.Runs; n++ {
		run, err := record.Open(filepath.Join(folder, FileName(e.Name, n)))
		if err != nil {
			fault = append(fault, fmt.Errorf("%s, run %d: %w; record it by: %s", e.Name, n, err, e.Command()))
			continue
		}
		if run.Header.Experiment != e.Name || run.Header.Family != e.Family || run.Header.Run != n {
			fault = append(fault, fmt.Errorf("%s is run %d of %s/%s", FileName(e.Name, n), run.Header.Run, run.Header.Family, run.Header.Experiment))
		}
		if end := run.Lines[len(run.Lines)-1].End; end.Failed != "" {
			fault = append(fault, fmt.Errorf("%s: a failed run: %s", FileName(e.Name, n), end.Failed))
		}
		runs = append(runs, run)
	}
	return runs, errors.Join(fault...)
}

// current says which files have changed since they were recorded.
func current(root string, e Experiment, runs []*record.Run) error {
	sums, err := hashes(root, e.Files)
	if err != nil {
		return fmt.Errorf("%s: %w", e.Name, err)
	}
	var fault []error
	for _, run := range runs {
		for name, sum := range run.Header.Manifests {
			if sums[name] != sum {
				fault = append(fault, fmt.Errorf("%s, run %d: %s has changed since; record it again by: %s", e.Name, run.Header.Run, name, e.Command()))
			}
		}
		if len(run.Header.Manifests) != len(sums) {
			fault = append(fault, fmt.Errorf("%s, run %d: recorded with %d files, now it has %d", e.Name, run.Header.Run, len(run.Header.Manifests), len(sums)))
		}
	}
	return errors.Join(fault...)
}

// Stray lists what lies in the folder of records and belongs to no experiment,
// and the size of all.
func Stray(folder string, all []Experiment) (strays []string, size int64, err error) {
	known := map[string]bool{}
	for _, e := range all {
		for n := 1; n <= e.Runs; n++ {
			known[FileName(e.Name, n)] = true
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot list the records: %w", err)
	}
	for _, f := range entries {
		info, err := f.Info()
		if err != nil {
			return nil, 0, fmt.Errorf("cannot list the records: %w", err)
		}
		size += info.Size()
		if !known[f.Name()] && !strings.HasPrefix(f.Name(), ".recording-") {
			strays = append(strays, f.Name())
		}
	}
	return strays, size, nil
}
