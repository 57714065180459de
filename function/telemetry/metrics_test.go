package telemetry

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// counted are values as a model counts them.
type counted []struct {
	feature, bin string
	share        float64
	n            uint64
}

func (c counted) Each(do func(feature, bin string, share float64, values uint64)) {
	for _, b := range c {
		do(b.feature, b.bin, b.share, b.n)
	}
}

// used is a Metrics in which every number has been touched.
func used() *Metrics {
	m := NewMetrics("1.2.3")
	m.Scoring("/predict", "/infer")
	watch := NewStages(2 * time.Millisecond)
	watch.Done("config")
	m.Ready("heart", "1", watch, counted{
		{"age", "below", 0, 7}, {"age", "[1,2]", 1, 0}, {"age", "missing", math.NaN(), 1}, {"thal", `"missing"`, 0.25, 2},
	})
	m.Begin()
	m.End(&Request{
		Route: "/predict", Status: 200, Duration: 60 * time.Microsecond, Rows: 3, Scored: 3, BytesIn: 100, BytesOut: 200,
		Model: "heart", Version: "1", Decode: 3 * time.Microsecond, Predict: time.Microsecond, Encode: 2 * time.Microsecond,
	})
	m.Draining()
	return m
}

// scrape is what a scraper gets.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(nil).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if got := w.Header().Get("Content-Type"); w.Code != 200 || !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("got %d %s", w.Code, got)
	}
	return w.Body.String()
}

// TestMetricNames holds every name, help and unit against the conventions of
// Prometheus, and the names against the list that dashboards rely on.
func TestMetricNames(t *testing.T) {
	m := used()
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var own []string
	others := map[string]bool{}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "oi_") {
			own = append(own, f.GetName())
		} else {
			others[f.GetName()] = true
		}
	}
	want := []string{
		"oi_build_info", "oi_draining", "oi_feature_training_share", "oi_feature_values_total",
		"oi_http_request_body_bytes_total", "oi_http_request_duration_seconds", "oi_http_requests_in_flight", "oi_http_requests_total",
		"oi_http_response_body_bytes_total", "oi_inference_phase_duration_seconds",
		"oi_model_ready", "oi_panics_total", "oi_rows_scored_total", "oi_start_stage_seconds",
	}
	if diff := cmp.Diff(want, own); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"process_resident_memory_bytes", "process_start_time_seconds", "go_goroutines", "go_info"} {
		if !others[name] {
			t.Errorf("no %s", name)
		}
	}
}

// TestMetricValues: what is told is what a scrape says, and the least bucket ends
// at 50 µs.
func TestMetricValues(t *testing.T) {
	m := used()
	m.Begin()
	m.Begin()
	m.End(&Request{Route: OtherRoute, Status: 404, Duration: 40 * time.Microsecond, BytesOut: 10})
	if n := m.Panicked(); n != 1 {
		t.Errorf("the first panic is number %d", n)
	}
	text := scrape(t, m)
	for _, want := range []string{
		`oi_http_requests_total{code="200",model="heart",route="/predict",version="1"} 1`,
		`oi_http_requests_total{code="404",model="",route="other",version=""} 1`,
		`oi_http_request_duration_seconds_bucket{model="heart",route="/predict",version="1",le="5e-05"} 0`,
		`oi_http_request_duration_seconds_bucket{model="heart",route="/predict",version="1",le="0.0001"} 1`,
		`oi_http_request_duration_seconds_bucket{model="",route="other",version="",le="5e-05"} 1`,
		`oi_http_request_duration_seconds_sum{model="heart",route="/predict",version="1"} 6e-05`,
		`oi_http_request_body_bytes_total{model="heart",route="/predict",version="1"} 100`,
		`oi_http_response_body_bytes_total{model="heart",route="/predict",version="1"} 200`,
		`oi_http_response_body_bytes_total{model="",route="other",version=""} 10`,
		`oi_inference_phase_duration_seconds_bucket{model="heart",phase="decode",route="/predict",version="1",le="2.5e-06"} 0`,
		`oi_inference_phase_duration_seconds_sum{model="heart",phase="decode",route="/predict",version="1"} 3e-06`,
		`oi_inference_phase_duration_seconds_sum{model="heart",phase="predict",route="/predict",version="1"} 1e-06`,
		`oi_inference_phase_duration_seconds_sum{model="heart",phase="encode",route="/predict",version="1"} 2e-06`,
		`oi_http_requests_in_flight 1`,
		`oi_rows_scored_total{model="heart",route="/predict",version="1"} 3`,
		`oi_rows_scored_total{model="heart",route="/infer",version="1"} 0`,
		`oi_panics_total 1`,
		`oi_start_stage_seconds{stage="runtime"} 0.002`,
		`oi_model_ready{model="heart",version="1"} 1`,
		`oi_draining 1`,
		`oi_feature_values_total{bin="below",feature="age",model="heart",version="1"} 7`,
		`oi_feature_values_total{bin="missing",feature="age",model="heart",version="1"} 1`,
		`oi_feature_values_total{bin="\"missing\"",feature="thal",model="heart",version="1"} 2`,
		`oi_feature_training_share{bin="below",feature="age",model="heart",version="1"} 0`,
		`oi_feature_training_share{bin="[1,2]",feature="age",model="heart",version="1"} 1`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no line %q", want)
		}
	}
	for _, absent := range []string{`oi_feature_training_share{bin="missing"`, `oi_rows_scored_total{model="",`, `phase="decode",route="other"`} {
		if strings.Contains(text, absent) {
			t.Errorf("there is a line with %s", absent)
		}
	}
	if !strings.Contains(text, "\n"+`oi_build_info{go="go1.`) || !strings.Contains(text, `version="1.2.3"} 1`+"\n") {
		t.Error("oi_build_info does not name both versions")
	}
}

// TestEndCostsNoMemory: requests like earlier ones are counted without memory.
func TestEndCostsNoMemory(t *testing.T) {
	m := used()
	requests := []*Request{
		{Route: "/predict", Status: 200, Duration: 60, Scored: 3, BytesIn: 1, BytesOut: 2, Model: "heart", Version: "1", Decode: 1, Predict: 1, Encode: 1},
		{Route: "/predict", Status: 400, Duration: 60, BytesIn: 1, BytesOut: 2, Model: "heart", Version: "1"},
		{Route: OtherRoute, Status: 404, Duration: 60},
	}
	got := testing.AllocsPerRun(100, func() {
		for _, r := range requests {
			m.Begin()
			m.End(r)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// TestEndAtOnce: requests of new kinds may be counted at the same time.
func TestEndAtOnce(t *testing.T) {
	m := NewMetrics("test")
	const workers, kinds = 8, 50
	done := make(chan struct{})
	for range workers {
		go func() {
			for i := range kinds {
				m.Begin()
				m.End(&Request{Route: "/predict", Status: 200 + i, Duration: 1, Scored: 2, Decode: 1, Model: "heart", Version: "1"})
			}
			done <- struct{}{}
		}()
	}
	for range workers {
		<-done
	}
	text := scrape(t, m)
	for _, want := range []string{
		`oi_http_requests_total{code="249",model="heart",route="/predict",version="1"} 8`,
		`oi_rows_scored_total{model="heart",route="/predict",version="1"} ` + fmt.Sprint(2*workers*kinds),
		"oi_http_requests_in_flight 0",
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no line %q in\n%s", want, text)
		}
	}
}

// BenchmarkEnd is the cost of counting one inference.
func BenchmarkEnd(b *testing.B) {
	m := used()
	r := &Request{Route: "/predict", Status: 200, Duration: 60 * time.Microsecond, Scored: 1, BytesIn: 100, BytesOut: 300,
		Model: "heart", Version: "1", Decode: 3 * time.Microsecond, Predict: time.Microsecond, Encode: time.Microsecond}
	b.ReportAllocs()
	for b.Loop() {
		m.Begin()
		m.End(r)
	}
}
