package compare

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	servingfake "knative.dev/serving/pkg/client/clientset/versioned/fake"

	"online-inference/lab/record"
	"online-inference/lab/steps"
	"online-inference/lab/target"
)

// fakeRunner is one without a cluster. The fake API server does not make names,
// so it is helped.
func fakeRunner(t *testing.T) (*Runner, *fake.Clientset) {
	t.Helper()
	core := fake.NewClientset(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}})
	core.PrependReactor("create", "namespaces", func(a clienttesting.Action) (bool, runtime.Object, error) {
		ns := a.(clienttesting.CreateAction).GetObject().(*corev1.Namespace)
		ns.Name = ns.GenerateName + "x"
		return false, nil, nil
	})
	r := &Runner{Target: &target.Target{Core: core, Serving: servingfake.NewSimpleClientset()}, Root: root,
		Out: t.TempDir(), Aside: t.TempDir(), Cluster: map[string]string{}, baseline: time.Millisecond}
	return r, core
}

// TestRun plays scripts without a cluster: a good run ends in the folder of
// records, a failed one aside with its reason, and the namespace goes with both.
func TestRun(t *testing.T) {
	good := func(_ context.Context, s *Stage) error {
		return errors.Join(s.Mark(record.MarkTrigger, "kubectl do"), s.Done("done"))
	}
	for _, tt := range []struct {
		name, want string
		files      []string
		script     func(context.Context, *Stage) error
	}{
		{"good", "", nil, good},
		{"failed", "the node burnt", nil, func(context.Context, *Stage) error { return errors.New("the node burnt") }},
		{"undeclared", "declares the files", []string{replicas4}, good},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, core := fakeRunner(t)
			if err := r.Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			e := Experiment{Name: tt.name, Family: "f", Files: tt.files, Script: tt.script, Tail: time.Millisecond}
			path, err := r.Run(t.Context(), e, 3, func(string, ...any) {})
			folder, other := r.Out, r.Aside
			if tt.want != "" {
				folder, other = r.Aside, r.Out
			}
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if want := filepath.Join(folder, FileName(tt.name, 3)); path != want {
				t.Errorf("record %s, want %s", path, want)
			}
			if left, err := os.ReadDir(other); err != nil || len(left) > 0 {
				t.Errorf("%v, %v in the other folder", left, err)
			}
			run, err := record.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if end := run.Lines[len(run.Lines)-1].End; (end.Failed == "") != (tt.want == "") || !strings.Contains(end.Failed, tt.want) {
				t.Errorf("it ends with %q, want %q", end.Failed, tt.want)
			}
			if h := run.Header; h.Run != 3 || h.Cluster["knative"] == "" || h.Cluster["kubernetes"] == "" {
				t.Errorf("header %+v", h)
			}
			all, err := core.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
			if err != nil || len(all.Items) > 0 {
				t.Errorf("namespaces are left: %v, %v", all.Items, err)
			}
		})
	}
}

// TestPlay: a broken claim and a failed run are errors of the plan, and the
// other experiments are played all the same.
func TestPlay(t *testing.T) {
	r, _ := fakeRunner(t)
	script := func(_ context.Context, s *Stage) error {
		return errors.Join(s.Mark(record.MarkTrigger, "kubectl do"), s.Done("done"))
	}
	holds := Claim{Text: "it holds", Check: func(*record.Run) (string, error) { return "yes", nil }}
	breaks := Claim{Text: "it breaks", Check: func(*record.Run) (string, error) { return "no", errors.New("it did not") }}
	plan := Plan{Jobs: 3, Experiments: []Experiment{
		{Name: "a", Runs: 1, Script: script, Tail: time.Millisecond, Claims: []Claim{holds}},
		{Name: "b", Runs: 1, Script: script, Tail: time.Millisecond, Claims: []Claim{breaks}},
		{Name: "c", Runs: 1, Script: func(context.Context, *Stage) error { return errors.New("the node burnt") }, Claims: []Claim{holds}},
	}}
	var out strings.Builder
	err := Play(t.Context(), r, plan, silent{}, &out)
	for _, want := range []string{"b, run 1: it breaks: it did not", "c, run 1", "the node burnt", "c: no run"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	for _, want := range []string{`holds  it holds: ["yes"]`, `BROKEN it breaks: ["no"]`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %s", want, out.String())
		}
	}
	if strings.Contains(err.Error(), "a, run") {
		t.Errorf("a held: %v", err)
	}
}

// TestPlayMissing plays the runs that have no record, or one of a busy machine, and
// leaves the others as they are.
func TestPlayMissing(t *testing.T) {
	r, _ := fakeRunner(t)
	e := Experiment{Name: "a", Runs: 3, Tail: time.Millisecond, Takes: time.Minute, Script: func(_ context.Context, s *Stage) error {
		return errors.Join(s.Mark(record.MarkTrigger, "kubectl do"), s.Done("done"))
	}}
	plan := Plan{Jobs: 1, Experiments: []Experiment{e}}
	started := func() (all []string) {
		for n := 1; n <= e.Runs; n++ {
			run, err := record.Open(filepath.Join(r.Out, FileName(e.Name, n)))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, run.Header.Started)
		}
		return all
	}
	old := loadAverages
	defer func() { loadAverages = old }()
	loadAverages = filepath.Join(t.TempDir(), "loadavg")
	if err := os.WriteFile(loadAverages, []byte("0.50 4.50 4.60 1/300 4242"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Play(t.Context(), r, plan, silent{}, io.Discard); err != nil {
		t.Fatal(err)
	}
	before := started()
	plan.Due = Missing(r.Out)
	if got := plan.Duration(); got != 0 {
		t.Errorf("all runs are recorded, and %v are left", got)
	}
	if err := os.Remove(filepath.Join(r.Out, FileName(e.Name, 2))); err != nil {
		t.Fatal(err)
	}
	if got := plan.Duration(); got != time.Minute {
		t.Errorf("one run is missing, and %v are left", got)
	}
	if err := Play(t.Context(), r, plan, silent{}, io.Discard); err != nil {
		t.Fatal(err)
	}
	after := started()
	if after[0] != before[0] || after[1] == before[1] || after[2] != before[2] {
		t.Errorf("started at %v, then at %v: the second alone was to be played", before, after)
	}
	busy := &record.Run{Header: record.Header{Cluster: map[string]string{loadBefore: "4.2"}}}
	if quiet := (&record.Run{}); !Busy(busy) || Busy(quiet) {
		t.Errorf("busy at 4.2: %v, without a figure: %v", Busy(busy), Busy(quiet))
	}
}

// silent is no display.
type silent struct{}

func (silent) Begin(steps.Step)                                   {}
func (silent) End(steps.Step, time.Duration, string, bool, error) {}
