package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// record is what the machine knows about its one lab. It is written before
// and after everything that has to be undone.
type record struct {
	// Owner is the checkout's root folder, Run its folder of sockets and mounts.
	Owner string `json:"owner"`
	Run   string `json:"run"`
	// Boot is the kernel's id of this uptime; another one means that no process lives.
	Boot      string             `json:"boot"`
	Started   time.Time          `json:"started"`
	Processes map[string]process `json:"processes"`
	// Sysctls are the host's values from before the kubelet set its own.
	Sysctls map[string]string `json:"sysctls"`
	// Folders did not exist before and are removed with the lab.
	Folders []string `json:"folders"`

	path string
	mu   sync.Mutex
}

// process is a component that was started.
type process struct {
	identity
	// Command is a digest of the command line; a changed one means a restart.
	Command string    `json:"command"`
	Started time.Time `json:"started"`
}

func bootID() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("cannot read the machine's boot id: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// readRecord returns nil without error when there is none.
func readRecord(path string) (*record, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the lab's record: %w", err)
	}
	r := &record{path: path}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("cannot decode the lab's record %s: %w", path, err)
	}
	return r, nil
}

func newRecord(path, owner, run string, now time.Time) (*record, error) {
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	r := &record{Owner: owner, Run: run, Boot: boot, Started: now, path: path,
		Processes: map[string]process{}, Sysctls: map[string]string{}}
	return r, r.update(func() {})
}

// update changes the record and writes it.
func (r *record) update(change func()) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode the lab's record: %w", err)
	}
	if err := os.WriteFile(r.path+".new", append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("cannot write the lab's record: %w", err)
	}
	if err := os.Rename(r.path+".new", r.path); err != nil {
		return fmt.Errorf("cannot write the lab's record: %w", err)
	}
	return nil
}

func (r *record) process(name string) (process, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.Processes[name]
	return p, ok
}

// living lists the recorded processes that run; after a reboot there are none.
func (r *record) living() ([]string, error) {
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for name, p := range r.Processes {
		if r.Boot == boot && p.alive() {
			names = append(names, name)
		}
	}
	return names, nil
}

// lock makes sure that one lab command at a time changes the machine. The
// kernel drops it when the process ends, however it ends.
func (l *Lab) lock() (release func() error, err error) {
	path := strings.TrimSuffix(l.RecordPath, ".json") + ".lock"
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot open the lab's lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		closeErr := f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.Join(&Refusal{Reason: "another lab command is changing the cluster right now; wait until it has ended"}, closeErr)
		}
		return nil, errors.Join(fmt.Errorf("cannot lock %s: %w", path, err), closeErr)
	}
	// The holder before us may have removed the file between our open and our
	// lock; then this lock guards nothing.
	var held, named unix.Stat_t
	if unix.Fstat(int(f.Fd()), &held) != nil || unix.Stat(path, &named) != nil || held.Ino != named.Ino {
		return nil, errors.Join(&Refusal{Reason: "another lab command has just ended; try again"}, f.Close())
	}
	return func() error {
		return errors.Join(os.Remove(path), f.Close())
	}, nil
}
