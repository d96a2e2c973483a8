package emf

import (
	"cmp"
	"math"
	"slices"
)

// Bucket is Count values from Lo to Hi. Lo may be -Inf and Hi +Inf.
type Bucket struct {
	Lo, Hi float64
	Count  uint64
}

// Distribution is many values of one metric. The zero value has none.
type Distribution struct {
	Buckets []Bucket // in any order; owned by the distribution
	// Sum is the exact sum of the values if HasSum, and likewise for the others.
	Sum, Min, Max          float64
	HasSum, HasMin, HasMax bool
}

// Add adds one exact value.
func (d *Distribution) Add(v float64) {
	d.Merge(Distribution{Buckets: []Bucket{{v, v, 1}}, Sum: v, Min: v, Max: v, HasSum: true, HasMin: true, HasMax: true})
}

// Merge adds the values of other, whose buckets it takes over. What only one of
// the two knows exactly, the result does not know. Counts, sum, minimum and
// maximum do not depend on the order of merges.
func (d *Distribution) Merge(other Distribution) {
	switch {
	case len(other.Buckets) == 0:
	case len(d.Buckets) == 0:
		*d = other
	default:
		d.sort()
		other.sort()
		if !d.mergeSame(other.Buckets) {
			d.Buckets = mergeSorted(d.Buckets, other.Buckets)
		}
		if len(d.Buckets) > maxBuckets { // many different values of one series
			d.reduce(maxBuckets / 2)
		}
		d.Sum, d.HasSum = d.Sum+other.Sum, d.HasSum && other.HasSum
		d.Min, d.HasMin = min(d.Min, other.Min), d.HasMin && other.HasMin
		d.Max, d.HasMax = max(d.Max, other.Max), d.HasMax && other.HasMax
	}
}

// maxBuckets bounds the memory of a distribution and the work that it can cost.
const maxBuckets = 1000

// mergeSame adds buckets that d all has, the usual case, and returns whether it
// has them all. Both are sorted.
func (d *Distribution) mergeSame(buckets []Bucket) bool {
	i := 0
	for _, b := range buckets {
		for i < len(d.Buckets) && compareBuckets(d.Buckets[i], b) < 0 {
			i++
		}
		if i == len(d.Buckets) || compareBuckets(d.Buckets[i], b) > 0 {
			return false
		}
	}
	i = 0
	for _, b := range buckets {
		for compareBuckets(d.Buckets[i], b) < 0 {
			i++
		}
		d.Buckets[i].Count = addCounts(d.Buckets[i].Count, b.Count)
	}
	return true
}

func mergeSorted(a, b []Bucket) []Bucket {
	out := make([]Bucket, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := compareBuckets(a[0], b[0]); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, Bucket{a[0].Lo, a[0].Hi, addCounts(a[0].Count, b[0].Count)})
			a, b = a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// Weighted is a distribution as the format has it: Values[i] occurred Counts[i] times.
type Weighted struct {
	Values        []float64 // ascending, different, at most MaxValues, each one InRange
	Counts        []uint64
	Min, Max, Sum float64
	Count         uint64
}

// Weighted returns the distribution with at most MaxValues values. Counts and
// an exact sum stay exact. It changes d's buckets.
//
// Neighbouring buckets are joined where that costs percentiles least. Then each
// bucket gets one value inside it, at the same relative place in all buckets:
// the one that makes the values add up to the exact sum, where there is one.
// (For a histogram of zeros and ones that means zeros and ones.)
func (d *Distribution) Weighted() Weighted {
	d.bound()
	d.sort()
	d.reduce(MaxValues)
	place := d.place()
	for i := range d.Buckets {
		b := &d.Buckets[i]
		if place < 1 {
			b.Hi = Clamp(b.Lo + place*(b.Hi-b.Lo))
		}
		b.Lo = b.Hi
	}
	d.sort() // buckets of different points may overlap
	var w Weighted
	for _, b := range d.Buckets {
		w.Values, w.Counts = append(w.Values, b.Lo), append(w.Counts, b.Count)
		w.Count = addCounts(w.Count, b.Count)
	}
	if len(w.Values) == 0 {
		return w
	}
	w.Min, w.Max = w.Values[0], w.Values[len(w.Values)-1]
	if d.HasMin {
		w.Min = min(Clamp(d.Min), w.Min)
	}
	if d.HasMax {
		w.Max = max(Clamp(d.Max), w.Max)
	}
	if d.HasSum {
		w.Sum = Clamp(d.Sum)
	} else {
		for i, v := range w.Values {
			w.Sum += v * float64(w.Counts[i])
		}
		w.Sum = Clamp(w.Sum)
	}
	return w
}

func addCounts(a, b uint64) uint64 {
	if sum := a + b; sum >= a {
		return sum
	}
	return math.MaxUint64
}

// bound narrows buckets to the known minimum and maximum and gives those
// without a bound one.
func (d *Distribution) bound() {
	kept := d.Buckets[:0]
	for _, b := range d.Buckets {
		if b.Count == 0 {
			continue
		}
		if d.HasMin {
			b.Lo, b.Hi = max(b.Lo, d.Min), max(b.Hi, d.Min)
		}
		if d.HasMax {
			b.Lo, b.Hi = min(b.Lo, d.Max), min(b.Hi, d.Max)
		}
		switch lo, hi := math.IsInf(b.Lo, -1), math.IsInf(b.Hi, 1); {
		case lo && hi: // nothing known but the sum
			b.Lo, b.Hi = 0, 0
		case lo: // as in most tools: from zero, or only the bound itself
			b.Lo = min(b.Hi, 0)
		case hi:
			b.Hi = b.Lo
		}
		b.Lo, b.Hi = Clamp(b.Lo), Clamp(b.Hi)
		kept = append(kept, b)
	}
	d.Buckets = kept
}

func (d *Distribution) sort() {
	if !slices.IsSortedFunc(d.Buckets, compareBuckets) {
		slices.SortFunc(d.Buckets, compareBuckets)
	}
	// The same bucket of several points.
	d.Buckets = slices.Clip(compact(d.Buckets))
}

func compareBuckets(a, b Bucket) int {
	if c := cmp.Compare(a.Lo, b.Lo); c != 0 {
		return c
	}
	return cmp.Compare(a.Hi, b.Hi)
}

func compact(buckets []Bucket) []Bucket {
	kept := buckets[:0]
	for _, b := range buckets {
		if n := len(kept); n > 0 && kept[n-1].Lo == b.Lo && kept[n-1].Hi == b.Hi {
			kept[n-1].Count = addCounts(kept[n-1].Count, b.Count)
			continue
		}
		kept = append(kept, b)
	}
	return kept
}

// reduce joins neighbours until there are at most most buckets. The buckets
// are sorted.
func (d *Distribution) reduce(most int) {
	for len(d.Buckets) > maxBuckets {
		kept := d.Buckets[:0]
		for i := 0; i < len(d.Buckets); i += 2 {
			b := d.Buckets[i]
			if i+1 < len(d.Buckets) {
				b = join(b, d.Buckets[i+1])
			}
			kept = append(kept, b)
		}
		d.Buckets = kept
	}
	if len(d.Buckets) <= most {
		return
	}
	weights := d.weights()
	for len(d.Buckets) > most {
		best, least := 0, math.Inf(1)
		for i := range len(d.Buckets) - 1 {
			if c := (weights[i] + weights[i+1]) * joinError(d.Buckets[i], d.Buckets[i+1]); c < least {
				best, least = i, c
			}
		}
		d.Buckets[best] = join(d.Buckets[best], d.Buckets[best+1])
		weights[best] += weights[best+1]
		d.Buckets = slices.Delete(d.Buckets, best+1, best+2)
		weights = slices.Delete(weights, best+1, best+2)
	}
}

// weights say how much the place of each bucket's values matters: their share
// of the values between them and the nearer end, down to 5 % of all below and
// 0.5 % above. So p99, which few values decide, stays as good as the median.
func (d *Distribution) weights() []float64 {
	total := 0.0
	for _, b := range d.Buckets {
		total += float64(b.Count)
	}
	out, below := make([]float64, len(d.Buckets)), 0.0
	for i, b := range d.Buckets {
		n := float64(b.Count)
		middle := below + n/2
		out[i] = n / min(max(middle, 0.05*total), max(total-middle, 0.005*total))
		below += n
	}
	return out
}

func join(a, b Bucket) Bucket {
	return Bucket{min(a.Lo, b.Lo), max(a.Hi, b.Hi), addCounts(a.Count, b.Count)}
}

// joinError is the square of how far apart the joined bucket's ends are,
// relative to their size.
func joinError(a, b Bucket) float64 {
	lo, hi := min(a.Lo, b.Lo), max(a.Hi, b.Hi)
	size := max(math.Abs(lo), math.Abs(hi))
	if size == 0 {
		return 0
	}
	width := hi/size - lo/size
	return width * width
}

// place returns where in each bucket its value is, from 0 (Lo) to 1 (Hi). If no
// place gives the exact sum, an outermost bucket takes the difference.
func (d *Distribution) place() float64 {
	if !d.HasSum || len(d.Buckets) == 0 {
		return 0.5
	}
	low, width := 0.0, 0.0
	for _, b := range d.Buckets {
		low += b.Lo * float64(b.Count)
		width += (b.Hi - b.Lo) * float64(b.Count)
	}
	missing := d.Sum - low
	switch {
	case missing > width && !d.HasMax:
		last := &d.Buckets[len(d.Buckets)-1]
		last.Hi = Clamp(last.Hi + (missing-width)/float64(last.Count))
		return 1
	case missing < 0 && !d.HasMin:
		first := &d.Buckets[0]
		first.Lo = Clamp(first.Lo + missing/float64(first.Count))
		return 0
	case width > 0:
		p := missing / width
		if p > 1-1e-9 { // rounding
			p = 1
		}
		return max(p, 0)
	}
	return 0.5
}
