//go:build e2e && linux

package lifecycle

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// machine is everything on the host that the lab could leave behind.
type machine struct {
	Interfaces, Mounts, Cgroups, Namespaces, Folders []string
	Sysctls                                          map[string]string
	// Processes are those with the lab's mark or in the lab's cgroups.
	Processes []string
}

// watchedFolders are made by the lab or by what it runs, at fixed places.
var watchedFolders = []string{"/var/lib/kubelet", "/var/log/containers", "/var/log/pods", "/var/lib/cni", "/var/lib/containerd",
	"/etc/cni", "/opt/containerd", "/run/containerd", "/run/mount", "/run/netns", "/run/online-inference-lab",
	"/run/online-inference-lab.json", "/run/online-inference-lab.lock"}

var watchedSysctls = []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes", "net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet"}

func look(t *testing.T) machine {
	t.Helper()
	m := machine{Sysctls: map[string]string{}}
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		m.Interfaces = append(m.Interfaces, i.Name)
	}
	var cgroupRoots []string
	for line := range strings.Lines(read(t, "/proc/self/mountinfo")) {
		before, after, _ := strings.Cut(line, " - ")
		dir, kind := strings.Fields(before)[4], strings.Fields(after)[0]
		m.Mounts = append(m.Mounts, dir+" "+kind)
		if strings.HasPrefix(kind, "cgroup") {
			cgroupRoots = append(cgroupRoots, dir)
		}
	}
	for _, root := range cgroupRoots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && d.IsDir() {
				m.Cgroups = append(m.Cgroups, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := os.ReadDir("/run/netns"); err == nil {
		for _, e := range entries {
			m.Namespaces = append(m.Namespaces, e.Name())
		}
	}
	for _, dir := range watchedFolders {
		if _, err := os.Lstat(dir); err == nil {
			m.Folders = append(m.Folders, dir)
		}
	}
	for _, key := range watchedSysctls {
		m.Sysctls[key] = strings.TrimSpace(read(t, "/proc/sys/"+key))
	}
	for _, pid := range labProcesses(t) {
		m.Processes = append(m.Processes, strconv.Itoa(pid))
	}
	for _, list := range [][]string{m.Interfaces, m.Mounts, m.Cgroups} {
		slices.Sort(list)
	}
	return m
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// labProcesses finds components and shims by their mark and pods by their cgroup.
func labProcesses(t *testing.T) (pids []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// Both are empty for a process that has just ended.
		environ, errEnviron := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		groups, errGroups := os.ReadFile(filepath.Join("/proc", e.Name(), "cgroup"))
		if errEnviron != nil || errGroups != nil {
			continue
		}
		if strings.Contains(string(environ), "ONLINE_INFERENCE_LAB_OWNER=") || strings.Contains(string(groups), "/online-inference-lab/") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// recordedPID is the process id of a component.
func recordedPID(t *testing.T, component string) int {
	t.Helper()
	var record struct {
		Processes map[string]struct {
			PID int `json:"pid"`
		} `json:"processes"`
	}
	if err := json.Unmarshal([]byte(read(t, "/run/online-inference-lab.json")), &record); err != nil {
		t.Fatal(err)
	}
	p, ok := record.Processes[component]
	if !ok {
		t.Fatalf("the record has no %s", component)
	}
	return p.PID
}
