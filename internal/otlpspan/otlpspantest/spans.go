// Package otlpspantest has spans that are hard to read and write.
package otlpspantest

import (
	"fmt"
	"math"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"

	"github.com/tailwater-otel/tailwater/internal/otlpspan"
)

// Span is a span that has something special.
type Span struct {
	Name  string
	Usual bool // otlpspan.Read reads it
	Set   func(ptrace.Span)
}

// Spans are spans that each have something special.
var Spans = []Span{
	{"empty", true, func(ptrace.Span) {}},
	{"all plain fields", true, func(span ptrace.Span) {
		span.SetTraceID(pcommon.TraceID{1, 15: 2})
		span.SetSpanID(pcommon.SpanID{3, 7: 4})
		span.SetParentSpanID(pcommon.SpanID{5, 7: 6})
		span.TraceState().FromRaw("ot=rv:80000000000000,other=1")
		span.SetFlags(math.MaxUint32)
		span.SetName("GET /ä")
		span.SetKind(ptrace.SpanKindConsumer)
		span.SetStartTimestamp(math.MaxUint64)
		span.SetEndTimestamp(1)
		span.SetDroppedAttributesCount(300)
		span.SetDroppedEventsCount(math.MaxUint32)
		span.SetDroppedLinksCount(1)
		span.Status().SetCode(ptrace.StatusCodeError)
		span.Status().SetMessage("no")
	}},
	{"numbers below zero", true, func(span ptrace.Span) {
		span.SetKind(-1)
		span.Status().SetCode(math.MinInt32)
		span.Attributes().PutInt("n", -1)
	}},
	{"scalars", true, func(span ptrace.Span) {
		a := span.Attributes()
		a.PutStr("", "without key")
		a.PutStr("without value", "")
		a.PutStr("long", strings.Repeat("x", 300))
		a.PutBool("yes", true)
		a.PutBool("no", false)
		a.PutInt("zero", 0)
		a.PutInt("least", math.MinInt64)
		a.PutInt("most", math.MaxInt64)
		a.PutDouble("pi", math.Pi)
		a.PutDouble("-0", math.Copysign(0, -1))
		a.PutEmpty("nothing")
	}},
	{"events", true, func(span ptrace.Span) {
		for i := range 3 {
			e := span.Events().AppendEmpty()
			e.SetName("exception")
			e.SetTimestamp(pcommon.Timestamp(i))
			e.SetDroppedAttributesCount(uint32(i))
			e.Attributes().PutStr("exception.type", "E")
			e.Attributes().PutInt("i", int64(i))
		}
	}},
	{"as many attributes as are read", true, func(span ptrace.Span) { manyAttributes(span.Attributes(), otlpspan.MostAttributes) }},
	{"many attributes", false, func(span ptrace.Span) { manyAttributes(span.Attributes(), 200) }},
	{"many attributes of an event", false, func(span ptrace.Span) { manyAttributes(span.Events().AppendEmpty().Attributes(), 65) }},
	{"links", true, func(span ptrace.Span) {
		span.SetName("a")
		l := span.Links().AppendEmpty()
		l.SetTraceID(pcommon.TraceID{1})
		l.Attributes().PutStr("k", "v")
	}},
	{"values that are no scalars", false, func(span ptrace.Span) {
		span.Attributes().PutStr("before", "a")
		s := span.Attributes().PutEmptySlice("list")
		s.AppendEmpty().SetStr("x")
		s.AppendEmpty().SetEmptyMap().PutInt("n", 1)
		span.Attributes().PutEmptyBytes("bytes").FromRaw([]byte{1})
		span.Attributes().PutEmptyMap("map").PutEmptySlice("s").AppendEmpty().SetBool(true)
	}},
	{"such a value in an event", false, func(span ptrace.Span) {
		span.Events().AppendEmpty().SetName("a")
		span.Events().AppendEmpty().Attributes().PutEmptyMap("map").PutStr("x", "y")
	}},
	{"such a value in a link", false, func(span ptrace.Span) { span.Links().AppendEmpty().Attributes().PutEmptyBytes("b") }},
	{"lists", true, func(span ptrace.Span) {
		span.Attributes().PutEmptySlice("empty")
		s := span.Events().AppendEmpty().Attributes().PutEmptySlice("list")
		s.AppendEmpty().SetStr("x")
		s.AppendEmpty().SetStr("")
		s.AppendEmpty()
		s.AppendEmpty().SetBool(true)
		s.AppendEmpty().SetInt(-5)
		s.AppendEmpty().SetDouble(0.5)
	}},
	{"a list in a list", false, func(span ptrace.Span) {
		span.Attributes().PutEmptySlice("list").AppendEmpty().SetEmptySlice().AppendEmpty().SetStr("x")
	}},
}

func manyAttributes(to pcommon.Map, n int) {
	for i := range n {
		to.PutInt(fmt.Sprint(i), int64(i))
	}
}

// Everything has every field that there is.
func Everything() ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.SetSchemaUrl("https://resource")
	rs.Resource().Attributes().PutStr("service.name", "a")
	rs.Resource().Attributes().PutStr("id", "1")
	rs.Resource().SetDroppedAttributesCount(3)
	for range 2 {
		ref := entity.ResourceEntityRefs(rs.Resource()).AppendEmpty()
		ref.SetType("service")
		ref.SetSchemaUrl("https://entity")
		ref.IdKeys().Append("service.name", "")
		ref.DescriptionKeys().Append("id", "other")
	}
	ss := rs.ScopeSpans().AppendEmpty()
	ss.SetSchemaUrl("https://scope")
	ss.Scope().SetName("scope")
	ss.Scope().SetVersion("1.2")
	ss.Scope().SetDroppedAttributesCount(4)
	ss.Scope().Attributes().PutDouble("a", 1.5)
	for _, tc := range Spans {
		tc.Set(ss.Spans().AppendEmpty())
	}
	span := ss.Spans().AppendEmpty()
	link := span.Links().AppendEmpty()
	link.SetTraceID(pcommon.TraceID{1})
	link.SetSpanID(pcommon.SpanID{2})
	link.TraceState().FromRaw("a=b")
	link.SetFlags(7)
	link.SetDroppedAttributesCount(300)
	link.Attributes().PutStr("long", strings.Repeat("x", 200))
	span.Links().AppendEmpty()
	span.Events().AppendEmpty()
	for _, n := range []int{100, 106, 107, 108, 109, 110, 111, 112, 113, 120, 126, 127, 128, 129, 1000, 16_350, 16_383, 16_384, 20_000, 3 << 20} {
		long := strings.Repeat("y", n)
		span := ss.Spans().AppendEmpty()
		span.SetName(long)
		span.TraceState().FromRaw(long)
		span.Status().SetMessage(long)
		span.Attributes().PutStr("s", long)
		span.Attributes().PutStr(long, "")
		span.Attributes().PutInt(long+"i", 1)
		span.Attributes().PutEmptyBytes("b").FromRaw([]byte(long))
		span.Attributes().PutEmptyMap("m").PutStr("s", long)
		span.Attributes().PutEmptySlice("l").AppendEmpty().SetStr(long)
	}
	deep := ss.Spans().AppendEmpty().Attributes().PutEmptyMap("deep")
	for range 500 {
		deep = deep.PutEmptySlice("s").AppendEmpty().SetEmptyMap()
	}
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	return td
}
