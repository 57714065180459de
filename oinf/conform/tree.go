package conform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A node is a JSON value that keeps what encoding/json loses: the order of
// members, members of one name, and the digits of numbers. Its raw text may even
// be no JSON at all, where a check wants that.
type node struct {
	kind    byte   // '{', '[' or 0: raw
	raw     string // of a scalar, as it is written
	members []member
	items   []*node
	blob    []byte // of a tensor: its elements, to be sent behind the JSON
}

type member struct {
	name  string
	raw   string // how the name is written where that is not the plain way
	value *node
}

// parse reads one JSON value.
func parse(text []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	n, err := parseValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("bytes after the JSON value")
	}
	return n, nil
}

func parseValue(d *json.Decoder) (*node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := t.(type) {
	case json.Delim:
		n := &node{kind: byte(v)}
		for d.More() {
			var m member
			if n.kind == '{' {
				name, err := d.Token()
				if err != nil {
					return nil, err
				}
				m.name = name.(string)
			}
			if m.value, err = parseValue(d); err != nil {
				return nil, err
			}
			if n.kind == '{' {
				n.members = append(n.members, m)
			} else {
				n.items = append(n.items, m.value)
			}
		}
		_, err = d.Token()
		return n, err
	case string:
		return str(v), nil
	case json.Number:
		return scalar(v.String()), nil
	case bool:
		return scalar(fmt.Sprint(v)), nil
	}
	return scalar("null"), nil
}

// scalar is a value that is written as text.
func scalar(text string) *node { return &node{raw: text} }

// str is a string.
func str(s string) *node { return scalar(quote(s)) }

// list is a list of values.
func list(items ...*node) *node { return &node{kind: '[', items: items} }

// object is an object of members, names and values in turn.
func object(pairs ...any) *node {
	n := &node{kind: '{'}
	for i := 0; i < len(pairs); i += 2 {
		n.members = append(n.members, member{name: pairs[i].(string), value: pairs[i+1].(*node)})
	}
	return n
}

// quote writes a string as JSON, with no more escapes than JSON wants.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil { // cannot be: every string can be written
		return `""`
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// text is the string that a node is, or its raw text.
func (n *node) text() string {
	var s string
	if n.isString() && json.Unmarshal([]byte(n.raw), &s) == nil {
		return s
	}
	return n.raw
}

func (n *node) isString() bool { return n.kind == 0 && strings.HasPrefix(n.raw, `"`) }

func (n *node) isBool() bool { return n.kind == 0 && (n.raw == "true" || n.raw == "false") }

func (n *node) isNumber() bool {
	return n.kind == 0 && n.raw != "" && strings.ContainsRune("-0123456789", rune(n.raw[0]))
}

// get finds a member; nil without one.
func (n *node) get(name string) *node {
	if n == nil {
		return nil
	}
	for _, m := range n.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// set gives a member a value, in its place or at the end.
func (n *node) set(name string, v *node) {
	for i := range n.members {
		if n.members[i].name == name {
			n.members[i].value = v
			return
		}
	}
	n.members = append(n.members, member{name: name, value: v})
}

// clone copies a value; a tensor's blob is shared, as it is never changed in place.
func (n *node) clone() *node {
	c := *n
	c.items, c.members = slices.Clone(n.items), slices.Clone(n.members)
	for i := range c.items {
		c.items[i] = c.items[i].clone()
	}
	for i := range c.members {
		c.members[i].value = c.members[i].value.clone()
	}
	return &c
}

// bytes writes the value.
func (n *node) bytes() []byte { return n.write(nil) }

func (n *node) write(dst []byte) []byte {
	switch n.kind {
	case '[':
		dst = append(dst, '[')
		for i, v := range n.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = v.write(dst)
		}
		return append(dst, ']')
	case '{':
		dst = append(dst, '{')
		for i, m := range n.members {
			if i > 0 {
				dst = append(dst, ',')
			}
			name := m.raw
			if name == "" {
				name = quote(m.name)
			}
			dst = append(append(dst, name...), ':')
			dst = m.value.write(dst)
		}
		return append(dst, '}')
	}
	return append(dst, n.raw...)
}

// leaves are the scalars of nested lists, in order, and the dimensions of the
// nesting; false where it is ragged.
func (n *node) leaves() (flat []*node, dims []int, regular bool) {
	if n.kind != '[' {
		return []*node{n}, nil, true
	}
	dims, regular = []int{len(n.items)}, true
	for i, item := range n.items {
		f, d, ok := item.leaves()
		flat = append(flat, f...)
		if i == 0 {
			dims = append(dims, d...)
		}
		regular = regular && ok && slices.Equal(d, dims[1:])
	}
	return flat, dims, regular
}
