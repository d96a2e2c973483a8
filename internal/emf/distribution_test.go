package emf_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/emf"
)

var inf = math.Inf(1)

func TestWeighted(t *testing.T) {
	for _, test := range []struct {
		name string
		in   emf.Distribution
		want emf.Weighted
	}{
		{"nothing", emf.Distribution{}, emf.Weighted{}},
		{"zeros and ones", emf.Distribution{
			Buckets: []emf.Bucket{{-inf, 0, 90}, {0, 5, 10}},
			Sum:     10, HasSum: true, Min: 0, HasMin: true, Max: 1, HasMax: true,
		}, emf.Weighted{Values: []float64{0, 1}, Counts: []uint64{90, 10}, Min: 0, Max: 1, Sum: 10, Count: 100}},
		{"zeros and ones without minimum and maximum", emf.Distribution{
			Buckets: []emf.Bucket{{-inf, 0, 90}, {0, 1, 10}}, Sum: 10, HasSum: true,
		}, emf.Weighted{Values: []float64{0, 1}, Counts: []uint64{90, 10}, Min: 0, Max: 1, Sum: 10, Count: 100}},
		{"only the sum", emf.Distribution{Buckets: []emf.Bucket{{-inf, inf, 10}}, Sum: 100, HasSum: true},
			emf.Weighted{Values: []float64{10}, Counts: []uint64{10}, Min: 10, Max: 10, Sum: 100, Count: 10}},
		{"only a negative sum", emf.Distribution{Buckets: []emf.Bucket{{-inf, inf, 10}}, Sum: -100, HasSum: true},
			emf.Weighted{Values: []float64{-10}, Counts: []uint64{10}, Min: -10, Max: -10, Sum: -100, Count: 10}},
		{"no sum: the middle", emf.Distribution{Buckets: []emf.Bucket{{0, 10, 4}}},
			emf.Weighted{Values: []float64{5}, Counts: []uint64{4}, Min: 5, Max: 5, Sum: 20, Count: 4}},
		{"the last bucket has no end", emf.Distribution{Buckets: []emf.Bucket{{0, 10, 1}, {10, inf, 1}}, Sum: 60, HasSum: true},
			emf.Weighted{Values: []float64{10, 50}, Counts: []uint64{1, 1}, Min: 10, Max: 50, Sum: 60, Count: 2}},
		{"too large for CloudWatch", emf.Distribution{Buckets: []emf.Bucket{{math.MaxFloat64, inf, 1}}, Sum: 1, HasSum: true, Max: 1, HasMax: true},
			emf.Weighted{Values: []float64{1}, Counts: []uint64{1}, Min: 1, Max: 1, Sum: 1, Count: 1}},
		{"counts do not overflow", emf.Distribution{Buckets: []emf.Bucket{{1, 1, math.MaxUint64}, {2, 2, math.MaxUint64}}},
			emf.Weighted{Values: []float64{1, 2}, Counts: []uint64{math.MaxUint64, math.MaxUint64}, Min: 1, Max: 2, Sum: 3 * float64(math.MaxUint64), Count: math.MaxUint64}},
	} {
		t.Run(test.name, func(t *testing.T) { assert.Equal(t, test.want, test.in.Weighted()) })
	}
}

// latencies are log-normal, as latencies are, and how an exponential histogram
// with 160 buckets has them.
func latencies(scale int) (values []float64, d emf.Distribution) {
	random := rand.New(rand.NewPCG(4, 2))
	counts := map[int]uint64{}
	base := math.Exp2(math.Exp2(-float64(scale)))
	d.HasSum, d.HasMin, d.HasMax, d.Min = true, true, true, inf
	for range 100_000 {
		v := math.Exp(random.NormFloat64()*1.2 + 3)
		values = append(values, v)
		counts[int(math.Ceil(math.Log(v)/math.Log(base)))-1]++
		d.Sum, d.Min, d.Max = d.Sum+v, min(d.Min, v), max(d.Max, v)
	}
	for i, n := range counts {
		d.Buckets = append(d.Buckets, emf.Bucket{Lo: math.Pow(base, float64(i)), Hi: math.Pow(base, float64(i+1)), Count: n})
	}
	slices.Sort(values)
	return values, d
}

func percentile(w emf.Weighted, p float64) float64 {
	rank, seen := p*float64(w.Count), uint64(0)
	for i, n := range w.Counts {
		if seen += n; float64(seen) >= rank {
			return w.Values[i]
		}
	}
	return w.Max
}

// Percentiles stay within 5 % of the true ones although 100 values must do.
func TestPercentiles(t *testing.T) {
	for _, scale := range []int{3, 4, 5} {
		values, d := latencies(scale)
		t.Logf("scale %d: %d buckets", scale, len(d.Buckets))
		w := d.Weighted()
		assert.LessOrEqual(t, len(w.Values), emf.MaxValues)
		assert.EqualValues(t, len(values), w.Count)
		for _, p := range []float64{0.5, 0.9, 0.99} {
			assert.InEpsilon(t, values[int(p*float64(len(values)))], percentile(w, p), 0.05, "p%v at scale %d", 100*p, scale)
		}
		sum := 0.0
		for i, v := range w.Values {
			sum += v * float64(w.Counts[i])
		}
		assert.InEpsilon(t, w.Sum, sum, 1e-9, "the values add up to the sum")
	}
}

// Whatever the buckets, what comes out is legal and no value is lost.
func TestWeightedIsLegal(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	number := func() float64 {
		switch random.IntN(8) {
		case 0:
			return 0
		case 1:
			return math.Ldexp(random.NormFloat64(), random.IntN(2000)-1000)
		default:
			return random.NormFloat64() * 100
		}
	}
	for range 600 {
		var d emf.Distribution
		want := uint64(0)
		for range random.IntN(300) {
			lo, hi := number(), number()
			b := emf.Bucket{Lo: min(lo, hi), Hi: max(lo, hi), Count: uint64(random.IntN(5))}
			if random.IntN(50) == 0 {
				b.Lo = -inf
			}
			if random.IntN(50) == 0 {
				b.Hi = inf
			}
			d.Buckets = append(d.Buckets, b)
			want += b.Count
		}
		d.Sum, d.HasSum = number(), random.IntN(2) == 0
		d.Min, d.Max = number(), number()
		d.Min, d.Max = min(d.Min, d.Max), max(d.Min, d.Max)
		d.HasMin, d.HasMax = random.IntN(2) == 0, random.IntN(2) == 0
		w := d.Weighted()
		require.Equal(t, want, w.Count)
		require.LessOrEqual(t, len(w.Values), emf.MaxValues)
		require.Len(t, w.Counts, len(w.Values))
		require.True(t, emf.InRange(w.Sum), "%v", w.Sum)
		for i, v := range w.Values {
			require.True(t, emf.InRange(v))
			require.True(t, v >= w.Min && v <= w.Max, "%v is not from %v to %v", v, w.Min, w.Max)
			require.True(t, i == 0 || v > w.Values[i-1])
		}
	}
}

func BenchmarkWeighted(b *testing.B) {
	_, d := latencies(4)
	buckets := slices.Clone(d.Buckets)
	b.ReportAllocs()
	for b.Loop() {
		d.Buckets = append(d.Buckets[:0], buckets...)
		d.Weighted()
	}
}

// Merging in any order gives the same buckets, counts and ends, and keeps each
// bucket while there are not too many.
func TestMerge(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 3))
		parts := make([]emf.Distribution, 1+r.IntN(60))
		var count uint64
		for i := range parts {
			d := &parts[i]
			d.HasSum, d.HasMin, d.HasMax = true, r.IntN(50) > 0, true
			for j := range 1 + r.IntN(20) {
				lo := float64(r.IntN(40))
				n := uint64(1 + r.IntN(9))
				d.Buckets = append(d.Buckets, emf.Bucket{Lo: lo, Hi: lo + float64(j%2), Count: n})
				d.Sum += lo * float64(n)
				count += n
			}
			d.Min, d.Max = 0, 41
		}
		merge := func(order []int) (out emf.Distribution) {
			for _, i := range order {
				p := parts[i]
				p.Buckets = slices.Clone(p.Buckets) // merging takes them over
				out.Merge(p)
			}
			return out
		}
		one, other := merge(r.Perm(len(parts))), merge(r.Perm(len(parts)))
		w := one.Weighted()
		assert.Equal(t, count, w.Count)
		assert.Equal(t, w, other.Weighted())
	}
	var many emf.Distribution
	for i := range 5000 {
		many.Add(float64(i))
	}
	assert.LessOrEqual(t, len(many.Buckets), 1000)
	w := many.Weighted()
	assert.EqualValues(t, 5000, w.Count)
	assert.EqualValues(t, 5000*4999/2, w.Sum)
	assert.InEpsilon(t, 4950, percentile(w, 0.99), 0.02)
}
