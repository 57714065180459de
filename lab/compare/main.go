package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"

	"online-inference/lab/record"
	"online-inference/lab/steps"
)

// Plan is what `lab compare` is to do.
type Plan struct {
	Experiments []Experiment
	// Runs replaces the experiments' own number of runs where it is not 0.
	Runs int
	// Jobs is how many experiments run at a time.
	Jobs int
	// Due is nil for all runs, and else says which ones are to be played.
	Due func(e Experiment, n int) bool
}

// loadBefore is the key under which a record's header has the load average.
const loadBefore = "load average before"

// BusyLoad is the load average above which the lab's two processors have other
// things to do.
const BusyLoad = 4

// Busy reports whether a run began while the machine had other things to do.
func Busy(run *record.Run) bool {
	load, err := strconv.ParseFloat(run.Header.Cluster[loadBefore], 64)
	return err == nil && load > BusyLoad
}

// Missing says of a run whether a folder has no record of it, or one that began on
// a busy machine.
func Missing(folder string) func(Experiment, int) bool {
	return func(e Experiment, n int) bool {
		run, err := record.Open(filepath.Join(folder, FileName(e.Name, n)))
		return err != nil || Busy(run)
	}
}

// List prints the experiments.
func List(out io.Writer, all []Experiment) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tFAMILY\tRUNS\tTAKES\tQUESTION")
	total := time.Duration(0)
	for _, e := range all {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", e.Name, e.Family, e.Runs, e.Takes, e.Question)
		total += time.Duration(e.Runs) * e.Takes
	}
	fmt.Fprintf(w, "all\t\t\t%s\t\n", total.Round(time.Minute))
	if err := w.Flush(); err != nil {
		return fmt.Errorf("cannot print the list: %w", err)
	}
	return nil
}

// Duration is about how long a plan takes.
func (p Plan) Duration() time.Duration {
	sum := time.Duration(0)
	for _, e := range p.Experiments {
		for n := 1; n <= p.runs(e); n++ {
			if p.due(e, n) {
				sum += e.Takes
			}
		}
	}
	return sum / time.Duration(max(p.Jobs, 1))
}

func (p Plan) due(e Experiment, n int) bool { return p.Due == nil || p.Due(e, n) }

func (p Plan) runs(e Experiment) int {
	if p.Runs > 0 {
		return p.Runs
	}
	return e.Runs
}

// Play runs a plan and holds what it recorded against the claims. Failed runs
// do not stop the others.
func Play(ctx context.Context, r *Runner, p Plan, display steps.Display, out io.Writer) error {
	if err := r.Prepare(ctx); err != nil {
		return err
	}
	jobs := max(p.Jobs, 1)
	r.Cluster["experiments at a time"] = fmt.Sprint(jobs)
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		fault   []error
		machine sync.RWMutex // held whole by experiments that run alone
	)
	slots := make(chan struct{}, jobs)
	// Runs of one experiment follow each other at a distance: what disturbs the
	// machine for a minute then spoils one run of several experiments, and not
	// all runs of one.
	for n := 1; n <= slices.Max(p.allRuns()); n++ {
		for _, e := range p.Experiments {
			if n > p.runs(e) || ctx.Err() != nil || !p.due(e, n) {
				continue
			}
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				if e.Alone {
					machine.Lock()
					defer machine.Unlock()
				} else {
					machine.RLock()
					defer machine.RUnlock()
				}
				if err := step(ctx, r, e, n, p.runs(e), display); err != nil {
					mu.Lock()
					defer mu.Unlock()
					fault = append(fault, err)
				}
			})
		}
	}
	wg.Wait()
	if ctx.Err() != nil {
		return errors.Join(append(fault, ctx.Err())...) // what is there is not all
	}
	for _, e := range p.Experiments {
		var runs []*record.Run
		for n := 1; n <= p.runs(e); n++ {
			run, err := record.Open(filepath.Join(r.Out, FileName(e.Name, n)))
			if errors.Is(err, os.ErrNotExist) {
				continue // a failed run, told already
			}
			if err != nil {
				fault = append(fault, err)
				continue
			}
			runs = append(runs, run)
		}
		fault = append(fault, Assert(out, e, runs))
	}
	return errors.Join(fault...)
}

func (p Plan) allRuns() []int {
	out := []int{0}
	for _, e := range p.Experiments {
		out = append(out, p.runs(e))
	}
	return out
}

// step is one run with its line of progress.
func step(ctx context.Context, r *Runner, e Experiment, n, of int, display steps.Display) error {
	one := steps.Step{Name: fmt.Sprintf("%s-%d", e.Name, n),
		Title: fmt.Sprintf("%s, run %d of %d, about %s", e.Name, n, of, e.Takes)}
	display.Begin(one)
	began, last := time.Now(), ""
	path, err := r.Run(ctx, e, n, func(format string, args ...any) { last = fmt.Sprintf(format, args...) })
	note := filepath.Base(path)
	if err != nil {
		err = fmt.Errorf("%s, run %d, after %q: %w", e.Name, n, last, err)
		note = ""
	}
	display.End(one, time.Since(began), note, false, err)
	return err
}

// Assert holds runs of an experiment against its claims and prints what was
// measured, run by run.
func Assert(out io.Writer, e Experiment, runs []*record.Run) error {
	var fault []error
	fmt.Fprintf(out, "\n%s: %s\n", e.Name, e.Answer)
	for _, c := range e.Claims {
		state, values := "holds ", make([]string, 0, len(runs))
		for _, run := range runs {
			measured, err := c.Check(run)
			if err != nil {
				state = "BROKEN"
				fault = append(fault, fmt.Errorf("%s, run %d: %s: %w", e.Name, run.Header.Run, c.Text, err))
			}
			values = append(values, measured)
		}
		if len(runs) == 0 {
			state = "no run"
		}
		fmt.Fprintf(out, "  %s %s: %q\n", state, c.Text, values)
	}
	if len(runs) == 0 {
		fault = append(fault, fmt.Errorf("%s: no run", e.Name))
	}
	return errors.Join(fault...)
}
