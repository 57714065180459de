package timeline

import (
	"fmt"
	"slices"
	"strings"

	"online-inference/lab/figures"
	"online-inference/lab/record"
)

// Heights of rows in px.
const (
	mostLanes   = 10
	laneHeight  = 15.0
	lanePitch   = 20.0
	stripHeight = 17.0
	rowGap      = 14.0
	countHeight = 84.0
	readyHeight = 26.0
	shareHeight = 56.0
	loadHeight  = 52.0
)

// plotHeight is how far the marks' lines reach: over all rows.
func (d *drawing) plotHeight() float64 {
	h := 0.0
	if n := len(d.lanes); d.stacked() {
		h += countHeight + rowGap
	} else if n > 0 {
		h += lanePitch*float64(n) + rowGap
		for _, l := range d.lanes {
			h += stripHeight * float64(d.stripRows(l))
		}
	}
	if d.hasReady() {
		h += readyHeight + rowGap
	}
	if d.hasShare() {
		h += shareHeight + rowGap
	}
	if d.hasRequests() {
		h += loadHeight + rowGap
	}
	if d.hasLatency() {
		h += loadHeight + rowGap
	}
	return h + (sampleHeight+rowGap)*float64(d.sampleRows())
}

// stacked says that pods are counted instead of drawn one by one: there are too
// many, or how many there are is what the family is about.
func (d *drawing) stacked() bool {
	return len(d.lanes) > mostLanes || len(d.lanes) > 0 && d.Run.Header.Family == familyAutoscaling
}

// pods draws a lane a pod, or, beyond ten, how many there are in each state.
func (d *drawing) pods() {
	if d.stacked() {
		d.counts()
		return
	}
	for _, l := range d.lanes {
		d.label(d.y+laneHeight/2, laneName(l))
		for _, s := range joined(l.Segments) {
			for _, p := range d.track.pieces(s.From, s.To) {
				d.bar(p[0], d.y, max(p[1]-p[0], 1), laneHeight, s.State, s.Version)
				d.reason(p, d.y, s)
			}
		}
		for _, r := range l.Restarts {
			if d.track.within(r.T) && !d.track.hidden(r.T) {
				x := d.track.x(r.T)
				d.line(x, d.y-2, x, d.y+laneHeight+2, d.theme.Failed, "stroke-width", 2.5)
			}
		}
		d.y += lanePitch
		d.strip(l)
	}
	if len(d.lanes) > 0 {
		d.y += rowGap
	}
}

// laneName is a pod's version and the end of its name, which tells it apart; a
// bare pod has the name that somebody gave it.
func laneName(l *figures.Lane) string {
	if l.Owner == "" {
		return strings.TrimPrefix(l.Name, "online-inference-")
	}
	return l.Version + " · " + l.Name[strings.LastIndexByte(l.Name, '-')+1:]
}

// joined puts neighbours together that look alike.
func joined(all []figures.Segment) []figures.Segment {
	var out []figures.Segment
	for _, s := range all {
		if n := len(out); n > 0 && out[n-1].State == s.State && out[n-1].Version == s.Version {
			out[n-1].To = s.To
			if s.Reason != "" {
				out[n-1].Reason = s.Reason
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// reason writes why a pod waits into its bar, and for how long where it has
// stopped, as far as that says something and fits.
func (d *drawing) reason(piece [2]float64, y float64, s figures.Segment) {
	if s.State == figures.Ready || s.State == figures.Starting || slices.Contains([]string{"", "ContainerCreating", "PodInitializing", "Unknown"}, s.Reason) {
		return
	}
	fill, texts := d.theme.Text, []string{s.Reason}
	if s.State == figures.Stopped {
		length := fmt.Sprintf("%d s", (s.To-s.From+500)/1000)
		fill, texts = d.theme.Failed, []string{s.Reason + ", " + length, length}
	}
	i := slices.IndexFunc(texts, func(t string) bool { return widthOf(t, sizeSmall, false)+6 <= piece[1]-piece[0] })
	if i < 0 {
		return
	}
	d.plate((piece[0]+piece[1])/2, y+laneHeight-3.5, style{size: sizeSmall, fill: fill}, texts[i])
}

// counts draws the pods stacked by version and state.
func (d *drawing) counts() {
	most := 1
	for _, s := range d.steps {
		n := 0
		for _, k := range s.By {
			n += k
		}
		most = max(most, n)
	}
	bottom := d.y + countHeight
	unit := countHeight / float64(most)
	about := "at a time"
	if slices.ContainsFunc(d.Run.Lines, func(l record.Line) bool { return l.Scaler != nil }) {
		about = "line: asked for"
	}
	d.label(d.y+countHeight/2, fmt.Sprintf("%d pods at most", most), about)
	for i, s := range d.steps {
		if i+1 == len(d.steps) {
			break
		}
		for _, p := range d.track.pieces(s.T, d.steps[i+1].T) {
			y := bottom
			for _, state := range []figures.State{figures.Ready, figures.Starting, figures.Pending, figures.Stopped, figures.Terminating} {
				for _, v := range []string{"v1", "v2"} {
					n := 0
					for _, l := range d.lanes {
						if at, ok := l.At(s.T); ok && at.State == state && index(at.Version) == index(v) {
							n++
						}
					}
					if n == 0 {
						continue
					}
					h := unit * float64(n)
					y -= h
					d.block(p[0], y, p[1]-p[0], h, state, v)
				}
			}
		}
	}
	d.wanted(bottom, unit)
	d.line(d.track.x0, bottom, right, bottom, d.theme.Line)
	d.y += countHeight + rowGap
}

// wanted draws what the autoscalers, one a revision, asked for over the pods.
func (d *drawing) wanted(bottom, unit float64) {
	type want struct {
		t int64
		n int32
	}
	var all []want
	sum, asked := int32(0), map[string]int32{}
	for _, line := range d.Run.Lines {
		s := line.Scaler
		if s == nil {
			continue
		}
		// A new one knows nothing yet and says -1.
		sum += max(s.Want, 0) - asked[s.Name]
		asked[s.Name] = max(s.Want, 0)
		if len(all) == 0 || all[len(all)-1].n != sum {
			all = append(all, want{line.T, sum})
		}
	}
	for i, w := range all {
		to := d.track.to
		if i+1 < len(all) {
			to = all[i+1].t
		}
		for _, p := range d.track.pieces(w.t, to) {
			y := max(bottom-unit*float64(w.n), bottom-countHeight)
			d.line(p[0], y, p[1], y, d.theme.Ground, "stroke-width", 4.0)
			d.line(p[0], y, p[1], y, d.theme.Text, "stroke-width", 1.8)
		}
	}
}

// block is a bar without an edge, for stacks.
func (d *drawing) block(x, y, w, h float64, state figures.State, version string) {
	fill := map[figures.State]string{
		figures.Ready: "url(#ready%d)", figures.Starting: "url(#starting%d)", figures.Pending: "url(#starting%d)",
		figures.Terminating: "url(#terminating%d)", figures.Stopped: "url(#stopped)",
	}[state]
	if strings.Contains(fill, "%") {
		fill = fmt.Sprintf(fill, index(version))
	}
	d.fill(x, y, max(w, 0.5), h, fill)
}

func (d *drawing) hasReady() bool { return d.Run.Header.Want > 0 && len(d.steps) > 0 }

// ready draws how many pods are ready: a number for each stretch, red below
// what the workload promises.
func (d *drawing) ready() {
	if !d.hasReady() {
		return
	}
	want, th := d.Run.Header.Want, d.theme
	d.label(d.y+readyHeight/2, "ready pods", fmt.Sprintf("%d promised", want))
	most := want
	for _, s := range d.steps {
		most = max(most, s.By[figures.Ready])
	}
	bottom := d.y + readyHeight
	unit := readyHeight / float64(most)
	for _, c := range readyStretches(d.steps) {
		fill, colour := th.Faint, th.Text
		if c.n < want {
			fill, colour = "url(#stopped)", th.Failed
		}
		for _, p := range d.track.pieces(c.From, c.To) {
			d.fill(p[0], bottom-unit*float64(c.n), p[1]-p[0], unit*float64(c.n), fill)
			if c.n == 0 {
				d.line(p[0], bottom-1, p[1], bottom-1, th.Failed, "stroke-width", 2.0)
			}
			if p[1]-p[0] > 14 {
				d.later(p[0]+4, bottom-5, style{size: sizeSmall, fill: colour, bold: true, halo: true}, fmt.Sprint(c.n))
			}
		}
	}
	y := bottom - unit*float64(want)
	d.line(d.track.x0, y, right, y, th.Line, "stroke-dasharray", "4 3")
	d.line(d.track.x0, bottom, right, bottom, th.Line)
	d.y += readyHeight + rowGap
}

type readyStretch struct {
	figures.Span
	n int
}

// readyStretches are the stretches with equally many ready pods.
func readyStretches(steps []figures.Step) []readyStretch {
	var all []readyStretch
	for i, s := range steps[:len(steps)-1] {
		n := s.By[figures.Ready]
		if k := len(all); k > 0 && all[k-1].n == n {
			all[k-1].To = steps[i+1].T
			continue
		}
		all = append(all, readyStretch{figures.Span{From: s.T, To: steps[i+1].T}, n})
	}
	return all
}

func (d *drawing) hasShare() bool {
	return len(figures.Clients(d.Run, true)) > 0 && len(d.versions()) > 1 && d.Run.Header.Family != familyAutoscaling
}

const (
	familyAutoscaling = "autoscaling"
	// leastShare is the least width of a bin of the share, ms: with 20 requests
	// in it a half is known to a tenth.
	leastShare = 1000
)

// share draws which version answered the requests that have a connection of
// their own, and how many of them nobody did.
func (d *drawing) share() {
	if !d.hasShare() {
		return
	}
	th, bin := d.theme, max(d.Axis.Bin, leastShare)
	d.label(d.y+shareHeight/2, "answers by", "version, each "+seconds(bin))
	bottom := d.y + shareHeight
	for _, b := range figures.Bins(d.Run, bin, d.track.zero, figures.Clients(d.Run, true)...) {
		if b.N() == 0 {
			continue
		}
		for _, p := range d.track.pieces(b.From, b.From+bin) {
			y := bottom
			stack := func(n int, fill string) {
				if n == 0 {
					return
				}
				h := shareHeight * float64(n) / float64(b.N())
				y -= h
				d.fill(p[0], y, p[1]-p[0]+0.4, h, fill)
			}
			stack(b.Versions["v1"], "url(#ready0)")
			stack(b.Versions["v2"], "url(#ready1)")
			stack(b.Failed, "url(#failed)")
		}
	}
	d.line(d.track.x0, bottom, right, bottom, th.Line)
	d.y += shareHeight + rowGap
}
