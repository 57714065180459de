package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
)

// TestExport: what the OTEL_* variables ask for together.
func TestExport(t *testing.T) {
	for name, c := range map[string]struct {
		environ         []string
		traces, metrics string
	}{
		"nothing":          {nil, "", ""},
		"common":           {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318"}, "http://c:4318/v1/traces", "http://c:4318/v1/metrics"},
		"common, slash":    {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c/base/"}, "http://c/base/v1/traces", "http://c/base/v1/metrics"},
		"own":              {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://t/x"}, "http://t/x", "http://c/v1/metrics"},
		"metrics alone":    {[]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://m/y"}, "", "http://m/y"},
		"no traces":        {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_TRACES_EXPORTER=none"}, "", "http://c/v1/metrics"},
		"disabled":         {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_SDK_DISABLED=true"}, "", ""},
		"gRPC of no use":   {[]string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, "", ""},
		"gRPC, but unused": {[]string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_SDK_DISABLED=true"}, "", ""},
	} {
		cfg, err := parseConfig(c.environ)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		x, err := cfg.export()
		if err != nil || x.TracesURL != c.traces || x.MetricsURL != c.metrics {
			t.Errorf("%s: traces to %q, metrics to %q, %v", name, x.TracesURL, x.MetricsURL, err)
		}
	}
	if _, err := parseConfig([]string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}); err == nil {
		t.Error("gRPC is accepted, which nothing here speaks")
	}
}

// TestResource: what is said of this process.
func TestResource(t *testing.T) {
	cfg, err := parseConfig([]string{
		"HOSTNAME=p", "K_REVISION=r", "OTEL_RESOURCE_ATTRIBUTES=team=a%20b, service.version=9,service.name=x", "OTEL_SERVICE_NAME=y",
	})
	if err != nil {
		t.Fatal(err)
	}
	res, err := cfg.resource()
	if err != nil {
		t.Fatal(err)
	}
	got := map[attribute.Key]string{}
	for _, kv := range res.Attributes() {
		got[kv.Key] = kv.Value.AsString()
	}
	want := map[attribute.Key]string{
		"service.name": "y", "service.version": "9", "service.instance.id": "p", "faas.version": "r", "team": "a b",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPairs(t *testing.T) {
	got, err := pairs(" a=1, b = x%3Dy ,,c=")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "x=y", "c": ""}, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"a", "=1", "a=%zz", "a=%0d%0a"} {
		if got, err := pairs(bad); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}
