package compare

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"online-inference/lab/figures"
	"online-inference/lab/record"
)

// fault is a change of a recorded run that one claim has to notice.
type fault struct {
	what string
	do   func(t *testing.T, run *record.Run)
}

// faults break the claims of the experiments one by one, in the claims' order.
var faults = map[string][]fault{
	"pod": {
		neverIsReady(podName),
		{"another pod answers", requests(func(_ *record.Run, l *record.Line) { l.Request.Pod = "other" })},
		{"the kubelet kills it", killing(podName, "failed liveness probe", false)},
		{"it goes at once", func(t *testing.T, run *record.Run) {
			t.Helper()
			deleted, ok := figures.MarkAt(run, markDelete)
			podLines(podName, func(l *record.Line) {
				if ok && l.Pod.Deleting {
					l.T = deleted
				}
			})(t, run)
		}},
		{"a request after the deletion fails", requests(func(run *record.Run, l *record.Line) {
			if from, ok := figures.MarkAt(run, markDelete); ok && l.T >= from && l.T < from+500 {
				refuse(l.Request)
			}
		})},
		{"it is there at the end", drop(func(l *record.Line) bool { return l.Pod != nil && l.Pod.Gone })},
		{"somebody answers when it has gone", requests(func(_ *record.Run, l *record.Line) { l.Request.Status, l.Request.Error = 200, "" })},
	},
	"resources": {
		classIs(steadyName), classIs("best-effort"), classIs("limits-only"),
		{"it runs", podLines("too-big", func(l *record.Line) { l.Pod.Phase = "Running" })},
		{"another reason", events("too-big", func(e *record.Event) { e.Message = "Insufficient memory" })},
		{"another code", podLines("memory-limit", func(l *record.Line) { setExit(l.Pod, 1) })},
		notRestarted("memory-limit"),
		sampled("cpu-limit", 3), sampled(steadyName, 3),
		{"the same latency", requests(func(_ *record.Run, l *record.Line) { l.Request.Micros = 1000 })},
	},
	"probes": {
		neverIsReady("no-probes"),
		{"a request fails at the end", requests(func(run *record.Run, l *record.Line) {
			if l.T > figures.End(run)-2000 {
				refuse(l.Request)
			}
		})},
		readyLater("readiness", -10*time.Second),
		{"it is killed", killing("readiness", "failed liveness probe", true)},
		{"it is ready once", podLines("and-liveness", func(l *record.Line) { l.Pod.Ready = true })},
		noEvent("and-liveness", "Killing"),
		noEvent("and-startup", "Unhealthy"),
		readyLater("and-startup", lateBudget),
		{"it is restarted", podLines("and-startup", func(l *record.Line) { setRestarts(l.Pod, 1) })},
	},
	"probes-wrong": {
		noEvent("short-budget", "Killing"),
		{"it is ready once", podLines("short-budget", func(l *record.Line) { l.Pod.Ready = true })},
		noEvent("one-miss", "Killing"),
		noEvent("copied-readiness", "Killing"),
		{"it is killed", killing("right", "failed liveness probe", true)},
		noEvent("right", "Unhealthy"),
		neverIsReady("right"),
		{"it is restarted", podLines("tcp-ready", func(l *record.Line) { setRestarts(l.Pod, 1) })},
		neverIsReady("tcp-ready"),
		{"no request fails", requests(func(_ *record.Run, l *record.Line) { l.Request.Status, l.Request.Error, l.Request.Micros = 200, "", 1 })},
		noEvent("on-failure", "Killing"),
		{"another code", podLines("on-failure", func(l *record.Line) { setExit(l.Pod, 137) })},
		{"it is ready once", podLines("on-failure", func(l *record.Line) { l.Pod.Ready = true })},
		{"it runs on", podLines("on-failure", func(l *record.Line) { l.Pod.Phase = "Running" })},
	},
	"exit-and-hang": {
		{"another code", podLines("exits", func(l *record.Line) { setExit(l.Pod, 0) })},
		{"a probe has it killed", killing("exits", "failed liveness probe", true)},
		notRestarted("exits"),
		{"it is restarted", podLines("hangs", func(l *record.Line) { setRestarts(l.Pod, 1) })},
		{"it is ready to the end", podLines("hangs", func(l *record.Line) { l.Pod.Ready = true })},
		noEvent("hangs", "Unhealthy"),
		noEvent("hangs-liveness", "Killing"),
		notRestarted("hangs-liveness"),
		{"no request fails", requests(func(_ *record.Run, l *record.Line) { l.Request.Status, l.Request.Error, l.Request.Micros = 200, "", 1 })},
	},
	"crash-loop": {
		{"another code", podLines(probesPodName, func(l *record.Line) { setExit(l.Pod, 0) })},
		{"a probe has it killed", killing(probesPodName, "failed startup probe", true)},
		{"the pauses do not grow", podLines(probesPodName, func(l *record.Line) { l.T /= 4 })},
		{"another reason", podLines(probesPodName, func(l *record.Line) {
			for i := range l.Pod.Containers {
				l.Pod.Containers[i].Reason = "ImagePullBackOff"
			}
		})},
		neverIsReady(probesPodName),
	},
	"replicaset-fewer": {
		aFailure(), {"the template is old", template1()},
		{"one is new", versionOf(1, "v2")}, {"a new pod comes", newcomer("v2")},
		{"two go", func(t *testing.T, run *record.Run) { deleteOne(t, run, 1) }},
		{"another one is there", newUID(1)},
		{"v2 answers once", requests(func(_ *record.Run, l *record.Line) { l.Request.Version = "v2" })},
	},
	"replicaset-more": {
		aFailure(), {"the template is old", template1()},
		{"an old one becomes new", versionOf(1, "v2")}, {"one more comes", newcomer("v2")},
		{"an old one goes", func(t *testing.T, run *record.Run) { deleteOne(t, run, 1) }},
		{"another one is there", newUID(1)},
		{"only v1 answers", requests(func(_ *record.Run, l *record.Line) { l.Request.Version = "v1" })},
	},
	"replicaset-drift": {
		{"the template is old", template1()},
		{"it is new after the restart", func(_ *testing.T, run *record.Run) {
			for _, l := range run.Lines {
				if l.Pod != nil && restartsOf(l.Pod) > 0 {
					l.Pod.Version = "v2"
				}
			}
		}},
		{"an old one comes back", func(_ *testing.T, run *record.Run) { everyPod(run, func(p *record.Pod) { p.Version = "v1" }) }},
		{"an old one becomes new", versionOf(1, "v2")}, {"one more comes", newcomer("v2")},
		{"only v1 answers", requests(func(_ *record.Run, l *record.Line) { l.Request.Version = "v1" })},
	},
	"replicaset-adoption": {
		aFailure(), ownerless("stray-early"), neverIsReady("stray-early"), {"three come", newcomer("v1")},
		{"an old one becomes new", versionOf(1, "v2")},
		{"only v1 answers", requests(func(_ *record.Run, l *record.Line) { l.Request.Version = "v1" })},
		ownerless("stray-late"),
		{"it is ready once", podLines("stray-late", func(l *record.Line) { l.Pod.Ready, l.Pod.Deleting = true, false })},
	},
	"replicaset-cut-first": {
		aFailure(),
		{"the costs are the other way round", func(_ *testing.T, run *record.Run) {
			for _, l := range run.Lines {
				if l.Mark != nil && strings.HasPrefix(l.Mark.Name, "cost ") {
					l.Mark.Name = map[string]string{"cost -100": "cost 100", "cost 100": "cost -100"}[l.Mark.Name]
				}
			}
		}},
	},
}

// TestClaims: each claim of these experiments holds of each recorded run, and is
// broken by a run in which what it says is not so.
func TestClaims(t *testing.T) {
	for _, e := range slices.Concat(pods(), resources(), probes(), replicasets()) {
		t.Run(e.Name, func(t *testing.T) {
			broken := faults[e.Name]
			if len(broken) != len(e.Claims) {
				t.Fatalf("%d faults for %d claims", len(broken), len(e.Claims))
			}
			run, err := record.Open(filepath.Join(root, Folder, FileName(e.Name, 1)))
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range e.Claims {
				if measured, err := c.Check(clone(t, run)); err != nil || measured == "" {
					t.Errorf("%s: measured %q, %v", c.Text, measured, err)
				}
				worse := clone(t, run)
				broken[i].do(t, worse)
				if measured, err := c.Check(worse); err == nil {
					t.Errorf("%s: it holds although %s: %q", c.Text, broken[i].what, measured)
				}
			}
		})
	}
}

// clone is a run that may be changed.
func clone(t *testing.T, run *record.Run) *record.Run {
	t.Helper()
	text, err := json.Marshal(run)
	if err != nil {
		t.Fatal(err)
	}
	out := &record.Run{}
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatal(err)
	}
	return out
}
