// Package progress shows how far a long run has come: a bar that is drawn again
// and again on a terminal, a line now and then elsewhere, and nothing at all for a
// run that is over before anybody could ask.
package progress

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// A Meter shows the progress of one run. Its counters may be added to by any
// goroutine.
type Meter struct {
	Rows  atomic.Int64 // done
	Bytes atomic.Int64 // of the input, read

	total int64 // bytes of the input; 0 where nobody knows
	began time.Time
	shown bool
	stop  chan struct{}
	done  chan struct{}
}

// Style says how a Meter shows itself.
type Style struct {
	Out   io.Writer // nil shows nothing
	Bar   bool      // Out is a terminal
	Width func() int
	// Patience passes before anything is shown, Every between two times.
	Patience, Every time.Duration
}

// Bar is the style of a terminal of a width.
func Bar(out io.Writer, width func() int) Style {
	return Style{Out: out, Bar: true, Width: width, Patience: time.Second, Every: 200 * time.Millisecond}
}

// Lines is the style of everything that is no terminal.
func Lines(out io.Writer) Style {
	return Style{Out: out, Patience: 10 * time.Second, Every: 10 * time.Second}
}

// New makes a Meter for an input of so many bytes.
func New(total int64) *Meter {
	return &Meter{total: total, began: time.Now(), stop: make(chan struct{}), done: make(chan struct{})}
}

// Show begins to show the meter, until Stop.
func (m *Meter) Show(s Style) {
	go func() {
		defer close(m.done)
		if s.Out == nil {
			return
		}
		wait := time.NewTimer(s.Patience)
		defer wait.Stop()
		for {
			select {
			case <-m.stop:
				if m.shown && s.Bar {
					fmt.Fprint(s.Out, "\r\x1b[K")
				}
				return
			case <-wait.C:
			}
			m.shown = true
			wait.Reset(s.Every)
			at := m.now()
			if s.Bar {
				fmt.Fprint(s.Out, "\r", at.bar(s.Width()), "\x1b[K")
			} else {
				fmt.Fprintln(s.Out, at.line())
			}
		}
	}()
}

// Stop ends the display and wipes a bar. Shown tells whether there was anything.
func (m *Meter) Stop() (shown bool) {
	close(m.stop)
	<-m.done
	return m.shown
}

// Summary says what was done in what time.
func (m *Meter) Summary() string {
	s := m.now()
	return fmt.Sprintf("%s rows in %s, %s rows/s", count(s.rows), short(s.passed), count(s.rate()))
}

func (m *Meter) now() state {
	return state{m.Rows.Load(), m.Bytes.Load(), m.total, time.Since(m.began)}
}

// A state is what a meter shows at one moment.
type state struct {
	rows, bytes, total int64
	passed             time.Duration
}

func (s state) rate() int64 { return int64(float64(s.rows) / max(s.passed.Seconds(), 1e-3)) }

// share is what part is done, and whether that is known.
func (s state) share() (float64, bool) {
	return min(float64(s.bytes)/float64(max(s.total, 1)), 1), s.total > 0
}

// left is the time that the rest will take at the pace so far; 0 where unknown.
func (s state) left() time.Duration {
	share, ok := s.share()
	if !ok || share == 0 {
		return 0
	}
	return time.Duration(float64(s.passed) * (1 - share) / share)
}

func (s state) line() string {
	parts := []string{count(s.rows) + " rows", count(s.rate()) + " rows/s"}
	if share, ok := s.share(); ok {
		parts = append([]string{strconv.Itoa(int(100*share)) + " %"}, parts...)
		if left := s.left(); left > 0 {
			parts = append(parts, short(left)+" left")
		}
	}
	return strings.Join(parts, ", ")
}

// barWidth is the length of a bar where the terminal has room.
const barWidth = 24

// bar is the line with a bar before it where the whole is known; it never fills
// the terminal's last column, where some begin a new line.
func (s state) bar(width int) string {
	text := s.line()
	if share, ok := s.share(); ok {
		full := int(share * barWidth)
		drawn := "[" + strings.Repeat("=", full) + strings.Repeat(" ", barWidth-full) + "] "
		if len(drawn)+len(text) < width {
			text = drawn + text
		}
	}
	return text[:min(len(text), max(width-1, 0))]
}

// count writes a number with commas between thousands.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// short writes a time for people.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < 2*time.Minute:
		return strconv.Itoa(int(d.Seconds()+0.5)) + " s"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()+0.5))
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}
