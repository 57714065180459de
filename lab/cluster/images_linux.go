package cluster

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// nonroot is the user of the base image, the same as in distroless images.
const nonroot = 65532

const (
	passwdFile = "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"
	groupFile  = "root:x:0:\nnonroot:x:65532:\nnobody:x:65534:\n"
)

// file is one entry of an image's only layer.
type file struct {
	mode  fs.FileMode // fs.ModeDir and fs.ModeSymlink tell folders and links
	owner int
	body  []byte // a symbolic link's target
}

// layer packs files in a fixed order with fixed times, so that the same files
// always give the same digest: a new digest of the base image would rebuild
// every image on top of it.
func layer(files map[string]file) (v1.Layer, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range slices.SortedFunc(maps.Keys(withFolders(files)), cmp.Compare) {
		f := withFolders(files)[name]
		h := &tar.Header{Name: name, Mode: int64(f.mode.Perm()), Uid: f.owner, Gid: f.owner,
			ModTime: time.Unix(0, 0), Format: tar.FormatPAX, Typeflag: tar.TypeReg}
		if f.mode&fs.ModeSticky != 0 {
			h.Mode |= 0o1000
		}
		switch {
		case f.mode.IsDir():
			h.Typeflag, h.Name = tar.TypeDir, name+"/"
		case f.mode&fs.ModeSymlink != 0:
			h.Typeflag, h.Linkname = tar.TypeSymlink, string(f.body)
		default:
			h.Size = int64(len(f.body))
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("cannot pack %s: %w", name, err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write(f.body); err != nil {
				return nil, fmt.Errorf("cannot pack %s: %w", name, err)
			}
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("cannot pack a layer: %w", err)
	}
	data := buf.Bytes()
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
		tarball.WithMediaType(types.OCILayer))
}

// withFolders adds the folders that files imply.
func withFolders(files map[string]file) map[string]file {
	all := maps.Clone(files)
	for name := range files {
		for d := path.Dir(name); d != "." && d != "/"; d = path.Dir(d) {
			if _, ok := all[d]; !ok {
				all[d] = file{mode: fs.ModeDir | 0o755}
			}
		}
	}
	return all
}

// image makes an image of one layer for this machine's processor or the given one.
func image(files map[string]file, arch string, config v1.Config) (v1.Image, error) {
	l, err := layer(files)
	if err != nil {
		return nil, err
	}
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	img = mutate.ConfigMediaType(img, types.OCIConfigJSON)
	img, err = mutate.AppendLayers(img, l)
	if err != nil {
		return nil, fmt.Errorf("cannot add a layer: %w", err)
	}
	cf, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("cannot read an image's configuration: %w", err)
	}
	cf = cf.DeepCopy()
	cf.OS, cf.Architecture, cf.Config = "linux", arch, config
	cf.Created = v1.Time{Time: time.Unix(0, 0).UTC()}
	if img, err = mutate.ConfigFile(img, cf); err != nil {
		return nil, fmt.Errorf("cannot set an image's configuration: %w", err)
	}
	return img, nil
}

// baseIndex is what ko builds upon: certificates, users, a temporary folder,
// nothing to execute. It holds only data, so it serves both processors.
func baseIndex(certificates []byte) (v1.ImageIndex, error) {
	files := map[string]file{
		"etc/passwd":                        {mode: 0o644, body: []byte(passwdFile)},
		"etc/group":                         {mode: 0o644, body: []byte(groupFile)},
		"etc/ssl/certs/ca-certificates.crt": {mode: 0o644, body: certificates},
		"home/nonroot":                      {mode: fs.ModeDir | 0o700, owner: nonroot},
		"tmp":                               {mode: fs.ModeDir | fs.ModeSticky | 0o777},
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range []string{"amd64", "arm64"} {
		img, err := image(files, arch, v1.Config{
			User: fmt.Sprint(nonroot), WorkingDir: "/home/nonroot",
			Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
		})
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	return index, nil
}

// pauseImage holds the process that keeps a pod's namespaces.
func pauseImage(program []byte) (v1.Image, error) {
	return image(map[string]file{"pause": {mode: 0o755, body: program}}, runtime.GOARCH,
		v1.Config{Entrypoint: []string{"/pause"}, User: "65535:65535"})
}

// envoyImage holds Envoy, the libraries it is linked to, and a busybox for the
// shell line in Kourier's preStop hook. Libraries are by absolute path.
func envoyImage(envoy, busybox, certificates []byte, libraries map[string][]byte) (v1.Image, error) {
	files := map[string]file{
		"usr/local/bin/envoy":               {mode: 0o755, body: envoy},
		"bin/busybox":                       {mode: 0o755, body: busybox},
		"etc/passwd":                        {mode: 0o644, body: []byte(passwdFile)},
		"etc/group":                         {mode: 0o644, body: []byte(groupFile)},
		"etc/ssl/certs/ca-certificates.crt": {mode: 0o644, body: certificates},
		"tmp":                               {mode: fs.ModeDir | fs.ModeSticky | 0o777},
	}
	for _, applet := range []string{"sh", "sleep", "wget"} {
		files["bin/"+applet] = file{mode: fs.ModeSymlink | 0o777, body: []byte("busybox")}
	}
	for name, body := range libraries {
		files[strings.TrimPrefix(name, "/")] = file{mode: 0o755, body: body}
	}
	return image(files, runtime.GOARCH, v1.Config{User: "65534",
		Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"}})
}

// pushed is an image or index with its digest.
type pushed interface {
	Digest() (v1.Hash, error)
}

// push writes an image or an index to the lab's registry unless its manifest
// is there, and returns the reference by digest.
func push(ctx context.Context, repository, tag string, what pushed) (reference string, already bool, err error) {
	digest, err := what.Digest()
	if err != nil {
		return "", false, fmt.Errorf("cannot compute the digest of %s: %w", repository, err)
	}
	reference = registryAddr + "/" + repository + "@" + digest.String()
	target, err := name.NewTag(registryAddr + "/" + repository + ":" + tag)
	if err != nil {
		return "", false, fmt.Errorf("cannot name the image %s: %w", repository, err)
	}
	if d, err := remote.Head(target, remote.WithContext(ctx)); err == nil && d.Digest == digest {
		return reference, true, nil
	}
	switch w := what.(type) {
	case v1.ImageIndex:
		err = remote.WriteIndex(target, w, remote.WithContext(ctx))
	case v1.Image:
		err = remote.Write(target, w, remote.WithContext(ctx))
	default:
		err = fmt.Errorf("%T is neither an image nor an index", what)
	}
	if err != nil {
		return "", false, fmt.Errorf("cannot push %s: %w", repository, err)
	}
	return reference, false, nil
}
