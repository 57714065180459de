package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Down stops everything that the lab started and removes what it made outside
// of the caches. It works on whatever is left of a lab, and on nothing at all.
func (l *Lab) Down(ctx context.Context) (err error) {
	if os.Geteuid() != 0 {
		return &Refusal{Reason: "the lab runs as root, so only root can take it down", Advice: "Use: sudo make down"}
	}
	release, err := l.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	r, err := readRecord(l.RecordPath)
	if err != nil {
		return err
	}
	if r != nil && r.Owner != l.Root {
		if _, err := os.Stat(r.Owner); err == nil {
			return foreignLab(r.Owner)
		}
		// The other checkout is gone, so nobody else can clean up behind it.
		fmt.Fprintf(l.Out, "taking down the lab of %s, which does not exist any more\n", r.Owner)
	}
	began := time.Now()
	found, err := l.tearDown(ctx, r)
	if err != nil {
		return err
	}
	if !found {
		fmt.Fprintln(l.Out, "nothing to take down")
		return nil
	}
	fmt.Fprintf(l.Out, "The cluster is down after %.1f s. Its caches stay in %s.\n", time.Since(began).Seconds(), l.Cache)
	return nil
}

// foreignLab refuses to touch another checkout's lab.
func foreignLab(owner string) error {
	return &Refusal{Reason: fmt.Sprintf("the lab of another checkout, %s, is running on this machine", owner),
		Advice: "Stop it first:  make -C " + shellQuote(owner) + " down"}
}

// clearRemains makes room for a fresh start when a lab has left things behind
// without a living process: after a reboot, or a kill of everything.
func (l *Lab) clearRemains(ctx context.Context) error {
	r, err := readRecord(l.RecordPath)
	if err != nil {
		return err
	}
	if r != nil {
		living, err := r.living()
		if err != nil {
			return err
		}
		if len(living) > 0 {
			return nil
		}
	} else if _, err := os.Stat(l.path("pki")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	fmt.Fprintln(l.Out, "cleaning up the remains of an earlier lab")
	_, err = l.tearDown(ctx, r)
	return err
}

// tearDown works in the order in which things hold each other: processes hold
// mounts, mounts hold namespaces and folders.
func (l *Lab) tearDown(ctx context.Context, r *record) (found bool, err error) {
	state, run, owner := l.State, l.Run, l.Root
	if r != nil {
		state, run, owner = filepath.Join(r.Owner, ".lab"), r.Run, r.Owner
		found = true
	}
	stopped, err := stopProcesses(ctx, owner, r)
	if err != nil {
		return found, err
	}
	unmounted, err := unmountUnder(state, run)
	if err != nil {
		return found, err
	}
	if err := l.removeNetwork(ctx); err != nil {
		return found, err
	}
	if err := removeCgroups(ctx); err != nil {
		return found, err
	}
	if r != nil {
		if err := restoreSysctls(r.Sysctls); err != nil {
			return found, err
		}
	}
	removed, err := removeState(state, run)
	if err != nil {
		return found, err
	}
	if r != nil {
		if err := removeHostFolders(r.Folders); err != nil {
			return found, err
		}
		if err := os.Remove(r.path); err != nil {
			return found, fmt.Errorf("cannot remove the lab's record: %w", err)
		}
	}
	return found || stopped || unmounted || removed, nil
}

// stopOrder is the reverse of the start: first what would restart others.
var stopOrder = []string{"kubelet", "proxy", "coredns", "scheduler", "controller-manager"}

// stopProcesses ends the components, the pods and containerd's shims, which
// all live on when containerd stops.
func stopProcesses(ctx context.Context, owner string, r *record) (stopped bool, err error) {
	if r != nil {
		boot, err := bootID()
		if err != nil {
			return false, err
		}
		var first []identity
		for _, name := range stopOrder {
			if p, ok := r.process(name); ok && r.Boot == boot {
				first = append(first, p.identity)
			}
		}
		if err := stopAll(ctx, first, 5*time.Second); err != nil {
			return false, err
		}
	}
	// Twice: a process may have been between fork and exec during the first look.
	for range 2 {
		folders, err := cgroupFolders()
		if err != nil {
			return stopped, err
		}
		pods, err := cgroupProcesses(folders)
		if err != nil {
			return stopped, err
		}
		// The pods are thrown away with their cluster, so no grace.
		if err := stopAll(ctx, pods, 0); err != nil {
			return stopped, err
		}
		marked, err := markedProcesses(owner)
		if err != nil {
			return stopped, err
		}
		if err := stopAll(ctx, marked, 5*time.Second); err != nil {
			return stopped, err
		}
		stopped = stopped || len(pods)+len(marked) > 0
	}
	return stopped, nil
}

// unmountUnder releases every mount in the folders, the latest first.
func unmountUnder(dirs ...string) (found bool, err error) {
	// Bind mounts of bind mounts show up more than once, so look again until none is left.
	for range 10 {
		data, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			return found, fmt.Errorf("cannot read the mounts: %w", err)
		}
		mine := mountsUnder(parseMountinfo(string(data)), dirs)
		if len(mine) == 0 {
			return found, nil
		}
		found = true
		for _, dir := range mine {
			if err := unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil &&
				!errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
				return found, fmt.Errorf("cannot unmount %s: %w", dir, err)
			}
		}
	}
	return found, fmt.Errorf("cannot unmount everything under %s: new mounts keep coming", strings.Join(dirs, ", "))
}

// mountsUnder picks the mount points inside the folders, the latest first.
func mountsUnder(mounts []mount, dirs []string) []string {
	var mine []string
	for _, m := range mounts {
		if slices.ContainsFunc(dirs, func(dir string) bool { return strings.HasPrefix(m.dir, dir+"/") }) {
			mine = append(mine, m.dir)
		}
	}
	slices.Reverse(mine)
	return mine
}

// removeCgroups removes the lab's folders in every hierarchy, children first.
// A group is free only a moment after its last process has gone.
func removeCgroups(ctx context.Context) error {
	folders, err := cgroupFolders()
	if err != nil {
		return err
	}
	for _, root := range folders {
		err := wait(ctx, 20*time.Second, 50*time.Millisecond, func(context.Context) error { return removeCgroup(root) })
		if err != nil {
			return fmt.Errorf("cannot remove the cgroup %s: %w", root, err)
		}
	}
	return nil
}

func removeCgroup(root string) error {
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Reverse(dirs)
	for _, dir := range dirs {
		if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	return nil
}

// keptState outlives the cluster: the lab's own program and the logs.
var keptState = []string{"bin", "log"}

// removeState empties the state folder but for the logs and programs.
func removeState(state, run string) (found bool, err error) {
	entries, err := os.ReadDir(state)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("cannot read the lab's folder: %w", err)
	}
	for _, e := range entries {
		if slices.Contains(keptState, e.Name()) {
			continue
		}
		found = true
		if err := os.RemoveAll(filepath.Join(state, e.Name())); err != nil {
			return found, fmt.Errorf("cannot remove the lab's state: %w", err)
		}
	}
	if err := os.RemoveAll(run); err != nil {
		return found, fmt.Errorf("cannot remove the lab's run folder: %w", err)
	}
	return found, nil
}

// removeHostFolders removes the folders that came with the lab. They hold
// nothing else: they did not exist before it. A name that is not one of the
// known ones (a record of another version, or a broken one) is left alone.
func removeHostFolders(folders []string) error {
	for _, dir := range folders {
		if !slices.Contains(hostFolders, dir) {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("cannot remove %s: %w", dir, err)
		}
	}
	return nil
}
