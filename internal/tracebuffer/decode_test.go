package tracebuffer

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/otlpspan"
	"github.com/tailwater-otel/tailwater/internal/otlpspan/otlpspantest"
)

// twice is a span with two attributes of the same key.
var twice = []byte{otlpspan.TagSpan, 2 * 9, 9<<3 | 2, 7, 10, 1, 'k', 18, 2, 24, 1, 9<<3 | 2, 7, 10, 1, 'k', 18, 2, 24, 2}

// asPdata decodes encoded spans as pdata does, and as Traces does, and demands
// that both say the same.
func asPdata(t *testing.T, encoded []byte) {
	t.Helper()
	scopes := append(otlpspan.AppendScope(nil, []byte{10, 3, 10, 1, 's'}, len(encoded)), encoded...)
	res := &Resource{Header: []byte{10, 2, 16, 1}}
	want, refused := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(otlpspan.AppendResource(nil, res.Header, scopes))
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
	for _, tc := range otlpspantest.Spans {
		span := ptrace.NewSpan()
		tc.Set(span)
		all = otlpspan.Append(all, span)
	}
	asPdata(t, append(all, twice...))
	asPdata(t, nil)
	td := otlpspantest.Everything()
	for i, rs := range td.ResourceSpans().All() {
		alone := ptrace.NewTraces()
		rs.CopyTo(alone.ResourceSpans().AppendEmpty())
		got, err := chunksOf(alone).Traces(0)
		require.NoError(t, err)
		wantBytes, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(alone)
		require.NoError(t, err)
		gotBytes, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(got)
		require.NoError(t, err)
		assert.True(t, string(wantBytes) == string(gotBytes), "resource %d", i)
	}
}

// Whatever a span is, it is decoded, or refused, as by pdata.
func FuzzSpan(f *testing.F) {
	for _, tc := range otlpspantest.Spans {
		span := ptrace.NewSpan()
		tc.Set(span)
		field := string(otlpspan.Append(nil, span))
		_, _, start, _ := otlpspan.Next(field, 0)
		f.Add([]byte(field[start:]))
	}
	f.Add(twice[2:])
	f.Fuzz(func(t *testing.T, span []byte) {
		asPdata(t, appendSpan(appendSpan(nil, span), span))
	})
}

func appendSpan(to, span []byte) []byte {
	return append(binary.AppendUvarint(append(to, otlpspan.TagSpan), uint64(len(span))), span...)
}
