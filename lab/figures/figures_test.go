package figures

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"online-inference/lab/record"
)

var withNaN = cmpopts.EquateNaNs()

// pod makes a line: a state is a word, "gone" and "deleted" too.
func pod(t int64, uid, version, state string) record.Line {
	p := &record.Pod{Name: "pod-" + uid[:1], UID: uid, Version: version, Phase: "Running"}
	running := record.Container{Name: "c", Image: "i:" + version, State: "running"}
	switch state {
	case "pending":
		p.Phase = "Pending"
		running.State, running.Reason = "waiting", "ContainerCreating"
	case "unschedulable":
		p.Phase, p.Unscheduled = "Pending", "Unschedulable"
		p.Containers = nil
		return record.Line{T: t, Pod: p}
	case "starting":
	case "ready":
		p.Ready = true
	case "crashed":
		exit := int32(1)
		running.State, running.Reason, running.LastReason, running.LastExit, running.Restarts = "waiting", "CrashLoopBackOff", "Error", &exit, 1
	case "again":
		exit := int32(1)
		running.LastReason, running.LastExit, running.Restarts = "Error", &exit, 2
	case "evicted":
		p.Phase, p.Reason = "Failed", "Evicted"
	case "deleted":
		p.Deleting, p.Ready = true, true
	case "gone":
		p.Deleting, p.Gone = true, true
	default:
		panic(state)
	}
	p.Containers = []record.Container{running}
	return record.Line{T: t, Pod: p}
}

func mark(t int64, name string) record.Line {
	return record.Line{T: t, Mark: &record.Mark{Name: name}}
}

func end(t int64) record.Line { return record.Line{T: t, End: &record.End{}} }

// request makes a line: status 0 is a refused connection.
func request(t int64, client, version string, status int, millis int64) record.Line {
	r := &record.Request{Client: client, Status: status, Micros: millis * 1000, Version: version}
	if status == 0 {
		r.Error = "refused"
	}
	return record.Line{T: t, Request: r}
}

func run(want int, lines ...record.Line) *record.Run {
	return &record.Run{Header: record.Header{Want: want, Clients: map[string]record.Client{
		"fresh": {Fresh: true, SlowMillis: 100, TimeoutMillis: 1000},
		"kept":  {SlowMillis: 100, TimeoutMillis: 1000},
	}}, Lines: lines}
}

// short writes lanes as text: what the tables below compare.
func short(lanes []*Lane) []string {
	var all []string
	for _, l := range lanes {
		var b strings.Builder
		fmt.Fprintf(&b, "%s/%s", l.Name, l.UID)
		for _, s := range l.Segments {
			fmt.Fprintf(&b, " %d-%d %s %s", s.From, s.To, s.Version, s.State)
			if s.Reason != "" {
				fmt.Fprintf(&b, "(%s)", s.Reason)
			}
		}
		for _, r := range l.Restarts {
			fmt.Fprintf(&b, " restart %d at %d %s/%d", r.Count, r.T, r.Reason, *r.Exit)
		}
		if l.Gone {
			b.WriteString(" gone")
		}
		all = append(all, b.String())
	}
	return all
}

func TestLanes(t *testing.T) {
	for name, tt := range map[string]struct {
		lines []record.Line
		want  []string
	}{
		"no pod":   {[]record.Line{end(9)}, nil},
		"no lines": {nil, nil},
		"a life": {[]record.Line{pod(1, "a", "v1", "pending"), pod(2, "a", "v1", "starting"), pod(5, "a", "v1", "ready"), pod(6, "a", "v1", "ready"), pod(7, "a", "v1", "deleted"), pod(9, "a", "v1", "gone"), end(20)},
			[]string{"pod-a/a 1-2 v1 pending(ContainerCreating) 2-5 v1 starting 5-7 v1 ready 7-9 v1 terminating gone"}},
		"it lasts to the end": {[]record.Line{pod(1, "a", "v1", "ready"), end(20)}, []string{"pod-a/a 1-20 v1 ready"}},
		"cut short":           {[]record.Line{pod(1, "a", "v1", "ready"), mark(8, "x")}, []string{"pod-a/a 1-8 v1 ready"}},
		"seen first while it is deleted": {[]record.Line{pod(1, "a", "v1", "deleted"), pod(4, "a", "v1", "gone"), end(20)},
			[]string{"pod-a/a 1-4 v1 terminating gone"}},
		"seen only as gone": {[]record.Line{pod(1, "a", "v1", "gone"), end(20)}, nil},
		"told again after it went": {[]record.Line{pod(1, "a", "v1", "ready"), pod(4, "a", "v1", "gone"), pod(5, "a", "v1", "gone"), end(20)},
			[]string{"pod-a/a 1-4 v1 ready gone"}},
		"one name, two pods": {[]record.Line{pod(1, "a1", "v1", "ready"), pod(4, "a1", "v1", "gone"), pod(6, "a2", "v1", "starting"), end(20)},
			[]string{"pod-a/a1 1-4 v1 ready gone", "pod-a/a2 6-20 v1 starting"}},
		"by version, then by time": {[]record.Line{pod(1, "b", "v2", "ready"), pod(2, "c", "v1", "ready"), pod(3, "a", "v1", "ready"), end(9)},
			[]string{"pod-c/c 2-9 v1 ready", "pod-a/a 3-9 v1 ready", "pod-b/b 1-9 v2 ready"}},
		"restarts": {[]record.Line{pod(1, "a", "v1", "ready"), pod(4, "a", "v1", "crashed"), pod(6, "a", "v1", "again"), end(9)},
			[]string{"pod-a/a 1-4 v1 ready 4-6 v1 stopped(CrashLoopBackOff) 6-9 v1 starting restart 1 at 4 Error/1 restart 2 at 6 Error/1"}},
		"an image edited in place": {[]record.Line{pod(1, "a", "v1", "ready"), pod(4, "a", "v2", "ready"), end(9)},
			[]string{"pod-a/a 1-4 v1 ready 4-9 v2 ready"}},
		"never scheduled": {[]record.Line{pod(1, "a", "v1", "unschedulable"), end(9)}, []string{"pod-a/a 1-9 v1 pending(Unschedulable)"}},
		"evicted":         {[]record.Line{pod(1, "a", "v1", "ready"), pod(3, "a", "v1", "evicted"), end(9)}, []string{"pod-a/a 1-3 v1 ready 3-9 v1 stopped(Evicted)"}},
		"ready for no time": {[]record.Line{pod(1, "a", "v1", "starting"), pod(3, "a", "v1", "ready"), pod(3, "a", "v1", "deleted"), end(9)},
			[]string{"pod-a/a 1-3 v1 starting 3-9 v1 terminating"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, short(Lanes(run(0, tt.lines...)))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestStateOf(t *testing.T) {
	exit := int32(137)
	one := func(c record.Container) []record.Container { return []record.Container{c} }
	for name, tt := range map[string]struct {
		pod    record.Pod
		want   State
		reason string
	}{
		"nothing known":        {record.Pod{Phase: "Pending"}, Pending, ""},
		"running, no details":  {record.Pod{Phase: "Running"}, Starting, ""},
		"cannot pull":          {record.Pod{Phase: "Pending", Containers: one(record.Container{State: "waiting", Reason: "ImagePullBackOff"})}, Pending, "ImagePullBackOff"},
		"killed for memory":    {record.Pod{Phase: "Running", Containers: one(record.Container{State: "terminated", Reason: "OOMKilled", Exit: &exit})}, Stopped, "OOMKilled"},
		"a job that is done":   {record.Pod{Phase: "Succeeded", Containers: one(record.Container{State: "terminated", Reason: "Completed"})}, Stopped, "Completed"},
		"failed for no reason": {record.Pod{Phase: "Failed"}, Stopped, "Failed"},
	} {
		t.Run(name, func(t *testing.T) {
			got, reason := StateOf(&tt.pod)
			if got != tt.want || reason != tt.reason {
				t.Errorf("got %v %q, want %v %q", got, reason, tt.want, tt.reason)
			}
		})
	}
}

func TestOf(t *testing.T) {
	none := map[string]Count{"fresh": {Errors: map[string]int{}}, "kept": {Errors: map[string]int{}}}
	for name, tt := range map[string]struct {
		run  *record.Run
		want Figures
	}{
		"nothing happened": {run(0, end(9000)), Figures{Clients: none, Done: math.NaN()}},
		"want without pods": {run(1, mark(1000, "trigger"), end(9000)),
			Figures{Clients: none, Want: 1, Short: 8, Done: math.NaN()}},
		"one for one, a second short": {run(1,
			pod(0, "a", "v1", "ready"), mark(2000, "trigger"), pod(2000, "b", "v2", "starting"), pod(3000, "a", "v1", "deleted"),
			pod(4000, "b", "v2", "ready"), pod(5000, "a", "v1", "gone"), mark(6500, "done"), end(9000)),
			Figures{Clients: none, Want: 1, Short: 1, PeakActive: 2, PeakTerminating: 1, PeakAll: 2, Done: 4.5}},
		"what was before the trigger does not count": {run(2,
			pod(0, "a", "v1", "ready"), pod(0, "x", "v1", "deleted"), pod(500, "x", "v1", "gone"), pod(500, "b", "v1", "ready"), mark(1000, "trigger"), end(3000)),
			Figures{Clients: none, Want: 2, PeakActive: 2, PeakAll: 2, LeastReady: 2, Done: math.NaN()}},
		"ready before the first step counts as not ready": {run(1, mark(0, "trigger"), pod(1000, "a", "v1", "ready"), end(3000)),
			Figures{Clients: none, Want: 1, Short: 1, PeakActive: 1, PeakAll: 1, Done: math.NaN()}},
		"one too many for a moment": {run(0,
			pod(0, "a", "v1", "ready"), mark(1000, "trigger"), pod(2000, "b", "v2", "ready"), pod(2499, "a", "v1", "deleted"), pod(2500, "c", "v2", "ready"), pod(2800, "b", "v2", "deleted"), end(9000)),
			Figures{Clients: none, PeakActive: 1, PeakTerminating: 2, PeakAll: 3, LeastReady: 1, Done: math.NaN()}},
		"and in turns for longer": {run(0,
			pod(0, "a", "v1", "ready"), mark(1000, "trigger"), pod(2000, "b", "v2", "ready"), pod(2300, "c", "v2", "ready"), pod(2400, "a", "v1", "deleted"), pod(2500, "b", "v2", "deleted"), end(9000)),
			Figures{Clients: none, PeakActive: 2, PeakTerminating: 2, PeakAll: 3, LeastReady: 1, Done: math.NaN()}},
		"an evicted pod is not active": {run(0, pod(0, "a", "v1", "evicted"), end(3000)),
			Figures{Clients: none, Done: math.NaN()}},
		"a crashed one is": {run(0, pod(0, "a", "v1", "crashed"), end(3000)),
			Figures{Clients: none, PeakActive: 1, PeakAll: 1, Restarts: 1, Done: math.NaN()}},
		"requests": {run(0,
			request(0, "kept", "v1", 200, 5), request(10, "kept", "v1", 200, 100), request(20, "kept", "", 503, 1), request(30, "kept", "", 0, 1), request(40, "kept", "v1", 200, 1000),
			request(0, "fresh", "v1", 200, 5), request(1000, "fresh", "v2", 200, 5), request(2000, "fresh", "v1", 200, 5), request(3500, "fresh", "v2", 200, 5), request(9000, "fresh", "v1", 200, 5), end(9500)),
			// v1 from 0 to 2000 and again at 9000 (a gap), v2 from 1000 to 3500: both from 1000 to 2000.
			Figures{Clients: map[string]Count{
				"kept":  {N: 5, Slow: 1, Failed: 3, Errors: map[string]int{"503": 1, "refused": 1, "timeout": 1}},
				"fresh": {N: 5, Errors: map[string]int{}},
			}, Mixed: 1, Done: math.NaN()}},
		"done without a trigger": {run(0, mark(5, "done"), end(9)), Figures{Clients: none, Done: math.NaN()}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Of(tt.run)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tt.want, got, withNaN); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestOfRefuses(t *testing.T) {
	for want, r := range map[string]*record.Run{
		"cut short":     run(0, mark(1, "trigger")),
		"no pod turned": run(0, record.Line{T: 3, End: &record.End{Failed: "no pod turned ready"}}),
		"no end":        {},
	} {
		if _, err := Of(r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestBound(t *testing.T) {
	for _, tt := range []struct {
		count Count
		want  float64
	}{{Count{}, 1}, {Count{N: 2}, 1}, {Count{N: 3000}, 0.001}, {Count{N: 200, Failed: 3}, 0.015}} {
		if got := tt.count.Bound(); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%+v: %v, want %v", tt.count, got, tt.want)
		}
	}
}

func TestSteps(t *testing.T) {
	steps := Steps(Lanes(run(0, pod(0, "a", "v1", "ready"), pod(2, "b", "v2", "starting"), pod(4, "b", "v2", "ready"), pod(5, "a", "v1", "deleted"), pod(7, "a", "v1", "gone"), end(9))))
	var got []string
	for _, s := range steps {
		got = append(got, fmt.Sprint(s.T, s.By, s.Of, s.ReadyOf, s.Active(), s.All()))
	}
	want := []string{
		"0 [0 0 1 0 0] map[v1:1] map[v1:1] 1 1",
		"2 [0 1 1 0 0] map[v1:1 v2:1] map[v1:1] 2 2",
		"4 [0 0 2 0 0] map[v1:1 v2:1] map[v1:1 v2:1] 2 2",
		"5 [0 0 1 0 1] map[v2:1] map[v2:1] 1 2",
		"7 [0 0 1 0 0] map[v2:1] map[v2:1] 1 1",
		"9 [0 0 0 0 0] map[] map[] 0 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for want, got := range map[int64]int64{0: Below(steps, 1, 0, 9), 7: Below(steps, 2, 1, 9), 2: Below(steps, 2, 0, 2), 4: Below(nil, 1, 5, 9)} {
		if got != want {
			t.Errorf("below: %d ms, want %d", got, want)
		}
	}
}

func TestBins(t *testing.T) {
	r := run(0, request(-1, "kept", "v1", 200, 3), request(0, "kept", "v1", 200, 1), request(999, "kept", "v2", 200, 500), request(2500, "kept", "", 0, 1), request(2600, "fresh", "v1", 200, 1), end(3000))
	want := []Bin{
		{From: -1000, OK: 1, Versions: map[string]int{"v1": 1}, Micros: []int64{3000}},
		{From: 0, OK: 1, Slow: 1, Versions: map[string]int{"v1": 1, "v2": 1}, Micros: []int64{1000, 500000}},
		{From: 1000, Versions: map[string]int{}},
		{From: 2000, Failed: 1, Versions: map[string]int{}},
	}
	got := Bins(r, 1000, 0, "kept")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := Bins(r, 1000, 0); got != nil {
		t.Errorf("no client: %v", got)
	}
	for q, want := range map[float64]float64{0: 1, 0.99: 500} {
		if got := got[1].Quantile(q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if got := got[2].Quantile(0.5); got != 0 {
		t.Errorf("quantile of nothing is %v", got)
	}
	if diff := cmp.Diff([][]string{{"fresh"}, {"kept"}}, [][]string{Clients(r, true), Clients(r, false)}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestStarted: a startup probe passes once in each life of a container.
func TestStarted(t *testing.T) {
	exit := int32(7)
	state := func(t int64, state string, started bool) record.Line {
		c := record.Container{State: state, Started: started}
		if state == "terminated" {
			c.Exit = &exit
		}
		return record.Line{T: t, Pod: &record.Pod{Name: "p", UID: "u", Version: "v1", Phase: "Running", Containers: []record.Container{c}}}
	}
	l := Lanes(run(0, state(1, "waiting", false), state(2, "running", false), state(5, "running", true), state(6, "running", true),
		state(8, "terminated", false), state(9, "running", true), state(10, "running", false), state(12, "terminated", false), end(20)))[0]
	if diff := cmp.Diff([]int64{5}, l.Started); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if last := l.Segments[len(l.Segments)-1]; last.State != Stopped || last.Exit == nil || *last.Exit != 7 {
		t.Errorf("the last segment is %+v", last)
	}
}

func TestPodsAt(t *testing.T) {
	r := run(0, pod(0, "b", "v1", "starting"), pod(1, "a", "v1", "ready"), pod(3, "b", "v1", "deleted"), pod(5, "b", "v1", "gone"), pod(6, "c", "v2", "ready"), end(9))
	r.Lines[4].Pod.Created = -1000
	for at, want := range map[int64]string{-1: "", 2: "pod-a pod-b", 4: "pod-a pod-b", 5: "pod-a", 9: "pod-c pod-a"} {
		var names []string
		for _, p := range PodsAt(r, at) {
			names = append(names, p.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("at %d: %q, want %q", at, got, want)
		}
	}
}

func TestClients(t *testing.T) {
	r := &record.Run{Header: record.Header{Clients: map[string]record.Client{"tag": {Fresh: true}, "other": {Fresh: true}}}}
	if diff := cmp.Diff([]string{"other", "tag"}, Clients(r, true)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	r.Header.Clients["fresh"] = record.Client{Fresh: true}
	if diff := cmp.Diff([]string{"fresh"}, Clients(r, true)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestOverlap(t *testing.T) {
	for name, tt := range map[string]struct {
		spans    map[string][]Span
		from, to int64
		want     int64
	}{
		"one version":     {map[string][]Span{"v1": {{0, 9}, {20, 30}}}, 0, 99, 0},
		"they meet":       {map[string][]Span{"v1": {{0, 9}}, "v2": {{9, 20}}}, 0, 99, 0},
		"they overlap":    {map[string][]Span{"v1": {{0, 9}}, "v2": {{5, 20}}}, 0, 99, 4},
		"before it began": {map[string][]Span{"v1": {{0, 9}}, "v2": {{5, 20}}}, 7, 99, 2},
		"twice":           {map[string][]Span{"v1": {{0, 9}, {12, 15}}, "v2": {{5, 20}}}, 0, 14, 6},
		"three":           {map[string][]Span{"v1": {{0, 9}}, "v2": {{5, 20}}, "v3": {{6, 7}}}, 0, 99, 4},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Overlap(tt.spans, tt.from, tt.to); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestSummarise(t *testing.T) {
	one := func(done float64, failed int) *Figures {
		return &Figures{Clients: map[string]Count{"kept": {N: 100, Failed: failed, Errors: map[string]int{"reset": failed}}}, Done: done, Want: 4}
	}
	all := []*Figures{one(9, 0), one(5, 0), one(7, 3), one(math.NaN(), 1)}
	s := Summarise(all)
	want := Count{N: 400, Failed: 4, Errors: map[string]int{"reset": 4}}
	if diff := cmp.Diff(want, s.Requests()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]Spread{{7, 5, 9, 3}, {0.5, 0, 3, 4}}, []Spread{s.Done, s.Failed}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for want, all := range map[int][]*Figures{2: all, 1: {one(math.NaN(), 9), one(math.NaN(), 2), one(math.NaN(), 0)}, 0: {one(1, 0), one(1, 0)}} {
		if got := MedianRun(all); got != want {
			t.Errorf("the median run is %d, want %d", got, want)
		}
	}
	if s := SpreadOf(math.NaN()); s.N != 0 || !math.IsNaN(s.Median) {
		t.Errorf("a spread of nothing: %+v", s)
	}
}
