package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// upstream is a set of manifests that ko turns into images and plain YAML.
type upstream struct {
	// component is the wrapper module, name tells its sets of manifests apart.
	component, name string
	// sources are folders or files of modules, copied into one folder.
	sources []source
}

// source is a folder or file inside a module.
type source struct{ module, path string }

// servingManifests are Knative Serving's own. Upstream links files of two
// other modules into config/core; module archives hold no symbolic links, so
// those files are fetched from where the links point.
func servingManifests() upstream {
	return upstream{component: "knative", name: "serving", sources: []source{
		{"knative.dev/serving", "config/core"},
		{"knative.dev/networking", "config"},
		{"knative.dev/caching", "config/image.yaml"},
	}}
}

func kourierManifests() upstream {
	return upstream{component: "knative", name: "kourier", sources: []source{{"knative.dev/net-kourier", "config"}}}
}

func (l *Lab) sharedRegistry() string { return filepath.Join(l.Cache, "registry") }

// resolve builds the images of u's manifests into the lab's registry and
// returns the manifests' path in the cache.
func (u *up) resolve(ctx context.Context, m upstream) (path string, already bool, err error) {
	key, err := u.contentKey(m.component, m.name, u.baseReference, registryAddr)
	if err != nil {
		return "", false, err
	}
	path = filepath.Join(u.Cache, "manifests", m.name+"-"+key+".yaml")
	if data, err := os.ReadFile(path); err == nil && allImagesThere(ctx, data) {
		return path, true, nil
	}
	if err := u.makeCacheDir(filepath.Dir(path)); err != nil {
		return "", false, err
	}
	work, err := os.MkdirTemp(filepath.Dir(path), ".resolving-")
	if err != nil {
		return "", false, fmt.Errorf("cannot make a folder for manifests: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := os.Chmod(work, 0o755); err != nil {
		return "", false, fmt.Errorf("cannot open the folder of manifests: %w", err)
	}
	if err := u.copySources(ctx, m, work); err != nil {
		return "", false, err
	}
	env := u.goEnviron("KO_DOCKER_REPO="+registryAddr+"/lab/"+m.name, "KO_DEFAULTBASEIMAGE="+u.baseReference)
	out, err := u.output(ctx, "build-"+m.name, u.componentDir(m.component), env,
		u.path("bin", "ko"), "resolve", "--base-import-paths", "--recursive", "--platform", hostPlatform(),
		"--sbom", "none", "--filename", work)
	if err != nil {
		return "", false, err
	}
	if err := os.WriteFile(path+".new", out, 0o644); err != nil {
		return "", false, fmt.Errorf("cannot keep the manifests: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return "", false, fmt.Errorf("cannot keep the manifests: %w", err)
	}
	return path, false, nil
}

// copySources collects the YAML files of m in dir.
func (u *up) copySources(ctx context.Context, m upstream, dir string) error {
	for i, s := range m.sources {
		module, err := u.moduleDir(ctx, m.component, s.module)
		if err != nil {
			return err
		}
		root := filepath.Join(module, s.path)
		err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(module, path)
			if err != nil {
				return err
			}
			name := fmt.Sprintf("%d-%s", i, strings.ReplaceAll(rel, string(filepath.Separator), "-"))
			return os.WriteFile(filepath.Join(dir, name), data, 0o644)
		})
		if err != nil {
			return fmt.Errorf("cannot copy the manifests of %s: %w", s.module, err)
		}
	}
	return nil
}

var labImage = regexp.MustCompile(regexp.QuoteMeta(registryAddr) + `/[a-z0-9./_-]+@sha256:[0-9a-f]{64}`)

// allImagesThere says whether the registry still holds every image that the
// manifests name (somebody may have emptied the cache).
func allImagesThere(ctx context.Context, manifests []byte) bool {
	images := labImage.FindAll(manifests, -1)
	for _, i := range images {
		if !hasImage(ctx, string(i)) {
			return false
		}
	}
	return len(images) > 0
}

// installKnative applies both sets of manifests unless the cluster runs them.
func (u *up) installKnative(ctx context.Context) (already bool, err error) {
	var objects []*unstructured.Unstructured
	parts := []string{u.envoyReference}
	for _, path := range []string{u.servingPath, u.kourierPath} {
		data, err := os.ReadFile(path)
		if err != nil {
			return false, fmt.Errorf("cannot read the manifests: %w", err)
		}
		some, err := decodeYAML(data)
		if err != nil {
			return false, fmt.Errorf("%s: %w", path, err)
		}
		objects = append(objects, some...)
		parts = append(parts, string(data))
	}
	for name, data := range configuration() {
		for key, value := range data {
			parts = append(parts, name+key+value)
		}
	}
	content := digestOf(sortedTail(parts, 3)...)
	if already, err = u.clients.installed(ctx, content); err != nil || already {
		return already, err
	}
	if objects, err = adjust(objects, u.envoyReference); err != nil {
		return false, err
	}
	if err := u.clients.apply(ctx, objects); err != nil {
		return false, err
	}
	if err := u.clients.publishIngress(ctx); err != nil {
		return false, err
	}
	return false, u.clients.markInstalled(ctx, content)
}
