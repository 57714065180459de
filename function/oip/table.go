package oip

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Rows is the What of a LimitError for rows.
const Rows = "rows"

// A LimitError says that a request is larger than the server takes.
type LimitError struct {
	What  string // Rows, values
	Limit int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("too many %s: expected at most %d", e.What, e.Limit)
}

// Features tells a parser which columns a table has.
type Features interface {
	// Len is the number of features.
	Len() int
	// FeatureName is the name of feature i.
	FeatureName(i int) string
	// Index is the feature of that name, or -1.
	Index(name []byte) int
}

// A Table holds the rows of a request to /predict or to V1's :predict.
type Table struct {
	Cells []Cell // row-major, in the client's order of columns
	Rows  int
	// Column is the client's column of each of the model's features.
	Column []int
	// Objects is true where each row was an object, whose columns have no order.
	Objects bool
	// Signature is what a V1 request calls signature_name.
	Signature string

	s           scanner
	order       []int // the features of the first object, in its order; -1 where a name is not plain
	first       int   // the width of row 0
	ragged, got int   // the first row of another width, and its width
}

// reset starts on a body. Memory of an earlier table is reused.
func (t *Table) reset(body []byte) (err error) {
	*t = Table{Cells: t.Cells[:0], Column: t.Column[:0], order: t.order[:0]}
	t.s, err = newScanner(body)
	return err
}

// Parse reads {"features":[…],"data":[[…],…]} or [{"name":value,…},…].
func (t *Table) Parse(body []byte, f Features, maxRows int) error {
	err := t.reset(body)
	if err != nil {
		return err
	}
	switch t.s.peek() {
	case '{':
		err = t.columns(f, maxRows)
	case '[':
		err = t.objects(f, maxRows)
	default:
		if _, err := t.s.skip(); err != nil {
			return err
		}
		err = fmt.Errorf(`expected an object with "features" and "data", or a list of objects`)
	}
	return t.finish(err)
}

// ParseInstances reads {"instances":[…]} or {"inputs":[…]}, whose rows are all
// lists in the model's order of features, or all objects. As other servers do, it
// ignores names that it does not know.
func (t *Table) ParseInstances(body []byte, f Features, maxRows int) error {
	if err := t.reset(body); err != nil {
		return err
	}
	s := &t.s
	if s.peek() != '{' {
		return s.instead("", `an object with "instances"`)
	}
	given := ""
	m := members{s: s}
	for m.next() {
		switch name := string(m.name); name {
		case "instances", "inputs":
			if given != "" {
				return fmt.Errorf(`both "instances" and "inputs" are given: expected one of them`)
			}
			given = name
			m.err = t.instances(name, f, maxRows)
		case "signature_name":
			if null(s) {
				continue
			}
			if s.peek() != '"' {
				return s.instead(`"signature_name"`, "a string")
			}
			txt, err := s.str()
			if err != nil {
				return err
			}
			t.Signature = string(s.bytes(txt))
		default:
			_, m.err = s.skip()
		}
	}
	if m.err == nil && given == "" {
		return fmt.Errorf(`"instances" is missing: expected a list of rows`)
	}
	return t.finish(m.err)
}

// finish reads the end of the body.
func (t *Table) finish(err error) error {
	if err != nil {
		return err
	}
	if err := t.s.end(); err != nil {
		return err
	}
	if t.Rows == 0 {
		return fmt.Errorf("no rows: expected at least one")
	}
	return nil
}

// instances reads rows of either form: the first one decides.
func (t *Table) instances(name string, f Features, maxRows int) error {
	s := &t.s
	if s.peek() != '[' {
		return s.instead(quote([]byte(name)), "a list of rows")
	}
	after := *s
	after.pos++
	switch after.peek() {
	case '{':
		return t.objects(f, maxRows)
	case '[', ']':
		for i := range f.Len() {
			t.Column = append(t.Column, i)
		}
		if err := t.data(quote([]byte(name)), f, maxRows); err != nil {
			return err
		}
		return t.width(f.Len())
	case 0:
		s.pos++
		return s.unexpected("a value")
	}
	*s = after
	return s.instead("row 0", "a list of values or an object of features")
}

// columns reads the form with a list of names and rows of values.
func (t *Table) columns(f Features, maxRows int) error {
	var names, data bool
	width := 0
	m := members{s: &t.s}
	for m.next() {
		switch string(m.name) {
		case "features":
			names = true
			width, m.err = t.names(f)
		case "data":
			data = true
			m.err = t.data(`"data"`, f, maxRows)
		default:
			m.err = fmt.Errorf(`unknown name %s: expected "features" and "data"`, quote(m.name))
		}
	}
	switch {
	case m.err != nil:
		return m.err
	case !names:
		return fmt.Errorf(`"features" is missing: expected the list of column names`)
	case !data:
		return fmt.Errorf(`"data" is missing: expected a list of rows`)
	}
	return t.width(width)
}

// width holds the rows that were read against the number of columns.
func (t *Table) width(want int) error {
	row, got := 0, t.first
	if got == want || t.Rows == 0 {
		row, got = t.ragged, t.got
		if row == 0 {
			return nil
		}
	}
	return &Fault{Text: fmt.Sprintf("row %d: expected %d values, one for each of the features, got %d", row, want, got),
		Row: row, Column: -1, Expected: fmt.Sprintf("%d values", want), Got: fmt.Sprint(got)}
}

// names reads the list of column names and returns its length.
func (t *Table) names(f Features) (int, error) {
	s := &t.s
	if s.peek() != '[' {
		return 0, s.instead(`"features"`, "a list of names")
	}
	t.Column = t.Column[:0]
	for range f.Len() {
		t.Column = append(t.Column, -1)
	}
	e := elements{s: s}
	for e.next() {
		if !s.at('"') {
			return 0, s.instead(fmt.Sprintf(`"features", column %d`, e.i), "a name")
		}
		txt, err := s.str()
		if err != nil {
			return 0, err
		}
		name := s.bytes(txt)
		k := f.Index(name)
		if k < 0 {
			return 0, unknown(f, name, fmt.Sprintf(`"features", column %d`, e.i), -1)
		}
		if t.Column[k] >= 0 {
			return 0, fmt.Errorf(`"features", column %d: duplicate feature %s`, e.i, quote(name))
		}
		t.Column[k] = e.i
	}
	if e.err != nil {
		return 0, e.err
	}
	for _, column := range t.Column {
		if column < 0 {
			return 0, fmt.Errorf(`"features": missing %s`, list(f, func(i int) bool { return t.Column[i] < 0 }))
		}
	}
	return e.i, nil
}

// unknown reports a name that is none of a feature.
func unknown(f Features, name []byte, place string, row int) error {
	expected := list(f, nil)
	return &Fault{Text: fmt.Sprintf("%s: unknown feature %s, expected %s", place, quote(name), expected),
		Row: row, Column: -1, Expected: expected, Got: quote(name)}
}

// data reads the rows.
func (t *Table) data(name string, f Features, maxRows int) error {
	s := &t.s
	if s.peek() != '[' {
		return s.instead(name, "a list of rows")
	}
	maxCells := maxRows * max(f.Len(), 1)
	rows := elements{s: s}
	for rows.next() {
		i := rows.i
		if i >= maxRows {
			return &LimitError{What: Rows, Limit: maxRows}
		}
		if !s.at('[') {
			return s.instead(fmt.Sprintf("row %d", i), "a list of values")
		}
		t.Rows = i + 1
		e := elements{s: s}
		for e.next() {
			if s.at('[') || s.at('{') {
				return valueFault(s.instead(fmt.Sprintf("row %d, column %d", i, e.i), "a single value"), i, e.i)
			}
			var c Cell
			c, e.err = s.scalar()
			if len(t.Cells) < maxCells {
				t.Cells = append(t.Cells, c)
			}
		}
		rows.err = e.err
		switch {
		case i == 0:
			t.first = e.i
		case t.ragged == 0 && e.i != t.first:
			t.ragged, t.got = i, e.i
		}
	}
	return rows.err
}

// valueFault adds the place to a fault of a value.
func valueFault(err error, row, column int) error {
	var f *Fault
	if errors.As(err, &f) {
		f.Row, f.Column = row, column
	}
	return err
}

// objects reads the form with one object a row.
func (t *Table) objects(f Features, maxRows int) error {
	s := &t.s
	t.Objects = true
	n := f.Len()
	for i := range n {
		t.Column = append(t.Column, i)
	}
	rows := elements{s: s}
	for rows.next() {
		i := rows.i
		if i >= maxRows {
			return &LimitError{What: Rows, Limit: maxRows}
		}
		if !s.at('{') {
			return s.instead(fmt.Sprintf("row %d", i), "an object of features")
		}
		t.Rows = i + 1
		start := len(t.Cells)
		for range n {
			t.Cells = append(t.Cells, Cell{kind: absent})
		}
		row := t.Cells[start:]
		given, err := t.members(i, f, row)
		if err != nil {
			return err
		}
		if given < n {
			return &Fault{Text: fmt.Sprintf("row %d: missing %s", i, list(f, func(k int) bool { return row[k].kind == absent })), Row: i, Column: -1}
		}
	}
	return rows.err
}

// members reads the features of row i and counts them. Duplicates show in the row
// itself, which costs less than a set of names; and as rows tend to have their
// names in one order, that of the first is tried before the name is looked up.
func (t *Table) members(i int, f Features, row []Cell) (given int, err error) {
	s := &t.s
	if err := s.open(); err != nil {
		return 0, err
	}
	for {
		ok, err := s.more('}', given == 0)
		if err != nil || !ok {
			return given, err
		}
		var k int
		if given < len(t.order) && t.order[given] >= 0 && s.skipName(f.FeatureName(t.order[given])) {
			k = t.order[given]
		} else {
			txt, err := s.name()
			if err != nil {
				return 0, err
			}
			name := s.bytes(txt)
			if k = f.Index(name); k < 0 {
				return 0, unknown(f, name, fmt.Sprintf("row %d", i), i)
			}
			if i == 0 {
				t.order = append(t.order, k)
				if txt.escaped || bytes.ContainsAny(name, "\"\\") {
					t.order[given] = -1
				}
			}
		}
		if row[k].kind != absent {
			name := f.FeatureName(k)
			return 0, &Fault{Text: fmt.Sprintf("row %d: duplicate feature %s", i, quote([]byte(name))), Feature: name, Row: i, Column: -1}
		}
		given++
		if c := s.peek(); c == '[' || c == '{' {
			err := valueFault(s.instead(fmt.Sprintf("feature %q, row %d", f.FeatureName(k), i), "a single value"), i, -1)
			var fault *Fault
			if errors.As(err, &fault) {
				fault.Feature = f.FeatureName(k)
			}
			return 0, err
		}
		if row[k], err = s.scalar(); err != nil {
			return 0, err
		}
	}
}

// skipName reads a name and its colon where they stand exactly so, without any
// space. The name must have neither quotes nor backslashes in it.
func (s *scanner) skipName(name string) bool {
	b := s.buf[s.pos:]
	if n := len(name); len(b) >= n+3 && b[0] == '"' && b[n+1] == '"' && b[n+2] == ':' && string(b[1:n+1]) == name {
		s.pos += n + 3
		return true
	}
	return false
}

// list writes the names of the features that a condition picks, all without one;
// it is empty where there is none.
func list(f Features, pick func(int) bool) string {
	var names []string
	for i := range f.Len() {
		if pick == nil || pick(i) {
			names = append(names, f.FeatureName(i))
		}
	}
	return List(names)
}

// maxListed bounds the names in a message.
const maxListed = 32

// List writes names into a message, and how many more there are of a long list.
func List(names []string) string {
	if n := len(names) - maxListed; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), n)
	}
	return strings.Join(names, ", ")
}
