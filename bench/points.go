//go:build linux

package main

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

const (
	setsPerRequest   = 25
	pointsPerRequest = 4 * setsPerRequest
)

// pointsAge is how old the first points are: the requests' numbers, which are
// in their times, have room before now, and no exporter takes them for too old.
const pointsAge = time.Hour

// pointRequest is one OTLP request of 25 sets of labels, each with a gauge, a
// sum, a histogram and an exponential histogram, all of them deltas.
type pointRequest struct {
	metrics pmetric.Metrics
	begin   time.Time
}

// newPointRequest makes points of about 200 bytes on the wire.
func newPointRequest(now time.Time) *pointRequest {
	r := &pointRequest{metrics: pmetric.NewMetrics(), begin: now.Add(-pointsAge).Truncate(time.Millisecond)}
	rm := r.metrics.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "checkout")
	rm.Resource().Attributes().PutStr("service.version", "1.4.2")
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName("example.com/checkout")
	metric := func(name, unit string) pmetric.Metric {
		m := sm.Metrics().AppendEmpty()
		m.SetName(name)
		m.SetUnit(unit)
		return m
	}
	gauge := metric("http.server.active_requests", "{request}").SetEmptyGauge()
	sum := metric("http.server.response.body.size", "By").SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	histogram := metric("http.server.request.duration", "s").SetEmptyHistogram()
	histogram.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	exponential := metric("db.client.operation.duration", "s").SetEmptyExponentialHistogram()
	exponential.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	for i := range setsPerRequest {
		label := func(a pcommon.Map) {
			a.PutStr("http.route", "/orders/{id}/"+string(rune('a'+i)))
			a.PutStr("http.request.method", "POST")
			a.PutInt("http.response.status_code", 200)
			a.PutStr("server.address", "checkout.example.com")
		}
		g := gauge.DataPoints().AppendEmpty()
		g.SetIntValue(int64(i))
		label(g.Attributes())

		s := sum.DataPoints().AppendEmpty()
		s.SetDoubleValue(1024.5 * float64(i+1))
		label(s.Attributes())

		h := histogram.DataPoints().AppendEmpty()
		h.ExplicitBounds().FromRaw([]float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1})
		h.BucketCounts().FromRaw([]uint64{3, 9, 27, 40, 31, 22, 9, 4, 1, 0, 1})
		h.SetCount(147)
		h.SetSum(9.25)
		h.SetMin(.002)
		h.SetMax(1.5)
		label(h.Attributes())

		e := exponential.DataPoints().AppendEmpty()
		e.SetScale(3)
		e.Positive().SetOffset(-40)
		e.Positive().BucketCounts().FromRaw([]uint64{1, 2, 4, 7, 12, 20, 28, 33, 30, 21, 14, 9, 5, 3, 2, 1, 0, 1})
		e.SetCount(193)
		e.SetSum(12.5)
		e.SetMin(.032)
		e.SetMax(.15)
		label(e.Attributes())
	}
	return r
}

// number makes the request the n-th: its points are of the n-th millisecond.
func (r *pointRequest) number(n uint64) pmetric.Metrics {
	at := r.begin.Add(time.Duration(n) * time.Millisecond)
	end, start := pcommon.NewTimestampFromTime(at), pcommon.NewTimestampFromTime(at.Add(-time.Minute))
	metrics := r.metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	for _, p := range metrics.At(0).Gauge().DataPoints().All() {
		p.SetTimestamp(end)
	}
	for _, p := range metrics.At(1).Sum().DataPoints().All() {
		p.SetStartTimestamp(start)
		p.SetTimestamp(end)
	}
	for _, p := range metrics.At(2).Histogram().DataPoints().All() {
		p.SetStartTimestamp(start)
		p.SetTimestamp(end)
	}
	for _, p := range metrics.At(3).ExponentialHistogram().DataPoints().All() {
		p.SetStartTimestamp(start)
		p.SetTimestamp(end)
	}
	return r.metrics
}
