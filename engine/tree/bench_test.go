package tree

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// shape describes ensembles like those that the frameworks train.
type shape struct {
	name                  string
	trees, leaves, levels int
	change                func(r *rand.Rand, n *Node) // makes a test another one
	equal                 bool                        // one question a level
	missing               float64                     // share of values that are NaN
}

const benchFeatures = 28

// borders is how many thresholds trees that ask one question a level have for a
// feature: CatBoost quantises features before it grows trees.
const borders = 127

// splittable is a leaf that may become a node.
type splittable struct {
	at    int32
	depth int
	share float64 // of the rows
}

// build splits the leaf with the most rows, by a share that varies, until a
// tree has its leaves: boosted trees of few levels come out nearly balanced,
// those of forests uneven and deep.
func (p shape) build(r *rand.Rand) Spec {
	s := Spec{Features: benchFeatures, Targets: 1}
	for range p.trees {
		root := int32(len(s.Nodes))
		s.Roots = append(s.Roots, root)
		s.Nodes = append(s.Nodes, Node{})
		open := []splittable{{root, 0, 1}}
		levels := make([]Node, p.levels)
		for d := range levels {
			levels[d] = p.test(r, float64(1+r.IntN(borders))/(borders+1))
		}
		for n := 1; n < p.leaves && len(open) > 0; n++ {
			best := 0
			for i := 1; i < len(open); i++ {
				if open[i].share > open[best].share {
					best = i
				}
			}
			o := open[best]
			open[best] = open[len(open)-1]
			open = open[:len(open)-1]
			u := 0.1 + 0.8*r.Float64()
			test := p.test(r, u)
			if p.equal {
				test, u = levels[o.depth], 0.5
			}
			test.True, test.False = int32(len(s.Nodes)), int32(len(s.Nodes)+1)
			s.Nodes[o.at] = test
			s.Nodes = append(s.Nodes, Node{}, Node{})
			if o.depth+1 < p.levels {
				noise := 1 + r.Float64()
				open = append(open, splittable{test.True, o.depth + 1, o.share * u * noise}, splittable{test.False, o.depth + 1, o.share * (1 - u) * noise})
			}
		}
	}
	for i := range s.Nodes {
		if s.Nodes[i].Mode == Leaf {
			s.Nodes[i].Threshold = float64(float32(r.NormFloat64()))
		}
	}
	return s
}

// test is a test that a share of normal numbers passes.
func (p shape) test(r *rand.Rand, share float64) Node {
	n := Node{
		Mode: LT, Feature: int32(r.IntN(benchFeatures)), MissTrue: r.IntN(2) == 0,
		Threshold: float64(float32(math.Sqrt2 * math.Erfinv(2*share-1) * (1 + 1e-3*r.Float64()))),
	}
	if p.equal {
		n.Mode, n.MissTrue, n.Threshold = GT, false, float64(float32(math.Sqrt2*math.Erfinv(2*share-1)))
	}
	if p.change != nil {
		p.change(r, &n)
	}
	return n
}

func double(r *rand.Rand, n *Node) {
	n.Mode, n.Threshold = LEQ, n.Threshold+r.Float64()*1e-9
}

var shapes = []shape{
	{name: "boosted 100x6", trees: 100, leaves: 54, levels: 6},
	{name: "boosted 500x6", trees: 500, leaves: 43, levels: 6},
	{name: "leafwise 500x31", trees: 500, leaves: 31, levels: 14},
	{name: "boosted 1000x8", trees: 1000, leaves: 46, levels: 8},
	{name: "forest 100 deep", trees: 100, leaves: 2245, levels: 31},
	{name: "oblivious 100x6", trees: 100, leaves: 64, levels: 6, equal: true},
	{name: "oblivious 1000x8", trees: 1000, leaves: 256, levels: 8, equal: true},
	{name: "double 500x31", trees: 500, leaves: 31, levels: 14, change: double},
	{name: "missing 500x31", trees: 500, leaves: 31, levels: 14, missing: 0.2},
	{name: "double missing 500x31", trees: 500, leaves: 31, levels: 14, change: double, missing: 0.2},
}

func BenchmarkScore(b *testing.B) {
	for _, p := range shapes {
		r := rand.New(rand.NewPCG(7, 8))
		s := p.build(r)
		e, err := New(s)
		if err != nil {
			b.Fatal(err)
		}
		x := make([]float64, 2048*benchFeatures)
		for i := range x {
			if x[i] = r.NormFloat64(); r.Float64() < p.missing {
				x[i] = math.NaN()
			}
		}
		if p.change != nil {
			benchRows(b, p.name, e, x)
			continue
		}
		narrow := make([]float32, len(x))
		for i, v := range x {
			narrow[i] = float32(v)
		}
		benchRows(b, p.name, e, narrow)
	}
}

// benchRows goes through different rows, as a service does: of one row the
// processor would learn the way.
func benchRows[T Value](b *testing.B, name string, e *Ensemble, x []T) {
	for _, rows := range []int{1, 1000} {
		out := make([]float64, rows)
		b.Run(fmt.Sprintf("%s/%d", name, rows), func(b *testing.B) {
			i := 0
			for b.Loop() {
				at := i % (2049 - rows) * benchFeatures
				Score(e, x[at:at+rows*benchFeatures], out)
				i++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
		})
	}
}

// BenchmarkThreads scores one large batch with one goroutine and with as many
// as there are processors.
func BenchmarkThreads(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 8))
	e, err := New(shapes[1].build(r))
	if err != nil {
		b.Fatal(err)
	}
	const rows = 4000
	x := make([]float32, rows*benchFeatures)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	out := make([]float64, rows)
	for _, threads := range []int{1, 0} {
		b.Run(fmt.Sprint(threads), func(b *testing.B) {
			e.SetThreads(threads)
			for b.Loop() {
				Score(e, x, out)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rows), "ns/row")
		})
	}
}
