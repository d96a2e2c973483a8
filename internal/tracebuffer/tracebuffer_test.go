package tracebuffer

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/otlpspan"
)

var epoch = time.Unix(1_700_000_000, 0)

func idOf(n uint64) (id ID) {
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

func group(res *Resource, bytes int, spans ...Span) Group {
	return Group{Resource: res, Scopes: string(make([]byte, bytes)), Spans: spans}
}

// Whatever is added, awaited and removed in whatever order, a trace comes up
// when it is due and not before, and nothing stays counted in the end.
func TestBufferAgainstAModel(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var budget Budget
	now := epoch
	const wait, idle = 100 * time.Second, 10 * time.Second
	b := New(&budget, wait, idle, now)
	due := map[uint64]time.Time{}
	resources := []*Resource{{Header: []byte("a")}, {Header: []byte("bc")}}
	for range 20_000 {
		n := random.Uint64N(300)
		switch random.IntN(10) {
		case 0, 1, 2, 3, 4:
			tr := b.Add(idOf(n), group(resources[n%2], 100, Span{ID: n}), now)
			due[n] = now.Add(idle)
			if end := tr.First.Add(wait); due[n].After(end) {
				due[n] = end
			}
			require.Equal(t, due[n], tr.Due)
		case 5:
			if tr := b.Get(idOf(n)); tr != nil {
				b.Remove(tr)
				delete(due, n)
			}
		case 6:
			if tr := b.Oldest(); tr != nil {
				b.Remove(tr)
				delete(due, binary.BigEndian.Uint64(tr.ID[8:]))
			}
		case 7:
			now = now.Add(time.Duration(random.Int64N(int64(3 * time.Second))))
			if random.IntN(200) == 0 {
				now = now.Add(5 * time.Minute) // the clock jumps
			}
			for tr := b.Next(now); tr != nil; tr = b.Next(now) {
				n := binary.BigEndian.Uint64(tr.ID[8:])
				require.False(t, due[n].After(now), "not before its time")
				if !b.Expired(tr, now) && random.IntN(2) == 0 {
					b.Wait(tr)
					due[n] = tr.First.Add(wait)
					continue
				}
				b.Remove(tr)
				delete(due, n)
			}
			for n, at := range due {
				require.Less(t, now.Sub(at), 2*tick, "trace %d was due at %v", n, at)
			}
		}
		require.Equal(t, len(due), b.Len())
	}
	for tr := b.Oldest(); tr != nil; tr = b.Oldest() {
		b.Remove(tr)
	}
	assert.Zero(t, budget.Used())
}

func TestOldestComesFirst(t *testing.T) {
	var budget Budget
	b := New(&budget, time.Minute, time.Second, epoch)
	res := &Resource{}
	for n := range uint64(5) {
		b.Add(idOf(n), group(res, 1, Span{ID: 1}), epoch.Add(time.Duration(n)))
	}
	b.Add(idOf(0), group(res, 1, Span{ID: 2}), epoch.Add(time.Second))
	for n := range uint64(5) {
		assert.Equal(t, idOf(n), b.Oldest().ID)
		b.Remove(b.Oldest())
	}
}

// chunksOf encodes spans, each scope as a chunk of its own.
func chunksOf(td ptrace.Traces) *Kept {
	k := &Kept{Spans: td.SpanCount()}
	for _, rs := range td.ResourceSpans().All() {
		res := &Resource{Header: otlpspan.AppendResourceHeader(nil, rs)}
		for _, ss := range rs.ScopeSpans().All() {
			header, spans := otlpspan.AppendScopeHeader(nil, ss), []byte(nil)
			for _, span := range ss.Spans().All() {
				spans = otlpspan.Append(spans, span)
			}
			scopes := append(otlpspan.AppendScope(nil, header, len(spans)), spans...)
			k.chunks = append(k.chunks, chunk{res, string(scopes)})
		}
	}
	return k
}

// What is encoded scope by scope says the same when it is decoded.
func TestScopeByScope(t *testing.T) {
	td := ptrace.NewTraces()
	for i := range 3 {
		rs := td.ResourceSpans().AppendEmpty()
		rs.SetSchemaUrl("https://schema")
		rs.Resource().Attributes().PutInt("i", int64(i%2)) // the third is equal to the first
		for j := range 2 {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName("scope")
			ss.SetSchemaUrl("https://scope")
			ss.Scope().Attributes().PutInt("j", int64(i/2+j)) // the first of the third is the second of the first
			for k := range 3 {
				span := ss.Spans().AppendEmpty()
				span.SetName(string(rune('a' + 6*i + 3*j + k)))
				span.Attributes().PutStr("long", string(make([]byte, 100*k)))
			}
		}
	}
	got, err := chunksOf(td).Traces(2)
	require.NoError(t, err)

	// The third resource's spans now stand with the first's, and those of its
	// first scope with those of the first's last.
	want := ptrace.NewTraces()
	first, third := want.ResourceSpans().AppendEmpty(), td.ResourceSpans().At(2)
	td.ResourceSpans().At(0).CopyTo(first)
	for _, span := range third.ScopeSpans().At(0).Spans().All() {
		span.CopyTo(first.ScopeSpans().At(1).Spans().AppendEmpty())
	}
	third.ScopeSpans().At(1).CopyTo(first.ScopeSpans().AppendEmpty())
	td.ResourceSpans().At(1).CopyTo(want.ResourceSpans().AppendEmpty())
	assert.Equal(t, want, got)
}

func TestIndex(t *testing.T) {
	type want struct {
		root, entry, first, missing, open int
		complete                          bool
	}
	for name, tc := range map[string]struct {
		spans  []Span
		ignore bool
		want   want
	}{
		"root serves": {
			[]Span{{ID: 2, Parent: 1, Start: 20}, {ID: 1, Start: 10, Flags: Serving}}, false,
			want{root: 1, entry: 1, first: 1, complete: true},
		},
		"root calls": {
			[]Span{{ID: 1, Start: 10}, {ID: 2, Parent: 1, Start: 30, Flags: Serving}, {ID: 3, Parent: 1, Start: 20, Flags: Serving}}, false,
			want{root: 0, entry: 2, first: 0, complete: true},
		},
		"root does not serve, nor does any": {
			[]Span{{ID: 1, Start: 10}}, false, want{complete: true},
		},
		"root still runs": {
			[]Span{{ID: 1, Start: 10, Flags: Serving | InProgress}}, false, want{open: 1},
		},
		"root ran and has ended": {
			[]Span{{ID: 1, Start: 10, Flags: Serving | InProgress}, {ID: 1, Start: 10, Flags: Serving}}, false,
			want{root: 1, entry: 1, first: 1, complete: true},
		},
		"what was in progress comes late": {
			[]Span{{ID: 1, Start: 10, Flags: Serving}, {ID: 1, Start: 10, Flags: Serving | InProgress}}, false, want{complete: true},
		},
		"parent is missing": {
			[]Span{{ID: 3, Parent: 2, Start: 10, Flags: Serving}}, false, want{root: -1, entry: -1, missing: 1},
		},
		"missing parent is ignored": {
			[]Span{{ID: 4, Parent: 3, Start: 20}, {ID: 3, Parent: 2, Start: 10, Flags: Serving}}, true,
			want{root: 1, entry: 1, first: 1, missing: 1, complete: true},
		},
		"one branch is missing": {
			[]Span{{ID: 1, Start: 10, Flags: Serving}, {ID: 4, Parent: 3, Start: 20}}, false, want{missing: 1},
		},
		"parents go round": {
			[]Span{{ID: 1, Parent: 2, Start: 10}, {ID: 2, Parent: 1, Start: 20}}, false, want{root: -1, entry: -1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var x Index
			x.Build(&Trace{Spans: tc.spans}, tc.ignore)
			assert.Equal(t, tc.want, want{x.Root, x.Entry, x.First, x.Missing, x.Open, x.Complete(tc.ignore)})
			for i, s := range tc.spans {
				if !s.Superseded() {
					assert.Equal(t, i, x.Find(s.ID))
				}
			}
		})
	}
}
