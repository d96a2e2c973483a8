package otlpspan_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/otlpspan"
	"github.com/tailwater-otel/tailwater/internal/otlpspan/otlpspantest"
)

// encoded is a span as pdata encodes it.
func encoded(t testing.TB, set func(ptrace.Span)) []byte {
	t.Helper()
	td := ptrace.NewTraces()
	set(td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	message, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	content := string(message)
	for _, tag := range []uint64{otlpspan.TagResourceSpans, otlpspan.TagScopeSpans, otlpspan.TagSpan} {
		for at := 0; ; {
			found, _, start, end := otlpspan.Next(content, at)
			require.Positive(t, end)
			if at = end; found == tag {
				content = content[start:end]
				break
			}
		}
	}
	return []byte(content)
}

// twice are the fields of a span that has two attributes of the same key.
var twice = []byte{9<<3 | 2, 7, 10, 1, 'k', 18, 2, 24, 1, 9<<3 | 2, 7, 10, 1, 'k', 18, 2, 24, 2}

func TestUsualSpansAreRead(t *testing.T) {
	for _, tc := range otlpspantest.Spans {
		t.Run(tc.Name, func(t *testing.T) {
			span := ptrace.NewSpan()
			require.Equal(t, tc.Usual, otlpspan.Read(string(encoded(t, tc.Set)), span))
			if tc.Usual {
				want := ptrace.NewSpan()
				tc.Set(want)
				assert.Equal(t, want, span)
			}
		})
	}
	assert.False(t, otlpspan.Read(string(twice), ptrace.NewSpan()))
}

// What is read is what pdata reads.
func FuzzRead(f *testing.F) {
	for _, tc := range otlpspantest.Spans {
		f.Add(encoded(f, tc.Set))
	}
	f.Add(twice)
	f.Fuzz(func(t *testing.T, message []byte) {
		span := ptrace.NewSpan()
		if !otlpspan.Read(string(message), span) {
			return
		}
		field := append(binary.AppendUvarint([]byte{otlpspan.TagSpan}, uint64(len(message))), message...)
		scope := append(otlpspan.AppendScope(nil, nil, len(field)), field...)
		want, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(otlpspan.AppendResource(nil, nil, scope))
		require.NoError(t, err)
		require.Equal(t, encoded(t, want.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).CopyTo), encoded(t, span.CopyTo))
	})
}
