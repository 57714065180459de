package graph

import (
	"fmt"
	"slices"

	"online-inference/engine/modelfile"
	"online-inference/engine/tensor"
)

// matmul is the operator MatMul: matrices in the last two dimensions, the
// others broadcast; a vector counts as one row on the left and as one column on
// the right.
func matmul(b *build) kernel {
	if !b.arity(2, 2) || !sameTypes(b) {
		return nil
	}
	if w := b.in[1].constant; w != nil && len(w.Shape) == 2 {
		b.reads(0, w.Shape[0])
	}
	b.gives(0, b.typ(0))
	b.scratch = 1
	b.endsIn(general{alpha: 1})
	return numeric(b.typ(0), matmulKernel[float32](), matmulKernel[float64](), matmulKernel[int64](), matmulKernel[int32](), nil)
}

// product is how two tensors multiply: n x inner by inner x m, for each of the
// matrices that the leading dimensions count.
type product struct {
	n, inner, m int
	batch       walk3
}

func (p *product) plan(x, y []int) (shape [modelfile.MaxRank]int, rank int, err error) {
	if len(x) == 0 || len(y) == 0 {
		return shape, 0, errProduct(x, y)
	}
	p.n, p.inner, p.m = 1, x[len(x)-1], 1
	rows := y[0]
	if len(x) > 1 {
		p.n = x[len(x)-2]
	}
	if len(y) > 1 {
		rows, p.m = y[len(y)-2], y[len(y)-1]
	}
	if rows != p.inner {
		return shape, 0, errProduct(x, y)
	}
	if err := p.batch.start(x[:max(0, len(x)-2)], y[:max(0, len(y)-2)], nil); err != nil {
		return shape, 0, err
	}
	rank = copy(shape[:], p.batch.shape())
	if rank+2 > modelfile.MaxRank {
		return shape, 0, errProduct(x, y)
	}
	if len(x) > 1 {
		shape[rank] = p.n
		rank++
	}
	if len(y) > 1 {
		shape[rank] = p.m
		rank++
	}
	return shape, rank, nil
}

func errProduct(x, y []int) error {
	return fmt.Errorf("shapes %v and %v do not multiply", slices.Clone(x), slices.Clone(y))
}

func matmulKernel[T number]() kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		x, y := in[0], in[1]
		var sums []float64
		if len(x.Shape) == 2 && len(y.Shape) == 2 && x.Shape[1] == y.Shape[0] { // the usual case
			shape := [2]int{x.Shape[0], y.Shape[1]}
			if err := grow(out[0], typ, shape[:]...); err != nil {
				return err
			}
			out[1].Resize(tensor.Float64, shape[1])
			multiply(data[T](out[0]), data[T](x), data[T](y), x.Shape[1], shape[1], out[1].F64)
			return nil
		}
		var p product
		shape, rank, err := p.plan(x.Shape, y.Shape)
		if err != nil {
			return err
		}
		if err := grow(out[0], typ, shape[:rank]...); err != nil {
			return err
		}
		out[1].Resize(tensor.Float64, p.m)
		sums = out[1].F64
		to := data[T](out[0])
		for k := 0; k < len(to); k += p.n * p.m {
			a, b := p.batch.at[0]*p.n*p.inner, p.batch.at[1]*p.inner*p.m
			multiply(to[k:k+p.n*p.m], data[T](x)[a:a+p.n*p.inner], data[T](y)[b:b+p.inner*p.m], p.inner, p.m, sums)
			p.batch.next()
		}
		return nil
	}
}

// multiply computes a matrix product row by row; floats add up in float64, of
// which sums holds one row. The second matrix is read in the order it lies in.
func multiply[T number](to, x, y []T, inner, m int, sums []float64) {
	if m == 0 {
		return
	}
	if isInteger[T]() {
		multiplyInts(to, x, y, inner, m)
		return
	}
	sums = sums[:m]
	for r := range len(to) / m {
		clear(sums)
		for i, v := range x[r*inner : (r+1)*inner] {
			f := float64(v)
			line := y[i*m : (i+1)*m]
			for k, w := range line {
				sums[k] += f * float64(w)
			}
		}
		for k, s := range sums {
			to[r*m+k] = T(s)
		}
	}
}

func multiplyInts[T number](to, x, y []T, inner, m int) {
	clear(to)
	for r := range len(to) / m {
		for i, v := range x[r*inner : (r+1)*inner] {
			for k := range m {
				to[r*m+k] += v * y[i*m+k]
			}
		}
	}
}

// gemm is the operator Gemm: alpha * A * B + beta * C, where A and B may be
// transposed and C broadcasts.
func gemm(b *build) kernel {
	least := 2
	if b.version < 11 {
		least = 3
	}
	if !b.arity(least, 3) || !sameTypes(b) {
		return nil
	}
	if v := b.input(2); v != nil && v.typ != b.typ(0) {
		return b.refuse("inputs of types %v and %v", b.typ(0), v.typ)
	}
	if b.version < 7 {
		b.ignore("broadcast") // C of equal shape needs none
	}
	g := general{
		alpha: float64(b.float("alpha", 1)), beta: float64(b.float("beta", 1)),
		flipA: b.int("transA", 0) != 0, flipB: b.int("transB", 0) != 0, hasC: b.input(2) != nil,
	}
	if w := b.in[1].constant; w != nil && len(w.Shape) == 2 && !g.flipA {
		k := 0
		if g.flipB {
			k = 1
		}
		b.reads(0, w.Shape[k])
	}
	b.gives(0, b.typ(0))
	b.scratch = 1
	b.endsIn(g)
	return floating(b.typ(0), gemmKernel[float32](g), gemmKernel[float64](g))
}

type general struct {
	alpha, beta        float64
	flipA, flipB, hasC bool
}

func gemmKernel[T float](g general) kernel {
	typ := typeOf[T]()
	return func(in, out []*tensor.Tensor) error {
		if len(in[0].Shape) != 2 || len(in[1].Shape) != 2 {
			return fmt.Errorf("shapes %v and %v", in[0].Shape, in[1].Shape)
		}
		n, inner := in[0].Shape[0], in[0].Shape[1]
		rows, m := in[1].Shape[0], in[1].Shape[1]
		aRow, aStep, bRow, bStep := inner, 1, m, 1
		if g.flipA {
			n, inner, aRow, aStep = inner, n, 1, inner
		}
		if g.flipB {
			rows, m, bRow, bStep = m, rows, 1, m
		}
		if inner != rows {
			return fmt.Errorf("shapes %v and %v do not multiply", in[0].Shape, in[1].Shape)
		}
		shape := [2]int{n, m}
		var w walk3
		if g.hasC {
			if err := w.start(shape[:], in[2].Shape, nil); err != nil {
				return err
			}
			if !equalShape(w.shape(), shape[:]) {
				return fmt.Errorf("shape %v does not broadcast to %v", in[2].Shape, w.shape())
			}
		}
		if err := grow(out[0], typ, shape[:]...); err != nil {
			return err
		}
		out[1].Resize(tensor.Float64, m)
		sums, to, x, y := out[1].F64, data[T](out[0]), data[T](in[0]), data[T](in[1])
		for r := range n {
			clear(sums)
			for i := range inner {
				v := float64(x[r*aRow+i*aStep])
				for k := range sums {
					sums[k] += v * float64(y[i*bRow+k*bStep])
				}
			}
			for k, s := range sums {
				s *= g.alpha
				if g.hasC {
					s += g.beta * float64(data[T](in[2])[w.at[1]])
					w.next()
				}
				to[r*m+k] = T(s)
			}
		}
		return nil
	}
}
