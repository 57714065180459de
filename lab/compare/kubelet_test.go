package compare

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/lab/record"
)

// TestLives: of each run of a container the end, what it served, and the start of
// the next one, whether or not the end was told apart from it.
func TestLives(t *testing.T) {
	at := func(t int64, state string, restarts int32, ready bool) record.Line {
		return record.Line{T: t, Pod: &record.Pod{Name: "p", Ready: ready, Containers: []record.Container{{State: state, Restarts: restarts}}}}
	}
	run := &record.Run{Lines: []record.Line{
		at(0, "waiting", 0, false),
		at(100, "running", 0, false), at(300, "running", 0, true), at(800, "terminated", 0, false),
		at(900, "running", 1, false), at(1000, "running", 1, true),
		at(2000, "running", 2, false), at(2100, "running", 2, true), at(2600, "terminated", 2, false), at(2700, "waiting", 2, false),
		at(9000, "running", 3, false),
		{T: 9500, End: &record.End{}},
	}}
	s, err := saidOf(run, "p")
	if err != nil {
		t.Fatal(err)
	}
	want := []life{{100, 800, 500, 900}, {900, 2000, 1000, 2000}, {2000, 2600, 500, 9000}}
	if diff := cmp.Diff(want, lives(s), cmp.AllowUnexported(life{})); diff != "" {
		t.Error(diff)
	}
	if _, err := saidOf(run, "q"); err == nil {
		t.Error("a pod that was never seen has a life")
	}
}

// TestMisses: equal messages are counted by the kubelet, different ones by us.
func TestMisses(t *testing.T) {
	miss := func(message string, count int32) record.Line {
		return record.Line{Event: &record.Event{Reason: "Unhealthy", Object: "Pod/p", Message: message, Count: count}}
	}
	s, err := saidOf(&record.Run{Lines: []record.Line{
		{Pod: &record.Pod{Name: "p"}},
		miss("Readiness probe failed: refused", 1), miss("Readiness probe failed: refused", 4), miss("Readiness probe failed: 503", 0),
		miss("Liveness probe failed: refused", 2),
	}}, "p")
	if err != nil {
		t.Fatal(err)
	}
	for probe, want := range map[string]int{"Readiness": 5, "Liveness": 2, "Startup": 0} {
		if got := s.misses(probe); got != want {
			t.Errorf("%s: %d misses, want %d", probe, got, want)
		}
	}
}

// TestCFS reads the kubelet's metrics, which tell of pods and of containers.
func TestCFS(t *testing.T) {
	const text = `# TYPE container_cpu_cfs_periods_total counter
container_cpu_cfs_periods_total{container="",id="/a",image="",name="",namespace="n",pod="p"} 301 1795356015324
container_cpu_cfs_periods_total{container="c",id="/a/b",image="i",name="",namespace="n",pod="p"} 299 1795356015324
container_cpu_cfs_throttled_periods_total{container="",id="/a",image="",name="",namespace="n",pod="p"} 153 1795356015324
container_cpu_cfs_throttled_seconds_total{container="",id="/a",image="",name="",namespace="n",pod="p"} 15.5 1795356015324
container_cpu_cfs_throttled_seconds_total{container="",id="/a",image="",name="",namespace="other",pod="p"} 99 1795356015324
container_cpu_cfs_throttled_seconds_total{container="",id="/a",image="",name="",namespace="n",pod="pp"} 99 1795356015324
`
	for pod, want := range map[string]map[string]float64{
		"p": {periods: 301, throttledPeriods: 153, throttledSeconds: 15.5},
		"q": {periods: 0, throttledPeriods: 0, throttledSeconds: 0},
	} {
		got, err := cfs(text, "n", pod)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", pod, diff)
		}
	}
	for _, bad := range []string{"many", ""} {
		if _, err := cfs(`container_cpu_cfs_periods_total{namespace="n",pod="p"} `+bad+"\n", "n", "p"); err == nil {
			t.Errorf("it takes the figure %q", bad)
		}
	}
}

// TestBatch: a batch has its rows, and fits under the limit that the manifests set.
func TestBatch(t *testing.T) {
	body, err := batch(root)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Features []string
		Data     [][]any
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Data) != batchRows || len(got.Features) != 13 || len(got.Data[batchRows-1]) != 13 || len(body) > 2097152 {
		t.Errorf("%d rows of %d features in %d bytes", len(got.Data), len(got.Features), len(body))
	}
}
