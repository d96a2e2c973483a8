package samplingapi

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestShares(t *testing.T) {
	for name, tc := range map[string]struct {
		total    int64
		requests []int64 // of each client in 10 s
		want     []int64
	}{
		"alone":                           {10, []int64{5}, []int64{10}},
		"nobody needs much":               {10, []int64{10, 10}, []int64{5, 5}},
		"one needs more":                  {10, []int64{10, 10_000}, []int64{1, 9}},
		"all need more":                   {12, []int64{1000, 2000, 10_000}, []int64{4, 4, 4}},
		"what is left goes to the rest":   {20, []int64{20, 60, 900}, []int64{2, 6, 12}},
		"not enough for all":              {2, []int64{10, 30, 20}, []int64{0, 1, 1}},
		"a reservoir of one":              {1, []int64{10, 30, 20}, []int64{0, 1, 0}},
		"nothing":                         {0, []int64{10, 20}, []int64{0, 0}},
		"no requests is a client as well": {4, []int64{0, 1000}, []int64{1, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			var s shares
			now := time.Unix(1760797120, 0)
			for i, n := range tc.requests {
				s.report(fmt.Sprint(i), n, now, reportEvery)
			}
			var got []int64
			for i := range tc.requests {
				got = append(got, s.of(fmt.Sprint(i), tc.total, now, reportEvery))
			}
			assert.Equal(t, tc.want, got)
		})
	}
}

// TestSharesAddUp: whatever clients do, their shares add up to the whole.
func TestSharesAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var s shares
		now := time.Unix(1760797120, 0)
		for range random.IntN(60) + 1 {
			s.report(fmt.Sprint(random.IntN(30)), random.Int64N(1<<random.IntN(31)), now, reportEvery)
			now = now.Add(time.Duration(random.Int64N(int64(3 * time.Second))))
		}
		total := random.Int64N(1 << random.IntN(30))
		sum := int64(0)
		for i := range 30 {
			share := s.of(fmt.Sprint(i), total, now, reportEvery)
			require.GreaterOrEqual(t, share, int64(0))
			if s.clients[fmt.Sprint(i)] != nil && total >= int64(len(s.clients)) {
				require.Positive(t, share, "a minimum for each")
			}
			sum += share
		}
		require.Equal(t, total, sum)
	}
}

func TestSharesForget(t *testing.T) {
	var s shares
	now := time.Unix(1760797120, 0)
	s.report("a", 100, now, reportEvery)
	s.report("b", 100, now, reportEvery)
	assert.EqualValues(t, 5, s.of("a", 10, now, reportEvery))
	for range 4 {
		now = now.Add(reportEvery)
		s.report("a", 100, now, reportEvery)
	}
	assert.EqualValues(t, 10, s.of("a", 10, now, reportEvery))
	assert.EqualValues(t, 0, s.of("b", 10, now, reportEvery), "whoever does not report has none")
}

func TestSharesAreBounded(t *testing.T) {
	var s shares
	now := time.Unix(1760797120, 0)
	for i := range 2 * maxShares {
		s.report(fmt.Sprint(i), 10, now, reportEvery)
	}
	assert.Len(t, s.clients, maxShares)
	assert.EqualValues(t, 1, s.of("0", maxShares, now, reportEvery))
	assert.EqualValues(t, 0, s.of(fmt.Sprint(maxShares), maxShares, now, reportEvery))
}
