package onnx

import (
	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// parser counts what a file may hold only so much of, over all its subgraphs.
type parser struct {
	nodes, values int
	unsupported   string // the first sound thing that the engine lacks
	unread        []unread
}

// An unread is an initialiser that the engine cannot hold, and why.
type unread struct{ name, lacks string }

// wants refuses the file if something in it reads an initialiser that the engine
// cannot hold. Names are compared over all graphs at once: a name that one graph
// gives and another reads counts as read.
func (p *parser) wants(g *Graph) {
	if len(p.unread) == 0 {
		return
	}
	names := map[string]bool{}
	g.reads(names)
	for _, u := range p.unread {
		if names[u.name] {
			p.lacks(u.lacks)
		}
	}
}

// reads collects the names that nodes read or that are outputs, bodies included.
func (g *Graph) reads(names map[string]bool) {
	for _, out := range g.Outputs {
		names[out.Name] = true
	}
	for i := range g.Nodes {
		for _, in := range g.Nodes[i].Inputs {
			names[in] = true
		}
		for k := range g.Nodes[i].Attrs {
			if body := g.Nodes[i].Attrs[k].Graph; body != nil {
				body.reads(names)
			}
		}
	}
}

func (p *parser) count(r *reader, n *int, limit int, what string) {
	if *n++; *n > limit {
		r.exceed("more than %d %s", limit, what)
	}
}

func (p *parser) graph(r *reader) *Graph {
	g := &Graph{}
	for r.next() {
		switch r.field {
		case 1:
			p.count(r, &p.nodes, modelfile.MaxNodes, "nodes")
			m := r.message()
			g.Nodes = append(g.Nodes, p.node(m))
			r.close(m)
		case 2:
			g.Name = r.string()
		case 5:
			p.count(r, &p.values, modelfile.MaxValues, "values")
			m := r.message()
			name, t, lacks := readTensor(m)
			r.close(m)
			if lacks != "" { // which only matters if something reads it
				p.unread = append(p.unread, unread{name, lacks})
				continue
			}
			g.Initializers = append(g.Initializers, NamedTensor{name, t})
		case 11, 12:
			p.count(r, &p.values, modelfile.MaxValues, "values")
			m := r.message()
			v := value(m)
			r.close(m)
			if r.field == 11 {
				g.Inputs = append(g.Inputs, v)
			} else {
				g.Outputs = append(g.Outputs, v)
			}
		case 15:
			p.lacks("sparse initialisers")
		}
	}
	return g
}

func (p *parser) lacks(what string) {
	if p.unsupported == "" {
		p.unsupported = what
	}
}

func (p *parser) node(r *reader) Node {
	var n Node
	for r.next() {
		switch r.field {
		case 1:
			p.count(r, &p.values, modelfile.MaxValues, "values")
			n.Inputs = append(n.Inputs, r.string())
		case 2:
			p.count(r, &p.values, modelfile.MaxValues, "values")
			n.Outputs = append(n.Outputs, r.string())
		case 3:
			n.Name = r.string()
		case 4:
			n.Op = r.string()
		case 5:
			p.count(r, &p.values, modelfile.MaxValues, "values")
			m := r.message()
			n.Attrs = append(n.Attrs, p.attr(m))
			r.close(m)
		case 7:
			n.Domain = canonical(r.string())
		}
	}
	return n
}

func (p *parser) attr(r *reader) Attr {
	var a Attr
	for r.next() {
		switch r.field {
		case 1:
			a.Name = r.string()
		case 2:
			a.Float = r.float()
			a.guess(AttrFloat)
		case 3:
			a.Int = r.int()
			a.guess(AttrInt)
		case 4:
			a.String = r.string()
			a.guess(AttrString)
		case 5:
			m := r.message()
			_, t, lacks := readTensor(m)
			r.close(m)
			if a.Tensor = t; lacks != "" {
				p.lacks(lacks)
			}
			a.guess(AttrTensor)
		case 6:
			m := r.message()
			a.Graph = p.graph(m)
			r.close(m)
			a.guess(AttrGraph)
		case 7:
			r.floatList(&a.Floats)
			a.guess(AttrFloats)
		case 8:
			r.intList(&a.Ints)
			a.guess(AttrInts)
		case 9:
			r.stringList(&a.Strings)
			a.guess(AttrStrings)
		case 20:
			a.Kind = AttrKind(r.int())
		case 21:
			p.lacks("attributes that refer to those of a function")
		}
	}
	return a
}

// guess sets the kind of an attribute whose file leaves it out, as IR version 1
// allowed; where the file names it, field 20 comes last and wins.
func (a *Attr) guess(k AttrKind) {
	if a.Kind == 0 {
		a.Kind = k
	}
}

func value(r *reader) Value {
	var v Value
	for r.next() {
		switch r.field {
		case 1:
			v.Name = r.string()
		case 2:
			m := r.message()
			valueType(m, &v)
			r.close(m)
		}
	}
	return v
}

func valueType(r *reader, v *Value) {
	for r.next() {
		switch r.field {
		case 1:
			v.Kind = KindTensor
			m := r.message()
			tensorType(m, v)
			r.close(m)
		case 4:
			v.Kind = KindSequence
		case 5, 7, 8, 9:
			v.Kind = KindOther
		}
	}
}

func tensorType(r *reader, v *Value) {
	for r.next() {
		switch r.field {
		case 1:
			v.ElemCode = r.int()
			v.Elem = ElemType(v.ElemCode)
		case 2:
			v.HasShape = true
			m := r.message()
			for m.next() {
				if m.field == 1 {
					d := m.message()
					v.Shape = append(v.Shape, dimension(d))
					m.close(d)
					if len(v.Shape) > modelfile.MaxRank {
						m.exceed("a shape of more than %d dimensions", modelfile.MaxRank)
					}
				}
			}
			r.close(m)
		}
	}
}

// dimension is -1 unless the file gives a number above zero: exporters write 0
// and names alike for a size that is free.
func dimension(r *reader) int {
	size := -1
	for r.next() {
		if r.field == 1 {
			n := r.int()
			if n > modelfile.MaxColumns {
				r.exceed("a dimension of %d, at most %d are read", n, modelfile.MaxColumns)
			} else if n > 0 {
				size = int(n)
			}
		}
	}
	return size
}

// ElemType maps an element type's number in the file to the engine's, Invalid
// where it has none.
func ElemType(code int64) tensor.Type {
	switch code {
	case 1:
		return tensor.Float32
	case 2:
		return tensor.Uint8
	case 6:
		return tensor.Int32
	case 7:
		return tensor.Int64
	case 8:
		return tensor.String
	case 9:
		return tensor.Bool
	case 11:
		return tensor.Float64
	}
	return tensor.Invalid
}
