package awsemfexporter

import (
	"hash/maphash"
	"math"
	"math/bits"
	"sync"
	"time"

	"github.com/tailwater-otel/tailwater/internal/emf"
)

// costs estimates what the metrics cost. CloudWatch bills each different
// combination of namespace, metric name and dimensions that got a value in an
// hour. It is safe for concurrent use.
type costs struct {
	mu       sync.Mutex
	hour     time.Time // when the hour at hand began
	now, old hourly    // this hour and the one before
	seed     maphash.Seed
	// seen holds the hashes of metrics met lately, so that the usual case, a
	// metric known already, costs one look.
	seen []uint64
	// fresh counts those that were not in there since news was true.
	fresh int
	told  int
}

// hourly is the metrics of an hour.
type hourly struct {
	all        sketch
	dimensions map[string]*usage
}

// usage is the metrics that have a dimension: as they are, and as they would
// be without it.
type usage struct{ with, without sketch }

const (
	// maxDimensionsTold bounds the dimensions that are told apart.
	maxDimensionsTold = 64
	seenSlots         = 1 << 14
)

func newCosts(now time.Time) *costs {
	return &costs{hour: now, now: newHourly(), old: newHourly(), seed: maphash.MakeSeed(), seen: make([]uint64, seenSlots)}
}

func newHourly() hourly { return hourly{dimensions: map[string]*usage{}} }

// add takes the metrics of an event into account.
func (c *costs) add(e *emf.Event, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.hour) >= time.Hour {
		c.hour, c.old, c.now = now, c.now, newHourly()
		clear(c.seen)
	}
	namespace := maphash.String(c.seed, e.Namespace)
	pairs := make([]uint64, len(e.Labels))
	for i, l := range e.Labels {
		pairs[i] = mix(maphash.String(c.seed, l.Name) ^ bits.RotateLeft64(maphash.String(c.seed, l.Value), 1))
	}
	for i := range e.Metrics {
		m := &e.Metrics[i]
		if len(m.Sets) == 0 {
			continue
		}
		name := maphash.String(c.seed, m.Name)
		for _, set := range m.Sets {
			// The sum does not depend on the order, and a dimension can be taken out of it.
			sum := namespace + bits.RotateLeft64(name, 7)
			for _, label := range set {
				sum += pairs[label]
			}
			id := mix(sum)
			if slot := &c.seen[id%seenSlots]; *slot == id {
				continue
			} else {
				*slot = id
			}
			c.fresh++
			c.now.all.add(id)
			for _, label := range set {
				if u := c.now.usage(e.Labels[label].Name); u != nil {
					u.with.add(id)
					u.without.add(mix(sum - pairs[label]))
				}
			}
		}
	}
}

// news tells whether there may be twice as many metrics as when it was last true.
func (c *costs) news() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fresh == 0 || c.fresh < c.told {
		return false
	}
	c.told += c.fresh
	c.fresh = 0
	return true
}

func (w *hourly) usage(name string) *usage {
	u, ok := w.dimensions[name]
	if !ok && len(w.dimensions) < maxDimensionsTold {
		u = &usage{}
		w.dimensions[name] = u
	}
	return u
}

// estimate is what the metrics cost.
type estimate struct {
	metrics int     // billed, in the last full hour or in this one
	dollars float64 // a month, at the public price of us-east-1
	// dimension is the one without which there would be the fewest metrics, and
	// fewer is how many fewer.
	dimension string
	fewer     int
}

func (c *costs) estimate() (e estimate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := &c.now
	if c.old.all.count() > w.all.count() {
		w = &c.old
	}
	e.metrics = int(math.Round(w.all.count()))
	e.dollars = monthly(e.metrics)
	for name, u := range w.dimensions {
		fewer := int(math.Round(u.with.count() - u.without.count()))
		if fewer > e.fewer || fewer == e.fewer && fewer > 0 && name < e.dimension {
			e.dimension, e.fewer = name, fewer
		}
	}
	return e
}

// monthly returns the price in dollars of metrics that exist for a month.
// Source: CloudWatch's public prices of us-east-1 in 2026.
func monthly(metrics int) (dollars float64) {
	left := float64(metrics)
	for _, tier := range [...]struct{ most, price float64 }{
		{10_000, 0.30}, {240_000, 0.10}, {750_000, 0.05}, {math.Inf(1), 0.02},
	} {
		n := min(left, tier.most)
		dollars += n * tier.price
		left -= n
	}
	return dollars
}

// sketch counts different hashes in 4 KiB, with an error of 2 % (HyperLogLog,
// Flajolet et al. 2007). Small counts are exact to within one or two.
type sketch struct{ registers [sketchSize]uint8 }

const (
	sketchBits = 12
	sketchSize = 1 << sketchBits
)

func (s *sketch) add(hash uint64) {
	r := &s.registers[hash>>(64-sketchBits)]
	*r = max(*r, uint8(bits.LeadingZeros64(hash<<sketchBits|1<<(sketchBits-1)))+1)
}

func (s *sketch) count() float64 {
	sum, empty := 0.0, 0
	for _, r := range s.registers {
		sum += 1 / float64(uint64(1)<<r) // at most 2^53
		if r == 0 {
			empty++
		}
	}
	const m = float64(sketchSize)
	estimate := 0.7213 / (1 + 1.079/m) * m * m / sum
	if estimate <= 2.5*m && empty > 0 {
		return m * math.Log(m/float64(empty))
	}
	return estimate
}

// mix spreads the bits of a sum of hashes (the finalizer of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
