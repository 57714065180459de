// Package pages makes docs/comparisons.md and the pages and pictures beside it
// from recorded runs and the definitions of the experiments. Nothing on them is
// written by hand.
package pages

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"online-inference/lab/compare"
	"online-inference/lab/figures"
	"online-inference/lab/record"
	"online-inference/lab/timeline"
)

// Where the files lie, from the project's root.
const (
	Overview = "docs/comparisons.md"
	Folder   = "docs/comparisons"
)

// Result is an experiment with its recorded runs.
type Result struct {
	compare.Experiment
	Runs    []*record.Run
	Figures []*figures.Figures
	Summary *figures.Summary
	// Shown is the index of the run in the picture.
	Shown int
}

// shown is the run in the picture.
func (r *Result) shown() *record.Run { return r.Runs[r.Shown] }

// picture is what timeline draws.
func (r *Result) picture(axis timeline.Axis) timeline.Picture {
	return timeline.Picture{Title: r.Title, Short: r.Title, Conclusion: r.Answer, Run: r.shown(), Figures: r.Figures[r.Shown], Axis: axis}
}

// Load reads the recorded runs of the experiments. One that has no record at
// all has no page; that all of them have one is what `lab compare -check` holds.
func Load(root string, all []compare.Experiment) ([]*Result, error) {
	var results []*Result
	for _, e := range all {
		var runs []*record.Run
		for n := 1; n <= e.Runs; n++ {
			run, err := record.Open(filepath.Join(root, filepath.FromSlash(compare.Folder), compare.FileName(e.Name, n)))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			runs = append(runs, run)
		}
		if len(runs) == 0 {
			continue
		}
		r, err := NewResult(e, runs)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// NewResult computes what the pages need of an experiment's runs, one at least.
func NewResult(e compare.Experiment, runs []*record.Run) (*Result, error) {
	r := &Result{Experiment: e, Runs: runs}
	for _, run := range runs {
		f, err := figures.Of(run)
		if err != nil {
			return nil, fmt.Errorf("%s, run %d: %w", e.Name, run.Header.Run, err)
		}
		r.Figures = append(r.Figures, f)
	}
	r.Summary = figures.Summarise(r.Figures)
	r.Shown = figures.MedianRun(r.Figures)
	return r, nil
}

// Build makes all files of the results, of which all are the experiments, by
// their paths from the project's root.
func Build(results []*Result, all []compare.Experiment) (map[string][]byte, error) {
	files := map[string][]byte{}
	families := map[string][]*record.Run{}
	for _, r := range results {
		families[r.Family] = append(families[r.Family], r.shown())
	}
	axes := map[string]timeline.Axis{}
	for family, runs := range families {
		axes[family] = timeline.NewAxis(runs...)
	}
	for _, r := range results {
		p := r.picture(axes[r.Family])
		files[path.Join(Folder, r.Name+".svg")] = timeline.Draw(p, timeline.Light())
		files[path.Join(Folder, r.Name+"-dark.svg")] = timeline.Draw(p, timeline.Dark())
		page, err := experimentPage(r, p)
		if err != nil {
			return nil, err
		}
		files[path.Join(Folder, r.Name+".md")] = page
	}
	if rollouts := ofFamily(results, familyRollouts); len(rollouts) > 0 {
		var ps []timeline.Picture
		for _, r := range rollouts {
			ps = append(ps, r.picture(axes[familyRollouts]))
		}
		files[path.Join(Folder, "rollouts.svg")] = timeline.Summary(summaryTitle, summaryConclusion(rollouts), ps, timeline.Light())
		files[path.Join(Folder, "rollouts-dark.svg")] = timeline.Summary(summaryTitle, summaryConclusion(rollouts), ps, timeline.Dark())
	}
	files[Overview] = overviewPage(results, all)
	return files, nil
}

const familyRollouts = "rollouts"

func ofFamily(results []*Result, family string) []*Result {
	var all []*Result
	for _, r := range results {
		if r.Family == family {
			all = append(all, r)
		}
	}
	return all
}

// generated lists what lies where Build writes, from the project's root.
func generated(root string) ([]string, error) {
	var names []string
	entries, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(Folder)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot list the pages: %w", err)
	}
	for _, e := range entries {
		if ext := path.Ext(e.Name()); !e.IsDir() && (ext == ".md" || ext == ".svg") {
			names = append(names, path.Join(Folder, e.Name()))
		}
	}
	return names, nil
}

// Write makes all files new and removes those that no experiment has any more.
func Write(root string) error {
	results, err := Load(root, compare.All())
	if err != nil {
		return err
	}
	files, err := Build(results, compare.All())
	if err != nil {
		return err
	}
	old, err := generated(root)
	if err != nil {
		return err
	}
	for _, name := range old {
		if _, ok := files[name]; !ok {
			if err := os.Remove(filepath.Join(root, filepath.FromSlash(name))); err != nil {
				return fmt.Errorf("cannot remove an old page: %w", err)
			}
		}
	}
	if err := os.MkdirAll(filepath.Join(root, filepath.FromSlash(Folder)), 0o755); err != nil {
		return fmt.Errorf("cannot make the folder of the pages: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(filepath.Join(root, filepath.FromSlash(name)), files[name], 0o644); err != nil {
			return fmt.Errorf("cannot write a page: %w", err)
		}
	}
	return nil
}

// Diff says which files on disk are not what Build makes.
func Diff(root string, files map[string][]byte) error {
	var fault []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		switch {
		case err != nil:
			fault = append(fault, fmt.Errorf("cannot read a page: %w", err))
		case string(got) != string(files[name]):
			fault = append(fault, fmt.Errorf("%s is not what its records say; make docs writes it again", name))
		}
	}
	old, err := generated(root)
	if err != nil {
		return errors.Join(append(fault, err)...)
	}
	for _, name := range old {
		if _, ok := files[name]; !ok {
			fault = append(fault, fmt.Errorf("%s belongs to no experiment; make docs removes it", name))
		}
	}
	return errors.Join(fault...)
}

const summaryTitle = "From version 1 to version 2: every way side by side"

// summaryConclusion counts what the small multiples show.
func summaryConclusion(rollouts []*Result) string {
	clean, kept := 0, 0
	for _, r := range rollouts {
		if r.Summary.Requests().Failed == 0 {
			clean++
		}
		if r.Promise != "" && r.Summary.Requests().Failed == 0 {
			kept++
		}
	}
	text := fmt.Sprintf("%d of %d ways lost no request over all their runs", clean, len(rollouts))
	promised := len(slices.DeleteFunc(slices.Clone(rollouts), func(r *Result) bool { return r.Promise == "" }))
	switch {
	case promised == 0:
		return text + "."
	case kept == promised:
		return text + fmt.Sprintf(", among them all %d that promise it.", promised)
	}
	return text + fmt.Sprintf("; %d of the %d that promise it lost some.", promised-kept, promised)
}

// spread writes median (min–max), or one value where all runs agree.
func spread(s figures.Spread, write func(float64) string) string {
	switch {
	case s.N == 0 || math.IsNaN(s.Median):
		return "–"
	case write(s.Min) == write(s.Max):
		return write(s.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", write(s.Median), strings.TrimSuffix(write(s.Min), " s"), write(s.Max))
}

func whole(v float64) string { return fmt.Sprintf("%g", v) }
