package timeline

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/lab/figures"
	"online-inference/lab/record"
)

func TestTrack(t *testing.T) {
	tr := track{zero: 1000, from: 0, to: 100, x0: 10, scale: 1, gap: 5, cuts: []figures.Span{{From: 20, To: 50}, {From: 60, To: 90}}}
	for at, want := range map[int64]float64{-5: 10, 0: 10, 20: 30, 35: 30, 50: 35, 60: 45, 70: 45, 90: 50, 100: 60, 999: 60} {
		if got := tr.x(at); got != want {
			t.Errorf("%d ms stands at %v, want %v", at, got, want)
		}
	}
	for name, tt := range map[string]struct {
		from, to int64
		want     [][2]float64
	}{
		"all":           {-9, 999, [][2]float64{{10, 30}, {35, 45}, {50, 60}}},
		"within":        {5, 9, [][2]float64{{15, 19}}},
		"in a cut":      {25, 45, nil},
		"into a cut":    {10, 30, [][2]float64{{20, 30}}},
		"out of a cut":  {30, 55, [][2]float64{{35, 40}}},
		"over one":      {15, 55, [][2]float64{{25, 30}, {35, 40}}},
		"after the end": {100, 120, nil},
	} {
		if diff := cmp.Diff(tt.want, tr.pieces(tt.from, tt.to)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// TestFamily: one scale, and the change at one place, though one run is long.
func TestFamily(t *testing.T) {
	w := newWorld("rollouts", 1, 60_000)
	w.mark(6000, record.MarkTrigger, "x")
	for _, at := range []int64{6500, 45_000} { // and nothing in between
		w.add(life{version: "v2", created: at, started: at + 500, ready: at + 1500, deleted: at + 3000, gone: at + 4000})
	}
	short, long := blueGreen(), w.done()
	a := NewAxis(short, long)
	s, l := a.trackOf(short), a.trackOf(long)
	if s.scale != l.scale || s.x(s.zero) != l.x(l.zero) {
		t.Errorf("scales %v and %v, the change at %v and %v", s.scale, l.scale, s.x(s.zero), l.x(l.zero))
	}
	if len(l.cuts) == 0 || len(s.cuts) != 0 {
		t.Errorf("cuts %v and %v: only the long run has quiet stretches", s.cuts, l.cuts)
	}
	for _, tr := range []track{s, l, s.fill(short), l.fill(long)} {
		if x := tr.x(tr.to); x > right+1e-6 {
			t.Errorf("the axis goes on to %v", x)
		}
	}
	// What happened is never in a cut.
	for _, at := range changes(long) {
		if l.within(at) && l.hidden(at) {
			t.Errorf("the change at %d ms is cut out", at)
		}
	}
	if got := NewAxis(); math.IsInf(got.Scale, 0) || got.Scale <= 0 {
		t.Errorf("an axis of nothing has scale %v", got.Scale)
	}
}

// TestOwnScale: one run that stays long after all cuts does not squash the rest.
func TestOwnScale(t *testing.T) {
	w := newWorld("rollouts", 1, 600_000)
	w.mark(6000, record.MarkTrigger, "x")
	for i := range int64(100) {
		w.add(life{version: "v2", created: 6000 + 5500*i, started: 7000 + 5500*i, ready: 8000 + 5500*i, deleted: 10_000 + 5500*i, gone: 11_000 + 5500*i})
	}
	long, short, other := w.done(), blueGreen(), recreate()
	with, without := NewAxis(long, short, other), NewAxis(short, other)
	if with.Scale != without.Scale {
		t.Errorf("the scale is %v beside the long run, %v without it", with.Scale, without.Scale)
	}
	if a := with.For(short); a != with {
		t.Errorf("a short run has the axis %+v", a)
	}
	own := with.For(long)
	if tr := own.trackOf(long); own.Scale >= with.Scale || tr.x(tr.to) > right+1e-6 {
		t.Errorf("the long run has scale %v of %v and ends at %v", own.Scale, with.Scale, tr.x(tr.to))
	}
}

func TestTexts(t *testing.T) {
	for _, tt := range [][2]string{
		{Thousands(0), "0"}, {Thousands(1234567), "1,234,567"}, {Seconds(math.NaN()), "–"}, {Seconds(1.26), "1.3 s"}, {Seconds(180.2), "180 s"},
		{Percent(0), "0\u00a0%"}, {Percent(0.0012), "0.12\u00a0%"}, {Percent(0.031), "3.1\u00a0%"}, {Percent(0.5), "50\u00a0%"},
		{shorten("abcdefghij", 10, 30, false), "abc…"}, {num(-0.01), "0"}, {num(1.25), "1.3"},
		{escape("a<b"), "a&lt;b"}, {short(1000), "1 s"}, {short(0.1), "0.1 ms"},
	} {
		if tt[0] != tt[1] {
			t.Errorf("got %q, want %q", tt[0], tt[1])
		}
	}
	if diff := cmp.Diff([]string{"one two", "three fo…"}, wrap("one two three four five", 10, 50, 2)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestReadings(t *testing.T) {
	sample := func(at int64, of string, over, under float64) record.Line {
		return record.Line{T: at, Sample: &record.Sample{Of: of, Values: map[string]float64{"a": over, "b": under}}}
	}
	run := &record.Run{Lines: []record.Line{sample(0, "x", 0, 0), sample(2000, "x", 4, 8), sample(3000, "x", 1, 9), sample(5000, "x", 2, 9), sample(5000, "y", 1, 1)}}
	// From 2 s to 3 s the counter was started again; b stands still afterwards.
	if diff := cmp.Diff(map[string][]reading{"x": {{0, 2000, 2}, {3000, 5000, 0.5}}}, readings(run, "a", ""), cmp.AllowUnexported(reading{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(map[string][]reading{"x": {{0, 2000, 0.5}}}, readings(run, "a", "b"), cmp.AllowUnexported(reading{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
