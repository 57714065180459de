package timeline

import (
	"fmt"
	"math"
	"slices"

	"online-inference/lab/figures"
	"online-inference/lab/record"
)

// axis draws the seconds since the change, the breaks through the whole plot,
// and the scale.
func (d *drawing) axis() {
	th := d.theme
	y := d.y
	for _, p := range d.track.pieces(d.track.from, d.track.to) {
		d.line(p[0], y, p[1], y, th.Text)
	}
	breaks := make([]float64, 0, len(d.track.cuts))
	for _, c := range d.track.cuts {
		breaks = append(breaks, d.track.x(c.From))
	}
	tick := d.Axis.Tick(44)
	first := (d.track.from - d.track.zero) / tick * tick
	free := d.track.x0 - 12
	for s := first; d.track.zero+s <= d.track.to; s += tick {
		at := d.track.zero + s
		if !d.track.within(at) || d.track.hidden(at) {
			continue
		}
		x := d.track.x(at)
		d.line(x, y, x, y+4, th.Text)
		text := fmt.Sprintf("%d", s/1000)
		w := widthOf(text, sizeSmall, false) / 2
		if x-w < free || slices.ContainsFunc(breaks, func(b float64) bool { return b-w < x && x < b+breakWidth+w }) {
			continue
		}
		d.text(x, y+16, style{size: sizeSmall, anchor: "middle", fill: th.Muted}, text)
		free = x + w + 6
	}
	d.label(y+12, "seconds", since(d.Run))
	free = d.track.x0
	for i, c := range d.track.cuts {
		x := breaks[i]
		d.rect(x, d.top-2, breakWidth, y-d.top+6, th.Ground)
		for _, dx := range []float64{1.5, breakWidth - 1.5} {
			d.put("path", "d", zigzag(x+dx, d.top-2, y+4), "stroke", th.Line, "fill", "none")
		}
		text := fmt.Sprintf("%d s cut", int64(math.Round(float64(c.To-c.From)/1000)))
		w := widthOf(text, sizeSmall, false)
		if from := x + breakWidth/2 - w/2; from >= free {
			d.text(x+breakWidth/2, y+30, style{size: sizeSmall, anchor: "middle", fill: th.Muted}, text)
			free = from + w + 8
		}
	}
	y += 30
	if len(breaks) > 0 {
		y += 14
	}
	bar := d.Axis.Tick(60)
	w := float64(bar) * d.Axis.Scale
	text := fmt.Sprintf("%s; the same scale in all pictures of %s", seconds(bar), d.Run.Header.Family)
	if d.Axis.own {
		text = fmt.Sprintf("%s; this run is much longer than others of %s and has a scale of its own", seconds(bar), d.Run.Header.Family)
	}
	d.line(d.track.x0, y, d.track.x0+w, y, th.Line, "stroke-width", 3.0)
	d.text(d.track.x0+w+8, y+4, style{size: sizeSmall, fill: th.Muted}, text)
	d.y = y + 16
}

// since says what the axis counts from.
func since(run *record.Run) string {
	if _, ok := figures.MarkAt(run, record.MarkTrigger); ok {
		return "since the change"
	}
	return "since the start"
}

// zigzag is an upright torn edge.
func zigzag(x, top, bottom float64) string {
	path, side := "M"+num(x)+" "+num(top), 2.5
	for y := top + 6; y < bottom; y += 6 {
		path += "L" + num(x+side) + " " + num(y)
		side = -side
	}
	return path + "L" + num(x) + " " + num(bottom)
}

// stat is a number with what it is.
type stat struct {
	value, label string
	bad          bool
}

// stats are the numbers under a picture: those that its family is about.
func (p Picture) stats() []stat {
	f := p.Figures
	var all []stat
	if c := f.All(); c.N > 0 {
		s := stat{value: fmt.Sprintf("%s of %s", Thousands(c.Failed), Thousands(c.N)), label: "requests failed", bad: c.Failed > 0}
		if c.Failed == 0 {
			s.label = "requests failed (under " + Percent(c.Bound()) + ")"
		}
		all = append(all, s)
		if c.Slow > 0 && p.Run.Header.Family == familyAutoscaling {
			all = append(all, stat{value: Thousands(c.Slow), label: "requests slow"})
		}
	}
	if f.Want > 0 {
		all = append(all, stat{value: Seconds(f.Short), label: fmt.Sprintf("fewer than %d ready", f.Want), bad: f.Short > 0})
	}
	if f.PeakAll > 0 && p.Run.Header.Family != "probes" && p.Run.Header.Family != familyCrashLoop {
		s := stat{value: fmt.Sprint(f.PeakActive), label: "peak pods"}
		if f.PeakTerminating > 0 {
			s = stat{value: fmt.Sprintf("%d + %d", f.PeakActive, f.PeakTerminating), label: "peak pods + peak terminating"}
		}
		all = append(all, s)
	}
	if f.Mixed > 0 || p.Run.Header.Family == "rollouts" {
		all = append(all, stat{value: Seconds(f.Mixed), label: "both versions answered"})
	}
	if f.Restarts > 0 {
		all = append(all, stat{value: fmt.Sprint(f.Restarts), label: "restarts"})
	}
	if f := p.Run.Header.Family; f == "probes" || f == "pod" || f == familyCrashLoop {
		all = append(all, stat{value: Percent(readyShare(p)), label: "of the time ready"})
	}
	if !math.IsNaN(f.Done) {
		all = append(all, stat{value: Seconds(f.Done), label: "from change to done"})
	}
	return all
}

// readyShare is the part of the recorded time in which a pod was ready.
func readyShare(p Picture) float64 {
	end := figures.End(p.Run)
	if end == 0 {
		return 0
	}
	return 1 - float64(figures.Below(figures.Steps(figures.Lanes(p.Run)), 1, 0, end))/float64(end)
}

// numbers writes them in columns.
func (d *drawing) numbers() {
	th := d.theme
	all := d.stats()
	if len(all) == 0 {
		d.y += 4
		return
	}
	d.line(12, d.y, Width-12, d.y, th.Faint)
	widths := make([]float64, len(all))
	free := Width - 24.0
	for i, s := range all {
		widths[i] = max(widthOf(s.value, sizeTitle, true)+12, 96)
		free -= widths[i]
	}
	x := 12.0
	for i, s := range all {
		fill := th.Text
		if s.bad {
			fill = th.Failed
		}
		width := widths[i] + free/float64(len(all))
		d.text(x, d.y+22, style{size: sizeTitle, fill: fill, bold: true}, s.value)
		for j, line := range wrap(s.label, sizeText, width-10, 2) {
			d.text(x, d.y+39+15*float64(j), style{size: sizeText, fill: th.Muted}, line)
		}
		x += width
	}
	d.y += 64
}
