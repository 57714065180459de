package oip

import (
	"bytes"
	"errors"
)

// elements walks over an array:
//
//	e := elements{s: s}
//	for e.next() { … read element e.i, set e.err … }
//
// After the loop i is the number of elements.
type elements struct {
	s   *scanner
	i   int
	err error

	inside bool
}

// next goes to an element; it is false at the end and after an error. The scanner
// then stands at the element's first byte.
func (e *elements) next() bool {
	s := e.s
	if e.err != nil {
		return false
	}
	if !e.inside {
		e.inside = true
		if e.err = s.open(); e.err != nil {
			return false
		}
		if s.peek() != ']' {
			return e.begin()
		}
		return e.end()
	}
	e.i++
	switch s.peek() {
	case ',':
		s.pos++
		if s.peek() == ']' {
			e.err = s.unexpected("another element after the comma")
			return false
		}
		return e.begin()
	case ']':
		return e.end()
	}
	e.err = s.unexpected("',' or ']'")
	return false
}

// begin is false where the text ends instead of going on.
func (e *elements) begin() bool {
	if e.s.pos < len(e.s.buf) {
		return true
	}
	e.err = e.s.unexpected("a value")
	return false
}

func (e *elements) end() bool {
	e.s.pos++
	e.s.depth--
	return false
}

// members walks over an object as elements does over an array; name is valid until
// the next member. No name may be there twice.
type members struct {
	s    *scanner
	name []byte
	err  error

	inside bool
	seen   nameSet
}

// next goes to a member, whose value the scanner then stands before.
func (m *members) next() bool {
	s := m.s
	if m.err != nil {
		return false
	}
	first := !m.inside
	if first {
		m.inside = true
		if m.err = s.open(); m.err != nil {
			return false
		}
	}
	ok, err := s.more('}', first)
	if err != nil || !ok {
		m.err = err
		return false
	}
	t, err := s.name()
	if err != nil {
		m.err = err
		return false
	}
	m.name = s.bytes(t)
	if !m.seen.add(s, t) {
		s.pos = t.start - 1
		m.err = s.fail("duplicate name %s", quote(m.name))
	} else if len(m.seen.many) > maxNames {
		m.err = &LimitError{What: "names in an object", Limit: maxNames}
	}
	return m.err == nil
}

// nameSet finds duplicate names in one object, or in one list.
type nameSet struct {
	few  [8]text // places without pointers: they cost the garbage collector nothing
	n    int
	many map[string]bool
}

// add is false where the name was there before.
func (n *nameSet) add(s *scanner, name text) bool {
	if n.many == nil {
		for _, old := range n.few[:n.n] {
			if bytes.Equal(s.bytes(old), s.bytes(name)) {
				return false
			}
		}
		if n.n < len(n.few) {
			n.few[n.n] = name
			n.n++
			return true
		}
		n.many = make(map[string]bool, 2*len(n.few))
		for _, old := range n.few {
			n.many[string(s.bytes(old))] = true
		}
	}
	if n.many[string(s.bytes(name))] {
		return false
	}
	n.many[string(s.bytes(name))] = true
	return true
}

// instead reads what stands in the place of something else and reports it.
func (s *scanner) instead(place, expected string) error {
	start := s.pos
	k, err := s.skip()
	if err != nil {
		return err
	}
	text := s.buf[start:s.pos]
	if k == String {
		text = text[1 : len(text)-1]
	}
	return Unexpected(place, expected, Describe(k, text))
}

// wrong reports a scalar that has been read.
func (s *scanner) wrong(c Cell, expected string) *Fault {
	return Unexpected("", expected, Describe(c.Kind(), c.Text(s.buf)))
}

// truth is the value of a boolean.
func (s *scanner) truth(c Cell) (bool, error) {
	if c.Kind() != Bool {
		return false, s.wrong(c, "true or false")
	}
	return s.buf[c.start] == 't', nil
}

// parameters checks an object of parameters: names with a string, a number or a
// boolean each, of which known may read what it knows. Its fault is completed by
// the place.
func parameters(s *scanner, place string, known func(name string, c Cell) error) error {
	if null(s) {
		return nil
	}
	if s.peek() != '{' {
		return s.instead(place+`"parameters"`, "an object")
	}
	m := members{s: s}
	for m.next() {
		s.peek()
		start := s.pos
		var c Cell
		var kind Kind
		switch {
		case s.at('{') || s.at('['):
			kind, m.err = s.skip()
		default:
			c, m.err = s.scalar()
			kind = c.Kind()
		}
		if m.err != nil {
			break
		}
		if kind == Null || kind == Array || kind == Object {
			return Unexpected(place+`"parameters": `+quote(m.name), "a string, a number or a boolean", Describe(kind, s.buf[start:s.pos]))
		}
		if known == nil {
			continue
		}
		if err := known(string(m.name), c); err != nil {
			if f := (*Fault)(nil); errors.As(err, &f) {
				f.Text = place + `"parameters": ` + quote(m.name) + ": " + f.Text
			}
			return err
		}
	}
	return m.err
}
