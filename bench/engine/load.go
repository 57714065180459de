package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"online-inference/bench/engine/record"
	"online-inference/engine"
)

// loads is how often a file is loaded again after the first time; peers/load.py
// does it as often.
const loads = 5

// load is our side of what peers/load.py does: it loads one file in this fresh
// process, scores a row, and tells times and memory.
func load(dir, id string, out io.Writer) error {
	f, err := openFolder(dir)
	if err != nil {
		return err
	}
	path := f.files()[id]
	result := record.Load{ID: id}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	result.Bytes = int(info.Size())
	if result.Before, err = resident(); err != nil {
		return err
	}
	kept := make([]*engine.Model, 1)
	for i := range 1 + loads {
		began := time.Now()
		if kept[0], err = engine.LoadFile(path); err != nil {
			return err
		}
		took := float64(time.Since(began).Microseconds()) / 1000
		if i == 0 {
			result.First, result.Min = took, took
			if result.After, err = resident(); err != nil {
				return err
			}
		}
		result.Min = min(result.Min, took)
	}
	with := settledHeap()
	runtime.KeepAlive(kept[0])
	kept[0] = nil
	result.Heap = with - settledHeap()
	return json.NewEncoder(out).Encode(result)
}

// settledHeap is what lives on the heap after collections.
func settledHeap() int {
	var s runtime.MemStats
	for range 3 { // pools are emptied by the second
		runtime.GC()
	}
	runtime.ReadMemStats(&s)
	return int(s.HeapAlloc)
}

// resident is the memory of this process that is in RAM, in bytes; 0 where the
// system does not tell.
func resident() (int, error) {
	status, err := os.ReadFile("/proc/self/status")
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kB, err := strconv.Atoi(f[1])
			return kB << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no VmRSS")
}
