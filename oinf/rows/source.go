// Package rows reads tables of any length: CSV and JSON lines, plain or
// compressed with gzip, from a file or a pipe. A Source cuts its input into rows
// and knows the line on which each begins; a Parser cuts a row into cells. The
// two are apart so that one goroutine can read while others parse.
//
// Memory is bounded by MaxRow, however the input looks.
package rows

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Format is how a table is written.
type Format uint8

// The formats; Auto stands for one that is to be told by name and content.
const (
	Auto Format = iota
	CSV
	JSONLines
)

// ParseFormat finds a format by the name that users give it.
func ParseFormat(name string) (Format, error) {
	switch strings.ToLower(name) {
	case "auto":
		return Auto, nil
	case "csv":
		return CSV, nil
	case "jsonl", "ndjson":
		return JSONLines, nil
	}
	return Auto, fmt.Errorf("format %q is not known, expected csv or jsonl", name)
}

// FormatOf tells a format and CSV's delimiter by the ending of a file's name,
// which may have .gz behind it; Auto and 0 where it tells nothing.
func FormatOf(name string) (f Format, delimiter byte) {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	switch filepath.Ext(name) {
	case ".csv":
		return CSV, ','
	case ".tsv", ".tab":
		return CSV, '\t'
	case ".jsonl", ".ndjson":
		return JSONLines, 0
	}
	return Auto, 0
}

// MaxRow bounds a row, in bytes: a quote that is never closed, or a file that has
// no lines, must not be read into memory whole.
const MaxRow = 16 << 20

// firstBuffer is where a Source's buffer begins to grow.
const firstBuffer = 64 << 10

// A Source reads rows.
type Source struct {
	Format    Format
	Delimiter byte // of CSV

	in    io.Reader
	buf   []byte
	start int // of what is not cut yet
	eof   bool
	line  int  // the number of the line at start
	blank bool // a line without a character is a row
}

// Open begins to read a table. The format and the delimiter (0) are told by the
// name of the file, or else by what it begins with.
func Open(in io.Reader, name string, format Format, delimiter byte) (*Source, error) {
	s := &Source{in: in, buf: make([]byte, 0, firstBuffer), line: 1}
	if err := s.head(); err != nil {
		return nil, fmt.Errorf("cannot read: %w", err)
	}
	if bytes.HasPrefix(s.buf, []byte("\x1f\x8b")) {
		zip, err := gzip.NewReader(io.MultiReader(bytes.NewReader(bytes.Clone(s.buf)), in))
		if err != nil {
			return nil, fmt.Errorf("cannot read gzip: %w", err)
		}
		s.in, s.buf, s.eof = zip, s.buf[:0], false
		if err := s.head(); err != nil {
			return nil, fmt.Errorf("cannot read: %w", err)
		}
	}
	if err := foreign(s.buf); err != nil {
		return nil, err
	}
	s.start = len(s.buf) - len(bytes.TrimPrefix(s.buf, []byte("\xef\xbb\xbf")))
	named, usual := FormatOf(name)
	if s.Format = format; format == Auto {
		s.Format = named
	}
	if s.Format == Auto {
		s.Format = CSV
		if text := bytes.TrimLeft(s.buf[s.start:], " \t\r\n"); len(text) > 0 && (text[0] == '{' || text[0] == '[') {
			s.Format = JSONLines
		}
	}
	if s.Delimiter = delimiter; delimiter == 0 {
		s.Delimiter = ','
		if usual != 0 {
			s.Delimiter = usual
		}
	}
	return s, nil
}

// head reads as much as tells the encoding.
func (s *Source) head() error {
	for len(s.buf) < 4 && !s.eof {
		if err := s.fill(); err != nil {
			return err
		}
	}
	return nil
}

// foreign names files that are tables but no text.
func foreign(head []byte) error {
	for _, f := range []struct{ magic, what string }{
		{"PAR1", "a Parquet file"}, {"PK\x03\x04", "a zip file or an Excel workbook"}, {"ARROW1", "an Arrow file"},
		{"\xff\xfe", "text in UTF-16"}, {"\xfe\xff", "text in UTF-16"}, {"(\xb5/\xfd", "compressed with zstd"}, {"\x1f\x8b", "compressed twice"},
	} {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return fmt.Errorf("it is %s: expected CSV or JSON lines in UTF-8, plain or gzip", f.what)
		}
	}
	return nil
}

// BlankRows makes a row of each line without a character: in a table of one
// column that is an empty cell. Elsewhere such lines are skipped.
func (s *Source) BlankRows() { s.blank = true }

// Next cuts the next row. The text, without its line's end, is valid until the
// next call; fault says what is wrong with it as a row. The error is io.EOF at the
// end, or a reason to give up.
func (s *Source) Next() (text []byte, line int, fault string, err error) {
	for {
		data := s.buf[s.start:]
		if len(data) == 0 && s.eof {
			return nil, s.line, "", io.EOF
		}
		end, next, fault, ok := s.cut(data)
		if !ok {
			if len(data) >= MaxRow {
				return nil, s.line, "", fmt.Errorf("line %d: it is longer than %d bytes", s.line, MaxRow)
			}
			if err := s.fill(); err != nil {
				return nil, s.line, "", err
			}
			continue
		}
		line = s.line
		s.line += bytes.Count(data[:next], []byte("\n"))
		s.start += next
		if end > 0 && data[end-1] == '\r' {
			end--
		}
		text = data[:end]
		if s.Format == JSONLines {
			text = bytes.TrimSpace(text)
		}
		if len(text) > 0 || s.blank {
			return text, line, fault, nil
		}
	}
}

// cut finds where the row at the start of data ends and the next one begins; ok is
// false where that is not in data.
func (s *Source) cut(data []byte) (end, next int, fault string, ok bool) {
	if end = bytes.IndexByte(data, '\n'); end >= 0 {
		next = end + 1
	} else if end, next = len(data), len(data); !s.eof {
		return 0, 0, "", false
	}
	if s.Format != CSV || bytes.IndexByte(data[:end], '"') < 0 {
		return end, next, "", true
	}
	qend, qnext, fault, ok := s.cutQuoted(data)
	switch {
	case !ok && (s.eof || len(data) >= MaxRow):
		return end, next, "a quote that is opened in this line is never closed", true
	case fault != "":
		return end, next, fault, true
	}
	return qend, qnext, "", ok
}

// cutQuoted is cut for CSV in which quotes can hide ends of lines (RFC 4180). A
// quote inside a cell that does not begin with one is a character like others. A
// row with a fault ends with its first line, so that what follows is not lost.
func (s *Source) cutQuoted(data []byte) (end, next int, fault string, ok bool) {
	for i := 0; ; {
		if i < len(data) && data[i] == '"' {
			if i, ok = closing(data, i+1); !ok || i == len(data) && !s.eof {
				return 0, 0, "", false
			}
			if i == len(data) {
				return i, i, "", true
			}
			if rest := data[i:]; rest[0] != s.Delimiter && rest[0] != '\n' {
				switch {
				case rest[0] == '\r' && len(rest) == 1 && !s.eof:
					return 0, 0, "", false
				case rest[0] != '\r' || len(rest) > 1 && rest[1] != '\n':
					return 0, 0, "a quoted cell goes on behind its closing quote", true
				}
			}
		}
		for i < len(data) && data[i] != s.Delimiter && data[i] != '\n' {
			i++
		}
		switch {
		case i < len(data) && data[i] == '\n':
			return i, i + 1, "", true
		case i < len(data):
			i++
		case s.eof:
			return i, i, "", true
		default:
			return 0, 0, "", false
		}
	}
}

// closing finds the place behind the quote that closes a cell whose text starts at
// i; two quotes stand for one.
func closing(data []byte, i int) (int, bool) {
	for {
		n := bytes.IndexByte(data[i:], '"')
		if n < 0 {
			return 0, false
		}
		if i += n + 1; i == len(data) || data[i] != '"' {
			return i, true
		}
		i++
	}
}

// fill reads more behind what is there.
func (s *Source) fill() error {
	if s.start > 0 {
		s.buf = s.buf[:copy(s.buf, s.buf[s.start:])]
		s.start = 0
	}
	if len(s.buf) == cap(s.buf) {
		s.buf = append(make([]byte, 0, 2*cap(s.buf)), s.buf...)
	}
	n, err := s.in.Read(s.buf[len(s.buf):cap(s.buf)])
	s.buf = s.buf[:len(s.buf)+n]
	if errors.Is(err, io.EOF) {
		s.eof, err = true, nil
	}
	return err
}

// A Chunk holds rows that were cut together.
type Chunk struct {
	data []byte
	rows []span
}

type span struct {
	start, end, line int
	fault            string
}

// Len is the number of rows.
func (c *Chunk) Len() int { return len(c.rows) }

// Row is the text of row i, the line on which it begins, and what is wrong with it.
func (c *Chunk) Row(i int) (text []byte, line int, fault string) {
	r := &c.rows[i]
	return c.data[r.start:r.end], r.line, r.fault
}

// maxChunk bounds the bytes after which a chunk takes no further row.
const maxChunk = 256 << 10

// Read replaces a chunk by the next rows, maxRows at most. The error is that of
// Next; rows that were read before it are in the chunk.
func (s *Source) Read(c *Chunk, maxRows int) error {
	c.data, c.rows = c.data[:0], c.rows[:0]
	for len(c.rows) < maxRows && len(c.data) < maxChunk {
		text, line, fault, err := s.Next()
		if err != nil {
			return err
		}
		start := len(c.data)
		c.data = append(c.data, text...)
		c.rows = append(c.rows, span{start, len(c.data), line, fault})
	}
	return nil
}
