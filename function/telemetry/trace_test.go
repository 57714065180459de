package telemetry

import (
	"net/http"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// TestTracesOffCostNothing: without traces a request that is in one allocates
// nothing for it, whether metrics are pushed or not; with traces it does, or the
// test would not see it.
func TestTracesOffCostNothing(t *testing.T) {
	exporter := func(x Export) *Exporter {
		x.Resource, x.Timeout, x.Interval = resource.Empty(), time.Second, time.Hour
		x.Sampler = sdktrace.ParentBased(sdktrace.AlwaysSample())
		return NewExporter(x, NewMetrics("test"), "test", zerolog.Nop())
	}
	h := http.Header{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}
	start := time.Now()
	r := &Request{Method: "POST", Route: "/predict", Path: "/predict", Status: 200, Model: "m", Version: "1", Decode: 1, Predict: 1, Encode: 1}
	// Nothing listens on port 9 of loopback.
	for name, c := range map[string]struct {
		x      Export
		traced bool
	}{
		"off":          {Export{}, false},
		"metrics only": {Export{MetricsURL: "http://127.0.0.1:9/v1/metrics"}, false},
		"on":           {Export{TracesURL: "http://127.0.0.1:9/v1/traces"}, true},
	} {
		e := exporter(c.x)
		traced := false
		got := testing.AllocsPerRun(100, func() {
			span := e.Begin(h, start)
			traced = span.TraceID() != ""
			span.End(r, start.Add(time.Millisecond))
		})
		if traced != c.traced || got > 0 != c.traced {
			t.Errorf("%s: traced is %v, with %v allocations", name, traced, got)
		}
	}
}
