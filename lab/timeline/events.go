package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"online-inference/lab/figures"
	"online-inference/lab/record"
)

// note is something that the kubelet or the scheduler said about a pod.
type note struct {
	t    int64
	text string
	n    int
	// bad ones have a red tick.
	bad bool
}

// shown says whether an event is worth a word: a warning, or a container that
// was killed.
func shown(e *record.Event) bool { return e.Type == "Warning" || e.Reason == "Killing" }

// wordFor is an event in two words.
func wordFor(e *record.Event) string {
	switch e.Reason {
	case "Unhealthy":
		for _, probe := range []string{"Startup", "Readiness", "Liveness"} {
			if strings.HasPrefix(e.Message, probe) {
				return strings.ToLower(probe) + " failed"
			}
		}
	case "Killing":
		for _, probe := range []string{"liveness", "startup"} {
			if strings.Contains(e.Message, "failed "+probe) {
				return "killed by " + probe
			}
		}
		return "killed"
	case "BackOff":
		return "back-off"
	}
	return e.Reason
}

// notes are what happened to a lane, if the family is about that: events, ends
// of containers, startup probes that passed. The same ones in a row are counted.
func (d *drawing) notes(l *figures.Lane) []note {
	switch d.Run.Header.Family {
	case "probes", "resources", "pod", familyCrashLoop:
	default:
		return nil
	}
	var all []note
	for _, line := range d.Run.Lines {
		if e := line.Event; e != nil && shown(e) && e.Object == "Pod/"+l.Name {
			all = append(all, note{t: line.T, text: wordFor(e), bad: true})
		}
	}
	for i, s := range l.Segments {
		if s.State == figures.Stopped && (i == 0 || l.Segments[i-1].State != figures.Stopped) {
			all = append(all, note{t: s.From, text: ended(s.Reason, s.Exit), bad: true})
		}
	}
	for _, r := range l.Restarts {
		if before, ok := l.At(r.T - 1); ok && before.State != figures.Stopped {
			if now, ok := l.At(r.T); !ok || now.State != figures.Stopped {
				all = append(all, note{t: r.T, text: ended(r.Reason, r.Exit), bad: true})
			}
		}
	}
	for _, t := range l.Started {
		all = append(all, note{t: t, text: "startup passed"})
	}
	slices.SortStableFunc(all, func(a, b note) int { return cmp.Compare(a.t, b.t) })
	out := all[:0]
	for _, n := range all {
		if !d.track.within(n.t) || d.track.hidden(n.t) {
			continue
		}
		n.n = 1
		if k := len(out); k > 0 && out[k-1].text == n.text {
			out[k-1].n++
			continue
		}
		out = append(out, n)
	}
	return out
}

// ended says how a container ended.
func ended(reason string, exit *int32) string {
	switch reason {
	case "", "Error", "Completed", "CrashLoopBackOff":
		if exit == nil {
			return "ended"
		}
		return fmt.Sprintf("exit %d", *exit)
	}
	if exit == nil {
		return reason
	}
	return fmt.Sprintf("%s, exit %d", reason, *exit)
}

func (n note) String() string {
	if n.n > 1 {
		return fmt.Sprintf("%s ×%d", n.text, n.n)
	}
	return n.text
}

// place is where a note's text stands: its row, or none, and whether it ends
// at its tick instead of beginning there.
type place struct {
	row int
	end bool
}

// places gives each note one of at most three rows; a note without room keeps
// its tick only.
func (d *drawing) places(notes []note) (all []place, used int) {
	free := [3]float64{d.track.x0, d.track.x0, d.track.x0}
	all = make([]place, len(notes))
	for i, n := range notes {
		all[i].row = -1
		x := d.track.x(n.t)
		w := widthOf(n.String(), sizeSmall, false)
		for row := range free {
			from := x + 3
			if from+w > Width-6 {
				from = x - 3 - w
			}
			if from >= free[row] {
				all[i] = place{row, from < x}
				free[row] = max(x, from+w) + 8
				used = max(used, row+1)
				break
			}
		}
		used = max(used, 1)
	}
	return all, used
}

func (d *drawing) stripRows(l *figures.Lane) int {
	_, used := d.places(d.notes(l))
	return used
}

// strip writes a lane's events below it.
func (d *drawing) strip(l *figures.Lane) {
	notes := d.notes(l)
	places, used := d.places(notes)
	for i, n := range notes {
		x := d.track.x(n.t)
		row, tick := max(places[i].row, 0), d.theme.Line
		if n.bad {
			tick = d.theme.Failed
		}
		d.line(x, d.y-4, x, d.y+stripHeight*float64(row)+9, tick, "stroke-width", 1.2)
		s, at := style{size: sizeSmall, fill: d.theme.Text, halo: true}, x+3
		if places[i].end {
			s.anchor, at = "end", x-3
		}
		if places[i].row >= 0 {
			d.later(at, d.y+stripHeight*float64(row)+9, s, n.String())
		}
	}
	d.y += stripHeight * float64(used)
}
