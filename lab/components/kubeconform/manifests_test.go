package kubeconform

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yannh/kubeconform/pkg/validator"
)

const root = "../../.."

// without are the files that have no schema here, and why.
var without = map[string]string{
	"k8s-classic/chart/Chart.yaml":                 "read by Helm alone; its linter has it",
	"k8s-classic/more/registry/kustomization.yaml": "read by kustomize alone; lab/e2e renders and applies it",
	"knative/monitoring/podmonitor.yaml":           "of the Prometheus operator, which nothing here pins; a test beside it reads it strictly",
}

// elsewhere are the folders whose YAML is no manifest as it stands.
var elsewhere = map[string]string{
	"k8s-classic/chart/templates": "templates; their renders, kept equal by the chart's own test, are judged",
	"k8s-classic/rules/testdata":  "faults, on purpose",
}

// manifests are all YAML files of the project that call themselves an object of
// some API, by their path from the root.
func manifests(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, ok := elsewhere[name]; ok || strings.HasPrefix(d.Name(), ".") && name != "." {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".yaml" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if apiVersionLine.Match(text) {
			files[name] = text
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, why := range without {
		if _, ok := files[name]; !ok {
			t.Errorf("%s is left out (%s), and is not there", name, why)
		}
		delete(files, name)
	}
	return files
}

var apiVersionLine, kindLine = regexp.MustCompile(`(?m)^apiVersion: (\S+)$`), regexp.MustCompile(`(?m)^kind: (\S+)$`)

// kindsOf are the kinds of the documents of a file.
func kindsOf(t *testing.T, name string, text []byte) []kind {
	t.Helper()
	var list []kind
	versions, kinds := apiVersionLine.FindAllSubmatch(text, -1), kindLine.FindAllSubmatch(text, -1)
	if len(versions) == 0 || len(versions) != len(kinds) {
		t.Fatalf("%s: %d apiVersions and %d kinds", name, len(versions), len(kinds))
	}
	for i := range versions {
		list = append(list, kind{string(versions[i][1]), string(kinds[i][1])})
	}
	return list
}

// newValidator makes the schemas of the kinds.
func newValidator(t *testing.T, kinds []kind) validator.Validator {
	t.Helper()
	from, err := findSources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, k := range kinds {
		if err := from.write(folder, k); err != nil {
			t.Fatal(err)
		}
	}
	v, err := validator.New([]string{location(folder)}, validator.Opts{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// faults are what kubeconform finds in a file, and the number of its objects.
func faults(v validator.Validator, name string, text []byte) (found []string, objects int) {
	for _, r := range v.Validate(name, io.NopCloser(bytes.NewReader(text))) {
		switch r.Status {
		case validator.Empty:
		case validator.Valid:
			objects++
		default:
			objects++
			found = append(found, r.Err.Error())
		}
	}
	return found, objects
}

// TestManifests: every manifest and every render of the chart fits its schema.
func TestManifests(t *testing.T) {
	files, kinds := manifests(t), []kind{}
	for name, text := range files {
		for _, k := range kindsOf(t, name, text) {
			if !slices.Contains(kinds, k) {
				kinds = append(kinds, k)
			}
		}
	}
	if len(files) < 40 {
		t.Errorf("only %d files", len(files))
	}
	v, total := newValidator(t, kinds), 0
	for name, text := range files {
		found, objects := faults(v, name, text)
		for _, f := range found {
			t.Errorf("%s: %s", name, f)
		}
		if want := len(kindsOf(t, name, text)); objects != want {
			t.Errorf("%s: %d objects judged, want %d", name, objects, want)
		}
		total += objects
	}
	t.Logf("%d objects of %d kinds in %d files fit their schemas", total, len(kinds), len(files))
}

// TestFaultsAreFound: one edit of a good manifest, and the complaint about it.
func TestFaultsAreFound(t *testing.T) {
	v := newValidator(t, []kind{{"v1", "Pod"}, {"apps/v1", "Deployment"}, {"serving.knative.dev/v1", "Service"}})
	files := manifests(t)
	for _, c := range []struct{ file, replace, with, want string }{
		{"k8s-classic/online-inference-pod.yaml", "imagePullPolicy:", "imagePullPolice:", "imagePullPolice"},
		{"k8s-classic/online-inference-pod.yaml", "containerPort: 8080", "containerPort: http", "got string, want integer"},
		{"k8s-classic/online-inference-pod.yaml", "kind: Pod", "kind: Pods", "could not find schema for Pods"},
		{"k8s-classic/online-inference-deployment-blue-green.yaml", "      maxSurge:", "      maxSurges:", "maxSurges"},
		{"k8s-classic/online-inference-deployment-blue-green.yaml", "  selector:", "  selectors:", "selector"},
		{"knative/10-service-v1.yaml", "containerConcurrency: 0", "containerConcurency: 0", "containerConcurency"},
		{"knative/10-service-v1.yaml", "percent: 100", "percent: all", "got string, want integer"},
	} {
		text := files[c.file]
		if n := bytes.Count(text, []byte(c.replace)); n != 1 {
			t.Fatalf("%s: %q occurs %d times, want once", c.file, c.replace, n)
		}
		found, _ := faults(v, c.file, bytes.Replace(text, []byte(c.replace), []byte(c.with), 1))
		if len(found) != 1 || !strings.Contains(found[0], c.want) {
			t.Errorf("%s with %q: %q, want %q", c.file, c.with, found, c.want)
		}
	}
}
