package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"online-inference/bench/engine/record"
)

// describeMachine reads what the system tells of itself.
func describeMachine() (record.Machine, error) {
	m := record.Machine{Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, CPU: runtime.GOARCH, Load: "unknown"}
	if runtime.GOOS != "linux" {
		return m, nil
	}
	cpu, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m, err
	}
	memory, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return m, err
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return m, err
	}
	m.CPU = value(string(cpu), "model name")
	if family, model := value(string(cpu), "cpu family"), value(string(cpu), "model"); family != "" {
		m.CPU += fmt.Sprintf(" (family %s, model %s, %s MHz)", family, model, value(string(cpu), "cpu MHz"))
	}
	if kB, err := strconv.Atoi(strings.TrimSuffix(value(string(memory), "MemTotal"), " kB")); err == nil {
		m.Memory = kB >> 10
	}
	m.Load = strings.Join(strings.Fields(string(load))[:3], " ")
	return m, nil
}

// value is the first value of a key in lines of the form "key : value".
func value(lines, key string) string {
	for line := range strings.Lines(lines) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// readFloats reads a file of little-endian numbers.
func readFloats[F any](path string, size int, decode func([]byte) F) ([]F, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(data)%size != 0 {
		return nil, fmt.Errorf("%s: %d bytes are no numbers of %d bytes each", path, len(data), size)
	}
	all := make([]F, len(data)/size)
	for i := range all {
		all[i] = decode(data[i*size:])
	}
	return all, nil
}

func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
