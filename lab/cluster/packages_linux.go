package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// debianPackage is one package and a file that shows that it is there.
type debianPackage struct{ name, program string }

// debianPackages are the parts of the cluster that Debian ships.
func debianPackages() []debianPackage {
	return []debianPackage{
		{"etcd-server", "etcd"},
		{"containerd", "containerd"},
		{"runc", "runc"},
		{"containernetworking-plugins", "/usr/lib/cni/ptp"},
		{"iptables", "iptables"},
		{"conntrack", "conntrack"},
		{"ethtool", "ethtool"},
		{"socat", "socat"},
		{"ipset", "ipset"},
		{"iproute2", "ip"},
		{"busybox-static", "/bin/busybox"},
		{"ca-certificates", "/etc/ssl/certs/ca-certificates.crt"},
		// The pause container's program is compiled from Kubernetes' own source.
		{"gcc", "gcc"},
		{"libc6-dev", "/usr/include/stdlib.h"},
		{"python3-pip", ""},
	}
}

// installed looks for a package's file, on the path or at its place.
func (p debianPackage) installed(ctx context.Context) bool {
	if p.name == "python3-pip" {
		return exec.CommandContext(ctx, "python3", "-m", "pip", "--version").Run() == nil
	}
	if strings.HasPrefix(p.program, "/") {
		_, err := os.Stat(p.program)
		return err == nil
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if _, err := os.Stat(dir + "/" + p.program); err == nil {
			return true
		}
	}
	return false
}

// services are what two of the packages would start at boot on a machine with
// systemd; the lab runs its own.
var services = []string{"etcd", "containerd"}

const policyFile = "/usr/sbin/policy-rc.d"

// packages installs what is missing, without starting any service of it.
func (u *up) packages(ctx context.Context) (missing []string, err error) {
	for _, p := range debianPackages() {
		if !p.installed(ctx) {
			missing = append(missing, p.name)
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil, fmt.Errorf("cannot install %s: this is not a Debian or Ubuntu machine (no apt-get)", strings.Join(missing, ", "))
	}
	restore, err := forbidServices()
	if err != nil {
		return nil, err
	}
	env := append(systemEnviron(), "DEBIAN_FRONTEND=noninteractive")
	err = u.command(ctx, "packages", "/", env, "apt-get", "update")
	if err == nil {
		args := append([]string{"apt-get", "install", "--yes", "--no-install-recommends"}, missing...)
		err = u.command(ctx, "packages", "/", env, args...)
	}
	if err = errors.Join(err, restore()); err != nil {
		return nil, err
	}
	return missing, u.disableServices(ctx, missing)
}

// forbidServices uses Debian's own switch (policy-rc.d, exit code 101) so that
// a package's installation starts nothing.
func forbidServices() (restore func() error, err error) {
	if _, err := os.Stat(policyFile); err == nil {
		return func() error { return nil }, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot look for %s: %w", policyFile, err)
	}
	if err := os.WriteFile(policyFile, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
		return nil, fmt.Errorf("cannot keep services from starting: %w", err)
	}
	return func() error { return os.Remove(policyFile) }, nil
}

func (u *up) disableServices(ctx context.Context, installed []string) error {
	_, err := os.Stat("/run/systemd/system")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no systemd, so nothing would start at boot
	}
	if err != nil {
		return fmt.Errorf("cannot look for systemd: %w", err)
	}
	for _, s := range services {
		if slices.Contains(installed, s) || slices.Contains(installed, s+"-server") {
			if err := u.command(ctx, "packages", "/", systemEnviron(), "systemctl", "disable", s); err != nil {
				return err
			}
		}
	}
	return nil
}
