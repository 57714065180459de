package graph

import (
	"fmt"
	"math"

	"online-inference/engine/tensor"
)

// kernelFunction is the similarity of a row to a support vector.
type kernelFunction struct {
	kind                 string
	gamma, coef0, degree float64
}

func (b *build) kernelFunction() kernelFunction {
	k := kernelFunction{kind: b.string("kernel_type", "LINEAR"), degree: 3}
	switch p := b.floats("kernel_params"); len(p) {
	case 0:
		if k.kind != "LINEAR" {
			b.refuse("kernel %s without kernel_params", k.kind)
		}
	case 3:
		k.gamma, k.coef0, k.degree = float64(p[0]), float64(p[1]), float64(p[2])
	default:
		b.refuse("%d kernel_params", len(p))
	}
	switch k.kind {
	case "LINEAR", "POLY", "RBF", "SIGMOID":
	default:
		b.refuse("kernel_type %q", k.kind)
	}
	return k
}

// similarity is the kernel of a row and a support vector of the same length.
func similarity[T number](k *kernelFunction, x []T, v []float32) float64 {
	v = v[:len(x)]
	sum := 0.0
	if k.kind == "RBF" {
		for i, f := range x {
			d := float64(f) - float64(v[i])
			sum += d * d
		}
		return math.Exp(-k.gamma * sum)
	}
	for i, f := range x {
		sum += float64(f) * float64(v[i])
	}
	switch k.kind {
	case "POLY":
		return math.Pow(k.gamma*sum+k.coef0, k.degree)
	case "SIGMOID":
		return math.Tanh(k.gamma*sum + k.coef0)
	}
	return sum
}

// svm is what both operators have: vectors and coefficients.
type svm struct {
	kernel       kernelFunction
	columns      int
	vectors      []float32 // row-major; none for a linear model
	coefficients []float32
	rho          []float32
}

func (b *build) svm(vectors, rows int) svm {
	m := svm{kernel: b.kernelFunction(), vectors: b.floats("support_vectors"), coefficients: b.floats("coefficients"), rho: b.floats("rho")}
	held := len(m.vectors)
	if vectors == 0 { // the coefficients are the weights of the columns themselves
		vectors, held = rows, len(m.coefficients)
	}
	if vectors < 1 || held == 0 || held%vectors != 0 {
		b.refuse("%d numbers for %d vectors", held, vectors)
		return m
	}
	m.columns = held / vectors
	b.reads(0, m.columns)
	b.pricing = rowPrice(held+32*vectors, 8)
	return m
}

func (m *svm) check(t *tensor.Tensor) (rows int, err error) {
	rows, columns := matrix(t)
	if columns != m.columns {
		return 0, fmt.Errorf("%d columns, it takes %d", columns, m.columns)
	}
	return rows, nil
}

// svmRegressor is the operator SVMRegressor.
func svmRegressor(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	n := int(b.int("n_supports", 0))
	m := b.svm(n, 1)
	oneClass := b.int("one_class", 0) != 0
	post := postTransform(b)
	switch {
	case b.err != nil:
		return nil
	case len(m.rho) != 1:
		return b.refuse("%d rho", len(m.rho))
	case n > 0 && len(m.coefficients) != n:
		return b.refuse("%d coefficients for %d vectors", len(m.coefficients), n)
	case n == 0 && m.kernel.kind != "LINEAR":
		return b.refuse("kernel %s without vectors", m.kernel.kind)
	}
	b.gives(0, tensor.Float32)
	b.means(0, RolePrediction, nil)
	if oneClass {
		b.means(0, RoleOther, nil)
	}
	s := &svmTarget{m, n, oneClass, post}
	return numeric(b.typ(0), svmTargetKernel[float32](s), svmTargetKernel[float64](s), svmTargetKernel[int64](s), svmTargetKernel[int32](s), nil)
}

type svmTarget struct {
	svm
	n        int
	oneClass bool
	post     transform
}

func svmTargetKernel[T number](m *svmTarget) kernel {
	return func(in, out []*tensor.Tensor) error {
		rows, err := m.check(in[0])
		if err != nil {
			return err
		}
		out[0].Resize(tensor.Float32, rows, 1)
		x := data[T](in[0])
		for r := range rows {
			row := x[r*m.columns : (r+1)*m.columns]
			sum := float64(m.rho[0])
			if m.n == 0 {
				sum += similarity(&m.kernel, row, m.coefficients)
			}
			for j := range m.n {
				sum += float64(m.coefficients[j]) * similarity(&m.kernel, row, m.vectors[j*m.columns:])
			}
			one := [1]float64{sum}
			m.post.apply(one[:])
			if m.oneClass {
				one[0] = math.Copysign(1, sum)
				if sum <= 0 {
					one[0] = -1
				}
			}
			out[0].F32[r] = float32(one[0])
		}
		return nil
	}
}

// svmClassifier is the operator SVMClassifier: pairs of classes vote, or
// without vectors each class has a linear score.
func svmClassifier(b *build) kernel {
	if !b.arity(1, 1) {
		return nil
	}
	classes := classLabels(b, "classlabels_ints")
	perClass := b.ints("vectors_per_class")
	post := postTransform(b)
	probA, probB := b.floats("prob_a"), b.floats("prob_b")
	if b.err != nil {
		return nil
	}
	n, total := classes.Len(), 0
	s := &svmVotes{classes: classes, post: post, probA: probA, probB: probB}
	for _, count := range perClass {
		if count < 0 || count > 1<<24 {
			return b.refuse("%d vectors of a class", count)
		}
		s.starts = append(s.starts, total)
		total += int(count)
	}
	s.starts = append(s.starts, total)
	s.svm, s.vectors = b.svm(total, n), total
	pairs := n * (n - 1) / 2
	switch {
	case b.err != nil:
		return nil
	case total == 0:
		return s.linear(b, n)
	case len(perClass) != n || n < 2:
		return b.refuse("%d classes, vectors of %d", n, len(perClass))
	case len(s.coefficients) != (n-1)*total || len(s.rho) != pairs:
		return b.refuse("%d coefficients and %d rho for %d vectors of %d classes", len(s.coefficients), len(s.rho), total, n)
	case len(probA) != len(probB) || len(probA) != 0 && len(probA) != pairs:
		return b.refuse("%d prob_a and %d prob_b for %d pairs", len(probA), len(probB), pairs)
	}
	s.width = max(pairs, 2)
	role := RoleScores
	if len(probA) > 0 {
		s.width, role = n, RoleProbabilities
	}
	describeClassifier(b, classes, role)
	b.scratch = 1
	work := times(total, s.columns+32+n)
	if len(probA) > 0 {
		work += times(2, n, n, max(100, n)) // the rounds that couple the pairs
	}
	b.pricing = func(in []*tensor.Tensor) cost {
		c := rowPrice(work+pairs, 4+s.width)(in)
		c.made += 2 * (total + max(s.width, pairs) + times(2, n, n) + 4*n)
		return c
	}
	return numeric(b.typ(0), votesKernel[float32](s), votesKernel[float64](s), votesKernel[int64](s), votesKernel[int32](s), nil)
}

// linear is a classifier without support vectors. All classes share one rho.
func (s *svmVotes) linear(b *build, n int) kernel {
	if len(s.rho) == 0 || len(s.probA) > 0 || s.kernel.kind != "LINEAR" {
		return b.refuse("%d rho, %d prob_a, kernel %s without support vectors", len(s.rho), len(s.probA), s.kernel.kind)
	}
	for _, r := range s.rho[1:] {
		if r != s.rho[0] {
			return b.refuse("a rho for each class without support vectors")
		}
	}
	offsets := make([]float32, n)
	for i := range offsets {
		offsets[i] = s.rho[0]
	}
	a := newAffine(b, n, s.coefficients, offsets)
	c := &chooser{classes: s.classes, post: s.post, scores: n}
	c.describe(b)
	b.pricing = rowPrice(len(s.coefficients)+16*n, 6+2*n)
	return numeric(b.typ(0), linearClassifierKernel[float32](a, c), linearClassifierKernel[float64](a, c),
		linearClassifierKernel[int64](a, c), linearClassifierKernel[int32](a, c), nil)
}
