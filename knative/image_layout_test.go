//go:build image

package knative

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// imageConfig is the part of an OCI image's configuration that a container
// runtime acts on.
type imageConfig struct {
	User         string
	Env          []string
	Entrypoint   []string
	Cmd          []string
	WorkingDir   string
	ExposedPorts map[string]struct{}
	Labels       map[string]string
}

// image is an OCI image unpacked: its settings, its files, and the bytes of its
// compressed layers. The test's base image is not compressed, so these are what
// the function adds to it.
type image struct {
	config     imageConfig
	rootfs     string
	compressed int64
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// readLayout unpacks the one image of an OCI layout folder.
func readLayout(t *testing.T, dir string) image {
	t.Helper()
	var index struct{ Manifests []descriptor }
	readJSON(t, filepath.Join(dir, "index.json"), &index)
	if len(index.Manifests) != 1 {
		t.Fatalf("%d images in %s, want 1", len(index.Manifests), dir)
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	readJSON(t, blobPath(dir, index.Manifests[0]), &manifest)
	var config struct{ Config imageConfig }
	readJSON(t, blobPath(dir, manifest.Config), &config)

	img := image{config: config.Config, rootfs: t.TempDir()}
	for _, layer := range manifest.Layers {
		gzipped := strings.HasSuffix(layer.MediaType, "gzip")
		if gzipped {
			img.compressed += layer.Size
		}
		if err := unpack(blobPath(dir, layer), gzipped, img.rootfs); err != nil {
			t.Fatalf("cannot unpack layer %s: %v", layer.Digest, err)
		}
	}
	return img
}

func blobPath(dir string, d descriptor) string {
	return filepath.Join(dir, "blobs", strings.Replace(d.Digest, ":", "/", 1))
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("cannot read %s: %v", path, err)
	}
}

// unpack writes a layer's folders, files and links below root, with their
// modes. The layers are ours; whiteouts do not occur in them.
func unpack(path string, gzipped bool, root string) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var stream io.Reader = file
	if gzipped {
		if stream, err = gzip.NewReader(file); err != nil {
			return err
		}
	}
	reader := tar.NewReader(stream)
	for {
		h, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := strings.Trim(h.Name, "/")
		if name == "" || name == "." {
			continue
		}
		if !filepath.IsLocal(name) {
			return fmt.Errorf("entry %q leaves the image", h.Name)
		}
		target := filepath.Join(root, name)
		// Directories stay writable for the owner while they are filled; root
		// would not care, but the mode compared is the file's own.
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(target, 0o755)
			if err == nil {
				err = os.Chmod(target, h.FileInfo().Mode())
			}
		case tar.TypeReg:
			err = writeFile(target, reader, h.FileInfo().Mode())
		default:
			err = fmt.Errorf("entry %s of type %q is not expected here", h.Name, h.Typeflag)
		}
		if err != nil {
			return err
		}
	}
}

func writeFile(path string, content io.Reader, mode fs.FileMode) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := io.Copy(file, content); err != nil {
		return err
	}
	return file.Chmod(mode)
}

// listing maps each path below dir to its mode and, for a file, its digest.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." {
				found[name] = info.Mode().String()
			}
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found[name] = fmt.Sprintf("%s %d bytes sha256:%x", info.Mode(), len(text), sha256.Sum256(text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
