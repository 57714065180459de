package steps

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// frames are the pictures of the spinner, one every tick.
var frames = [...]string{"|", "/", "-", `\`}

const tick = 150 * time.Millisecond

// Terminal shows finished steps as lines and the running ones in a last line
// with a spinner, which is redrawn in place.
type Terminal struct {
	out     io.Writer
	now     func() time.Time
	width   func() int
	mu      sync.Mutex
	running []Step
	began   map[string]time.Time
	frame   int
	stop    chan struct{}
	stopped chan struct{}
}

// NewTerminal starts a display on a terminal of width() columns; Close ends it.
func NewTerminal(out io.Writer, now func() time.Time, width func() int) *Terminal {
	t := &Terminal{out: out, now: now, width: width, began: map[string]time.Time{},
		stop: make(chan struct{}), stopped: make(chan struct{})}
	go func() {
		defer close(t.stopped)
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-t.stop:
				return
			case <-ticker.C:
				t.mu.Lock()
				t.frame++
				t.draw()
				t.mu.Unlock()
			}
		}
	}()
	return t
}

// Begin adds the step to the last line.
func (t *Terminal) Begin(s Step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = append(t.running, s)
	t.began[s.Name] = t.now()
	t.draw()
}

// End prints the step's line.
func (t *Terminal) End(s Step, took time.Duration, note string, already bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.running {
		if t.running[i].Name == s.Name {
			t.running = append(t.running[:i], t.running[i+1:]...)
			break
		}
	}
	fmt.Fprintf(t.out, "\r\033[K%s\n", line(s, took, note, already, err))
	t.draw()
}

// Close removes the last line and stops the spinner.
func (t *Terminal) Close() {
	close(t.stop)
	<-t.stopped
	fmt.Fprint(t.out, "\r\033[K")
}

func (t *Terminal) draw() {
	if len(t.running) == 0 {
		return
	}
	parts := make([]string, 0, len(t.running))
	for _, s := range t.running {
		parts = append(parts, fmt.Sprintf("%s %.0f s", s.Title, t.now().Sub(t.began[s.Name]).Seconds()))
	}
	text := frames[t.frame%len(frames)] + " " + strings.Join(parts, ", ")
	if w := t.width(); len(text) >= w && w > 4 {
		text = text[:w-4] + "..."
	}
	fmt.Fprintf(t.out, "\r\033[K%s", text)
}

// Plain prints one line a finished step, for logs and pipes, and a sign of
// life for steps that take long.
type Plain struct {
	out   io.Writer
	every time.Duration
	mu    sync.Mutex
	alive map[string]func()
}

// NewPlain makes a display that repeats the name of a running step at the interval every.
func NewPlain(out io.Writer, every time.Duration) *Plain {
	return &Plain{out: out, every: every, alive: map[string]func(){}}
}

// Begin starts the signs of life.
func (p *Plain) Begin(s Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	began := time.Now()
	ticker := time.NewTicker(p.every)
	stop := make(chan struct{})
	p.alive[s.Name] = func() { ticker.Stop(); close(stop) }
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				p.mu.Lock()
				fmt.Fprintf(p.out, "...  %7.1f s  %s\n", time.Since(began).Seconds(), s.Title)
				p.mu.Unlock()
			}
		}
	}()
}

// End prints the step's line.
func (p *Plain) End(s Step, took time.Duration, note string, already bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if stop := p.alive[s.Name]; stop != nil {
		stop()
		delete(p.alive, s.Name)
	}
	fmt.Fprintln(p.out, line(s, took, note, already, err))
}

// Close does nothing: every line is complete.
func (p *Plain) Close() {}

func line(s Step, took time.Duration, note string, already bool, err error) string {
	state := "done"
	switch {
	case err != nil:
		state = "FAIL"
	case already:
		state = "ok  "
	}
	text := fmt.Sprintf("%s %7.1f s  %s", state, took.Seconds(), s.Title)
	if note != "" {
		text += " (" + note + ")"
	}
	if err != nil {
		// One line a step; the whole story is told at the end.
		first, _, _ := strings.Cut(err.Error(), "\n")
		text += ": " + first
	}
	return text
}
