package server

import (
	"net/http"
	"time"

	"online-inference/engine"
	"online-inference/function/artefact"
	"online-inference/function/oip"
	"online-inference/function/telemetry"
)

// predict answers the simple form: rows in, for each its class and the
// probability of every class out.
func (s *Server) predict(c *call) error {
	m, err := s.opt.Repository.Find("", "")
	if err != nil {
		return err
	}
	w := s.works.Get().(*work)
	defer s.done(w)
	if _, err := s.receive(c, w, false); err != nil {
		return err
	}
	if err := s.answerRows(&c.record, m, w); err != nil {
		return err
	}
	s.reply(c, http.StatusOK, jsonType, w.out)
	return nil
}

// answerRows answers the body in w by w.out.
func (s *Server) answerRows(rec *telemetry.Request, m *artefact.Model, w *work) error {
	w.begun = time.Now()
	if err := w.table.Parse(w.body, m, s.maxRows(m)); err != nil {
		return s.badFor(m, err)
	}
	b, err := s.evaluateTable(rec, m, w)
	if err != nil {
		return err
	}
	defer b.Release()
	w.out = append(w.out[:0], '{')
	w.out = s.appendIdentity(w.out, m)
	w.out = append(w.out, `,"predictions":[`...)
	marks, answer := w.marks, scoredBatch(m, b)
	for row := range w.table.Rows {
		if row > 0 {
			w.out = append(w.out, ',')
		}
		w.out = answer.append(w.out, row)
		w.out, marks = appendWarnings(w.out, row, marks)
		w.out = append(w.out, '}')
	}
	w.out = append(w.out, "]}\n"...)
	w.lap(&rec.Encode)
	return nil
}

// evaluateTable scores the rows in w; the caller releases the batch.
func (s *Server) evaluateTable(rec *telemetry.Request, m *artefact.Model, w *work) (*artefact.Batch, error) {
	t := &w.table
	rec.Rows = t.Rows
	w.columns = w.columns[:0]
	for _, k := range t.Column {
		col := column{start: k, stride: len(t.Column), position: k, text: w.body}
		if t.Objects {
			col.position = -1
		}
		w.columns = append(w.columns, col)
	}
	b := m.Batch(t.Rows)
	err := fill(m, b, w, t.Cells, t.Rows)
	w.lap(&rec.Decode)
	if err == nil {
		err = s.score(rec, w, b, m)
		w.lap(&rec.Predict)
	}
	if err != nil {
		b.Release()
		return nil, err
	}
	return b, nil
}

// scored writes the answers of a batch, row by row.
type scored struct {
	m                         *artefact.Model
	b                         *artefact.Batch
	probabilities, prediction *engine.Tensor
	classes, values           int // the width of these two
}

func scoredBatch(m *artefact.Model, b *artefact.Batch) scored {
	a := scored{m: m, b: b}
	a.probabilities, a.classes = b.Probabilities()
	a.prediction, a.values = b.Predictions()
	return a
}

// append appends the answer of a row but for its closing brace.
func (a *scored) append(dst []byte, row int) []byte {
	dst = append(dst, '{')
	start := len(dst)
	if class, ok := a.b.Label(row); ok {
		dst = append(dst, `"label":`...)
		dst = append(dst, a.m.Classes[class].Label...)
		dst = append(dst, `,"class":`...)
		dst = oip.AppendString(dst, a.m.Classes[class].Name)
	}
	if o, width := a.probabilities, a.classes; o != nil {
		dst = separate(dst, start)
		dst = append(dst, `"probabilities":{`...)
		for k := range a.m.Classes {
			if k > 0 {
				dst = append(dst, ',')
			}
			dst = oip.AppendString(dst, a.m.Classes[k].Name)
			dst = append(dst, ':')
			dst = artefact.AppendElements(dst, o, row*width+k, row*width+k+1)
		}
		dst = append(dst, '}')
	}
	if o, width := a.prediction, a.values; o != nil {
		dst = separate(dst, start)
		dst = append(dst, `"prediction":`...)
		dst = artefact.AppendElements(dst, o, row*width, row*width+1)
	}
	return a.appendOthers(dst, start, row)
}

// appendOthers appends the outputs that are none of the above, by name.
func (a *scored) appendOthers(dst []byte, start, row int) []byte {
	before := len(dst)
	for i := range a.m.Signature().Outputs {
		if a.m.Explained(i) {
			continue
		}
		if len(dst) == before {
			dst = append(separate(dst, start), `"outputs":{`...)
		} else {
			dst = append(dst, ',')
		}
		dst = oip.AppendString(dst, a.m.Signature().Outputs[i].Name)
		dst = append(dst, ":["...)
		t := a.b.Output(i)
		width := t.Width()
		dst = append(artefact.AppendElements(dst, t, row*width, (row+1)*width), ']')
	}
	if len(dst) > before {
		dst = append(dst, '}')
	}
	return dst
}

// separate appends a comma where a member stands before.
func separate(dst []byte, start int) []byte {
	if len(dst) > start {
		dst = append(dst, ',')
	}
	return dst
}

// appendWarnings appends the remarks on a row and returns those that are left.
func appendWarnings(dst []byte, row int, marks []mark) ([]byte, []mark) {
	if len(marks) == 0 || marks[0].row != row {
		return dst, marks
	}
	dst = append(dst, `,"warnings":[`...)
	for i := 0; len(marks) > 0 && marks[0].row == row; i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = oip.AppendString(dst, marks[0].text)
		marks = marks[1:]
	}
	return append(dst, ']'), marks
}
