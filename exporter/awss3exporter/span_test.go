package awss3exporter

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
)

// messages returns the messages of spans.
func messages(t testing.TB, td ptrace.Traces) (list [][]byte) {
	data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	require.NoError(t, visit(data, func(_ *origin, span []byte) error {
		list = append(list, bytes.Clone(span))
		return nil
	}))
	return list
}

// encodedSpan returns the message of a span.
func encodedSpan(t testing.TB, span ptrace.Span) []byte {
	td := ptrace.NewTraces()
	span.CopyTo(td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty())
	return messages(t, td)[0]
}

// What SDKs send is read here, and one span leaves nothing in the next.
func TestReadSpan(t *testing.T) {
	span := ptrace.NewSpan()
	list := messages(t, archivetest.NewMixed(17, 100).Next(200))
	for _, td := range archivetest.Uniform(1) {
		list = append(list, messages(t, td)...)
	}
	read := 0
	for _, message := range list {
		if readSpan(message, span) {
			require.Equal(t, message, encodedSpan(t, span))
			read++
		}
	}
	require.Greater(t, read, len(list)*9/10, "of %d", len(list))
}

// FuzzReadSpan: what is read is what pdata reads.
func FuzzReadSpan(f *testing.F) {
	list := messages(f, archivetest.NewMixed(18, 100).Next(6))
	for _, message := range list[:min(len(list), 40)] {
		f.Add(message)
	}
	f.Add([]byte{9<<3 | 2, 4, 1<<3 | 2, 0, 2<<3 | 2, 0})
	f.Add([]byte{9<<3 | 2, 2, 1<<3 | 2, 0, 9<<3 | 2, 2, 1<<3 | 2, 0})
	m := &merge{}
	span := ptrace.NewSpan()
	f.Fuzz(func(t *testing.T, message []byte) {
		if !readSpan(message, span) {
			return
		}
		want, err := m.decode(message)
		require.NoError(t, err)
		require.Equal(t, encodedSpan(t, want), encodedSpan(t, span))
	})
}
