package tree

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Large batches are divided among goroutines. A row's sum does not depend on
// the rows beside it, so that the bits are those of one goroutine.
const (
	parallelRows  = 2000      // below, starting goroutines costs more than it gains
	parallelWalks = 100_000   // rows times trees, likewise
	parallelChunk = 4 * block // rows that a goroutine takes at a time
)

// SetThreads bounds the goroutines that score one batch, the caller's
// included; 0 stands for as many as GOMAXPROCS says. It may be called at any
// time.
func (e *Ensemble) SetThreads(n int) { e.threads.Store(int32(max(0, n))) }

// recruit reserves up to n further goroutines. All callers together have as
// many as one of them may have, so that many large batches at once do not
// multiply them.
func (e *Ensemble) recruit(n int) int {
	limit := runtime.GOMAXPROCS(0)
	if t := int(e.threads.Load()); t > 0 {
		limit = min(limit, t)
	}
	for {
		busy := e.helpers.Load()
		more := min(n, limit-1-int(busy))
		if more <= 0 {
			return 0
		}
		if e.helpers.CompareAndSwap(busy, busy+int32(more)) {
			return more
		}
	}
}

// scoreTogether is score with the help of further goroutines, each of which
// takes the next rows as long as there are any.
func scoreTogether[T Value](e *Ensemble, x []T, out []float64, helpers int) {
	rows := len(out) / e.targets
	var next atomic.Int64
	work := func() {
		for {
			from := int(next.Add(parallelChunk)) - parallelChunk
			if from >= rows {
				return
			}
			to := min(rows, from+parallelChunk)
			score(e, x[from*e.features:to*e.features], out[from*e.targets:to*e.targets])
		}
	}
	var group sync.WaitGroup
	for range helpers {
		group.Go(work)
	}
	work()
	group.Wait()
}
