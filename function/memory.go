package main

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
)

// memoryLimits are the files in which a container finds its memory limit, by
// version 2 and version 1 of cgroups.
var memoryLimits = [...]string{"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"}

// heapShare is the part of a container's memory that the runtime may take before it
// collects garbage at any price; the rest is for what it does not count, such as
// the program's own pages.
const heapShare = 0.9

// limitMemory makes the container's memory limit the runtime's, unless GOMEMLIMIT
// has set one. A server that is over it collects more often instead of being
// killed. It returns the limit, 0 where there is none.
func limitMemory(root fs.FS) int64 {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return 0
	}
	limit := containerMemory(root)
	if limit > 0 {
		limit = int64(heapShare * float64(limit))
		debug.SetMemoryLimit(limit)
	}
	return limit
}

// containerMemory is the limit of this process' container in bytes, 0 without one.
func containerMemory(root fs.FS) int64 {
	for _, name := range memoryLimits {
		text, err := fs.ReadFile(root, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		// "max" is no number; version 1 says no limit by one above any memory.
		if err != nil || n <= 0 || n >= math.MaxInt64/2 {
			return 0
		}
		return n
	}
	return 0
}

// leftover is the heap in bytes from which on what loading a model has left is
// given back. Below, the collection would cost the first requests more than the
// memory is worth: small models leave a megabyte.
const leftover = 8 << 20

// returnLeftover gives memory that loading took, and nobody uses any more, back to
// the system. The runtime itself would do so after minutes without a request.
func returnLeftover() {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	if metrics.Read(heap); heap[0].Value.Uint64() >= leftover {
		debug.FreeOSMemory()
	}
}

// system is the root of the file system.
func system() fs.FS { return os.DirFS("/") }
