package telemetry

import (
	"context"
	"net/http"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"online-inference/function/telemetry/otlp"
)

// Export says where traces and metrics are sent, as the OTEL_* variables say it.
// The zero value sends nothing.
type Export struct {
	TracesURL, MetricsURL string // whole addresses; empty sends none
	Headers               map[string]string
	Gzip                  bool
	Timeout               time.Duration // of a delivery
	Interval              time.Duration // between pushes of metrics
	// Resource names the service and whatever else the environment says of the
	// process.
	Resource *resource.Resource
	Sampler  sdktrace.Sampler // which requests are traced
}

// An Exporter sends what Export says. A nil Exporter sends nothing and costs
// nothing: each of its methods returns at once.
type Exporter struct {
	provider *sdktrace.TracerProvider // nil without traces
	tracer   trace.Tracer
	metrics  *otlp.Metrics // nil without metrics
	log      zerolog.Logger
	stop     chan struct{}
	stopped  chan struct{}
}

// scopeName names this program as the maker of spans and metrics.
const scopeName = "online-inference"

// NewExporter starts what Export says; nil where that is nothing. What cannot be
// delivered is told to log and dropped.
func NewExporter(x Export, m *Metrics, build string, log zerolog.Logger) *Exporter {
	if x.TracesURL == "" && x.MetricsURL == "" {
		return nil
	}
	e := &Exporter{log: log, stop: make(chan struct{}), stopped: make(chan struct{})}
	// A transport of its own: a collector that does not answer holds nothing of the
	// server's.
	transport := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, IdleConnTimeout: time.Minute}}
	client := func(url string) *otlp.Client {
		return &otlp.Client{URL: url, Headers: x.Headers, Gzip: x.Gzip, Timeout: x.Timeout, HTTP: transport}
	}
	if x.TracesURL != "" {
		e.provider = sdktrace.NewTracerProvider(
			sdktrace.WithResource(x.Resource),
			sdktrace.WithSampler(x.Sampler),
			sdktrace.WithBatcher(&loggedSpans{otlp.Spans{Client: client(x.TracesURL)}, log}),
		)
		e.tracer = e.provider.Tracer(scopeName, trace.WithInstrumentationVersion(build))
	}
	if x.MetricsURL == "" {
		close(e.stopped)
		return e
	}
	e.metrics = &otlp.Metrics{
		Client: client(x.MetricsURL), Gather: m.registry.Gather, Resource: x.Resource,
		Scope: instrumentation.Scope{Name: scopeName, Version: build}, Start: time.Now(),
	}
	go e.pushAll(x.Interval)
	return e
}

// pushAll sends the metrics at every interval until stop.
func (e *Exporter) pushAll(interval time.Duration) {
	defer close(e.stopped)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-e.stop:
			return
		case now := <-tick.C:
			e.push(context.Background(), now)
		}
	}
}

func (e *Exporter) push(ctx context.Context, now time.Time) {
	if err := e.metrics.Push(ctx, now); err != nil {
		e.log.Warn().Err(err).Msg("metrics were not delivered")
	}
}

// Flush sends what is left, the last values of the metrics included, and ends the
// exporter. A pod that lived for seconds is seen by this alone.
func (e *Exporter) Flush(ctx context.Context) {
	if e == nil {
		return
	}
	close(e.stop)
	spans := make(chan struct{})
	go func() {
		defer close(spans)
		if e.provider == nil {
			return
		}
		if err := e.provider.Shutdown(ctx); err != nil {
			e.log.Warn().Err(err).Msg("spans were not delivered")
		}
	}()
	if e.metrics != nil {
		select {
		case <-e.stopped: // a push under way comes first, so that the last values stay the last
			e.push(ctx, time.Now())
		case <-ctx.Done():
		}
	}
	<-spans
}

// loggedSpans tells the log of spans that were not delivered; the SDK would tell a
// process-wide handler.
type loggedSpans struct {
	otlp.Spans
	log zerolog.Logger
}

func (s *loggedSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := s.Spans.ExportSpans(ctx, spans); err != nil {
		s.log.Warn().Err(err).Int("spans", len(spans)).Msg("spans were not delivered")
	}
	return nil
}

// A Span is the trace of one request; a nil Span is of none.
type Span struct {
	ctx   context.Context
	span  trace.Span
	trace trace.Tracer
}

// Begin starts the span of a request, below the one that its traceparent header
// names, such as queue-proxy's. It is nil where the request is not sampled.
func (e *Exporter) Begin(h http.Header, start time.Time) *Span {
	if e == nil || e.provider == nil {
		return nil
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(h))
	ctx, span := e.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(start))
	if !span.IsRecording() {
		return nil
	}
	return &Span{ctx, span, e.tracer}
}

// TraceID is the id of the trace in hexadecimal; empty for a nil Span.
func (s *Span) TraceID() string {
	if s == nil {
		return ""
	}
	return s.span.SpanContext().TraceID().String()
}

// End ends the span of a request at a time. The three parts of an inference become
// spans below it; they follow each other up to the end.
func (s *Span) End(r *Request, end time.Time) {
	if s == nil {
		return
	}
	at := end
	for _, part := range []struct {
		name string
		took time.Duration
	}{{"encode", r.Encode}, {"predict", r.Predict}, {"decode", r.Decode}} {
		if part.took > 0 {
			from := at.Add(-part.took)
			_, child := s.trace.Start(s.ctx, part.name, trace.WithTimestamp(from))
			child.End(trace.WithTimestamp(at))
			at = from
		}
	}
	s.span.SetName(r.Method + " " + r.Route)
	s.span.SetAttributes(
		attribute.String("http.request.method", r.Method),
		attribute.String("http.route", r.Route),
		attribute.String("url.path", r.Path),
		attribute.Int("http.response.status_code", r.Status),
		attribute.Int64("http.request.body.size", r.BytesIn),
		attribute.Int64("http.response.body.size", r.BytesOut),
		attribute.String("oi.request_id", r.ID),
	)
	if r.Model != "" {
		s.span.SetAttributes(attribute.String("oi.model.name", r.Model), attribute.String("oi.model.version", r.Version), attribute.Int("oi.rows", r.Rows))
	}
	if r.Status >= http.StatusInternalServerError {
		s.span.SetStatus(codes.Error, http.StatusText(r.Status))
	}
	s.span.End(trace.WithTimestamp(end))
}
