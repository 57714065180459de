package telemetry

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Lines is where a log goes. A line is written when it comes, but for those of
// Gathered: under load these are written together, as one write costs as much as
// answering a row.
type Lines struct {
	mu      sync.Mutex
	to      io.Writer
	held    []byte
	last    time.Time   // of the write before
	timer   *time.Timer // writes what is held; nil before the first time
	pending bool        // the timer runs
	failed  error       // of writing what was held, for the next line
}

// What is held is written when it has this size or age: a log that is read line by
// line is at most so much behind.
const (
	holdBytes = 32 << 10
	holdTime  = 100 * time.Millisecond
)

// NewLines makes a log's end. What is held has to be flushed before the process
// ends.
func NewLines(to io.Writer) *Lines { return &Lines{to: to} }

// Write writes a line, after all that are held.
func (l *Lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(l.held, line...)
	return len(line), l.flush()
}

// Flush writes what is held.
func (l *Lines) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flush()
}

func (l *Lines) flush() error {
	err := l.failed
	l.failed = nil
	if len(l.held) > 0 {
		if _, now := l.to.Write(l.held); now != nil {
			err = now
		}
		l.held, l.last = l.held[:0], time.Now()
		if cap(l.held) > 2*holdBytes {
			l.held = nil
		}
	}
	return err
}

// hold takes a line for a while. Where none was written lately it is not held.
func (l *Lines) hold(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(l.held, line...)
	switch {
	case len(l.held) >= holdBytes:
		return len(line), l.flush()
	case l.pending:
		return len(line), nil
	case time.Since(l.last) >= holdTime:
		return len(line), l.flush()
	}
	l.pending = true
	if l.timer == nil {
		l.timer = time.AfterFunc(holdTime, l.late)
	} else {
		l.timer.Reset(holdTime)
	}
	return len(line), nil
}

// late writes what has been held long enough.
func (l *Lines) late() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = false
	l.failed = l.flush()
}

// Gathered is the end of a log whose lines can wait, but for warnings and worse.
func (l *Lines) Gathered() zerolog.LevelWriter { return gathered{l} }

type gathered struct{ *Lines }

// Write takes a line that can wait.
func (g gathered) Write(line []byte) (int, error) { return g.hold(line) }

// WriteLevel takes a line that can wait by its level.
func (g gathered) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	if level >= zerolog.WarnLevel {
		return g.Lines.Write(line)
	}
	return g.hold(line)
}

// gatheredText is gathered for lines made to be read, whose maker forgets their
// level.
type gatheredText struct {
	zerolog.ConsoleWriter
	lines *Lines
}

// WriteLevel takes a line that can wait by its level.
func (g gatheredText) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	n, err := g.Write(line)
	if level >= zerolog.WarnLevel {
		err = errors.Join(err, g.lines.Flush())
	}
	return n, err
}

// Watched tells whether somebody looks at what is written to w: a terminal.
func Watched(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
