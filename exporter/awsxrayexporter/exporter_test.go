package awsxrayexporter

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segmentspan"
)

// An error in the translation of one resource's spans costs those spans and
// nothing else.
func TestPanicInTranslation(t *testing.T) {
	f := newFixture(t, nil)
	encode := f.encode
	f.encode = func(td ptrace.Traces) segmentspan.Encoded {
		for _, rs := range td.ResourceSpans().All() {
			if name, _ := rs.Resource().Attributes().Get("service.name"); name.Str() == "bad" {
				panic("a mistake")
			}
		}
		return encode(td)
	}
	f.start(t)
	td := ptrace.NewTraces()
	for i, name := range []string{"good", "bad", "fine"} {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", name)
		span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1, byte(i)})
		span.SetSpanID(pcommon.SpanID{byte(i + 1)})
		span.SetStartTimestamp(1)
		span.SetEndTimestamp(2)
	}
	require.NoError(t, f.ConsumeTraces(context.Background(), td))
	require.NoError(t, f.Shutdown(context.Background()))

	require.EqualValues(t, 2, f.sum(t, "documents_sent"))
	require.EqualValues(t, 1, f.sum(t, "spans_dropped", "reason", "panic"))
	require.Equal(t, 1, f.log.FilterMessageSnippet("Error in the program").Len())
}
