package telemetry

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// writes keeps what every write wrote.
type writes struct {
	mu   sync.Mutex
	all  []string
	fail error
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, string(p))
	return len(p), w.fail
}

func (w *writes) got() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.all...)
}

// TestLines: lines of requests are gathered under load and never out of order;
// whatever else is told is written at once, with all that came before it.
func TestLines(t *testing.T) {
	var to writes
	lines := NewLines(&to)
	all, requests := NewLogs(lines, false, "info", "json")
	requests.Info().Msg("first")
	if got := to.got(); len(got) != 1 {
		t.Fatalf("a line after a pause is held: %q", got)
	}
	// The next ones come within the time, or the timer writes them: order is all
	// that holds in any case.
	const n = 2000
	for i := range n {
		requests.Info().Int("i", i).Msg("one of many")
	}
	all.Info().Msg("told")
	got := to.got()
	if text := strings.Join(got, ""); strings.Count(text, "\n") != n+2 || !strings.HasSuffix(text, `"message":"told"}`+"\n") {
		t.Fatalf("%d lines: %.300s", strings.Count(text, "\n"), text)
	}
	if len(got) > n/10 {
		t.Errorf("%d writes for %d lines", len(got), n)
	}
	last := -1
	for line := range strings.Lines(strings.Join(got, "")) {
		i := 0
		if _, after, found := strings.Cut(line, `"i":`); found {
			if _, err := fmt.Sscanf(after, "%d", &i); err != nil || i != last+1 {
				t.Fatalf("%d after %d, %v", i, last, err)
			}
			last = i
		}
	}
	for _, one := range got {
		if len(one) > holdBytes+1000 || !strings.HasSuffix(one, "\n") {
			t.Errorf("a write of %d bytes ends with %q", len(one), one[len(one)-1:])
		}
	}

	requests.Info().Msg("held")
	requests.Error().Msg("failed")
	if text := strings.Join(to.got(), ""); !strings.Contains(text, "failed") || strings.Index(text, "held") > strings.Index(text, "failed") {
		t.Error("an error is held, or comes before what was told before it")
	}
	// What is held is written by the clock.
	requests.Info().Msg("late 1")
	requests.Info().Msg("late 2")
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(strings.Join(to.got(), ""), "late 2"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a line is held for good")
		}
	}
	requests.Info().Msg("a")
	requests.Info().Msg("last")
	if err := lines.Flush(); err != nil || !strings.Contains(strings.Join(to.got(), ""), "last") {
		t.Errorf("flush: %v", err)
	}
	if err := lines.Flush(); err != nil || to.got()[len(to.got())-1] == "" {
		t.Errorf("flush of nothing: %v", err)
	}
}

// TestLinesFailures: who writes next hears of what could not be written.
func TestLinesFailures(t *testing.T) {
	full := errors.New("full")
	to := writes{fail: full}
	lines := NewLines(&to)
	if _, err := lines.Write([]byte("a\n")); !errors.Is(err, full) {
		t.Errorf("a line: %v", err)
	}
	if _, err := lines.Gathered().Write([]byte("b\n")); err != nil {
		t.Errorf("a line that is held: %v", err)
	}
	if err := lines.Flush(); !errors.Is(err, full) {
		t.Errorf("flush: %v", err)
	}
	if _, err := lines.hold([]byte(strings.Repeat("c", holdBytes))); !errors.Is(err, full) {
		t.Errorf("a large line: %v", err)
	}
	if _, err := lines.hold([]byte("d")); err != nil {
		t.Errorf("a line that is held: %v", err)
	}
	lines.late()
	to.mu.Lock()
	to.fail = nil
	to.mu.Unlock()
	if err := lines.Flush(); !errors.Is(err, full) {
		t.Errorf("flush after the clock: %v", err)
	}
}

// TestWatched: lines are not gathered where somebody reads them.
func TestWatched(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if Watched(f) || Watched(new(writes)) {
		t.Error("a file is not watched")
	}
	var to writes
	_, requests := NewLogs(NewLines(&to), true, "info", "text")
	for range 5 {
		requests.Info().Msg("x")
	}
	if got := to.got(); len(got) != 5 {
		t.Errorf("%d writes for 5 lines on a terminal", len(got))
	}
}

// TestLinesText: what fails is told at once in lines made to be read, too.
func TestLinesText(t *testing.T) {
	var to writes
	_, requests := NewLogs(NewLines(&to), false, "info", "text")
	requests.Info().Msg("first")
	requests.Info().Msg("held")
	requests.Error().Msg("failed")
	text := strings.Join(to.got(), "")
	if strings.Count(text, "\n") != 3 || !strings.Contains(text, "INF held") || !strings.HasSuffix(text, "ERR failed\n") {
		t.Errorf("%q", text)
	}
}
