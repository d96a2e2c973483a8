package tracebuffer

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// encoded is a span as pdata encodes it.
func encoded(t testing.TB, set func(ptrace.Span)) []byte {
	t.Helper()
	td := ptrace.NewTraces()
	set(td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	message, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	content := string(message)
	for _, tag := range []uint64{tagResourceSpans, tagScopeSpans, tagSpan} {
		for at := 0; ; {
			found, _, start, end := next(content, at)
			require.Positive(t, end)
			if at = end; found == tag {
				content = content[start:end]
				break
			}
		}
	}
	return []byte(content)
}

// odd are spans with something that the fast way reads, and usual says which of
// them it reads to the end.
var odd = []struct {
	name  string
	usual bool
	set   func(ptrace.Span)
}{
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
	{"as many attributes as are read", true, func(span ptrace.Span) { manyAttributes(span.Attributes(), mostAttributes) }},
	{"many attributes", false, func(span ptrace.Span) { manyAttributes(span.Attributes(), 200) }},
	{"many attributes of an event", false, func(span ptrace.Span) { manyAttributes(span.Events().AppendEmpty().Attributes(), 65) }},
	{"links", false, func(span ptrace.Span) {
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
		span.Events().AppendEmpty().Attributes().PutEmptySlice("list").AppendEmpty().SetStr("x")
	}},
}

func manyAttributes(to pcommon.Map, n int) {
	for i := range n {
		to.PutInt(fmt.Sprint(i), int64(i))
	}
}

// twice is a span with two attributes of the same key.
var twice = []byte{tagSpan, 2 * 9, 9<<3 | 2, 7, 10, 1, 'k', 18, 2, 24, 1, 9<<3 | 2, 7, 10, 1, 'k', 18, 2, 24, 2}

func TestUsualSpansAreReadTheFastWay(t *testing.T) {
	for _, tc := range odd {
		t.Run(tc.name, func(t *testing.T) {
			span := ptrace.NewSpan()
			require.Equal(t, tc.usual, readSpan(string(encoded(t, tc.set)), span))
			if tc.usual {
				want := ptrace.NewSpan()
				tc.set(want)
				assert.Equal(t, want, span)
			}
		})
	}
	assert.False(t, readSpan(string(twice[2:]), ptrace.NewSpan()))
}

// asPdata decodes encoded spans as pdata does, and as Traces does, and demands
// that both say the same.
func asPdata(t *testing.T, encoded []byte) {
	t.Helper()
	scopes := append(AppendScope(nil, []byte{10, 3, 10, 1, 's'}, len(encoded)), encoded...)
	res := &Resource{Header: []byte{10, 2, 16, 1}}
	want, refused := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(appendResource(nil, res.Header, scopes))
	got, err := KeepGroup(Group{Resource: res, Scopes: string(scopes)}).Traces(2)
	require.Equal(t, refused == nil, err == nil, "%v, %v", refused, err)
	if err != nil {
		return
	}
	wantBytes, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(want)
	require.NoError(t, err)
	gotBytes, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(got)
	require.NoError(t, err)
	require.Equal(t, wantBytes, gotBytes)
	require.Equal(t, want.SpanCount(), got.SpanCount())
}

// All together, so that what one span is like does not change the next.
func TestSpansAreDecodedAsByPdata(t *testing.T) {
	var all []byte
	for _, tc := range odd {
		all = appendSpan(all, encoded(t, tc.set))
	}
	asPdata(t, append(all, twice...))
	asPdata(t, nil)
}

// Whatever a span is, it is decoded, or refused, as by pdata.
func FuzzSpan(f *testing.F) {
	for _, tc := range odd {
		f.Add(encoded(f, tc.set))
	}
	f.Add(twice[2:])
	f.Fuzz(func(t *testing.T, span []byte) {
		asPdata(t, appendSpan(appendSpan(nil, span), span))
	})
}

func appendSpan(to, span []byte) []byte {
	return append(binary.AppendUvarint(append(to, tagSpan), uint64(len(span))), span...)
}
