//go:build image

package knative

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

const (
	ociManifest = "application/vnd.oci.image.manifest.v1+json"
	ociConfig   = "application/vnd.oci.image.config.v1+json"
	ociLayer    = "application/vnd.oci.image.layer.v1.tar"
)

// modTime stands for every file time: a digest must not change with the clock.
var modTime = time.Unix(0, 0)

// registry serves a few images on loopback, to be pulled and nothing else. It
// stands for the public registries of the base images, so that the test needs
// no network.
type registry struct {
	host      string            // 127.0.0.1:port
	manifests map[string][]byte // image name -> manifest
	blobs     map[string]string // digest -> file
}

func newRegistry(t *testing.T) *registry {
	t.Helper()
	reg := &registry{manifests: map[string][]byte{}, blobs: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/{$}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /v2/{name}/manifests/{ref}", func(w http.ResponseWriter, r *http.Request) {
		manifest, ok := reg.manifests[r.PathValue("name")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", ociManifest)
		w.Header().Set("Docker-Content-Digest", digest(manifest))
		http.ServeContent(w, r, "", modTime, bytes.NewReader(manifest))
	})
	mux.HandleFunc("GET /v2/{name}/blobs/{digest}", func(w http.ResponseWriter, r *http.Request) {
		path, ok := reg.blobs[r.PathValue("digest")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Docker-Content-Digest", r.PathValue("digest"))
		http.ServeFile(w, r, path)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	reg.host = strings.TrimPrefix(server.URL, "http://")
	return reg
}

func digest(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

// addBase serves what the function's base image must have: accounts, a home and
// /tmp, run as user 65532.
func (reg *registry) addBase(t *testing.T, name string) {
	reg.add(t, name, imageConfig{
		User: "65532", WorkingDir: "/home/nonroot",
		Env: []string{"PATH=/usr/bin:/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
	}, func(w *tarWriter) {
		w.text("etc/passwd", "nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")
		w.text("etc/group", "nonroot:x:65532:\n")
		w.dir("home/nonroot", 0o755)
		w.dir("tmp", 0o1777)
	})
}

// addToolchain serves a builder image: this machine's Go and a shell for RUN.
// GOPROXY=off: the modules come from the machine's cache, bound to /modules.
func (reg *registry) addToolchain(t *testing.T, name string) {
	goroot := strings.TrimSpace(run(t, os.Environ(), "go", "env", "GOROOT"))
	reg.add(t, name, imageConfig{
		Env: []string{
			"PATH=/usr/local/go/bin:/bin", "GOTOOLCHAIN=local", "GOPROXY=off", "GOFLAGS=",
			"GOMODCACHE=/modules", "GOCACHE=/buildcache", "HOME=/root",
		},
	}, func(w *tarWriter) {
		w.dir("tmp", 0o1777)
		w.dir("root", 0o700)
		w.dir("modules", 0o755)
		w.dir("buildcache", 0o755)
		w.shell()
		for _, part := range []string{"VERSION", "go.env", "bin/go", "src", "pkg/include",
			"pkg/tool/" + runtime.GOOS + "_" + runtime.GOARCH} {
			w.tree(filepath.Join(goroot, part), "usr/local/go/"+part)
		}
	})
}

// add writes a one-layer image to disk and serves it under name:latest.
func (reg *registry) add(t *testing.T, name string, config imageConfig, fill func(*tarWriter)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".tar")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	w := &tarWriter{t: t, tar: tar.NewWriter(io.MultiWriter(file, sum)), made: map[string]bool{}}
	fill(w)
	if err := w.tar.Close(); err != nil {
		t.Fatal(err)
	}
	size, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	layer := fmt.Sprintf("sha256:%x", sum.Sum(nil))
	reg.blobs[layer] = path

	configText := marshal(t, map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": config,
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{layer}},
	})
	configPath := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(configPath, configText, 0o600); err != nil {
		t.Fatal(err)
	}
	reg.blobs[digest(configText)] = configPath
	reg.manifests[name] = marshal(t, map[string]any{
		"schemaVersion": 2, "mediaType": ociManifest,
		"config": descriptor{ociConfig, digest(configText), int64(len(configText))},
		"layers": []descriptor{{ociLayer, layer, size}},
	})
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// tarWriter fills a layer; a failure ends the test.
type tarWriter struct {
	t    *testing.T
	tar  *tar.Writer
	made map[string]bool // folders that have their entry
}

func (w *tarWriter) write(h *tar.Header, content io.Reader) {
	w.t.Helper()
	h.ModTime = modTime // the same bytes every time
	if err := w.tar.WriteHeader(h); err != nil {
		w.t.Fatal(err)
	}
	if content == nil {
		return
	}
	if _, err := io.Copy(w.tar, content); err != nil {
		w.t.Fatal(err)
	}
}

func (w *tarWriter) dir(name string, mode int64) {
	if w.made[name] || name == "." {
		return
	}
	w.dir(filepath.Dir(name), 0o755)
	w.made[name] = true
	w.write(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode}, nil)
}

func (w *tarWriter) text(name, content string) {
	w.dir(filepath.Dir(name), 0o755)
	w.write(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}, strings.NewReader(content))
}

func (w *tarWriter) file(path, name string) {
	w.t.Helper()
	content, err := os.Open(path)
	if err != nil {
		w.t.Fatal(err)
	}
	info, err := content.Stat()
	if err != nil {
		w.t.Fatal(err)
	}
	w.dir(filepath.Dir(name), 0o755)
	w.write(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(info.Mode().Perm()), Size: info.Size()}, content)
	if err := content.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// tree adds a file or a folder without what only Go's own tests and commands
// need.
func (w *tarWriter) tree(path, name string) {
	w.t.Helper()
	err := filepath.WalkDir(path, func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(path, p)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir() && (entry.Name() == "testdata" || rel == "cmd"):
			return fs.SkipDir
		case entry.Type().IsRegular() && !strings.HasSuffix(p, "_test.go"):
			w.file(p, filepath.Join(name, rel))
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// shell adds /bin/sh with the libraries that it is linked to.
func (w *tarWriter) shell() {
	w.t.Helper()
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		w.t.Fatal(err)
	}
	w.file(shell, "bin/sh")
	out, err := exec.CommandContext(w.t.Context(), "ldd", shell).Output()
	if err != nil {
		w.t.Fatalf("ldd %s: %v", shell, err)
	}
	for _, field := range strings.Fields(string(out)) {
		if strings.HasPrefix(field, "/") {
			w.file(field, strings.TrimPrefix(field, "/"))
		}
	}
}
