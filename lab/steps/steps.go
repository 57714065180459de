// Package steps runs a list of named steps that depend on each other, as many
// at a time as their order allows, and shows their progress.
package steps

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Step is one unit of work. Steps are resumable: Run looks first whether its
// work is done already, and says so by Report.Already.
type Step struct {
	// Name is unique in a list; Needs refers to it.
	Name string
	// Title is what the progress display prints.
	Title string
	// Needs are the steps that have to succeed before this one starts.
	Needs []string
	// Heavy steps keep all cores busy (compilers), so only a few run at a time.
	Heavy bool
	// Lone steps are needed by no other: when one fails, the others go on, and
	// Run reports the failure at the end.
	Lone bool
	// Run does the work.
	Run func(ctx context.Context, report *Report) error
}

// Report is how a running step tells the display more than success or failure.
type Report struct {
	mu      sync.Mutex
	note    string
	already bool
}

// Already says that the step found its work done.
func (r *Report) Already() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.already = true
}

// Notef sets the remark printed behind the step's title.
func (r *Report) Notef(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note = fmt.Sprintf(format, args...)
}

func (r *Report) read() (note string, already bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.note, r.already
}

// Error is a step's failure.
type Error struct {
	Step string
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Err) }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Display is told when steps begin and end.
type Display interface {
	Begin(step Step)
	End(step Step, took time.Duration, note string, already bool, err error)
}

// Options of Run.
type Options struct {
	// Heavy is how many heavy steps run at a time; values under 1 mean 1.
	Heavy int
	// Now is the clock for the steps' times.
	Now func() time.Time
}

// Run starts every step as soon as the steps that it needs have succeeded. The
// first failure cancels the context of the others (but see Step.Lone); Run returns
// when all have stopped, with the first failure as an *Error.
func Run(ctx context.Context, list []Step, display Display, opts Options) error {
	if err := check(list); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	heavy := make(chan struct{}, max(opts.Heavy, 1))
	done := make(map[string]chan struct{}, len(list))
	for _, s := range list {
		done[s.Name] = make(chan struct{})
	}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		lone []error
	)
	for _, s := range list {
		wg.Go(func() {
			for _, need := range s.Needs {
				select {
				case <-done[need]:
				case <-ctx.Done():
					return
				}
			}
			if s.Heavy {
				select {
				case heavy <- struct{}{}:
					defer func() { <-heavy }()
				case <-ctx.Done():
					return
				}
			}
			if ctx.Err() != nil {
				return
			}
			if err := runOne(ctx, s, display, opts.Now); err != nil {
				failure := &Error{Step: s.Name, Err: err}
				if !s.Lone {
					cancel(failure)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				lone = append(lone, failure)
				return
			}
			close(done[s.Name])
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(lone...)
}

func runOne(ctx context.Context, s Step, display Display, now func() time.Time) error {
	report := &Report{}
	display.Begin(s)
	began := now()
	err := s.Run(ctx, report)
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		// Stopped because another step failed: that one is the news.
		err = fmt.Errorf("stopped: %w", err)
	}
	note, already := report.read()
	display.End(s, now().Sub(began), note, already, err)
	return err
}

// check refuses a list that could never finish: duplicate names, needs that do
// not exist or stand later in the list (which also rules out cycles).
func check(list []Step) error {
	seen := make(map[string]bool, len(list))
	lone := map[string]bool{}
	for _, s := range list {
		lone[s.Name] = s.Lone
		for _, need := range s.Needs {
			if lone[need] {
				return fmt.Errorf("step %q needs %q, whose failure would not stop it", s.Name, need)
			}
			if !seen[need] {
				return fmt.Errorf("step %q needs %q, which is not before it in the list", s.Name, need)
			}
		}
		if seen[s.Name] {
			return fmt.Errorf("step %q is in the list twice", s.Name)
		}
		seen[s.Name] = true
	}
	return nil
}
