package awsemfexporter

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tailwater-otel/tailwater/internal/emf/emftest"
)

// process is a program that counts, as an SDK does: it tells totals since its
// start, and its exponential histogram loses scale when values spread.
type process struct {
	start, now time.Time
	count      uint64
	sum        float64
	explicit   []uint64
	scale      int32
	zero       uint64
	values     []float64
}

const finestScale = 4

var testBounds = []float64{1, 10, 100}

func (p *process) observe(v float64) {
	p.count++
	p.sum += v
	i := 0
	for i < len(testBounds) && v > testBounds[i] {
		i++
	}
	p.explicit[i]++
	if v == 0 {
		p.zero++
	} else {
		p.values = append(p.values, v)
	}
}

// points are the process's metrics, with a scale that never rises.
func (p *process) points(r *rand.Rand) metricsBuilder {
	if r.IntN(5) == 0 && p.scale > -2 {
		p.scale--
	}
	md := newMetrics()
	start := pcommon.NewTimestampFromTime(p.start)
	md.sum("sum", "", cumulative, p.sum, p.now).SetStartTimestamp(start)
	md.histogram("explicit", "", cumulative, p.now, testBounds, p.explicit, p.sum).SetStartTimestamp(start)
	base := math.Exp2(math.Exp2(-finestScale))
	low, high := math.MaxInt32, math.MinInt32
	// As in an SDK: each lower scale joins pairs of buckets.
	index := func(v float64) int {
		return (int(math.Ceil(math.Log(v)/math.Log(base))) - 1) >> (finestScale - p.scale)
	}
	for _, v := range p.values {
		low, high = min(low, index(v)), max(high, index(v))
	}
	var counts []uint64
	if len(p.values) > 0 {
		counts = make([]uint64, high-low+1)
		for _, v := range p.values {
			counts[index(v)-low]++
		}
	} else {
		low = 0
	}
	md.exponential("exponential", "", cumulative, p.now, p.scale, int32(low), p.zero, counts, p.sum).SetStartTimestamp(start)
	return md
}

// Whatever a process tells, and however often it starts again, the increments
// add up to what it counted.
func TestIncrementsAddUp(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 8))
		change := byBatch
		if seed%2 == 0 {
			change = nil
		}
		f := newFixture(t, change)
		clock := time.Now().Add(time.Second)
		f.translator.now = func() time.Time { return clock }
		begin := func() *process {
			return &process{start: clock, explicit: make([]uint64, len(testBounds)+1), scale: finestScale}
		}
		p := begin()
		var wantCount uint64
		var wantSum, gotSum float64
		var gotExplicit, gotExponential uint64
		for range 40 {
			clock = clock.Add(10 * time.Second)
			if r.IntN(8) == 0 {
				p = begin()
				clock = clock.Add(time.Second)
			}
			p.now = clock
			for range r.IntN(20) {
				v := math.Trunc(math.Exp(r.NormFloat64()*2+1)*8) / 8
				p.observe(v)
				wantCount++
				wantSum += v
			}
			md := p.points(r)
			events, undo := f.events(t.Context(), md.Metrics)
			if change != nil && r.IntN(6) == 0 { // nobody took them, and the same points come again
				f.rollBack(undo)
				events, _ = f.events(t.Context(), md.Metrics)
			} else if r.IntN(6) == 0 { // the same points twice
				again, _ := f.events(t.Context(), md.Metrics)
				require.Empty(t, again)
			}
			for _, e := range events {
				d, err := emftest.Check(e.message)
				require.NoError(t, err)
				if _, ok := d.Root["sum"]; ok {
					gotSum += number(t, d, "sum")
				}
				if _, ok := d.Root["explicit"]; ok {
					gotExplicit += weighted(t, d, "explicit").Count
				}
				if _, ok := d.Root["exponential"]; ok {
					gotExponential += weighted(t, d, "exponential").Count
				}
			}
		}
		assert.InDelta(t, wantSum, gotSum, 1e-6, "seed %d", seed)
		assert.Equal(t, wantCount, gotExplicit, "seed %d", seed)
		assert.Equal(t, wantCount, gotExponential, "seed %d", seed)
	}
}

// A zero bucket that grows takes buckets in, which are no new values.
func TestZeroThresholdGrows(t *testing.T) {
	f := newFixture(t, nil)
	now := time.Now().Add(time.Second)
	start := pcommon.NewTimestampFromTime(now)
	send := func(minutes int, threshold float64, zero uint64, offset int32, counts []uint64) uint64 {
		md := newMetrics()
		p := md.exponential("e", "", cumulative, now.Add(time.Duration(minutes)*time.Second), 0, offset, zero, counts, 10)
		p.SetStartTimestamp(start)
		p.SetZeroThreshold(threshold)
		documents := f.documents(t, md)
		if len(documents) == 0 {
			return 0
		}
		return weighted(t, documents[0], "e").Count
	}
	assert.EqualValues(t, 8, send(1, 0, 1, 0, []uint64{3, 4})) // (1,2] and (2,4]
	assert.EqualValues(t, 1, send(2, 2, 5, 1, []uint64{4}))    // one more at zero
	assert.EqualValues(t, 2, send(3, 2, 5, 1, []uint64{5, 1}))
}
