package predict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"online-inference/function/artefact"
	"online-inference/function/oip"
	"online-inference/oinf/rows"
)

// A task is what all goroutines of a run share and none of them changes.
type task struct {
	Options
	missing map[string]bool // the words, in lower case
	// missingNumber is set where one of the words is a number, such as -999.
	missingNumber bool

	features []string       // their names in the table
	index    map[string]int // of these

	// Of CSV: the header as it stands and its names, none without a header; the
	// number of cells in a row; and the cell of each feature.
	header  []byte
	names   []string
	width   int
	columns []int
	ignored []string       // names that are no feature's
	at      map[string]int // of JSON lines that are kept in CSV: the column of each name

	first     *rows.Chunk // a row that was read to know the columns, and is data
	outHeader []byte
	output    output
}

// newTask reads as much of the table as tells its columns.
func newTask(o Options) (*task, error) {
	t := &task{Options: o, missing: map[string]bool{}, features: o.Columns, index: map[string]int{}}
	if t.features == nil {
		t.features = featureNames(o.Model)
	}
	for f, name := range t.features {
		t.index[name] = f
	}
	if n := o.Model.Len(); len(t.features) != n || len(t.index) != n {
		return nil, fmt.Errorf("expected the names of %d columns, each another, one for each feature of the model, got %s", n, quotedList(o.Columns))
	}
	for _, word := range o.Missing {
		t.missing[strings.ToLower(word)] = true
		t.missingNumber = t.missingNumber || isNumber([]byte(word))
	}
	if o.Rows.Format == rows.CSV {
		if err := t.readHeader(); err != nil {
			return nil, err
		}
	}
	return t, t.layOut()
}

// readHeader finds the columns of a CSV table.
func (t *task) readHeader() error {
	if t.NoHeader {
		t.width = t.Model.Len()
		t.columns = counted(t.width)
		if t.width == 1 {
			t.Rows.BlankRows()
		}
		return nil
	}
	text, line, fault, err := t.Rows.Next()
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it is empty: expected a header with the columns' names")
	case err != nil:
		return fmt.Errorf("cannot read: %w", err)
	case fault != "":
		return fmt.Errorf("line %d, the header: %s", line, fault)
	case !utf8.Valid(text):
		return fmt.Errorf("line %d, the header: it is not UTF-8", line)
	}
	t.header = bytes.Clone(text)
	for _, c := range new(rows.Parser).CSV(t.header, t.Rows.Delimiter) {
		t.names = append(t.names, string(bytes.TrimSpace(c.Text)))
	}
	if t.width = len(t.names); t.width == 1 {
		t.Rows.BlankRows()
	}
	if t.ByPosition {
		t.columns = counted(t.width)
		if t.width != t.Model.Len() {
			return fmt.Errorf("line %d: the header has %d columns, the model takes %d by position", line, t.width, t.Model.Len())
		}
		return nil
	}
	return t.findColumns(line)
}

// counted is 0, 1, … n-1.
func counted(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// findColumns finds every feature in the header.
func (t *task) findColumns(line int) error {
	t.columns = make([]int, t.Model.Len())
	for f := range t.columns {
		t.columns[f] = -1
	}
	for i, name := range t.names {
		f, ok := t.index[name]
		switch {
		case !ok:
			t.ignored = append(t.ignored, name)
		case t.columns[f] >= 0:
			return fmt.Errorf("line %d: the header has %q twice", line, name)
		default:
			t.columns[f] = i
		}
	}
	var missing []string
	for f, i := range t.columns {
		if i < 0 {
			missing = append(missing, t.features[f])
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("line %d: the header lacks %s; it has %s%s", line, quotedList(missing), quotedList(t.names), t.advice(missing))
	}
	return nil
}

// quotedList writes names into a message.
func quotedList(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = oip.Describe(oip.String, []byte(name))
	}
	return oip.List(quoted)
}

// advice tells what may help where the header lacks features.
func (t *task) advice(missing []string) string {
	for _, d := range []struct{ char, flag string }{{";", "';'"}, {"\t", "tab"}, {"|", "'|'"}, {",", ","}} {
		if len(t.names) == 1 && strings.Contains(t.names[0], d.char) {
			return " (-delimiter " + d.flag + " splits it at each " + fmt.Sprintf("%q", d.char) + ")"
		}
	}
	lower := map[string]string{}
	for _, name := range t.names {
		lower[strings.ToLower(name)] = name
	}
	for _, name := range missing {
		if other := lower[strings.ToLower(name)]; other != "" {
			return fmt.Sprintf(" (capitals count: %q is not %q)", other, name)
		}
	}
	const columns = "-columns NAMES says which columns the features are, in the model's order"
	switch {
	case len(missing) != t.Model.Len() || len(t.names) < t.Model.Len():
		return ""
	case len(t.names) > t.Model.Len():
		return " (" + columns + ")"
	}
	numbers := 0
	for _, name := range t.names {
		if isNumber([]byte(name)) {
			numbers++
		}
	}
	if numbers > 0 {
		return " (-no-header, if line 1 is a row already)"
	}
	return " (-by-position, if the columns are in the model's order; " + columns + ")"
}

// rejectsHeader begins the file of rejected rows, so that it can be repaired and
// scored like the first.
func (t *task) rejectsHeader() []byte {
	if t.header == nil {
		return nil
	}
	return append(bytes.Clone(t.header), '\n')
}

// layOut prepares the output.
func (t *task) layOut() error {
	if t.Format == rows.JSONLines {
		out := &jsonOutput{task: t, feature: make([]int, t.width)}
		for i := range out.feature {
			out.feature[i] = -1
		}
		for f, i := range t.columns {
			out.feature[i] = f
		}
		t.output = out
		return nil
	}
	out := &csvOutput{task: t, delimiter: ','}
	if t.Rows.Format == rows.CSV {
		out.delimiter = t.Rows.Delimiter
	}
	t.output = out
	if t.Keep && t.Rows.Format == rows.JSONLines {
		if err := t.readFirst(); err != nil {
			return err
		}
	}
	t.outHeader = out.columnNames()
	return nil
}

// readFirst reads the first row of JSON lines, whose members are the columns that
// are kept in CSV.
func (t *task) readFirst() error {
	t.first = new(rows.Chunk)
	if err := t.Rows.Read(t.first, 1); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("cannot read: %w", err)
	}
	if t.first.Len() == 0 {
		return nil
	}
	text, line, _ := t.first.Row(0)
	cells, object, err := new(rows.Parser).JSON(text)
	if err != nil {
		return &RowError{line, ": " + err.Error()}
	}
	for f, c := range cells {
		switch {
		case object:
			t.names = append(t.names, string(c.Name))
		case f < t.Model.Len():
			t.names = append(t.names, t.features[f])
		}
	}
	t.at = make(map[string]int, len(t.names))
	for i, name := range t.names {
		t.at[name] = i
	}
	return nil
}

// place names a feature of a row in a message.
func (t *task) place(f int) string {
	name := t.features[f]
	if t.columns != nil && t.names == nil || t.ByPosition {
		return fmt.Sprintf(", column %d (%q)", f+1, name)
	}
	return fmt.Sprintf(", column %q", name)
}

// features are the model's, for short.
func (t *task) feature(f int) *artefact.Feature { return &t.Model.Features[f] }
