package awsemfexporter

import (
	"encoding/hex"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tailwater-otel/tailwater/internal/emf"
)

// point is what all kinds of data points have.
type point interface {
	Attributes() pcommon.Map
	Timestamp() pcommon.Timestamp
	Flags() pmetric.DataPointFlags
}

// enterPoint checks what all kinds of points have in common. It fills in the
// sample's time and resolution, and returns the point's labels.
func (t *translator) enterPoint(p point, s *sample) (labels, bool) {
	switch {
	case s.name == "":
		t.dropped(reasonNoName, s.name)
		return nil, false
	case p.Flags().NoRecordedValue():
		t.dropped(reasonNoValue, s.name)
		return nil, false
	}
	at := p.Timestamp().AsTime()
	if p.Timestamp() == 0 {
		at = t.clock
	}
	switch age := t.clock.Sub(at); {
	case age > oldest:
		t.dropped(reasonTooOld, s.name)
		return nil, false
	case age < -newest:
		t.dropped(reasonTooNew, s.name)
		return nil, false
	}
	s.timestamp, t.at = at.UnixMilli(), pcommon.NewTimestampFromTime(at)

	l := t.scratch[:0]
	s.resolution = 0
	for key, value := range p.Attributes().All() {
		if key == resolutionAttribute {
			if text := value.AsString(); text == "1" {
				s.resolution = 1
			}
			continue
		}
		l = append(l, emf.Field{Name: key, Value: value.AsString()})
	}
	l = append(l, t.resourceLabels...)
	if !t.ownSets && t.scope.Name() != "" {
		l = append(l, emf.Field{Name: scopeLabel, Value: t.scope.Name()})
	}
	l = sortLabels(l)
	if t.cfg.EKSFargateContainerInsightsEnabled {
		if n := l.find("Type"); n >= 0 && (l[n].Value == "Pod" || l[n].Value == "Container") {
			l = l.with("kubernetes", l.kubernetesLabel())
		}
	}
	t.scratch = l
	return l, true
}

// add puts a sample into its group.
func (t *translator) add(l labels, s *sample) *group {
	to, into := t.target, t.grouping
	if t.perPoint {
		to = t.targetOf(l)
	}
	if t.window != nil {
		into = t.window.place(s, t.clock)
	}
	return into.add(to, l, t.entity, t.sets, s)
}

// counts tells whether a point is about the time before it: an increment, or a
// delta point that says since when.
func (t *translator) counts(start pcommon.Timestamp, cumulative bool) bool {
	return cumulative || start != 0 && start < t.at
}

func (t *translator) number(p pmetric.NumberDataPoint, s sample, id seriesID, k kind, cumulative bool, scale float64) {
	l, ok := t.enterPoint(p, &s)
	if !ok {
		return
	}
	now := total{start: p.StartTimestamp(), at: t.at, seen: t.clock}
	switch p.ValueType() {
	case pmetric.NumberDataPointValueTypeInt:
		now.whole = p.IntValue()
	case pmetric.NumberDataPointValueTypeDouble:
		now.number = p.DoubleValue()
	default:
		t.dropped(reasonNoValue, s.name)
		return
	}
	s.kind, s.number = k, now.value()
	if v := s.number; v-v != 0 {
		t.dropped(reasonNotFinite, s.name)
		return
	}
	if cumulative {
		var reason string
		if s.number, reason = t.deltas.sum(id.addMap(p.Attributes()), now); reason != "" {
			t.dropped(reason, s.name)
			return
		}
	}
	s.counted = k == increment && t.counts(p.StartTimestamp(), cumulative)
	if s.number *= scale; !emf.InRange(s.number) {
		t.dropped(reasonRange, s.name)
		return
	}
	t.add(l, &s)
}

func (t *translator) histogram(p pmetric.HistogramDataPoint, s sample, id seriesID, cumulative bool, scale float64) {
	l, ok := t.enterPoint(p, &s)
	if !ok {
		return
	}
	d, ok := explicit(p)
	if !ok {
		t.dropped(invalidOr(p.Sum(), p.Min(), p.Max()), s.name)
		return
	}
	if cumulative {
		var reason string
		d, reason = t.deltas.histogram(id.addMap(p.Attributes()), total{
			start: p.StartTimestamp(), at: t.at, seen: t.clock, sum: p.Sum(), count: p.Count(),
			buckets: p.BucketCounts().AsRaw(), bounds: p.ExplicitBounds().AsRaw(),
		}, d)
		if reason != "" {
			t.dropped(reason, s.name)
			return
		}
	}
	s.counted = t.counts(p.StartTimestamp(), cumulative)
	t.distribution(l, s, d, scale, p.Exemplars())
}

func (t *translator) exponentialHistogram(p pmetric.ExponentialHistogramDataPoint, s sample, id seriesID, cumulative bool, scale float64) {
	l, ok := t.enterPoint(p, &s)
	if !ok {
		return
	}
	e := exponentialOf(p)
	d := e.distribution()
	d.Sum, d.HasSum = p.Sum(), p.HasSum()
	d.Min, d.HasMin = p.Min(), p.HasMin()
	d.Max, d.HasMax = p.Max(), p.HasMax()
	if threshold := p.ZeroThreshold(); !finite(d) || len(d.Buckets) == 0 && p.Count() > 0 || threshold-threshold != 0 {
		t.dropped(invalidOr(p.Sum(), p.Min(), p.Max(), threshold), s.name)
		return
	}
	if cumulative {
		var reason string
		d, reason = t.deltas.exponentialHistogram(id.addMap(p.Attributes()), total{
			start: p.StartTimestamp(), at: t.at, seen: t.clock, sum: p.Sum(), count: p.Count(), exponent: e,
		}, d)
		if reason != "" {
			t.dropped(reason, s.name)
			return
		}
	}
	s.counted = t.counts(p.StartTimestamp(), cumulative)
	t.distribution(l, s, d, scale, p.Exemplars())
}

// invalidOr returns why a histogram is not taken: one of its numbers is no
// number, or they contradict each other.
func invalidOr(numbers ...float64) string {
	for _, v := range numbers {
		if v-v != 0 {
			return reasonNotFinite
		}
	}
	return reasonInvalid
}

// distribution adds a distribution. One without values is no sample.
func (t *translator) distribution(l labels, s sample, d emf.Distribution, scale float64, exemplars pmetric.ExemplarSlice) {
	some := false
	for i := range d.Buckets {
		some = some || d.Buckets[i].Count > 0
		d.Buckets[i].Lo *= scale
		d.Buckets[i].Hi *= scale
	}
	if !some {
		return
	}
	d.Sum, d.Min, d.Max = d.Sum*scale, d.Min*scale, d.Max*scale
	if !emf.InRange(d.Sum) || !emf.InRange(d.Min) || !emf.InRange(d.Max) {
		t.dropped(reasonRange, s.name)
		return
	}
	s.kind, s.values = distribution, d
	g := t.add(l, &s)
	t.traces(g, exemplars)
}

// traces adds the ids of the traces that exemplars name: each under the field
// that the exemplar asks for, and of the others the one with the largest value.
func (t *translator) traces(g *group, exemplars pmetric.ExemplarSlice) {
	largest, id := 0.0, ""
	for _, e := range exemplars.All() {
		if e.TraceID().IsEmpty() {
			continue
		}
		if field, ok := e.FilteredAttributes().Get(fieldAttribute); ok && field.Str() != "" {
			g.trace(field.Str(), xrayID(e.TraceID()))
			continue
		}
		value := e.DoubleValue()
		if e.ValueType() == pmetric.ExemplarValueTypeInt {
			value = float64(e.IntValue())
		}
		if id == "" || value > largest {
			largest, id = value, xrayID(e.TraceID())
		}
	}
	if id != "" {
		g.trace("ExemplarTraceId", id)
	}
}

// xrayID is a trace id as X-Ray writes it.
func xrayID(id pcommon.TraceID) string {
	text := hex.EncodeToString(id[:])
	return "1-" + text[:8] + "-" + text[8:]
}

func (t *translator) summary(p pmetric.SummaryDataPoint, s sample, id seriesID, scale float64) {
	l, ok := t.enterPoint(p, &s)
	if !ok {
		return
	}
	count, sum := p.Count(), p.Sum()
	if sum-sum != 0 {
		t.dropped(reasonNotFinite, s.name)
		return
	}
	// Count and sum grow while the series goes on. Without a time of its start
	// only those that come from Prometheus are known to do so.
	if p.StartTimestamp() != 0 || fromPrometheus(t.resource) {
		now := total{start: p.StartTimestamp(), at: t.at, seen: t.clock, sum: sum, count: count}
		before, whole, reason := t.deltas.next(id.addMap(p.Attributes()), now)
		if reason != "" {
			t.dropped(reason, s.name)
			return
		}
		if !whole && count >= before.count {
			count, sum = count-before.count, sum-before.sum
		}
		s.counted = true
	}
	list := quantiles(p)
	if !t.cfg.DetailedMetrics {
		t.distribution(l, s, summary(count, sum, list), scale, pmetric.NewExemplarSlice())
		return
	}
	name := s.name
	s.kind = increment
	s.name, s.number = name+"_count", float64(count)
	unit := s.unit
	s.unit = ""
	t.add(l, &s)
	s.unit = unit
	if s.name, s.number = name+"_sum", sum*scale; emf.InRange(s.number) {
		t.add(l, &s)
	} else {
		t.dropped(reasonRange, s.name)
	}
	for _, q := range list {
		s.kind, s.name, s.number = gauge, name, emf.Clamp(q.value*scale)
		t.add(l.with("quantile", strconv.FormatFloat(q.at, 'f', -1, 64)), &s)
	}
}

func fromPrometheus(resource pcommon.Map) bool {
	v, ok := resource.Get("receiver")
	return ok && v.Str() == "prometheus"
}
