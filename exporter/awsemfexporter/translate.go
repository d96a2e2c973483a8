package awsemfexporter

import (
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

	// window joins points of many batches; nil: each batch is by itself
	window *window

	// of one batch
	grouping *grouping // nil with a window
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
// With a window they are there, and the result is nil.
func (t *translator) translate(md pmetric.Metrics) []*group {
	t.clock = t.now()
	if t.window == nil {
		t.grouping = newGrouping(t.rules)
	}
	for _, rm := range md.ResourceMetrics().All() {
		t.enterResource(rm.Resource())
		for _, sm := range rm.ScopeMetrics().All() {
			t.enterScope(sm.Scope())
			for _, m := range sm.Metrics().All() {
				t.metric(m)
			}
		}
	}
	if t.window != nil {
		return nil
	}
	return t.grouping.order
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
