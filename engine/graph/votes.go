package graph

import (
	"math"

	"online-inference/engine/tensor"
)

// svmVotes is a support vector classifier: each pair of classes has a score of
// its own, whose sign is a vote.
type svmVotes struct {
	svm
	classes      *Classes
	post         transform
	vectors      int
	starts       []int     // of each class's vectors, and the end
	probA, probB []float32 // of Platt's sigmoid for each pair; empty for plain scores
	width        int       // of the second output: classes, or pairs (two for two classes)
}

// memory is what one row needs, cut from one scratch array.
type memory struct {
	similar, scores, votes, shares, work []float64
}

func (s *svmVotes) memory(t *tensor.Tensor) memory {
	n := s.classes.Len()
	sizes := [...]int{s.vectors, max(s.width, len(s.rho)), n, n * n, n*n + 2*n}
	total := 0
	for _, k := range sizes {
		total += k
	}
	t.Resize(tensor.Float64, total)
	rest := t.F64
	take := func(i int) []float64 {
		part := rest[:sizes[i]]
		rest = rest[sizes[i]:]
		return part
	}
	return memory{take(0), take(1), take(2), take(3), take(4)}
}

func votesKernel[T number](s *svmVotes) kernel {
	return func(in, out []*tensor.Tensor) error {
		rows, err := s.check(in[0])
		if err != nil {
			return err
		}
		resizeLabels(out[0], s.classes, rows)
		out[1].Resize(tensor.Float32, rows, s.width)
		m := s.memory(out[2])
		x := data[T](in[0])
		for r := range rows {
			row := x[r*s.columns : (r+1)*s.columns]
			for j := range m.similar {
				m.similar[j] = similarity(&s.kernel, row, s.svm.vectors[j*s.columns:])
			}
			s.score(&m)
			best := 0
			for i, v := range m.votes {
				if v > m.votes[best] {
					best = i
				}
			}
			putLabel(out[0], s.classes, r, best)
			narrow(out[1].F32[r*s.width:(r+1)*s.width], s.answer(&m))
		}
		return nil
	}
}

// score computes the pairs' scores and counts the votes. Row j-1 of the
// coefficients belongs to the vectors of class i in the pair (i, j), row i to
// those of class j.
func (s *svmVotes) score(m *memory) {
	clear(m.votes)
	n, pair := len(m.votes), 0
	for i := range n {
		for j := i + 1; j < n; j++ {
			sum := float64(s.rho[pair])
			for k := s.starts[i]; k < s.starts[i+1]; k++ {
				sum += float64(s.coefficients[(j-1)*s.vectors+k]) * m.similar[k]
			}
			for k := s.starts[j]; k < s.starts[j+1]; k++ {
				sum += float64(s.coefficients[i*s.vectors+k]) * m.similar[k]
			}
			m.scores[pair] = sum
			if sum > 0 {
				m.votes[i]++
			} else {
				m.votes[j]++
			}
			pair++
		}
	}
}

// answer turns the pairs' scores into the second output.
func (s *svmVotes) answer(m *memory) []float64 {
	n := len(m.votes)
	if len(s.probA) == 0 {
		if n == 2 {
			m.scores[0], m.scores[1] = -m.scores[0], m.scores[0]
		}
		out := m.scores[:s.width]
		s.post.apply(out)
		return out
	}
	pair := 0
	for i := range n {
		for j := i + 1; j < n; j++ {
			// libsvm keeps shares off 0 and 1 by this much.
			p := sigmoid(-(m.scores[pair]*float64(s.probA[pair]) + float64(s.probB[pair])))
			p = min(max(p, 1e-7), 1-1e-7)
			m.shares[i*n+j], m.shares[j*n+i] = p, 1-p
			pair++
		}
	}
	out := m.work[n*n : n*n+n]
	couple(m.shares, out, m.work[:n*n], m.work[n*n+n:])
	s.post.apply(out)
	return out
}

// couple finds the probabilities p that agree best with the shares r of all
// pairs, r[i][j] being the share of i against j: the second method of Wu, Lin
// and Weng, "Probability estimates for multi-class classification by pairwise
// coupling" (2004), with libsvm's number of rounds and tolerance.
func couple(r, p, q, qp []float64) {
	n := len(p)
	for t := range n {
		p[t] = 1 / float64(n)
		q[t*n+t] = 0
		for j := range n {
			if j != t {
				q[t*n+t] += r[j*n+t] * r[j*n+t]
				q[t*n+j] = -r[j*n+t] * r[t*n+j]
			}
		}
	}
	for range max(100, n) {
		pqp := 0.0
		for t := range n {
			qp[t] = 0
			for j := range n {
				qp[t] += q[t*n+j] * p[j]
			}
			pqp += p[t] * qp[t]
		}
		worst := 0.0
		for t := range n {
			worst = max(worst, math.Abs(qp[t]-pqp))
		}
		if worst < 0.005/float64(n) {
			return
		}
		for t := range n {
			diff := (pqp - qp[t]) / q[t*n+t]
			p[t] += diff
			pqp = (pqp + diff*(diff*q[t*n+t]+2*qp[t])) / (1 + diff) / (1 + diff)
			for j := range n {
				qp[j] = (qp[j] + diff*q[t*n+j]) / (1 + diff)
				p[j] /= 1 + diff
			}
		}
	}
}
