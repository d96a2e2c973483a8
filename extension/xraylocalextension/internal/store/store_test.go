package store

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/trace"
	"github.com/tailwater-otel/tailwater/internal/segment"
)

var t0 = time.Unix(1760797200, 0)

func traceID(n int) (id segment.TraceID) {
	id[0] = 1
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

// add puts a segment with this many bytes of padding into a trace.
func add(t testing.TB, s *Store, now time.Time, trace, id int, members string) error {
	t.Helper()
	if members == "" {
		members = `,"end_time":2`
	}
	doc := fmt.Sprintf(`{"name":"a","id":"%016x","trace_id":"%s","start_time":1%s}`, id, traceID(trace), members)
	seg, err := segment.Decode(doc)
	require.NoError(t, err)
	return s.Add(now, seg, doc)
}

func ids(list []Entry) (n []int) {
	for _, e := range list {
		n = append(n, int(binary.BigEndian.Uint64(e.ID[8:])))
	}
	return n
}

// folder is a Keeper that holds what it was told.
type folder map[segment.TraceID]map[key]string

func (f folder) Put(trace segment.TraceID, id segment.ID, sub bool, _ time.Time, json string) {
	if f[trace] == nil {
		f[trace] = map[key]string{}
	}
	f[trace][key{id, sub}] = json
}

func (f folder) Drop(trace segment.TraceID) { delete(f, trace) }

func (s *Store) all(now time.Time) []Entry { return s.List(now, ByUpdate, time.Time{}, time.Time{}) }

// The books balance after every step, the bound holds, what leaves is what was
// quiet for longest, and the keeper has the same documents.
func TestBound(t *testing.T) {
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 3))
		evicted := 0
		kept := folder{}
		s := &Store{MaxBytes: 60_000, Keeper: kept, Evicted: func(reason Eviction, n int) {
			require.Equal(t, EvictedForSpace, reason)
			evicted += n
		}}
		now, known := t0, map[int]bool{}
		for range 800 {
			now = now.Add(time.Millisecond)
			n := r.IntN(60)
			members := []string{`,"end_time":2`, `,"in_progress":true`, `,"end_time":2,"user":"` + strings.Repeat("u", r.IntN(9000)) + `"`,
				`,"end_time":2,"subsegments":[{"name":"x","id":"00000000000000ff","start_time":1,"end_time":2}]`}[r.IntN(4)]
			require.NoError(t, add(t, s, now, n, 1+r.IntN(5), members))
			known[n] = true
			bytes, traces := s.Size(now)
			require.LessOrEqual(t, bytes, s.MaxBytes)
			require.Len(t, s.traces, traces)
			var sum int64
			var last time.Time
			linked := 0
			for rec := s.oldest; rec != nil; rec = rec.newer {
				require.False(t, rec.updated.Before(last))
				last = rec.updated
				linked++
				own, text := int64(traceOverhead), int64(0)
				for _, d := range rec.docs {
					own += d.cost
					text += int64(len(d.json))
				}
				require.Equal(t, own, rec.bytes)
				require.Equal(t, text, rec.docBytes)
				sum += rec.bytes
			}
			require.Equal(t, sum, bytes)
			require.Equal(t, traces, linked)
		}
		require.NotZero(t, evicted)
		held := folder{}
		for id, rec := range s.traces {
			for k, at := range rec.index {
				held.Put(id, k.id, k.sub, now, rec.docs[at].json)
			}
		}
		require.Equal(t, held, kept)
	}
}

// What the store counts is about what it takes, also with all digests made.
func TestBoundIsTrue(t *testing.T) {
	if testing.Short() {
		t.Skip("fills 8 MiB")
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	s := &Store{MaxBytes: 8 << 20}
	sub := `{"name":"DynamoDB","id":"%016x","start_time":1.1,"end_time":1.2,"namespace":"aws","aws":{"operation":"GetItem","table_name":"orders"}}`
	for n := 0; ; n++ {
		var subs []string
		for i := range n % 7 {
			subs = append(subs, fmt.Sprintf(sub, i+2))
		}
		require.NoError(t, add(t, s, t0, n, 1, `,"end_time":2,"annotations":{"tenant":"blue"},"http":{"request":{"method":"GET","url":"http://a/b"},"response":{"status":200}},"subsegments":[`+strings.Join(subs, ",")+`]`))
		if len(s.traces) < n {
			break // full
		}
	}
	for _, e := range s.all(t0) {
		e.Digest()
	}
	used := heap() - before
	t.Logf("%d traces, counted %d, used %d", len(s.traces), s.bytes, used)
	require.Less(t, used, 2*s.MaxBytes)
	runtime.KeepAlive(s)
}

func TestOldestLeaves(t *testing.T) {
	one := &Store{MaxBytes: 1 << 20}
	require.NoError(t, add(t, one, t0, 1, 1, ""))
	s := &Store{MaxBytes: 3 * one.bytes}
	for n := 1; n <= 3; n++ {
		require.NoError(t, add(t, s, t0, n, 1, ""))
	}
	require.NoError(t, add(t, s, t0, 1, 1, "")) // again: it is not quiet any more
	require.NoError(t, add(t, s, t0, 4, 1, ""))
	require.Equal(t, []int{4, 3, 1}, ids(s.all(t0)))
	require.ErrorIs(t, add(t, s, t0, 5, 1, `,"user":"`+strings.Repeat("u", 9000)+`"`), ErrTooLarge)
	var none Store
	require.ErrorIs(t, add(t, &none, t0, 1, 1, ""), ErrTooLarge)
}

func TestRetention(t *testing.T) {
	var evicted []Eviction
	s := &Store{MaxBytes: 1 << 20, Retention: time.Hour, Evicted: func(r Eviction, n int) {
		for range n {
			evicted = append(evicted, r)
		}
	}}
	require.NoError(t, add(t, s, t0, 1, 1, ""))
	require.NoError(t, add(t, s, t0.Add(30*time.Minute), 2, 1, ""))
	require.Len(t, s.all(t0.Add(time.Hour)), 2)
	require.Equal(t, []int{2}, ids(s.all(t0.Add(time.Hour+1))))
	_, ok := s.Trace(t0.Add(2*time.Hour), traceID(2))
	require.False(t, ok)
	require.Equal(t, []Eviction{EvictedForAge, EvictedForAge}, evicted)
	bytes, traces := s.Size(t0)
	require.Zero(t, bytes)
	require.Zero(t, traces)

	s = &Store{MaxBytes: 1 << 20}
	require.NoError(t, add(t, s, t0, 1, 1, ""))
	require.Len(t, s.all(t0.Add(1e6*time.Hour)), 1, "for ever")
}

func TestVersions(t *testing.T) {
	s := &Store{MaxBytes: 1 << 20}
	require.NoError(t, add(t, s, t0, 1, 1, `,"in_progress":true`))
	first := s.all(t0)[0]
	require.True(t, first.Digest().Summary.IsPartial)
	require.Same(t, first.Digest(), first.Digest(), "made once")

	require.NoError(t, add(t, s, t0, 1, 1, `,"end_time":5`))
	second := s.all(t0)[0]
	require.Equal(t, 2, second.Revision)
	require.False(t, second.Digest().Summary.IsPartial)
	require.Equal(t, 4.0, second.Digest().Summary.Duration)
	require.True(t, first.Digest().Summary.IsPartial, "the trace as it was listed")
	require.Same(t, second.Digest(), s.all(t0)[0].Digest(), "an old entry does not undo a new one")

	require.NoError(t, add(t, s, t0, 1, 1, `,"in_progress":true`))
	require.Equal(t, 2, s.all(t0)[0].Revision, "late: nothing changed")
	found, ok := s.Trace(t0, traceID(1))
	require.True(t, ok)
	require.Equal(t, 1, found.Documents)
	require.EqualValues(t, 5e9, found.Segments[0].EndTime)

	require.NoError(t, add(t, s, t0, 1, 1, `,"end_time":3`))
	found, _ = s.Trace(t0, traceID(1))
	require.EqualValues(t, 3e9, found.Segments[0].EndTime, "the later of two complete ones")
}

func TestTraceLimit(t *testing.T) {
	s := &Store{MaxBytes: 64 << 20}
	pad := strings.Repeat("p", 60_000)
	for i := range 8 {
		require.NoError(t, add(t, s, t0, 1, i+1, `,"end_time":2,"user":"`+pad+`"`))
	}
	require.ErrorIs(t, add(t, s, t0, 1, 9, `,"end_time":2,"user":"`+pad+`"`), ErrTraceTooLarge)
	require.NoError(t, add(t, s, t0, 1, 8, `,"end_time":2,"user":"`+pad+`"`), "in place of itself")
	require.NoError(t, add(t, s, t0, 2, 9, `,"end_time":2,"user":"`+pad+`"`))
	found, _ := s.Trace(t0, traceID(1))
	require.True(t, found.LimitExceeded)
	found, _ = s.Trace(t0, traceID(2))
	require.False(t, found.LimitExceeded)
}

func TestListAndAfter(t *testing.T) {
	s := &Store{MaxBytes: 1 << 20}
	require.NoError(t, add(t, s, t0, 1, 1, `,"end_time":9`))
	require.NoError(t, add(t, s, t0.Add(time.Second), 2, 1, `,"end_time":8`))
	require.NoError(t, add(t, s, t0.Add(time.Second), 3, 1, `,"end_time":7`))
	require.Equal(t, []int{3, 2, 1}, ids(s.List(t0, ByUpdate, time.Time{}, time.Time{})))
	require.Equal(t, []int{3, 2, 1}, ids(s.List(t0, ByStart, time.Time{}, time.Time{})))
	byEnd := s.List(t0, ByEnd, time.Time{}, time.Time{})
	require.Equal(t, []int{1, 2, 3}, ids(byEnd))
	require.Equal(t, []int{1}, ids(s.List(t0, ByUpdate, time.Time{}, t0)))
	require.Equal(t, []int{3, 2}, ids(s.List(t0, ByUpdate, t0.Add(time.Second), time.Time{})))

	for i, e := range byEnd {
		require.Equal(t, ids(byEnd[i+1:]), ids(After(byEnd, e.At, e.ID)))
	}
	require.Equal(t, []int{2, 3}, ids(After(byEnd, trace.Time(8500*1e6), traceID(7))), "one that is gone")
	require.Empty(t, After(byEnd, time.Time{}, traceID(1)))
}

func TestConcurrent(t *testing.T) {
	s := &Store{MaxBytes: 200_000, Retention: time.Hour}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 300 {
				doc := fmt.Sprintf(`{"name":"a","id":"%016x","trace_id":"%s","start_time":1,"end_time":2}`, i%9+1, traceID(i%50))
				seg, err := segment.Decode(doc)
				if err != nil || s.Add(t0.Add(time.Duration(w)), seg, doc) != nil {
					t.Error("not added")
				}
			}
		})
		wg.Go(func() {
			for i := range 30 {
				for _, e := range s.all(t0) {
					if e.Digest().Summary.ID != e.ID {
						t.Error("another trace's digest")
					}
				}
				if found, ok := s.Trace(t0, traceID(i)); ok && len(found.Segments) == 0 {
					t.Error("an empty trace")
				}
			}
		})
	}
	wg.Wait()
}
