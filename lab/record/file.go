package record

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// MaxLine bounds the length of one line in bytes.
const MaxLine = 1 << 20

// Writer writes lines; it may be used by many goroutines.
type Writer struct {
	mu      sync.Mutex
	enc     *json.Encoder
	started time.Time
	err     error
}

// NewWriter writes a header to w, fills in its Started, and starts the clock.
func NewWriter(w io.Writer, h Header, now time.Time) (*Writer, error) {
	h.Started = now.UTC().Format("2006-01-02T15:04:05.000Z")
	out := &Writer{enc: json.NewEncoder(w), started: now}
	out.enc.SetEscapeHTML(false)
	return out, out.Put(now, Line{Header: &h})
}

// Put writes one line with the time at. The first error stays.
func (w *Writer) Put(at time.Time, line Line) error {
	line.T = at.Sub(w.started).Milliseconds()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		if err := w.enc.Encode(line); err != nil {
			w.err = fmt.Errorf("cannot write the record: %w", err)
		}
	}
	return w.err
}

// Since is the time of T milliseconds.
func (w *Writer) Since(at time.Time) int64 { return at.Sub(w.started).Milliseconds() }

// Run is a whole recorded run.
type Run struct {
	Header Header
	// Lines are all others, the last one with End, in the file's order. That is
	// the order of arrival: a request stands where it was answered, its T is
	// when it was due.
	Lines []Line
}

// Read reads a run to its End.
func Read(r io.Reader) (*Run, error) {
	scan := bufio.NewScanner(r)
	scan.Buffer(make([]byte, 0, 1<<16), MaxLine)
	run := &Run{}
	ended := false
	for n := 1; scan.Scan(); n++ {
		if ended {
			return nil, fmt.Errorf("line %d: it follows the end", n)
		}
		dec := json.NewDecoder(strings.NewReader(scan.Text()))
		dec.DisallowUnknownFields()
		var line Line
		if err := dec.Decode(&line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		switch {
		case n == 1 && line.Header == nil:
			return nil, errors.New("line 1: it is no header")
		case n == 1:
			run.Header = *line.Header
			continue
		case line.Header != nil:
			return nil, fmt.Errorf("line %d: a second header", n)
		case line.End != nil:
			ended = true
		}
		run.Lines = append(run.Lines, line)
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("cannot read the record: %w", err)
	}
	if !ended {
		return nil, errors.New("the record has no end: the run was cut short")
	}
	return run, nil
}

// Open reads a file, gzipped where its name ends in .gz.
func Open(name string) (run *Run, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot open the record: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", name, err)
		}
		r = z
	}
	if run, err = Read(r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return run, nil
}
