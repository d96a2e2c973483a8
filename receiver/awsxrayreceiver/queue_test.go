package awsxrayreceiver

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestQueueKeepsOrderAndLimits(t *testing.T) {
	q := newQueue(1 << 20)
	require.Zero(t, q.push([]string{"a", "b", "c"}))
	require.Zero(t, q.push([]string{"d", strings.Repeat("e", 100), "f"}))
	got, ok := q.pop(nil, 2, 1000)
	require.True(t, ok)
	assert.Equal(t, []string{"a", "b"}, got)
	got, ok = q.pop(got[:0], 10, 50)
	require.True(t, ok)
	assert.Equal(t, []string{"c", "d", strings.Repeat("e", 100)}, got, "the datagram that passes maxBytes is the last")
	q.close()
	assert.Equal(t, 1, q.push([]string{"late"}), "a closed queue takes nothing")
	got, ok = q.pop(nil, 10, 50)
	assert.True(t, ok, "what was queued before is still handed out")
	assert.Equal(t, []string{"f"}, got)
	_, ok = q.pop(nil, 10, 50)
	assert.False(t, ok)
	assert.Zero(t, q.size())
}

func TestQueueDropsTheOldest(t *testing.T) {
	q := newQueue(10 * (1 + datagramOverhead))
	var in []string
	for i := range 26 {
		in = append(in, string(rune('a'+i)))
	}
	assert.Equal(t, 16, q.push(in))
	got, _ := q.pop(nil, 100, 1000)
	assert.Equal(t, in[16:], got)

	assert.Zero(t, q.push([]string{strings.Repeat("x", 10_000)}), "a datagram over the limit is taken when it is alone")
	assert.Equal(t, 1, q.push([]string{"y"}))
	assert.Equal(t, 1, q.discard())
	assert.Zero(t, q.size())
	assert.Zero(t, q.discard())
}

// TestQueueModel compares the queue with a plain slice, for many random steps.
func TestQueueModel(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		limit := 200 + r.IntN(20_000)
		q := newQueue(limit)
		var model []string
		bytes := 0
		for step := range 500 {
			if r.IntN(2) == 0 || len(model) == 0 {
				var in []string
				want := 0
				for range 1 + r.IntN(20) {
					d := strings.Repeat("x", r.IntN(300)) + fmt.Sprint(step)
					in = append(in, d)
					for len(model) > 0 && bytes+len(d)+datagramOverhead > limit {
						bytes -= len(model[0]) + datagramOverhead
						model = model[1:]
						want++
					}
					model = append(model, d)
					bytes += len(d) + datagramOverhead
				}
				require.Equal(t, want, q.push(in))
			} else {
				n := 1 + r.IntN(30)
				got, ok := q.pop(nil, n, 1<<30)
				require.True(t, ok)
				want := model[:min(n, len(model))]
				require.Equal(t, want, got)
				model = slices.Clone(model[len(want):])
				for _, d := range want {
					bytes -= len(d) + datagramOverhead
				}
			}
			require.Equal(t, bytes, q.size())
			require.LessOrEqual(t, q.size(), limit+400, "one datagram may stand alone above the limit")
		}
	}
}

// TestQueueWakesWorkers: with workers waiting, everything pushed is taken, by
// more than one of them when there is more than one batch.
func TestQueueWakesWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1 << 20)
		var mu sync.Mutex
		var got []string
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				for {
					batch, ok := q.pop(nil, 1, 1000)
					if !ok {
						return
					}
					mu.Lock()
					got = append(got, batch...)
					mu.Unlock()
				}
			})
		}
		synctest.Wait()
		q.push([]string{"a", "b", "c"})
		synctest.Wait()
		mu.Lock()
		assert.ElementsMatch(t, []string{"a", "b", "c"}, got)
		mu.Unlock()
		q.close()
		workers.Wait()
	})
}

// TestQueueGivesMemoryBack: after a burst an empty queue is small.
func TestQueueGivesMemoryBack(t *testing.T) {
	q := newQueue(1 << 30)
	burst := make([]string, 10_000)
	q.push(burst)
	require.Greater(t, len(q.ring), keepRing)
	for q.count > 0 {
		q.pop(nil, 1000, 1000)
	}
	assert.LessOrEqual(t, len(q.ring), keepRing)
	q.push([]string{"again"})
	got, _ := q.pop(nil, 1, 10)
	assert.Equal(t, []string{"again"}, got)
}

func BenchmarkQueue(b *testing.B) {
	q := newQueue(8 << 20)
	batch := make([]string, 16)
	for i := range batch {
		batch[i] = "x"
	}
	var dst []string
	b.ReportAllocs()
	for b.Loop() {
		q.push(batch)
		dst, _ = q.pop(dst[:0], 128, 1<<18)
	}
}
