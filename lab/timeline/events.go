package timeline

import (
	"fmt"
	"strings"

	"online-inference/lab/figures"
	"online-inference/lab/record"
)

// note is something that the kubelet or the scheduler said about a pod.
type note struct {
	t    int64
	text string
	n    int
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

// notes are a lane's events, if the family is about them; the same ones in a
// row are counted.
func (d *drawing) notes(l *figures.Lane) []note {
	switch d.Run.Header.Family {
	case "probes", "resources", "pod":
	default:
		return nil
	}
	var all []note
	for _, line := range d.Run.Lines {
		e := line.Event
		if e == nil || !shown(e) || e.Object != "Pod/"+l.Name || !d.track.within(line.T) || d.track.hidden(line.T) {
			continue
		}
		word := wordFor(e)
		if n := len(all); n > 0 && all[n-1].text == word {
			all[n-1].n++
			continue
		}
		all = append(all, note{line.T, word, 1})
	}
	return all
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
	free := [3]float64{left, left, left}
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
		row := max(places[i].row, 0)
		d.line(x, d.y-4, x, d.y+stripHeight*float64(row)+9, d.theme.Failed, "stroke-width", 1.2)
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
