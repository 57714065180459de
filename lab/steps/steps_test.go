package steps

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recorder notes the order of begins and ends.
type recorder struct {
	mu     sync.Mutex
	events []string
}

func (r *recorder) Begin(s Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, "begin "+s.Name)
}

func (r *recorder) End(s Step, _ time.Duration, note string, already bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := "end " + s.Name
	if already {
		e += " already"
	}
	if note != "" {
		e += " " + note
	}
	if err != nil {
		e += " " + err.Error()
	}
	r.events = append(r.events, e)
}

func TestRunKeepsTheOrder(t *testing.T) {
	r := &recorder{}
	ok := func(context.Context, *Report) error { return nil }
	list := []Step{
		{Name: "a", Run: func(_ context.Context, report *Report) error { report.Already(); return nil }},
		{Name: "b", Needs: []string{"a"}, Run: func(_ context.Context, report *Report) error { report.Notef("%d", 7); return nil }},
		{Name: "c", Needs: []string{"a", "b"}, Run: ok},
	}
	if err := Run(t.Context(), list, r, Options{Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	want := []string{"begin a", "end a already", "begin b", "end b 7", "begin c", "end c"}
	if diff := cmp.Diff(want, r.events); diff != "" {
		t.Error(diff)
	}
}

func TestRunIndependentStepsTogether(t *testing.T) {
	// Each step waits for the other, so one after the other would never end.
	a, b := make(chan struct{}), make(chan struct{})
	meet := func(mine, other chan struct{}) func(context.Context, *Report) error {
		return func(ctx context.Context, _ *Report) error {
			close(mine)
			select {
			case <-other:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	list := []Step{{Name: "a", Run: meet(a, b)}, {Name: "b", Run: meet(b, a)}}
	if err := Run(ctx, list, &recorder{}, Options{Now: time.Now}); err != nil {
		t.Fatal(err)
	}
}

func TestRunLimitsHeavySteps(t *testing.T) {
	var running, most atomic.Int32
	var list []Step
	for _, name := range []string{"a", "b", "c", "d"} {
		list = append(list, Step{Name: name, Heavy: true, Run: func(context.Context, *Report) error {
			now := running.Add(1)
			defer running.Add(-1)
			for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
			}
			time.Sleep(5 * time.Millisecond)
			return nil
		}})
	}
	if err := Run(t.Context(), list, &recorder{}, Options{Now: time.Now, Heavy: 1}); err != nil {
		t.Fatal(err)
	}
	if got := most.Load(); got != 1 {
		t.Errorf("%d heavy steps ran at once, want 1", got)
	}
}

func TestRunStopsAtTheFirstFailure(t *testing.T) {
	broken := errors.New("broken")
	waiting := make(chan struct{})
	r := &recorder{}
	list := []Step{
		{Name: "long", Run: func(ctx context.Context, _ *Report) error {
			close(waiting)
			<-ctx.Done()
			return ctx.Err()
		}},
		{Name: "bad", Run: func(context.Context, *Report) error { <-waiting; return broken }},
		{Name: "after", Needs: []string{"bad"}, Run: func(context.Context, *Report) error {
			t.Error("a step ran though the one that it needs had failed")
			return nil
		}},
	}
	err := Run(t.Context(), list, r, Options{Now: time.Now})
	var step *Error
	if !errors.As(err, &step) || step.Step != "bad" || !errors.Is(err, broken) {
		t.Fatalf("got %v, want the failure of the step bad", err)
	}
	if !slices.Contains(r.events, "end long stopped: context canceled") {
		t.Errorf("the other step was not stopped: %q", r.events)
	}
}

func TestRunGoesOnAfterALoneFailure(t *testing.T) {
	broken := errors.New("broken")
	failed, ran := make(chan struct{}), false
	list := []Step{
		{Name: "alone", Lone: true, Run: func(context.Context, *Report) error { close(failed); return broken }},
		{Name: "first", Run: func(context.Context, *Report) error { <-failed; return nil }},
		{Name: "second", Needs: []string{"first"}, Run: func(context.Context, *Report) error { ran = true; return nil }},
	}
	var step *Error
	if err := Run(t.Context(), list, &recorder{}, Options{Now: time.Now}); !errors.As(err, &step) || step.Step != "alone" || !errors.Is(err, broken) {
		t.Errorf("got %v, want the failure of the step alone", err)
	}
	if !ran {
		t.Error("the other steps did not run to their end")
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	list := []Step{{Name: "a", Run: func(ctx context.Context, _ *Report) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}}}
	if err := Run(ctx, list, &recorder{}, Options{Now: time.Now}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want %v", err, context.Canceled)
	}
}

func TestRunRefusesImpossibleLists(t *testing.T) {
	for name, c := range map[string]struct {
		list []Step
		want string
	}{
		"unknown need": {[]Step{{Name: "a", Needs: []string{"b"}}}, `step "a" needs "b"`},
		"cycle":        {[]Step{{Name: "a", Needs: []string{"b"}}, {Name: "b", Needs: []string{"a"}}}, `step "a" needs "b"`},
		"itself":       {[]Step{{Name: "a", Needs: []string{"a"}}}, `step "a" needs "a"`},
		"lone need":    {[]Step{{Name: "a", Lone: true}, {Name: "b", Needs: []string{"a"}}}, "would not stop it"},
		"twice":        {[]Step{{Name: "a"}, {Name: "a"}}, "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Run(t.Context(), c.list, &recorder{}, Options{Now: time.Now})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestPlainLines(t *testing.T) {
	var out bytes.Buffer
	p := NewPlain(&out, time.Hour)
	s := Step{Name: "a", Title: "the step"}
	p.Begin(s)
	p.End(s, 1234*time.Millisecond, "", false, nil)
	p.Begin(s)
	p.End(s, 0, "a note", true, nil)
	p.Begin(s)
	p.End(s, 90*time.Second, "", false, errors.New("cause\nand a long story"))
	p.Close()
	want := "done     1.2 s  the step\nok       0.0 s  the step (a note)\nFAIL    90.0 s  the step: cause\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestPlainShowsThatLongStepsLive(t *testing.T) {
	var mu sync.Mutex
	var out bytes.Buffer
	p := NewPlain(&locked{&mu, &out}, time.Millisecond)
	p.Begin(Step{Name: "a", Title: "the step"})
	deadline := time.Now().Add(10 * time.Second)
	for {
		mu.Lock()
		seen := strings.Contains(out.String(), "the step")
		mu.Unlock()
		if seen {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no sign of life within 10 s")
		}
		time.Sleep(time.Millisecond)
	}
	p.End(Step{Name: "a", Title: "the step"}, 0, "", false, nil)
}

func TestTerminalRedrawsTheRunningSteps(t *testing.T) {
	var mu sync.Mutex
	var out bytes.Buffer
	now := time.Unix(0, 0)
	d := NewTerminal(&locked{&mu, &out}, func() time.Time { return now }, func() int { return 30 })
	d.Begin(Step{Name: "a", Title: "first"})
	d.Begin(Step{Name: "b", Title: "a title that is far too long"})
	d.End(Step{Name: "a", Title: "first"}, time.Second, "", false, nil)
	d.Close()
	got := out.String()
	for _, want := range []string{"\r\033[K| first 0 s", "first 0 s, a title that ...", "\r\033[Kdone     1.0 s  first\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	if !strings.HasSuffix(got, "\r\033[K") {
		t.Errorf("the last line is not removed: %q", got)
	}
}

// locked makes a buffer safe for the display's goroutine.
type locked struct {
	mu  *sync.Mutex
	out *bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}
