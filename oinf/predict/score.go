package predict

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"online-inference/engine"
	"online-inference/function/artefact"
	"online-inference/function/oip"
	"online-inference/oinf/rows"
)

// A worker parses and scores chunks. Each has memory of its own.
type worker struct {
	*task
	parser rows.Parser
	into   []artefact.Column // of the batch, by feature
	kept   []int             // the rows of the chunk that are in the batch
	marks  []mark
	found  []int // by feature, where a JSON object has it; -1 where it has not
	guess  []int // the feature of each member of the last object
	row    []rows.Cell
}

// A mark is a remark on a row of a batch.
type mark struct {
	slot, feature int
	text          string
}

func newWorker(t *task) *worker {
	return &worker{task: t, found: make([]int, t.Model.Len()), row: make([]rows.Cell, t.Model.Len())}
}

// score fills in all that a job has behind its rows.
func (w *worker) score(j *job) {
	j.out, j.rejects, j.ignored, j.scored, j.err = j.out[:0], j.rejects[:0], j.ignored[:0], 0, nil
	j.bad = j.bad[:0]
	clear(j.outside)
	n := j.chunk.Len()
	if n == 0 {
		return
	}
	b := w.batch(n)
	w.fill(j)
	if len(w.kept) < n {
		b = w.again(b, j)
	}
	if len(w.kept) > 0 {
		err := b.Run()
		var value *engine.ValueError
		if errors.As(err, &value) {
			b, err = w.sift(b, j)
		}
		if err != nil {
			j.err = fmt.Errorf("cannot score: %w", err)
			return
		}
	}
	w.answer(b, j)
	b.Release()
	w.settle(j)
}

// batch takes a batch, into which fillRow then writes.
func (w *worker) batch(rows int) *artefact.Batch {
	b := w.Model.Batch(rows)
	w.into = w.into[:0]
	for f := range w.Model.Len() {
		w.into = append(w.into, b.Column(f))
	}
	return b
}

// fill puts the rows that are sound into the batch, one behind the other.
func (w *worker) fill(j *job) {
	w.kept, w.marks = w.kept[:0], w.marks[:0]
	for i := range j.chunk.Len() {
		marks := len(w.marks)
		if reason := w.fillRow(len(w.kept), j, i); reason != "" {
			w.marks = w.marks[:marks]
			if !w.reject(j, i, reason) {
				return
			}
			continue
		}
		w.kept = append(w.kept, i)
	}
}

// reject leaves a row out; it is false where that ends the run.
func (w *worker) reject(j *job, i int, reason string) bool {
	_, line, _ := j.chunk.Row(i)
	j.bad = append(j.bad, RowError{line, reason})
	return w.SkipBad
}

// again fills a batch of the right size with the rows that were kept.
func (w *worker) again(b *artefact.Batch, j *job) *artefact.Batch {
	b.Release()
	b = w.batch(len(w.kept))
	w.marks = w.marks[:0]
	for slot, i := range w.kept {
		w.fillRow(slot, j, i)
	}
	return b
}

// sift scores each row alone to find those whose values the model refuses by rules
// of its own, and then the others together.
func (w *worker) sift(b *artefact.Batch, j *job) (*artefact.Batch, error) {
	all := slices.Clone(w.kept)
	w.kept = w.kept[:0]
	for _, i := range all {
		b.Release()
		b = w.batch(1)
		w.fillRow(0, j, i)
		err := b.Run()
		var value *engine.ValueError
		switch {
		case err == nil:
			w.kept = append(w.kept, i)
		case !errors.As(err, &value):
			return b, err
		case !w.reject(j, i, w.refused(b, value)):
			return w.scoreKept(b, j)
		}
	}
	return w.scoreKept(b, j)
}

// settle puts the bad rows of a job, which were found by one rule after the other,
// into the order of their lines, and writes them down as they stand.
func (w *worker) settle(j *job) {
	slices.SortFunc(j.bad, func(a, b RowError) int { return a.Line - b.Line })
	if w.Rejects == nil {
		return
	}
	bad := j.bad
	for i := 0; i < j.chunk.Len() && len(bad) > 0; i++ {
		if text, line, _ := j.chunk.Row(i); line == bad[0].Line {
			j.rejects = append(append(j.rejects, text...), '\n')
			bad = bad[1:]
		}
	}
}

func (w *worker) scoreKept(b *artefact.Batch, j *job) (*artefact.Batch, error) {
	b = w.again(b, j)
	if len(w.kept) == 0 {
		return b, nil
	}
	return b, b.Run()
}

// refused words what a model says of a value.
func (w *worker) refused(b *artefact.Batch, e *engine.ValueError) string {
	reason := e.Reason
	if len(reason) > 300 {
		reason = strings.ToValidUTF8(reason[:300], "") + "…"
	}
	if f := b.Refused(e); f >= 0 {
		return w.place(f) + ": " + reason
	}
	return ": " + reason
}

// fillRow puts row i of a job into the batch; reason says why it cannot be.
func (w *worker) fillRow(slot int, j *job, i int) (reason string) {
	text, _, fault := j.chunk.Row(i)
	if fault != "" {
		return ": " + fault
	}
	if reason := w.cells(text, j); reason != "" {
		return ": " + reason
	}
	for f := range w.row {
		feature := w.feature(f)
		kind, text, got := w.value(feature, &w.row[f])
		ok, strange := w.into[f].Set(slot, kind, text)
		if !ok {
			if got == "" {
				got = oip.Describe(kind, text)
			}
			return fmt.Sprintf("%s: expected %s, got %s", w.place(f), feature.Expected(), got)
		}
		if strange {
			w.marks = append(w.marks, mark{slot, f, feature.Warning(text)})
		}
	}
	return ""
}

// cells puts the cells of a row into w.row in the order of the model's features.
func (w *worker) cells(text []byte, j *job) (reason string) {
	if w.Rows.Format == rows.JSONLines {
		return w.jsonCells(text, j)
	}
	cells := w.parser.CSV(text, w.Rows.Delimiter)
	if len(cells) != w.width {
		what := "as many as the header has"
		if w.NoHeader {
			what = "one for each feature"
		}
		return fmt.Sprintf("expected %d cells, %s, got %d", w.width, what, len(cells))
	}
	for f, c := range w.columns {
		w.row[f] = cells[c]
	}
	return ""
}

func (w *worker) jsonCells(text []byte, j *job) (reason string) {
	cells, object, err := w.parser.JSON(text)
	switch {
	case err != nil:
		return err.Error()
	case object:
		return w.members(cells, j)
	case len(cells) > 0 && cells[0].Kind == rows.Nested:
		return "expected one row a line, got a list of them (from pandas: to_json(orient=\"records\", lines=True))"
	case len(cells) != len(w.row):
		return fmt.Sprintf("expected an array of %d values, one for each feature, got %d", len(w.row), len(cells))
	}
	copy(w.row, cells)
	return ""
}

// members finds the features of an object. Most objects have the same members in
// the same order, so that a look-up is rare.
func (w *worker) members(cells []rows.Cell, j *job) (reason string) {
	for f := range w.found {
		w.found[f] = -1
	}
	for i := range cells {
		f := w.featureOf(i, cells[i].Name)
		if f < 0 {
			if len(j.ignored) < maxListed && !slices.Contains(j.ignored, string(cells[i].Name)) {
				j.ignored = append(j.ignored, string(cells[i].Name))
			}
			continue
		}
		if w.found[f] >= 0 {
			return fmt.Sprintf("%s is there twice", oip.Describe(oip.String, cells[i].Name))
		}
		w.found[f] = i
		w.row[f] = cells[i]
	}
	var missing []string
	for f, i := range w.found {
		if i < 0 {
			missing = append(missing, w.features[f])
		}
	}
	if len(missing) > 0 {
		return "the row lacks " + quotedList(missing) + " (null stands for a missing value)"
	}
	return ""
}

// featureOf is the feature of member i, which is called name, or -1.
func (w *worker) featureOf(i int, name []byte) int {
	if i < len(w.guess) {
		if f := w.guess[i]; f >= 0 && w.features[f] == string(name) {
			return f
		}
	} else if i < maxListed*maxListed {
		w.guess = append(w.guess, -1)
	}
	f, ok := w.index[string(name)]
	if !ok {
		f = -1
	}
	if i < len(w.guess) {
		w.guess[i] = f
	}
	return f
}

// answer writes the rows of a batch that has run.
func (w *worker) answer(b *artefact.Batch, j *job) {
	marks := w.marks
	for slot, i := range w.kept {
		text, line, _ := j.chunk.Row(i)
		n := 0
		for n < len(marks) && marks[n].slot == slot {
			w.outside(j, marks[n].feature, line)
			n++
		}
		var reason string
		if j.out, reason = w.output.row(j.out, w, b, slot, text, marks[:n]); reason != "" {
			if !w.reject(j, i, reason) {
				return
			}
		} else {
			j.scored++
		}
		marks = marks[n:]
	}
}

func (w *worker) outside(j *job, f, line int) {
	if j.outside == nil {
		j.outside = make([]Outside, w.Model.Len())
	}
	if o := &j.outside[f]; o.Rows == 0 {
		*o = Outside{Feature: w.features[f], Range: w.feature(f).Training, Rows: 1, Line: line}
	} else {
		o.Rows++
	}
}
