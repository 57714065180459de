// Package charts holds the chart in k8s-classic/chart against Helm's own code,
// without a cluster: what it renders, which values it refuses, what it packs.
package charts

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/cli/values"
	"helm.sh/helm/v3/pkg/lint/support"
	"helm.sh/helm/v3/pkg/release"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const chartDir = "../../../../k8s-classic/chart"

var update = flag.Bool("update", false, "write the renders anew")

// set are values as on the command line: KEY=VALUE.
func set(pairs ...string) values.Options { return values.Options{Values: pairs} }

func load(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// render is `helm template`, with the schema's check and the notes.
func render(t *testing.T, name string, options values.Options) (*release.Release, error) {
	t.Helper()
	given, err := options.MergeValues(nil)
	if err != nil {
		t.Fatal(err)
	}
	install := action.NewInstall(&action.Configuration{Log: t.Logf})
	install.DryRun, install.ClientOnly, install.Replace = true, true, true
	install.ReleaseName, install.Namespace = name, "models"
	install.KubeVersion = &chartutil.KubeVersion{Version: "v1.35.4", Major: "1", Minor: "35"}
	return install.Run(load(t), given)
}

func mustRender(t *testing.T, name string, options values.Options) *release.Release {
	t.Helper()
	rel, err := render(t, name, options)
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

// text is everything that a release makes, its hooks behind the rest.
func text(rel *release.Release) string {
	var b strings.Builder
	b.WriteString(rel.Manifest)
	for _, h := range rel.Hooks {
		fmt.Fprintf(&b, "---\n# Source: %s\n%s\n", h.Path, h.Manifest)
	}
	return b.String()
}

// objects are the release's objects by kind and name.
func objects(t *testing.T, rel *release.Release) map[string]*unstructured.Unstructured {
	t.Helper()
	all := map[string]*unstructured.Unstructured{}
	d := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text(rel)), 4096)
	for {
		o := &unstructured.Unstructured{}
		err := d.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(o.Object) > 0 {
			all[o.GetKind()+"/"+o.GetName()] = o
		}
	}
}

// renders are sets of values whose results stand in the chart's testdata, where
// other tests hold them against the API's types and the linters.
var renders = map[string]values.Options{
	"default":     {},
	"autoscaling": set("autoscaling.enabled=true", "resources.requests.cpu=100m", "image.tag=v2"),
	"recreate": set("strategy.type=Recreate", "service.type=NodePort", "serviceAccount.create=false",
		"podDisruptionBudget.minAvailable=50%"),
	"late": set("config.START_DELAY=25s", "probes.startup.failureThreshold=60", "image.digest=sha256:"+strings.Repeat("0", 64)),
	"model-yaml": {Values: []string{"model.version=2", "config.MAX_ROWS=2000000"},
		FileValues: []string{"model.yaml=../../../../function/kodata/models/heart-disease/2/model.yaml"}},
	"own-model": {Values: []string{"model.volume.persistentVolumeClaim.claimName=churn", "model.volume.persistentVolumeClaim.readOnly=true",
		"model.name=churn", "model.version=2026-11", "extraEnvFrom[0].secretRef.name=collector", "imagePullSecrets[0].name=registry",
		"podLabels.team=risk", `nodeSelector.kubernetes\.io/arch=amd64`},
		StringValues: []string{`podAnnotations.prometheus\.io/port=9464`}},
}

func TestRenders(t *testing.T) {
	for name, options := range renders {
		t.Run(name, func(t *testing.T) {
			got := text(mustRender(t, "demo", options))
			path := filepath.Join(chartDir, "testdata", "renders", name+".yaml")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s differs (go -C lab/components/helm test ./charts -update):\n%s", path, diff)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join(chartDir, "testdata", "renders", "*.yaml"))
	if err != nil || len(files) != len(renders) {
		t.Errorf("%d files of renders for %d cases (%v)", len(files), len(renders), err)
	}
}

func TestLint(t *testing.T) {
	for name, options := range renders {
		given, err := options.MergeValues(nil)
		if err != nil {
			t.Fatal(err)
		}
		lint := action.NewLint()
		lint.Strict, lint.Namespace = true, "models"
		result := lint.Run([]string{chartDir}, given)
		if result.TotalChartsLinted != 1 {
			t.Errorf("%s: %d charts linted", name, result.TotalChartsLinted)
		}
		for _, m := range result.Messages {
			if m.Severity >= support.WarningSev {
				t.Errorf("%s: %s", name, m)
			}
		}
	}
	// What lint finds, so that its silence means something.
	lint := action.NewLint()
	if r := lint.Run([]string{chartDir}, map[string]any{"replicas": 3}); len(r.Errors) == 0 {
		t.Error("lint takes a value that the schema does not know")
	}
}

// TestPackage packs the chart and looks at what is in the archive.
func TestPackage(t *testing.T) {
	path, err := chartutil.Save(load(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if got := filepath.Base(path); got != "online-inference-0.1.0.tgz" {
		t.Errorf("the archive is called %s", got)
	}
	packed, err := loader.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range packed.Raw {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	want := []string{".helmignore", "Chart.yaml", "README.md", "templates/NOTES.txt", "templates/_helpers.tpl", "templates/configmap.yaml",
		"templates/deployment.yaml", "templates/hpa.yaml", "templates/pdb.yaml", "templates/service.yaml",
		"templates/serviceaccount.yaml", "templates/tests/predict.yaml", "values.schema.json", "values.yaml"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("content of the archive (-want +got):\n%s", diff)
	}
	for _, f := range packed.Raw {
		if bytes.Contains(f.Data, []byte("\t")) && f.Name != "README.md" {
			t.Errorf("%s holds a tab", f.Name)
		}
	}
}
