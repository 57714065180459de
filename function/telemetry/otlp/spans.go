package otlp

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/protobuf/encoding/protowire"
)

// Spans is a trace.SpanExporter over a Client.
type Spans struct{ Client *Client }

// ExportSpans sends spans; an error means that the collector has not taken them.
func (s *Spans) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	return s.Client.post(ctx, appendSpans(nil, spans))
}

// Shutdown has nothing to end: the exporter holds no span back.
func (s *Spans) Shutdown(context.Context) error { return nil }

// Field numbers of Span, its Event, Link and Status.
const (
	spanTraceID, spanID, spanState, spanParent, spanName, spanKind = 1, 2, 3, 4, 5, 6
	spanStart, spanEnd, spanAttributes, spanDroppedAttributes      = 7, 8, 9, 10
	spanEvents, spanDroppedEvents, spanLinks, spanDroppedLinks     = 11, 12, 13, 14
	spanStatus, spanFlags                                          = 15, 16

	eventTime, eventName, eventAttributes, eventDropped         = 1, 2, 3, 4
	linkTraceID, linkSpanID, linkState, linkAttributes, linkOut = 1, 2, 3, 4, 5
	statusMessage, statusCode                                   = 2, 3
)

// appendSpans writes an ExportTraceServiceRequest. All spans of this process share
// resource and scope, as there is one provider with one tracer.
func appendSpans(dst message, spans []trace.ReadOnlySpan) message {
	dst.message(requestGroups, func(group *message) {
		group.resource(spans[0].Resource())
		group.message(groupScopes, func(scoped *message) {
			scoped.scope(spans[0].InstrumentationScope())
			for _, s := range spans {
				scoped.message(scopeContent, func(m *message) { m.span(s) })
			}
		})
	})
	return dst
}

func (m *message) resource(r *resource.Resource) {
	m.message(groupResource, func(m *message) { m.attributes(resourceAttributes, r.Attributes()) })
}

func (m *message) scope(s instrumentation.Scope) {
	m.message(scopeOf, func(m *message) {
		m.text(scopeName, s.Name)
		m.text(scopeVersion, s.Version)
	})
}

func (m *message) span(s trace.ReadOnlySpan) {
	c := s.SpanContext()
	traceID, id := c.TraceID(), c.SpanID()
	m.bytes(spanTraceID, traceID[:])
	m.bytes(spanID, id[:])
	m.text(spanState, c.TraceState().String())
	if p := s.Parent(); p.SpanID().IsValid() {
		id := p.SpanID()
		m.bytes(spanParent, id[:])
	}
	m.text(spanName, s.Name())
	m.varint(spanKind, uint64(s.SpanKind())) // both count from unspecified, internal, server
	m.fixed64(spanStart, uint64(s.StartTime().UnixNano()))
	m.fixed64(spanEnd, uint64(s.EndTime().UnixNano()))
	m.attributes(spanAttributes, s.Attributes())
	m.count(spanDroppedAttributes, s.DroppedAttributes())
	for _, e := range s.Events() {
		m.message(spanEvents, func(m *message) {
			m.fixed64(eventTime, uint64(e.Time.UnixNano()))
			m.text(eventName, e.Name)
			m.attributes(eventAttributes, e.Attributes)
			m.count(eventDropped, e.DroppedAttributeCount)
		})
	}
	m.count(spanDroppedEvents, s.DroppedEvents())
	for _, l := range s.Links() {
		m.message(spanLinks, func(m *message) {
			traceID, id := l.SpanContext.TraceID(), l.SpanContext.SpanID()
			m.bytes(linkTraceID, traceID[:])
			m.bytes(linkSpanID, id[:])
			m.text(linkState, l.SpanContext.TraceState().String())
			m.attributes(linkAttributes, l.Attributes)
			m.count(linkOut, l.DroppedAttributeCount)
		})
	}
	m.count(spanDroppedLinks, s.DroppedLinks())
	m.message(spanStatus, func(m *message) {
		m.text(statusMessage, s.Status().Description)
		switch s.Status().Code { // numbered otherwise than in the protocol
		case codes.Ok:
			m.varint(statusCode, 1)
		case codes.Error:
			m.varint(statusCode, 2)
		}
	})
	m.fixed32(spanFlags, uint32(c.TraceFlags()))
}

// count leaves out 0, as proto3 does.
func (m *message) count(field protowire.Number, n int) {
	if n > 0 {
		m.varint(field, uint64(n))
	}
}

func (m *message) attributes(field protowire.Number, all []attribute.KeyValue) {
	for _, kv := range all {
		m.message(field, func(m *message) {
			m.text(keyValueKey, string(kv.Key))
			m.message(keyValueValue, func(m *message) { m.value(kv.Value) })
		})
	}
}

// value writes an AnyValue.
func (m *message) value(v attribute.Value) {
	switch v.Type() {
	case attribute.BOOL:
		m.varint(anyBool, protowire.EncodeBool(v.AsBool()))
	case attribute.INT64:
		m.varint(anyInt, uint64(v.AsInt64()))
	case attribute.FLOAT64:
		m.double(anyDouble, v.AsFloat64())
	case attribute.STRINGSLICE:
		m.message(anyArray, func(m *message) {
			for _, s := range v.AsStringSlice() {
				m.message(arrayValues, func(m *message) { m.value(attribute.StringValue(s)) })
			}
		})
	default: // a string, and the text of what this server never records
		*m = protowire.AppendTag(*m, anyString, protowire.BytesType)
		*m = protowire.AppendString(*m, v.String())
	}
}
