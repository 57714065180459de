// Package registry is the lab's container registry: go-containerregistry's
// handler with blobs on disk, and with manifests on disk as well, which that
// handler keeps in memory only and so forgets when it stops.
package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/registry"
)

// SharedPrefix begins the repositories that belong to the lab itself. They
// are kept in the shared folder, which outlives the cluster; every other
// repository lives and dies with the cluster.
const SharedPrefix = "lab/"

// maxManifest bounds a manifest's size, as the distribution specification
// recommends (4 MiB).
const maxManifest = 4 << 20

// record is one manifest on disk. Seq keeps the order of the pushes, because
// an index is accepted only after the images that it names.
type record struct {
	Seq         int64  `json:"seq"`
	Path        string `json:"path"`
	ContentType string `json:"contentType"`
	Body        []byte `json:"body"`
}

// handler stands before go-containerregistry's and writes down accepted manifests.
type handler struct {
	next   http.Handler
	shared string
	own    string
	mu     sync.Mutex
	seq    int64
}

// New serves the repositories under shared (the lab's) and own (all others),
// with every manifest that an earlier run accepted.
func New(shared, own string, logger *log.Logger) (http.Handler, error) {
	blobs, err := newBlobs(shared, own)
	if err != nil {
		return nil, err
	}
	h := &handler{
		next:   registry.New(registry.Logger(logger), registry.WithBlobHandler(blobs), registry.WithReferrersSupport(true)),
		shared: filepath.Join(shared, "manifests"),
		own:    filepath.Join(own, "manifests"),
	}
	var all []record
	for _, dir := range []string{h.shared, h.own} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("cannot make the registry's folder: %w", err)
		}
		records, err := load(dir)
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
	}
	slices.SortFunc(all, func(a, b record) int { return int(a.Seq - b.Seq) })
	for _, r := range all {
		if err := h.replay(r); err != nil {
			return nil, err
		}
		h.seq = max(h.seq, r.Seq)
	}
	return h, nil
}

func load(dir string) ([]record, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list the registry's manifests: %w", err)
	}
	var records []record
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("cannot read a manifest: %w", err)
		}
		var r record
		if err := json.Unmarshal(data, &r); err != nil {
			return nil, fmt.Errorf("cannot decode the manifest file %s: %w", e.Name(), err)
		}
		records = append(records, r)
	}
	return records, nil
}

// answer is the part of a response that replay looks at.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

func (h *handler) replay(r record) error {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPut, "http://registry"+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return fmt.Errorf("cannot replay the manifest %s: %w", r.Path, err)
	}
	req.Header.Set("Content-Type", r.ContentType)
	a := &answer{header: http.Header{}, status: http.StatusOK}
	h.next.ServeHTTP(a, req)
	if a.status/100 != 2 {
		return fmt.Errorf("cannot replay the manifest %s: status %d: %s", r.Path, a.status, strings.TrimSpace(a.body.String()))
	}
	return nil
}

// ServeHTTP writes an accepted manifest to disk before the client hears of it.
func (h *handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodPut || !strings.Contains(req.URL.Path, "/manifests/") {
		h.next.ServeHTTP(w, req)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxManifest))
	if err != nil {
		http.Error(w, "cannot read the manifest: "+err.Error(), http.StatusBadRequest)
		return
	}
	r := record{Path: req.URL.Path, ContentType: req.Header.Get("Content-Type"), Body: body}
	req.Body = io.NopCloser(bytes.NewReader(body))
	a := &answer{header: w.Header(), status: http.StatusOK}
	h.next.ServeHTTP(a, req)
	if a.status/100 == 2 {
		if err := h.save(r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	w.WriteHeader(a.status)
	if _, err := w.Write(a.body.Bytes()); err != nil {
		return // the client has gone; the manifest is kept
	}
}

func (h *handler) save(r record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	r.Seq = h.seq
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("cannot encode the manifest: %w", err)
	}
	dir := h.own
	if strings.HasPrefix(strings.TrimPrefix(r.Path, "/v2/"), SharedPrefix) {
		dir = h.shared
	}
	// One file a reference: a tag that moves replaces its file.
	sum := sha256.Sum256([]byte(r.Path))
	name := filepath.Join(dir, hex.EncodeToString(sum[:])+".json")
	if err := os.WriteFile(name+".new", data, 0o644); err != nil {
		return fmt.Errorf("cannot write the manifest: %w", err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		return fmt.Errorf("cannot write the manifest: %w", err)
	}
	return nil
}
