package tree

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// TestParallel shows that goroutines change no bit, that many callers do not
// multiply them, and that one thread means none.
func TestParallel(t *testing.T) {
	for name, p := range map[string]shape{
		"boosted": {trees: 60, leaves: 20, levels: 8}, "oblivious": {trees: 60, leaves: 16, levels: 4, equal: true},
	} {
		t.Run(name, func(t *testing.T) { parallel(t, p) })
	}
}

func parallel(t *testing.T, p shape) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	r := rand.New(rand.NewPCG(5, 6))
	e, err := New(p.build(r))
	if err != nil {
		t.Fatal(err)
	}
	const rows = 3*parallelChunk + parallelRows + 5
	x := numbers[float32](r.IntN, rows*benchFeatures, true)
	want := make([]float64, rows)
	e.SetThreads(1)
	if n := e.recruit(100); n != 0 {
		t.Errorf("%d helpers where one thread is allowed", n)
	}
	Score(e, x, want)
	e.SetThreads(0)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			out := make([]float64, rows)
			for range 3 {
				Score(e, x, out)
				if n := e.helpers.Load(); n > 3 {
					t.Errorf("%d helpers of 4 processors", n)
				}
			}
			for i, v := range out {
				if math.Float64bits(v) != math.Float64bits(want[i]) {
					t.Errorf("row %d: %v with help, %v alone", i, v, want[i])
					return
				}
			}
		})
	}
	group.Wait()
	if n := e.recruit(100); n != 3 || e.recruit(1) != 0 {
		t.Errorf("%d helpers of 4 processors, want 3 and then none", n)
	}
}

// TestMemory shows that a loaded ensemble keeps little beside its nodes: 8
// bytes a node whose threshold and value are float32 numbers and whose tree has
// no jump too wide for that, 16 otherwise, tree by tree; of oblivious trees the
// leaves and 12 bytes a level.
func TestMemory(t *testing.T) {
	forest := slices.Repeat([]int{2250}, 100)
	for name, c := range map[string]struct {
		spec  func(*rand.Rand) Spec
		bytes int // of all nodes
	}{
		"boosted":             {shape{trees: 100, leaves: 500, levels: 31}.build, 100 * 999 * 8},
		"doubles":             {shape{trees: 100, leaves: 500, levels: 31, change: double}.build, 100 * 999 * 16},
		"deep forest":         {uneven(forest), 100 * 4499 * 8},
		"one very large":      {uneven([]int{400_000}), 799_999 * 16},
		"large and others":    {uneven(append([]int{400_000}, forest...)), 799_999*16 + 100*4499*8},
		"oblivious":           {shape{trees: 1000, leaves: 256, levels: 8, equal: true}.build, 1000 * (256*8 + 8*12)},
		"large behind others": {uneven(append(forest, 400_000)), 799_999*16 + 100*4499*8},
	} {
		before := heap()
		e, err := New(c.spec(rand.New(rand.NewPCG(7, 8))))
		if err != nil {
			t.Fatal(err)
		}
		grown := heap() - before
		ratio := float64(grown) / float64(c.bytes)
		t.Logf("%s: %d nodes of %d bytes: %.2f times their size", name, e.Nodes(), c.bytes, ratio)
		if ratio < 0.99 || ratio > 1.15 {
			t.Errorf("%s: %d nodes of %d bytes take %d bytes, %.2f times their size", name, e.Nodes(), c.bytes, grown, ratio)
		}
		runtime.KeepAlive(e)
	}
}

// uneven makes trees of so many leaves, which any share of goes to either side.
func uneven(leaves []int) func(*rand.Rand) Spec {
	return func(r *rand.Rand) Spec {
		s := Spec{Features: 4, Targets: 1}
		var grow func(n int) int32
		grow = func(n int) int32 {
			at := int32(len(s.Nodes))
			s.Nodes = append(s.Nodes, Node{})
			if n == 1 {
				s.Nodes[at].Threshold = float64(r.IntN(64))
				return at
			}
			node := Node{Mode: LT, Feature: int32(r.IntN(4)), Threshold: float64(float32(r.NormFloat64()))}
			left := 1 + r.IntN(n-1)
			node.True, node.False = grow(left), grow(n-left)
			s.Nodes[at] = node
			return at
		}
		for _, n := range leaves {
			s.Roots = append(s.Roots, grow(n))
		}
		return s
	}
}

func heap() int64 {
	for range 3 { // pools let go of their memory in two steps
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
