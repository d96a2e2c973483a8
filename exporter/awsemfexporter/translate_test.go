package awsemfexporter

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tailwater-otel/tailwater/internal/emf"
	"github.com/tailwater-otel/tailwater/internal/emf/emftest"
)

// What a connector that makes metrics of traces sends: its scope names the
// namespace, the group and the sets, and its exemplars the fields.
func TestScopeSaysHowMetricsAreWritten(t *testing.T) {
	f := newFixture(t, nil)
	now := time.Now()
	md := newMetrics("service.name", "shop", "deployment.environment.name", "prod", "k8s.cluster.name", "c1",
		"host.name", "h1", "host.id", "i-0123")
	scope := md.scope.Scope()
	scope.SetName("xray_metrics")
	scope.Attributes().PutStr(namespaceAttribute, "Tailwater")
	scope.Attributes().PutStr(logGroupAttribute, "/aws/application-signals/data")
	sets := scope.Attributes().PutEmptySlice(setsAttribute)
	for _, set := range [][]string{{"Environment", "Service", "Operation"}, {"Environment", "Service"}, {"RemoteService"}} {
		list := sets.AppendEmpty().SetEmptySlice()
		for _, name := range set {
			list.AppendEmpty().SetStr(name)
		}
	}
	labels := []string{"Environment", "prod", "Service", "shop", "Operation", "GET /cart", "Telemetry.Source", "ServerSpan"}
	latency := md.exponential("Latency", "ms", delta, now, 3, 30, 0, []uint64{90, 10}, 1500)
	latency.SetMin(13.6)
	latency.SetMax(16)
	put(latency.Attributes(), labels)
	for field, id := range map[string]byte{"SlowestTraceId": 1, "FailedTraceId": 2} {
		e := latency.Exemplars().AppendEmpty()
		e.SetTraceID(pcommon.TraceID{0x68, 0xf0, 0, id, 5, 15: 9})
		e.SetDoubleValue(float64(id))
		e.FilteredAttributes().PutStr(fieldAttribute, field)
	}
	fault := md.histogram("Fault", "", delta, now, []float64{0}, []uint64{95, 5}, 5)
	fault.SetMin(0)
	fault.SetMax(1)
	put(fault.Attributes(), labels)
	put(md.exponential("Error", "1", delta, now, 0, -1, 98, []uint64{2}, 2).Attributes(), labels)
	put(md.exponential("Throttle", "", delta, now, 0, 0, 100, nil, 0).Attributes(), labels)

	events, _ := f.events(t.Context(), md.Metrics)
	require.Len(t, events, 1, "one event for all metrics of the series")
	assert.Equal(t, "/aws/application-signals/data", events[0].group)
	d, err := emftest.Check(events[0].message)
	require.NoError(t, err)
	require.Len(t, d.Directives, 1)
	assert.Equal(t, "Tailwater", d.Directives[0].Namespace)
	assert.Equal(t, [][]string{{"Environment", "Operation", "Service"}, {"Environment", "Service"}}, d.Directives[0].Dimensions,
		"a set with a missing key does not apply")
	assert.ElementsMatch(t, []string{"Latency", "Fault", "Error", "Throttle"}, d.Metrics())
	for name, want := range map[string]any{
		"Telemetry.Source": "ServerSpan", "Service": "shop", "Environment": "prod", "K8s.Cluster": "c1", "Host": "h1", "EC2.InstanceId": "i-0123",
		"SlowestTraceId": "1-68f00001-050000000000000000000009", "FailedTraceId": "1-68f00002-050000000000000000000009",
	} {
		assert.Equal(t, want, d.Root[name], name)
	}
	assert.NotContains(t, d.Root, "OTelLib")
	assert.NotContains(t, d.Root, setsAttribute)

	assert.Equal(t, emf.Weighted{Values: []float64{0, 1}, Counts: []uint64{95, 5}, Min: 0, Max: 1, Sum: 5, Count: 100}, weighted(t, d, "Fault"))
	assert.Equal(t, emf.Weighted{Values: []float64{0, 1}, Counts: []uint64{98, 2}, Min: 0, Max: 1, Sum: 2, Count: 100}, weighted(t, d, "Error"))
	assert.Equal(t, emf.Weighted{Values: []float64{0}, Counts: []uint64{100}, Count: 100}, weighted(t, d, "Throttle"))
	w := weighted(t, d, "Latency")
	assert.EqualValues(t, 100, w.Count)
	assert.EqualValues(t, 1500, w.Sum)
	assert.Equal(t, 13.6, w.Min)
	assert.Zero(t, f.sum(t, "fields_dropped"), "an entity's field that is a dimension already is no loss")
}

// A declaration of the user goes before the scope's own sets.
func TestDeclarationsWin(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		c.MetricDeclarations = []*MetricDeclaration{
			{Dimensions: [][]string{{"Service"}}, MetricNameSelectors: []string{"^Latency$"},
				LabelMatchers: []*LabelMatcher{{LabelNames: []string{"Service", "Operation"}, Regex: "^shop;GET"}}},
			{Dimensions: [][]string{{"Operation"}}, MetricNameSelectors: []string{"^Lat"}},
			{Dimensions: [][]string{{"x"}}},
		}
	})
	now := time.Now() // of all points: they share a minute
	md := newMetrics()
	list := md.scope.Scope().Attributes().PutEmptySlice(setsAttribute).AppendEmpty().SetEmptySlice()
	list.AppendEmpty().SetStr("Environment")
	labels := []string{"Environment", "prod", "Service", "shop", "Operation", "GET /"}
	md.gauge("Latency", 1, now, labels...)
	md.gauge("Fault", 1, now, labels...)
	md.scope = md.ResourceMetrics().At(0).ScopeMetrics().AppendEmpty()
	md.gauge("other", 1, now, labels...)
	d := f.documents(t, md)
	require.Len(t, d, 1)
	require.Len(t, d[0].Directives, 2)
	byName := map[string][][]string{}
	for _, directive := range d[0].Directives {
		for _, m := range directive.Metrics {
			byName[m.Name] = directive.Dimensions
		}
	}
	assert.Equal(t, map[string][][]string{"Latency": {{"Service"}, {"Operation"}}, "Fault": {{"Environment"}}}, byName)
	assert.Contains(t, d[0].Root, "other", "a metric that no declaration matches is logged")
	assert.Contains(t, f.cfg.allWarnings(), "metric_declarations[2] has no effect: it has no metric_name_selectors")
}

func TestRollup(t *testing.T) {
	for option, want := range map[string][][]string{
		noRollup:     {{"OTelLib", "a", "b"}},
		singleRollup: {{"OTelLib", "a", "b"}, {"OTelLib", "a"}, {"OTelLib", "b"}},
		zeroRollup:   {{"OTelLib", "a", "b"}, {"OTelLib"}, {"OTelLib", "a"}, {"OTelLib", "b"}},
	} {
		f := newFixture(t, func(c *Config) { c.DimensionRollupOption = option })
		md := newMetrics()
		md.scope.Scope().SetName("lib")
		md.gauge("g", 1, time.Now(), "a", "1", "b", "2")
		assert.Equal(t, want, f.documents(t, md)[0].Directives[0].Dimensions, option)
	}
}

func TestResourceToTelemetry(t *testing.T) {
	resource := []string{"service.name", "shop", "service.namespace", "eu", "host.name", "h", "k8s.pod.name", "p"}
	for name, test := range map[string]struct {
		settings ResourceToTelemetry
		want     []string
	}{
		"none":             {ResourceToTelemetry{}, []string{}},
		"enabled":          {ResourceToTelemetry{Enabled: true}, []string{"host.name", "k8s.pod.name", "service.name", "service.namespace"}},
		"without service":  {ResourceToTelemetry{Enabled: true, ExcludeServiceAttributes: true}, []string{"host.name", "k8s.pod.name"}},
		"included":         {ResourceToTelemetry{Included: []string{"service.*", "host.nam?"}}, []string{"host.name", "service.name", "service.namespace"}},
		"excluded":         {ResourceToTelemetry{Excluded: []string{"service.*"}}, []string{"host.name", "k8s.pod.name"}},
		"both":             {ResourceToTelemetry{Included: []string{"*"}, Excluded: []string{"*name"}}, []string{"service.namespace"}},
		"a point is no RE": {ResourceToTelemetry{Included: []string{"host?name"}}, []string{"host.name"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(c *Config) { c.Namespace = ""; c.ResourceToTelemetrySettings = test.settings })
			md := newMetrics(resource...)
			md.gauge("g", 1, time.Now())
			d := f.documents(t, md)[0]
			assert.Equal(t, test.want, d.Directives[0].Dimensions[0])
			assert.Equal(t, "eu/shop", d.Directives[0].Namespace)
		})
	}
}

// Characters that CloudWatch does not take in dimensions are encoded.
func TestOtherScripts(t *testing.T) {
	f := newFixture(t, nil)
	md := newMetrics()
	md.gauge("g", 1, time.Now(), "city", "Köln", "größe", "L", ":method", "GET", "_aws", "x")
	d := f.documents(t, md)[0]
	assert.Equal(t, [][]string{{"%3Amethod", "%5Faws", "city", "gr%C3%B6%C3%9Fe"}}, d.Directives[0].Dimensions)
	assert.Equal(t, "K%C3%B6ln", d.Root["city"])
	assert.Equal(t, "Köln", d.Root["city.original"])
	assert.Equal(t, "L", d.Root["größe"])
}

func TestSums(t *testing.T) {
	f := newFixture(t, nil)
	started := pcommon.NewTimestampFromTime(time.Now().Add(-time.Hour))
	now := time.Now().Truncate(time.Minute)
	at := func(minutes int) time.Time { return now.Add(time.Duration(minutes) * time.Minute) }
	// send returns the increment of a cumulative sum, NaN if there is none.
	send := func(pod string, value float64, start pcommon.Timestamp, minutes int) float64 {
		md := newMetrics("k8s.pod.name", pod)
		md.sum("c", "{request}", cumulative, value, at(minutes), "a", "1").SetStartTimestamp(start)
		documents := f.documents(t, md)
		if len(documents) == 0 {
			return math.NaN()
		}
		assert.Equal(t, "Count", documents[0].Directives[0].Metrics[0].Unit)
		return number(t, documents[0], "c")
	}
	assert.True(t, math.IsNaN(send("a", 100, started, 0)), "the base")
	assert.EqualValues(t, 5, send("a", 105, started, 1))
	assert.True(t, math.IsNaN(send("b", 1000, started, 1)), "another pod with the same labels is another series")
	assert.EqualValues(t, 1, send("a", 106, started, 2))
	assert.True(t, math.IsNaN(send("a", 106, started, 2)), "the same point again")
	assert.EqualValues(t, 7, send("b", 1007, started, 2))
	assert.EqualValues(t, 0, send("a", 106, started, 3))
	assert.EqualValues(t, 4, send("a", 4, started, 4), "it fell: started again")
	restarted := pcommon.NewTimestampFromTime(at(5))
	assert.EqualValues(t, 300, send("a", 300, restarted, 6), "started again, and larger than before")
	assert.EqualValues(t, 40, send("new", 40, pcommon.NewTimestampFromTime(time.Now().Add(time.Second)), 1), "known from its beginning")
	assert.EqualValues(t, 2, f.sum(t, "points_dropped", "reason", "first_value"))
	assert.EqualValues(t, 1, f.sum(t, "points_dropped", "reason", "out_of_order"))

	md := newMetrics()
	s := md.metric("level", "{thread}").SetEmptySum()
	s.SetAggregationTemporality(cumulative)
	s.DataPoints().AppendEmpty().SetIntValue(-4)
	md.sum("big", "", delta, 0, now).SetIntValue(math.MaxInt64)
	md.metric("ns", "ns").SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1500)
	d := f.documents(t, md)
	all := map[string]float64{}
	for _, one := range d {
		for _, name := range one.Metrics() {
			all[name] = number(t, one, name)
		}
	}
	assert.Equal(t, map[string]float64{"level": -4, "big": math.MaxInt64, "ns": 1.5}, all)
}

// Integers beyond what a float64 holds keep their increments.
func TestLargeIntegers(t *testing.T) {
	f := newFixture(t, nil)
	var got []float64
	for i := range int64(3) {
		md := newMetrics()
		md.sum("c", "", cumulative, 0, time.Now().Add(time.Duration(i)*time.Second)).SetIntValue(1<<60 + i)
		for _, d := range f.documents(t, md) {
			got = append(got, number(t, d, "c"))
		}
	}
	assert.Equal(t, []float64{1, 1}, got)
}

func TestCumulativeSeriesAreBounded(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.MaxCumulativeSeries = 10; c.RetainInitialValueOfDeltaMetric = true })
	clock := time.Now()
	f.translator.now = func() time.Time { return clock }
	md := newMetrics()
	for i := range 15 {
		md.sum("c", "", cumulative, 1, clock, "id", fmt.Sprint(i))
	}
	assert.Len(t, f.documents(t, md), 10)
	assert.EqualValues(t, 5, f.sum(t, "points_dropped", "reason", "too_many_series"))

	clock = clock.Add(2 * time.Hour)
	f.translator.deltas.commit(clock)
	assert.Empty(t, f.translator.deltas.series, "silent series are forgotten")
}

func TestSummaries(t *testing.T) {
	add := func(md metricsBuilder, count uint64, sum float64, at time.Time) pmetric.SummaryDataPoint {
		p := md.metric("s", "s").SetEmptySummary().DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(at))
		p.SetCount(count)
		p.SetSum(sum)
		for _, q := range [][2]float64{{0.5, 2}, {0, 1}, {0.99, 9}, {1, 10}, {0.9, math.NaN()}} {
			v := p.QuantileValues().AppendEmpty()
			v.SetQuantile(q[0])
			v.SetValue(q[1])
		}
		return p
	}
	now := time.Now()

	f := newFixture(t, nil)
	md := newMetrics()
	add(md, 100, 300, now)
	w := weighted(t, f.documents(t, md)[0], "s")
	assert.EqualValues(t, 100, w.Count)
	assert.EqualValues(t, 300, w.Sum)
	assert.Equal(t, []float64{1, 10}, []float64{w.Min, w.Max})
	assert.Len(t, w.Values, 3)
	assert.Equal(t, []uint64{50, 49, 1}, w.Counts)

	detailed := newFixture(t, func(c *Config) { c.DetailedMetrics = true })
	got := map[string]float64{}
	for _, d := range detailed.documents(t, md) {
		for _, name := range d.Metrics() {
			key := name
			if q, ok := d.Root["quantile"]; ok {
				key += q.(string)
			}
			got[key] = number(t, d, name)
		}
	}
	assert.Equal(t, map[string]float64{"s_count": 100, "s_sum": 300, "s0": 1, "s0.5": 2, "s0.99": 9, "s1": 10}, got)

	prometheus := newFixture(t, nil)
	for i, want := range []uint64{0, 20} {
		md := newMetrics("receiver", "prometheus")
		add(md, 100+20*uint64(i), 300+40*float64(i), now.Add(time.Duration(i)*time.Second))
		documents := prometheus.documents(t, md)
		if want == 0 {
			assert.Empty(t, documents)
			continue
		}
		w := weighted(t, documents[0], "s")
		assert.Equal(t, want, w.Count)
		assert.EqualValues(t, 40, w.Sum)
	}
}

func TestResolution(t *testing.T) {
	f := newFixture(t, nil)
	now := time.Now().Truncate(time.Minute)
	md := newMetrics()
	md.gauge("g", 1, now, resolutionAttribute, "1")
	md.gauge("g", 2, now.Add(time.Second), resolutionAttribute, "1")
	md.gauge("g", 3, now)
	md.gauge("h", 3, now, resolutionAttribute, "60")
	documents := f.documents(t, md)
	require.Len(t, documents, 3)
	assert.Equal(t, 1, documents[0].Directives[0].Metrics[0].StorageResolution)
	assert.Zero(t, documents[2].Directives[0].Metrics[0].StorageResolution)
	assert.NotContains(t, documents[0].Root, resolutionAttribute)
}

// One name with two units cannot be one metric of one event.
func TestOneNameTwoUnits(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		c.MetricDescriptors = []MetricDescriptor{{MetricName: "d", Unit: "Count", Overwrite: true}, {MetricName: "e", Unit: "Percent"}, {MetricName: "f", Unit: "Miles"}}
	})
	md := newMetrics()
	for name, unit := range map[string]string{"d": "ms", "e": "ms", "f": ""} {
		md.metric(name, unit).SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
	}
	md.metric("x", "s").SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
	md.metric("x", "ms").SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
	documents := f.documents(t, md)
	require.Len(t, documents, 2)
	units := map[string][]string{}
	for _, d := range documents {
		for _, m := range d.Directives[0].Metrics {
			units[m.Name] = append(units[m.Name], m.Unit)
		}
	}
	assert.Equal(t, map[string][]string{"d": {"Count"}, "e": {"Milliseconds"}, "f": {""}, "x": {"Seconds", "Milliseconds"}}, units)
	assert.Contains(t, f.cfg.allWarnings(), `metric_descriptors[2] has no effect: unit "Miles" is none of CloudWatch's`)
}

func TestJSONLabels(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		c.ParseJSONEncodedAttributeValues = []string{"Sources", "kubernetes"}
		c.EKSFargateContainerInsightsEnabled = true
	})
	md := newMetrics()
	md.gauge("g", 1, time.Now(), "Type", "Pod", "Sources", `["cadvisor"]`, "PodName", "p", "Namespace", "n", "app", "shop")
	d := f.documents(t, md)[0]
	assert.Equal(t, []any{"cadvisor"}, d.Root["Sources"])
	assert.Equal(t, map[string]any{"pod_name": "p", "namespace_name": "n", "labels": map[string]any{"app": "shop"}}, d.Root["kubernetes"])
	assert.Equal(t, [][]string{{"Namespace", "PodName", "Type", "app"}}, d.Directives[0].Dimensions)
}

func TestVersion0(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Version = "0" })
	md := newMetrics()
	md.gauge("g", 1, time.Now(), "Version", "5")
	events, _ := f.events(t.Context(), md.Metrics)
	var root map[string]any
	require.NoError(t, json.Unmarshal(events[0].message, &root))
	assert.Equal(t, "0", root["Version"])
	assert.NotContains(t, root, "_aws")
	assert.Len(t, root["CloudWatchMetrics"], 1)
}

// The default stream names this host and this instance of the collector.
func TestDefaultStream(t *testing.T) {
	t.Setenv("POD_NAME", "collector-7")
	a, b := newFixture(t, nil), newFixture(t, nil)
	assert.Regexp(t, "^otel-stream-collector-7-.+", a.translator.defaultStream)
	assert.NotEqual(t, a.translator.defaultStream, b.translator.defaultStream)
}

func TestTemplate(t *testing.T) {
	resource := pcommon.NewMap()
	put(resource, []string{"aws.ecs.cluster.name", "c", "TaskId", "own", "aws.ecs.task.id", "t"})
	for in, want := range map[string]string{
		"/x/{ClusterName}/{TaskId}": "/x/c/own", "{ClusterName}{ClusterName}": "cc", "{Other}-{ClusterName": "{Other}-{ClusterName",
		"{{ClusterName}}": "{c}", "{NodeName}": "undefined", "": "",
	} {
		assert.Equal(t, want, parseTemplate(in).resolve(resource, nil), in)
	}
}

// The exporter says what the metrics cost, and why.
func TestCosts(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.DimensionRollupOption = zeroRollup })
	now := time.Now()
	for range 3 {
		md := newMetrics()
		for i := range 1000 {
			md.gauge("a", 1, now, "user", fmt.Sprint(i), "region", fmt.Sprint(i%2))
			md.gauge("b", 1, now, "user", fmt.Sprint(i), "region", fmt.Sprint(i%2))
		}
		f.events(t.Context(), md.Metrics)
	}
	// For each name: 1000 with both, 1000 with the user, 2 with the region, 1 without.
	e := f.costs.estimate()
	assert.InEpsilon(t, 4006, e.metrics, 0.05)
	assert.Equal(t, "user", e.dimension)
	assert.InEpsilon(t, 4000, e.fewer, 0.05)
	assert.InDelta(t, 0.3*float64(e.metrics), e.dollars, 0.001)
	lines := f.log.FilterMessageSnippet("bills each").All()
	require.Len(t, lines, 1)
	assert.Equal(t, "user", lines[0].ContextMap()["largest_dimension"])

	assert.InDelta(t, 10_000*0.3+240_000*0.1+750_000*0.05+5000*0.02, monthly(1_005_000), 0.001)
	assert.Zero(t, monthly(0))
}

func TestSketch(t *testing.T) {
	var s sketch
	n := 0
	for _, want := range []int{0, 1, 10, 1000, 20_000, 300_000} {
		for ; n < want; n++ {
			s.add(mix(uint64(n) + 1))
		}
		assert.InDelta(t, want, s.count(), 0.5+0.05*float64(want))
	}
}
