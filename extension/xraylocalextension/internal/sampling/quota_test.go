package sampling

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/samplingrule"
)

// fleet is a rule with its clients, each with the quota that it has in use.
type fleet struct {
	*Rules
	t      *testing.T
	quotas map[string]int64
}

func newFleet(t *testing.T, reservoir int) *fleet {
	r := New(now)
	a := rule("a", 1)
	a.ReservoirSize = reservoir
	_, err := r.Create(now, a)
	require.NoError(t, err)
	return &fleet{r, t, map[string]int64{}}
}

func (f *fleet) report(at time.Time, id string, requests int64) int64 {
	f.t.Helper()
	target, err := f.Report(at, id, samplingrule.Statistics{Rule: "a", Requests: requests})
	require.NoError(f.t, err)
	require.Equal(f.t, at.Add(quotaLife), target.QuotaTTL)
	require.Equal(f.t, samplingrule.DefaultInterval, target.Interval)
	f.quotas[id] = *target.Quota
	return *target.Quota
}

func (f *fleet) total() (sum int64) {
	for _, q := range f.quotas {
		sum += q
	}
	return sum
}

func TestQuotas(t *testing.T) {
	for name, c := range map[string]struct {
		reservoir int
		requests  []int64
		want      []int64
	}{
		"alone":                    {10, []int64{5}, []int64{10}},
		"alike":                    {10, []int64{5, 5}, []int64{5, 5}},
		"what does not divide":     {10, []int64{5, 5, 5}, []int64{4, 3, 3}},
		"by traffic":               {10, []int64{300, 100}, []int64{7, 3}},
		"each has one":             {10, []int64{1000, 1, 1}, []int64{8, 1, 1}},
		"as many as there is":      {3, []int64{1000, 1, 1}, []int64{1, 1, 1}},
		"more than there is":       {2, []int64{1, 9, 9, 1}, []int64{0, 1, 1, 0}},
		"one among many":           {1, []int64{5, 5, 5, 5}, []int64{1, 0, 0, 0}},
		"no reservoir":             {0, []int64{5, 5}, []int64{0, 0}},
		"no traffic":               {4, []int64{0, 0}, []int64{2, 2}},
		"as much as can be":        {math.MaxInt32, []int64{math.MaxInt32, math.MaxInt32}, []int64{1 << 30, 1<<30 - 1}},
		"silent beside a busy one": {10, []int64{100, 0}, []int64{9, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, c.reservoir)
			var got []int64
			for round := range 3 {
				got = nil
				for i, n := range c.requests {
					got = append(got, f.report(now.Add(time.Duration(10*round)*time.Second), fmt.Sprint(i), n))
					require.LessOrEqual(t, f.total(), int64(c.reservoir))
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}

// The first client has all until a second comes; that one gets its part when
// the first has given it up.
func TestQuotaIsHandedOver(t *testing.T) {
	f := newFleet(t, 10)
	require.EqualValues(t, 10, f.report(now, "a", 50))
	require.EqualValues(t, 0, f.report(now.Add(5*time.Second), "b", 50))
	require.EqualValues(t, 5, f.report(now.Add(10*time.Second), "a", 50))
	require.EqualValues(t, 5, f.report(now.Add(15*time.Second), "b", 50))

	// The part of a client that went silent goes back.
	require.EqualValues(t, 5, f.report(now.Add(30*time.Second), "b", 50))
	require.EqualValues(t, 10, f.report(now.Add(30*time.Second+1), "b", 50))

	// A smaller reservoir is in force as soon as each has asked.
	f.report(now.Add(40*time.Second), "a", 50)
	_, err := f.Update(now, "a", func(a *samplingrule.Rule) { a.ReservoirSize = 4 })
	require.NoError(t, err)
	require.EqualValues(t, 0, f.report(now.Add(41*time.Second), "a", 50))
	require.EqualValues(t, 2, f.report(now.Add(42*time.Second), "b", 50))
	require.EqualValues(t, 2, f.report(now.Add(43*time.Second), "a", 50))
}

// Whatever clients come, go and report, their quotas never add up to more than
// the reservoir, and to all of it when nothing has changed for two rounds.
func TestQuotasAddUp(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		reservoir := int64(random.IntN(30))
		f := newFleet(t, int(reservoir))
		at, alive, next := now, map[string]bool{}, 0
		for range 30 {
			for range random.IntN(4) {
				alive[fmt.Sprint(next)] = true
				next++
			}
			for id := range alive {
				at = at.Add(time.Millisecond)
				f.report(at, id, int64(random.IntN(1000)))
				require.LessOrEqual(t, f.total(), reservoir, "seed %d", seed)
			}
			at = at.Add(clientLife / 2)
			if random.IntN(3) == 0 {
				for id := range alive {
					delete(alive, id)
					delete(f.quotas, id)
					break
				}
			}
		}
		alive["last"] = true
		at = at.Add(2 * clientLife)
		requests := map[string]int64{}
		for id := range alive {
			requests[id] = int64(random.IntN(1000))
		}
		for range 3 {
			for id := range alive {
				f.report(at, id, requests[id])
			}
		}
		require.Equal(t, reservoir, f.total(), "seed %d", seed)
	}
}

// Samplers that ask at different times keep, all together, what the reservoir
// holds in each second: no more once each has a quota, and all of it soon after.
func TestFleetKeepsTheReservoir(t *testing.T) {
	for _, clients := range []int{1, 2, 4} {
		for _, reservoir := range []int{0, 1, 10} {
			f := newFleet(t, reservoir)
			var samplers []*samplingrule.Set
			for range clients {
				var rules []samplingrule.Rule
				for _, record := range f.List() {
					record.FixedRate = 0
					rules = append(rules, record.Rule)
				}
				s, err := samplingrule.NewSet(rules, true)
				require.NoError(t, err)
				samplers = append(samplers, s)
			}
			_, err := f.Update(now, "a", func(a *samplingrule.Rule) { a.FixedRate = 0 })
			require.NoError(t, err)
			for second := range 90 {
				at := now.Add(time.Duration(second) * time.Second)
				kept := 0
				for i, s := range samplers {
					for range 20 * (i + 1) {
						if s.Decide(&samplingrule.Request{}, at, at, 0).Sampled {
							kept++
						}
					}
					if second%10 != 3*i%10 {
						continue
					}
					for _, report := range s.Report(at) {
						target, err := f.Report(at, fmt.Sprint(i), report)
						require.NoError(t, err)
						s.Apply([]samplingrule.Target{target})
					}
				}
				if second >= 20 {
					require.LessOrEqual(t, kept, reservoir, "%d clients, second %d", clients, second)
				}
				if second >= 50 {
					require.Equal(t, reservoir, kept, "%d clients, second %d", clients, second)
				}
			}
		}
	}
}

func TestClientsAreBounded(t *testing.T) {
	f := newFleet(t, 10)
	for i := range maxClients {
		f.Rules.states["a"].clients[fmt.Sprint(i)] = &client{seen: now}
	}
	f.report(now, "7", 1)
	target, err := f.Report(now, "one more", samplingrule.Statistics{Rule: "a"})
	require.NoError(t, err)
	require.Nil(t, target.Quota)
	require.Equal(t, 0.1, target.FixedRate)
	require.Len(t, f.Rules.states["a"].clients, maxClients)
}
