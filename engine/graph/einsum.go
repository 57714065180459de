package graph

import (
	"fmt"
	"slices"
	"strings"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// einsum is the operator Einsum: products summed over the letters that the
// result does not have. An ellipsis is refused.
func einsum(b *build) kernel {
	if !b.arity(1, len(b.in)) {
		return nil
	}
	for i := range b.in {
		if b.typ(i) != b.typ(0) {
			return b.refuse("inputs of types %v and %v", b.typ(0), b.typ(i))
		}
	}
	e, err := parseEquation(b.string("equation", ""), len(b.in))
	if err != nil {
		return b.refuse("%v", err)
	}
	b.gives(0, b.typ(0))
	typ := b.typ(0)
	b.pricing = e.price(wordsOf(typ))
	b.stateful = func(*meter) kernel { // with walks of its own in each run
		return numeric(typ, einsumKernel[float32](e), einsumKernel[float64](e), einsumKernel[int64](e), einsumKernel[int32](e), nil)
	}
	return nil
}

// equation names the dimensions of the inputs by positions in letters, of which
// the first kept are those of the result.
type equation struct {
	letters []rune
	kept    int
	terms   [][]int
}

func parseEquation(text string, inputs int) (*equation, error) {
	left, right, explicit := strings.Cut(strings.ReplaceAll(text, " ", ""), "->")
	terms := strings.Split(left, ",")
	if len(terms) != inputs {
		return nil, fmt.Errorf("equation %q for %d inputs", text, inputs)
	}
	if strings.ContainsFunc(left+right, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != ',' }) {
		return nil, fmt.Errorf("equation %q", text)
	}
	if !explicit { // the letters that occur once, in the order of the alphabet
		for _, r := range left {
			if r != ',' && strings.Count(left, string(r)) == 1 {
				right += string(r)
			}
		}
		sorted := []rune(right)
		slices.Sort(sorted)
		right = string(sorted)
	}
	e := &equation{letters: []rune(right), kept: len(right)}
	for i, r := range e.letters {
		if slices.Index(e.letters, r) != i || !strings.ContainsRune(left, r) {
			return nil, fmt.Errorf("equation %q", text)
		}
	}
	for _, term := range terms {
		var at []int
		for _, r := range term {
			k := slices.Index(e.letters, r)
			if k < 0 {
				k = len(e.letters)
				e.letters = append(e.letters, r)
			}
			at = append(at, k)
		}
		e.terms = append(e.terms, at)
	}
	if len(e.letters) > 2*modelfile.MaxRank || e.kept > modelfile.MaxRank {
		return nil, fmt.Errorf("equation %q of %d letters", text, len(e.letters))
	}
	return e, nil
}

func einsumKernel[T number](e *equation) kernel {
	typ := typeOf[T]()
	n := len(e.letters)
	walks := make([]odometer, len(e.terms))
	strides := make([][2 * modelfile.MaxRank]int, len(e.terms))
	return func(in, out []*tensor.Tensor) error {
		var dims [2 * modelfile.MaxRank]int
		clear(walks)
		clear(strides)
		for i := range dims {
			dims[i] = 1
		}
		for i, term := range e.terms {
			if len(term) != len(in[i].Shape) {
				return fmt.Errorf("shape %v for %d letters", in[i].Shape, len(term))
			}
			var own [modelfile.MaxRank]int
			contiguous(in[i].Shape, own[:])
			for d, k := range term {
				size := in[i].Shape[d]
				if size != 1 {
					if dims[k] != 1 && dims[k] != size {
						return fmt.Errorf("letter %c of sizes %d and %d", e.letters[k], dims[k], size)
					}
					dims[k] = size
					strides[i][k] += own[d]
				}
			}
		}
		steps := 1
		for _, d := range dims[:n] {
			if d > 0 && steps > modelfile.MaxStep/d {
				return modelfile.Exceeds("more than %d products", modelfile.MaxStep)
			}
			steps *= d
		}
		if err := grow(out[0], typ, dims[:e.kept]...); err != nil {
			return err
		}
		to := data[T](out[0])
		if steps == 0 {
			clear(to)
			return nil
		}
		for k, folded := 0, steps/max(1, len(to)); k < len(to); k++ {
			sum := 0.0
			var whole T
			for range folded {
				product, f := T(1), 1.0
				for i := range in {
					v := data[T](in[i])[walks[i].offset]
					product *= v
					f *= float64(v)
					walks[i].next(dims[:n], strides[i][:n])
				}
				whole += product
				sum += f
			}
			if to[k] = T(sum); isInteger[T]() {
				to[k] = whole
			}
		}
		return nil
	}
}

// price counts the products, and what is kept of them.
func (e *equation) price(gives int) pricing {
	return func(in []*tensor.Tensor) cost {
		var dims [2 * modelfile.MaxRank]int
		for i, term := range e.terms {
			for d, k := range term {
				if d < len(in[i].Shape) {
					dims[k] = max(dims[k], in[i].Shape[d])
				}
			}
		}
		return cost{times(volume(dims[:e.kept]), gives), times(volume(dims[:len(e.letters)]), 2, len(in))}
	}
}
