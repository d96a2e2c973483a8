package awsemfexporter

import (
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tailwater-otel/tailwater/internal/emf"
)

// explicit returns the distribution of a histogram with explicit bounds. ok is
// false if the point contradicts itself.
func explicit(p pmetric.HistogramDataPoint) (d emf.Distribution, ok bool) {
	bounds, counts := p.ExplicitBounds(), p.BucketCounts()
	if counts.Len() == 0 {
		// Only the sum is known.
		d.Buckets = []emf.Bucket{{Lo: math.Inf(-1), Hi: math.Inf(1), Count: p.Count()}}
	} else if counts.Len() != bounds.Len()+1 {
		return d, false
	}
	lo := math.Inf(-1)
	for i := range counts.Len() {
		hi := math.Inf(1)
		if i < bounds.Len() {
			hi = bounds.At(i)
		}
		if !(hi >= lo) { // or NaN
			return d, false
		}
		if n := counts.At(i); n > 0 {
			d.Buckets = append(d.Buckets, emf.Bucket{Lo: lo, Hi: hi, Count: n})
		}
		lo = hi
	}
	d.Sum, d.HasSum = p.Sum(), p.HasSum()
	d.Min, d.HasMin = p.Min(), p.HasMin()
	d.Max, d.HasMax = p.Max(), p.HasMax()
	return d, finite(d) && (len(d.Buckets) > 0 || p.Count() == 0)
}

// finite tells whether all numbers of the distribution are, and agree.
func finite(d emf.Distribution) bool {
	for _, v := range [...]float64{d.Sum, d.Min, d.Max} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return !d.HasMin || !d.HasMax || d.Min <= d.Max
}

// histogram returns the increment of a cumulative histogram.
func (d *deltas) histogram(id seriesID, point total, now emf.Distribution) (emf.Distribution, string) {
	before, whole, reason := d.next(id, point)
	if reason != "" {
		return now, reason
	}
	if whole || point.count < before.count || !slices.Equal(point.bounds, before.bounds) || len(point.buckets) != len(before.buckets) {
		return now, ""
	}
	counts := slices.Clone(point.buckets)
	for i, n := range before.buckets {
		if n > counts[i] {
			return now, "" // it was started again
		}
		counts[i] -= n
	}
	out := emf.Distribution{Sum: now.Sum - before.sum, HasSum: now.HasSum}
	if len(counts) == 0 {
		out.Buckets = []emf.Bucket{{Lo: math.Inf(-1), Hi: math.Inf(1), Count: point.count - before.count}}
	}
	lo := math.Inf(-1)
	for i, n := range counts {
		hi := math.Inf(1)
		if i < len(point.bounds) {
			hi = point.bounds[i]
		}
		if n > 0 {
			out.Buckets = append(out.Buckets, emf.Bucket{Lo: lo, Hi: hi, Count: n})
		}
		lo = hi
	}
	return narrowed(out, now), ""
}

// narrowed bounds the buckets of an increment by the smallest and largest value
// of the whole series, which are not the increment's own.
func narrowed(d, whole emf.Distribution) emf.Distribution {
	for i := range d.Buckets {
		b := &d.Buckets[i]
		if whole.HasMin {
			b.Lo, b.Hi = max(b.Lo, whole.Min), max(b.Hi, whole.Min)
		}
		if whole.HasMax {
			b.Lo, b.Hi = min(b.Lo, whole.Max), min(b.Hi, whole.Max)
		}
	}
	return d
}

// exponential is the counts of an exponential histogram: positive.counts[i]
// values are in the bucket with the index positive.offset+i at this scale.
type exponential struct {
	scale              int32
	zero               uint64
	threshold          float64
	positive, negative exponentialBuckets
}

type exponentialBuckets struct {
	offset int32
	counts []uint64
}

func exponentialOf(p pmetric.ExponentialHistogramDataPoint) exponential {
	side := func(b pmetric.ExponentialHistogramDataPointBuckets) exponentialBuckets {
		return exponentialBuckets{b.Offset(), b.BucketCounts().AsRaw()}
	}
	return exponential{p.Scale(), p.ZeroCount(), p.ZeroThreshold(), side(p.Positive()), side(p.Negative())}
}

// distribution returns the buckets with values in them.
func (e exponential) distribution() (d emf.Distribution) {
	threshold := max(e.threshold, 0)
	for i, n := range e.negative.counts {
		if n > 0 {
			lo, hi := e.bucket(e.negative.offset, i)
			d.Buckets = append(d.Buckets, emf.Bucket{Lo: -hi, Hi: -lo, Count: n})
		}
	}
	if e.zero > 0 {
		lo := 0.0 // negative values are rare, and none of them were near zero
		if len(e.negative.counts) > 0 {
			lo = -threshold
		}
		d.Buckets = append(d.Buckets, emf.Bucket{Lo: lo, Hi: threshold, Count: e.zero})
	}
	for i, n := range e.positive.counts {
		if n > 0 {
			lo, hi := e.bucket(e.positive.offset, i)
			d.Buckets = append(d.Buckets, emf.Bucket{Lo: lo, Hi: hi, Count: n})
		}
	}
	return d
}

// bucket returns the bounds of a bucket: base^index and base^(index+1), where
// base is 2^(2^-scale). They may be beyond what a float64 holds.
func (e exponential) bucket(offset int32, i int) (lo, hi float64) {
	index := float64(offset) + float64(i)
	// 2^-scale is 0 or infinite for scales that nobody uses; 0 times infinity is no number.
	width := math.Ldexp(1, -int(min(max(e.scale, -1000), 1000)))
	return emf.Clamp(math.Exp2(index * width)), emf.Clamp(math.Exp2((index + 1) * width))
}

// at returns the histogram at a lower scale.
func (e exponential) at(scale int32) exponential {
	steps := min(int64(e.scale)-int64(scale), 31)
	e.scale = scale
	e.positive, e.negative = e.positive.at(int32(steps)), e.negative.at(int32(steps))
	return e
}

// above moves what is not above a larger threshold into the zero bucket.
func (e exponential) above(threshold float64) exponential {
	if threshold <= e.threshold {
		return e
	}
	e.threshold = threshold
	move := func(b exponentialBuckets) exponentialBuckets {
		b.counts = slices.Clone(b.counts)
		for i, n := range b.counts {
			if lo, _ := e.bucket(b.offset, i); lo < threshold {
				e.zero += n
				b.counts[i] = 0
			}
		}
		return b
	}
	e.positive, e.negative = move(e.positive), move(e.negative)
	return e
}

// at returns the counts at a lower scale: each step joins pairs of buckets.
func (b exponentialBuckets) at(steps int32) exponentialBuckets {
	if steps <= 0 || len(b.counts) == 0 {
		return b
	}
	first := b.offset >> steps
	out := exponentialBuckets{offset: first}
	for i, n := range b.counts {
		at := int((int64(b.offset)+int64(i))>>steps - int64(first))
		for len(out.counts) <= at {
			out.counts = append(out.counts, 0)
		}
		out.counts[at] += n
	}
	return out
}

// minus returns the counts less those of before. ok is false if they are
// not part of it.
func (b exponentialBuckets) minus(before exponentialBuckets) (out exponentialBuckets, ok bool) {
	out = exponentialBuckets{b.offset, slices.Clone(b.counts)}
	for i, n := range before.counts {
		if n == 0 {
			continue
		}
		at := int64(before.offset) + int64(i) - int64(b.offset)
		if at < 0 || at >= int64(len(out.counts)) || out.counts[at] < n {
			return out, false
		}
		out.counts[at] -= n
	}
	return out, true
}

// exponentialHistogram returns the increment of a cumulative exponential histogram.
func (d *deltas) exponentialHistogram(id seriesID, point total, now emf.Distribution) (emf.Distribution, string) {
	before, whole, reason := d.next(id, point)
	if reason != "" {
		return now, reason
	}
	e, old := point.exponent, before.exponent
	// Scales only fall while a series goes on, and its zero bucket only grows.
	if whole || point.count < before.count || e.scale > old.scale {
		return now, ""
	}
	old = old.at(e.scale).above(e.threshold)
	positive, ok1 := e.positive.minus(old.positive)
	negative, ok2 := e.negative.minus(old.negative)
	if !ok1 || !ok2 || e.zero < old.zero {
		return now, ""
	}
	out := exponential{e.scale, e.zero - old.zero, e.threshold, positive, negative}.distribution()
	out.Sum, out.HasSum = now.Sum-before.sum, now.HasSum
	return narrowed(out, now), ""
}
