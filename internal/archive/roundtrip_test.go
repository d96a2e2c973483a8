package archive_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/archive"
	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
)

// read returns the rows of a file that a query asks for, in their order.
func read(t testing.TB, text []byte, q archive.Query, batch int) []archivetest.Row {
	t.Helper()
	f, err := archive.Open(bytes.NewReader(text), int64(len(text)))
	require.NoError(t, err)
	var batches []ptrace.Traces
	for group := range f.Groups() {
		admitted, err := f.Admits(group, &q)
		require.NoError(t, err)
		if !admitted {
			continue
		}
		require.NoError(t, f.Read(context.Background(), group, &q, batch, func(td ptrace.Traces) error {
			assert.LessOrEqual(t, td.SpanCount(), batch)
			batches = append(batches, td)
			return nil
		}))
	}
	return archivetest.Rows(batches...)
}

// otlp returns the bytes of each span with its resource and scope, sorted.
func otlp(t testing.TB, rows []archivetest.Row) []string {
	t.Helper()
	var all []string
	for _, r := range rows {
		text, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(r.Traces())
		require.NoError(t, err)
		all = append(all, string(text))
	}
	slices.Sort(all)
	return all
}

func assertSame(t testing.TB, want, got []archivetest.Row) {
	t.Helper()
	a, b := otlp(t, want), otlp(t, got)
	if slices.Equal(a, b) {
		return
	}
	if !assert.Len(t, b, len(a), "rows") {
		return
	}
	for i := range a {
		if a[i] != b[i] {
			show := func(text string) string {
				td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces([]byte(text))
				require.NoError(t, err)
				j, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
				require.NoError(t, err)
				return string(j)
			}
			assert.Equal(t, show(a[i]), show(b[i]))
			t.Fatalf("span %d differs: %q, %q", i, a[i], b[i])
		}
	}
}

// TestRoundTrip: whatever a span says, it comes back with the same bytes.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 0))
		exact := seed%2 == 0
		rows := archivetest.Rows(archivetest.Wild(rng, exact), archivetest.Wild(rng, exact))
		text, info := file(t, rows, archive.Options{RowGroupRows: 4 + rng.IntN(30)})
		got := read(t, text, archive.Query{}, 1+rng.IntN(10))
		if assert.EqualValues(t, len(rows), info.Rows+info.Duplicates) && info.Duplicates == 0 {
			assertSame(t, rows, got)
		}
		if exact {
			assert.Zero(t, info.Raw, "the columns say not enough")
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// TestRoundTripMixed does the same with what applications send, over several
// pages and row groups.
func TestRoundTripMixed(t *testing.T) {
	rows := archivetest.MixedRows(7, 3000)
	text, _ := file(t, rows, archive.Options{RowGroupRows: 1300, Collector: "c"})
	assertSame(t, rows, read(t, text, archive.Query{}, 1000))
}

// TestRoundTripOfDuplicateNames: OTLP forbids them and its bytes can have them.
func TestRoundTripOfDuplicateNames(t *testing.T) {
	r := one("a", 10)
	r.Span.Attributes().PutStr("name1", "first")
	r.Span.Attributes().PutInt("name2", 2)
	nested := r.Span.Attributes().PutEmptyMap("nested")
	nested.PutStr("name1", "first")
	nested.PutInt("name2", 2)
	text, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(r.Traces())
	require.NoError(t, err)
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(bytes.ReplaceAll(text, []byte("name2"), []byte("name1")))
	require.NoError(t, err)
	rows := archivetest.Rows(td)
	written, _ := file(t, rows, archive.Options{})
	assertSame(t, rows, read(t, written, archive.Query{}, 10))
}

// TestRoundTripOfDepth: a value nested beyond what JSON is written for.
func TestRoundTripOfDepth(t *testing.T) {
	r := one("a", 10)
	v := r.Span.Attributes().PutEmpty("deep")
	for range 200 {
		v = v.SetEmptySlice().AppendEmpty()
	}
	v.SetStr("end")
	written, _ := file(t, []archivetest.Row{r}, archive.Options{})
	assertSame(t, []archivetest.Row{r}, read(t, written, archive.Query{}, 10))
}

// TestQueries compares what is read with what a look at each span gives.
func TestQueries(t *testing.T) {
	rows := archivetest.MixedRows(11, 4000)
	text, info := file(t, rows, archive.Options{RowGroupRows: 800})
	service := func(r archivetest.Row) string {
		v, _ := r.Resource.Attributes().Get("service.name")
		return v.AsString()
	}
	quarter := (info.MaxStart - info.MinStart) / 4
	id := [16]byte(rows[2000].Span.TraceID())
	late := [16]byte(rows[len(rows)-1].Span.TraceID())
	for name, q := range map[string]archive.Query{
		"time":              {From: info.MinStart + quarter, To: info.MaxStart - quarter},
		"an instant":        {From: info.MinStart, To: info.MinStart + 1},
		"before":            {From: 1, To: info.MinStart},
		"trace":             {TraceIDs: set(id)},
		"traces":            {TraceIDs: set(id, late, [16]byte{1})},
		"no such trace":     {TraceIDs: set([16]byte{1})},
		"service":           {Services: set("payment")},
		"services and time": {Services: set("payment", "cart", "none"), From: info.MinStart + quarter, To: info.MaxStart},
		"no such service":   {Services: set("none")},
		"trace and service": {TraceIDs: set(id), Services: set("frontend")},
		"trace and time":    {TraceIDs: set(id), From: info.MinStart, To: info.MinStart + quarter},
	} {
		t.Run(name, func(t *testing.T) {
			var want []archivetest.Row
			for _, r := range rows {
				start := int64(r.Span.StartTimestamp())
				_, trace := q.TraceIDs[r.Span.TraceID()]
				_, named := q.Services[service(r)]
				if (q.To == 0 || start >= q.From && start < q.To) && (trace || len(q.TraceIDs) == 0) && (named || len(q.Services) == 0) {
					want = append(want, r)
				}
			}
			assertSame(t, want, read(t, text, q, 500))
		})
	}
}

func set[T comparable](list ...T) map[T]struct{} {
	m := map[T]struct{}{}
	for _, v := range list {
		m[v] = struct{}{}
	}
	return m
}
