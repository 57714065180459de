package registry

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func start(t *testing.T, shared, own string) string {
	t.Helper()
	h, err := New(shared, own, log.New(io.Discard, "", 0))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func reference(t *testing.T, format string, args ...any) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(fmt.Sprintf(format, args...))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func randomIndex(t *testing.T) v1.ImageIndex {
	t.Helper()
	index, err := random.Index(512, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

func TestManifestsOutliveTheServer(t *testing.T) {
	shared, own := t.TempDir(), t.TempDir()
	index := randomIndex(t)
	image, err := random.Image(512, 2)
	if err != nil {
		t.Fatal(err)
	}
	addr := start(t, shared, own)
	if err := remote.WriteIndex(reference(t, "%s/lab/index:current", addr), index); err != nil {
		t.Fatal(err)
	}
	// A tag that moves: only its last image counts after a restart.
	first, err := random.Image(256, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, img := range []v1.Image{first, image} {
		if err := remote.Write(reference(t, "%s/function:latest", addr), img); err != nil {
			t.Fatal(err)
		}
	}

	addr = start(t, shared, own)
	gotIndex, err := remote.Index(reference(t, "%s/lab/index:current", addr))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(gotIndex); err != nil {
		t.Error(err)
	}
	got, err := remote.Image(reference(t, "%s/function:latest", addr))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(got); err != nil {
		t.Error(err)
	}
	wantDigest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if d, err := got.Digest(); err != nil || d != wantDigest {
		t.Errorf("digest %v (%v), want %v", d, err, wantDigest)
	}
}

func TestOwnRepositoriesStayOutOfTheSharedFolder(t *testing.T) {
	shared, own := t.TempDir(), t.TempDir()
	addr := start(t, shared, own)
	image, err := random.Image(512, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(reference(t, "%s/function:latest", addr), image); err != nil {
		t.Fatal(err)
	}
	if n := countFiles(t, shared); n != 0 {
		t.Errorf("%d files in the shared folder, want none", n)
	}
	if n := countFiles(t, own); n < 3 {
		t.Errorf("%d files in the own folder, want a layer, a configuration and a manifest", n)
	}
	// A new lab starts with the shared folder only.
	addr = start(t, shared, t.TempDir())
	if _, err := remote.Head(reference(t, "%s/function:latest", addr)); err == nil {
		t.Error("an image of the last lab is still there")
	}
}

func TestRefusedManifestsAreNotKept(t *testing.T) {
	shared, own := t.TempDir(), t.TempDir()
	addr := start(t, shared, own)
	manifest, err := randomIndex(t).RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	// Its images were never pushed.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+addr+"/v2/x/manifests/latest", bytes.NewReader(manifest))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("status %d, want %d", resp.StatusCode, http.StatusNotFound)
	}
	if n := countFiles(t, own); n != 0 {
		t.Errorf("%d files kept, want none", n)
	}
}

func TestNewReportsBrokenRecords(t *testing.T) {
	for want, body := range map[string]string{
		"cannot decode": "{",
		"cannot replay": `{"seq":1,"path":"/v2/x/manifests/latest","contentType":"application/vnd.oci.image.index.v1+json","body":"bm90IGpzb24="}`,
	} {
		own := t.TempDir()
		if err := os.MkdirAll(filepath.Join(own, "manifests"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(own, "manifests", "a.json"), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := New(t.TempDir(), own, log.New(io.Discard, "", 0)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

func countFiles(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
