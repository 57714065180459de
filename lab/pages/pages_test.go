package pages

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"online-inference/lab/compare"
	"online-inference/lab/figures"
	"online-inference/lab/record"
)

var update = flag.Bool("update", false, "write the page in testdata again")

// root is the project's, from this folder.
const root = "../.."

// TestCurrent: the pages in docs/ are what the records say.
func TestCurrent(t *testing.T) {
	results, err := Load(root, compare.All())
	if err != nil {
		t.Fatal(err)
	}
	files, err := Build(results, compare.All())
	if err != nil {
		t.Fatal(err)
	}
	if err := Diff(root, files); err != nil {
		t.Error(err)
	}
	links(t, files)
}

var target = regexp.MustCompile(`(?:\]\(|src="|srcset=")([^)"#]+)`)

// links follows every link of the pages.
func links(t *testing.T, files map[string][]byte) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Ext(name) != ".md" {
			continue
		}
		for _, m := range target.FindAllStringSubmatch(string(files[name]), -1) {
			to := path.Join(path.Dir(name), m[1])
			if _, made := files[to]; made {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(to))); err != nil {
				t.Errorf("%s links %s: %v", name, m[1], err)
			}
		}
	}
}

// result is a small experiment of two runs, made by hand.
func result(t *testing.T) *Result {
	t.Helper()
	exit := int32(1)
	one := func(n int, done int64, status int) *record.Run {
		pod := func(at int64, name, version string, ready, deleting, gone bool) record.Line {
			return record.Line{T: at, Pod: &record.Pod{Name: name, UID: name, Owner: "ReplicaSet/rs-" + version, Version: version, Phase: "Running",
				Ready: ready, Deleting: deleting, Gone: gone, Created: at - 2000,
				Containers: []record.Container{{Name: "c", Image: "docker.io/library/online-inference:" + version, State: "running", Restarts: int32(n - 1), LastReason: "Error", LastExit: &exit}}}}
		}
		ask := func(at int64, client, version string, status int) record.Line {
			return record.Line{T: at, Request: &record.Request{Client: client, Version: version, Status: status, Micros: 900}}
		}
		return &record.Run{
			Header: record.Header{Experiment: "recreate", Family: "rollouts", Run: n, Started: "2026-11-22T10:00:00.000Z", Want: 1,
				Manifests: map[string]string{"k8s-classic/more/recreate/deployment.yaml": "0123456789abcdef"},
				Clients: map[string]record.Client{
					"fresh": {Place: "on the node", Path: "ClusterIP of a Service", Rate: 20, Fresh: true, SlowMillis: 200, TimeoutMillis: 2000},
					"kept":  {Place: "on the node", Path: "ClusterIP of a Service", Rate: 20, SlowMillis: 200, TimeoutMillis: 2000}},
				Cluster: map[string]string{"kubernetes": "v1.35.7", "cpus": "2"}},
			Lines: []record.Line{
				pod(0, "rs-v1-a", "v1", true, false, false),
				ask(100, "fresh", "v1", 200), ask(100, "kept", "v1", 200),
				{T: 6000, Mark: &record.Mark{Name: record.MarkTrigger, Text: "kubectl set image | a"}},
				pod(6100, "rs-v1-a", "v1", false, true, false),
				ask(6500, "fresh", "", status),
				pod(8000, "rs-v1-a", "v1", false, true, true),
				pod(8100, "rs-v2-b", "v2", false, false, false),
				pod(8900, "rs-v2-b", "v2", true, false, false),
				ask(9000, "fresh", "v2", 200), ask(9000, "kept", "v2", 200),
				{T: done, Mark: &record.Mark{Name: record.MarkDone, Text: "kubectl rollout status"}},
				{T: 16000, End: &record.End{}},
			},
		}
	}
	e := compare.Experiment{Name: "recreate", Family: "rollouts", Title: "Recreate", Question: "What does it cost?", Answer: "An <outage>.",
		Promise: "no failed request", Runs: 2, Takes: 45 * time.Second, Claims: []compare.Claim{
			{Text: "the same each time", Check: func(*record.Run) (string, error) { return "4", nil }},
			{Text: "not in run 2", Check: func(r *record.Run) (string, error) {
				if r.Header.Run == 2 {
					return "1 | 2", errors.New("measured 2")
				}
				return "1", nil
			}},
		}}
	r, err := NewResult(e, []*record.Run{one(1, 9000, 503), one(2, 9500, 200)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestGolden(t *testing.T) {
	files, err := Build([]*Result{result(t)}, []compare.Experiment{{Name: "recreate", Runs: 3}, {Name: "other", Title: "Another", Runs: 1}})
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(files))
	if diff := cmp.Diff([]string{"docs/comparisons.md", "docs/comparisons/recreate-dark.svg", "docs/comparisons/recreate.md", "docs/comparisons/recreate.svg",
		"docs/comparisons/rollouts-dark.svg", "docs/comparisons/rollouts.svg"}, names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for name, golden := range map[string]string{"docs/comparisons.md": "comparisons.md", "docs/comparisons/recreate.md": "recreate.md"} {
		golden = filepath.Join("testdata", golden)
		if *update {
			if err := os.WriteFile(golden, files[name], 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(files[name]), "\n")); diff != "" {
			t.Errorf("%s (-want +got)\n%s", golden, diff)
		}
	}
}

// TestParts: what the specification wants on a page is there.
func TestParts(t *testing.T) {
	files, err := Build([]*Result{result(t)}, []compare.Experiment{{Name: "recreate", Runs: 3}, {Name: "other", Title: "Another", Runs: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for name, parts := range map[string][]string{
		"docs/comparisons/recreate.md": {"What does it cost?", "**An <outage>.**", `srcset="recreate-dark.svg"`, `alt="Recreate. An &lt;outage&gt;.`, "median (min–max)",
			"| before | `rs-v1-a` | `online-inference:v1` | ready |", "| after | `rs-v2-b` | `online-inference:v2` |", "`ReplicaSet/rs-v2`", "make experiments NAME=recreate",
			"a fresh connection for each request", "20 requests a second", "| 4 (each of 2 runs) | yes |", `| 1; 1 \| 2 | **no**: run 2 |`, "503 (1)"},
		"docs/comparisons.md": {"| [Recreate](comparisons/recreate.md) | no failed request | 1 of 10 |", "Argo Rollouts | not measured", "Flagger | not measured", "- Another (`make experiments NAME=other`): no run", "2 of 3 runs", "Gateway API", "[recreate](comparisons/recreate.md)"},
	} {
		for _, part := range parts {
			if !strings.Contains(string(files[name]), part) {
				t.Errorf("%s does not have %q", name, part)
			}
		}
	}
}

func TestDiff(t *testing.T) {
	dir := t.TempDir()
	files := map[string][]byte{"docs/comparisons.md": []byte("a"), "docs/comparisons/x.md": []byte("b")}
	put := func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := func(part string) {
		t.Helper()
		err := Diff(dir, files)
		if part == "" && err != nil || part != "" && (err == nil || !strings.Contains(err.Error(), part)) {
			t.Errorf("got %v, want %q", err, part)
		}
	}
	want("cannot read a page")
	put("docs/comparisons.md", "a")
	put("docs/comparisons/x.md", "changed")
	want("x.md is not what its records say")
	put("docs/comparisons/x.md", "b")
	put("docs/comparisons/events/y.events.jsonl.gz", "")
	want("")
	put("docs/comparisons/old.svg", "")
	want("old.svg belongs to no experiment")
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	all := []compare.Experiment{{Name: "x", Runs: 2}}
	if got, err := Load(dir, all); err != nil || len(got) != 0 {
		t.Errorf("without records: %v, %v", got, err)
	}
	folder := filepath.Join(dir, filepath.FromSlash(compare.Folder))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, compare.FileName("x", 2)), []byte("no gzip"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir, all); err == nil {
		t.Error("a damaged record is read")
	}
	if _, err := NewResult(all[0], []*record.Run{{}}); err == nil {
		t.Error("a run without an end has a page")
	}
}

func TestWords(t *testing.T) {
	for _, tt := range [][2]string{
		{about(45 * time.Second), "45 s"}, {about(15 * time.Minute), "15 min"}, {age(-5), "0s"}, {age(119_999), "119s"}, {age(120_000), "2m0s"}, {age(599_000), "9m59s"}, {age(600_000), "10m"},
		{spread(figures.SpreadOf(3, 1, 2), whole), "2 (1–3)"}, {spread(figures.SpreadOf(2, 2), whole), "2"}, {spread(figures.SpreadOf(), whole), "–"},
		{withBound(figures.Count{N: 3000}), "0 of 3,000 (< 0.1\u00a0%)"}, {withBound(figures.Count{}), "–"}, {withBound(figures.Count{N: 9, Failed: 1}), "1 of 9"},
		{fmt.Sprint(podRows(&record.Run{}, 0, "before")), "[[before none     ]]"},
	} {
		if tt[0] != tt[1] {
			t.Errorf("got %q, want %q", tt[0], tt[1])
		}
	}
}

// TestGuide: the guide names experiments that there are, and each experiment of
// rollouts, autoscaling and idle models is named.
func TestGuide(t *testing.T) {
	named := map[string]bool{}
	for _, a := range slices.Concat(advices(), avoid()) {
		for _, name := range a.shown {
			named[name] = true
		}
	}
	for _, e := range compare.All() {
		if !named[e.Name] && slices.Contains([]string{familyRollouts, "autoscaling", "idle"}, e.Family) {
			t.Errorf("the guide does not speak of %s", e.Name)
		}
		delete(named, e.Name)
	}
	for name := range named {
		t.Errorf("the guide names %s, which is no experiment", name)
	}
}
