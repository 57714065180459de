package cluster

import (
	"os"
	"path/filepath"
	"testing"
)

func TestBuiltKubernetes(t *testing.T) {
	l := &Lab{Cache: t.TempDir()}
	if l.builtKubernetes() {
		t.Error("an empty cache is said to hold a build")
	}
	names := kubernetesProgram().names
	dir := filepath.Join(l.Cache, "bin", "kubernetes-0123456789ab")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if l.builtKubernetes() {
			t.Fatalf("a build of %d of %d programs is taken for whole", i, len(names))
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if !l.builtKubernetes() {
		t.Error("a whole build is not seen")
	}
}
