package xraytailsamplingprocessor

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCacheAgainstAModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for _, limit := range []int{0, 1, 2, 3, 50} {
		c := newCache[uint64](limit)
		var order []uint64 // the latest used last
		for range 5000 {
			key := random.Uint64N(80)
			at := slices.Index(order, key)
			if random.IntN(2) == 0 {
				value, found := c.get(key)
				require.Equal(t, at >= 0, found)
				if !found {
					continue
				}
				require.Equal(t, key*2, value)
			} else {
				c.put(key, key*2)
			}
			if at >= 0 {
				order = slices.Delete(order, at, at+1)
			}
			order = append(order, key)
			if most := max(1, limit); len(order) > most {
				order = order[1:]
			}
			require.Len(t, c.at, len(order))
		}
	}
}
