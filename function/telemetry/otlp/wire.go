package otlp

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// A message is a protocol-buffer message that is being written. Field numbers are
// those of opentelemetry-proto 1.x, whose stable messages only ever gain fields.
type message []byte

func (m *message) bytes(field protowire.Number, b []byte) {
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	*m = protowire.AppendBytes(*m, b)
}

// text leaves out an empty string, as proto3 does.
func (m *message) text(field protowire.Number, s string) {
	if s == "" {
		return
	}
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	*m = protowire.AppendString(*m, s)
}

func (m *message) varint(field protowire.Number, v uint64) {
	*m = protowire.AppendTag(*m, field, protowire.VarintType)
	*m = protowire.AppendVarint(*m, v)
}

func (m *message) fixed64(field protowire.Number, v uint64) {
	*m = protowire.AppendTag(*m, field, protowire.Fixed64Type)
	*m = protowire.AppendFixed64(*m, v)
}

func (m *message) fixed32(field protowire.Number, v uint32) {
	*m = protowire.AppendTag(*m, field, protowire.Fixed32Type)
	*m = protowire.AppendFixed32(*m, v)
}

func (m *message) double(field protowire.Number, v float64) { m.fixed64(field, math.Float64bits(v)) }

// message writes a nested message, which build fills.
func (m *message) message(field protowire.Number, build func(*message)) {
	var inner message
	build(&inner)
	m.bytes(field, inner)
}

// Field numbers of KeyValue and AnyValue.
const (
	keyValueKey, keyValueValue                        = 1, 2
	anyString, anyBool, anyInt, anyDouble, anyArray   = 1, 2, 3, 4, 5
	arrayValues                                       = 1
	resourceAttributes, scopeName, scopeVersion       = 1, 1, 2
	groupResource, groupScopes, scopeOf, scopeContent = 1, 2, 1, 2
	requestGroups                                     = 1
)
