//go:build e2e

package telemetry

import (
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	spanpb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"online-inference/lab/e2e/process"
)

const root = "../../.."

const row = `[{"age":63,"sex":1,"cp":1,"trestbps":145,"chol":233,"fbs":1,"restecg":2,"thalach":150,"exang":0,"oldpeak":2.3,"slope":3,"ca":0,"thal":"6"}]`

// ask sends a row to /predict, in a trace where one is given.
func ask(t *testing.T, url, body, traceparent string, status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/predict", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if traceparent != "" {
		req.Header.Set("Traceparent", traceparent)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != status {
		t.Fatalf("%s: status %d", body, res.StatusCode)
	}
}

const (
	trace  = "0af7651916cd43dd8448eb211c80319c"
	parent = "b7ad6b7169203331"
)

// TestTraces: a request that a sampled trace runs through gives a span below its
// parent, with its parts below it, and is sent by the end of the process at the
// latest, past a collector that is busy at first.
func TestTraces(t *testing.T) {
	c := collect(t)
	c.refuse = 2
	p := process.Start(t, process.Build(t, root), root,
		"OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL, "OTEL_EXPORTER_OTLP_HEADERS=x-token=a%20b", "OTEL_EXPORTER_OTLP_COMPRESSION=gzip",
		"OTEL_SERVICE_NAME=heart")
	ask(t, p.URL, row, "00-"+trace+"-"+parent+"-01", http.StatusOK)
	ask(t, p.URL, row, "00-1af7651916cd43dd8448eb211c80319c-"+parent+"-00", http.StatusOK) // not sampled
	ask(t, p.URL, "[]", "", http.StatusBadRequest)
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if got := c.headers.Get("X-Token"); got != "a b" || c.service != "heart" {
		t.Errorf("token %q, service %q", got, c.service)
	}
	spans := map[string]*spanpb.Span{}
	for _, s := range c.spans {
		if hex.EncodeToString(s.GetTraceId()) == trace {
			spans[s.GetName()] = s
		}
	}
	if len(c.spans) != 5 || len(spans) != 4 {
		t.Fatalf("%d spans, %d of them in the trace: %v", len(c.spans), len(spans), c.spans)
	}
	s := spans["POST /predict"]
	if s == nil || hex.EncodeToString(s.GetParentSpanId()) != parent || s.GetKind() != spanpb.Span_SPAN_KIND_SERVER {
		t.Fatalf("the request's span is %v", s)
	}
	a := s.GetAttributes()
	if value(a, "http.route") != "/predict" || number(a, "http.response.status_code") != 200 || number(a, "oi.rows") != 1 || value(a, "oi.model.version") != "1" {
		t.Errorf("the span says %v", a)
	}
	for _, name := range []string{"decode", "predict", "encode"} {
		part := spans[name]
		if part == nil || string(part.GetParentSpanId()) != string(s.GetSpanId()) {
			t.Errorf("%s is %v", name, part)
			continue
		}
		if part.GetStartTimeUnixNano() < s.GetStartTimeUnixNano() || part.GetEndTimeUnixNano() > s.GetEndTimeUnixNano() {
			t.Errorf("%s lies outside of its request", name)
		}
	}
	for _, s := range c.spans { // nothing unknown: each field means what we meant
		if b, err := proto.Marshal(s); err != nil || len(s.ProtoReflect().GetUnknown()) > 0 || len(b) == 0 {
			t.Errorf("unknown fields in %v", s)
		}
	}
	if !strings.Contains(p.Log(), `"trace_id":"`+trace+`"`) {
		t.Error("the log line does not name the trace")
	}
}

// TestMetrics: a process that ends long before its first interval is seen, with
// all that it counted.
func TestMetrics(t *testing.T) {
	c := collect(t)
	p := process.Start(t, process.Build(t, root), root, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="+c.URL+"/v1/metrics")
	const rows = 7
	for range rows {
		ask(t, p.URL, row, "", http.StatusOK)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.spans) > 0 {
		t.Error("spans were sent without an address for them")
	}
	scored := c.metrics["oi_rows_scored_total"].GetSum()
	sum := 0.0
	for _, point := range scored.GetDataPoints() { // one for each route that scores
		sum += point.GetAsDouble()
	}
	if !scored.GetIsMonotonic() || len(scored.GetDataPoints()) < 2 || sum != rows {
		t.Errorf("rows: %v", scored)
	}
	values := c.metrics["oi_feature_values_total"].GetSum()
	sum = 0
	for _, point := range values.GetDataPoints() {
		sum += point.GetAsDouble()
	}
	if !values.GetIsMonotonic() || sum != 13*rows {
		t.Errorf("values: %v", values)
	}
	took := c.metrics["oi_http_request_duration_seconds"].GetHistogram()
	count := uint64(0)
	for _, point := range took.GetDataPoints() {
		sum := uint64(0)
		for _, n := range point.GetBucketCounts() {
			sum += n
		}
		if sum != point.GetCount() || len(point.GetBucketCounts()) != len(point.GetExplicitBounds())+1 {
			t.Errorf("buckets %v of %d", point.GetBucketCounts(), point.GetCount())
		}
		count += point.GetCount()
	}
	if count != rows {
		t.Errorf("%d durations", count)
	}
	if d := c.metrics["oi_draining"].GetGauge().GetDataPoints(); len(d) != 1 || d[0].GetAsDouble() != 1 {
		t.Errorf("draining: %v", d)
	}
}

// TestNoCollector: where nobody takes what is sent, requests go on and the end comes
// in time.
func TestNoCollector(t *testing.T) {
	p := process.Start(t, process.Build(t, root), root,
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:1", "OTEL_METRIC_EXPORT_INTERVAL=100", "OTEL_EXPORTER_OTLP_TIMEOUT=200")
	for range 20 {
		ask(t, p.URL, row, "", http.StatusOK)
	}
	start := time.Now()
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("the end took %v", took)
	}
	if log := p.Log(); !strings.Contains(log, "metrics were not delivered") || !strings.Contains(log, "spans were not delivered") {
		t.Errorf("the log does not say what was lost:\n%s", log)
	}
}
