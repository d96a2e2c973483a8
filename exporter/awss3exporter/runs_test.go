package awss3exporter

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/archive"
)

// TestSorterOrder: the sorter's short keys order as the keys do, and keep the
// order of spans that are equal.
func TestSorterOrder(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 0))
		s := &sorter{limit: 1 << 20, window: []time.Duration{time.Second, archive.Window}[seed%2]}
		for range rng.IntN(300) {
			var key archive.Key
			key.Start = rng.Int64N(4*int64(s.window)) - int64(s.window)
			if rng.IntN(3) == 0 {
				key.Start = int64(s.window)
			}
			key.TraceID[rng.IntN(len(key.TraceID))] = byte(rng.IntN(3)) * 127
			key.SpanID[rng.IntN(len(key.SpanID))] = byte(rng.IntN(3)) * 127
			require.NoError(t, s.add(spanRef{key: key}, make([]byte, rng.IntN(3))))
		}
		want := make([]int, len(s.spans))
		for i := range want {
			want[i] = i
		}
		slices.SortStableFunc(want, func(a, b int) int { return s.spans[a].key.Compare(s.spans[b].key, s.window) })
		s.sort()
		got := make([]int, len(s.order))
		for i := range got {
			got[i] = s.order[i].at
		}
		require.Equal(t, want, got, "seed %d", seed)
		require.True(t, slices.IsSortedFunc(got, func(a, b int) int {
			return cmp.Or(s.spans[a].key.Compare(s.spans[b].key, s.window), cmp.Compare(a, b))
		}))
	}
}
