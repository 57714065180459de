package graph

import (
	"fmt"

	"online-inference/engine/modelfile"
	"online-inference/engine/onnx"
	"online-inference/engine/tensor"
)

// value is what is known of a graph value while compiling.
type value struct {
	slot     int
	typ      tensor.Type
	constant *tensor.Tensor // its content, where it is known at load
	role     Role
	classes  *Classes // of a label or of probabilities, where known
	origin   *value   // the graph input whose columns these are; nil for none
	width    int      // of an input: the columns that an operator takes; 0 while unknown
	least    int      // of an input: the columns that operators pick from
	parts    []*value // of a sequence, which only outputs can be
	selected bool     // a Where chose its elements
	given    bool     // its elements follow the values of rows, not their number alone
	loose    bool     // so does its shape
}

// build is one node while it is compiled: its attributes, what is known of its
// inputs, and what its kernel will give. The first fault sticks in err.
type build struct {
	node    *onnx.Node
	op      string
	version int64    // of the operator's set
	in      []*value // nil for an input that is left out
	out     []*value
	scratch int // tensors that the kernel needs beside its outputs
	used    map[string]bool
	parts   []*value // what a sequence is made of
	err     error
	// stateful makes the kernel where it needs memory of its own in each run.
	// It charges what it computes in steps of its own.
	stateful func(*meter) kernel
	pricing  pricing // where it is not that of the operator
	place    int     // of the node in its graph
	wrong    error   // with the body that the node holds
	compiler *compiler
}

// where names a node: by its name, or by its operator and its place.
func (b *build) where() string {
	if b.node.Name == "" {
		return fmt.Sprintf("node %d, %s", b.place, b.op)
	}
	return fmt.Sprintf("%s %q", b.op, b.node.Name)
}

// name is the node's name, or what stands for it.
func (b *build) name() string {
	if b.node.Name == "" {
		return fmt.Sprintf("#%d", b.place)
	}
	return b.node.Name
}

// refuse records that the node asks for what the engine does not do.
func (b *build) refuse(format string, args ...any) kernel {
	if b.err == nil {
		b.err = &modelfile.UnsupportedError{Format: "onnx", Op: b.op, Node: b.name(), Reason: fmt.Sprintf(format, args...)}
	}
	return nil
}

// damaged records that what the node holds does not fit together, or goes beyond
// a limit.
func (b *build) damaged(cause error) kernel {
	if b.err == nil {
		b.err = modelfile.Malformed("onnx", fmt.Errorf("%s: %w", b.where(), cause))
	}
	return nil
}

// outOf says that a column or a target is negative or beyond MaxColumns.
func outOf(v int64, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if v > 0 {
		return modelfile.Exceeds("%s %d, %d are allowed", what, v, modelfile.MaxColumns)
	}
	return fmt.Errorf("%s %d", what, v)
}

func (b *build) attr(name string, kind onnx.AttrKind) *onnx.Attr {
	b.used[name] = true
	for i := range b.node.Attrs {
		a := &b.node.Attrs[i]
		if a.Name != name {
			continue
		}
		if a.Kind != kind {
			b.refuse("attribute %s has type %d where %d belongs", name, a.Kind, kind)
		}
		return a
	}
	return nil
}

func (b *build) has(name string) bool {
	for i := range b.node.Attrs {
		if b.node.Attrs[i].Name == name {
			return true
		}
	}
	return false
}

// ignore accepts attributes that say nothing about the result.
func (b *build) ignore(names ...string) {
	for _, n := range names {
		b.used[n] = true
	}
}

func (b *build) int(name string, fallback int64) int64 {
	if a := b.attr(name, onnx.AttrInt); a != nil {
		return a.Int
	}
	return fallback
}

func (b *build) float(name string, fallback float32) float32 {
	if a := b.attr(name, onnx.AttrFloat); a != nil {
		return a.Float
	}
	return fallback
}

func (b *build) string(name, fallback string) string {
	if a := b.attr(name, onnx.AttrString); a != nil {
		return a.String
	}
	return fallback
}

func (b *build) ints(name string) []int64 {
	l := b.intList(name)
	return l.All()
}

func (b *build) floats(name string) []float32 {
	l := b.floatList(name)
	return l.All()
}

func (b *build) strings(name string) []string {
	l := b.stringList(name)
	return l.All()
}

// intList is ints for a list that may be long and is read once. It refers to the
// file, which no plan may keep.
func (b *build) intList(name string) (l onnx.Ints) {
	if a := b.attr(name, onnx.AttrInts); a != nil {
		l = a.Ints
	}
	return l
}

// floatList is intList for floats.
func (b *build) floatList(name string) (l onnx.Floats) {
	if a := b.attr(name, onnx.AttrFloats); a != nil {
		l = a.Floats
	}
	return l
}

// stringList is intList for texts.
func (b *build) stringList(name string) (l onnx.Strings) {
	if a := b.attr(name, onnx.AttrStrings); a != nil {
		l = a.Strings
	}
	return l
}

func (b *build) tensor(name string) *tensor.Tensor {
	if a := b.attr(name, onnx.AttrTensor); a != nil {
		return a.Tensor
	}
	return nil
}

// arity checks the number of inputs that are given.
func (b *build) arity(least, most int) bool {
	n := 0
	for i, v := range b.in {
		if v == nil && i < least {
			b.refuse("input %d is left out", i)
		}
		if v != nil {
			n = i + 1
		}
	}
	if n < least || n > most {
		b.refuse("%d inputs, it takes %d to %d", n, least, most)
	}
	return b.err == nil
}

// input is input i, or nil where it is left out.
func (b *build) input(i int) *value {
	if i < len(b.in) {
		return b.in[i]
	}
	return nil
}

// typ is the element type of input i.
func (b *build) typ(i int) tensor.Type {
	if v := b.input(i); v != nil {
		return v.typ
	}
	return tensor.Invalid
}

// oneOf checks the element type of input i.
func (b *build) oneOf(i int, types ...tensor.Type) bool {
	for _, t := range types {
		if b.typ(i) == t {
			return true
		}
	}
	b.refuse("input %d has type %v", i, b.typ(i))
	return false
}

// gives sets the type of output i.
func (b *build) gives(i int, t tensor.Type) {
	if i < len(b.out) && b.out[i] != nil {
		b.out[i].typ = t
	}
}

// means hands an output its role and classes.
func (b *build) means(i int, role Role, classes *Classes) {
	if i < len(b.out) && b.out[i] != nil {
		b.out[i].role, b.out[i].classes = role, classes
	}
}

// follows hands the role and the classes of input i on to output 0.
func (b *build) follows(i int) {
	if v := b.input(i); v != nil {
		b.means(0, v.role, v.classes)
		if len(b.out) > 0 {
			b.out[0].selected = v.selected
		}
	}
}

// reads notes how many columns the node needs of input i, which settles the
// width of a graph input that leaves it open.
func (b *build) reads(i, columns int) {
	if v := b.input(i); v != nil && v.origin != nil && v.origin.width == 0 {
		v.origin.width = columns
	}
}

// readsEach is reads for a list of one number a column, or one for all of them.
func (b *build) readsEach(i, n int) {
	if n > 1 {
		b.reads(i, n)
	}
}

// picks notes that the node needs no fewer columns of input i.
func (b *build) picks(i, columns int) {
	if v := b.input(i); v != nil && v.origin != nil {
		v.origin.least = max(v.origin.least, columns)
	}
}

// keeps says that output 0 has the columns of input i.
func (b *build) keeps(i int) {
	if v := b.input(i); v != nil && len(b.out) > 0 {
		b.out[0].origin = v.origin
	}
}
