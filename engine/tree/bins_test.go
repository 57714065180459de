package tree

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// A leveller makes random oblivious ensembles, whose sums are not exact: the
// order of additions shows in their bits.
type leveller struct {
	pick             func(int) int
	features, levels int
	borders          int // thresholds that trees may ask of one feature
	targets          int
	vector, mirrored bool // leaves with a number for each target, of two targets one the other's negative
	modes            []Mode
	missing          []Missing
}

// border is one of a feature's thresholds, close to its neighbours for some
// features, around zero for others.
func (l *leveller) border(feature, i int) float32 {
	switch feature % 4 {
	case 0:
		return math.Float32frombits(math.Float32bits(1.5) + uint32(i))
	case 1:
		return float32(i-l.borders/2) / 8
	case 2:
		key := 1<<31 + uint32(i-l.borders/2) // subnormal numbers of both signs
		if key >= 1<<31 {
			return math.Float32frombits(key - 1<<31)
		}
		return -math.Float32frombits(1<<31 - key)
	}
	return []float32{float32(math.Inf(-1)), -math.MaxFloat32, 0, math.MaxFloat32, float32(math.Inf(1)), float32(i)}[min(i, 5)]
}

func (l *leveller) grow(trees int) Spec {
	s := Spec{Features: l.features, Targets: l.targets}
	for t := range trees {
		levels := make([]Node, 1+l.pick(l.levels))
		for i := range levels {
			f := l.pick(l.features)
			levels[i] = Node{
				Mode: l.modes[l.pick(len(l.modes))], Missing: l.missing[f%len(l.missing)], MissTrue: l.pick(2) == 0,
				Feature: int32(f), Threshold: float64(l.border(f, l.pick(l.borders))),
			}
		}
		s.Roots = append(s.Roots, int32(len(s.Nodes)))
		first := int32(len(s.Nodes))
		for i, n := range levels {
			for k := range int32(1) << i {
				at := 1<<i - 1 + k
				n.True, n.False = first+2*at+1, first+2*at+2
				s.Nodes = append(s.Nodes, n)
			}
		}
		for range 1 << len(levels) {
			from := int32(len(s.Weights))
			for target := range l.targets {
				if l.vector || target == t%l.targets {
					s.Weights = append(s.Weights, Weight{int32(target), float64(l.pick(1<<16)-1<<15) / 1001})
				}
			}
			if l.mirrored {
				s.Weights[from].Value = -s.Weights[from+1].Value
			}
			leaf := Node{Mode: LeafMany, True: from, False: int32(len(s.Weights))}
			if w := s.Weights[from:]; len(w) == 1 && t%4 > 0 {
				leaf = Node{Mode: Leaf, Feature: w[0].Target, Threshold: w[0].Value}
			}
			s.Nodes = append(s.Nodes, leaf)
		}
	}
	return s
}

// rows have values on borders, beside them, and beyond all.
func levelRows[T Value](l *leveller, rows int) []T {
	x := make([]T, rows*l.features)
	for i := range x {
		v := float64(l.border(i%l.features, l.pick(l.borders)))
		switch l.pick(10) {
		case 0, 1:
			v = float64(math.Nextafter32(float32(v), float32(math.Inf(1))))
		case 2, 3:
			v = float64(math.Nextafter32(float32(v), float32(math.Inf(-1))))
		case 4:
			v = math.Nextafter(v, math.Inf(1-2*l.pick(2)))
		case 5:
			v = []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), 1e-36, -1e-45, -5e-324}[l.pick(7)]
		case 6:
			v = math.Copysign(math.NaN(), float64(l.pick(2)*2-1))
		}
		x[i] = T(v)
	}
	return x
}

// compareLevels scores batches of many sizes and compares every sum's bits with
// the reference's, which adds in the same order where all trees are oblivious.
func compareLevels[T Value](t *testing.T, l *leveller, s Spec, e *Ensemble, sizes []int) {
	t.Helper()
	for _, rows := range sizes {
		x := levelRows[T](l, rows)
		got, want := make([]float64, rows*s.Targets), make([]float64, rows*s.Targets)
		Score(e, x, got)
		reference(&s, x, want)
		for i := range want {
			if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
				r := i / s.Targets
				t.Fatalf("%d rows, row %d %v, sum %d: %v, want %v", rows, r, x[r*s.Features:(r+1)*s.Features], i%s.Targets, got[i], want[i])
			}
		}
	}
}

// TestBins compares oblivious ensembles of every form, with few and many borders
// and levels, on both sides of every size at which the way changes.
func TestBins(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	catboost := leveller{targets: 1, levels: 8, modes: []Mode{GT}, missing: []Missing{MissNaN}}
	every := catboost
	every.modes, every.missing = []Mode{LEQ, LT, GTE, GT}, []Missing{MissNaN, MissZero, MissNone}
	deep, classes, vectors, mirrored := every, every, catboost, every
	deep.levels = 11
	classes.targets = 3
	vectors.targets, vectors.vector, vectors.levels = 3, true, 10
	mirrored.targets, mirrored.vector, mirrored.mirrored = 2, true, true
	sizes := []int{0, 1, binRows - 1, binRows, 7, 8, 9, 31, 32, 33, gaugeRows - 1, gaugeRows, gaugeRows + 1, 2*gaugeRows + 3, binBlock - 1, binBlock, binBlock + 1, 2*binBlock + 5}
	for name, l := range map[string]leveller{
		"catboost": catboost, "every test": every, "deep": deep, "classes": classes, "vectors": vectors, "mirrored": mirrored,
	} {
		gauges := 0
		for _, borders := range []int{1, 2, 3, 7, maxBorders - 1, maxBorders, maxBorders + 1, 300} {
			t.Run(fmt.Sprintf("%s, %d borders", name, borders), func(t *testing.T) {
				l := l
				l.pick, l.borders, l.features = r.IntN, borders, 1+r.IntN(9)
				s := l.grow(1 + r.IntN(40))
				e, err := New(s)
				if err != nil {
					t.Fatal(err)
				}
				if n := len(e.oblivious.trees); n != len(s.Roots) || e.oblivious.mirrored != l.mirrored {
					t.Fatalf("%d of %d trees are oblivious, mirrored %v, want all, %v", n, len(s.Roots), e.oblivious.mirrored, l.mirrored)
				}
				if l.vector || l.targets == 1 {
					tables := counted(t, tabled(s), e)
					if n := len(tables.oblivious.trees); n != len(s.Roots) || tables.oblivious.mirrored != l.mirrored {
						t.Fatalf("%d of %d tables are kept, mirrored %v, want all, %v", n, len(s.Roots), tables.oblivious.mirrored, l.mirrored)
					}
					compareLevels[float32](t, &l, s, tables, []int{1, 3, gaugeRows + 1})
					compareLevels[float64](t, &l, s, tables, []int{2, 9})
				}
				gauges = max(gauges, len(e.oblivious.bins.gauges)-l.features)
				compareLevels[float32](t, &l, s, e, sizes)
				compareLevels[float64](t, &l, s, e, sizes)
				e.oblivious.bins.vectors = false
				compareLevels[float32](t, &l, s, e, sizes)
			})
		}
		if gauges < 1 {
			t.Errorf("%s: no column has several gauges: the comparison says less than it should", name)
		}
	}
}

// FuzzBins builds an oblivious ensemble out of bytes and compares its sums with
// the reference's bit for bit.
func FuzzBins(f *testing.F) {
	r := rand.New(rand.NewPCG(23, 24))
	for range 16 {
		data := make([]byte, 400)
		for i := range data {
			data[i] = byte(r.IntN(256))
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pick := picker(data)
		l := leveller{
			pick: pick, features: 1 + pick(5), levels: 1 + pick(6), borders: 1 + pick(300), targets: 1 + pick(3), vector: pick(2) == 0,
			modes: []Mode{Mode(1 + pick(4)), Mode(1 + pick(4)), GT}[pick(3):], missing: []Missing{Missing(pick(3)), Missing(pick(3))},
		}
		l.mirrored = l.vector && l.targets == 2 && pick(2) == 0
		trees := 1 + pick(2*tables)
		if pick(8) == 0 {
			trees, l.levels = 1+pick(2), 10
		}
		s := l.grow(trees)
		e, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		compareLevels[float32](t, &l, s, e, []int{1, binRows + pick(gaugeRows)})
		compareLevels[float32](t, &l, s, counted(t, tabled(s), e), []int{1, binRows})
		e.oblivious.bins.vectors = pick(2) == 0 && e.oblivious.bins.vectors
		compareLevels[float64](t, &l, s, e, []int{gaugeRows + pick(gaugeRows)})
	})
}

// TestBinsAllocateNothing scores batches of several blocks.
func TestBinsAllocateNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(25, 26))
	for _, targets := range []int{1, 2, 3} {
		l := leveller{pick: r.IntN, features: 4, levels: 8, borders: 200, targets: targets, vector: true, mirrored: targets == 2, modes: []Mode{GT}, missing: []Missing{MissNaN}}
		e, err := New(l.grow(20))
		if err != nil {
			t.Fatal(err)
		}
		const rows = 2*binBlock - 3
		x, out := levelRows[float32](&l, rows), make([]float64, rows*targets)
		if n := testing.AllocsPerRun(50, func() { Score(e, x, out) }); n > 0 {
			t.Errorf("%d targets: %v allocations in a run", targets, n)
		}
	}
}
