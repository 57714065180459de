package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// identity names a process for good: ids are used again, ids with a start
// time (clock ticks since boot) are not within one uptime.
type identity struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
}

// identify reads the identity of the living process pid.
func identify(pid int) (identity, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return identity{}, err
	}
	start, state, err := parseStat(data)
	if err != nil {
		return identity{}, fmt.Errorf("cannot read the state of process %d: %w", pid, err)
	}
	if state == 'Z' || state == 'X' {
		return identity{}, fmt.Errorf("process %d has ended: %w", pid, fs.ErrNotExist)
	}
	return identity{PID: pid, Start: start}, nil
}

// parseStat takes the state (field 3) and the start time (field 22) out of a
// /proc/PID/stat line. Field 2 is the command in parentheses and may itself
// hold spaces and parentheses, so counting starts behind the last one.
func parseStat(data []byte) (start uint64, state byte, err error) {
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return 0, 0, errors.New("no command in the stat line")
	}
	fields := strings.Fields(string(data[end+1:]))
	// Counted from field 3, which is the first one behind the command.
	const stateField, startField = 0, 19
	if len(fields) <= startField {
		return 0, 0, fmt.Errorf("%d fields behind the command in the stat line, want over %d", len(fields), startField)
	}
	start, err = strconv.ParseUint(fields[startField], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("start time: %w", err)
	}
	return start, fields[stateField][0], nil
}

// alive says whether this very process still runs.
func (id identity) alive() bool {
	if id.PID <= 0 {
		return false
	}
	now, err := identify(id.PID)
	return err == nil && now == id
}

// processes lists the ids of all processes.
func processes() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// processName is the command's short name, "" when the process has gone.
func processName(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// markedProcesses finds the living processes that the lab of the checkout owner started:
// its components and containerd's shims inherit the variable.
func markedProcesses(owner string) ([]identity, error) {
	pids, err := processes()
	if err != nil {
		return nil, err
	}
	want := []byte(ownerVariable + "=" + owner)
	var found []identity
	for _, pid := range pids {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil {
			continue // gone since the listing, or a kernel thread
		}
		for kv := range bytes.SplitSeq(env, []byte{0}) {
			if bytes.Equal(kv, want) {
				if id, err := identify(pid); err == nil {
					found = append(found, id)
				}
				break
			}
		}
	}
	return found, nil
}

// cgroupMounts lists the folders where cgroup hierarchies are mounted.
func cgroupMounts(mountinfo string) []string {
	var dirs []string
	for _, m := range parseMountinfo(mountinfo) {
		if m.fstype == "cgroup" || m.fstype == "cgroup2" {
			dirs = append(dirs, m.dir)
		}
	}
	return dirs
}

// cgroupProcesses lists the processes in the lab's cgroups: what pods run.
func cgroupProcesses(roots []string) ([]identity, error) {
	seen := map[int]bool{}
	var found []identity
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					return nil
				}
				return err
			}
			if d.IsDir() || d.Name() != "cgroup.procs" {
				return nil
			}
			for line := range strings.FieldsSeq(readGroup(path)) {
				pid, err := strconv.Atoi(line)
				if err != nil || pid <= 0 || seen[pid] {
					continue
				}
				seen[pid] = true
				if id, err := identify(pid); err == nil {
					found = append(found, id)
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("cannot list the processes of %s: %w", root, err)
		}
	}
	return found, nil
}

// readGroup reads a cgroup.procs file. It is empty when the group went away
// meanwhile, and for a threaded group, which has no processes of its own.
func readGroup(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(data)
}

// mount is one line of mountinfo.
type mount struct{ dir, fstype string }

// parseMountinfo reads /proc/self/mountinfo in its own order, in which a mount
// never stands before the one that it is mounted on.
func parseMountinfo(text string) []mount {
	var mounts []mount
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(rest) < 1 {
			continue
		}
		mounts = append(mounts, mount{dir: unescapeMount(fields[4]), fstype: rest[0]})
	}
	return mounts
}

// unescapeMount undoes the octal escapes of space, tab, newline and backslash.
func unescapeMount(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
