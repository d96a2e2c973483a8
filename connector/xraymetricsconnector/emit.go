package xraymetricsconnector

import (
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tailwater-otel/tailwater/connector/xraymetricsconnector/internal/metadata"
)

// What the awsemf exporter reads of a scope and of an exemplar.
const (
	namespaceAttribute = "aws.emf.namespace"
	logGroupAttribute  = "aws.emf.log_group_name"
	setsAttribute      = "aws.emf.dimension_sets"
	fieldAttribute     = "aws.emf.field"

	slowestField = "SlowestTraceId"
	failedField  = "FailedTraceId"
)

// The namespace and log group of Application Signals.
const (
	signalsNamespace = "ApplicationSignals"
	signalsLogGroup  = "/aws/application-signals/data"
)

// dimensionSets are the configured sets by what they are of.
type dimensionSets struct{ requests, calls [][]string }

func splitSets(all [][]string) (d dimensionSets) {
	for _, set := range all {
		if slices.ContainsFunc(set, func(key string) bool { return strings.HasPrefix(key, "Remote") }) {
			d.calls = append(d.calls, set)
		} else {
			d.requests = append(d.requests, set)
		}
	}
	return d
}

// metrics makes a batch of series that are sorted by service.
func (c *metricsConnector) metrics(all []taken, start, now time.Time) pmetric.Metrics {
	md := pmetric.NewMetrics()
	at := [2]pcommon.Timestamp{pcommon.NewTimestampFromTime(start), pcommon.NewTimestampFromTime(now)}
	for len(all) > 0 {
		o := all[0].owner
		n := 1
		for n < len(all) && all[n].owner == o {
			n++
		}
		rm := md.ResourceMetrics().AppendEmpty()
		putResource(rm.Resource().Attributes(), o)
		// The sources of requests come before those of calls.
		requests := 0
		for requests < n && !source(all[requests].key[0]).isCall() {
			requests++
		}
		if requests > 0 {
			c.scope(rm.ScopeMetrics().AppendEmpty(), c.sets.requests, all[:requests], at)
		}
		if requests < n {
			c.scope(rm.ScopeMetrics().AppendEmpty(), c.sets.calls, all[requests:n], at)
		}
		all = all[n:]
	}
	return md
}

func putResource(to pcommon.Map, o *owner) {
	to.EnsureCapacity(len(o.attributes) + 2)
	to.PutStr("service.name", valid(o.name))
	to.PutStr("deployment.environment.name", valid(o.where))
	for _, a := range o.attributes {
		to.PutStr(a.name, valid(a.value))
	}
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// putScope says where the exporter puts the metrics of a scope.
func putScope(scope pcommon.InstrumentationScope, namespace, logGroup string, sets [][]string) {
	scope.SetName(metadata.ScopeName)
	to := scope.Attributes()
	to.PutStr(namespaceAttribute, namespace)
	if logGroup != "" {
		to.PutStr(logGroupAttribute, logGroup)
	}
	list := to.PutEmptySlice(setsAttribute)
	list.EnsureCapacity(len(sets))
	for _, set := range sets {
		keys := list.AppendEmpty().SetEmptySlice()
		keys.EnsureCapacity(len(set))
		for _, key := range set {
			keys.AppendEmpty().SetStr(key)
		}
	}
}

// scope makes the metrics of a service's requests or calls.
func (c *metricsConnector) scope(sm pmetric.ScopeMetrics, sets [][]string, all []taken, at [2]pcommon.Timestamp) {
	namespace, logGroup := c.cfg.Namespace, ""
	if c.cfg.ApplicationSignals {
		namespace, logGroup = signalsNamespace, signalsLogGroup
	}
	putScope(sm.Scope(), namespace, logGroup, sets)
	metrics := sm.Metrics()
	metrics.EnsureCapacity(4)
	latency := newDistribution(metrics, "Latency", "ms").SetEmptyExponentialHistogram()
	latency.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	shares := [3]pmetric.Histogram{}
	for i, name := range [...]string{"Fault", "Error", "Throttle"} {
		shares[i] = newDistribution(metrics, name, "1").SetEmptyHistogram()
		shares[i].SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		shares[i].DataPoints().EnsureCapacity(len(all))
	}
	latency.DataPoints().EnsureCapacity(len(all))
	for i := range all {
		w := all[i].window
		s, v := values(all[i].key)
		p := latency.DataPoints().AppendEmpty()
		put(p.Attributes(), s, &v)
		p.SetStartTimestamp(at[0])
		p.SetTimestamp(at[1])
		putLatency(p, w)
		putExample(p.Exemplars(), &w.slowest, w.slowest.value, slowestField)
		for j, n := range [...]uint64{w.faults, w.errors, w.throttles} {
			q := shares[j].DataPoints().AppendEmpty()
			p.Attributes().CopyTo(q.Attributes())
			q.SetStartTimestamp(at[0])
			q.SetTimestamp(at[1])
			putShare(q, w.latency.Count(), n, 1)
			putFailed(q.Exemplars(), w, j)
		}
	}
}

func newDistribution(all pmetric.MetricSlice, name, unit string) pmetric.Metric {
	m := all.AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	return m
}

func putLatency(p pmetric.ExponentialHistogramDataPoint, w *window) {
	h := &w.latency
	p.SetCount(h.Count())
	p.SetSum(h.Sum())
	p.SetMin(h.Min())
	p.SetMax(h.Max())
	p.SetZeroCount(h.ZeroCount())
	p.SetScale(h.Scale())
	from := h.Positive()
	p.Positive().SetOffset(from.Offset())
	counts := p.Positive().BucketCounts()
	counts.EnsureCapacity(int(from.Len()))
	for i := range from.Len() {
		counts.Append(from.At(i))
	}
}

// putShare makes a distribution of zeros and of n times what one counts, so
// that its average is a share.
func putShare(p pmetric.HistogramDataPoint, count, n uint64, one float64) {
	p.SetCount(count)
	p.SetSum(one * float64(n))
	p.SetMin(0)
	if n == count {
		p.SetMin(one)
	}
	p.SetMax(0)
	if n > 0 {
		p.SetMax(one)
	}
	p.ExplicitBounds().FromRaw([]float64{0})
	p.BucketCounts().FromRaw([]uint64{count - n, n})
}

// putFailed adds the request that failed to the metric that it stands for:
// faults (0), or errors (1) where there was no fault, as both go to one field.
func putFailed(to pmetric.ExemplarSlice, w *window, metric int) {
	switch {
	case metric == 0 && w.faults > 0:
		putExample(to, &w.failedFault, w.failedFault.value, failedField)
	case metric == 1 && w.errors > 0 && w.faults == 0:
		putExample(to, &w.failError, w.failError.value, failedField)
	}
}

func putExample(to pmetric.ExemplarSlice, x *example, value float64, field string) {
	if x.trace.IsEmpty() {
		return
	}
	e := to.AppendEmpty()
	e.SetTraceID(x.trace)
	e.SetTimestamp(x.end)
	e.SetDoubleValue(value)
	e.FilteredAttributes().PutStr(fieldAttribute, field)
}
