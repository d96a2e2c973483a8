package xraymetricsconnector

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// groupName is the dimension of the metrics of groups, as X-Ray names it.
const groupName = "GroupName"

// groupMetrics makes the metrics of groups. It returns false if there is none.
func (g *groups) metrics(all []*window, namespace string, start, now time.Time) (pmetric.Metrics, bool) {
	md := pmetric.NewMetrics()
	sm := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty()
	putScope(sm.Scope(), namespace, "", [][]string{{groupName}})
	at := [2]pcommon.Timestamp{pcommon.NewTimestampFromTime(start), pcommon.NewTimestampFromTime(now)}
	count := newDistribution(sm.Metrics(), "ApproximateTraceCount", "{trace}").SetEmptySum()
	count.SetIsMonotonic(true)
	count.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	took := newDistribution(sm.Metrics(), "ResponseTime", "s").SetEmptyExponentialHistogram()
	took.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	shares := [3]pmetric.Histogram{}
	for i, name := range [...]string{"FaultPercentage", "ErrorPercentage", "ThrottlePercentage"} {
		shares[i] = newDistribution(sm.Metrics(), name, "%").SetEmptyHistogram()
		shares[i].SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	}
	some := false
	for i, w := range all {
		if w == nil {
			continue
		}
		some = true
		name := g.list[i].name
		p := count.DataPoints().AppendEmpty()
		p.Attributes().PutStr(groupName, name)
		p.SetStartTimestamp(at[0])
		p.SetTimestamp(at[1])
		p.SetIntValue(int64(w.latency.Count()))
		q := took.DataPoints().AppendEmpty()
		q.Attributes().PutStr(groupName, name)
		q.SetStartTimestamp(at[0])
		q.SetTimestamp(at[1])
		putLatency(q, w)
		putExample(q.Exemplars(), &w.slowest, w.slowest.value, slowestField)
		for j, n := range [...]uint64{w.faults, w.errors, w.throttles} {
			s := shares[j].DataPoints().AppendEmpty()
			s.Attributes().PutStr(groupName, name)
			s.SetStartTimestamp(at[0])
			s.SetTimestamp(at[1])
			putShare(s, w.latency.Count(), n, 100)
			putFailed(s.Exemplars(), w, j)
		}
	}
	return md, some
}
