package timeline

import (
	"fmt"
	"slices"
	"strings"

	"online-inference/lab/figures"
	"online-inference/lab/record"
)

// Picture is one run to be drawn.
type Picture struct {
	// Title names the experiment, Short does in the summary, Conclusion says in a sentence what it showed.
	Title, Short, Conclusion string
	Run                      *record.Run
	Figures                  *figures.Figures
	Axis                     Axis
}

// drawing is a picture under way: rows are put below each other.
type drawing struct {
	canvas
	Picture
	track track
	lanes []*figures.Lane
	steps []figures.Step
	// y is where the next row begins; top is where the plot does.
	y, top float64
}

// Draw draws a picture in the colours of a theme.
func Draw(p Picture, theme Theme) []byte {
	p.Axis = p.Axis.For(p.Run)
	d := &drawing{canvas: canvas{theme: theme}, Picture: p, track: p.Axis.trackOf(p.Run).fill(p.Run), lanes: figures.Lanes(p.Run)}
	d.steps = figures.Steps(d.lanes)
	// Pods that had gone before belong to the setup.
	d.lanes = slices.DeleteFunc(d.lanes, func(l *figures.Lane) bool { return l.Last() <= d.track.from || l.First() >= d.track.to })
	d.heading()
	d.legend()
	d.marks()
	d.pods()
	d.ready()
	d.share()
	d.requests()
	d.latency()
	d.samples()
	d.axis()
	d.numbers()
	return d.document(d.y, p.Alt(), "Time runs from left to right, in seconds since the change. "+
		"Each bar is the life of a pod; below are the share of each version in the answers and the requests of each moment.")
}

// Alt is the text for those who do not see the picture: its conclusion and its
// numbers.
func (p Picture) Alt() string {
	var parts []string
	for _, s := range p.stats() {
		parts = append(parts, s.label+": "+s.value)
	}
	return strings.TrimSuffix(p.Title, ".") + ". " + p.Conclusion + " (" + strings.Join(parts, "; ") + ".)"
}

func (d *drawing) heading() {
	th := d.theme
	d.text(12, 26, style{size: sizeTitle, fill: th.Text, bold: true}, shorten(d.Title, sizeTitle, Width-24, true))
	d.y = 26
	for _, line := range wrap(d.Conclusion, sizeLead, Width-24, 3) {
		d.y += 19
		d.text(12, d.y, style{size: sizeLead, fill: th.Muted}, line)
	}
	d.y += 12
}

// versions are those of a run's pods and answers, v1 first.
func (d *drawing) versions() []string {
	seen := [2]bool{}
	for _, l := range d.lanes {
		for _, s := range l.Segments {
			seen[index(s.Version)] = true
		}
	}
	for _, line := range d.Run.Lines {
		if line.Request != nil && line.Request.Version != "" {
			seen[index(line.Request.Version)] = true
		}
	}
	var all []string
	for i, v := range []string{"v1", "v2"} {
		if seen[i] {
			all = append(all, v)
		}
	}
	return all
}

// legend explains the patterns that this picture uses, with the version's
// colours; all pictures use the same ones.
func (d *drawing) legend() {
	th := d.theme
	var used [figures.States]bool
	for _, l := range d.lanes {
		for _, s := range l.Segments {
			used[s.State] = used[s.State] || len(d.track.pieces(s.From, s.To)) > 0
		}
	}
	x, y := 12.0, d.y
	entry := func(width float64, name string, draw func(x, y float64)) {
		if x+width+5+widthOf(name, sizeText, false) > Width-8 {
			x, y = 12, y+19
		}
		draw(x, y)
		x += width + 5
		d.text(x, y+10, style{size: sizeText, fill: th.Text}, name)
		x += widthOf(name, sizeText, false) + 11
	}
	versions := d.versions()
	for _, v := range versions {
		entry(22, v, func(x, y float64) { d.bar(x, y, 22, 12, figures.Ready, v) })
	}
	if len(versions) > 0 {
		x += 10
	}
	last := "v1"
	if n := len(versions); n > 0 {
		last = versions[n-1]
	}
	for state, name := range [...]string{"pending", "not ready", "ready", "stopped", "terminating"} {
		if used[state] {
			entry(26, name, func(x, y float64) { d.bar(x, y, 26, 12, figures.State(state), last) })
		}
	}
	if d.Figures.Restarts > 0 {
		entry(6, "restart", func(x, y float64) { d.line(x+3, y-1, x+3, y+13, th.Failed, "stroke-width", 2.5) })
	}
	if d.hasRequests() {
		entry(12, "answered", func(x, y float64) { d.rect(x, y, 12, 12, th.OK) })
		if d.Figures.All().Slow > 0 {
			entry(12, "slow", func(x, y float64) { d.rect(x, y, 12, 12, "url(#slow)") })
		}
	}
	if d.Figures.All().Failed > 0 {
		entry(12, "failed", func(x, y float64) { d.rect(x, y, 12, 12, "url(#failed)") })
	}
	d.y = y + 22
}

// bar draws a stretch of a pod's life.
func (d *drawing) bar(x, y, w, h float64, state figures.State, version string) {
	th, i := d.theme, index(version)
	switch state {
	case figures.Pending:
		d.rect(x, y+h/2-2, w, 4, "none", "stroke", th.version(version), "stroke-dasharray", "3 2")
	case figures.Starting:
		d.rect(x, y, w, h, fmt.Sprintf("url(#starting%d)", i), "stroke", th.version(version))
	case figures.Terminating:
		d.rect(x, y+2, w, h-4, fmt.Sprintf("url(#terminating%d)", i), "stroke", th.version(version), "stroke-width", 0.8)
	case figures.Stopped:
		d.rect(x, y+2, w, h-4, "url(#stopped)", "stroke", th.Failed)
	default:
		d.rect(x, y, w, h, fmt.Sprintf("url(#ready%d)", i))
	}
}

// label names a row at the d.track.x0, in one or two lines around y.
func (d *drawing) label(y float64, lines ...string) {
	y += 4 - 7*float64(len(lines)-1)
	for i, line := range lines {
		s := style{size: sizeText, anchor: "end", fill: d.theme.Text}
		if i > 0 {
			s.size, s.fill = sizeSmall, d.theme.Muted
		}
		d.text(d.track.x0-10, y+14*float64(i), s, shorten(line, s.size, d.track.x0-18, false))
	}
}

// label is a mark's place above the plot: its lines of text from x = from on,
// the first one in row.
type label struct {
	x, from, to float64
	lines       []string
	row         int
	bold        bool
}

// wordsOf is what a mark says.
func wordsOf(m *record.Mark) string {
	switch {
	case m.Name == record.MarkTrigger && m.Text != "":
		return m.Text
	case m.Name == record.MarkDone:
		return outcome(m.Text)
	}
	return m.Name
}

// moments are the marks that are in sight; those of one name that follow each
// other at once are one, with their number.
func (d *drawing) moments() []record.Line {
	const atOnce = 3000
	var all []record.Line
	name, n, last := "", 1, int64(0)
	for _, line := range d.Run.Lines {
		m := line.Mark
		if m == nil || !d.track.within(line.T) || d.track.hidden(line.T) {
			continue
		}
		before := last
		last = line.T
		if k := len(all); k > 0 && m.Name == name && line.T-before < atOnce {
			n++
			all[k-1].Mark = &record.Mark{Name: fmt.Sprintf("%s ×%d", name, n)}
			continue
		}
		name, n = m.Name, 1
		all = append(all, line)
	}
	return all
}

// labels places the marks: each right of its line, or left of it where there
// is no room, in the first rows that are free.
func (d *drawing) labels() (all []label, rows int) {
	rows = 1
	for _, mark := range d.moments() {
		m := mark.Mark
		l := label{x: d.track.x(mark.T), bold: m.Name == record.MarkTrigger || m.Name == record.MarkDone}
		// A bold text is wider than wrap takes it for.
		l.lines = wrap(wordsOf(m), sizeText*1.12, max(Width-12-l.x, l.x-12), 3)
		w := 0.0
		for _, text := range l.lines {
			w = max(w, widthOf(text, sizeText, l.bold))
		}
		l.from, l.to = l.x+4, l.x+4+w
		if l.to > Width-7 {
			l.from, l.to = l.x-4-w, l.x-4
		}
		for slices.ContainsFunc(all, l.meets) {
			l.row++
		}
		rows = max(rows, l.row+len(l.lines))
		all = append(all, l)
	}
	return all, rows
}

// meets says that two labels share a row and a place.
func (l label) meets(o label) bool {
	return l.from < o.to+8 && o.from < l.to+8 && l.row < o.row+len(o.lines) && o.row < l.row+len(l.lines)
}

// marks writes the script's moments above the plot; their lines go through it,
// and are drawn first, behind the rows.
func (d *drawing) marks() {
	th := d.theme
	labels, rows := d.labels()
	d.top = d.y + 16*float64(rows) + 4
	bottom := d.top + d.plotHeight()
	for _, l := range labels {
		y := d.y + 16*float64(l.row) + 11
		dash := []any{"stroke-width", 1.5}
		if !l.bold {
			dash = []any{"stroke-dasharray", "2 3"}
		}
		d.line(l.x, y-9, l.x, bottom, th.Text, dash...)
		s, x := style{size: sizeText, fill: th.Text, bold: l.bold, halo: true}, l.from
		if l.from < l.x {
			s.anchor, x = "end", l.to
		}
		for i, text := range l.lines {
			d.text(x, y+16*float64(i), s, text)
		}
	}
	d.y = d.top
}

// outcome is what the controller said at the end, where it is short and not a
// command that found out.
func outcome(text string) string {
	if text == "" || len(text) > 60 || strings.HasPrefix(text, "kubectl") {
		return "done"
	}
	return "done: " + text
}
