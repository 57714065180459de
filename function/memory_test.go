package main

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"testing/fstest"
)

func TestContainerMemory(t *testing.T) {
	const v2, v1 = "sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"no cgroups":        {nil, 0},
		"version 2":         {map[string]string{v2: "268435456\n"}, 268435456},
		"version 2, none":   {map[string]string{v2: "max\n"}, 0},
		"version 1":         {map[string]string{v1: "268435456\n"}, 268435456},
		"version 1, none":   {map[string]string{v1: "9223372036854771712\n"}, 0},
		"both":              {map[string]string{v2: "1000000", v1: "2000000"}, 1000000},
		"nonsense":          {map[string]string{v2: "much"}, 0},
		"less than nothing": {map[string]string{v2: "-1"}, 0},
	} {
		root := fstest.MapFS{}
		for file, text := range c.files {
			root[file] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := containerMemory(root); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// TestLimitMemory: the container's limit becomes the runtime's, and one that was set
// before stays.
func TestLimitMemory(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	root := fstest.MapFS{memoryLimits[0]: &fstest.MapFile{Data: []byte("1000000000")}}

	debug.SetMemoryLimit(math.MaxInt64)
	if got := limitMemory(root); got != 900_000_000 || debug.SetMemoryLimit(-1) != got {
		t.Errorf("the limit is %d, and %d is told", debug.SetMemoryLimit(-1), got)
	}
	debug.SetMemoryLimit(5_000_000_000) // as GOMEMLIMIT does
	if got := limitMemory(root); got != 0 || debug.SetMemoryLimit(-1) != 5_000_000_000 {
		t.Errorf("the limit is %d, and %d is told", debug.SetMemoryLimit(-1), got)
	}
}

// TestReturnLeftover: a large heap of garbage goes back to the system.
func TestReturnLeftover(t *testing.T) {
	released := func() int {
		s := []metrics.Sample{{Name: "/memory/classes/heap/released:bytes"}}
		metrics.Read(s)
		return int(s[0].Value.Uint64())
	}
	garbage := make([]byte, 4*leftover)
	for i := range garbage {
		garbage[i] = 1
	}
	before := released()
	if returnLeftover(); released()-before < 2*leftover {
		t.Errorf("%d bytes are given back, %d before", released(), before)
	}
}
