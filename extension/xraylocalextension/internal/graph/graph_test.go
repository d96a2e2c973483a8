package graph

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/trace"
	"github.com/tailwater-otel/tailwater/internal/segment"
)

func TestRound(t *testing.T) {
	for in, want := range map[float64]float64{
		0: 0, 0.0000001: 0, 0.000001: 0.000001, 0.000099: 0.000099, 0.000994: 0.00099, 0.000995: 0.001,
		0.0123: 0.012, 0.125: 0.13, 1.04: 1, 1.06: 1.1, 99.4: 99, 99.6: 100, 3723: 3700,
	} {
		require.InDelta(t, want, round(in), 1e-9, "%v", in)
	}
}

// A histogram stays small however many response times there are.
func TestHistogramIsBounded(t *testing.T) {
	var h Histogram
	for us := 1; us < 2_000_000; us += 7 {
		h.add(float64(us) / 1e6)
	}
	buckets := h.Buckets()
	require.Less(t, len(buckets), 500)
	var total int64
	for i, b := range buckets {
		total += b.Count
		if i > 0 {
			require.Greater(t, b.Seconds, buckets[i-1].Seconds)
		}
	}
	require.EqualValues(t, (2_000_000-1+6)/7, total)
	require.InDelta(t, 1, h.Quantile(0.5), 0.05)
	require.InDelta(t, 1.9, h.Quantile(0.95), 0.05)
	var none Histogram
	require.Zero(t, none.Quantile(0.5))
}

func span(start, end segment.Time, state trace.State) trace.Span {
	return trace.Span{Start: start * 1e9, End: end * 1e9, State: state}
}

func TestGraph(t *testing.T) {
	a, z := trace.Service{Name: "a", Type: "T"}, trace.Service{Name: "z"}
	remote := trace.Service{Name: "m", Type: "remote"}
	var b Builder
	for range 2 {
		b.Add(trace.Flow{
			Visits: []trace.Visit{
				{Service: z, Span: span(1, 5, trace.Fault), Root: true},
				{Service: a, Span: span(2, 3, trace.OK)},
				{Service: remote, Span: span(2, 0, trace.OK), Inferred: true},
			},
			Calls: []trace.Call{
				{From: trace.ClientOf(z), To: z, Span: span(1, 5, trace.Fault)},
				{From: z, To: a, Alias: "a.internal", Span: span(2, 4, trace.Throttle)},
				{From: z, To: remote, Span: span(2, 0, trace.OK)},
			},
		})
	}
	g := b.Graph()
	require.Len(t, g.Nodes, 4)
	client, entry, na, nm := g.Nodes[0], g.Nodes[1], g.Nodes[2], g.Nodes[3]
	require.True(t, client.Client)
	require.Equal(t, trace.Service{Name: "z", Type: "client"}, client.Service)
	require.Same(t, entry, client.Edges[0].To)
	require.True(t, entry.Root)
	require.EqualValues(t, 2, entry.Stats.Fault)
	require.Equal(t, 4.0, entry.Stats.Average())
	require.Equal(t, 8.0, entry.Stats.Seconds)
	require.Equal(t, []*Node{na, nm}, []*Node{entry.Edges[0].To, entry.Edges[1].To})
	require.Equal(t, []string{"a.internal"}, entry.Edges[0].Aliases)
	require.EqualValues(t, 2, entry.Edges[0].Stats.Throttle)
	require.EqualValues(t, 2, na.Stats.OK)
	require.False(t, na.Inferred)
	require.True(t, nm.Inferred)
	require.Zero(t, nm.Stats.Total(), "what runs has no figures yet")
	require.Zero(t, nm.Stats.Average())
	for i, n := range g.Nodes {
		require.Equal(t, i, n.ID)
	}
}

func TestAliasesAreBounded(t *testing.T) {
	var b Builder
	for i := range 100 {
		b.Add(trace.Flow{Calls: []trace.Call{{From: trace.Service{Name: "a"}, To: trace.Service{Name: "b"}, Alias: string(rune('a' + i))}}})
	}
	require.Len(t, b.Graph().Nodes[0].Edges[0].Aliases, maxAliases)
}
