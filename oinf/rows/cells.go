package rows

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Kind is what a cell is.
type Kind uint8

// The kinds of cells. CSV has the first two, JSON the others.
const (
	Plain  Kind = iota // of CSV, without quotes: a number, a text or nothing
	Quoted             // of CSV, in quotes
	Null               // null, or NaN, which Python writes for it
	Bool
	Number // as JSON writes it, or Infinity and -Infinity, which Python writes
	String
	Nested // an array or an object, which no feature takes
)

// A Cell is one value of a row.
type Cell struct {
	Kind Kind
	Text []byte // without quotes and escapes
	Name []byte // the member's name in a JSON object
}

// A Parser cuts rows into cells. What it returns is valid until its next row.
type Parser struct {
	// Foreign are the places in the last JSON row of NaN and of infinities, which
	// Python writes and JSON does not have: start and end of each.
	Foreign [][2]int

	cells []Cell
	text  []byte // of cells that had doubled quotes
}

// CSV cuts a row that a Source found sound.
func (p *Parser) CSV(row []byte, delimiter byte) []Cell {
	p.cells, p.text = p.cells[:0], p.text[:0]
	for i := 0; ; i++ {
		if i < len(row) && row[i] == '"' {
			if end, ok := closing(row, i+1); ok {
				p.cells = append(p.cells, Cell{Kind: Quoted, Text: p.unquote(row[i+1 : end-1])})
				i = end
			}
		} else {
			start := i
			for i < len(row) && row[i] != delimiter {
				i++
			}
			p.cells = append(p.cells, Cell{Text: row[start:i]})
		}
		if i >= len(row) {
			return p.cells
		}
	}
}

// unquote makes one quote of two.
func (p *Parser) unquote(text []byte) []byte {
	if bytes.IndexByte(text, '"') < 0 {
		return text
	}
	start := len(p.text)
	for {
		n := bytes.IndexByte(text, '"')
		if n < 0 {
			p.text = append(p.text, text...)
			return p.text[start:]
		}
		p.text = append(p.text, text[:n+1]...)
		text = text[n+2:]
	}
}

// maxDepth bounds the nesting of a JSON row.
const maxDepth = 64

// JSON cuts a row that is an object, whose cells have names, or an array.
func (p *Parser) JSON(row []byte) (cells []Cell, object bool, err error) {
	p.cells, p.Foreign = p.cells[:0], p.Foreign[:0]
	s := scanner{data: row, parser: p}
	switch s.peek() {
	case '{':
		object = true
		err = s.members('}')
	case '[':
		err = s.members(']')
	default:
		err = s.expected("an object or an array")
	}
	if s.peek(); err == nil && s.at < len(row) {
		err = s.expected("the end of the line")
	}
	return p.cells, object, err
}

// A scanner reads the JSON of one row. A row is no program's output of which the
// rest has to be trusted: what is not JSON is told with its place.
type scanner struct {
	data   []byte
	at     int
	parser *Parser
}

// peek skips white space and returns the byte behind it, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) expected(what string) error {
	if s.at >= len(s.data) {
		return fmt.Errorf("no JSON: expected %s, got the end of the line", what)
	}
	r, n := utf8.DecodeRune(s.data[s.at:])
	if r == utf8.RuneError && n == 1 {
		return fmt.Errorf("no JSON: expected %s at byte %d, got no UTF-8", what, s.at+1)
	}
	return fmt.Errorf("no JSON: expected %s at byte %d, got %q", what, s.at+1, r)
}

// members reads the row's object or array into cells.
func (s *scanner) members(end byte) error {
	s.at++
	for first := true; ; first = false {
		more, err := s.more(end, first)
		if err != nil || !more {
			return err
		}
		var c Cell
		if end == '}' {
			if c.Name, err = s.name(); err != nil {
				return err
			}
		}
		if c.Kind, c.Text, err = s.value(1); err != nil {
			return err
		}
		s.parser.cells = append(s.parser.cells, c)
	}
}

// more reads the comma between two members, or the container's end.
func (s *scanner) more(end byte, first bool) (bool, error) {
	switch c := s.peek(); {
	case c == end:
		s.at++
		return false, nil
	case first:
		return true, nil
	case c != ',':
		return false, s.expected(fmt.Sprintf("',' or '%c'", end))
	}
	s.at++
	if s.peek() == end {
		return false, s.expected("a value behind the comma")
	}
	return true, nil
}

func (s *scanner) name() ([]byte, error) {
	if s.peek() != '"' {
		return nil, s.expected("a name in double quotes")
	}
	name, err := s.str()
	if err == nil && s.peek() != ':' {
		err = s.expected("':'")
	}
	s.at++
	return name, err
}

// value reads any value; the text of a nested one is as it stands.
func (s *scanner) value(depth int) (Kind, []byte, error) {
	c := s.peek()
	start := s.at
	switch c {
	case '"':
		text, err := s.str()
		return String, text, err
	case '{', '[':
		if depth >= maxDepth {
			return Nested, nil, fmt.Errorf("nested deeper than %d", maxDepth)
		}
		end := c + 2 // in ASCII, '}' for '{' and ']' for '['
		s.at++
		for first := true; ; first = false {
			more, err := s.more(end, first)
			if err != nil || !more {
				return Nested, s.data[start:s.at], err
			}
			if end == '}' {
				if _, err := s.name(); err != nil {
					return Nested, nil, err
				}
			}
			if _, _, err := s.value(depth + 1); err != nil {
				return Nested, nil, err
			}
		}
	}
	for _, w := range []struct {
		word string
		kind Kind
	}{{"null", Null}, {"true", Bool}, {"false", Bool}, {"NaN", Null}, {"Infinity", Number}, {"-Infinity", Number}} {
		if bytes.HasPrefix(s.data[s.at:], []byte(w.word)) {
			s.at += len(w.word)
			if w.word == "NaN" || w.kind == Number {
				s.parser.Foreign = append(s.parser.Foreign, [2]int{start, s.at})
			}
			return w.kind, s.data[start:s.at], nil
		}
	}
	if !s.number() {
		return Number, nil, s.expected("a value")
	}
	return Number, s.data[start:s.at], nil
}

// number skips a number as RFC 8259 has it.
func (s *scanner) number() bool {
	s.skip('-')
	if !s.skip('0') && !s.digits() {
		return false
	}
	if s.skip('.') && !s.digits() {
		return false
	}
	if s.skip('e') || s.skip('E') {
		if !s.skip('+') {
			s.skip('-')
		}
		return s.digits()
	}
	return true
}

func (s *scanner) skip(c byte) bool {
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.data) && s.data[s.at]-'0' <= 9 {
		s.at++
	}
	return s.at > start
}

// str reads a string. One without escapes is a part of the row.
func (s *scanner) str() ([]byte, error) {
	start := s.at
	s.at++
	plain := true
	for ; ; s.at++ {
		if s.at >= len(s.data) {
			return nil, s.expected("a closing quote")
		}
		switch c := s.data[s.at]; {
		case c == '"':
			s.at++
			text := s.data[start+1 : s.at-1]
			if !utf8.Valid(text) {
				return nil, fmt.Errorf("no JSON: the string at byte %d is not UTF-8", start+1)
			}
			if plain {
				return text, nil
			}
			var value string
			if err := json.Unmarshal(s.data[start:s.at], &value); err != nil {
				return nil, fmt.Errorf("no JSON: the string at byte %d: %w", start+1, err)
			}
			return []byte(value), nil
		case c == '\\':
			plain = false
			s.at++
		case c < ' ':
			return nil, s.expected("a character of a string")
		}
	}
}
