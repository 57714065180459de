package server

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"online-inference/engine"
	"online-inference/function/artefact"
	"online-inference/function/oip"
	"online-inference/function/telemetry"
)

// A column says where the values of one feature stand in a request.
type column struct {
	start, stride int          // the value of row r is start + r*stride
	datatype      oip.Datatype // as the client declared it; 0 where that says no more than the feature
	raw           []byte       // binary data in place of cells
	text          []byte       // what cells are places in
	input         string       // the client's tensor; empty for /predict
	position      int          // the client's column, or -1 where columns have no order
}

// A mark is a remark on a row of the answer.
type mark struct {
	row  int
	text string
}

// fill checks all values of a request, feature by feature, and stores them in a
// batch. Whatever the endpoint, values pass here and nowhere else. The remarks on
// rows come in the order of rows.
func fill(m *artefact.Model, b *artefact.Batch, w *work, cells []oip.Cell, rows int) error {
	w.marks = w.marks[:0]
	for f := range w.columns {
		col, to := &w.columns[f], b.Column(f)
		var err error
		switch {
		case col.raw == nil:
			err = col.fillCells(m, f, &to, w, cells, rows)
		case col.datatype == oip.BYTES:
			err = col.fillStrings(m, f, &to, cells, rows)
		default:
			err = col.fillRaw(m, f, &to, w, rows)
		}
		if err != nil {
			return err
		}
	}
	if len(w.marks) > 1 {
		slices.SortStableFunc(w.marks, func(a, b mark) int { return a.row - b.row })
	}
	return nil
}

// fillCells takes values of a JSON text.
func (col *column) fillCells(m *artefact.Model, f int, to *artefact.Column, w *work, cells []oip.Cell, rows int) error {
	for row := range rows {
		cell := cells[col.start+row*col.stride]
		kind, text := cell.Kind(), cell.Text(col.text)
		if col.datatype != 0 {
			if expected := col.datatype.CheckCell(kind, text); expected != "" {
				return col.wrong(m, f, row, expected, oip.Describe(kind, text))
			}
		}
		ok, strange := to.Set(row, kind, text)
		if !ok {
			return col.wrong(m, f, row, m.Features[f].ExpectedOf(kind), oip.Describe(kind, text))
		}
		if strange {
			w.marks = append(w.marks, mark{row, m.Features[f].Warning(text)})
		}
	}
	return nil
}

// fillStrings takes strings of binary data, where the empty one stands for a
// missing value.
func (col *column) fillStrings(m *artefact.Model, f int, to *artefact.Column, cells []oip.Cell, rows int) error {
	for row := range rows {
		text := cells[col.start+row*col.stride].Text(col.raw)
		kind := oip.String
		if len(text) == 0 && m.Features[f].Nullable {
			kind = oip.Null
		}
		if ok, _ := to.Set(row, kind, text); !ok {
			return col.wrong(m, f, row, m.Features[f].Expected(), oip.Describe(oip.String, text))
		}
	}
	return nil
}

// fillRaw takes numbers and booleans of binary data.
func (col *column) fillRaw(m *artefact.Model, f int, to *artefact.Column, w *work, rows int) error {
	for row := range rows {
		v := oip.ValueAt(col.datatype, col.raw, col.start+row*col.stride)
		ok, strange := to.SetValue(row, &v)
		if !ok {
			kind := oip.Number
			if v.Kind == oip.BoolValue || v.Kind == oip.OddValue {
				kind = oip.Bool
			}
			return col.wrong(m, f, row, m.Features[f].ExpectedOf(kind), v.Text())
		}
		if strange {
			w.marks = append(w.marks, mark{row, m.Features[f].Warning([]byte(v.Text()))})
		}
	}
	return nil
}

// wrong is the refusal of a value.
func (col *column) wrong(m *artefact.Model, f, row int, expected, got string) error {
	name := m.Features[f].Name
	fault := oip.Unexpected(col.place(name, row), expected, got)
	fault.Input, fault.Feature, fault.Row, fault.Column = col.input, name, row, col.position
	return fault
}

// maxReason bounds what a model says of a value that it refuses, in bytes.
const maxReason = 300

// score runs a filled batch of a request. A model may refuse values by rules of its own, which
// it tells by their row; the place is named where the value gives it away.
func (s *Server) score(rec *telemetry.Request, w *work, b *artefact.Batch, m *artefact.Model) error {
	err := b.Run()
	var value *engine.ValueError
	if errors.As(err, &value) {
		fault := &oip.Fault{Row: value.Row, Column: -1}
		place, reason := fmt.Sprintf("row %d", value.Row), value.Reason
		if f := b.Refused(value); f >= 0 {
			col, name := &w.columns[f], m.Features[f].Name
			place = col.place(name, value.Row)
			fault.Input, fault.Feature, fault.Column = col.input, name, col.position
		}
		if len(reason) > maxReason {
			reason = strings.ToValidUTF8(reason[:maxReason], "") + "…"
		}
		fault.Text = place + ": " + reason
		return fault
	}
	if errors.Is(err, engine.ErrLimit) {
		return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the model needs far more memory or time for %d rows than for a few, and stops: send fewer rows", rec.Rows))
	}
	if err != nil {
		return fmt.Errorf("cannot score: %w", err)
	}
	rec.Scored = rec.Rows
	b.Count()
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
