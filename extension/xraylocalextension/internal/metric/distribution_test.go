package metric

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// nearestRank is the definition of a percentile, over all samples.
func nearestRank(sorted []float64, p float64) float64 {
	return sorted[max(int(math.Ceil(float64(len(sorted))*p/100-1e-6)), 1)-1]
}

// However samples come in, one by one, in arrays, with counts or merged, the
// statistics are those of all of them.
func TestDistribution(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name      string
		different int     // values
		within    float64 // of a percentile
	}{{"exact", 500, 0}, {"rounded", 20_000, 0.0051}} {
		t.Run(c.name, func(t *testing.T) {
			var all []float64
			var d, other Distribution
			for range 3000 {
				v := math.Exp(float64(random.IntN(c.different)) / float64(c.different) * 9)
				switch random.IntN(4) {
				case 0:
					d.Add(Scalar(v))
					all = append(all, v)
				case 1:
					d.Add(Array([]float64{v, 0, v}))
					all = append(all, v, 0, v)
				case 2:
					d.Add(Histogram([]Weighted{{v, 3}, {1, 0}}))
					all = append(all, v, v, v)
				default:
					other.Add(Scalar(v))
					all = append(all, v)
				}
			}
			d.Merge(&other)
			slices.Sort(all)
			require.Equal(t, float64(len(all)), d.Count)
			require.Equal(t, all[0], d.Min)
			require.Equal(t, all[len(all)-1], d.Max)
			sum := 0.0
			for _, v := range all {
				sum += v
			}
			require.InEpsilon(t, sum, d.Sum, 1e-9)
			require.Equal(t, c.within > 0, d.rounded)
			for _, p := range []float64{0, 1, 10, 50, 90, 95, 99, 99.9, 100} {
				got, ok := d.Percentile(p)
				require.True(t, ok)
				require.InDelta(t, nearestRank(all, p), got, nearestRank(all, p)*c.within, "p%v", p)
			}
			require.True(t, slices.IsSortedFunc(d.values, byValue))
		})
	}
}

// The steps do not drift: what is rounded stays.
func TestStep(t *testing.T) {
	for _, v := range []float64{0, 1, -1, 1e-300, 1e100, 12.5, 0.0001} {
		require.InEpsilon(t, 1+step(v), 1+step(step(v)), 1e-9)
		require.InDelta(t, v, step(v), math.Abs(v)*0.0051)
	}
	d := Distribution{}
	for i := range 5000 {
		d.Add(Scalar(float64(i)))
	}
	require.Less(t, len(d.values), maxExact)
}

func TestPercentileUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		samples []Samples
		want    float64
		ok      bool
	}{
		"nothing":                     {nil, 0, false},
		"a statistic set":             {[]Samples{StatisticSet(2, 3, 1, 2)}, 0, false},
		"a statistic set among known": {[]Samples{Scalar(1), StatisticSet(2, 3, 1, 2)}, 0, false},
		"a statistic set of one":      {[]Samples{StatisticSet(1, 7, 7, 7)}, 7, true},
		"the same value each time":    {[]Samples{StatisticSet(5, 15, 3, 3), Scalar(1)}, 3, true},
		"a negative value":            {[]Samples{Scalar(-1), Scalar(1)}, 0, false},
		"nothing was counted":         {[]Samples{Histogram([]Weighted{{1, 0}})}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			var d Distribution
			for _, s := range c.samples {
				d.Add(s)
			}
			got, ok := d.Percentile(50)
			require.Equal(t, c.ok, ok)
			require.Equal(t, c.want, got)
		})
	}
}

func TestParseStatistic(t *testing.T) {
	d := Distribution{}
	d.Add(Array([]float64{1, 2, 3, 10}))
	for name, want := range map[string]float64{"SampleCount": 4, "Sum": 16, "Average": 4, "Minimum": 1, "Maximum": 10, "p50": 2, "p99.9": 10, "p0": 1, "p100": 10} {
		s, err := ParseStatistic(name)
		require.NoError(t, err)
		got, ok := s(&d)
		require.True(t, ok)
		require.Equal(t, want, got, name)
	}
	for _, name := range []string{"", "sum", "p", "p101", "p-1", "pNaN", "p1e1", "tm99", "TM(2%:98%)", "IQM", "p1.2.3"} {
		_, err := ParseStatistic(name)
		require.ErrorContains(t, err, "not served here", name)
	}
}
