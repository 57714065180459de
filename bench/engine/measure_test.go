package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"online-inference/bench/engine/record"
	"online-inference/bench/report"
)

// asked notes who was asked for a slice, in order.
type asked struct{ order []string }

func (a *asked) slice(who string, batch, _ int) ([]float64, error) {
	a.order = append(a.order, fmt.Sprint(who, batch))
	return []float64{float64(len(a.order)), 5}, nil
}

// TestTurns shows that ways take turns, each round begun by another one, and
// that who gave wrong answers gets none.
func TestTurns(t *testing.T) {
	a := new(asked)
	way := func(id string, refused bool) *contestant {
		return &contestant{worker: a, peer: record.Peer{ID: id, Refused: refused}, laps: map[int][]float64{}}
	}
	field := []*contestant{way("a", false), way("b", false), way("wrong", true)}
	b := &bench{rounds: 3, batches: []int{1, 8}}
	if err := b.turns(field); err != nil {
		t.Fatal(err)
	}
	want := []string{"a1", "b1", "b1", "a1", "a1", "b1", "a8", "b8", "b8", "a8", "a8", "b8"}
	if diff := cmp.Diff(want, a.order); diff != "" {
		t.Errorf("turns (-want +got):\n%s", diff)
	}
	if got := field[0].laps[1]; !cmp.Equal(got, []float64{1, 5, 4, 5, 5, 5}) {
		t.Errorf("laps of a = %v", got)
	}
}

// TestEnter shows that a wrong answer of a peer is refused, and one of ours ends the run.
func TestEnter(t *testing.T) {
	right, wrong := &worker{hello: []hello{{ID: "right", Deviation: 1e-7}}}, &worker{hello: []hello{{ID: "wrong", Deviation: 0.1}}}
	field, err := enter(right, wrong)
	if err != nil || len(field) != 2 || field[0].peer.Refused || !field[1].peer.Refused {
		t.Errorf("enter = %v, %v; want the second one refused", field, err)
	}
	if _, err := enter(wrong, right); err == nil || !strings.Contains(err.Error(), "wrong is off by 0.1") {
		t.Errorf("a wrong answer of ours: %v", err)
	}
}

// TestStopwatch shows the length of laps, and that each goes on with the row
// where the last one stopped.
func TestStopwatch(t *testing.T) {
	for _, c := range []struct {
		batch int
		call  time.Duration
		calls int
		warm  bool
	}{
		{1, time.Microsecond, 200, true},
		{10, time.Microsecond, 20, true},
		{1000, time.Microsecond, 1, true},
		{1, 3 * time.Millisecond, 6, false},
		{1, time.Second, 1, false},
	} {
		var starts []int
		s := &stopwatch{batch: c.batch, lap: func(batch, start, calls int) (time.Duration, error) {
			starts = append(starts, start)
			return time.Duration(calls) * c.call, nil
		}}
		laps, err := s.slice(time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if want := float64(c.call.Nanoseconds()) / float64(c.batch); laps[0] != want {
			t.Errorf("%+v: %v ns a row, want %v", c, laps[0], want)
		}
		// One call to find the length of a lap, one lap to warm up, then those that count.
		uncounted := 1
		if c.warm {
			uncounted = 2
		}
		if len(starts) != uncounted+len(laps) {
			t.Errorf("%+v: %d laps of %d count, want all but %d", c, len(laps), len(starts), uncounted)
		}
		for i, start := range starts[1:] {
			if start != 1+i*c.calls {
				t.Errorf("%+v: lap %d begins at call %d, want %d", c, i, start, 1+i*c.calls)
				break
			}
		}
	}
}

// TestWorkerSaysWhy shows that the end of a worker is told with what it wrote.
func TestWorkerSaysWhy(t *testing.T) {
	_, err := startWorker(t.Context(), nil, "sh", "-c", "echo no such library >&2; exit 3")
	if err == nil || !strings.Contains(err.Error(), "no such library") {
		t.Errorf("error = %v, want the worker's last lines", err)
	}
	w, err := startWorker(t.Context(), nil, "sh", "-c", `echo '[{"id":"x"}]'; read line; echo broken >&2; exit 1`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.slice("x", 1, 1); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("error = %v, want the worker's last lines", err)
	}
	if err := w.stop(); err != nil {
		t.Errorf("stop after the end: %v", err)
	}
}

func TestRound(t *testing.T) {
	for in, want := range map[float64]float64{0: 0, 1234567: 1235000, 0.00123456: 0.001235, -98.765: -98.77} {
		if got := report.Round(in); got != want {
			t.Errorf("round(%v) = %v, want %v", in, got, want)
		}
	}
}
