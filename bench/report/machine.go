package report

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// A Machine is where a run took place.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int    `json:"memory_mib"`
	System string `json:"system"`
	Load   string `json:"load"` // averages over 1, 5 and 15 minutes before the start
}

// Describe reads what a Linux system tells of itself.
func Describe() (Machine, error) {
	m := Machine{Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH}
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

// Short is the processor without its numbers.
func (m Machine) Short() string {
	name, _, _ := strings.Cut(m.CPU, " (")
	return fmt.Sprintf("%s, %d cores", strings.Replace(name, " Processor", "", 1), m.Cores)
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
