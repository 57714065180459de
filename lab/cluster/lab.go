// Package cluster brings up and takes down the lab's cluster: one real
// Kubernetes node with Knative Serving, Kourier and Envoy, in a network
// namespace of its own, from package registries only.
package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Addresses of the cluster. Only NodeIP is reachable from the host, through
// the pair of virtual interfaces; nothing is routed beyond it.
const (
	HostIP     = "10.44.0.1"
	NodeIP     = "10.44.0.2"
	linkSubnet = "10.44.0.0/24"
	// Ingress is where Kourier serves every route.
	Ingress = NodeIP + ":80"
)

// Names that mark what belongs to the lab on the host.
const (
	// Interface is the host's end of the virtual link.
	Interface = "oi-lab0"
	// CgroupName is the folder under every cgroup hierarchy that holds the pods.
	CgroupName = "online-inference-lab"
	// Domain is the domain of every Knative route in the lab.
	Domain = "lab.test"
	// ContextName names the context in the lab's kubeconfig.
	ContextName = "online-inference-lab"
)

// Places that the machine's one lab uses outside of the checkout. They are in
// /run because they must not outlive the machine's uptime.
const (
	defaultRunDir = "/run/online-inference-lab"
	defaultRecord = "/run/online-inference-lab.json"
)

// ErrRefused marks a refusal before anything was changed: the caller exits with 2.
var ErrRefused = errors.New("refused")

// Refusal is a clear sentence why nothing was done, with optional advice.
type Refusal struct {
	Reason string
	Advice string
}

func (r *Refusal) Error() string {
	if r.Advice == "" {
		return r.Reason
	}
	return r.Reason + "\n" + r.Advice
}

// Is makes every Refusal an ErrRefused.
func (r *Refusal) Is(target error) bool { return target == ErrRefused }

// Lab is one checkout's cluster.
type Lab struct {
	// Root is the project's root folder, State its .lab folder.
	Root, State string
	// Cache outlives the cluster: binaries, resolved manifests, images.
	Cache string
	// Run holds sockets, mounts and the network namespace.
	Run string
	// RecordPath is the machine-wide record of the running lab.
	RecordPath string
	// Out gets the progress, Errors the failures.
	Out, Errors io.Writer
	// Environ is the caller's environment.
	Environ []string
}

// New finds the checkout that holds dir and describes its lab.
func New(dir string, environ []string, out, errs io.Writer) (*Lab, error) {
	root, err := findRoot(dir)
	if err != nil {
		return nil, err
	}
	cache := lookup(environ, "LAB_CACHE")
	if cache == "" {
		home, err := invoker(environ)
		if err != nil {
			return nil, err
		}
		cache = filepath.Join(home.cache, "online-inference", "lab")
	}
	if cache, err = filepath.Abs(cache); err != nil {
		return nil, fmt.Errorf("cannot resolve LAB_CACHE: %w", err)
	}
	return &Lab{Root: root, State: filepath.Join(root, ".lab"), Cache: cache, Run: defaultRunDir,
		RecordPath: defaultRecord, Out: out, Errors: errs, Environ: environ}, nil
}

// findRoot walks up from dir to the folder of the project's root module.
func findRoot(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("cannot resolve %s: %w", dir, err)
	}
	for d := dir; ; d = filepath.Dir(d) {
		data, err := os.ReadFile(filepath.Join(d, "go.mod"))
		if err == nil && strings.HasPrefix(string(data), "module online-inference\n") {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("cannot find the project: neither %s nor a folder above it holds the module online-inference", dir)
		}
	}
}

// lookup returns the last value of key in environ.
func lookup(environ []string, key string) string {
	value := ""
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && k == key {
			value = v
		}
	}
	return value
}

func (l *Lab) path(parts ...string) string {
	return filepath.Join(append([]string{l.State}, parts...)...)
}

// Kubeconfig is the path of the administrator's kubeconfig.
func (l *Lab) Kubeconfig() string { return l.path("kubeconfig") }

// ToolEnviron is the environment in which ko, kubectl and helm work on the
// lab's cluster: the caller's, changed by .lab/env's variables.
func (l *Lab) ToolEnviron() ([]string, error) {
	data, err := os.ReadFile(l.path("env.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("the cluster is not up; start it with: make up")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the lab's environment: %w", err)
	}
	var values map[string]string
	if err := json.Unmarshal(data, &values); err != nil {
		return nil, fmt.Errorf("cannot decode the lab's environment: %w", err)
	}
	env := slices.Clone(l.Environ)
	for key, value := range values {
		env = append(env, key+"="+value)
	}
	return append(env, "PATH="+l.path("bin")+string(os.PathListSeparator)+lookup(l.Environ, "PATH")), nil
}

// shellQuote makes s one word of a POSIX shell.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
