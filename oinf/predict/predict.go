// Package predict scores the rows of a table of any length with a model: rows are
// read by one goroutine, parsed and scored by others, a chunk at a time, and
// written in the order in which they came. Memory is bounded by the number of
// chunks on the way.
package predict

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"online-inference/function/artefact"
	"online-inference/oinf/rows"
)

// Options say what to score and how.
type Options struct {
	Model *artefact.Model
	Rows  *rows.Source
	// NoHeader and ByPosition tell which columns are which: by the header's names
	// without them, else by their order, which has to be the model's.
	NoHeader, ByPosition bool
	// Columns are the names of the features in the table, in the model's order, where
	// they are not the model's own.
	Columns []string
	Missing []string // words that stand for a missing value in CSV

	Out     io.Writer
	Format  rows.Format // of Out
	Keep    bool        // the input's columns, too
	SkipBad bool        // leave bad rows out and go on
	Rejects io.Writer   // gets the rows that were left out, as they stand; may be nil
	Workers int         // goroutines that parse and score, at least 1
	Scored  *atomic.Int64
}

// A Summary tells what was done.
type Summary struct {
	Rows    int        // that were scored
	Bad     int        // that were left out
	First   []RowError // of those, the first maxListed
	Ignored []string   // columns that the model does not take
	Outside []Outside  // values outside the training range, by feature
}

// maxListed bounds what a Summary keeps of bad rows and of names.
const maxListed = 1000

// A RowError says what is wrong with a row.
type RowError struct {
	Line   int // of the file, from 1
	Reason string
}

func (e *RowError) Error() string { return fmt.Sprintf("line %d%s", e.Line, e.Reason) }

// An Outside counts the values of a feature that are valid but unlike those that
// the model learned from.
type Outside struct {
	Feature string
	Range   artefact.Range
	Rows    int
	Line    int // of the first
}

// ErrAllBad says that rows were left out until none remained.
var ErrAllBad = errors.New("no row could be scored")

// chunkRows is the number of rows that are scored together: enough for the
// engine, few enough that the first answers come at once.
const chunkRows = 1000

// A job is a chunk on its way from the reader by a worker to the writer.
type job struct {
	chunk rows.Chunk
	end   error // of reading, behind the chunk's rows
	done  chan struct{}

	out     []byte
	scored  int
	bad     []RowError
	rejects []byte
	ignored []string
	outside []Outside // by feature; without rows where there are none
	err     error     // of the program, not of the data
}

// Run scores all rows. A *RowError is the first bad row, where these are not to be
// skipped: what stands before it has been written.
func Run(ctx context.Context, o Options) (Summary, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t, err := newTask(o)
	if err != nil {
		return Summary{}, err
	}
	if _, err := o.Out.Write(t.outHeader); err != nil {
		return Summary{}, fmt.Errorf("cannot write: %w", err)
	}
	if o.Rejects != nil {
		if _, err := o.Rejects.Write(t.rejectsHeader()); err != nil {
			return Summary{}, fmt.Errorf("cannot write rejects: %w", err)
		}
	}
	size := 2*o.Workers + 2
	free, work, order := make(chan *job, size), make(chan *job, size), make(chan *job, size)
	for range size {
		free <- &job{done: make(chan struct{}, 1)}
	}
	var workers sync.WaitGroup
	for range o.Workers {
		workers.Go(func() { t.work(ctx, work) })
	}
	// Where the run ends early the reader may wait for input that never comes:
	// nobody waits for it, and its channels have room for all that it can send.
	go t.read(ctx, free, work, order)
	sum, err := t.write(ctx, order, free)
	cancel()
	workers.Wait()
	return sum, err
}

// work scores jobs until there are no more or the run ends.
func (t *task) work(ctx context.Context, jobs <-chan *job) {
	w := newWorker(t)
	for {
		select {
		case <-ctx.Done():
			return
		case j, ok := <-jobs:
			if !ok {
				return
			}
			w.score(j)
			j.done <- struct{}{}
		}
	}
}

// read fills jobs with rows until the input or the run ends.
func (t *task) read(ctx context.Context, free <-chan *job, work, order chan<- *job) {
	defer close(order)
	defer close(work)
	size := max(1, min(chunkRows, t.Model.MaxRows()))
	first := t.first
	for {
		var j *job
		select {
		case <-ctx.Done():
			return
		case j = <-free:
		}
		if first != nil {
			j.chunk, first = *first, nil
		} else {
			j.end = t.Rows.Read(&j.chunk, size)
		}
		end := j.end
		work <- j
		order <- j
		if end != nil {
			return
		}
	}
}

// write takes jobs in the order of their rows and gives them back to the reader.
func (t *task) write(ctx context.Context, order <-chan *job, free chan<- *job) (Summary, error) {
	sum := Summary{}
	all := make([]Outside, t.Model.Len())
	ignored := map[string]bool{}
	finish := func(err error) (Summary, error) {
		for _, o := range all {
			if o.Rows > 0 {
				sum.Outside = append(sum.Outside, o)
			}
		}
		sum.Ignored = append(t.ignored, sum.Ignored...)
		return sum, err
	}
	for {
		var j *job
		select {
		case <-ctx.Done():
			return finish(ctx.Err())
		case j = <-order:
		}
		if j == nil { // the reader saw the run's end first
			return finish(ctx.Err())
		}
		select {
		case <-ctx.Done():
			return finish(ctx.Err())
		case <-j.done:
		}
		if j.err != nil {
			return finish(j.err)
		}
		if _, err := t.Out.Write(j.out); err != nil {
			return finish(fmt.Errorf("cannot write: %w", err))
		}
		sum.Rows += j.scored
		t.Scored.Add(int64(j.scored))
		for _, name := range j.ignored {
			if !ignored[name] && len(ignored) < maxListed {
				ignored[name] = true
				sum.Ignored = append(sum.Ignored, name)
			}
		}
		for f, o := range j.outside {
			if all[f].Rows == 0 {
				all[f] = o
			} else {
				all[f].Rows += o.Rows
			}
		}
		if err := t.account(&sum, j); err != nil {
			return finish(err)
		}
		switch {
		case errors.Is(j.end, io.EOF) && sum.Rows == 0 && sum.Bad > 0:
			return finish(ErrAllBad)
		case errors.Is(j.end, io.EOF):
			return finish(nil)
		case j.end != nil:
			return finish(fmt.Errorf("cannot read: %w", j.end))
		}
		free <- j
	}
}

// account adds the bad rows of a job to a summary; the error is the first of them
// where they end the run.
func (t *task) account(sum *Summary, j *job) error {
	if len(j.bad) == 0 {
		return nil
	}
	if !t.SkipBad {
		return &j.bad[0]
	}
	sum.Bad += len(j.bad)
	sum.First = append(sum.First, j.bad[:min(len(j.bad), maxListed-len(sum.First))]...)
	if t.Rejects == nil {
		return nil
	}
	if _, err := t.Rejects.Write(j.rejects); err != nil {
		return fmt.Errorf("cannot write rejects: %w", err)
	}
	return nil
}
