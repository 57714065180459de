package predict

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"

	"online-inference/engine"
	"online-inference/function/artefact"
	"online-inference/function/oip"
	"online-inference/oinf/rows"
)

// An output writes the answer to one row: text is the row as it came. reason says
// why it cannot be written.
type output interface {
	row(dst []byte, w *worker, b *artefact.Batch, slot int, text []byte, marks []mark) (out []byte, reason string)
}

// named tells whether a model's classes have names beside their labels.
func named(m *artefact.Model) bool {
	for _, c := range m.Classes {
		if c.Name != c.Label && string(oip.AppendString(nil, c.Name)) != c.Label {
			return true
		}
	}
	return false
}

// outputOf is the model's first output of a role, or -1.
func outputOf(m *artefact.Model, role engine.Role) int {
	for i := range m.Signature().Outputs {
		if m.Role(i) == role {
			return i
		}
	}
	return -1
}

// others are the outputs that only their names explain.
func others(m *artefact.Model) []int {
	var all []int
	for i := range m.Signature().Outputs {
		if r := m.Role(i); !m.Explained(i) || i != outputOf(m, r) {
			all = append(all, i)
		}
	}
	return all
}

// csvOutput writes CSV: a column for each number of the answer.
type csvOutput struct {
	*task
	delimiter byte
	named     bool
	order     []int // of the outputs
}

// columnNames is the first line; it also settles the columns.
func (o *csvOutput) columnNames() []byte {
	m := o.Model
	o.named = named(m)
	var names []string
	for _, role := range []engine.Role{engine.RoleLabel, engine.RoleProbabilities, engine.RolePrediction} {
		if i := outputOf(m, role); i >= 0 {
			o.order = append(o.order, i)
		}
	}
	o.order = append(o.order, others(m)...)
	for _, i := range o.order {
		port := m.Signature().Outputs[i]
		names = append(names, o.columnsOf(port.Name, m.Role(i), port.Width())...)
	}
	var line []byte
	switch {
	case o.Keep && o.header != nil:
		line = append(line, o.header...) // as it stands, like the rows
	case o.Keep:
		kept := o.names
		if o.Rows.Format == rows.CSV {
			kept = o.features
		}
		for i, name := range kept {
			line = o.appendText(o.separate(line, i), []byte(name))
		}
	}
	for i, name := range names {
		if o.Keep {
			for slices.Contains(o.names, name) {
				name = "predicted_" + name
			}
		}
		if i > 0 || o.Keep {
			line = append(line, o.delimiter)
		}
		line = o.appendText(line, []byte(name))
	}
	return append(line, '\n')
}

func featureNames(m *artefact.Model) []string {
	all := make([]string, m.Len())
	for i := range all {
		all[i] = m.FeatureName(i)
	}
	return all
}

// columnsOf names the columns of an output.
func (o *csvOutput) columnsOf(port string, role engine.Role, width int) []string {
	stem := port
	switch {
	case role == engine.RoleLabel && o.named:
		return []string{"label", "class"}
	case role == engine.RoleLabel:
		return []string{"label"}
	case role == engine.RoleProbabilities:
		stem = "probability"
	case role == engine.RolePrediction:
		stem = "prediction"
	}
	if width == 1 && role != engine.RoleProbabilities {
		return []string{stem}
	}
	all := make([]string, width)
	for k := range all {
		if role != engine.RolePrediction && width == len(o.Model.Classes) {
			all[k] = stem + "_" + o.Model.Classes[k].Name
		} else {
			all[k] = stem + "_" + strconv.Itoa(k)
		}
	}
	return all
}

func (o *csvOutput) row(dst []byte, w *worker, b *artefact.Batch, slot int, text []byte, _ []mark) (out []byte, reason string) {
	start := len(dst)
	if o.Keep {
		if dst, reason = o.keep(dst, w, text); reason != "" {
			return dst[:start], reason
		}
		dst = append(dst, o.delimiter)
	}
	for n, i := range o.order {
		t := b.Output(i)
		width := t.Width()
		dst = o.separate(dst, n)
		for k := slot * width; k < (slot+1)*width; k++ {
			dst = o.appendElement(o.separate(dst, k-slot*width), t, k)
		}
		if o.named && o.Model.Role(i) == engine.RoleLabel {
			dst = append(dst, o.delimiter)
			if class, ok := b.Label(slot); ok {
				dst = o.appendText(dst, []byte(o.Model.Classes[class].Name))
			}
		}
	}
	return append(dst, '\n'), ""
}

// keep appends the row's own columns.
func (o *csvOutput) keep(dst []byte, w *worker, text []byte) (out []byte, reason string) {
	if o.Rows.Format == rows.CSV {
		return append(dst, text...), ""
	}
	cells, object, err := w.parser.JSON(text)
	if err != nil {
		return dst, err.Error()
	}
	kept := make([]*rows.Cell, len(o.names))
	for i := range cells {
		at, ok := i, i < len(kept)
		if object {
			at, ok = o.at[string(cells[i].Name)]
		}
		if !ok {
			return dst, fmt.Sprintf("with -keep, CSV has the columns of the first row, which lacks %s (-out-format jsonl keeps all)",
				oip.Describe(oip.String, cells[i].Name))
		}
		kept[at] = &cells[i]
	}
	for i, c := range kept {
		dst = o.separate(dst, i)
		if c != nil && c.Kind != rows.Null {
			dst = o.appendText(dst, c.Text)
		}
	}
	return dst, ""
}

func (o *csvOutput) separate(dst []byte, i int) []byte {
	if i == 0 {
		return dst
	}
	return append(dst, o.delimiter)
}

// appendText appends a cell, in quotes where it needs them.
func (o *csvOutput) appendText(dst, text []byte) []byte {
	if bytes.IndexByte(text, o.delimiter) < 0 && !bytes.ContainsAny(text, "\"\r\n") {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for _, c := range text {
		if c == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

// appendElement appends element k of a tensor: numbers in the fewest digits that
// read back as the same number of the tensor's type.
func (o *csvOutput) appendElement(dst []byte, t *engine.Tensor, k int) []byte {
	f := 0.0
	switch t.Type {
	case engine.Float32:
		f = float64(t.F32[k])
	case engine.Float64:
		f = t.F64[k]
	case engine.String:
		return o.appendText(dst, []byte(t.Str[k]))
	}
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	return artefact.AppendElements(dst, t, k, k+1)
}

// jsonOutput writes JSON lines, each as the server's /predict answers a row.
type jsonOutput struct {
	*task
	feature []int // of each column of CSV, -1 for none
}

func (o *jsonOutput) row(dst []byte, w *worker, b *artefact.Batch, slot int, text []byte, marks []mark) (out []byte, reason string) {
	m := o.Model
	dst = append(dst, '{')
	start := len(dst)
	if o.Keep {
		dst = o.keep(append(dst, `"row":`...), w, text)
	}
	if i := outputOf(m, engine.RoleLabel); i >= 0 {
		dst = appendOutput(append(comma(dst, start), `"label":`...), b.Output(i), slot)
		if class, ok := b.Label(slot); ok {
			dst = oip.AppendString(append(dst, `,"class":`...), m.Classes[class].Name)
		}
	}
	if t, width := b.Probabilities(); t != nil {
		dst = append(comma(dst, start), `"probabilities":{`...)
		for k := range width {
			dst = oip.AppendString(separate(dst, k), m.Classes[k].Name)
			dst = artefact.AppendElements(append(dst, ':'), t, slot*width+k, slot*width+k+1)
		}
		dst = append(dst, '}')
	}
	if t, _ := b.Predictions(); t != nil {
		dst = appendOutput(append(comma(dst, start), `"prediction":`...), t, slot)
	}
	for n, i := range others(m) {
		if n == 0 {
			dst = append(comma(dst, start), `"outputs":{`...)
		}
		t := b.Output(i)
		width := t.Width()
		dst = oip.AppendString(separate(dst, n), m.Signature().Outputs[i].Name)
		dst = append(artefact.AppendElements(append(dst, ":["...), t, slot*width, (slot+1)*width), ']')
	}
	if len(others(m)) > 0 {
		dst = append(dst, '}')
	}
	for n := range marks {
		if n == 0 {
			dst = append(dst, `,"warnings":[`...)
		}
		dst = oip.AppendString(separate(dst, n), marks[n].text)
	}
	if len(marks) > 0 {
		dst = append(dst, ']')
	}
	return append(dst, "}\n"...), ""
}

// appendOutput appends a row of an output: a value, or a list of several.
func appendOutput(dst []byte, t *engine.Tensor, slot int) []byte {
	width := t.Width()
	if width == 1 {
		return artefact.AppendElements(dst, t, slot, slot+1)
	}
	return append(artefact.AppendElements(append(dst, '['), t, slot*width, (slot+1)*width), ']')
}

// keep appends the row as it came: JSON but for what JSON does not have, which
// becomes null, and CSV as an object.
func (o *jsonOutput) keep(dst []byte, w *worker, text []byte) []byte {
	if o.Rows.Format == rows.CSV {
		return o.keepCSV(dst, w.parser.CSV(text, o.Rows.Delimiter))
	}
	from := 0
	if bytes.Contains(text, []byte("NaN")) || bytes.Contains(text, []byte("Infinity")) {
		if _, _, err := w.parser.JSON(text); err == nil {
			for _, at := range w.parser.Foreign {
				dst = append(append(dst, text[from:at[0]]...), "null"...)
				from = at[1]
			}
		}
	}
	return append(dst, text[from:]...)
}

// keepCSV writes a number where a feature takes numbers, null where a cell is
// missing, and texts elsewhere.
func (o *jsonOutput) keepCSV(dst []byte, cells []rows.Cell) []byte {
	names := o.names
	if names == nil {
		names = o.features
	}
	dst = append(dst, '{')
	for i := range cells {
		dst = oip.AppendString(separate(dst, i), names[i])
		dst = append(dst, ':')
		kind, text := oip.String, cells[i].Text
		if f := o.feature[i]; f >= 0 {
			kind, text, _ = o.value(&o.Model.Features[f], &cells[i])
		}
		switch {
		case kind == oip.Null, kind == oip.Number && isInfinity(text):
			dst = append(dst, "null"...)
		case kind == oip.Bool, kind == oip.Number && oip.IsNumber(text):
			dst = append(dst, text...)
		default:
			dst = oip.AppendString(dst, text)
		}
	}
	return append(dst, '}')
}

func separate(dst []byte, i int) []byte {
	if i == 0 {
		return dst
	}
	return append(dst, ',')
}

// comma appends one where a member stands before.
func comma(dst []byte, start int) []byte { return separate(dst, len(dst)-start) }
