package archive

import (
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segmentspan"
)

// ids writes the cells of a span's ids, which are the first.
func (r *row) ids(k *Key) {
	r.addHex(colTraceID, 0, k.TraceID[:])
	r.addHex(colSpanID, 0, k.SpanID[:])
}

// span writes the other cells that a span itself fills.
func (r *row) span(span ptrace.Span, facts *segmentspan.Facts) {
	trace, parent := span.TraceID(), span.ParentSpanID()
	if !parent.IsEmpty() {
		r.addHex(colParentSpanID, 0, parent[:])
	}
	if !trace.IsEmpty() {
		r.scratch = segment.TraceID(trace).Append(r.scratch[:0])
		r.addBytes(colXRayTraceID, 0, r.scratch)
	}
	r.setText(colTraceState, span.TraceState().AsRaw())
	r.setCount(colFlags, span.Flags())
	start, end := int64(span.StartTimestamp()), int64(span.EndTimestamp())
	r.setInt64(colStartTimeUnixNano, start)
	if end != 0 {
		r.setInt64(colDurationNano, end-start)
	}
	r.setInt64(colStartTime, micros(start))
	r.set(colName, r.text(span.Name()))
	r.set(colKind, nameOf(kindNames[:], int32(span.Kind())))
	r.set(colStatusCode, nameOf(statusNames[:], int32(span.Status().Code())))
	r.setText(colStatusMessage, span.Status().Message())
	r.setBool(colIsRoot, parent.IsEmpty())
	r.setBool(colIsError, facts.Error)
	r.setBool(colIsFault, facts.Fault)
	r.setBool(colIsThrottle, facts.Throttle)
	r.setText(colRemoteName, facts.Callee)
	r.setText(colRemoteNamespace, facts.Namespace)
	r.setCount(colDroppedAttributesCount, span.DroppedAttributesCount())
	r.setCount(colDroppedEventsCount, span.DroppedEventsCount())
	r.setCount(colDroppedLinksCount, span.DroppedLinksCount())
	r.attributes(span.Attributes(), spanMap, hotSpan.byName, span.Kind(), 0)
	repetition := uint8(0)
	for _, event := range span.Events().All() {
		r.event(event, repetition)
		repetition = 1
	}
	repetition = 0
	for _, link := range span.Links().All() {
		r.link(link, repetition)
		repetition = 1
	}
}

func (r *row) event(event ptrace.SpanEvent, repetition uint8) {
	r.nestedInt64(leafEventTime, repetition, int64(event.Timestamp()))
	r.add(leafEventName, repetition, r.text(event.Name()))
	r.attributes(event.Attributes(), eventMap, nil, 0, repetition)
	r.nestedCount(leafEventDropped, repetition, event.DroppedAttributesCount())
}

func (r *row) link(link ptrace.SpanLink, repetition uint8) {
	trace, id := link.TraceID(), link.SpanID()
	r.addHex(leafLinkTraceID, repetition, trace[:])
	r.addHex(leafLinkSpanID, repetition, id[:])
	r.nestedText(leafLinkTraceState, repetition, link.TraceState().AsRaw())
	r.nestedCount(leafLinkFlags, repetition, link.Flags())
	r.attributes(link.Attributes(), linkMap, nil, 0, repetition)
	r.nestedCount(leafLinkDropped, repetition, link.DroppedAttributesCount())
}

// resource writes the cells that a resource and a scope fill.
func (r *row) resource(res pcommon.Resource, resSchema string, scope pcommon.InstrumentationScope, scopeSchema string) {
	r.attributes(res.Attributes(), resourceMap, hotResource.byName, 0, 0)
	r.setCount(colResourceDroppedAttributesCount, res.DroppedAttributesCount())
	r.setText(colResourceSchemaURL, resSchema)
	r.entityRefs(res)
	r.setText(colScopeName, scope.Name())
	r.setText(colScopeVersion, scope.Version())
	r.attributes(scope.Attributes(), scopeMap, nil, 0, 0)
	r.setCount(colScopeDroppedAttributesCount, scope.DroppedAttributesCount())
	r.setText(colScopeSchemaURL, scopeSchema)
}

// micros rounds nanoseconds down to microseconds.
func micros(nanos int64) int64 {
	return time.Unix(0, nanos).UnixMicro()
}

// kindNames and statusNames are how SQL sees the enumerations. Numbers without
// a name are written in decimal.
var (
	kindNames   = [...]string{"UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"}
	statusNames = [...]string{"UNSET", "OK", "ERROR"}
)

func nameOf(names []string, n int32) string {
	if n >= 0 && int(n) < len(names) {
		return names[n]
	}
	return strconv.Itoa(int(n))
}
