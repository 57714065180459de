package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"online-inference/bench/server/record"
)

// tick is the unit of processes' times on Linux: USER_HZ is 100 on every
// architecture that Go runs on.
const tick = 10_000 // µs

// stat are the fields of a process after its name, which may hold spaces.
func stat(pid int) ([]string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	f := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(f) < 13 {
		return nil, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	return f, nil
}

// tree is a process with all that it has started.
func tree(pid int) ([]int, error) {
	children := make(map[int][]int)
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		child, err := strconv.Atoi(filepath.Base(e))
		if err != nil {
			return nil, err
		}
		f, err := stat(child)
		if err != nil {
			continue // it has ended since
		}
		if parent, err := strconv.Atoi(f[1]); err == nil {
			children[parent] = append(children[parent], child)
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all, nil
}

// cpu is the time in µs that a process and what it started have run so far.
func cpu(pid int) (float64, error) {
	all, err := tree(pid)
	if err != nil {
		return 0, err
	}
	ticks := 0
	for _, p := range all {
		f, err := stat(p)
		if errors.Is(err, fs.ErrNotExist) && p != pid {
			continue
		}
		if err != nil {
			return 0, err
		}
		for _, v := range f[11:13] { // utime, stime
			n, err := strconv.Atoi(v)
			if err != nil {
				return 0, err
			}
			ticks += n
		}
	}
	return float64(ticks) * tick, nil
}

// memory adds up a process and what it started.
func memory(pid int) (m record.Memory, err error) {
	all, err := tree(pid)
	if err != nil {
		return m, err
	}
	for _, p := range all {
		for _, x := range []struct {
			file, key string
			into      *int
		}{{"status", "VmRSS", &m.RSS}, {"status", "VmHWM", &m.Peak}, {"smaps_rollup", "Pss", &m.PSS}} {
			n, err := kilobytes(fmt.Sprintf("/proc/%d/%s", p, x.file), x.key)
			if err != nil && p != pid {
				continue // a child that has ended since
			}
			if err != nil {
				return m, err
			}
			*x.into += n << 10
		}
	}
	return m, nil
}

// kilobytes reads a line such as "VmRSS:   1234 kB".
func kilobytes(path, key string) (int, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == key+":" {
			return strconv.Atoi(f[1])
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, key)
}

// atLeast keeps the larger of two of each figure.
func atLeast(a, b record.Memory) record.Memory {
	return record.Memory{RSS: max(a.RSS, b.RSS), PSS: max(a.PSS, b.PSS), Peak: max(a.Peak, b.Peak)}
}
