package rules_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"online-inference/k8s-classic/rules"
)

// TestBadExamples: testdata/RULE.yaml and testdata/RULE_CASE.yaml break the one
// rule that they are named after, with the messages that their first lines want,
// and no other. Every rule has one.
func TestBadExamples(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		rule, _, _ := strings.Cut(name, "_")
		tried[rule] = true
		t.Run(name, func(t *testing.T) {
			if !slices.Contains(rules.Rules(), rule) {
				t.Fatalf("no rule is called %s", rule)
			}
			text := mustRead(t, path)
			var wants []string
			for line := range strings.Lines(string(text)) {
				want, ok := strings.CutPrefix(line, "# want: ")
				if !ok {
					break
				}
				wants = append(wants, strings.TrimSpace(want))
			}
			found := check(t, rules.File{Name: path, Text: text})
			if len(wants) == 0 || len(found) != len(wants) {
				t.Fatalf("%d findings, want %d:\n%v", len(found), len(wants), found)
			}
			for i, f := range found {
				if f.Rule != rule || f.File != path || !strings.Contains(f.Text, wants[i]) {
					t.Errorf("got %v\nwant %s: %s", f, rule, wants[i])
				}
			}
		})
	}
	for _, rule := range rules.Rules() {
		if !tried[rule] {
			t.Errorf("rule %s has no bad example", rule)
		}
	}
}

// TestUnreadable: what no rule is made for is an error, not a silence.
func TestUnreadable(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "no manifest",
		"# only a comment\n": "no manifest",
		"apiVersion: v1\nkind: Pod\nspec: {container: []}\n":                       `unknown field "spec.container"`,
		"apiVersion: v1\nkind: Pods\n":                                             "no kind that is known here",
		"apiVersion: v1\nkind: Pod\nkind: Pod\n":                                   `key "kind" already set in map`,
		"apiVersion: v1\nkind: Service\nspec: {ports: [{port: eighty}]}\n":         "cannot unmarshal",
		"apiVersion: apps/v1\nkind: Deployment\nspec: {strategy: {maxSurge: 1}}\n": `unknown field "spec.strategy.maxSurge"`,
	} {
		_, err := rules.Check([]rules.File{{Name: "f.yaml", Text: []byte(text)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// TestOurs holds every manifest of the project, in the sets that are applied
// together, against the rules.
func TestOurs(t *testing.T) {
	sets := map[string]int{ // glob -> sets that it must give at least
		"../*.yaml":                          1,
		"../more/*/*.yaml":                   5,
		"../chart/testdata/renders/*.yaml":   5,
		"../../knative/*.yaml":               1,
		"../../knative/gitops/*.yaml":        1,
		"../../knative/h2c/*.yaml":           1,
		"../../knative/cluster-local/*.yaml": 1,
	}
	for pattern, least := range sets {
		folders := map[string][]rules.File{}
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths { // in order of their names, as kubectl applies them
			if filepath.Base(path) != "kustomization.yaml" { // for kustomize, not for the API
				dir := filepath.Dir(path)
				if filepath.Base(dir) == "renders" { // of the chart, each by itself
					dir = path
				}
				folders[dir] = append(folders[dir], rules.File{Name: path, Text: mustRead(t, path)})
			}
		}
		if len(folders) < least {
			t.Errorf("%s: %d folders with manifests, want %d at least", pattern, len(folders), least)
		}
		for _, files := range folders {
			for _, f := range check(t, files...) {
				t.Error(f)
			}
		}
	}
}

// TestExperiments: of the wrong probes that are recorded (docs/comparisons), the
// rules find those that the manifest alone gives away, and leave the right one.
func TestExperiments(t *testing.T) {
	const path = "../../lab/compare/testdata/probes-wrong.yaml"
	found := map[string]string{}
	for _, f := range check(t, rules.File{Name: path, Text: mustRead(t, path)}) {
		found[f.Object] += f.Rule
	}
	for object, want := range map[string]string{
		"Pod short-budget": "probe-budget", "Pod on-failure": "probe-budget", "Pod copied-readiness": "liveness-is-readiness", "Pod right": "",
	} {
		if found[object] != want {
			t.Errorf("%s: found %q, want %q", object, found[object], want)
		}
	}
}

func check(t *testing.T, files ...rules.File) []rules.Finding {
	t.Helper()
	found, err := rules.Check(files)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
