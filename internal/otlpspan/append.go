package otlpspan

import (
	"encoding/binary"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"
)

// AppendTraces appends an encoded TracesData.
func AppendTraces(to []byte, td ptrace.Traces) []byte {
	const size = binary.MaxVarintLen32
	for _, rs := range td.ResourceSpans().All() {
		var resource int
		to, resource = open(to, TagResourceSpans, size)
		to = AppendResourceHeader(to, rs)
		for _, ss := range rs.ScopeSpans().All() {
			var scope int
			to, scope = open(to, TagScopeSpans, size)
			to = AppendScopeHeader(to, ss)
			for _, span := range ss.Spans().All() {
				to = Append(to, span)
			}
			to = shut(to, scope, size)
		}
		to = shut(to, resource, size)
	}
	return to
}

// AppendResourceHeader appends the encoded ResourceSpans without its ScopeSpans.
func AppendResourceHeader(to []byte, rs ptrace.ResourceSpans) []byte {
	to, at := open(to, 1<<3|wireBytes, 2)
	to = appendMap(to, 1<<3|wireBytes, rs.Resource().Attributes())
	to = appendNumber(to, 2<<3, uint64(rs.Resource().DroppedAttributesCount()))
	for _, ref := range entity.ResourceEntityRefs(rs.Resource()).All() {
		var inner int
		to, inner = open(to, 3<<3|wireBytes, 1)
		to = appendText(to, 1<<3|wireBytes, ref.SchemaUrl())
		to = appendText(to, 2<<3|wireBytes, ref.Type())
		for _, key := range ref.IdKeys().All() {
			to = appendString(to, 3<<3|wireBytes, key)
		}
		for _, key := range ref.DescriptionKeys().All() {
			to = appendString(to, 4<<3|wireBytes, key)
		}
		to = shut(to, inner, 1)
	}
	return appendText(shut(to, at, 2), 3<<3|wireBytes, rs.SchemaUrl())
}

// AppendScopeHeader appends the encoded ScopeSpans without its spans.
func AppendScopeHeader(to []byte, ss ptrace.ScopeSpans) []byte {
	to, at := open(to, 1<<3|wireBytes, 1)
	to = appendText(to, 1<<3|wireBytes, ss.Scope().Name())
	to = appendText(to, 2<<3|wireBytes, ss.Scope().Version())
	to = appendMap(to, 3<<3|wireBytes, ss.Scope().Attributes())
	to = appendNumber(to, 4<<3, uint64(ss.Scope().DroppedAttributesCount()))
	return appendText(shut(to, at, 1), 3<<3|wireBytes, ss.SchemaUrl())
}

// AppendResource appends a ResourceSpans field of a header and scopes.
func AppendResource(to, header []byte, scopes ...[]byte) []byte {
	size := len(header)
	for _, s := range scopes {
		size += len(s)
	}
	to = binary.AppendUvarint(append(to, TagResourceSpans), uint64(size))
	to = append(to, header...)
	for _, s := range scopes {
		to = append(to, s...)
	}
	return to
}

// AppendScope appends the start of a ScopeSpans field, whose spans, of this
// many bytes together, the caller appends behind it.
func AppendScope(to, header []byte, spans int) []byte {
	to = binary.AppendUvarint(append(to, TagScopeSpans), uint64(len(header)+spans))
	return append(to, header...)
}

// ScopeSize returns the bytes that AppendScope appends for a header and spans
// of this many bytes together, with the spans.
func ScopeSize(header, spans int) int { return 1 + uvarintSize(header+spans) + header + spans }

// Append appends an encoded span as a field of a ScopeSpans.
func Append(to []byte, span ptrace.Span) []byte {
	to, at := open(to, TagSpan, 2)
	if id := span.TraceID(); !id.IsEmpty() {
		to = append(append(to, 1<<3|wireBytes, byte(len(id))), id[:]...)
	}
	to = appendID(to, 2<<3|wireBytes, span.SpanID())
	to = appendText(to, 3<<3|wireBytes, span.TraceState().AsRaw())
	to = appendID(to, 4<<3|wireBytes, span.ParentSpanID())
	to = appendText(to, 5<<3|wireBytes, span.Name())
	to = appendNumber(to, 6<<3, uint64(span.Kind()))
	to = appendFixed64(to, 7<<3|wire64, uint64(span.StartTimestamp()))
	to = appendFixed64(to, 8<<3|wire64, uint64(span.EndTimestamp()))
	to = appendMap(to, 9<<3|wireBytes, span.Attributes())
	to = appendNumber(to, 10<<3, uint64(span.DroppedAttributesCount()))
	for _, event := range span.Events().All() {
		var inner int
		to, inner = open(to, 11<<3|wireBytes, 2)
		to = appendFixed64(to, 1<<3|wire64, uint64(event.Timestamp()))
		to = appendText(to, 2<<3|wireBytes, event.Name())
		to = appendMap(to, 3<<3|wireBytes, event.Attributes())
		to = shut(appendNumber(to, 4<<3, uint64(event.DroppedAttributesCount())), inner, 2)
	}
	to = appendNumber(to, 12<<3, uint64(span.DroppedEventsCount()))
	for _, link := range span.Links().All() {
		var inner int
		to, inner = open(to, 13<<3|wireBytes, 1)
		if id := link.TraceID(); !id.IsEmpty() {
			to = append(append(to, 1<<3|wireBytes, byte(len(id))), id[:]...)
		}
		to = appendID(to, 2<<3|wireBytes, link.SpanID())
		to = appendText(to, 3<<3|wireBytes, link.TraceState().AsRaw())
		to = appendMap(to, 4<<3|wireBytes, link.Attributes())
		to = appendNumber(to, 5<<3, uint64(link.DroppedAttributesCount()))
		to = shut(appendFixed32(to, 6<<3|wire32, link.Flags()), inner, 1)
	}
	to = appendNumber(to, 14<<3, uint64(span.DroppedLinksCount()))
	if status := span.Status(); status.Code() != 0 || status.Message() != "" {
		var inner int
		to, inner = open(to, 15<<3|wireBytes, 1)
		to = appendText(to, 2<<3|wireBytes, status.Message())
		to = shut(appendNumber(to, 3<<3, uint64(status.Code())), inner, 1)
	}
	return shut(appendFixed32(to, 16<<3|wire32, span.Flags()), at, 2)
}

func appendMap(to []byte, tag uint64, m pcommon.Map) []byte {
	for key, value := range m.All() {
		size := sizeOfSize(value, len(key))
		var at int
		to, at = open(to, tag, size)
		to = shut(appendValue(appendText(to, 1<<3|wireBytes, key), 2<<3|wireBytes, value), at, size)
	}
	return to
}

// sizeOfSize is what the size of a message takes that has this value in it and
// a key of so many bytes. It is no less, so that values that are deep in others
// are not moved once for each of those.
func sizeOfSize(value pcommon.Value, key int) int {
	switch value.Type() {
	case pcommon.ValueTypeStr:
		return uvarintSize(key + len(value.Str()) + 16)
	case pcommon.ValueTypeBytes:
		return uvarintSize(key + value.Bytes().Len() + 16)
	case pcommon.ValueTypeSlice, pcommon.ValueTypeMap:
		return binary.MaxVarintLen32
	}
	return uvarintSize(key + 16)
}

// appendValue appends an AnyValue, also one that is empty.
func appendValue(to []byte, tag uint64, value pcommon.Value) []byte {
	size := sizeOfSize(value, 0)
	to, at := open(to, tag, size)
	switch value.Type() {
	case pcommon.ValueTypeStr:
		to = appendString(to, 1<<3|wireBytes, value.Str())
	case pcommon.ValueTypeBool:
		to = append(to, 2<<3, 0)
		if value.Bool() {
			to[len(to)-1] = 1
		}
	case pcommon.ValueTypeInt:
		to = binary.AppendUvarint(append(to, 3<<3), uint64(value.Int()))
	case pcommon.ValueTypeDouble:
		to = binary.LittleEndian.AppendUint64(append(to, 4<<3|wire64), math.Float64bits(value.Double()))
	case pcommon.ValueTypeSlice:
		var inner int
		to, inner = open(to, 5<<3|wireBytes, size)
		for _, v := range value.Slice().All() {
			to = appendValue(to, 1<<3|wireBytes, v)
		}
		to = shut(to, inner, size)
	case pcommon.ValueTypeMap:
		var inner int
		to, inner = open(to, 6<<3|wireBytes, size)
		to = shut(appendMap(to, 1<<3|wireBytes, value.Map()), inner, size)
	case pcommon.ValueTypeBytes:
		to = binary.AppendUvarint(append(to, 7<<3|wireBytes), uint64(value.Bytes().Len()))
		to = append(to, value.Bytes().AsRaw()...)
	}
	return shut(to, at, size)
}

// open begins a field whose size, that is not known yet, is expected to take
// this many bytes; shut ends it.
func open(to []byte, tag uint64, size int) (_ []byte, at int) {
	to = appendTag(to, tag)
	to = append(to, 0, 0, 0, 0, 0)[:len(to)+size]
	return to, len(to)
}

// shut writes the size of a field whose content begins at at. One that takes
// fewer bytes than there are is written with the zeros that protobuf allows.
func shut(to []byte, at, size int) []byte {
	n := uint64(len(to) - at)
	if need := uvarintSize(int(n)); need > size {
		more := need - size
		to = append(to, make([]byte, more)...)
		copy(to[at+more:], to[at:len(to)-more])
		size, at = need, at+more
	}
	for i := at - size; i < at-1; i++ {
		to[i] = byte(n) | 0x80
		n >>= 7
	}
	to[at-1] = byte(n)
	return to
}

func appendTag(to []byte, tag uint64) []byte {
	if tag < 0x80 {
		return append(to, byte(tag))
	}
	return append(to, byte(tag)|0x80, byte(tag>>7))
}

// appendText is appendString where an empty text is as good as none.
func appendText(to []byte, tag uint64, text string) []byte {
	if text == "" {
		return to
	}
	return appendString(to, tag, text)
}

func appendString(to []byte, tag uint64, text string) []byte {
	return append(binary.AppendUvarint(appendTag(to, tag), uint64(len(text))), text...)
}

func appendID(to []byte, tag uint64, id pcommon.SpanID) []byte {
	if id.IsEmpty() {
		return to
	}
	return append(append(to, byte(tag), byte(len(id))), id[:]...)
}

func appendNumber(to []byte, tag, n uint64) []byte {
	if n == 0 {
		return to
	}
	return binary.AppendUvarint(appendTag(to, tag), n)
}

func appendFixed64(to []byte, tag, n uint64) []byte {
	if n == 0 {
		return to
	}
	return binary.LittleEndian.AppendUint64(appendTag(to, tag), n)
}

func appendFixed32(to []byte, tag uint64, n uint32) []byte {
	if n == 0 {
		return to
	}
	return binary.LittleEndian.AppendUint32(appendTag(to, tag), n)
}

func uvarintSize(n int) int {
	size := 1
	for ; n >= 128; n >>= 7 {
		size++
	}
	return size
}
