package awss3exporter

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// randomRequest is a request with several places.
func randomRequest(rng *rand.Rand) *request {
	r := &request{signal: traces}
	e := &otlpExporter{signal: traces}
	for range 1 + rng.IntN(4) {
		td := ptrace.NewTraces()
		for range rng.IntN(4) {
			rs := td.ResourceSpans().AppendEmpty()
			rs.Resource().Attributes().PutInt("n", rng.Int64N(3))
			for range rng.IntN(3) {
				ss := rs.ScopeSpans().AppendEmpty()
				ss.SetSchemaUrl("https://example.com")
				for range rng.IntN(6) {
					ss.Spans().AppendEmpty().SetName(fmt.Sprint(rng.Uint64()))
				}
			}
		}
		data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		if err != nil {
			panic(err)
		}
		if err := e.draft(r, place{bucket: fmt.Sprint(rng.IntN(2))}, time.Now(), td.SpanCount(), data); err != nil {
			panic(err)
		}
	}
	return r
}

// contents lists the spans of requests with where they go and what they are in.
func contents(t *testing.T, requests ...xexporterhelper.Request) (list []string) {
	t.Helper()
	for _, r := range requests {
		items := 0
		for _, d := range r.(*request).drafts {
			td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(d.data)
			require.NoError(t, err)
			require.Equal(t, d.items, td.SpanCount())
			items += d.items
			for _, rs := range td.ResourceSpans().All() {
				n, _ := rs.Resource().Attributes().Get("n")
				for _, ss := range rs.ScopeSpans().All() {
					for _, span := range ss.Spans().All() {
						list = append(list, fmt.Sprintln(d.bucket, n.Int(), ss.SchemaUrl(), span.Name()))
					}
				}
			}
		}
		require.Equal(t, items, r.ItemsCount())
	}
	slices.Sort(list)
	return list
}

func TestMergeSplit(t *testing.T) {
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		a, b := randomRequest(rng), randomRequest(rng)
		want := contents(t, a, b)
		again := func() (*request, *request) { // the same, as after a restart
			x, err := unmarshalRequest(a.marshal(), traces)
			require.NoError(t, err)
			y, err := unmarshalRequest(b.marshal(), traces)
			require.NoError(t, err)
			return x, y
		}
		sizer := []exporterhelper.RequestSizerType{exporterhelper.RequestSizerTypeItems, exporterhelper.RequestSizerTypeBytes, exporterhelper.RequestSizerTypeRequests}[seed%3]
		size := rng.IntN(9)
		if sizer == exporterhelper.RequestSizerTypeBytes {
			size *= 60
		}
		x, y := again()
		out, err := x.MergeSplit(t.Context(), size, sizer, y)
		require.NoError(t, err)
		require.NotEmpty(t, out)
		require.Equal(t, want, contents(t, out...), "seed %d", seed)
		names := map[string]bool{}
		for _, r := range out {
			if size > 0 && sizer == exporterhelper.RequestSizerTypeItems {
				require.LessOrEqual(t, r.ItemsCount(), size, "seed %d", seed)
			}
			for _, d := range r.(*request).drafts {
				require.False(t, names[d.id.String()], "seed %d", seed)
				names[d.id.String()] = true
			}
		}
		x, y = again()
		same, err := x.MergeSplit(t.Context(), size, sizer, y)
		require.NoError(t, err)
		require.Equal(t, out, same, "seed %d: the same parts make the same objects", seed)
	}
}

// TestSplitKeepsSchemas: spans whose resources and scopes say nothing can still
// be told apart by the schemas.
func TestSplitKeepsSchemas(t *testing.T) {
	td := ptrace.NewTraces()
	for _, name := range []string{"a", "b", "c"} {
		rs := td.ResourceSpans().AppendEmpty()
		rs.SetSchemaUrl("resource " + name)
		ss := rs.ScopeSpans().AppendEmpty()
		ss.SetSchemaUrl("scope " + name)
		ss.Spans().AppendEmpty().SetName(name)
	}
	data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	r := &request{signal: traces, drafts: []draft{{items: 3, data: data}}}
	out, err := r.MergeSplit(t.Context(), 2, exporterhelper.RequestSizerTypeItems, nil)
	require.NoError(t, err)
	require.Len(t, out, 2)
	var got []string
	for _, part := range out {
		for _, d := range part.(*request).drafts {
			td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(d.data)
			require.NoError(t, err)
			for _, rs := range td.ResourceSpans().All() {
				for _, ss := range rs.ScopeSpans().All() {
					for _, span := range ss.Spans().All() {
						got = append(got, rs.SchemaUrl()+", "+ss.SchemaUrl()+", "+span.Name())
					}
				}
			}
		}
	}
	require.Equal(t, []string{"resource a, scope a, a", "resource b, scope b, b", "resource c, scope c, c"}, got)
}

func FuzzRequest(f *testing.F) {
	f.Add(randomRequest(rand.New(rand.NewPCG(1, 1))).marshal())
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := unmarshalRequest(in, traces)
		if err != nil {
			return
		}
		back, err := unmarshalRequest(r.marshal(), traces)
		require.NoError(t, err)
		require.Equal(t, r, back)
		for _, sizer := range []exporterhelper.RequestSizerType{exporterhelper.RequestSizerTypeItems, exporterhelper.RequestSizerTypeBytes} {
			_, _ = back.MergeSplit(context.Background(), 3, sizer, nil)
		}
	})
}
