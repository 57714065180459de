package telemetry

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// used is a Metrics in which every number has been touched.
func used() *Metrics {
	m := NewMetrics("1.2.3")
	watch := NewStages(2 * time.Millisecond)
	watch.Done("config")
	m.Ready("heart", "1", watch)
	m.Begin()
	m.End("/predict", 200, 60*time.Microsecond)
	m.Scored("heart", "1", 3)
	m.Draining()
	return m
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
		"oi_build_info", "oi_draining", "oi_http_request_duration_seconds", "oi_http_requests_in_flight", "oi_http_requests_total",
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
	m.End(OtherRoute, 404, 40*time.Microsecond)
	if n := m.Panicked(); n != 1 {
		t.Errorf("the first panic is number %d", n)
	}
	w := httptest.NewRecorder()
	m.Handler(nil).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if got := w.Header().Get("Content-Type"); w.Code != 200 || !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("got %d %s", w.Code, got)
	}
	text := w.Body.String()
	for _, want := range []string{
		`oi_http_requests_total{code="200",route="/predict"} 1`,
		`oi_http_requests_total{code="404",route="other"} 1`,
		`oi_http_request_duration_seconds_bucket{route="/predict",le="5e-05"} 0`,
		`oi_http_request_duration_seconds_bucket{route="/predict",le="0.0001"} 1`,
		`oi_http_request_duration_seconds_bucket{route="other",le="5e-05"} 1`,
		`oi_http_request_duration_seconds_sum{route="/predict"} 6e-05`,
		`oi_http_requests_in_flight 1`,
		`oi_rows_scored_total{model="heart",version="1"} 3`,
		`oi_panics_total 1`,
		`oi_start_stage_seconds{stage="runtime"} 0.002`,
		`oi_model_ready{model="heart",version="1"} 1`,
		`oi_draining 1`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no line %q", want)
		}
	}
	if !strings.Contains(text, "\n"+`oi_build_info{go="go1.`) || !strings.Contains(text, `version="1.2.3"} 1`+"\n") {
		t.Error("oi_build_info does not name both versions")
	}
	if t.Failed() {
		t.Log(text)
	}
}
