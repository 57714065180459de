package tree

import (
	"math"
	"math/rand/v2"
	"testing"
)

// FuzzLayouts builds an ensemble out of bytes, each of which decides something
// about it, and compares its scores with the reference's bit for bit.
func FuzzLayouts(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 16 {
		data := make([]byte, 400)
		for i := range data {
			data[i] = byte(r.IntN(256))
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pick := picker(data)
		g := grower{
			pick: pick, spec: Spec{Features: 1 + pick(5), Targets: 1 + pick(3), Aggregate: Aggregate(pick(4))},
			double: pick(2) == 0, vector: pick(3) == 0, shared: pick(3) == 0, level: pick(4) == 0,
			modes: []Mode{Mode(1 + pick(8)), Mode(1 + pick(8)), LT}[pick(3):], missing: []Missing{Missing(pick(3)), Missing(pick(3))},
		}
		g.linear = g.spec.Aggregate > Average // whose sums do not depend on their order
		if g.spec.Aggregate == Average {
			g.spec.Aggregate = Sum
		}
		s := g.grow(1+pick(20), pick(7))
		compare[float32](t, s, pick, []int{1, lanes + 3, block + lanes})
		compare[float64](t, s, pick, []int{2, lanes + 1})
	})
}

// picker picks by the bytes of data, and by chance when they are used up.
func picker(data []byte) func(n int) int {
	fallback := rand.New(rand.NewPCG(uint64(len(data)), 3))
	return func(n int) int {
		if len(data) == 0 {
			return fallback.IntN(n)
		}
		v := int(data[0])
		if data = data[1:]; n > 256 && len(data) > 0 {
			v, data = v<<8|int(data[0]), data[1:]
		}
		return v % n
	}
}

// FuzzCheck builds descriptions that are mostly wrong: New refuses them, or
// what it makes agrees with the reference.
func FuzzCheck(f *testing.F) {
	f.Add([]byte{2, 1, 1, 2, 0, 1, 3, 1, 2, 0, 0, 0, 0, 1})
	f.Add([]byte("\x03\x02\x01\x00\x01\x02\x00\x02\x01\x01\x02\x03\x04\x05\x06\x07"))
	f.Fuzz(func(t *testing.T, data []byte) {
		next := func() int {
			if len(data) == 0 {
				return 0
			}
			v := int(int8(data[0]))
			data = data[1:]
			return v
		}
		s := Spec{Features: next(), Targets: next(), Aggregate: Aggregate(next() & 3)}
		for range next() & 3 {
			s.Roots = append(s.Roots, int32(next()))
		}
		for range next() & 15 {
			s.Weights = append(s.Weights, Weight{int32(next()), float64(next())})
		}
		for range next() & 3 {
			s.Bits = append(s.Bits, uint32(next()))
			s.Sets = append(s.Sets, [2]int32{int32(next()), int32(next())})
			s.Linears = append(s.Linears, Linear{Features: []int32{int32(next())}, Coefs: []float64{float64(next())}})
		}
		for len(data) > 0 && len(s.Nodes) < 64 {
			s.Nodes = append(s.Nodes, Node{
				Mode: Mode(next()), Missing: Missing(next()), MissTrue: next()&1 == 0, Feature: int32(next()), True: int32(next()),
				False: int32(next()), Threshold: float64(next()) / float64(1+next()&9),
			})
			if n := &s.Nodes[len(s.Nodes)-1]; n.Mode == Leaf {
				n.True &= 3
				n.Threshold = math.Trunc(n.Threshold) // so that sums do not depend on their order
			}
		}
		if s.Aggregate < Min && len(s.Linears) > 0 || s.Aggregate == Average {
			s.Aggregate = Max // which does not depend on the order
		}
		if _, err := New(s); err != nil {
			return
		}
		fallback := rand.New(rand.NewPCG(uint64(len(s.Nodes)), 3))
		compare[float32](t, s, fallback.IntN, []int{1, lanes})
	})
}
