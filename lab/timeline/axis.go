package timeline

import (
	"math"
	"slices"

	"online-inference/lab/figures"
	"online-inference/lab/record"
)

// Geometry in px.
const (
	// Width is that of every picture.
	Width = 860
	// The plot lies between left and right; where pods have names that somebody
	// gave them it begins as much later as the names need, up to leftMost.
	left, leftMost, right = 142.0, 200.0, 848.0
	// breakWidth is what a cut takes on the axis.
	breakWidth = 14.0
)

const (
	// lead is how much is drawn before the trigger and after the last change, ms.
	lead = 4000
	// most px for a second, so that a short run is not blown up.
	mostScale = 0.03
)

// cutting says when a quiet stretch is cut: it is longer than over, and keep
// stays of it on both sides; in ms.
type cutting struct{ over, keep int64 }

// cuttings from mild to strict, none shorter than 4 s; a family takes the first one with which all of
// it fits into fits ms.
var cuttings = [...]cutting{{15000, 5000}, {10000, 3000}, {8000, 2000}, {7000, 1500}}

// Families that are about quiet stretches: none is cut, and all of a run is
// shown.
const (
	familyCrashLoop = "crash-loop"
	familyIdle      = "idle"
)

func isQuiet(run *record.Run) bool {
	return run.Header.Family == familyCrashLoop || run.Header.Family == familyIdle
}

func cuttingsFor(runs []*record.Run) []cutting {
	if len(runs) > 0 && isQuiet(runs[0]) {
		return []cutting{{math.MaxInt64, 0}}
	}
	return cuttings[:]
}

// fits is the longest stretch of time that is still easy to read, in ms; a run
// that is longer than longest, and than twice the median of its family, gets a
// scale of its own, which is printed: the others would use half of the width.
const (
	fits    = 55_000
	longest = 45_000
)

// Axis is what the pictures of a family share: where the trigger stands, the
// scale, the width of a bin.
type Axis struct {
	// Left is where the plot begins, Scale is in px a millisecond.
	Left, Scale float64
	// Bin is the width of a bin of requests in ms.
	Bin int64
	cut cutting
	// limit is the longest visible time of the runs that share the scale, own
	// says that this one does not.
	limit int64
	own   bool
}

// NewAxis is the axis for a family's runs.
func NewAxis(runs ...*record.Run) Axis {
	a := Axis{Left: left}
	for _, run := range runs {
		for _, l := range figures.Lanes(run) {
			a.Left = max(a.Left, min(widthOf(laneName(l), sizeText, false)+18, leftMost))
		}
	}
	tiers := cuttingsFor(runs)
	a.cut = tiers[len(tiers)-1]
	var lengths []int64 // with the strictest cuts
	for _, run := range runs {
		length, _ := a.visible(run)
		lengths = append(lengths, length)
	}
	slices.Sort(lengths)
	a.limit = longest
	if n := len(lengths); n > 0 {
		a.limit = max(a.limit, 2*lengths[(n-1)/2])
	}
	for _, a.cut = range tiers {
		if length, _ := a.longest(runs); length <= fits {
			break
		}
	}
	length, breaks := a.longest(runs)
	return a.scaled(length, breaks)
}

// For is the axis of one of the family's runs: the family's, or, for a run much
// longer than the others, one of its own.
func (a Axis) For(run *record.Run) Axis {
	length, _ := a.visible(run)
	if a.limit == 0 || length <= a.limit {
		return a
	}
	a.own, a.cut = true, cutting{60_000, 15_000}
	length, breaks := a.visible(run)
	return a.scaled(length, breaks)
}

// scaled fits a visible time with some breaks into the plot.
func (a Axis) scaled(length int64, breaks int) Axis {
	a.Scale = min(mostScale, (right-a.Left-float64(breaks)*breakWidth)/float64(max(length, 1)))
	for _, a.Bin = range []int64{200, 250, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000} {
		if float64(a.Bin)*a.Scale >= 4 {
			break
		}
	}
	return a
}

// visible is how much of a run is left after its cuts, and how many these are.
func (a Axis) visible(run *record.Run) (length int64, breaks int) {
	t := a.trackOf(run)
	length = t.to - t.from
	for _, c := range t.cuts {
		length -= c.To - c.From
	}
	return length, len(t.cuts)
}

// longest is the most of both over the runs within the limit.
func (a Axis) longest(runs []*record.Run) (length int64, breaks int) {
	for _, run := range runs {
		if l, b := a.visible(run); l <= a.limit {
			length, breaks = max(length, l), max(breaks, b)
		}
	}
	return length, breaks
}

// Tick is the distance of the axis's labels in ms.
func (a Axis) Tick(atLeast float64) int64 {
	for _, t := range []int64{1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000} {
		if float64(t)*a.Scale >= atLeast {
			return t
		}
	}
	return 1_800_000
}

// track places a run's times on the axis. Times are those of the run.
type track struct {
	// zero is the trigger, or the beginning.
	zero, from, to int64
	cuts           []figures.Span
	x0, scale, gap float64
}

// trackOf is a run's place on the axis: lead before the trigger, up to lead
// after the last change, without quiet stretches.
func (a Axis) trackOf(run *record.Run) track {
	t := track{x0: a.Left, scale: a.Scale, gap: breakWidth}
	if at, ok := figures.MarkAt(run, record.MarkTrigger); ok {
		t.zero = at
	}
	t.from = t.zero - lead
	end := figures.End(run)
	times := changes(run)
	last := t.zero
	if len(times) > 0 {
		last = max(last, times[len(times)-1])
	}
	t.to = max(min(end, last+lead), t.from+1)
	if isQuiet(run) {
		t.to = end // the last back-off is the longest
	}
	times = slices.DeleteFunc(times, func(at int64) bool { return at < t.from || at > t.to })
	times = append(times, t.to)
	at := t.from
	for _, next := range times {
		if next-at > a.cut.over {
			t.cuts = append(t.cuts, figures.Span{From: at + a.cut.keep, To: next - a.cut.keep})
		}
		at = max(at, next)
	}
	return t
}

// fill lets a track go on to the run's end as far as there is room.
func (t track) fill(run *record.Run) track {
	end := figures.End(run)
	t.to += max(0, min(end-t.to, int64((right-t.x(t.to))/t.scale)))
	return t
}

// x is a time's place. A time within a cut stands at its beginning.
func (t track) x(at int64) float64 {
	at = min(max(at, t.from), t.to)
	gone, gaps := int64(0), 0
	for _, c := range t.cuts {
		if at <= c.From {
			break
		}
		gone += min(at, c.To) - c.From
		if at >= c.To {
			gaps++
		}
	}
	return t.x0 + float64(at-t.from-gone)*t.scale + float64(gaps)*t.gap
}

// pieces are the visible parts of a stretch, as pairs of x.
func (t track) pieces(from, to int64) [][2]float64 {
	from, to = max(from, t.from), min(to, t.to)
	var all [][2]float64
	for _, c := range t.cuts {
		if c.To <= from {
			continue
		}
		if c.From >= to {
			break
		}
		if from < c.From {
			all = append(all, [2]float64{t.x(from), t.x(c.From)})
		}
		from = max(from, c.To)
	}
	if from < to {
		all = append(all, [2]float64{t.x(from), t.x(to)})
	}
	return all
}

// hidden says that a time lies in a cut.
func (t track) hidden(at int64) bool {
	return slices.ContainsFunc(t.cuts, func(c figures.Span) bool { return c.From < at && at < c.To })
}

// within says that a time is on the axis.
func (t track) within(at int64) bool { return t.from <= at && at <= t.to }

// changes are the moments at which something happened that a picture shows,
// ascending.
func changes(run *record.Run) []int64 {
	var times []int64
	for _, l := range figures.Lanes(run) {
		for _, s := range l.Segments {
			times = append(times, s.From)
			if l.Gone {
				times = append(times, s.To)
			}
		}
		for _, r := range l.Restarts {
			times = append(times, r.T)
		}
	}
	scale := map[string][2]int32{}
	for _, line := range run.Lines {
		switch {
		case line.Mark != nil, line.Route != nil, line.Event != nil && shown(line.Event):
			times = append(times, line.T)
		case line.Scaler != nil:
			s := [2]int32{line.Scaler.Want, line.Scaler.Have}
			if scale[line.Scaler.Name] != s {
				scale[line.Scaler.Name] = s
				times = append(times, line.T)
			}
		}
	}
	times = append(times, troubles(run)...)
	for _, spans := range figures.Answering(run, figures.AnswerGap) {
		for _, s := range spans[1:] {
			times = append(times, s.From)
		}
		for _, s := range spans {
			if s.To < figures.End(run)-figures.AnswerGap {
				times = append(times, s.To)
			}
			times = append(times, s.From)
		}
	}
	slices.Sort(times)
	return slices.Compact(times)
}

// troubles are the moments at which requests began to fail or to be slow, and
// at which they ended to: a long outage is as quiet as a long calm.
func troubles(run *record.Run) []int64 {
	const near = 3000
	var bad []int64
	for _, line := range run.Lines {
		if r := line.Request; r != nil && figures.ClassOf(r, run.Header.Clients[r.Client]) == figures.Lost {
			bad = append(bad, line.T)
		}
	}
	slices.Sort(bad)
	var times []int64
	at := int64(math.MinInt64 / 2)
	for i, t := range bad {
		if t-at > near {
			times = append(times, t)
		}
		if i+1 == len(bad) || bad[i+1]-t > near {
			times = append(times, t)
		}
		at = t
	}
	return times
}
