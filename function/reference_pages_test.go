package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// generated holds the part of a page between two marks against what it should be,
// or writes it with -update.
func generated(t *testing.T, page, want string) {
	t.Helper()
	const begin, end = "<!-- generated: go test ./function -run TestReferencePages -update -->\n", "<!-- end -->\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, opened := strings.Cut(string(text), begin)
	have, tail, closed := strings.Cut(rest, end)
	if !opened || !closed {
		t.Fatalf("%s has no place for what is generated", page)
	}
	if *update {
		if err := os.WriteFile(page, []byte(head+begin+want+end+tail), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("%s: run this test with -update (-want +got)\n%s", page, diff)
	}
}

// cell is a text within a Markdown table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// TestReferencePages: the pages of settings and metrics are what the program has.
func TestReferencePages(t *testing.T) {
	t.Run("configuration", func(t *testing.T) { generated(t, "../docs/reference/configuration.md", configurationTables(t)) })
	t.Run("metrics", func(t *testing.T) {
		families := scrapedFamilies(t)
		var b strings.Builder
		b.WriteString("\n| Metric | Type | Labels | What it says |\n|---|---|---|---|\n")
		for _, name := range slices.Sorted(maps.Keys(families)) {
			f := families[name]
			if !strings.HasPrefix(name, "oi_") {
				continue // of the system, which differ between systems
			}
			labels := make([]string, 0, len(f.labels))
			for _, label := range slices.Sorted(maps.Keys(f.labels)) {
				labels = append(labels, "`"+label+"`")
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, f.kind, strings.Join(labels, " "), cell(f.help))
		}
		b.WriteString("\n")
		generated(t, "../docs/reference/metrics.md", b.String())
	})
}

// configurationTables are the settings by group, as the tags of Config say them.
func configurationTables(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for i, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		if group := f.Tag.Get("group"); group != "" {
			fmt.Fprintf(&b, "\n## %s\n\n| Variable | Default | Value | What it does |\n|---|---|---|---|\n", group)
		} else if i == 0 {
			t.Fatal("the first setting has no group")
		}
		key, rule, desc := f.Tag.Get("env"), f.Tag.Get("rule"), f.Tag.Get("desc")
		if key == "" || rule == "" || !strings.HasSuffix(desc, ".") {
			t.Errorf("%s: %q, rule %q, description %q", f.Name, key, rule, desc)
		}
		value := f.Tag.Get("envDefault")
		if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", key, value, cell(rule), cell(desc))
	}
	b.WriteString("\n")
	return b.String()
}

// TestManifestsAreDocumented: every variable that a manifest or a chart sets is on
// the page.
func TestManifestsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/reference/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`(?m)^\s*- name: ([A-Z][A-Z0-9_]*)\s*$`)
	found := map[string]bool{}
	for _, root := range []string{"../knative", "../k8s-classic"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && d.Name() == "testdata" {
				if err == nil {
					err = fs.SkipDir
				}
				return err
			}
			if filepath.Ext(path) != ".yaml" && filepath.Ext(path) != ".tpl" {
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range name.FindAllSubmatch(text, -1) {
				found[string(m[1])] = true
				if !bytes.Contains(page, []byte("| `"+string(m[1])+"` |")) {
					t.Errorf("%s sets %s, which the page does not have", path, m[1])
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !found["METRICS_PORT"] || !found["MODEL_VERSION"] || !found["DRAIN_DELAY"] {
		t.Errorf("only %v were found", found)
	}
}

// A family is one metric of a scrape.
type family struct {
	kind, help string
	labels     map[string]map[string]bool // with their values
}

var sampleForm = regexp.MustCompile(`^([a-zA-Z_]+)(?:\{(.*)\})? \S+$`)
var labelForm = regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"`)

// scrapedText is what a running server says after one request of every kind, sane
// and made up.
func scrapedText(t *testing.T) string {
	t.Helper()
	p := start(t)
	p.post("/predict", listsBody)
	p.post("/predict", "{")
	p.post(inferPath, tensorsBody)
	p.get("/")
	for i := range 20 {
		p.get(fmt.Sprint("/made/up/", i))
		p.post(fmt.Sprintf("/v2/models/m%d/infer", i), tensorsBody)
		p.post(fmt.Sprintf("/v2/models/heart-disease/versions/%d/infer", i+5), tensorsBody)
		if r, err := do(http.DefaultClient, fmt.Sprint("MADE", i), p.url+"/predict", "", ""); err != nil || r.status != 405 {
			t.Errorf("%v %v", r.status, err)
		}
	}
	return p.get("/metrics").body
}

// scrapedFamilies is the same, by metric.
func scrapedFamilies(t *testing.T) map[string]*family {
	t.Helper()
	return parseFamilies(t, scrapedText(t))
}

func parseFamilies(t *testing.T, text string) map[string]*family {
	t.Helper()
	families := map[string]*family{}
	var last *family
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			name, help, _ := strings.Cut(rest, " ")
			last = &family{help: help, labels: map[string]map[string]bool{}}
			families[name] = last
			continue
		}
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			_, last.kind, _ = strings.Cut(rest, " ")
			continue
		}
		m := sampleForm.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("no sample: %s", line)
		}
		for _, l := range labelForm.FindAllStringSubmatch(m[2], -1) {
			if l[1] == "le" || l[1] == "quantile" { // the form's own
				continue
			}
			if last.labels[l[1]] == nil {
				last.labels[l[1]] = map[string]bool{}
			}
			last.labels[l[1]][l[2]] = true
		}
	}
	return families
}

// TestMetricConventions holds a real scrape against the conventions of Prometheus,
// and its labels against what the server may choose: nothing that a client makes up
// becomes a value.
func TestMetricConventions(t *testing.T) {
	text := scrapedText(t)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	allowed := map[string]string{
		"route":   `/|/predict|/v1/models/:model|/v2/models/:model(/versions/:version)?/infer|/inference\.GRPCInferenceService/ModelInfer|other`,
		"code":    `200|400|404|405`,
		"model":   `heart-disease`,
		"version": `1|dev|go1\..*`,
		"go":      `go1\..*`,
		"phase":   `decode|predict|encode`,
		"stage":   `runtime|config|listen|load|self_test`,
		"feature": `age|sex|cp|trestbps|chol|fbs|restecg|thalach|exang|oldpeak|slope|ca|thal`,
		"bin":     `below|above|missing|\d+|[\[(][\d.]+,[\d.]+\]`,
	}
	series := 0
	for name, f := range parseFamilies(t, text) {
		if !strings.HasPrefix(name, "oi_") {
			continue
		}
		for label, values := range f.labels {
			series += len(values)
			form, ok := allowed[label]
			if !ok {
				t.Errorf("%s: unexpected label %s", name, label)
			}
			for v := range values {
				if !regexp.MustCompile("^(" + form + ")$").MatchString(v) {
					t.Errorf("%s: %s is %q", name, label, v)
				}
			}
		}
	}
	if series == 0 {
		t.Error("no labels at all")
	}
}

// TestDashboardMetrics: every metric of the dashboard is in a real scrape.
func TestDashboardMetrics(t *testing.T) {
	text, err := os.ReadFile("../knative/monitoring/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	families, used := scrapedFamilies(t), map[string]bool{}
	for _, name := range regexp.MustCompile(`\b(oi|process|go)_[a-z_]+\b`).FindAllString(string(text), -1) {
		used[name] = true
		base := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if cut := strings.TrimSuffix(name, suffix); families[cut] != nil && families[cut].kind == "histogram" {
				base = cut
			}
		}
		if families[base] == nil {
			t.Errorf("no metric is called %s", name)
		}
	}
	for name := range families {
		if strings.HasPrefix(name, "oi_") && !used[name] && !used[name+"_bucket"] && !used[name+"_sum"] {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}
