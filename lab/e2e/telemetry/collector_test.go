//go:build e2e

// Package telemetry receives what the function sends to an OpenTelemetry collector
// and reads it by OpenTelemetry's own definitions.
package telemetry

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	pb "go.opentelemetry.io/proto/otlp/metrics/v1"
	spanpb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A collector takes deliveries as a collector's port 4318 does.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	refuse  int // deliveries to refuse as busy
	headers http.Header
	spans   []*spanpb.Span
	service string
	metrics map[string]*pb.Metric // the latest of each name
}

func collect(t *testing.T) *collector {
	c := &collector{metrics: map[string]*pb.Metric{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.refuse > 0 {
			c.refuse--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		c.headers = r.Header
		if err := c.take(r); err != nil {
			t.Errorf("%s: %v", r.URL.Path, err)
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) take(r *http.Request) error {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			return err
		}
		body = z
	}
	all, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	strict := proto.UnmarshalOptions{}
	if r.URL.Path == "/v1/metrics" {
		var m metricspb.ExportMetricsServiceRequest
		if err := strict.Unmarshal(all, &m); err != nil {
			return err
		}
		for _, res := range m.GetResourceMetrics() {
			c.service = value(res.GetResource().GetAttributes(), "service.name")
			for _, scope := range res.GetScopeMetrics() {
				for _, metric := range scope.GetMetrics() {
					c.metrics[metric.GetName()] = metric
				}
			}
		}
		return nil
	}
	var s tracepb.ExportTraceServiceRequest
	if err := strict.Unmarshal(all, &s); err != nil {
		return err
	}
	for _, res := range s.GetResourceSpans() {
		c.service = value(res.GetResource().GetAttributes(), "service.name")
		for _, scope := range res.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
	return nil
}

// value is a text among attributes.
func value(all []*commonpb.KeyValue, key string) string {
	for _, kv := range all {
		if kv.GetKey() == key {
			return kv.GetValue().GetStringValue()
		}
	}
	return ""
}

// number is a whole number among attributes, -1 without it.
func number(all []*commonpb.KeyValue, key string) int64 {
	for _, kv := range all {
		if kv.GetKey() == key {
			return kv.GetValue().GetIntValue()
		}
	}
	return -1
}
