package cluster

import (
	"archive/tar"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
)

func TestPKI(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	now := time.Now()
	if already, err := makePKI(dir, now); already || err != nil {
		t.Fatalf("first run: %v, %v", already, err)
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	load := func(name string) *x509.Certificate {
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf
	}
	for name, c := range map[string]struct {
		host  string
		usage x509.ExtKeyUsage
		user  string
		group []string
	}{
		"apiserver":          {"10.96.0.1", x509.ExtKeyUsageServerAuth, "kube-apiserver", nil},
		"kubelet":            {"10.44.0.2", x509.ExtKeyUsageServerAuth, "system:node:lab", []string{"system:nodes"}},
		"admin":              {"", x509.ExtKeyUsageClientAuth, "admin", []string{"system:masters"}},
		"controller-manager": {"", x509.ExtKeyUsageClientAuth, "system:kube-controller-manager", nil},
		"scheduler":          {"", x509.ExtKeyUsageClientAuth, "system:kube-scheduler", nil},
		"proxy":              {"", x509.ExtKeyUsageClientAuth, "system:kube-proxy", nil},
	} {
		cert := load(name)
		if _, err := cert.Verify(x509.VerifyOptions{Roots: pool, DNSName: c.host, KeyUsages: []x509.ExtKeyUsage{c.usage}, CurrentTime: now}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if cert.Subject.CommonName != c.user || !cmp.Equal(cert.Subject.Organization, c.group) {
			t.Errorf("%s is %v of %v", name, cert.Subject.CommonName, cert.Subject.Organization)
		}
	}
	// A client's certificate must not pass for a server.
	if _, err := load("admin").Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err == nil {
		t.Error("the administrator's certificate serves TLS")
	}
	// The front proxy has an authority of its own, or any client could pose as it.
	if _, err := load("front-proxy").Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err == nil {
		t.Error("the front proxy's certificate is signed by the cluster's authority")
	}
	config, err := clientcmd.LoadFromFile(filepath.Join(dir, "admin.kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	if config.CurrentContext != ContextName || config.Clusters[ContextName].Server != apiServerURL {
		t.Errorf("kubeconfig: context %s, server %s", config.CurrentContext, config.Clusters[ContextName].Server)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if already, err := makePKI(dir, now); !already || err != nil {
		t.Errorf("second run: %v, %v", already, err)
	}
}

func TestImagesAreReproducible(t *testing.T) {
	make1 := func() string {
		index, err := baseIndex([]byte("certificates"))
		if err != nil {
			t.Fatal(err)
		}
		d, err := index.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
	first := make1()
	time.Sleep(1100 * time.Millisecond) // longer than the resolution of a tar's times
	if second := make1(); first != second {
		t.Errorf("the base image's digest changes: %s, %s", first, second)
	}
	envoy, err := envoyImage([]byte("envoy"), []byte("busybox"), []byte("ca"), map[string][]byte{"/lib/x/libm.so.6": []byte("m")})
	if err != nil {
		t.Fatal(err)
	}
	layers, err := envoy.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	flat := mutate.Extract(envoy)
	defer flat.Close()
	names := tarNames(t, flat)
	for _, want := range []string{"usr/local/bin/envoy", "lib/x/libm.so.6", "bin/sh", "tmp", "lib/x"} {
		if !names[want] {
			t.Errorf("no %s in the image", want)
		}
	}
}

func TestWithFolders(t *testing.T) {
	got := withFolders(map[string]file{"a/b/c": {mode: 0o644}, "a/b": {mode: fs.ModeDir | 0o700}})
	if len(got) != 3 || got["a/b"].mode.Perm() != 0o700 || !got["a"].mode.IsDir() {
		t.Errorf("got %v", got)
	}
}

func TestParseLdd(t *testing.T) {
	out := "\tlinux-vdso.so.1 (0x1)\n\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x2)\n\t/lib64/ld-linux-x86-64.so.2 (0x3)\n"
	want := []string{"/lib/x86_64-linux-gnu/libm.so.6", "/lib64/ld-linux-x86-64.so.2"}
	if diff := cmp.Diff(want, parseLdd([]byte(out))); diff != "" {
		t.Error(diff)
	}
}

const upstreamYAML = `# comment only
---
apiVersion: v1
kind: ConfigMap
metadata: {name: config-network}
data: {_example: x}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: config-domain}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: config-autoscaler}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: config-deployment}
data: {queue-sidecar-image: q}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: activator}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: gateway}
spec:
  template:
    spec:
      containers:
      - name: e
        image: docker.io/envoyproxy/envoy:v1
        resources: {requests: {cpu: 200m, memory: 1Mi}}
        readinessProbe: {initialDelaySeconds: 10, periodSeconds: 5}
      - {name: other, image: o}
`

func TestAdjust(t *testing.T) {
	objects, err := decodeYAML([]byte(upstreamYAML))
	if err != nil {
		t.Fatal(err)
	}
	got, err := adjust(objects, "envoy@digest")
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*unstructured.Unstructured{}
	for _, o := range got {
		byName[o.GetName()] = o
	}
	if len(got) != 5 || byName["activator"] != nil {
		t.Errorf("%d objects, want 5 and no autoscaler: %v", len(got), byName)
	}
	for name, want := range map[string]map[string]any{
		"config-network":    {"_example": "x", "ingress-class": "kourier.ingress.networking.knative.dev"},
		"config-domain":     {"lab.test": ""},
		"config-autoscaler": {"stable-window": "15s", "scale-to-zero-grace-period": "15s"},
		"config-deployment": {"queue-sidecar-image": "q", "registries-skipping-tag-resolving": "kind.local,ko.local,dev.local,10.44.0.2:5000"},
	} {
		if diff := cmp.Diff(want, byName[name].Object["data"]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	containers, _, err := unstructured.NestedSlice(byName["gateway"].Object, "spec", "template", "spec", "containers")
	if err != nil {
		t.Fatal(err)
	}
	want := []any{
		map[string]any{"name": "e", "image": "envoy@digest",
			"resources":      map[string]any{"requests": map[string]any{"cpu": "20m", "memory": "1Mi"}},
			"readinessProbe": map[string]any{"initialDelaySeconds": int64(0), "periodSeconds": int64(1), "failureThreshold": int64(15)}},
		map[string]any{"name": "other", "image": "o", "resources": map[string]any{"requests": map[string]any{"cpu": "20m"}}},
	}
	if diff := cmp.Diff(want, containers); diff != "" {
		t.Error(diff)
	}
	// Upstream without one of the ConfigMaps is not what we know how to set up.
	if _, err := adjust(objects[1:], "e"); err == nil || !strings.Contains(err.Error(), "config-network") {
		t.Errorf("got %v, want an error about config-network", err)
	}
}

func TestDecodeYAMLErrors(t *testing.T) {
	for input, want := range map[string]string{
		"a: [":                        "cannot decode document 1",
		"kind: X\nmetadata: {}\n":     "has no kind, apiVersion or name",
		"apiVersion: v1\nkind: Pod\n": "has no kind, apiVersion or name",
	} {
		if _, err := decodeYAML([]byte(input)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", input, err, want)
		}
	}
	if got, err := decodeYAML([]byte(dnsManifests())); err != nil || len(got) != 2 {
		t.Errorf("the DNS manifests: %d objects, %v", len(got), err)
	}
}

func TestOverlaps(t *testing.T) {
	for _, c := range []struct {
		name string
		addr string
		want bool
	}{
		{"eth0", "192.168.1.7/24", false},
		{"eth0", "10.44.0.9/24", true},
		{"eth0", "10.0.0.1/8", true},
		{"eth0", "10.44.1.1/24", false},
		{Interface, HostIP + "/24", false},
		{"eth0", "fe80::1/64", false},
	} {
		if got := overlaps(c.name, []string{c.addr}); got != c.want {
			t.Errorf("%s %s: got %v", c.name, c.addr, got)
		}
	}
}

func TestLastLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	if got, err := lastLines(path, 3); got != "" || err != nil {
		t.Errorf("no file: %q, %v", got, err)
	}
	if err := os.WriteFile(path, []byte("1\n2\n3\n4\n5\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := lastLines(path, 3); got != "3\n4\n5" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTailWriterKeepsTheEnd(t *testing.T) {
	var w tailWriter
	for range 1000 {
		if _, err := w.Write([]byte("0123456789\n")); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.String(); len(got) > tailBytes || !strings.HasSuffix(got, "0123456789") || len(w.kept) > 2*tailBytes {
		t.Errorf("kept %d bytes, ends with %q", len(got), got[len(got)-12:])
	}
}

func TestContentKeyFollowsTheModule(t *testing.T) {
	root := checkout(t)
	u := &up{Lab: &Lab{Root: root}, goRelease: "go1.26"}
	dir := u.componentDir("x")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	key := func(flags ...string) string {
		k, err := u.contentKey("x", flags...)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	write("module x")
	first := key("-s")
	if first != key("-s") {
		t.Error("the key of the same module changes")
	}
	if first == key("-w") {
		t.Error("other flags, same key")
	}
	write("module y")
	if first == key("-s") {
		t.Error("another module, same key")
	}
	write("module x")
	if u.goRelease = "go1.27"; first == key("-s") {
		t.Error("another Go release, same key")
	}
}

func TestStepsAreInOrder(t *testing.T) {
	l, err := New("..", os.Environ(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range (&up{Lab: l}).steps() {
		for _, need := range s.Needs {
			if !seen[need] {
				t.Errorf("step %s needs %s, which is not before it", s.Name, need)
			}
		}
		seen[s.Name] = true
	}
	for _, name := range componentNames {
		if !seen[name] {
			t.Errorf("no step starts the component %s", name)
		}
	}
}

// tarNames lists the members of a tar archive.
func tarNames(t *testing.T, r io.Reader) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names[h.Name] = true
	}
}
