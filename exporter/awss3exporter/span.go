package awss3exporter

import (
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/otlpspan"
)

// readSpan puts the message of a span into span, which may hold another one, and
// says whether it did; what is unusual is left to pdata, which makes objects for
// each span anew. The texts share memory with message.
func readSpan(message []byte, span ptrace.Span) bool {
	clearSpan(span)
	return otlpspan.Read(unsafe.String(unsafe.SliceData(message), len(message)), span)
}

// clearSpan makes a span an empty one. Its attributes keep their room.
func clearSpan(span ptrace.Span) {
	span.SetTraceID(pcommon.TraceID{})
	span.SetSpanID(pcommon.SpanID{})
	span.SetParentSpanID(pcommon.SpanID{})
	span.TraceState().FromRaw("")
	span.SetFlags(0)
	span.SetName("")
	span.SetKind(0)
	span.SetStartTimestamp(0)
	span.SetEndTimestamp(0)
	span.Attributes().RemoveIf(func(string, pcommon.Value) bool { return true })
	span.SetDroppedAttributesCount(0)
	span.Events().RemoveIf(func(ptrace.SpanEvent) bool { return true })
	span.SetDroppedEventsCount(0)
	span.Links().RemoveIf(func(ptrace.SpanLink) bool { return true })
	span.SetDroppedLinksCount(0)
	span.Status().SetCode(0)
	span.Status().SetMessage("")
}
