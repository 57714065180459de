package server

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"online-inference/engine"
	"online-inference/function/artefact"
	"online-inference/function/oip"
	"online-inference/function/telemetry"
)

// infer answers the Open Inference Protocol: tensors in, the model's outputs out.
func (s *Server) infer(c *call) error {
	m, err := s.model(c)
	if err != nil {
		return err
	}
	w := s.works.Get().(*work)
	defer s.done(w)
	head, err := s.receive(c, w, true)
	if err != nil {
		return err
	}
	if err := s.answerTensors(&c.record, m, w, head); err != nil {
		return err
	}
	kind := jsonType
	if w.request.HasBinary() {
		kind = octetType
		c.Response().Header().Set(headerLength, strconv.Itoa(w.head))
	}
	s.reply(c, http.StatusOK, kind, w.out)
	return nil
}

// answerTensors answers the body in w, whose JSON text has head bytes, -1 where it
// is all, by w.out, whose JSON text has w.head bytes.
func (s *Server) answerTensors(rec *telemetry.Request, m *artefact.Model, w *work, head int) (err error) {
	w.begun = time.Now()
	req, lim := &w.request, s.limits(m)
	if head < 0 {
		err = req.Parse(w.body, lim)
	} else {
		err = req.ParseBinary(w.body[:head], w.body[head:], lim)
	}
	if err != nil {
		return s.badFor(m, err)
	}
	b, outputs, err := s.evaluate(rec, m, w)
	if err != nil {
		return err
	}
	defer b.Release()
	s.respond(w, m, b, outputs)
	w.lap(&rec.Encode)
	return nil
}

// limits are those of a request to a model.
func (s *Server) limits(m *artefact.Model) oip.Limits {
	rows := s.maxRows(m)
	return oip.Limits{Rows: rows, Cells: rows * m.Len()}
}

// lap ends a part of a request's work; the next one begins.
func (w *work) lap(part *time.Duration) {
	now := time.Now()
	*part = now.Sub(w.begun)
	w.begun = now
}

// evaluate scores the checked request in w, whose decoding began at w.begun. It returns the batch, which the
// caller releases, and the outputs that the request wants, in its order. The
// remarks on rows are in w.
func (s *Server) evaluate(rec *telemetry.Request, m *artefact.Model, w *work) (b *artefact.Batch, outputs []int, err error) {
	rows, err := arrange(m, w)
	if err != nil {
		return nil, nil, bad(err)
	}
	rec.Rows = rows
	if err := w.pick(m); err != nil {
		return nil, nil, bad(err)
	}
	b = m.Batch(rows)
	err = fill(m, b, w, w.request.Cells, rows)
	w.lap(&rec.Decode)
	if err == nil {
		err = s.score(rec, w, b, m)
		w.lap(&rec.Predict)
	}
	if err != nil {
		b.Release()
		return nil, nil, err
	}
	return b, w.outputs, nil
}

// A span is a run of features.
type span struct{ first, n int }

// layout finds the features of each input of a model; it is made once for a work.
func (w *work) layout(m *artefact.Model) {
	if w.model == m {
		return
	}
	w.model, w.spans = m, make([]span, len(m.Signature().Inputs))
	for f := range m.Features {
		p := &w.spans[m.Features[f].Input]
		if p.n == 0 {
			p.first = f
		}
		p.n++
	}
}

// The ways in which a client can say that its tensors make a table; the names are
// those of MLServer's codecs.
const (
	contentPandas = "pd" // one tensor a column
	contentNumpy  = "np" // one tensor for all
)

// matrixName is that of a tensor that stands for all columns.
const matrixName = "X"

// features finds those of tensor i of a request: an input of the model or, where an
// input has several columns, one of them, or all columns as one matrix.
func (w *work) features(m *artefact.Model, i int) (span, error) {
	in := &w.request.Inputs[i]
	ports, found := m.Signature().Inputs, span{}
	if i < len(ports) && ports[i].Name == in.Name {
		found = w.spans[i]
	} else {
		for p := range ports {
			if ports[p].Name == in.Name {
				found = w.spans[p]
			}
		}
	}
	if found.n == 0 {
		if f := m.Index([]byte(in.Name)); f >= 0 {
			found = span{f, 1}
		}
	}
	matrix := w.request.ContentType == contentNumpy && len(w.request.Inputs) == 1 || found.n == 0 && in.Name == matrixName
	width := found.n
	if matrix {
		width = len(m.Features)
	}
	if w.request.ContentType == contentPandas && width > 1 {
		return found, about(in, fmt.Sprintf("input %q: content_type %q takes one tensor a column, and it has %d", in.Name, contentPandas, width))
	}
	switch {
	case matrix:
		for f := range m.Features {
			if t := m.Features[f].Storage; !t.IsNumber() {
				return found, about(in, fmt.Sprintf("input %s: one matrix stands for all columns only where all are numbers, and %q is %s: send one tensor a column",
					oip.Describe(oip.String, []byte(in.Name)), m.Features[f].Name, kindOf(t)))
			}
		}
		return span{0, len(m.Features)}, nil
	case found.n == 0:
		f := about(in, fmt.Sprintf("unknown input %s, expected %s", oip.Describe(oip.String, []byte(in.Name)), portNames(ports)))
		f.Expected, f.Got = portNames(ports), oip.Describe(oip.String, []byte(in.Name))
		return found, f
	}
	return found, nil
}

// kindOf says what a column of a type holds.
func kindOf(t engine.Type) string {
	if t == engine.Bool {
		return "true or false"
	}
	return "a string"
}

// about is the fault of a tensor as a whole.
func about(in *oip.Input, text string) *oip.Fault {
	return &oip.Fault{Text: text, Input: in.Name, Row: -1, Column: -1}
}

// arrange finds the columns of every feature among the tensors of a request, and
// the number of rows.
func arrange(m *artefact.Model, w *work) (rows int, err error) {
	w.layout(m)
	w.columns = w.columns[:0]
	for range m.Features {
		w.columns = append(w.columns, column{stride: -1})
	}
	for i := range w.request.Inputs {
		in := &w.request.Inputs[i]
		features, err := w.features(m, i)
		if err != nil {
			return 0, err
		}
		n, err := rowsOf(in, features.n)
		if err != nil {
			return 0, err
		}
		if i > 0 && n != rows {
			return 0, about(in, fmt.Sprintf("input %q: shape %v has %d rows, input %q has %d", in.Name, slices.Clone(in.Shape), n, w.request.Inputs[0].Name, rows))
		}
		rows = n
		for k := range features.n {
			f := features.first + k
			col := &w.columns[f]
			if col.stride >= 0 {
				return 0, about(in, fmt.Sprintf("input %q: its values are given twice", in.Name))
			}
			*col = column{start: k, stride: features.n, datatype: in.Datatype, input: in.Name, position: k, raw: in.Raw, text: w.body}
			if in.Raw == nil {
				col.datatype = plain(in.Datatype, m.Features[f].Storage)
			}
			if in.Raw == nil || in.Datatype == oip.BYTES {
				col.start += in.Start
			}
		}
	}
	for f := range w.columns {
		if w.columns[f].stride < 0 {
			return 0, fmt.Errorf("missing input %s", missingInputs(m, w.columns))
		}
	}
	if rows == 0 {
		return 0, fmt.Errorf("no rows: expected at least one")
	}
	return rows, nil
}

// rowsOf checks the shape of a tensor of so many columns and returns its rows.
func rowsOf(in *oip.Input, width int) (int, error) {
	if width == 1 && len(in.Shape) == 1 || len(in.Shape) == 2 && in.Shape[1] == width {
		return in.Shape[0], nil
	}
	expected := fmt.Sprintf("shape [rows, %d]", width)
	if width == 1 {
		expected += " or [rows]"
	}
	f := oip.Unexpected(fmt.Sprintf("input %q", in.Name), expected, fmt.Sprint(slices.Clone(in.Shape)))
	f.Input = in.Name
	return 0, f
}

// missingInputs names the inputs whose columns are not all there.
func missingInputs(m *artefact.Model, columns []column) string {
	var missing []engine.Port
	last := -1
	for f := range columns {
		if k := m.Features[f].Input; columns[f].stride < 0 && k != last {
			missing, last = append(missing, m.Signature().Inputs[k]), k
		}
	}
	return portNames(missing)
}

func portNames(ports []engine.Port) string {
	names := make([]string, len(ports))
	for i, p := range ports {
		names[i] = p.Name
	}
	return oip.List(names)
}

// pick finds the outputs that a request wants, in its order.
func (w *work) pick(m *artefact.Model) error {
	ports := m.Signature().Outputs
	w.outputs = w.outputs[:0]
	if len(w.request.Outputs) == 0 {
		for i := range ports {
			w.outputs = append(w.outputs, i)
		}
		return nil
	}
next:
	for k := range w.request.Outputs {
		name := w.request.Outputs[k].Name
		for i, p := range ports {
			if p.Name == name {
				w.outputs = append(w.outputs, i)
				continue next
			}
		}
		return fmt.Errorf("unknown output %s, expected %s", oip.Describe(oip.String, []byte(name)), portNames(ports))
	}
	return nil
}

// respond writes the answer into w.
func (s *Server) respond(w *work, m *artefact.Model, b *artefact.Batch, outputs []int) {
	res := oip.BeginResponse(w.out[:0], m.Name, m.Version, w.request.ID)
	tail := 0
	for i, o := range outputs {
		port, t := &m.Signature().Outputs[o], b.Output(o)
		if w.request.WantsBinary(i) {
			size := artefact.BinarySize(t)
			res.OutputBinary(port.Name, datatype(t.Type), t.Shape, size)
			tail += size
			continue
		}
		res.Begin(port.Name, datatype(t.Type), t.Shape)
		res.Buf = artefact.AppendElements(res.Buf, t, 0, t.Len())
		res.End()
	}
	res.BeginParameters()
	if s.opt.Revision != "" {
		res.Parameter("revision", s.opt.Revision)
	}
	res.Parameter("pod", s.opt.Pod)
	if len(w.marks) > 0 {
		res.Parameter("warnings", joinMarks(w.marks))
	}
	for i, o := range outputs {
		if !w.request.WantsBinary(i) && unwritable(b.Output(o)) {
			res.Parameter("null_in_"+m.Signature().Outputs[o].Name, "NaN or an infinity, which JSON does not have, is written as null")
		}
	}
	w.out = res.Finish()
	w.head = len(w.out)
	w.out = slices.Grow(w.out, tail)
	for i, o := range outputs {
		if w.request.WantsBinary(i) {
			w.out = artefact.AppendBinary(w.out, b.Output(o))
		}
	}
}

// maxMarks bounds the remarks in one parameter: it is for people.
const maxMarks = 20

// joinMarks writes the remarks on all rows into one parameter, which the protocol
// limits to a string.
func joinMarks(marks []mark) string {
	var b strings.Builder
	for i, k := range marks {
		if i == maxMarks {
			fmt.Fprintf(&b, "; and %d more", len(marks)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "row %d: %s", k.row, k.text)
	}
	return b.String()
}

// unwritable tells whether a tensor holds a number that JSON does not have.
func unwritable(t *engine.Tensor) bool {
	for _, f := range t.F32 {
		if f-f != 0 {
			return t.Type == engine.Float32
		}
	}
	for _, f := range t.F64 {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return t.Type == engine.Float64
		}
	}
	return false
}
