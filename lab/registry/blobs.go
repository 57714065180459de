package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// blobStore keeps blobs by digest in two folders: what is pushed to a
// repository of the lab goes into the shared one. Reads look into both, since
// images built in the lab stand on the lab's base image.
type blobStore struct {
	shared, own string
}

func newBlobs(shared, own string) (*blobStore, error) {
	s := &blobStore{shared: filepath.Join(shared, "blobs"), own: filepath.Join(own, "blobs")}
	for _, dir := range []string{s.shared, s.own} {
		if err := os.MkdirAll(filepath.Join(dir, "sha256"), 0o755); err != nil {
			return nil, fmt.Errorf("cannot make the registry's folder: %w", err)
		}
	}
	return s, nil
}

// open returns the blob's file; its name comes from a checked hash, never
// from the request's path.
func (s *blobStore) open(h v1.Hash) (*os.File, error) {
	for _, dir := range []string{s.own, s.shared} {
		f, err := os.Open(filepath.Join(dir, h.Algorithm, h.Hex))
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, registry.ErrNotFound
}

// Stat returns the blob's size in bytes.
func (s *blobStore) Stat(_ context.Context, _ string, h v1.Hash) (int64, error) {
	f, err := s.open(h)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Get opens the blob.
func (s *blobStore) Get(_ context.Context, _ string, h v1.Hash) (io.ReadCloser, error) {
	return s.open(h)
}

// Put stores a blob; the handler has checked its digest while it streams.
func (s *blobStore) Put(_ context.Context, repo string, h v1.Hash, body io.ReadCloser) error {
	dir := s.own
	if strings.HasPrefix(repo, SharedPrefix) {
		dir = s.shared
	}
	f, err := os.CreateTemp(dir, "upload-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, h.Algorithm, h.Hex))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
