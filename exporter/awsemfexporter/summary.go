package awsemfexporter

import (
	"cmp"
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tailwater-otel/tailwater/internal/emf"
)

// quantiles returns the quantiles of a summary that have a value, in order.
func quantiles(p pmetric.SummaryDataPoint) (list []quantile) {
	for _, q := range p.QuantileValues().All() {
		if at, v := q.Quantile(), q.Value(); at >= 0 && at <= 1 && emf.InRange(v) {
			list = append(list, quantile{at, v})
		}
	}
	slices.SortFunc(list, func(a, b quantile) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.value, b.value)) })
	return list
}

type quantile struct{ at, value float64 }

// summary returns a distribution with the count and sum of a summary's
// increment, spread between its quantiles.
func summary(count uint64, sum float64, list []quantile) (d emf.Distribution) {
	d.Sum, d.HasSum = sum, true
	if count == 0 {
		return d
	}
	if len(list) == 0 {
		d.Buckets = []emf.Bucket{{Lo: math.Inf(-1), Hi: math.Inf(1), Count: count}}
		return d
	}
	given := uint64(0)
	below := quantile{0, list[0].value}
	for _, q := range append(list, quantile{1, list[len(list)-1].value}) {
		upTo := min(uint64(math.Round(q.at*float64(count))), count)
		if upTo > given {
			d.Buckets = append(d.Buckets, emf.Bucket{Lo: min(below.value, q.value), Hi: max(below.value, q.value), Count: upTo - given})
			given = upTo
		}
		below = q
	}
	// The values beyond the outermost quantiles are not known.
	d.Min, d.HasMin = list[0].value, list[0].at == 0
	d.Max, d.HasMax = list[len(list)-1].value, list[len(list)-1].at == 1
	return d
}
