package tree

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
)

// TestParallel shows that goroutines change no bit, that many callers do not
// multiply them, and that one thread means none.
func TestParallel(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	r := rand.New(rand.NewPCG(5, 6))
	e, err := New(shape{trees: 60, leaves: 20, levels: 8}.build(r))
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
// bytes a node whose threshold and value are float32 numbers, 16 otherwise.
func TestMemory(t *testing.T) {
	for _, c := range []struct {
		shape shape
		bytes int // a node
	}{
		{shape{trees: 100, leaves: 500, levels: 31}, 8},
		{shape{trees: 100, leaves: 500, levels: 31, change: double}, 16},
	} {
		before := heap()
		e, err := New(c.shape.build(rand.New(rand.NewPCG(7, 8))))
		if err != nil {
			t.Fatal(err)
		}
		grown, nodes := heap()-before, e.Nodes()
		ratio := float64(grown) / float64(nodes*c.bytes)
		t.Logf("%d nodes of %d bytes: %.2f times their size", nodes, c.bytes, ratio)
		if ratio < 1 || ratio > 1.5 {
			t.Errorf("%d nodes of %d bytes take %d bytes, %.2f times their size", nodes, c.bytes, grown, ratio)
		}
		runtime.KeepAlive(e)
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
