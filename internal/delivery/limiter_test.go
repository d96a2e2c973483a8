package delivery

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configretry"
)

func TestLimiterHalvesOncePerRound(t *testing.T) {
	l := NewLimiter(8)
	var eras [8]uint64
	for i := range eras {
		era, err := l.Acquire(t.Context())
		require.NoError(t, err)
		eras[i] = era
	}
	for _, era := range eras {
		l.Release(era, Throttled)
	}
	assert.Equal(t, 4, l.Now(), "8 requests in flight are one sign, not eight")
	for range 10 {
		era, err := l.Acquire(t.Context())
		require.NoError(t, err)
		l.Release(era, Throttled)
	}
	assert.Equal(t, 1, l.Now(), "never below one")
	for range 200 {
		era, err := l.Acquire(t.Context())
		require.NoError(t, err)
		l.Release(era, Neutral)
	}
	assert.Equal(t, 1, l.Now(), "other failures say nothing")
	for range 200 {
		era, err := l.Acquire(t.Context())
		require.NoError(t, err)
		l.Release(era, Accepted)
	}
	assert.Equal(t, 8, l.Now(), "never above the most")
}

// Whatever comes, no more than the bound are let in, everybody gets a turn,
// and whoever gives up leaves no hole.
func TestLimiterUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(5)
		var mu sync.Mutex
		busy, peak, served := 0, 0, 0
		var group sync.WaitGroup
		for i := range 500 {
			group.Go(func() {
				random := rand.New(rand.NewPCG(uint64(i), 1))
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+random.IntN(3000))*time.Millisecond)
				defer cancel()
				era, err := l.Acquire(ctx)
				if err != nil {
					return
				}
				mu.Lock()
				busy++
				served++
				peak = max(peak, busy)
				mu.Unlock()
				time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
				mu.Lock()
				busy--
				mu.Unlock()
				l.Release(era, Outcome(random.IntN(3)))
			})
		}
		group.Wait()
		assert.LessOrEqual(t, peak, 5)
		assert.Positive(t, served)
		assert.Zero(t, l.inFlight)
		assert.Empty(t, l.waiting)
	})
}

func TestBackoff(t *testing.T) {
	b := Backoff{Config: configretry.BackOffConfig{InitialInterval: time.Second, MaxInterval: 10 * time.Second, Multiplier: 2}}
	var got []time.Duration
	for range 6 {
		got = append(got, b.Next(0))
	}
	assert.Equal(t, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second}, got)
	b.Reset()
	assert.Equal(t, 7*time.Second, b.Next(7*time.Second), "the service asks for more")
	assert.Equal(t, 10*time.Second, b.Next(time.Hour), "but not for ever")

	b = Backoff{} // a configuration of zeros does not spin
	assert.Equal(t, minDelay, b.Next(0))
	assert.Equal(t, minDelay, b.Next(0))

	b = Backoff{Config: configretry.BackOffConfig{InitialInterval: time.Second, MaxInterval: time.Second, RandomizationFactor: 0.5}}
	for range 1000 {
		d := b.Next(0)
		assert.True(t, d >= 500*time.Millisecond && d <= 1500*time.Millisecond, d)
	}
}
