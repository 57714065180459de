package otlp

import (
	"context"
	"math"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	"google.golang.org/protobuf/encoding/protowire"
)

// Metrics sends what a registry of Prometheus holds. The numbers are kept once, for
// scrapes and pushes alike, so that both tell the same.
type Metrics struct {
	Client   *Client
	Gather   func() ([]*dto.MetricFamily, error)
	Resource *resource.Resource
	Scope    instrumentation.Scope
	Start    time.Time // since when the counters count
}

// Push sends all metrics as they are at a time.
func (p *Metrics) Push(ctx context.Context, now time.Time) error {
	families, err := p.Gather()
	if err != nil {
		return err
	}
	return p.Client.post(ctx, p.appendMetrics(nil, families, now))
}

// Field numbers of Metric, its kinds and their points.
const (
	metricName, metricDescription, metricUnit   = 1, 2, 3
	metricGauge, metricSum, metricHistogram     = 5, 7, 9
	kindPoints, kindTemporality, sumIsMonotonic = 1, 2, 3
	pointStart, pointTime                       = 2, 3
	numberDouble, numberAttributes              = 4, 7
	histogramCount, histogramSum                = 4, 5
	histogramCounts, histogramBounds            = 6, 7
	histogramAttributes                         = 9

	cumulative = 2 // AggregationTemporality
)

// appendMetrics writes an ExportMetricsServiceRequest.
func (p *Metrics) appendMetrics(dst message, families []*dto.MetricFamily, now time.Time) message {
	dst.message(requestGroups, func(group *message) {
		group.resource(p.Resource)
		group.message(groupScopes, func(scoped *message) {
			scoped.scope(p.Scope)
			for _, f := range families {
				scoped.message(scopeContent, func(m *message) { p.family(m, f, now) })
			}
		})
	})
	return dst
}

func (p *Metrics) family(m *message, f *dto.MetricFamily, now time.Time) {
	m.text(metricName, f.GetName())
	m.text(metricDescription, f.GetHelp())
	m.text(metricUnit, f.GetUnit())
	switch f.GetType() {
	case dto.MetricType_COUNTER:
		m.message(metricSum, func(m *message) {
			p.points(m, f, now)
			m.varint(kindTemporality, cumulative)
			m.varint(sumIsMonotonic, 1)
		})
	case dto.MetricType_HISTOGRAM:
		m.message(metricHistogram, func(m *message) {
			p.points(m, f, now)
			m.varint(kindTemporality, cumulative)
		})
	default:
		m.message(metricGauge, func(m *message) { p.points(m, f, now) })
	}
}

func (p *Metrics) points(m *message, f *dto.MetricFamily, now time.Time) {
	for _, x := range f.GetMetric() {
		m.message(kindPoints, func(m *message) {
			m.fixed64(pointStart, uint64(p.Start.UnixNano()))
			m.fixed64(pointTime, uint64(now.UnixNano()))
			field := protowire.Number(numberAttributes)
			switch {
			case x.GetHistogram() != nil:
				field = histogramAttributes
				m.histogram(x.GetHistogram())
			case x.GetCounter() != nil:
				m.double(numberDouble, x.GetCounter().GetValue())
			case x.GetSummary() != nil: // the count alone: the protocol calls summaries legacy
				m.double(numberDouble, float64(x.GetSummary().GetSampleCount()))
			case x.GetUntyped() != nil:
				m.double(numberDouble, x.GetUntyped().GetValue())
			default:
				m.double(numberDouble, x.GetGauge().GetValue())
			}
			labels := make([]attribute.KeyValue, 0, len(x.GetLabel()))
			for _, l := range x.GetLabel() {
				labels = append(labels, attribute.String(l.GetName(), l.GetValue()))
			}
			m.attributes(field, labels)
		})
	}
}

// histogram writes buckets as counts of their own; Prometheus counts each into the
// next.
func (m *message) histogram(h *dto.Histogram) {
	m.fixed64(histogramCount, h.GetSampleCount())
	m.double(histogramSum, h.GetSampleSum())
	var counts, bounds []byte
	below := uint64(0)
	for _, b := range h.GetBucket() {
		if math.IsInf(b.GetUpperBound(), 1) {
			break
		}
		counts = protowire.AppendFixed64(counts, b.GetCumulativeCount()-below)
		bounds = protowire.AppendFixed64(bounds, math.Float64bits(b.GetUpperBound()))
		below = b.GetCumulativeCount()
	}
	m.bytes(histogramCounts, protowire.AppendFixed64(counts, h.GetSampleCount()-below))
	m.bytes(histogramBounds, bounds)
}
