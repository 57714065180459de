package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func (l *Lab) containerdSocket() string { return l.runPath("containerd.sock") }

// containerd runs with every folder of its own, so that it shares nothing with
// another containerd on the machine. The snapshotter is overlayfs where the
// file system of the checkout can carry it.
func (u *up) containerd() (component, error) {
	u.snapshotter = "overlayfs"
	if err := overlayWorks(u.path("containerd")); err != nil {
		u.snapshotter = "native"
	}
	config := fmt.Sprintf(`version = 2
root = %[1]q
state = %[2]q
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = %[3]q
[plugins."io.containerd.internal.v1.opt"]
  path = %[4]q
[plugins."io.containerd.grpc.v1.cri"]
  # Without CAP_SYS_RESOURCE runc may not lower a process's OOM score.
  restrict_oom_score_adj = true
  sandbox_image = %[5]q
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = %[6]q
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = %[7]q
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = %[8]q
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = %[9]q
`, u.path("containerd"), u.runPath("containerd"), u.containerdSocket(), u.path("containerd-opt"), pauseReference,
		u.path("cni"), u.snapshotter, u.runPath("runc"), u.path("registries"))
	// ptp gives each pod a routed link of its own: every packet passes the
	// node's iptables, so Services work without the host's br_netfilter module.
	cni := fmt.Sprintf(`{"cniVersion": "0.4.0", "name": "lab", "plugins": [
  {"type": "ptp", "ipMasq": true, "ipam": {"type": "host-local", "dataDir": %q,
    "ranges": [[{"subnet": %q}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}
]}
`, u.runPath("cni"), podSubnet)
	hosts := fmt.Sprintf("server = \"http://%[1]s\"\n[host.\"http://%[1]s\"]\n  capabilities = [\"pull\", \"resolve\"]\n", registryAddr)
	files := map[string]string{
		u.path("containerd.toml"):                        config,
		u.path("cni", "10-lab.conflist"):                 cni,
		u.path("registries", registryAddr, "hosts.toml"): hosts,
	}
	for path, body := range files {
		if err := writeFile(path, body); err != nil {
			return component{}, err
		}
	}
	return component{name: "containerd", config: config, args: []string{"containerd", "-c", u.path("containerd.toml")},
		ready: func(ctx context.Context) error {
			var d net.Dialer
			conn, err := d.DialContext(ctx, "unix", u.containerdSocket())
			if err != nil {
				return err
			}
			return conn.Close()
		}}, nil
}

// overlayWorks mounts an overlay in dir for a moment.
func overlayWorks(dir string) error {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return fmt.Errorf("cannot make containerd's folder: %w", err)
	}
	probe, err := os.MkdirTemp(dir, "probe-")
	if err != nil {
		return fmt.Errorf("cannot make a folder: %w", err)
	}
	for _, d := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(probe, d), 0o755); err != nil {
			return fmt.Errorf("cannot make a folder: %w", err)
		}
	}
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", probe)
	err = unix.Mount("overlay", filepath.Join(probe, "merged"), "overlay", 0, options)
	if err == nil {
		err = unix.Unmount(filepath.Join(probe, "merged"), 0)
	}
	return errors.Join(err, os.RemoveAll(probe))
}

func (u *up) kubelet() (component, error) {
	if err := u.makeCgroups(); err != nil {
		return component{}, err
	}
	config := fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, x509: {clientCAFile: %[1]q}, webhook: {enabled: true}}
authorization: {mode: Webhook}
tlsCertFile: %[2]q
tlsPrivateKeyFile: %[3]q
cgroupDriver: cgroupfs
cgroupRoot: /%[4]s
failCgroupV1: false
failSwapOn: false
containerRuntimeEndpoint: %[5]q
podLogsDir: %[6]q
clusterDNS: [%[7]q]
clusterDomain: cluster.local
resolvConf: /dev/null
healthzBindAddress: %[8]q
maxPods: 250
evictionHard: {memory.available: 100Mi, nodefs.available: 1%%, imagefs.available: 1%%}
imageGCHighThresholdPercent: 100
enforceNodeAllocatable: []
registryPullQPS: 0
serializeImagePulls: false
# The registry asks nobody for a password, and images of one content have two
# names here (by digest for Knative, by tag for the classic manifests); the
# kubelet would pull the one that it has not pulled itself.
imagePullCredentialsVerificationPolicy: NeverVerify
`, u.path("pki", "ca.crt"), u.path("pki", "kubelet.crt"), u.path("pki", "kubelet.key"), CgroupName,
		"unix://"+u.containerdSocket(), u.path("pod-logs"), dnsServiceIP, NodeIP)
	if err := writeFile(u.path("kubelet.yaml"), config); err != nil {
		return component{}, err
	}
	return component{name: "kubelet", config: config, args: []string{
		u.path("bin", "kubelet"), "--config=" + u.path("kubelet.yaml"), "--kubeconfig=" + u.path("pki", "kubelet.kubeconfig"),
		"--hostname-override=" + nodeName, "--root-dir=" + u.path("kubelet"), "--node-ip=" + NodeIP,
	}, ready: func(ctx context.Context) error {
		return httpOK(ctx, http.DefaultClient, "http://"+NodeIP+":10248/healthz")
	}}, nil
}

func (u *up) proxy() (component, error) {
	config := fmt.Sprintf(`apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clientConnection: {kubeconfig: %q}
clusterCIDR: %q
hostnameOverride: %s
healthzBindAddress: %s:10256
# Zero leaves the kernel's values as they are.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
`, u.path("pki", "proxy.kubeconfig"), podSubnet, nodeName, NodeIP)
	if err := writeFile(u.path("proxy.yaml"), config); err != nil {
		return component{}, err
	}
	return component{name: "proxy", config: config, args: []string{u.path("bin", "kube-proxy"), "--config=" + u.path("proxy.yaml")},
		ready: func(ctx context.Context) error {
			return httpOK(ctx, http.DefaultClient, "http://"+NodeIP+":10256/livez")
		}}, nil
}

// kubeletSysctls are what the kubelet sets at its start (its "kernel
// tunables"); the lab notes the host's own values and restores them.
var kubeletSysctls = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

func (u *up) noteSysctls() error {
	values := map[string]string{}
	for _, key := range kubeletSysctls {
		data, err := os.ReadFile("/proc/sys/" + key)
		if err != nil {
			return fmt.Errorf("cannot read the sysctl %s: %w", key, err)
		}
		values[key] = strings.TrimSpace(string(data))
	}
	return u.record.update(func() {
		if len(u.record.Sysctls) == 0 {
			u.record.Sysctls = values
		}
	})
}

func restoreSysctls(values map[string]string) error {
	for key, want := range values {
		path := "/proc/sys/" + key
		if now, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(now)) == want {
			continue
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			return fmt.Errorf("cannot restore the sysctl %s: %w", key, err)
		}
	}
	return nil
}

// hostFolders are made by kubelet, containerd, the CNI library and mount(8) at
// fixed places; those that were not there before are removed with the lab.
var hostFolders = []string{"/var/lib/kubelet", "/var/log/containers", "/var/lib/cni", "/run/containerd", "/run/mount"}

func (u *up) noteFolders() error {
	var absent []string
	for _, dir := range hostFolders {
		if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			absent = append(absent, dir)
		}
	}
	return u.record.update(func() {
		if u.record.Folders == nil {
			u.record.Folders = append([]string{}, absent...)
		}
	})
}

// cgroupFolders are the lab's own folders, one in each hierarchy.
func cgroupFolders() ([]string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("cannot read the mounts: %w", err)
	}
	var dirs []string
	for _, m := range cgroupMounts(string(data)) {
		dirs = append(dirs, filepath.Join(m, CgroupName))
	}
	return dirs, nil
}

// makeCgroups makes the folder that all pods' groups live under.
func (u *up) makeCgroups() error {
	dirs, err := cgroupFolders()
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		parent := filepath.Dir(dir)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("cannot make the lab's cgroup: %w", err)
		}
		// A cpuset group of version 1 starts empty and then takes no process.
		for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
			value, err := os.ReadFile(filepath.Join(parent, name))
			if err != nil {
				continue // another controller, or version 2, which needs no copy
			}
			if err := os.WriteFile(filepath.Join(dir, name), value, 0o644); err != nil {
				return fmt.Errorf("cannot prepare the lab's cgroup: %w", err)
			}
		}
		for _, d := range []string{parent, dir} {
			if err := delegateControllers(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// delegateControllers lets the children of a version 2 group use every
// controller that it has; version 1 groups have no such file.
func delegateControllers(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read the controllers of a cgroup: %w", err)
	}
	for controller := range strings.FieldsSeq(string(data)) {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0o644); err != nil {
			return fmt.Errorf("cannot pass the controller %s on in %s: %w", controller, dir, err)
		}
	}
	return nil
}

// writeFile makes the folder as well. A file that is right already is left
// alone: kube-proxy ends when its configuration is written.
func writeFile(path, body string) error {
	if now, err := os.ReadFile(path); err == nil && string(now) == body {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("cannot make a folder: %w", err)
	}
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		return fmt.Errorf("cannot write a configuration: %w", err)
	}
	return nil
}

// uptime is the time since a process start given in clock ticks since boot.
func uptime(start uint64) (time.Duration, error) {
	data, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0, fmt.Errorf("cannot read the machine's uptime: %w", err)
	}
	first, _, _ := strings.Cut(string(data), " ")
	seconds, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0, fmt.Errorf("cannot read the machine's uptime: %w", err)
	}
	const ticksPerSecond = 100 // USER_HZ, fixed on every Linux port that Go has
	return time.Duration((seconds - float64(start)/ticksPerSecond) * float64(time.Second)), nil
}
