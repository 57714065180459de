package main

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"online-inference/function/telemetry"
)

// serviceName is how traces and metrics call this program where nobody says
// otherwise.
const serviceName = "online-inference"

// sampler is one of OpenTelemetry's by its name in the environment, nil for no name
// of theirs; share is the argument of those that take one.
func sampler(name string, share float64) sdktrace.Sampler {
	name, follows := strings.CutPrefix(name, "parentbased_")
	var s sdktrace.Sampler
	switch name {
	case "always_on":
		s = sdktrace.AlwaysSample()
	case "always_off":
		s = sdktrace.NeverSample()
	case "traceidratio":
		s = sdktrace.TraceIDRatioBased(share)
	default:
		return nil
	}
	if follows {
		return sdktrace.ParentBased(s)
	}
	return s
}

// exports tells whether anything is to be sent to a collector.
func (c *Config) exports() bool {
	return !c.OTelDisabled && (c.OTelEndpoint != "" || c.OTelTracesEndpoint != "" || c.OTelMetricsEndpoint != "")
}

// export is what the OTEL_* variables ask for.
func (c *Config) export() (telemetry.Export, error) {
	if !c.exports() {
		return telemetry.Export{}, nil
	}
	headers, err := pairs(c.OTelHeaders)
	if err != nil {
		return telemetry.Export{}, err
	}
	share := 1.0
	if c.OTelSamplerArg != "" {
		if share, err = strconv.ParseFloat(c.OTelSamplerArg, 64); err != nil {
			return telemetry.Export{}, err
		}
	}
	x := telemetry.Export{
		Headers: headers, Gzip: c.OTelCompression == "gzip",
		Timeout:  time.Duration(c.OTelTimeout) * time.Millisecond,
		Interval: time.Duration(c.OTelInterval) * time.Millisecond,
		Sampler:  sampler(c.OTelSampler, share),
	}
	if x.Resource, err = c.resource(); err != nil {
		return x, err
	}
	if c.OTelTraces == "otlp" {
		x.TracesURL = below(c.OTelTracesEndpoint, c.OTelEndpoint, "v1/traces")
	}
	if c.OTelMetrics == "otlp" {
		x.MetricsURL = below(c.OTelMetricsEndpoint, c.OTelEndpoint, "v1/metrics")
	}
	return x, nil
}

// below is the address that was given for one kind, or the one below the common
// address.
func below(own, common, path string) string {
	if own != "" || common == "" {
		return own
	}
	return strings.TrimSuffix(common, "/") + "/" + path
}

// resource says which process this is.
func (c *Config) resource() (*resource.Resource, error) {
	given, err := pairs(c.OTelAttributes)
	if err != nil {
		return nil, err
	}
	all := map[string]string{"service.name": serviceName, "service.version": version, "service.instance.id": c.pod()}
	if c.Revision != "" {
		all["faas.version"] = c.Revision // the semantic conventions' name for a revision
	}
	for key, value := range given {
		all[key] = value
	}
	if c.OTelService != "" {
		all["service.name"] = c.OTelService
	}
	var attributes []attribute.KeyValue
	for key, value := range all {
		attributes = append(attributes, attribute.String(key, value))
	}
	return resource.NewSchemaless(attributes...), nil
}

// pairs reads key=value,key2=value2 with percent-encoded values, as OpenTelemetry's
// specification has it.
func pairs(text string) (map[string]string, error) {
	all := map[string]string{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		key = strings.TrimSpace(key)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || key == "" || err != nil || strings.ContainsFunc(key+value, isControl) {
			return nil, fmt.Errorf("%q is no key=value", part)
		}
		all[key] = value
	}
	return all, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func isPairs(text string) bool {
	_, err := pairs(text)
	return err == nil
}

func isAddress(text string) bool {
	if text == "" {
		return true
	}
	u, err := url.Parse(text)
	return err == nil && slices.Contains([]string{"http", "https"}, u.Scheme) && u.Host != "" && u.RawQuery == "" && u.Fragment == ""
}

func isShare(text string) bool {
	if text == "" {
		return true
	}
	f, err := strconv.ParseFloat(text, 64)
	return err == nil && 0 <= f && f <= 1
}
