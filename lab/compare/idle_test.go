package compare

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"online-inference/lab/record"
)

// TestBreak: as many models as just take more than the platform.
func TestBreak(t *testing.T) {
	for _, tt := range []struct {
		platform, pod float64
		want          int
	}{{150e6, 15e6, 11}, {149e6, 15e6, 10}, {150e6, 300e6, 1}, {700e6, 300e6, 3}} {
		if got := Break(tt.platform, tt.pod); got != tt.want {
			t.Errorf("%g bytes of %g: %d, want %d", tt.platform, tt.pod, got, tt.want)
		}
	}
}

// TestAddUp sorts the kubelet's accounts of pods, and of nothing else, by part.
func TestAddUp(t *testing.T) {
	const text = `# HELP container_cpu_usage_seconds_total
container_cpu_usage_seconds_total{container="",cpu="total",id="/a",image="",name="",namespace="knative-serving",pod="activator-1"} 26.5 1795356653210
container_cpu_usage_seconds_total{container="",cpu="total",id="/b",image="",name="",namespace="knative-serving",pod="webhook-1"} 1.5 1795356653210
container_cpu_usage_seconds_total{container="activator",cpu="total",id="/a/1",image="i",name="n",namespace="knative-serving",pod="activator-1"} 26 1795356653210
container_memory_rss{container="",id="/a",image="",name="",namespace="kourier-system",pod="gateway"} 5.27e+08 1795356653210
container_memory_rss{container="",id="/c",image="",name="",namespace="mine",pod="online-inference-pod"} 1.4e+07 1
container_memory_rss{container="",id="/d",image="",name="",namespace="mine",pod="online-inference-v1-deployment-x"} 2e+07 1
container_memory_rss{container="",id="/e",image="",name="",namespace="kube-system",pod="metrics-server-x"} 3e+07 1
container_memory_rss{container="",id="/f",image="",name="",namespace="other",pod="online-inference-pod"} 9e+07 1
container_memory_rss{container="",id="/",image="",name="",namespace="",pod=""} 9e+09 1
`
	values := map[string]map[string]float64{}
	for _, name := range []string{ofServing, ofKourier, ofMetrics, ofPod, ofRoute} {
		values[name] = map[string]float64{}
	}
	if err := addUp(values, []byte(text), "mine"); err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]float64{
		ofServing: {cpuSeconds: 28}, ofKourier: {memoryBytes: 527e6}, ofMetrics: {memoryBytes: 3e7},
		ofPod: {memoryBytes: 1.4e7}, ofRoute: {memoryBytes: 2e7},
	}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := addUp(values, []byte("# nothing\n"), "mine"); err == nil {
		t.Error("an answer without pods is taken for an idle one")
	}
}

// TestIdleUsage: the median of memory, the growth of CPU time; too short a
// record is no measurement.
func TestIdleUsage(t *testing.T) {
	sample := func(t int64, cpu, bytes float64) record.Line {
		return record.Line{T: t, Sample: &record.Sample{Of: ofPod, Values: map[string]float64{cpuSeconds: cpu, memoryBytes: bytes}}}
	}
	run := &record.Run{Lines: []record.Line{sample(1000, 2, 10), sample(451_000, 3, 30), sample(901_000, 4.5, 20)}}
	got, err := idleUsage(run)
	if err != nil {
		t.Fatal(err)
	}
	if u := got[ofPod]; u.Bytes != 20 || u.Seconds != 2.5 || u.PerHour() != 10 {
		t.Errorf("got %+v, %g seconds an hour; want 20 bytes, 2.5 s, 10 s an hour", u, u.PerHour())
	}
	run.Lines = run.Lines[:2]
	if _, err := idleUsage(run); err == nil || !strings.Contains(err.Error(), "less than 15m") {
		t.Errorf("a short record: %v", err)
	}
	if _, err := idleUsage(&record.Run{}); err == nil {
		t.Error("a record without samples is taken")
	}
}

// TestIdleClaims: the platform of the cluster must be larger than the pod, and
// the revision at zero must take nothing.
func TestIdleClaims(t *testing.T) {
	make15 := func(route float64) *record.Run {
		run := &record.Run{}
		for i := range 31 {
			for name, bytes := range map[string]float64{ofServing: 150e6, ofKourier: 60e6, ofPod: 14e6, ofMetrics: 30e6, ofRoute: route} {
				run.Lines = append(run.Lines, record.Line{T: int64(i) * 30_000, Sample: &record.Sample{Of: name,
					Values: map[string]float64{cpuSeconds: float64(i), memoryBytes: bytes}}})
			}
		}
		return run
	}
	claims := idleCost().Claims
	for _, c := range claims {
		if measured, err := c.Check(make15(0)); err != nil {
			t.Errorf("%s: %s, %v", c.Text, measured, err)
		}
	}
	if measured, err := claims[3].Check(make15(0)); measured != "15 of 15 MB, 1 of 300 MB" || err != nil {
		t.Errorf("got %s, %v", measured, err)
	}
	if _, err := claims[0].Check(make15(5e6)); err == nil {
		t.Error("a pod at zero that takes 5 MB is taken")
	}
}
