package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// netnsPath is where the lab's network namespace is held. It is not in
// /run/netns, since iproute2 would turn that folder into a mount that stays.
func (l *Lab) netnsPath() string { return l.runPath("netns") }

// hasNetns says whether the namespace is mounted at its place.
func (l *Lab) hasNetns() (bool, error) {
	var st unix.Statfs_t
	err := unix.Statfs(l.netnsPath(), &st)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot look at the network namespace: %w", err)
	}
	const nsfsMagic = 0x6e736673
	return st.Type == nsfsMagic, nil
}

// network makes the namespace and the pair of interfaces that joins it to the host.
func (u *up) network(ctx context.Context) (already bool, err error) {
	has, err := u.hasNetns()
	if err != nil {
		return false, err
	}
	_, linkErr := net.InterfaceByName(Interface)
	if has && linkErr == nil {
		return true, nil
	}
	run := func(args ...string) error { return u.command(ctx, "network", "/", systemEnviron(), args...) }
	if !has {
		if err := makeNetns(u.netnsPath()); err != nil {
			return false, err
		}
	}
	inside := []string{"nsenter", "--net=" + u.netnsPath(), "--"}
	commands := [][]string{
		{"ip", "link", "add", Interface, "type", "veth", "peer", "name", "eth0", "netns", u.netnsPath()},
		{"ip", "addr", "add", HostIP + "/24", "dev", Interface},
		{"ip", "link", "set", Interface, "up"},
		append(inside, "ip", "link", "set", "lo", "up"),
		append(inside, "ip", "addr", "add", NodeIP+"/24", "dev", "eth0"),
		append(inside, "ip", "link", "set", "eth0", "up"),
		append(inside, "ip", "route", "add", "default", "via", HostIP),
		// Both are settings of the new namespace, not of the host.
		append(inside, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward && echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet"),
	}
	for _, c := range commands {
		if err := run(c...); err != nil {
			return false, err
		}
	}
	return false, nil
}

// makeNetns makes a network namespace and holds it by a mount on path. The
// thread that enters the namespace is never used again: a goroutine that ends
// while locked takes its thread with it.
func makeNetns(path string) error {
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		return fmt.Errorf("cannot make the namespace's file: %w", err)
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			result <- fmt.Errorf("cannot make a network namespace: %w", err)
			return
		}
		if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
			result <- fmt.Errorf("cannot hold the network namespace: %w", err)
			return
		}
		result <- nil
	}()
	return <-result
}

// removeNetwork takes the interfaces and the namespace away again.
func (l *Lab) removeNetwork(ctx context.Context) error {
	if _, err := net.InterfaceByName(Interface); err == nil {
		if err := l.command(ctx, "down", "/", systemEnviron(), "ip", "link", "del", Interface); err != nil {
			return err
		}
	}
	has, err := l.hasNetns()
	if err != nil {
		return err
	}
	if has {
		if err := unix.Unmount(l.netnsPath(), unix.MNT_DETACH); err != nil {
			return fmt.Errorf("cannot release the network namespace: %w", err)
		}
	}
	if err := os.Remove(l.netnsPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove the namespace's file: %w", err)
	}
	return nil
}

// systemEnviron is the environment of the host's own tools.
func systemEnviron() []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
}

// overlaps says whether another interface of the host already uses the lab's link network.
func overlaps(name string, addrs []string) bool {
	_, lab, err := net.ParseCIDR(linkSubnet)
	if err != nil || name == Interface {
		return false
	}
	for _, a := range addrs {
		ip, theirs, err := net.ParseCIDR(strings.TrimSpace(a))
		if err == nil && (lab.Contains(ip) || theirs.Contains(lab.IP)) {
			return true
		}
	}
	return false
}
