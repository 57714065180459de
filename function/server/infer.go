package server

import (
	"fmt"
	"math"
	"net/http"
	"strings"

	"online-inference/engine"
	"online-inference/function/artefact"
	"online-inference/function/oip"
)

// infer answers the Open Inference Protocol: one tensor for each column of the
// table in, the model's outputs out.
func (s *Server) infer(c *call) error {
	m, err := s.model(c)
	if err != nil {
		return err
	}
	w := s.works.Get().(*work)
	defer s.done(w)
	if err := s.receive(c, w); err != nil {
		return err
	}
	req := &w.request
	maxRows := s.maxRows(m)
	if err := req.Parse(w.body, oip.Limits{Rows: maxRows, Cells: maxRows * m.Len()}); err != nil {
		return s.badFor(m, err)
	}
	rows, err := arrange(m, req, w)
	if err != nil {
		return bad(err)
	}
	c.record.Rows = rows
	outputs, err := pick(m, req.Outputs)
	if err != nil {
		return bad(err)
	}
	b := m.Batch(rows)
	defer b.Release()
	if err := fill(m, b, w, req.Cells, rows); err != nil {
		return err
	}
	if err := s.score(c, w, b, m); err != nil {
		return err
	}
	w.out = s.appendResponse(w, m, b, outputs)
	s.reply(c, http.StatusOK, jsonType, w.out)
	return nil
}

// arrange finds the columns of every feature among the tensors of a request, and
// the number of rows. A tensor is an input of the model or, where an input has
// several columns, one of them.
func arrange(m *artefact.Model, req *oip.Request, w *work) (rows int, err error) {
	w.columns = w.columns[:0]
	for range m.Features {
		w.columns = append(w.columns, column{stride: -1})
	}
	for i := range req.Inputs {
		in := &req.Inputs[i]
		features := featuresOf(m, in.Name)
		if len(features) == 0 {
			return 0, fmt.Errorf("unknown input %q, expected %s", clip(in.Name), portNames(m.Signature().Inputs))
		}
		n, err := rowsOf(in, len(features))
		if err != nil {
			return 0, err
		}
		if i > 0 && n != rows {
			return 0, fmt.Errorf("input %q: shape %v has %d rows, input %q has %d", in.Name, in.Shape, n, req.Inputs[0].Name, rows)
		}
		rows = n
		for k, f := range features {
			if w.columns[f].stride >= 0 {
				return 0, fmt.Errorf("input %q: its values are given twice", in.Name)
			}
			w.columns[f] = column{
				start: in.Start + k, stride: len(features), datatype: plain(in.Datatype, m.Features[f].Storage),
				input: in.Name, position: k,
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

// featuresOf lists the features of a tensor of that name; none for an unknown one.
func featuresOf(m *artefact.Model, name string) []int {
	var all []int
	for f := range m.Features {
		if m.Signature().Inputs[m.Features[f].Input].Name == name {
			all = append(all, f)
		}
	}
	if f := m.Index([]byte(name)); len(all) == 0 && f >= 0 {
		all = []int{f}
	}
	return all
}

// rowsOf checks the shape of a tensor of so many columns and returns its rows.
func rowsOf(in *oip.Input, width int) (int, error) {
	if width == 1 && len(in.Shape) == 1 || len(in.Shape) == 2 && in.Shape[1] == width {
		return in.Shape[0], nil
	}
	alternative := ""
	if width == 1 {
		alternative = " or [rows]"
	}
	return 0, fmt.Errorf("input %q: expected shape [rows, %d]%s, got %v", in.Name, width, alternative, in.Shape)
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

// pick finds the outputs that a request wants, in its order; none stands for all.
func pick(m *artefact.Model, wanted []string) ([]int, error) {
	ports := m.Signature().Outputs
	var outputs []int
	if len(wanted) == 0 {
		for i := range ports {
			outputs = append(outputs, i)
		}
		return outputs, nil
	}
next:
	for _, name := range wanted {
		for i, p := range ports {
			if p.Name == name {
				outputs = append(outputs, i)
				continue next
			}
		}
		return nil, fmt.Errorf("unknown output %q, expected %s", clip(name), portNames(ports))
	}
	return outputs, nil
}

// appendResponse writes the answer.
func (s *Server) appendResponse(w *work, m *artefact.Model, b *artefact.Batch, outputs []int) []byte {
	var parameters []oip.Parameter
	if s.opt.Revision != "" {
		parameters = append(parameters, oip.Parameter{Name: "revision", Value: s.opt.Revision})
	}
	parameters = append(parameters, oip.Parameter{Name: "pod", Value: s.opt.Pod})
	if len(w.marks) > 0 {
		parameters = append(parameters, oip.Parameter{Name: "warnings", Value: joinMarks(w.marks)})
	}
	res := oip.BeginResponse(w.out[:0], m.Name, m.Version, w.request.ID)
	for _, o := range outputs {
		port, t := m.Signature().Outputs[o], b.Output(o)
		res.Output(port.Name, datatype(t.Type), t.Shape, func(dst []byte) []byte {
			return artefact.AppendElements(dst, t, 0, t.Len())
		})
		if unwritable(t) {
			parameters = append(parameters, oip.Parameter{
				Name: "null_in_" + port.Name, Value: "NaN or an infinity, which JSON does not have, is written as null",
			})
		}
	}
	return res.End(parameters)
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
