package cluster

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// preflight looks at the machine without changing anything.
func (l *Lab) preflight(ctx context.Context) (*Refusal, error) {
	m, err := l.inspect(ctx)
	if err != nil {
		return nil, err
	}
	return m.check(), nil
}

func (l *Lab) inspect(ctx context.Context) (machine, error) {
	m := machine{goos: "linux", root: os.Geteuid() == 0, docker: dockerAnswers(ctx), checkout: l.Root}
	_, err := exec.LookPath("python3")
	m.python = err == nil
	r, err := readRecord(l.RecordPath)
	if err != nil {
		return m, err
	}
	var living []string
	if r != nil {
		if living, err = r.living(); err != nil {
			return m, err
		}
	}
	if r != nil && r.Owner != l.Root && len(living) > 0 {
		if _, err := os.Stat(r.Owner); err == nil {
			m.owner = r.Owner
		}
	}
	if m.kubelet, err = l.foreignKubelet(); err != nil {
		return m, err
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return m, fmt.Errorf("cannot list the interfaces: %w", err)
	}
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil {
			return m, fmt.Errorf("cannot list the addresses of %s: %w", i.Name, err)
		}
		var texts []string
		for _, a := range addrs {
			texts = append(texts, a.String())
		}
		if overlaps(i.Name, texts) {
			m.clash = i.Name
		}
		if i.Name == Interface && r == nil {
			m.takenLink = true
		}
	}
	if err := l.inspectRoom(&m); err != nil {
		return m, err
	}
	if r != nil && len(living) > 0 {
		// A running lab has its room already.
		m.freeDisk = max(m.freeDisk, leastDisk)
	}
	return m, nil
}

// inspectRoom fills in disk and memory.
func (l *Lab) inspectRoom(m *machine) error {
	m.warm = l.builtKubernetes()
	for _, dir := range []string{l.Root, l.Cache} {
		for {
			if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
				break
			}
			dir = filepath.Dir(dir)
		}
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil {
			return fmt.Errorf("cannot ask for the free space of %s: %w", dir, err)
		}
		if free := st.Bavail * uint64(st.Bsize); m.diskPath == "" || free < m.freeDisk {
			m.freeDisk, m.diskPath = free, dir
		}
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return fmt.Errorf("cannot ask for the machine's memory: %w", err)
	}
	m.memory = info.Totalram * uint64(info.Unit)
	return nil
}

// dockerAnswers says whether a Docker daemon takes connections.
func dockerAnswers(ctx context.Context) bool {
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "unix", "/var/run/docker.sock")
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// foreignKubelet finds a kubelet that no lab has started.
func (l *Lab) foreignKubelet() (int, error) {
	pids, err := processes()
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(pids, func(pid int) bool {
		if processName(pid) != "kubelet" {
			return false
		}
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		return err == nil && !bytes.Contains(env, []byte(ownerVariable+"="))
	})
	if i < 0 {
		return 0, nil
	}
	return pids[i], nil
}

// builtKubernetes tells whether the cache holds a whole build of Kubernetes. Of
// another release it serves too: most of the compiler's cache does not change.
func (l *Lab) builtKubernetes() bool {
	p := kubernetesProgram()
	builds, _ := filepath.Glob(filepath.Join(l.Cache, "bin", p.component+"-*")) // errors are of the pattern only
	return slices.ContainsFunc(builds, func(dir string) bool {
		return !slices.ContainsFunc(p.names, func(name string) bool {
			_, err := os.Stat(filepath.Join(dir, name))
			return err != nil
		})
	})
}
