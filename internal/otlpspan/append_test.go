package otlpspan_test

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"

	"github.com/tailwater-otel/tailwater/internal/otlpspan"
	"github.com/tailwater-otel/tailwater/internal/otlpspan/otlpspantest"
)

// requireSame demands that spans which are encoded here and decoded by pdata,
// and decoded here, are those that they were.
func requireSame(t *testing.T, td ptrace.Traces) {
	t.Helper()
	var message []byte
	for _, rs := range td.ResourceSpans().All() {
		var scopes []byte
		for _, ss := range rs.ScopeSpans().All() {
			var spans []byte
			for _, span := range ss.Spans().All() {
				spans = otlpspan.Append(spans, span)
			}
			header := otlpspan.AppendScopeHeader(nil, ss)
			before := len(scopes)
			scopes = append(otlpspan.AppendScope(scopes, header, len(spans)), spans...)
			require.Equal(t, otlpspan.ScopeSize(len(header), len(spans)), len(scopes)-before)
		}
		message = otlpspan.AppendResource(message, otlpspan.AppendResourceHeader(nil, rs), scopes)
	}
	for _, message := range [][]byte{message, otlpspan.AppendTraces(nil, td)} {
		requireMessage(t, td, message)
	}
}

// requireMessage demands that pdata decodes a message to these spans.
func requireMessage(t *testing.T, td ptrace.Traces, message []byte) {
	t.Helper()
	want, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	decoded, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(message)
	require.NoError(t, err)
	got, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(decoded)
	require.NoError(t, err)
	if string(want) != string(got) {
		a, b := asText(t, td), asText(t, decoded)
		i := 0
		for i < len(a) && i < len(b) && a[i] == b[i] {
			i++
		}
		require.True(t, a == b, "encoded here, decoded by pdata: %.300q is now %.300q", a[max(0, i-100):], b[max(0, i-100):])
	}
}

// indices are of the tables that only profiles have. In spans OTLP forbids
// them, and pdata shows them to nobody.
var indices = regexp.MustCompile(`,?"(keyStrindex|stringValueStrindex)":-?\d+`)

func asText(t *testing.T, td ptrace.Traces) string {
	text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	return indices.ReplaceAllString(string(text), "")
}

func TestSpansAreEncodedAsByPdata(t *testing.T) {
	td := otlpspantest.Everything()
	requireSame(t, td)
}

// What OTLP learns must be encoded too: this fails when pdata knows more of a
// span than is written here.
func TestNothingOfOTLPIsLeftOut(t *testing.T) {
	own := []string{"All", "CopyTo", "MoveTo"} // of every type of pdata
	for of, want := range map[any][]string{
		ptrace.NewResourceSpans(): {"Resource", "SchemaUrl", "ScopeSpans"},
		pcommon.NewResource():     {"Attributes", "DroppedAttributesCount"},
		entity.NewEntityRef():     {"DescriptionKeys", "IdKeys", "SchemaUrl", "Type"},
		ptrace.NewScopeSpans():    {"SchemaUrl", "Scope", "Spans"},
		pcommon.NewInstrumentationScope(): {
			"Attributes", "DroppedAttributesCount", "Name", "Version",
		},
		ptrace.NewSpan(): {
			"Attributes", "DroppedAttributesCount", "DroppedEventsCount", "DroppedLinksCount", "EndTimestamp", "Events", "Flags",
			"Kind", "Links", "Name", "ParentSpanID", "SpanID", "StartTimestamp", "Status", "TraceID", "TraceState",
		},
		ptrace.NewSpanEvent(): {"Attributes", "DroppedAttributesCount", "Name", "Timestamp"},
		ptrace.NewSpanLink():  {"Attributes", "DroppedAttributesCount", "Flags", "SpanID", "TraceID", "TraceState"},
		ptrace.NewStatus():    {"Code", "Message"},
	} {
		found := map[string]bool{}
		for method := range reflect.TypeOf(of).Methods() {
			if !strings.HasPrefix(method.Name, "Set") && !slices.Contains(own, method.Name) {
				found[method.Name] = true
			}
		}
		assert.Equal(t, want, slices.Sorted(maps.Keys(found)), "%T", of)
	}
	assert.Equal(t, pcommon.ValueTypeBytes, pcommon.ValueType(7), "the last type of values")
	assert.Empty(t, pcommon.ValueType(8).String())
}

// Whatever a batch is, it is encoded as by pdata.
func FuzzAppend(f *testing.F) {
	rs := otlpspantest.Everything().ResourceSpans().At(0)
	spans := rs.ScopeSpans().At(0).Spans()
	for i, span := range spans.All() {
		if i > len(otlpspantest.Spans)+1 {
			break // the others are large
		}
		td := ptrace.NewTraces()
		to := td.ResourceSpans().AppendEmpty()
		rs.Resource().CopyTo(to.Resource())
		ss := to.ScopeSpans().AppendEmpty()
		rs.ScopeSpans().At(0).Scope().CopyTo(ss.Scope())
		span.CopyTo(ss.Spans().AppendEmpty())
		message, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		require.NoError(f, err)
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(message)
		if err == nil {
			requireSame(t, td)
		}
	})
}
