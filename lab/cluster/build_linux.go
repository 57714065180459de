package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// kubernetesVersion is the release that components/kubernetes pins; the
// programs report it, since a module build does not stamp it by itself.
const kubernetesVersion = "v1.35.4"

// asInvoker in a command's environment asks to run it as the person behind sudo.
const asInvoker = "LAB_AS_INVOKER"

// program is a set of binaries built from one wrapper module.
type program struct {
	// component is the folder under lab/components; packages its main packages.
	component string
	packages  []string
	ldflags   string
	// names are the files that the build gives.
	names []string
}

func kubernetesProgram() program {
	const version = "k8s.io/component-base/version"
	p := program{component: "kubernetes",
		ldflags: "-s -w -X " + version + ".gitVersion=" + kubernetesVersion +
			" -X " + version + ".gitMajor=1 -X " + version + ".gitMinor=35",
		names: []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl"}}
	for _, n := range p.names {
		p.packages = append(p.packages, "k8s.io/kubernetes/cmd/"+n)
	}
	return p
}

func toolProgram(component, pkg string) program {
	return program{component: component, packages: []string{pkg}, ldflags: "-s -w", names: []string{component}}
}

// build makes the program's binaries once for each state of its wrapper
// module, flags and Go release, and links them into .lab/bin.
func (u *up) build(ctx context.Context, p program) (already bool, err error) {
	key, err := u.contentKey(p.component, strings.Join(p.packages, " "), p.ldflags)
	if err != nil {
		return false, err
	}
	dir := filepath.Join(u.Cache, "bin", p.component+"-"+key)
	already = true
	for _, name := range p.names {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			already = false
		}
	}
	if !already {
		if err := u.compile(ctx, p, dir); err != nil {
			return false, err
		}
	}
	for _, name := range p.names {
		if err := replaceLink(filepath.Join(dir, name), u.path("bin", name)); err != nil {
			return false, err
		}
	}
	return already, nil
}

func (u *up) compile(ctx context.Context, p program, dir string) (err error) {
	if err := u.makeCacheDir(filepath.Dir(dir)); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), ".building-")
	if err != nil {
		return fmt.Errorf("cannot make a folder to build in: %w", err)
	}
	// Renamed when the build has succeeded: then there is nothing to remove.
	defer func() { err = errors.Join(err, os.RemoveAll(fresh)) }()
	if err := u.giveBack(fresh); err != nil {
		return err
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return fmt.Errorf("cannot open the build's folder: %w", err)
	}
	args := append([]string{"go", "build", "-trimpath", "-ldflags", p.ldflags, "-o", fresh + "/"}, p.packages...)
	if err := u.command(ctx, "build-"+p.component, u.componentDir(p.component), u.goEnviron("CGO_ENABLED=0"), args...); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("cannot replace an incomplete build: %w", err)
	}
	if err := os.Rename(fresh, dir); err != nil {
		return fmt.Errorf("cannot keep the build: %w", err)
	}
	return nil
}

// contentKey names a build by everything that goes into it: the wrapper
// module's files, the Go release, the platform and the given flags.
func (u *up) contentKey(component string, flags ...string) (string, error) {
	dir := u.componentDir(component)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("cannot read the module of %s: %w", component, err)
	}
	parts := append([]string{component, u.goRelease, runtime.GOOS, runtime.GOARCH}, flags...)
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", fmt.Errorf("cannot read the module of %s: %w", component, err)
		}
		parts = append(parts, e.Name(), string(data))
	}
	return digestOf(parts...), nil
}

// goEnviron is the caller's environment for the Go tool, without settings that
// would change what a pinned module builds.
func (l *Lab) goEnviron(extra ...string) []string {
	env := slices.DeleteFunc(slices.Clone(l.Environ), func(kv string) bool {
		k, _, _ := strings.Cut(kv, "=")
		return k == "GOFLAGS" || k == "GOWORK" || k == "GOOS" || k == "GOARCH" || k == "CGO_ENABLED"
	})
	if p, err := invoker(l.Environ); err == nil {
		env = p.environ(env)
	}
	env = append(env, "GOFLAGS=-buildvcs=false", "GOWORK=off", asInvoker+"=1")
	return append(env, extra...)
}

// makeCacheDir makes a folder of the cache, owned by the person behind sudo.
func (l *Lab) makeCacheDir(dir string) error {
	var made []string
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); err == nil || d == filepath.Dir(d) {
			break
		}
		made = append(made, d)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the cache folder: %w", err)
	}
	for _, d := range made {
		if err := l.giveBack(d); err != nil {
			return err
		}
	}
	return nil
}

// giveBack hands a file made by root to the person behind sudo.
func (l *Lab) giveBack(path string) error {
	p, err := invoker(l.Environ)
	if err != nil {
		return err
	}
	if !p.viaSudo {
		return nil
	}
	if err := os.Lchown(path, p.uid, p.gid); err != nil {
		return fmt.Errorf("cannot give back a file made as root: %w", err)
	}
	return nil
}

// replaceLink points the symbolic link at target.
func replaceLink(target, link string) error {
	if now, err := os.Readlink(link); err == nil && now == target {
		return nil
	}
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot replace the link: %w", err)
	}
	if err := os.Symlink(target, link); err != nil {
		return fmt.Errorf("cannot link a program: %w", err)
	}
	return nil
}

// environ returns env with the person's home folder, for programs run as them.
func (p person) environ(env []string) []string {
	if !p.viaSudo {
		return env
	}
	kept := make([]string, 0, len(env)+1)
	for _, kv := range env {
		k, _, _ := strings.Cut(kv, "=")
		switch k {
		case "HOME", "XDG_CACHE_HOME", "GOCACHE", "GOMODCACHE", "GOPATH", "SUDO_UID", "SUDO_GID", "SUDO_USER", "SUDO_COMMAND", "USER", "LOGNAME":
			continue
		}
		kept = append(kept, kv)
	}
	return append(kept, "HOME="+p.home)
}
