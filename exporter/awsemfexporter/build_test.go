package awsemfexporter

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// metricsBuilder makes metrics in few words.
type metricsBuilder struct {
	pmetric.Metrics
	scope pmetric.ScopeMetrics
}

func newMetrics(resource ...string) metricsBuilder {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	put(rm.Resource().Attributes(), resource)
	return metricsBuilder{md, rm.ScopeMetrics().AppendEmpty()}
}

func put(m pcommon.Map, pairs []string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		m.PutStr(pairs[i], pairs[i+1])
	}
}

func (b metricsBuilder) metric(name, unit string) pmetric.Metric {
	m := b.scope.Metrics().AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	return m
}

func (b metricsBuilder) gauge(name string, value float64, at time.Time, labels ...string) pmetric.NumberDataPoint {
	p := b.metric(name, "").SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetDoubleValue(value)
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	put(p.Attributes(), labels)
	return p
}

func (b metricsBuilder) sum(name, unit string, temporality pmetric.AggregationTemporality, value float64, at time.Time, labels ...string) pmetric.NumberDataPoint {
	s := b.metric(name, unit).SetEmptySum()
	s.SetAggregationTemporality(temporality)
	s.SetIsMonotonic(true)
	p := s.DataPoints().AppendEmpty()
	p.SetDoubleValue(value)
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	put(p.Attributes(), labels)
	return p
}

func (b metricsBuilder) histogram(name, unit string, temporality pmetric.AggregationTemporality, at time.Time, bounds []float64, counts []uint64, sum float64) pmetric.HistogramDataPoint {
	h := b.metric(name, unit).SetEmptyHistogram()
	h.SetAggregationTemporality(temporality)
	p := h.DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	p.ExplicitBounds().FromRaw(bounds)
	p.BucketCounts().FromRaw(counts)
	total := uint64(0)
	for _, n := range counts {
		total += n
	}
	p.SetCount(total)
	p.SetSum(sum)
	return p
}

func (b metricsBuilder) exponential(name, unit string, temporality pmetric.AggregationTemporality, at time.Time, scale, offset int32, zero uint64, counts []uint64, sum float64) pmetric.ExponentialHistogramDataPoint {
	h := b.metric(name, unit).SetEmptyExponentialHistogram()
	h.SetAggregationTemporality(temporality)
	p := h.DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	p.SetScale(scale)
	p.SetZeroCount(zero)
	p.Positive().SetOffset(offset)
	p.Positive().BucketCounts().FromRaw(counts)
	total := zero
	for _, n := range counts {
		total += n
	}
	p.SetCount(total)
	p.SetSum(sum)
	return p
}

const (
	delta      = pmetric.AggregationTemporalityDelta
	cumulative = pmetric.AggregationTemporalityCumulative
)
