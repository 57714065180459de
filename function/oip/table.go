package oip

import (
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

// A Table holds the rows of a request to /predict.
type Table struct {
	Cells []Cell // row-major, in the client's order of columns
	Rows  int
	// Column is the client's column of each of the model's features.
	Column []int
	// Objects is true where each row was an object, whose columns have no order.
	Objects bool

	first       int // the width of row 0
	ragged, got int // the first row of another width, and its width
}

// Parse reads {"features":[…],"data":[[…],…]} or [{"name":value,…},…]. Memory of
// an earlier table is reused.
func (t *Table) Parse(body []byte, f Features, maxRows int) error {
	*t = Table{Cells: t.Cells[:0], Column: t.Column[:0]}
	s, err := newScanner(body)
	if err != nil {
		return err
	}
	switch s.peek() {
	case '{':
		err = t.columns(&s, f, maxRows)
	case '[':
		err = t.objects(&s, f, maxRows)
	default:
		if _, err := s.skip(); err != nil {
			return err
		}
		err = fmt.Errorf(`expected an object with "features" and "data", or a list of objects`)
	}
	if err != nil {
		return err
	}
	if err := s.end(); err != nil {
		return err
	}
	if t.Rows == 0 {
		return fmt.Errorf("no rows: expected at least one")
	}
	return nil
}

// columns reads the form with a list of names and rows of values.
func (t *Table) columns(s *scanner, f Features, maxRows int) error {
	var names, data bool
	width := 0
	err := s.object(func(name []byte) (err error) {
		switch string(name) {
		case "features":
			names = true
			width, err = t.names(s, f)
		case "data":
			data = true
			err = t.data(s, f, maxRows)
		default:
			err = fmt.Errorf(`unknown name %s: expected "features" and "data"`, quote(name))
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case !names:
		return fmt.Errorf(`"features" is missing: expected the list of column names`)
	case !data:
		return fmt.Errorf(`"data" is missing: expected a list of rows`)
	case t.Rows == 0:
		return nil
	}
	if t.first != width {
		return widthError(0, width, t.first)
	}
	if t.ragged > 0 {
		return widthError(t.ragged, width, t.got)
	}
	return nil
}

func widthError(row, want, got int) error {
	return fmt.Errorf("row %d: expected %d values, one for each of the features, got %d", row, want, got)
}

// names reads the list of column names and returns its length.
func (t *Table) names(s *scanner, f Features) (int, error) {
	if s.peek() != '[' {
		return 0, expectedList(s, `"features": expected a list of names`)
	}
	t.Column = t.Column[:0]
	for range f.Len() {
		t.Column = append(t.Column, -1)
	}
	width := 0
	err := s.array(func(i int) error {
		width = i + 1
		if s.peek() != '"' {
			return expectedList(s, fmt.Sprintf(`"features", column %d: expected a name`, i))
		}
		txt, err := s.str()
		if err != nil {
			return err
		}
		name := s.bytes(txt)
		k := f.Index(name)
		if k < 0 {
			return fmt.Errorf(`"features", column %d: unknown feature %s, expected %s`, i, quote(name), list(f, nil))
		}
		if t.Column[k] >= 0 {
			return fmt.Errorf(`"features", column %d: duplicate feature %s`, i, quote(name))
		}
		t.Column[k] = i
		return nil
	})
	if err != nil {
		return 0, err
	}
	missing := list(f, func(i int) bool { return t.Column[i] < 0 })
	if missing != "" {
		return 0, fmt.Errorf(`"features": missing %s`, missing)
	}
	return width, nil
}

// expectedList says what stands in the place of something else.
func expectedList(s *scanner, expected string) error {
	start := s.pos
	k, err := s.skip()
	if err != nil {
		return err
	}
	text := s.buf[start:s.pos]
	if k == String {
		text = text[1 : len(text)-1]
	}
	return fmt.Errorf("%s, got %s", expected, Describe(k, text))
}

// data reads the rows.
func (t *Table) data(s *scanner, f Features, maxRows int) error {
	if s.peek() != '[' {
		return expectedList(s, `"data": expected a list of rows`)
	}
	maxCells := maxRows * max(f.Len(), 1)
	return s.array(func(i int) error {
		if i >= maxRows {
			return &LimitError{What: Rows, Limit: maxRows}
		}
		if s.peek() != '[' {
			return expectedList(s, fmt.Sprintf("row %d: expected a list of values", i))
		}
		t.Rows = i + 1
		width := 0
		err := s.array(func(k int) error {
			width = k + 1
			c, err := s.cell(func() string { return fmt.Sprintf("row %d, column %d", i, k) })
			if len(t.Cells) < maxCells {
				t.Cells = append(t.Cells, c)
			}
			return err
		})
		switch {
		case i == 0:
			t.first = width
		case t.ragged == 0 && width != t.first:
			t.ragged, t.got = i, width
		}
		return err
	})
}

// cell reads a scalar; where tells the place in a message.
func (s *scanner) cell(where func() string) (Cell, error) {
	switch s.peek() {
	case '[', '{':
		return Cell{}, expectedList(s, where()+": expected a single value")
	}
	return s.scalar()
}

// objects reads the form with one object a row.
func (t *Table) objects(s *scanner, f Features, maxRows int) error {
	t.Objects = true
	n := f.Len()
	for i := range n {
		t.Column = append(t.Column, i)
	}
	return s.array(func(i int) error {
		if i >= maxRows {
			return &LimitError{What: Rows, Limit: maxRows}
		}
		if s.peek() != '{' {
			return expectedList(s, fmt.Sprintf("row %d: expected an object of features", i))
		}
		t.Rows = i + 1
		start := len(t.Cells)
		for range n {
			t.Cells = append(t.Cells, Cell{kind: absent})
		}
		row := t.Cells[start:]
		if err := s.members(i, f, row); err != nil {
			return err
		}
		missing := list(f, func(k int) bool { return row[k].kind == absent })
		if missing != "" {
			return fmt.Errorf("row %d: missing %s", i, missing)
		}
		return nil
	})
}

// members reads the features of row i. Duplicates show in the row itself, which
// costs less than a set of names.
func (s *scanner) members(i int, f Features, row []Cell) error {
	if err := s.open(); err != nil {
		return err
	}
	for first := true; ; first = false {
		ok, err := s.more('}', first)
		if err != nil || !ok {
			return err
		}
		txt, err := s.name()
		if err != nil {
			return err
		}
		name := s.bytes(txt)
		k := f.Index(name)
		if k < 0 {
			return fmt.Errorf("row %d: unknown feature %s, expected %s", i, quote(name), list(f, nil))
		}
		if row[k].kind != absent {
			return fmt.Errorf("row %d: duplicate feature %s", i, quote(name))
		}
		row[k], err = s.cell(func() string { return fmt.Sprintf("feature %q, row %d", f.FeatureName(k), i) })
		if err != nil {
			return err
		}
	}
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
