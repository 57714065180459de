//go:build image

package knative

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	koModule = "github.com/google/ko@v0.19.1"
	// stamp is an unlikely version, so that an answer that shows it was stamped.
	stamp = "7.8.9-imagetest"
	// examplePatient is the first row of the training data.
	examplePatient = `{"features":["age","sex","cp","trestbps","chol","fbs","restecg",` +
		`"thalach","exang","oldpeak","slope","ca","thal"],` +
		`"data":[[63,1,1,145,233,1,2,150,0,2.3,3,0,"6"]]}`
)

// TestDockerfileMakesKosImage builds the function once with ko and once with
// Buildah from the Dockerfile, on base images made from this machine's own
// toolchain, and compares files, settings and answers. It needs root (for
// Buildah's chroot isolation, and to run the results as their own user), the
// Debian package buildah, and the module cache that the other tests fill.
func TestDockerfileMakesKosImage(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("needs root: run it as `sudo -E go test -tags image ./knative`")
	}
	if _, err := exec.LookPath("buildah"); err != nil {
		t.Fatal("needs buildah: apt-get install buildah")
	}
	leaveNoCache(t)
	reg := newRegistry(t)
	reg.addBase(t, "base")
	reg.addToolchain(t, "toolchain")

	for _, version := range []string{"1", "2"} {
		t.Run("model "+version, func(t *testing.T) {
			koDir := koBuild(t, reg, version)
			dockerDir := buildahBuild(t, reg, version)
			koImage, dockerImage := readLayout(t, koDir), readLayout(t, dockerDir)
			compareSettings(t, koImage.config, dockerImage.config)
			compareFiles(t, koImage, dockerImage)
			checkSize(t, koImage)

			koAnswers, dockerAnswers := answers(t, koImage), answers(t, dockerImage)
			if diff := cmp.Diff(koAnswers, dockerAnswers); diff != "" {
				t.Errorf("answers differ (-ko +Dockerfile):\n%s", diff)
			}
			server := koAnswers["GET /v2"].Body
			if !strings.Contains(server, stamp) {
				t.Errorf("GET /v2 does not show version %s: %s", stamp, server)
			}
			predict := koAnswers["POST /predict"]
			if want := fmt.Sprintf(`"version":"%s"`, version); !strings.Contains(predict.Body, want) {
				t.Errorf("POST /predict lacks %s: %s", want, predict.Body)
			}
		})
	}
}

// leaveNoCache removes after the test what Buildah writes outside of its storage
// whatever it is told, where it was not there before.
func leaveNoCache(t *testing.T) {
	t.Helper()
	const parent = "/var/lib/containers"
	if _, err := os.Stat(parent); !errors.Is(err, fs.ErrNotExist) {
		return
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(filepath.Join(parent, "cache")); err != nil {
			t.Error(err)
		}
		if err := os.Remove(parent); err != nil {
			t.Error(err)
		}
	})
}

// TestKoReadsTwoFiles: `ko resolve -f knative/`, as `ko apply` does, must take
// the two files of the folder and nothing from gitops/ or cluster-local/.
func TestKoReadsTwoFiles(t *testing.T) {
	reg := newRegistry(t)
	reg.addBase(t, "base")
	out := run(t, koEnv(reg, "1"), "go", "run", koModule, "resolve", "--push=false", "--sbom=none", "-f", "knative/")
	if n := strings.Count(out, "kind: Service"); n != 2 {
		t.Errorf("%d Services, want 2:\n%s", n, out)
	}
	for _, word := range []string{"ko://", "gitops", "cluster-local", "kind: Route"} {
		if strings.Contains(out, word) {
			t.Errorf("%q in the resolved manifests:\n%s", word, out)
		}
	}
	// One image: a scale-up of v2 never pulls.
	images := map[string]bool{}
	for _, line := range strings.Split(out, "\n") {
		if _, image, ok := strings.Cut(line, "image: "); ok {
			images[image] = true
		}
	}
	if len(images) != 1 {
		t.Errorf("images %v, want one", images)
	}
}

func koEnv(reg *registry, version string) []string {
	return append(os.Environ(),
		"KO_DOCKER_REPO="+reg.host, "KO_DEFAULTBASEIMAGE="+reg.host+"/base",
		"VERSION="+stamp, "DEFAULT_MODEL_VERSION="+version)
}

// koBuild returns the OCI layout that ko writes. ko takes the folder's name for
// a repository's as well, which has no capitals; t.TempDir() has.
func koBuild(t *testing.T, reg *registry, version string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ko-layout-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	run(t, koEnv(reg, version), "go", "run", koModule, "build",
		"--push=false", "--sbom=none", "--oci-layout-path", dir, "./function")
	return dir
}

// buildahBuild returns the OCI layout of the Dockerfile's image. Buildah's own
// storage lies in a temporary folder and goes with it.
func buildahBuild(t *testing.T, reg *registry, version string) string {
	t.Helper()
	tmp := t.TempDir()
	dir := filepath.Join(tmp, "oci")
	modules := strings.TrimSpace(run(t, os.Environ(), "go", "env", "GOMODCACHE"))
	// The build cache is shared with ko's build: with -trimpath the objects are
	// the same wherever the sources lie. Each side links by itself.
	objects := strings.TrimSpace(run(t, os.Environ(), "go", "env", "GOCACHE"))
	buildah := []string{"--storage-driver", "vfs", "--root", filepath.Join(tmp, "root"), "--runroot", filepath.Join(tmp, "run")}
	env := append(os.Environ(), "TMPDIR="+tmp)
	const name = "online-inference:test"
	run(t, env, "buildah", append(slices.Clone(buildah), "bud", "--isolation", "chroot", "--tls-verify=false",
		"--format", "oci", "--volume", modules+":/modules:ro", "--volume", objects+":/buildcache", "-f", "Dockerfile", "-t", name,
		"--build-arg", "BUILD_IMAGE="+reg.host+"/toolchain", "--build-arg", "BASE_IMAGE="+reg.host+"/base",
		"--build-arg", "VERSION="+stamp, "--build-arg", "MODEL_VERSION="+version, ".")...)
	run(t, env, "buildah", append(slices.Clone(buildah), "push", name, "oci:"+dir+":test")...)
	return dir
}

// run runs a command in the project's root and returns its standard output.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = "..", env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	t.Logf("%.1f s: %s %s", time.Since(start).Seconds(), name, strings.Join(args[:min(3, len(args))], " "))
	return stdout.String()
}

func compareSettings(t *testing.T, ko, docker imageConfig) {
	t.Helper()
	// ko declares no port; its images are run by manifests that do.
	if _, ok := docker.ExposedPorts["8080/tcp"]; !ok {
		t.Errorf("the Dockerfile's image exposes %v, want 8080/tcp", docker.ExposedPorts)
	}
	if got := docker.Labels["org.opencontainers.image.version"]; got != stamp {
		t.Errorf("label version %q, want %q", got, stamp)
	}
	for _, c := range []*imageConfig{&ko, &docker} {
		slices.Sort(c.Env)
		c.ExposedPorts, c.Labels = nil, nil
	}
	if diff := cmp.Diff(ko, docker); diff != "" {
		t.Errorf("settings differ (-ko +Dockerfile):\n%s", diff)
	}
	if ko.User != "65532" {
		t.Errorf("user %q, want 65532", ko.User)
	}
}

// compareFiles wants the same files, with modes and contents; the binary is
// among them, so it is the same to the byte.
func compareFiles(t *testing.T, ko, docker image) {
	t.Helper()
	for _, dir := range []string{"ko-app", "var/run/ko"} {
		a, b := listing(t, filepath.Join(ko.rootfs, dir)), listing(t, filepath.Join(docker.rootfs, dir))
		if len(a) == 0 {
			t.Errorf("no file under %s", dir)
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("%s differs (-ko +Dockerfile):\n%s", dir, diff)
		}
	}
}

// checkSize holds the image against the project's bounds: 12 MB of compressed
// layers beside the base, a binary of 25 MB.
func checkSize(t *testing.T, img image) {
	t.Helper()
	info, err := os.Stat(filepath.Join(img.rootfs, img.config.Entrypoint[0]))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("layers %.1f MB compressed, binary %.1f MB", float64(img.compressed)/1e6, float64(info.Size())/1e6)
	if img.compressed == 0 || img.compressed > 12e6 {
		t.Errorf("layers of %d bytes, want 1 to 12,000,000", img.compressed)
	}
	if info.Size() > 25e6 {
		t.Errorf("binary of %d bytes, want 25,000,000 at most", info.Size())
	}
}

type answer struct {
	Status int
	Header http.Header
	Body   string
}

// answers runs an image's entry point as its own user inside its own files and
// returns what it says to a few requests.
func answers(t *testing.T, img image) map[string]answer {
	t.Helper()
	var lc net.ListenConfig
	listener, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}

	cmd := exec.CommandContext(t.Context(), img.config.Entrypoint[0], img.config.Entrypoint[1:]...)
	cmd.Dir = "/"
	cmd.Env = append(slices.Clone(img.config.Env), "PORT="+port, "HOSTNAME=image")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot:     img.rootfs,
		Credential: &syscall.Credential{Uid: 65532, Gid: 65532},
	}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("cannot start the image's binary: %v", err)
	}
	stopped := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		stopped <- cmd.Wait()
		close(ended)
	}()
	// After a failure half-way the test's context has ended the process by then.
	t.Cleanup(func() { <-ended })
	base := "http://127.0.0.1:" + port
	waitReady(t, base+"/v2/health/ready", stopped, &log)

	got := map[string]answer{}
	for _, r := range []struct{ method, path, body string }{
		{"GET", "/v2", ""},
		{"GET", "/v2/models/heart-disease", ""},
		{"GET", "/health", ""},
		{"GET", "/nowhere", ""},
		{"POST", "/predict", examplePatient},
		{"POST", "/predict", `{"features":["age"],"data":[[63]]}`},
	} {
		key := r.method + " " + r.path
		if _, ok := got[key]; ok {
			key += " (bad)"
		}
		got[key] = ask(t, r.method, base+r.path, r.body)
	}
	if s := got["POST /predict"].Status; s != http.StatusOK {
		t.Errorf("POST /predict: %d %s", s, got["POST /predict"].Body)
	}

	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-stopped:
		if err != nil {
			t.Errorf("exit after SIGTERM: %v\n%s", err, log.String())
		}
	case <-time.After(30 * time.Second):
		t.Error("no exit 30 s after SIGTERM")
	}
	return got
}

func waitReady(t *testing.T, url string, stopped <-chan error, log *bytes.Buffer) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			if err := resp.Body.Close(); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case err := <-stopped:
			t.Fatalf("the image's binary ended: %v\n%s", err, log.String())
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready in 20 s: %v\n%s", err, log.String())
		}
	}
}

// ask sends one request and drops from the answer what is new each time.
func ask(t *testing.T, method, url, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("X-Request-Id", "image-test")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	resp.Header.Del("Date")
	return answer{resp.StatusCode, resp.Header, compact(text)}
}

// compact removes the spaces of a JSON body; any other body stays as it is.
func compact(text []byte) string {
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		return string(text)
	}
	return out.String()
}
