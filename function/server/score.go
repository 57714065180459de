package server

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"online-inference/engine"
	"online-inference/function/artefact"
	"online-inference/function/oip"
)

// A column says where the values of one feature stand in a request.
type column struct {
	start, stride int          // the cell of row r is start + r*stride
	datatype      oip.Datatype // as the client declared it; 0 for /predict
	input         string       // the client's tensor; empty for /predict
	position      int          // the client's column, or -1 where columns have no order
}

// A mark is a remark on a row of the answer.
type mark struct {
	row  int
	text string
}

// fill checks all values of a request and stores them in a batch. Whatever the
// endpoint, values pass here and nowhere else. The remarks on rows come in order.
func fill(m *artefact.Model, b *artefact.Batch, w *work, cells []oip.Cell, rows int) error {
	w.marks = w.marks[:0]
	for row := range rows {
		for f, col := range w.columns {
			cell := cells[col.start+row*col.stride]
			kind, text := cell.Kind(), cell.Text(w.body)
			expected := ""
			if col.datatype != 0 {
				expected = col.datatype.CheckCell(kind, text)
			}
			warning := ""
			if expected == "" {
				expected, warning = b.Set(row, f, kind, text)
			}
			if expected != "" {
				return &refusal{http.StatusBadRequest, fmt.Sprintf("%s: expected %s, got %s",
					col.place(m.Features[f].Name, row), expected, oip.Describe(kind, text))}
			}
			if warning != "" {
				w.marks = append(w.marks, mark{row, warning})
			}
		}
	}
	return nil
}

// maxReason bounds what a model says of a value that it refuses, in bytes.
const maxReason = 300

// score runs a filled batch. A model may refuse values by rules of its own, which
// it tells by their row; the place is named where the value gives it away.
func (s *Server) score(c *call, w *work, b *artefact.Batch, m *artefact.Model) error {
	err := b.Run()
	var value *engine.ValueError
	if errors.As(err, &value) {
		place, reason := fmt.Sprintf("row %d", value.Row), value.Reason
		if f := b.Refused(value); f >= 0 {
			place = w.columns[f].place(m.Features[f].Name, value.Row)
		}
		if len(reason) > maxReason {
			reason = strings.ToValidUTF8(reason[:maxReason], "") + "…"
		}
		return &refusal{http.StatusBadRequest, place + ": " + reason}
	}
	if err != nil {
		return fmt.Errorf("cannot score: %w", err)
	}
	s.opt.Metrics.Scored(c.record.Model, c.record.Version, c.record.Rows)
	return nil
}

// place names a value of a request in its own terms.
func (col *column) place(feature string, row int) string {
	switch {
	case col.input == "" && col.position < 0:
		return fmt.Sprintf("feature %q, row %d", feature, row)
	case col.input == "":
		return fmt.Sprintf("feature %q, row %d, column %d", feature, row, col.position)
	case col.input == feature:
		return fmt.Sprintf("input %q, row %d, column %d", feature, row, col.position)
	}
	return fmt.Sprintf("input %q, row %d, column %d (feature %q)", col.input, row, col.position, feature)
}

// plain drops a declared datatype whose check the feature's own check includes.
func plain(d oip.Datatype, storage engine.Type) oip.Datatype {
	switch {
	case d == oip.FP64 && storage.IsFloat(), d == datatype(storage):
		return 0
	}
	return d
}
