package awsemfexporter

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tailwater-otel/tailwater/internal/emf"
	"github.com/tailwater-otel/tailwater/internal/emf/emftest"
)

// generator makes any metrics that OTLP can say, odd ones more often than life does.
type generator struct {
	*rand.Rand
	now time.Time
}

func (g generator) text() string {
	words := []string{"a", "b", "latency", "_aws", ":", "größe", "\x00", "\xff", `"`, `\`, "%", " ", "東京", "service.name", "OTelLib", "", "{PodName}", "g"}
	out := words[g.IntN(len(words))]
	for g.IntN(3) == 0 {
		out += words[g.IntN(len(words))]
	}
	if g.IntN(100) == 0 {
		out += strings.Repeat(words[g.IntN(len(words))], g.IntN(2000))
	}
	return out
}

func (g generator) float() float64 {
	odd := []float64{0, 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, emf.MaxValue, 1e-320}
	if g.IntN(4) == 0 {
		return odd[g.IntN(len(odd))]
	}
	return g.NormFloat64() * math.Pow(10, float64(g.IntN(6)))
}

func (g generator) time() pcommon.Timestamp {
	switch g.IntN(10) {
	case 0:
		return 0
	case 1:
		return pcommon.Timestamp(g.Uint64())
	case 2:
		return pcommon.NewTimestampFromTime(g.now.Add(-time.Duration(g.IntN(20*24)) * time.Hour))
	default:
		return pcommon.NewTimestampFromTime(g.now.Add(-time.Duration(g.IntN(300)) * time.Second))
	}
}

func (g generator) attributes(m pcommon.Map) {
	n := g.IntN(5)
	if g.IntN(20) == 0 {
		n = g.IntN(45)
	}
	for range n {
		switch key := g.text(); g.IntN(6) {
		case 0:
			m.PutInt(key, g.Int64())
		case 1:
			m.PutEmptySlice(key).AppendEmpty().SetDouble(g.float())
		case 2:
			m.PutEmptyMap(key).PutBool("x", true)
		default:
			m.PutStr(key, g.text())
		}
	}
	if g.IntN(15) == 0 {
		m.PutInt(resolutionAttribute, int64(g.IntN(70)))
	}
}

func (g generator) scope(m pcommon.Map) {
	if g.IntN(3) > 0 {
		return
	}
	m.PutStr(namespaceAttribute, g.text())
	m.PutStr(logGroupAttribute, g.text())
	sets := m.PutEmptySlice(setsAttribute)
	for range g.IntN(4) {
		set := sets.AppendEmpty().SetEmptySlice()
		for range g.IntN(4) {
			set.AppendEmpty().SetStr(g.text())
		}
	}
	if g.IntN(4) == 0 {
		sets.AppendEmpty().SetInt(3)
	}
}

func (g generator) exemplars(list pmetric.ExemplarSlice) {
	for range g.IntN(3) {
		e := list.AppendEmpty()
		e.SetDoubleValue(g.float())
		if g.IntN(4) > 0 {
			e.SetTraceID(pcommon.TraceID{byte(g.IntN(256)), 1})
		}
		if g.IntN(2) == 0 {
			e.FilteredAttributes().PutStr(fieldAttribute, g.text())
		}
	}
}

func (g generator) metrics() pmetric.Metrics {
	md := pmetric.NewMetrics()
	for range 1 + g.IntN(3) {
		rm := md.ResourceMetrics().AppendEmpty()
		g.attributes(rm.Resource().Attributes())
		for range 1 + g.IntN(2) {
			sm := rm.ScopeMetrics().AppendEmpty()
			if g.IntN(2) == 0 {
				sm.Scope().SetName(g.text())
			}
			g.scope(sm.Scope().Attributes())
			for range g.IntN(12) {
				g.metric(sm.Metrics().AppendEmpty())
			}
		}
	}
	return md
}

func (g generator) metric(m pmetric.Metric) {
	m.SetName(g.text())
	m.SetUnit([]string{"", "1", "ms", "ns", "{x}", "By", "KiBy", "%", "weird", "Count"}[g.IntN(10)])
	temporality := pmetric.AggregationTemporality(g.IntN(3))
	points := g.IntN(4)
	if g.IntN(30) == 0 {
		points = 150
	}
	switch g.IntN(6) {
	case 0:
		for range points {
			g.number(m.SetEmptyGauge().DataPoints().AppendEmpty())
		}
	case 1:
		s := m.SetEmptySum()
		s.SetAggregationTemporality(temporality)
		s.SetIsMonotonic(g.IntN(2) == 0)
		for range points {
			g.number(s.DataPoints().AppendEmpty())
		}
	case 2:
		h := m.SetEmptyHistogram()
		h.SetAggregationTemporality(temporality)
		for range points {
			g.histogram(h.DataPoints().AppendEmpty())
		}
	case 3:
		h := m.SetEmptyExponentialHistogram()
		h.SetAggregationTemporality(temporality)
		for range points {
			g.exponential(h.DataPoints().AppendEmpty())
		}
	case 4:
		for range points {
			p := m.SetEmptySummary().DataPoints().AppendEmpty()
			g.point(p)
			p.SetCount(g.Uint64N(1 << (1 + g.IntN(63))))
			p.SetSum(g.float())
			for range g.IntN(6) {
				q := p.QuantileValues().AppendEmpty()
				q.SetQuantile(g.Float64() * 1.2)
				q.SetValue(g.float())
			}
		}
	}
}

func (g generator) point(p interface {
	Attributes() pcommon.Map
	SetTimestamp(pcommon.Timestamp)
	SetStartTimestamp(pcommon.Timestamp)
	SetFlags(pmetric.DataPointFlags)
}) {
	g.attributes(p.Attributes())
	p.SetTimestamp(g.time())
	p.SetStartTimestamp(g.time())
	if g.IntN(30) == 0 {
		p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	}
}

func (g generator) number(p pmetric.NumberDataPoint) {
	g.point(p)
	switch g.IntN(5) {
	case 0:
	case 1:
		p.SetIntValue(g.Int64())
	default:
		p.SetDoubleValue(g.float())
	}
}

func (g generator) histogram(p pmetric.HistogramDataPoint) {
	g.point(p)
	n := g.IntN(12)
	if g.IntN(20) == 0 {
		n = 300
	}
	bound := -5.0
	for range n {
		bound += g.Float64() * 10
		if g.IntN(60) == 0 {
			bound = g.float()
		}
		p.ExplicitBounds().Append(bound)
	}
	for range n + 1 - g.IntN(30)/29 {
		p.BucketCounts().Append(uint64(g.IntN(5)))
	}
	p.SetCount(g.Uint64N(100))
	if g.IntN(4) > 0 {
		p.SetSum(g.float())
	}
	if g.IntN(3) == 0 {
		p.SetMin(g.float())
	}
	if g.IntN(3) == 0 {
		p.SetMax(g.float())
	}
	g.exemplars(p.Exemplars())
}

func (g generator) exponential(p pmetric.ExponentialHistogramDataPoint) {
	g.point(p)
	p.SetScale(int32(g.IntN(30) - 10))
	for _, side := range []pmetric.ExponentialHistogramDataPointBuckets{p.Positive(), p.Negative()} {
		if g.IntN(3) == 0 {
			continue
		}
		side.SetOffset(int32(g.IntN(200) - 100))
		for range g.IntN(200) {
			side.BucketCounts().Append(uint64(g.IntN(4)))
		}
	}
	if g.IntN(10) == 0 {
		p.SetScale(g.Int32() - math.MaxInt32/2)
		p.Positive().SetOffset(g.Int32() - math.MaxInt32/2)
	}
	p.SetZeroCount(uint64(g.IntN(3)))
	p.SetZeroThreshold(g.float())
	p.SetCount(g.Uint64N(100))
	if g.IntN(4) > 0 {
		p.SetSum(g.float())
	}
	if g.IntN(3) == 0 {
		p.SetMin(g.float())
	}
	if g.IntN(3) == 0 {
		p.SetMax(g.float())
	}
	g.exemplars(p.Exemplars())
}

// configs are the ways in which documents differ.
var configs = []func(*Config){
	func(*Config) {},
	byBatch,
	func(c *Config) { c.DimensionRollupOption = zeroRollup; c.Namespace = "" },
	func(c *Config) {
		c.MetricDeclarations = []*MetricDeclaration{{Dimensions: [][]string{{"a"}, {}, {"größe", "b"}}, MetricNameSelectors: []string{"a", "^$"}}}
		c.ResourceToTelemetrySettings.Excluded = []string{"b"}
		c.MaxEventBytes = minEventBytes
	},
	func(c *Config) {
		c.DetailedMetrics, c.RetainInitialValueOfDeltaMetric = true, true
		c.ParseJSONEncodedAttributeValues = []string{"a", "b"}
		c.LogGroupName, c.LogStreamName = "/{PodName}/x", "{TaskId}"
		c.MaxCumulativeSeries = 20
	},
}

// requireValid checks everything that leaves the exporter for some metrics.
func requireValid(t testing.TB, f *fixture, md pmetric.Metrics, about string) (events []event) {
	events, _ = f.events(t.Context(), md)
	requireValidEvents(t, f, events, about)
	return events
}

func requireValidEvents(t testing.TB, f *fixture, events []event, about string) {
	require.Zero(t, f.log.FilterMessageSnippet("Error in the program").Len(), "%s: %v", about, f.log.All())
	now := time.Now()
	for _, e := range events {
		d, err := emftest.Check(e.message)
		require.NoError(t, err, "%s: %s", about, e.message)
		require.LessOrEqual(t, len(e.message), f.cfg.MaxEventBytes)
		require.Equal(t, emf.LogGroup(e.group), e.group)
		require.Equal(t, emf.LogStream(e.stream), e.stream)
		at := time.UnixMilli(e.timestamp)
		require.True(t, now.Sub(at) < oldest+time.Minute && at.Sub(now) < newest+time.Minute, "%s: %v", about, at)
		if d.Directives != nil {
			require.Equal(t, e.timestamp, d.Timestamp, "one timestamp")
		}
	}
}

// Whatever metrics come, what leaves is valid.
func TestAnyMetricsGiveValidDocuments(t *testing.T) {
	for i, change := range configs {
		t.Run(fmt.Sprint("config ", i), func(t *testing.T) {
			f := newFixture(t, change)
			total := 0
			for seed := range uint64(25) {
				g := generator{rand.New(rand.NewPCG(seed, uint64(i))), time.Now()}
				events := requireValid(t, f, g.metrics(), fmt.Sprint("seed ", seed))
				total += len(events)
				for _, r := range requests(events) {
					c := call{}
					for _, e := range r.events {
						c.LogEvents = append(c.LogEvents, struct {
							Timestamp int64
							Message   string
						}{e.timestamp, string(e.message)})
					}
					require.Empty(t, c.invalid())
				}
			}
			require.Greater(t, total, 50)
			require.EqualValues(t, total, f.sum(t, "events_made"))
		})
	}
}

// FuzzMetrics takes OTLP metrics as they come over the wire.
func FuzzMetrics(f *testing.F) {
	marshaler := pmetric.ProtoMarshaler{}
	for seed := range uint64(8) {
		g := generator{rand.New(rand.NewPCG(seed, 99)), time.Now()}
		text, err := marshaler.MarshalMetrics(g.metrics())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte, config byte) {
		unmarshaler := pmetric.ProtoUnmarshaler{}
		md, err := unmarshaler.UnmarshalMetrics(text)
		if err != nil {
			return
		}
		fixture := newFixture(t, configs[int(config)%len(configs)])
		for range 2 { // the second time increments
			requireValid(t, fixture, md, "fuzz")
		}
		if fixture.translator.window != nil {
			for range 3 { // joined
				fixture.gather(t.Context(), md)
			}
			requireValidEvents(t, fixture, fixture.all(t.Context()), "fuzz")
		}
	})
}
