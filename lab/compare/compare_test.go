package compare

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"online-inference/lab/load"
	"online-inference/lab/record"
)

const root = "../.."

// serveVariable makes the test's own program one of `lab load -serve`.
const serveVariable = "COMPARE_TEST_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) == "" {
		os.Exit(m.Run())
	}
	if err := load.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// TestExperiments holds the list to what pages and pictures need.
func TestExperiments(t *testing.T) {
	seen, used := map[string]bool{}, map[string]bool{}
	name := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	for _, e := range All() {
		if seen[e.Name] {
			t.Errorf("two experiments are named %s", e.Name)
		}
		seen[e.Name] = true
		switch {
		// The name stands in a namespace's, which has 63 characters.
		case !name.MatchString(e.Name) || len(e.Name) > 30:
			t.Errorf("%s: not a name", e.Name)
		case e.Family == "" || e.Script == nil || e.Runs < 1 || e.Takes <= 0 || len(e.Claims) == 0 || len(e.Files) == 0:
			t.Errorf("%s: it lacks a family, a script, runs, a duration, claims or files", e.Name)
		case len(e.Title) == 0 || len(e.Title) > 38:
			t.Errorf("%s: the title %q has not 1 to 38 characters", e.Name, e.Title)
		case !strings.HasSuffix(e.Question, "?") || !strings.HasSuffix(e.Answer, "."):
			t.Errorf("%s: question %q, answer %q", e.Name, e.Question, e.Answer)
		case e.Family == "rollouts" && e.Runs < 5:
			t.Errorf("%s: %d runs, want 5", e.Name, e.Runs)
		case e.Load.Service != "" && e.Load.Route != "":
			t.Errorf("%s: a Service and a route", e.Name)
		}
		if e.Promise == noLoss && !slices.ContainsFunc(e.Claims, func(c Claim) bool { return c.Text == noneFailed().Text }) {
			t.Errorf("%s promises %q and does not claim it", e.Name, e.Promise)
		}
		if _, err := hashes(root, e.Files); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
		for _, f := range e.Files {
			used[f] = true
		}
	}
	patches, err := filepath.Glob("patches/*.yaml")
	if err != nil || len(patches) == 0 {
		t.Fatalf("no patches: %v", err)
	}
	for _, p := range patches {
		if !used["lab/compare/"+p] {
			t.Errorf("no experiment uses %s", p)
		}
	}
}

func TestFind(t *testing.T) {
	got, err := Find([]string{"undo", "surge"})
	if err != nil || len(got) != 2 || got[0].Name != "undo" || got[1].Name != "surge" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := Find([]string{"surge", "nothing"}); err == nil || !strings.Contains(err.Error(), `no experiment "nothing"`) {
		t.Errorf("got %v", err)
	}
}

// TestHash: comments and layout do not count, values and documents do.
func TestHash(t *testing.T) {
	hash := func(text string) string {
		path := filepath.Join(t.TempDir(), "x.yaml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		sum, err := Hash(path)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	want := hash("a: {b: 1, c: [x]}\n")
	if got := hash("# said\na:\n  c:\n    - x\n  b: 1 # again\n"); got != want {
		t.Error("comments and layout change the hash")
	}
	for _, other := range []string{"a: {b: 2, c: [x]}\n", "a: {b: 1, c: [x, x]}\n", "a: {b: 1, c: [x]}\n---\na: {b: 1, c: [x]}\n"} {
		if hash(other) == want {
			t.Errorf("%q has the same hash", other)
		}
	}
	for name, text := range map[string]string{"empty": "", "damaged": "a: [\n"} {
		path := filepath.Join(t.TempDir(), "x.yaml")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if sum, err := Hash(path); err == nil {
			t.Errorf("%s: hash %s, want an error", name, sum)
		}
	}
	if _, err := Hash("no such file"); err == nil {
		t.Error("a missing file has a hash")
	}
}

func TestCommandText(t *testing.T) {
	got := commandText("kubectl", []string{"patch", "svc/x", "-p", `{"a": "it's"}`, "--type=merge", ""})
	if want := `kubectl patch svc/x -p '{"a": "it'\''s"}' --type=merge ''`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestApplyText(t *testing.T) {
	for _, tt := range []struct {
		file    string
		patches []string
		want    string
	}{
		{rollingFile, nil, "kubectl apply -f " + rollingFile},
		{rollingFile, []string{replicas4}, "kubectl patch --local -f " + rollingFile + " --type=strategic --patch-file=" + replicas4 + " -o yaml | kubectl apply -f -"},
		{serviceV1, nil, "ko apply -f " + serviceV1},
		{serviceV2, []string{gradual, brokenV2}, "ko resolve -f " + serviceV2 + " | kubectl patch --local -f - --type=merge --patch-file=" + gradual +
			" -o yaml | kubectl patch --local -f - --type=json --patch-file=" + brokenV2 + " -o yaml | kubectl apply -f -"},
	} {
		got, err := applyText(root, tt.file, tt.patches)
		if err != nil || got != tt.want {
			t.Errorf("got %s, %v\nwant %s", got, err, tt.want)
		}
	}
	if _, err := applyText(root, rollingFile, []string{"no such file"}); err == nil {
		t.Error("a missing patch is taken")
	}
}

// recorded writes a run of an experiment and gives its folder.
func recorded(t *testing.T, folder string, h record.Header, end record.End, lines ...record.Line) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	started := time.Now()
	w, err := record.NewWriter(z, h, started)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range append(lines, record.Line{T: 60_000, End: &end}) {
		if err := w.Put(started.Add(time.Duration(line.T)*time.Millisecond), line); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, FileName(h.Experiment, h.Run)), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestCheck: a record that is missing, failed, of other files, of another
// experiment, or against a claim, is an error that says so.
func TestCheck(t *testing.T) {
	const file = "manifest.yaml"
	e := Experiment{Name: "x", Family: "f", Runs: 1, Files: []string{file}, Claims: []Claim{noneFailed()},
		Load: Load{Service: "s"}}
	request := func(status int) record.Line {
		return record.Line{T: 2000, Request: &record.Request{Client: Fresh, Status: status, Micros: 1000, Version: "v1"}}
	}
	for _, tt := range []struct {
		name, want string
		change     func(h *record.Header, end *record.End, lines *[]record.Line)
	}{
		{"right", "", func(*record.Header, *record.End, *[]record.Line) {}},
		{"another hash", "manifest.yaml has changed", func(h *record.Header, _ *record.End, _ *[]record.Line) { h.Manifests[file] = "00" }},
		{"no hash", "recorded with 0 files", func(h *record.Header, _ *record.End, _ *[]record.Line) { h.Manifests = nil }},
		{"another family", "is run 1 of g/x", func(h *record.Header, _ *record.End, _ *[]record.Line) { h.Family = "g" }},
		{"a failed run", "a failed run: the node burnt", func(_ *record.Header, end *record.End, _ *[]record.Line) { end.Failed = "the node burnt" }},
		{"a failed request", "no request fails: measured 1 of 2", func(_ *record.Header, _ *record.End, lines *[]record.Line) { *lines = append(*lines, request(503)) }},
		{"no request", "no request fails: measured 0 of 0", func(_ *record.Header, _ *record.End, lines *[]record.Line) { *lines = nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			if err := os.WriteFile(filepath.Join(folder, file), []byte("a: 1\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			sums, err := hashes(folder, e.Files)
			if err != nil {
				t.Fatal(err)
			}
			h := record.Header{Experiment: "x", Family: "f", Run: 1, Manifests: sums, Clients: map[string]record.Client{Fresh: {Fresh: true, TimeoutMillis: 5000, SlowMillis: 200}}}
			end, lines := record.End{}, []record.Line{request(200)}
			tt.change(&h, &end, &lines)
			recorded(t, folder, h, end, lines...)
			err = Check(&bytes.Buffer{}, folder, folder, []Experiment{e})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, file), []byte("a: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := Check(&bytes.Buffer{}, folder, folder, []Experiment{e})
	if err == nil || !strings.Contains(err.Error(), "record it by: make experiments NAME=x") {
		t.Errorf("missing: %v", err)
	}
}

func TestStray(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{FileName("x", 1), FileName("x", 2), FileName("y", 1)} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("123"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	strays, size, err := Stray(folder, []Experiment{{Name: "x", Runs: 1}})
	if diff := cmp.Diff([]string{FileName("x", 2), FileName("y", 1)}, strays); diff != "" || size != 9 || err != nil {
		t.Errorf("%d bytes, %v, (-want +got)\n%s", size, err, diff)
	}
}

// TestPlan adds up durations by runs and jobs.
func TestPlan(t *testing.T) {
	p := Plan{Experiments: []Experiment{{Name: "a", Runs: 5, Takes: time.Minute}, {Name: "b", Runs: 1, Takes: 2 * time.Minute}}, Jobs: 1}
	if got := p.Duration(); got != 7*time.Minute {
		t.Errorf("%v, want 7 minutes", got)
	}
	p.Runs, p.Jobs = 2, 2
	if got := p.Duration(); got != 3*time.Minute {
		t.Errorf("%v, want 3 minutes", got)
	}
	var out bytes.Buffer
	if err := List(&out, All()); err != nil || !strings.Contains(out.String(), "rolling-50-50") {
		t.Errorf("%v: %s", err, out.String())
	}
}

// brokenPipe is an output that takes nothing.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestListFails(t *testing.T) {
	if err := List(brokenPipe{}, All()); err == nil {
		t.Error("a list that could not be printed is no error")
	}
}
