package cluster

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// tailBytes is how much of a program's last words is kept for an error.
const (
	tailBytes = 3000
	tailLines = 12
)

// tailWriter keeps the end of what is written to it.
type tailWriter struct{ kept []byte }

func (w *tailWriter) Write(p []byte) (int, error) {
	w.kept = append(w.kept, p...)
	if len(w.kept) > 2*tailBytes {
		w.kept = append(w.kept[:0], w.kept[len(w.kept)-tailBytes:]...)
	}
	return len(p), nil
}

func (w *tailWriter) String() string {
	lines := strings.Split(strings.TrimRight(string(w.kept[max(0, len(w.kept)-tailBytes):]), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}

// teeWriter writes to both.
type teeWriter struct{ a, b io.Writer }

func (w *teeWriter) Write(p []byte) (int, error) {
	if n, err := w.a.Write(p); err != nil {
		return n, err
	}
	return w.b.Write(p)
}

// lastLines returns the end of a file, at most n lines; "" when there is no file.
func lastLines(path string, n int) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("cannot open the log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("cannot read the log: %w", err)
	}
	// 400 bytes a line is generous; longer lines only mean fewer of them.
	from := max(0, info.Size()-int64(n)*400)
	data := make([]byte, info.Size()-from)
	if _, err := f.ReadAt(data, from); err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("cannot read the log: %w", err)
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n"), nil
}
