package xraymetricsconnector

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/tailwater-otel/tailwater/connector/xraymetricsconnector/internal/metadatatest"
)

// trace makes the spans of one trace: a request of checkout that calls pay.
func trace(n int, status int64, took time.Duration, change func(entry, call, served ptrace.Span)) ptrace.Traces {
	td := ptrace.NewTraces()
	add := func(service string, span, parent byte, kind ptrace.SpanKind) ptrace.Span {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", service)
		s := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		s.SetTraceID(pcommon.TraceID{9, 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)})
		s.SetSpanID(pcommon.SpanID{span})
		if parent != 0 {
			s.SetParentSpanID(pcommon.SpanID{parent})
		}
		s.SetKind(kind)
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(took)))
		return s
	}
	entry := add("checkout", 1, 0, server)
	entry.Attributes().PutInt("http.response.status_code", status)
	entry.Attributes().PutStr("http.request.method", "GET")
	entry.Attributes().PutStr("url.full", "https://shop.example/items")
	call := add("checkout", 2, 1, client)
	call.Attributes().PutStr("peer.service", "pay")
	served := add("pay", 3, 2, server)
	if change != nil {
		change(entry, call, served)
	}
	return td
}

func groupsOf(list ...GroupConfig) func(*Config) {
	return func(c *Config) {
		c.Groups = list
		c.MetricsFlushInterval = time.Minute
	}
}

// spans returns each resource of a batch as a batch.
func apart(td ptrace.Traces) (all []ptrace.Traces) {
	for _, rs := range td.ResourceSpans().All() {
		one := ptrace.NewTraces()
		rs.CopyTo(one.ResourceSpans().AppendEmpty())
		all = append(all, one)
	}
	return all
}

func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := begin(t, groupsOf(
			GroupConfig{"all", `responsetime >= 0`},
			GroupConfig{"slow", `responsetime > 1`},
			GroupConfig{"failed-pay", `service("pay") { fault }`},
			GroupConfig{"blue", `annotation.tenant = "blue"`},
			GroupConfig{"path", `http.url ENDSWITH "/items" AND edge("checkout", "pay")`},
			GroupConfig{"none", `service("nobody")`},
		))
		h.send(t, trace(1, 200, ms(100), nil))
		for _, part := range apart(trace(2, 429, ms(200), func(_, _, served ptrace.Span) { served.Status().SetCode(ptrace.StatusCodeError) })) {
			h.send(t, part)
			time.Sleep(time.Second)
		}
		h.send(t, trace(3, 500, 2*time.Second, func(_, call, _ ptrace.Span) { call.Attributes().PutStr("tenant", "blue") }))
		h.send(t, trace(4, 404, ms(100), nil))
		time.Sleep(15 * time.Second) // they are done, and what comes now is late
		h.send(t, apart(trace(1, 200, ms(100), nil))[2])
		require.NoError(t, h.Shutdown(context.Background()))

		got := h.sink.report(t)
		type counted struct {
			traces                 float64
			took                   float64
			fault, error, throttle float64
		}
		for name, want := range map[string]counted{
			"all":        {4, 2.4, 100, 200, 100},
			"slow":       {1, 2, 100, 0, 0},
			"failed-pay": {1, 0.2, 0, 100, 100},
			"blue":       {1, 2, 100, 0, 0},
			"path":       {4, 2.4, 100, 200, 100},
		} {
			key := "GroupName=" + name + " "
			assert.Equal(t, want.traces, got["ApproximateTraceCount"][key].sum, name)
			assert.InDelta(t, want.took, got["ResponseTime"][key].sum, 1e-9, name)
			for metric, sum := range map[string]float64{"FaultPercentage": want.fault, "ErrorPercentage": want.error, "ThrottlePercentage": want.throttle} {
				p := got[metric][key]
				assert.Equal(t, sum, p.sum, "%s of %s", metric, name)
				assert.EqualValues(t, want.traces, p.count, "%s of %s", metric, name)
			}
		}
		assert.NotContains(t, got["ResponseTime"], "GroupName=none ")
		assert.Equal(t, "SlowestTraceId3", got["ResponseTime"]["GroupName=all "].example)
		assert.Equal(t, "FailedTraceId3", got["FaultPercentage"]["GroupName=all "].example)
		assert.Equal(t, "FailedTraceId2", got["ErrorPercentage"]["GroupName=failed-pay "].example)
		metadatatest.AssertEqualConnectorXrayMetricsGroupTraces(t, h.telemetry, []metricdata.DataPoint[int64]{
			{Value: 4, Attributes: attribute.NewSet(attribute.String("cause", "complete"))},
		}, metricdatatest.IgnoreTimestamp())
		metadatatest.AssertEqualConnectorXrayMetricsGroupLateSpans(t, h.telemetry, []metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp())
		assert.Zero(t, h.groups.budget.Used())
		for _, s := range h.groups.shards {
			assert.Empty(t, s.weights)
		}
	})
}

// Where the exporter puts the metrics of groups, under either namespace.
func TestScopeOfGroups(t *testing.T) {
	h := prepare(t, func(c *Config) {
		groupsOf(GroupConfig{"all", "responsetime >= 0"})(c)
		c.ApplicationSignals = true
		c.DimensionSets = [][]string{{remoteService}}
	})
	h.send(t, apart(trace(1, 200, ms(100), nil))[0])
	h.groups.empty(time.Now())
	h.flush(t.Context(), start.Add(time.Minute))
	require.Len(t, h.sink.got, 1)
	rm := h.sink.got[0].ResourceMetrics().At(0)
	assert.Zero(t, rm.Resource().Attributes().Len())
	scope := rm.ScopeMetrics().At(0)
	assert.Equal(t, map[string]any{"aws.emf.namespace": "Tailwater", "aws.emf.dimension_sets": []any{[]any{"GroupName"}}}, scope.Scope().Attributes().AsRaw())
	var names []string
	for _, m := range scope.Metrics().All() {
		names = append(names, m.Name()+" "+m.Unit())
		if m.Type() == pmetric.MetricTypeSum {
			assert.Equal(t, pmetric.AggregationTemporalityDelta, m.Sum().AggregationTemporality())
			assert.EqualValues(t, 1, m.Sum().DataPoints().At(0).IntValue())
			assert.Equal(t, start.Add(time.Minute), m.Sum().DataPoints().At(0).Timestamp().AsTime())
		}
	}
	assert.Equal(t, []string{"ApproximateTraceCount {trace}", "ResponseTime s", "FaultPercentage %", "ErrorPercentage %", "ThrottlePercentage %"}, names)
}

// When a trace is counted: as in the tail sampler.
func TestWhenATraceIsDone(t *testing.T) {
	for name, c := range map[string]struct {
		parts   func() []ptrace.Traces
		missing string
		after   time.Duration
		cause   string
	}{
		"whole": {func() []ptrace.Traces { return apart(trace(1, 200, ms(10), nil)) }, missingWait, 10 * time.Second, "complete"},
		"a parent is missing": {
			func() []ptrace.Traces { return apart(trace(1, 200, ms(10), nil))[1:] }, missingWait, 30 * time.Second, "wait",
		},
		"a parent that never comes": {
			func() []ptrace.Traces { return apart(trace(1, 200, ms(10), nil))[1:] }, missingIgnore, 10 * time.Second, "complete",
		},
		"in progress": {
			func() []ptrace.Traces {
				return apart(trace(1, 200, ms(10), func(entry, _, _ ptrace.Span) { entry.Attributes().PutBool("aws.xray.inprogress", true) }))
			}, missingWait, 30 * time.Second, "wait",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := begin(t, func(cfg *Config) {
					groupsOf(GroupConfig{"all", "duration >= 0"})(cfg)
					cfg.MissingParent = c.missing
				})
				for _, td := range c.parts() {
					h.send(t, td)
				}
				time.Sleep(c.after - time.Millisecond)
				assert.EqualValues(t, 1, h.groups.pending())
				time.Sleep(2 * time.Second) // the clock of the buffer has a grain
				assert.EqualValues(t, 0, h.groups.pending())
				require.NoError(t, h.Shutdown(context.Background()))
				metadatatest.AssertEqualConnectorXrayMetricsGroupTraces(t, h.telemetry, []metricdata.DataPoint[int64]{
					{Value: 1, Attributes: attribute.NewSet(attribute.String("cause", c.cause))},
				}, metricdatatest.IgnoreTimestamp())
			})
		})
	}
}

// In a flood memory stays bounded, and every trace is counted once.
func TestMemoryOfGroupsIsBounded(t *testing.T) {
	h := prepare(t, func(c *Config) {
		groupsOf(GroupConfig{"all", `responsetime >= 0`}, GroupConfig{"pay", `service("pay")`})(c)
		c.Buffer.MaxBytes = 1 << 20
	})
	const traces = 5_000
	most := int64(0)
	for i := range traces {
		h.send(t, trace(i, 500, ms(10), nil))
		most = max(most, h.groups.budget.Used())
	}
	assert.LessOrEqual(t, most, int64(1<<20))
	assert.Greater(t, most, int64(1<<19))
	h.groups.empty(time.Now())
	assert.Zero(t, h.groups.budget.Used())
	got := h.flushNow(t)
	for _, key := range []string{"GroupName=all ", "GroupName=pay "} {
		assert.EqualValues(t, traces, got["ApproximateTraceCount"][key].sum, key)
		assert.EqualValues(t, 100*traces, got["FaultPercentage"][key].sum, key)
	}
}

// A trace of many spans does not take all memory.
func TestLargeTrace(t *testing.T) {
	h := prepare(t, func(c *Config) {
		groupsOf(GroupConfig{"all", `responsetime >= 0`})(c)
		c.Buffer.MaxTraceBytes = minTraceBytes
	})
	for range 100 {
		h.send(t, trace(1, 200, ms(10), nil))
	}
	got := h.flushNow(t)
	assert.EqualValues(t, 1, got["ApproximateTraceCount"]["GroupName=all "].sum)
	assert.Zero(t, h.groups.budget.Used())
}

// Traces that stand for others count as many times, what the archive sends
// again counts not at all, and what has no trace ID is counted as left out.
func TestWeightsOfTraces(t *testing.T) {
	h := prepare(t, groupsOf(GroupConfig{"all", "responsetime >= 0"}))
	for i := range 10 {
		h.send(t, trace(i, 200, ms(10), func(entry, call, served ptrace.Span) {
			for _, s := range []ptrace.Span{entry, call, served} {
				s.TraceState().FromRaw("ot=th:c")
			}
		}))
	}
	h.send(t, trace(100, 200, ms(10), func(entry, call, served ptrace.Span) {
		for _, s := range []ptrace.Span{entry, call, served} {
			s.Attributes().PutBool("archive.replayed", true)
		}
	}))
	again := trace(101, 200, ms(10), nil)
	for _, rs := range again.ResourceSpans().All() {
		rs.Resource().Attributes().PutBool("archive.replayed", true)
	}
	h.send(t, again)
	h.send(t, trace(102, 200, ms(10), func(entry, call, served ptrace.Span) {
		for _, s := range []ptrace.Span{entry, call, served} {
			s.SetTraceID(pcommon.TraceID{})
		}
	}))
	h.groups.empty(time.Now())
	assert.EqualValues(t, 40, h.flushNow(t)["ApproximateTraceCount"]["GroupName=all "].sum)
	reason := func(name string, n int64) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attribute.String("reason", name))}
	}
	metadatatest.AssertEqualConnectorXrayMetricsNotCounted(t, h.telemetry,
		[]metricdata.DataPoint[int64]{reason("replayed", 6), reason("missing_trace_id", 3)}, metricdatatest.IgnoreTimestamp())
}

func TestRecentForgets(t *testing.T) {
	r := recent{limit: 10}
	for i := range uint64(1000) {
		r.add(i)
		assert.True(t, r.has(i))
		assert.LessOrEqual(t, len(r.young)+len(r.old), 20)
		if i >= 10 {
			assert.True(t, r.has(i-10))
		}
	}
	assert.False(t, r.has(0))
}
