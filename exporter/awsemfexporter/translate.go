package awsemfexporter

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tailwater-otel/tailwater/internal/emf"
)

// CloudWatch takes points of the last two weeks and of the next two hours.
const (
	oldest = 14 * 24 * time.Hour
	newest = 2 * time.Hour
)

// Why points were dropped, beside the reasons of deltas.
const (
	reasonNotFinite = "not_finite"
	reasonNoValue   = "no_recorded_value"
	reasonRange     = "out_of_range"
	reasonTooOld    = "too_old"
	reasonTooNew    = "too_new"
	reasonNoName    = "no_name"
	reasonInvalid   = "invalid"
)

// translator turns metrics into events. It is not safe for concurrent use:
// increments depend on the order of points.
type translator struct {
	cfg           *Config
	rules         *setRules
	units         map[string]MetricDescriptor
	toLabel       func(key string) bool // nil: no resource attribute becomes a label
	group, stream template
	defaultStream string
	deltas        *deltas
	now           func() time.Time
	dropped       func(reason string, metric string)

	// of one batch
	grouping *grouping
	clock    time.Time
	// of the resource at hand
	resource       pcommon.Map
	resourceID     seriesID
	resourceLabels labels
	entity         []emf.Field
	// of the scope at hand
	scope    pcommon.InstrumentationScope
	scopeID  seriesID
	sets     [][]string // that the scope names; nil: none
	ownSets  bool       // the scope says how its metrics are written
	target   target
	logGroup string // that the scope names
	perPoint bool   // the target depends on the point
	// of the point at hand
	scratch labels
	at      pcommon.Timestamp
}

func newTranslator(cfg *Config, defaultStream string, now func() time.Time, dropped func(reason, metric string)) (*translator, error) {
	declarations, _, err := compileDeclarations(cfg.MetricDeclarations)
	if err != nil {
		return nil, err
	}
	t := &translator{
		cfg: cfg,
		rules: &setRules{
			declarations: declarations,
			rollup:       cfg.DimensionRollupOption,
			json:         cfg.ParseJSONEncodedAttributeValues,
			byName:       map[string][]int{},
		},
		units:         map[string]MetricDescriptor{},
		toLabel:       cfg.ResourceToTelemetrySettings.matcher(),
		group:         parseTemplate(cfg.LogGroupName),
		stream:        parseTemplate(cfg.LogStreamName),
		defaultStream: defaultStream,
		deltas:        newDeltas(cfg.MaxCumulativeSeries, cfg.RetainInitialValueOfDeltaMetric, now()),
		now:           now,
		dropped:       dropped,
	}
	for _, d := range cfg.MetricDescriptors {
		if emf.ValidUnit(d.Unit) {
			t.units[d.MetricName] = d
		}
	}
	return t, nil
}

// translate returns the metrics as groups, of which each becomes an event.
func (t *translator) translate(md pmetric.Metrics) *grouping {
	t.grouping, t.clock = newGrouping(t.rules), t.now()
	for _, rm := range md.ResourceMetrics().All() {
		t.enterResource(rm.Resource())
		for _, sm := range rm.ScopeMetrics().All() {
			t.enterScope(sm.Scope())
			for _, m := range sm.Metrics().All() {
				t.metric(m)
			}
		}
	}
	return t.grouping
}

func (t *translator) enterResource(r pcommon.Resource) {
	t.resource = r.Attributes()
	t.resourceID = seriesID{}.addMap(t.resource)
	t.resourceLabels = t.resourceLabels[:0]
	if t.toLabel != nil {
		for key, value := range t.resource.All() {
			if t.toLabel(key) {
				t.resourceLabels = append(t.resourceLabels, emf.Field{Name: key, Value: value.AsString()})
			}
		}
	}
	t.entity = entity(t.resource)
}

func (t *translator) enterScope(s pcommon.InstrumentationScope) {
	t.scope = s
	t.scopeID = t.resourceID.add(s.Name()).add(s.Version()).addMap(s.Attributes())
	t.sets = scopeSets(s.Attributes())
	_, named := s.Attributes().Get(namespaceAttribute)
	t.ownSets = t.sets != nil || named
	t.target.namespace = t.namespace()
	t.logGroup = ""
	if v, ok := s.Attributes().Get(logGroupAttribute); ok {
		t.logGroup = v.AsString()
	}
	t.perPoint = t.logGroup == "" && t.group.dynamic() || t.stream.dynamic()
	t.target = t.targetOf(nil)
}

// namespace is what the scope names, else the configuration, else the service.
func (t *translator) namespace() string {
	if v, ok := t.scope.Attributes().Get(namespaceAttribute); ok && v.Str() != "" {
		return emf.Namespace(v.Str())
	}
	if t.cfg.Namespace != "" {
		return emf.Namespace(t.cfg.Namespace)
	}
	var parts []string
	for _, key := range [...]string{"service.namespace", "service.name"} {
		if v, ok := t.resource.Get(key); ok && v.Str() != "" {
			parts = append(parts, v.Str())
		}
	}
	return emf.Namespace(strings.Join(parts, "/"))
}

func (t *translator) targetOf(point labels) target {
	to := target{namespace: t.target.namespace, group: t.logGroup, stream: t.defaultStream}
	switch {
	case to.group != "":
	case t.cfg.LogGroupName != "":
		to.group = t.group.resolve(t.resource, point)
	default:
		to.group = "/metrics/" + to.namespace
	}
	if t.cfg.LogStreamName != "" {
		to.stream = t.stream.resolve(t.resource, point)
	}
	to.group, to.stream = emf.LogGroup(to.group), emf.LogStream(to.stream)
	return to
}

// scopeSets returns the dimension sets that a scope names, nil if none. A set
// with anything but names in it is left out.
func scopeSets(attributes pcommon.Map) (sets [][]string) {
	list, ok := attributes.Get(setsAttribute)
	if !ok || list.Type() != pcommon.ValueTypeSlice {
		return nil
	}
	sets = [][]string{}
next:
	for _, v := range list.Slice().All() {
		if v.Type() != pcommon.ValueTypeSlice {
			continue
		}
		set := []string{}
		for _, name := range v.Slice().All() {
			if name.Type() != pcommon.ValueTypeStr {
				continue next
			}
			set = append(set, name.Str())
		}
		sets = append(sets, set)
	}
	return sets
}

func (t *translator) metric(m pmetric.Metric) {
	monotonic := m.Type() == pmetric.MetricTypeSum && m.Sum().IsMonotonic()
	unit, scale := t.unit(m.Name(), m.Unit(), monotonic)
	s := sample{name: m.Name(), unit: unit}
	id := t.scopeID.add(m.Name()).add(m.Unit()).add(strconv.Itoa(int(m.Type())))
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		for _, p := range m.Gauge().DataPoints().All() {
			t.number(p, s, id, gauge, false, scale)
		}
	case pmetric.MetricTypeSum:
		sum := m.Sum()
		cumulative, kind := sum.AggregationTemporality() == pmetric.AggregationTemporalityCumulative, increment
		if cumulative && !monotonic {
			// The level of something that goes up and down, such as a queue.
			cumulative, kind = false, gauge
		}
		for _, p := range sum.DataPoints().All() {
			t.number(p, s, id, kind, cumulative, scale)
		}
	case pmetric.MetricTypeHistogram:
		h := m.Histogram()
		for _, p := range h.DataPoints().All() {
			t.histogram(p, s, id, h.AggregationTemporality() == pmetric.AggregationTemporalityCumulative, scale)
		}
	case pmetric.MetricTypeExponentialHistogram:
		h := m.ExponentialHistogram()
		for _, p := range h.DataPoints().All() {
			t.exponentialHistogram(p, s, id, h.AggregationTemporality() == pmetric.AggregationTemporalityCumulative, scale)
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			t.summary(p, s, id, scale)
		}
	}
}

// unit returns CloudWatch's unit for a metric and what its values are multiplied by.
func (t *translator) unit(name, unit string, monotonic bool) (string, float64) {
	if d, ok := t.units[name]; ok && (unit == "" || d.Overwrite) {
		return d.Unit, 1
	}
	return emf.Unit(unit, monotonic)
}

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
	to := t.target
	if t.perPoint {
		to = t.targetOf(l)
	}
	return t.grouping.add(to, l, t.entity, t.sets, s)
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
