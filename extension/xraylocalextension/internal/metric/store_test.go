package metric

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var now = time.Unix(1760797200, 0).UTC() // 20 minutes past an hour

func id(name string) ID { return ID{Namespace: "Shop", Name: name} }

func TestStoreQuery(t *testing.T) {
	s := &Store{MaxBytes: 1 << 20}
	for i := range 10 {
		s.Add(now, Datum{ID: id("a"), Time: now.Add(time.Duration(i) * 30 * time.Second), Samples: Scalar(float64(i))})
	}
	s.Add(now, Datum{ID: id("a"), Time: now, Unit: "Count", Samples: Scalar(100)})
	for i := range 4 {
		s.Add(now, Datum{ID: id("seconds"), Time: now.Add(time.Duration(i) * time.Second), HighResolution: true, Samples: Scalar(1)})
	}
	sums := func(of ID, unit string, from, to, period time.Duration) []string {
		var out []string
		for _, p := range s.Query(now, of, unit, now.Add(from), now.Add(to), period) {
			out = append(out, fmt.Sprintf("%v %s %v", p.Start.Sub(now), p.Unit, p.Sum))
		}
		return out
	}
	const m = time.Minute
	require.Equal(t, []string{"0s Count 100", "0s None 1", "1m0s None 5"}, sums(id("a"), "", 0, 2*m, m))
	require.Equal(t, []string{"0s None 1", "1m0s None 5"}, sums(id("a"), "None", 0, 2*m, m))
	require.Equal(t, []string{"1m0s None 5"}, sums(id("a"), "", 119*time.Second, 2*m, m), "the start is rounded down to a period")
	require.Equal(t, []string{"1m0s None 5", "2m0s None 9"}, sums(id("a"), "", m, 121*time.Second, m), "a period that begins in the range is in it")
	require.Equal(t, []string{"0s Count 100", "0s None 45"}, sums(id("a"), "", 0, m, 5*m))
	require.Equal(t, []string{"-20m0s Count 100", "-20m0s None 45"}, sums(id("a"), "", 30*m, 31*m, time.Hour))
	require.Equal(t, []string{"0s None 1", "1s None 1", "2s None 1", "3s None 1"}, sums(id("seconds"), "", 0, m, time.Second))
	require.Equal(t, []string{"0s None 4"}, sums(id("seconds"), "", 0, m, m))
	require.Empty(t, sums(id("b"), "", 0, m, m))
	require.Empty(t, sums(ID{Namespace: "Shop", Name: "a", Dimensions: []Dimension{{"x", "y"}}}, "", 0, m, m))
}

func TestStoreKeepsItsBound(t *testing.T) {
	evicted := 0
	s := &Store{MaxBytes: 100_000, Evicted: func(reason Eviction, n int) {
		require.Equal(t, EvictedForSpace, reason)
		evicted += n
	}}
	random := rand.New(rand.NewPCG(3, 4))
	added := map[string]bool{}
	for i := range 20_000 {
		d := Datum{
			ID: ID{Namespace: "Shop", Name: fmt.Sprint("m", random.IntN(50)), Dimensions: []Dimension{{"Service", fmt.Sprint(random.IntN(3))}}},
			// Points also come late, between others.
			Time: now.Add(time.Duration(i/100-random.IntN(20)) * time.Minute), Samples: Array([]float64{random.Float64(), 1, 2}),
		}
		added[fmt.Sprint(d.key(), d.Time)] = true
		s.Add(now, d)
		bytes, _, _ := s.Size(now)
		require.LessOrEqual(t, bytes, s.MaxBytes)
	}
	_, series, points := s.Size(now)
	require.NotZero(t, series)
	require.NotZero(t, points)
	require.Greater(t, evicted, 10_000/3)
	cost, n := int64(0), 0
	for _, r := range s.series {
		require.NotEmpty(t, r.points)
		cost += r.cost
		for _, p := range r.points {
			cost += p.cost
			n++
		}
	}
	require.Equal(t, s.bytes, cost)
	require.Equal(t, points, n)

	s.MaxBytes = 0
	s.Add(now, Datum{ID: id("a"), Time: now, Samples: Scalar(1)})
	bytes, series, points := s.Size(now)
	require.Zero(t, bytes)
	require.Zero(t, series)
	require.Zero(t, points)
	require.Nil(t, s.oldest)
	require.Nil(t, s.newest)
}

func TestStoreRetention(t *testing.T) {
	evicted := map[Eviction]int{}
	s := &Store{MaxBytes: 1 << 20, Retention: time.Hour, Evicted: func(reason Eviction, n int) { evicted[reason] += n }}
	s.Add(now, Datum{ID: id("a"), Time: now, Samples: Scalar(1)})
	s.Add(now.Add(40*time.Minute), Datum{ID: id("a"), Time: now.Add(time.Minute), Samples: Scalar(1)})
	s.Add(now.Add(41*time.Minute), Datum{ID: id("a"), Time: now, Samples: Scalar(1)})
	require.Len(t, s.List(now.Add(time.Hour), func(Series) bool { return true }), 1)
	require.Len(t, s.Query(now.Add(time.Hour+time.Second), id("a"), "", now, now.Add(time.Hour), time.Minute), 1)
	_, series, points := s.Size(now.Add(3 * time.Hour))
	require.Zero(t, series)
	require.Zero(t, points)
	require.Equal(t, map[Eviction]int{EvictedForAge: 2}, evicted)
}

func TestList(t *testing.T) {
	s := &Store{MaxBytes: 1 << 20}
	for _, name := range []string{"b", "a", "ab"} {
		s.Add(now, Datum{ID: id(name), Time: now, Samples: Scalar(1)})
		s.Add(now, Datum{ID: ID{Namespace: "Shop", Name: name, Dimensions: []Dimension{{"d", "v"}}}, Time: now, Samples: Scalar(1)})
	}
	var got []string
	for _, v := range s.List(now, func(v Series) bool { return v.Name != "b" }) {
		got = append(got, fmt.Sprint(v.Name, v.Dimensions))
	}
	require.Equal(t, []string{"a[]", "a[{d v}]", "ab[]", "ab[{d v}]"}, got)
}

func BenchmarkStoreAdd(b *testing.B) {
	b.ReportAllocs()
	s := &Store{MaxBytes: 1 << 30}
	w := make([]Weighted, 100)
	for i := range w {
		w[i] = Weighted{float64(i), 1}
	}
	d := Datum{ID: ID{Namespace: "Shop", Name: "Latency", Dimensions: []Dimension{{"Service", "checkout"}}}, Time: now, Samples: Histogram(w)}
	for b.Loop() {
		s.Add(now, d)
	}
}
