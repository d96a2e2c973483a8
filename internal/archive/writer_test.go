package archive_test

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/archive"
	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
)

// file writes rows to memory.
func file(t testing.TB, rows []archivetest.Row, o archive.Options) ([]byte, archive.Info) {
	t.Helper()
	var out bytes.Buffer
	w := archive.NewWriter(&out, o)
	require.NoError(t, archivetest.Write(w, rows, archivetest.Start))
	info, err := w.Close()
	require.NoError(t, err)
	return out.Bytes(), info
}

// TestWriterIsDeterministic: a rebuild after a crash must give the same file.
func TestWriterIsDeterministic(t *testing.T) {
	o := archive.Options{RowGroupRows: 350, Collector: "c1", SegmentID: "s", Partition: "dt=2026-03-14", Tool: "test 1"}
	first, info := file(t, archivetest.MixedRows(3, 1000), o)
	second, again := file(t, archivetest.MixedRows(3, 1000), o)
	assert.Equal(t, info, again)
	assert.True(t, bytes.Equal(first, second), "the files differ")

	other := archive.Options{RowGroupRows: 100}
	_, regrouped := file(t, archivetest.MixedRows(3, 1000), other)
	assert.Equal(t, info.Digest, regrouped.Digest, "the digest depends on the options")
	_, more := file(t, archivetest.MixedRows(3, 1150), other)
	assert.NotEqual(t, info.Digest, more.Digest)
}

// one is a span with a name.
func one(name string, start int64) archivetest.Row {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	ss := rs.ScopeSpans().AppendEmpty()
	span := ss.Spans().AppendEmpty()
	span.SetTraceID([16]byte{1, 2, 3})
	span.SetSpanID([8]byte{1})
	span.SetStartTimestamp(pcommon.Timestamp(start))
	span.SetName(name)
	return archivetest.Rows(td)[0]
}

// TestWriterDropsEqualRows: a client that sent again is not counted twice, but
// an in-progress span and its completed form are two rows.
func TestWriterDropsEqualRows(t *testing.T) {
	open, done := one("a", 10), one("a", 10)
	done.Span.SetEndTimestamp(20)
	var out bytes.Buffer
	w := archive.NewWriter(&out, archive.Options{})
	require.NoError(t, archivetest.Write(w, []archivetest.Row{one("a", 9), open, done, one("a", 10)}, time.Unix(1, 0)))
	require.NoError(t, archivetest.Write(w, []archivetest.Row{done, open, one("b", 10), one("a", 11)}, time.Unix(2, 0)))
	info, err := w.Close()
	require.NoError(t, err)
	info.Digest = [32]byte{}
	assert.Equal(t, archive.Info{Rows: 5, Duplicates: 3, MinStart: 9, MaxStart: 11}, info)
}

// TestDroppedRowsLeaveNothing: a file with rows that were handed in twice, of
// all kinds, is the same as without, byte by byte.
func TestDroppedRowsLeaveNothing(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		rows := archivetest.Rows(archivetest.Wild(rng, seed%2 == 0), archivetest.Wild(rng, true))
		o := archive.Options{RowGroupRows: 4 + rng.IntN(30)}
		var twice []archivetest.Row
		for _, row := range rows {
			for range 1 + rng.IntN(3) {
				twice = append(twice, row)
			}
		}
		want, plain := file(t, rows, o)
		got, info := file(t, twice, o)
		require.True(t, bytes.Equal(want, got), "seed %d: the files differ", seed)
		require.EqualValues(t, len(twice)-len(rows), info.Duplicates-plain.Duplicates, "seed %d", seed)
	}
}

// TestKeyOrder: windows of time first, before 1970 too, then traces.
func TestKeyOrder(t *testing.T) {
	const window = time.Second
	key := func(start int64, trace byte) archive.Key { return archive.Key{Start: start, TraceID: [16]byte{trace}} }
	sorted := []archive.Key{
		key(-1e9-1, 9), key(-1e9, 1), key(-1, 1), key(-2, 2), key(0, 1), key(1e9-1, 1), key(5, 2), key(1e9, 0), key(1e9+1, 0),
	}
	for i, a := range sorted {
		for j, b := range sorted {
			assert.Equal(t, cmp.Compare(i, j), a.Compare(b, window), "%v and %v", a, b)
		}
	}
	late := key(1e9, 0)
	late.SpanID[7] = 1
	assert.Equal(t, 1, late.Compare(key(1e9, 0), window))
}

func TestWriterRefusesDisorder(t *testing.T) {
	w := archive.NewWriter(&bytes.Buffer{}, archive.Options{})
	err := archivetest.Write(w, []archivetest.Row{one("a", 10), one("b", 9)}, time.Unix(1, 0))
	require.ErrorContains(t, err, "out of order")
	_, err = w.Close()
	require.ErrorContains(t, err, "out of order", "the writer went on after an error")
}

func TestWriterWithoutRows(t *testing.T) {
	text, info := file(t, nil, archive.Options{})
	assert.Zero(t, info.Rows)
	assert.True(t, strings.HasPrefix(string(text), "PAR1") && strings.HasSuffix(string(text), "PAR1"))
}
