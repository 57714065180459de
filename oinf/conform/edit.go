package conform

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// notApplicable says why a check has nothing to check.
type notApplicable struct{ reason string }

func (e *notApplicable) Error() string { return e.reason }

func inapplicable(format string, args ...any) error {
	return &notApplicable{fmt.Sprintf(format, args...)}
}

// edit changes a request by one line of the table: OPERATION PATH ARGUMENT.
func (t *target) edit(root *node, rows int, line string) error {
	op, rest, _ := strings.Cut(line, " ")
	where, arg, _ := strings.Cut(rest, " ")
	change, known := editors[op]
	if !known {
		return fmt.Errorf("edit %q: unknown operation", line)
	}
	e := &editor{target: t, root: root, rows: rows, arg: t.fill(arg, fillJSON)}
	if where == "all" || where == "reversed" {
		e.arg = where
	} else if err := e.find(where); err != nil {
		return fmt.Errorf("edit %q: %w", line, err)
	}
	if err := change(e); err != nil {
		return fmt.Errorf("edit %q: %w", line, err)
	}
	return nil
}

// An editor stands at a place in a request: the value at key of parent, which may
// not be there yet.
type editor struct {
	target *target
	root   *node
	rows   int
	parent *node
	key    string // of an object
	index  int    // of a list
	arg    string
}

// find walks a path of names, indexes (-1 is the last) and @TYPE, the first input
// of such a datatype.
func (e *editor) find(path string) error {
	at := e.root
	steps := strings.Split(path, ".")
	for i, step := range steps {
		e.parent = at
		if at.kind == '[' {
			n, err := e.place(at, step)
			if err != nil {
				return err
			}
			e.index = n
		} else {
			e.key = e.target.fill(step, fillPlain)
			if i == 0 && strings.HasPrefix(step, "@") { // raw @BYTES: the tensor itself
				n, err := e.target.selectInput(step, e.rows)
				if err != nil {
					return err
				}
				e.parent, e.key, e.index = nil, "", n
				return nil
			}
			if e.key == "-1" && len(at.members) > 0 {
				e.key = at.members[len(at.members)-1].name
			}
		}
		if i < len(steps)-1 {
			if at = e.value(); at == nil || at.kind == 0 {
				return fmt.Errorf("nothing at %q", step)
			}
		}
	}
	return nil
}

func (e *editor) place(at *node, step string) (int, error) {
	if strings.HasPrefix(step, "@") {
		return e.target.selectInput(step, e.rows)
	}
	n, err := strconv.Atoi(step)
	if err != nil {
		return 0, fmt.Errorf("%q is no index", step)
	}
	if n < 0 {
		n += len(at.items)
	}
	if n < 0 || n >= len(at.items) {
		return 0, inapplicable("the request has no element %s there", step)
	}
	return n, nil
}

// value is what stands at the place; nil for nothing.
func (e *editor) value() *node {
	if e.parent.kind == '[' {
		return e.parent.items[e.index]
	}
	return e.parent.get(e.key)
}

// put replaces what stands at the place.
func (e *editor) put(v *node) error {
	if e.parent.kind == '[' {
		e.parent.items[e.index] = v
	} else {
		e.parent.set(e.key, v)
	}
	return nil
}

// raw is the argument as a value; what is no JSON stays as it is.
func raw(arg string) *node {
	if n, err := parse([]byte(arg)); err == nil {
		if n.kind == 0 {
			return scalar(arg) // digits and escapes as they are written
		}
		return n
	}
	return scalar(arg)
}

func (e *editor) number() int {
	n, err := strconv.Atoi(e.arg)
	if err != nil { // a mistake in the table, which its test finds
		return 0
	}
	return n
}

var editors = map[string]func(*editor) error{
	"set": func(e *editor) error { return e.put(raw(e.arg)) },
	"delete": func(e *editor) error {
		if e.parent.kind == '[' {
			e.parent.items = slices.Delete(e.parent.items, e.index, e.index+1)
			return nil
		}
		before := len(e.parent.members)
		e.parent.members = slices.DeleteFunc(e.parent.members, func(m member) bool { return m.name == e.key })
		return changed(len(e.parent.members) < before)
	},
	"rename": func(e *editor) error {
		for i := range e.parent.members {
			if e.parent.members[i].name == e.key {
				e.parent.members[i].name = e.arg
				return nil
			}
		}
		return changed(false)
	},
	// A second member of the same name, plainly written or with an escape.
	"twice":         func(e *editor) error { return e.again(quote(e.key), raw(e.arg)) },
	"twice-escaped": func(e *editor) error { return e.again(escapeName(e.key), raw(e.arg)) },
	"twice-first": func(e *editor) error {
		v := e.value()
		if len(v.members) == 0 {
			return changed(false)
		}
		v.members = append(v.members, v.members[0])
		return nil
	},
	// member PATH NAME VALUE appends a member beside the others.
	"member": func(e *editor) error {
		name, value, _ := strings.Cut(e.arg, " ")
		v := e.value()
		v.members = append(v.members, member{name: name, value: raw(value)})
		return nil
	},
	"add": func(e *editor) error {
		v := e.value()
		v.items = append(v.items, raw(e.arg))
		return nil
	},
	"copy": func(e *editor) error {
		to := &editor{target: e.target, root: e.root, rows: e.rows}
		if err := to.find(e.arg); err != nil {
			return err
		}
		v := to.value()
		v.items = append(v.items, e.value().clone())
		return nil
	},
	"copy-member": func(e *editor) error {
		e.parent.members = append(e.parent.members, member{name: e.arg, value: e.value().clone()})
		return nil
	},
	"reverse":         func(e *editor) error { slices.Reverse(e.value().items); return nil },
	"reverse-members": func(e *editor) error { slices.Reverse(e.value().members); return nil },
	"lower":           func(e *editor) error { return e.put(str(strings.ToLower(e.value().text()))) },
	"quote":           func(e *editor) error { return e.put(str(e.value().raw)) },
	"point":           func(e *editor) error { return e.put(scalar(e.value().raw + ".0")) },
	"digits":          func(e *editor) error { return e.put(scalar("1" + strings.Repeat("0", e.number()-1))) },
	"fraction":        func(e *editor) error { return e.put(scalar("0." + strings.Repeat("3", e.number()))) },
	"long":            func(e *editor) error { return e.put(str(strings.Repeat("a", e.number()))) },
	"wrap":            func(e *editor) error { return e.put(list(e.value())) },
	"fill": func(e *editor) error {
		text, n, _ := strings.Cut(e.arg, " ")
		e.arg = n
		l := list()
		for range e.number() {
			l.items = append(l.items, raw(text))
		}
		return e.put(l)
	},
	"deep": func(e *editor) error {
		return e.put(scalar(strings.Repeat("[", e.number()) + strings.Repeat("]", e.number())))
	},
	"deep-objects": func(e *editor) error {
		return e.put(scalar(strings.Repeat(`{"a":`, e.number()) + "1" + strings.Repeat("}", e.number())))
	},
	"bump": func(e *editor) error {
		n, err := strconv.Atoi(e.value().raw)
		if err != nil {
			return err
		}
		return e.put(scalar(strconv.Itoa(n + e.number())))
	},
	"nest":    func(e *editor) error { return e.tensors(nest) },
	"flatten": func(e *editor) error { return e.tensors(flatten) },
	"ragged":  func(e *editor) error { return ragged(e.value()) },
	"halve":   func(e *editor) error { return halve(e.value()) },
	"widen":   func(e *editor) error { return e.widen() },
	"ask":     func(e *editor) error { return e.ask() },
	// The bytes of a tensor: its first ones, or all of them.
	"blob-start": func(e *editor) error {
		v, b := e.value(), unhex(e.arg)
		if len(v.blob) < len(b) {
			return inapplicable("the tensor is too short")
		}
		v.blob = append(slices.Clone(b), v.blob[len(b):]...)
		return nil
	},
	"blob": func(e *editor) error {
		v := e.value()
		v.blob = unhex(e.arg)
		v.get("parameters").set("binary_data_size", scalar(strconv.Itoa(len(v.blob))))
		return nil
	},
	"shorten":      func(e *editor) error { return e.recode(func(b []byte) []byte { return b[:max(len(b)-1, 0)] }) },
	"lengthen":     func(e *editor) error { return e.recode(func(b []byte) []byte { return append(b, 0) }) },
	"raw":          func(e *editor) error { return e.rawContents() },
	"wrong-field":  func(e *editor) error { return wrongField(e.value()) },
	"second-field": func(e *editor) error { return secondField(e.value()) },
	"only":         func(e *editor) error { return e.only() },
}

func changed(ok bool) error {
	if !ok {
		return fmt.Errorf("there is nothing to change")
	}
	return nil
}

func (e *editor) again(raw string, v *node) error {
	e.parent.members = append(e.parent.members, member{name: e.key, raw: raw, value: v})
	return nil
}

// escapeName writes a name with its first letter as an escape.
func escapeName(name string) string {
	return fmt.Sprintf(`"\u%04x%s`, name[0], quote(name[1:])[1:])
}

// tensors changes every input.
func (e *editor) tensors(change func(*node) error) error {
	for _, in := range e.root.get("inputs").items {
		if err := change(in); err != nil {
			return err
		}
	}
	return nil
}

// dims reads the shape of a tensor of a request.
func dims(in *node) []int {
	var all []int
	for _, d := range in.get("shape").items {
		n, err := strconv.Atoi(d.text())
		if err != nil {
			return nil
		}
		all = append(all, n)
	}
	return all
}

// nest gives flat data the nesting of its shape.
func nest(in *node) error {
	flat, _, _ := in.get("data").leaves()
	shape := dims(in)
	for i := len(shape) - 1; i > 0; i-- {
		var up []*node
		for ; shape[i] > 0 && len(flat) > 0; flat = flat[shape[i]:] {
			up = append(up, list(flat[:shape[i]]...))
		}
		flat = up
	}
	in.set("data", list(flat...))
	return nil
}

func flatten(in *node) error {
	flat, _, _ := in.get("data").leaves()
	in.set("data", list(flat...))
	return nil
}

// ragged moves the last element of row 1 into row 0: the count stays right.
func ragged(in *node) error {
	if len(dims(in)) < 2 {
		return inapplicable("the first input has one dimension")
	}
	if err := nest(in); err != nil {
		return err
	}
	data := in.get("data").items
	if len(data) < 2 {
		return inapplicable("the request has one row")
	}
	last := len(data[1].items) - 1
	data[0].items = append(slices.Clone(data[0].items), data[1].items[last])
	data[1].items = data[1].items[:last]
	return nil
}

// halve leaves half of a tensor's rows.
func halve(in *node) error {
	shape, data := in.get("shape"), in.get("data")
	d := dims(in)
	if len(d) == 0 || d[0] < 2 {
		return inapplicable("the request has one row")
	}
	data.items = data.items[:len(data.items)/d[0]*(d[0]/2)]
	shape.items[0] = scalar(strconv.Itoa(d[0] / 2))
	return nil
}

// widen repeats the last column of a one-row tensor.
func (e *editor) widen() error {
	v := e.value()
	d := dims(v)
	if len(d) < 2 {
		return inapplicable("the first input has one dimension")
	}
	last := len(d) - 1
	v.get("shape").items[last] = scalar(strconv.Itoa(d[last] + 1))
	data := v.get("data")
	data.items = append(slices.Clone(data.items), data.items[len(data.items)-1])
	return nil
}

// ask requests every output by its name.
func (e *editor) ask() error {
	l := list()
	for _, o := range e.target.meta.Outputs {
		l.items = append(l.items, object("name", str(o.Name)))
	}
	if e.arg == "reversed" {
		slices.Reverse(l.items)
	}
	e.root.set("outputs", l)
	return nil
}

// recode changes bytes that are written in base64.
func (e *editor) recode(change func([]byte) []byte) error {
	b, err := base64.StdEncoding.DecodeString(e.value().text())
	if err != nil {
		return err
	}
	return e.put(str(base64.StdEncoding.EncodeToString(change(b))))
}

func (e *editor) rawContents() error {
	e.root.get("raw_input_contents").items[e.index] = str(base64.StdEncoding.EncodeToString(unhex(e.arg)))
	return nil
}

// wrongField puts a tensor's typed contents where another datatype has its own.
func wrongField(in *node) error {
	other := "bool_contents"
	in.set("contents", object(other, list(scalar("true"))))
	return nil
}

func secondField(in *node) error {
	in.get("contents").set("bool_contents", list(scalar("true")))
	return nil
}

// only TYPE FIELD VALUE makes a tensor one of that type, filled with the value.
func (e *editor) only() error {
	f := strings.Fields(e.arg)
	v := e.value()
	count := 1
	for _, d := range dims(v) {
		count *= d
	}
	l := list()
	for range count {
		l.items = append(l.items, scalar(f[2]))
	}
	v.set("datatype", str(f[0]))
	v.set("contents", object(f[1], l))
	return nil
}
