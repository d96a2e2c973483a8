package xraymetricsconnector

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/tailwater-otel/tailwater/connector/xraymetricsconnector/internal/metadatatest"
)

// What the exporter relies on: scopes, units, times, temporality, exemplars.
func TestMetricsThatComeOut(t *testing.T) {
	for name, signals := range map[string]bool{"in our namespace": false, "in that of Application Signals": true} {
		t.Run(name, func(t *testing.T) {
			h := prepare(t, func(c *Config) { c.ApplicationSignals = signals })
			h.send(t, traces(map[string]any{
				"service.name": "shop", "cloud.platform": "aws_eks", "k8s.cluster.name": "blue", "k8s.namespace.name": "web", "host.id": "i-1",
			},
				spec{kind: server, took: ms(10), attributes: map[string]any{"http.route": "/a", "http.response.status_code": 404}},
				spec{kind: server, took: ms(30), attributes: map[string]any{"http.route": "/a", "http.response.status_code": 500}},
				spec{kind: server, took: ms(20), attributes: map[string]any{"http.route": "/a", "http.response.status_code": 200}},
				spec{kind: client, child: true, took: ms(5), attributes: map[string]any{"peer.service": "pay"}},
			))
			h.flushed = start
			h.flush(context.Background(), start.Add(time.Minute))
			require.Len(t, h.sink.got, 1)
			md := h.sink.got[0]
			require.Equal(t, 1, md.ResourceMetrics().Len())
			rm := md.ResourceMetrics().At(0)
			assert.Equal(t, map[string]any{
				"service.name": "shop", "deployment.environment.name": "eks:blue/web",
				"cloud.platform": "aws_eks", "k8s.cluster.name": "blue", "k8s.namespace.name": "web",
			}, rm.Resource().Attributes().AsRaw())
			require.Equal(t, 2, rm.ScopeMetrics().Len())

			var all []any
			for _, sm := range rm.ScopeMetrics().All() {
				a := sm.Scope().Attributes().AsRaw()
				if signals {
					assert.Equal(t, "ApplicationSignals", a["aws.emf.namespace"])
					assert.Equal(t, "/aws/application-signals/data", a["aws.emf.log_group_name"])
				} else {
					assert.Equal(t, "Tailwater", a["aws.emf.namespace"])
					assert.NotContains(t, a, "aws.emf.log_group_name")
				}
				all = append(all, a["aws.emf.dimension_sets"].([]any)...)
				names := []string{}
				for _, m := range sm.Metrics().All() {
					names = append(names, m.Name()+" "+m.Unit())
				}
				assert.Equal(t, []string{"Latency ms", "Fault 1", "Error 1", "Throttle 1"}, names)
			}
			assert.Len(t, all, 15)
			assert.Equal(t, []any{"Environment", "Service", "Operation"}, all[0])
			assert.Equal(t, []any{"Environment", "Service"}, all[1])

			requests := rm.ScopeMetrics().At(0).Metrics()
			latency := requests.At(0).ExponentialHistogram()
			assert.Equal(t, pmetric.AggregationTemporalityDelta, latency.AggregationTemporality())
			p := latency.DataPoints().At(0)
			assert.Equal(t, start, p.StartTimestamp().AsTime())
			assert.Equal(t, start.Add(time.Minute), p.Timestamp().AsTime())
			assert.Equal(t, map[string]any{
				"Environment": "eks:blue/web", "Service": "shop", "Operation": "/a", "Telemetry.Source": "ServerSpan",
			}, p.Attributes().AsRaw())
			fault := requests.At(1).Histogram()
			assert.Equal(t, pmetric.AggregationTemporalityDelta, fault.AggregationTemporality())
			q := fault.DataPoints().At(0)
			assert.Equal(t, []uint64{2, 1}, q.BucketCounts().AsRaw())
			assert.Equal(t, []float64{0}, q.ExplicitBounds().AsRaw())

			got := h.sink.report(t)
			const key = "Environment=eks:blue/web Operation=/a Service=shop Telemetry.Source=ServerSpan "
			l := got["Latency"][key]
			l.exp = pmetric.ExponentialHistogramDataPoint{}
			assert.Equal(t, point{count: 3, sum: 60, min: 10, max: 30, example: "SlowestTraceId2"}, l)
			assert.Equal(t, point{count: 3, sum: 1, max: 1, example: "FailedTraceId2"}, got["Fault"][key])
			assert.Equal(t, point{count: 3, sum: 1, max: 1}, got["Error"][key])
			assert.Equal(t, point{count: 3}, got["Throttle"][key])
		})
	}
}

// A request that failed by the client's fault is the example if none is worse.
func TestExampleOfAnError(t *testing.T) {
	h := prepare(t, nil)
	h.send(t, traces(nil, spec{kind: server, name: "a", attributes: map[string]any{"http.response.status_code": 400}}))
	for _, p := range h.flushNow(t)["Error"] {
		assert.Equal(t, "FailedTraceId1", p.example)
	}
}

func TestFlushesFollowTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := begin(t, func(c *Config) { c.MetricsFlushInterval = 10 * time.Second })
		begun := time.Now()
		td := traces(map[string]any{"service.name": "shop"}, spec{kind: server, name: "a", took: ms(1)})
		time.Sleep(3 * time.Second)
		h.send(t, td)
		h.send(t, td)
		time.Sleep(7*time.Second + time.Millisecond)
		synctest.Wait()
		require.Len(t, h.sink.got, 1)
		time.Sleep(20 * time.Second) // nothing came: nothing is sent
		synctest.Wait()
		require.Len(t, h.sink.got, 1)
		h.send(t, td)
		time.Sleep(5 * time.Second)
		require.NoError(t, h.Shutdown(context.Background()))
		require.Len(t, h.sink.got, 2)

		at := func(i int) (from, to time.Time, n uint64) {
			p := h.sink.got[i].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).ExponentialHistogram().DataPoints().At(0)
			return p.StartTimestamp().AsTime(), p.Timestamp().AsTime(), p.Count()
		}
		from, to, n := at(0)
		assert.Equal(t, begun.UTC(), from)
		assert.Equal(t, begun.Truncate(10*time.Second).Add(10*time.Second).UTC(), to)
		assert.EqualValues(t, 2, n)
		from, _, n = at(1)
		assert.Equal(t, to.Add(20*time.Second), from)
		assert.EqualValues(t, 1, n)
		require.NoError(t, h.Shutdown(context.Background())) // twice is once
	})
}

// While the next component refuses, counting goes on, and nothing is lost or
// sent twice.
func TestRefusedFlushesAreSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := begin(t, func(c *Config) { c.MetricsFlushInterval = 10 * time.Second })
		td := traces(map[string]any{"service.name": "shop"}, spec{kind: server, name: "a", took: ms(1)})
		refuse := true
		h.sink.fail = func(pmetric.Metrics) error {
			if refuse {
				return errors.New("not now")
			}
			return nil
		}
		for range 45 {
			h.send(t, td)
			time.Sleep(time.Second)
		}
		h.sink.mu.Lock()
		refuse = false
		h.sink.mu.Unlock()
		time.Sleep(30 * time.Second)
		require.NoError(t, h.Shutdown(context.Background()))
		total := uint64(0)
		for _, md := range h.sink.got {
			total += md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).ExponentialHistogram().DataPoints().At(0).Count()
		}
		assert.EqualValues(t, 45, total)
	})
}

func TestLostPointsAreCounted(t *testing.T) {
	lost := func(t *testing.T, h *harness, reason string, n int64) {
		metadatatest.AssertEqualConnectorXrayMetricsPointsLost(t, h.telemetry, []metricdata.DataPoint[int64]{
			{Value: n, Attributes: attribute.NewSet(attribute.String("reason", reason))},
		}, metricdatatest.IgnoreTimestamp())
	}
	td := traces(map[string]any{"service.name": "shop"}, spec{kind: server, name: "a", took: ms(1)})
	t.Run("rejected", func(t *testing.T) {
		h := prepare(t, nil)
		h.sink.fail = func(pmetric.Metrics) error { return consumererror.NewPermanent(errors.New("never")) }
		h.send(t, td)
		h.flush(context.Background(), start)
		lost(t, h, "rejected", 4)
	})
	t.Run("only the part that failed", func(t *testing.T) {
		h := prepare(t, nil)
		h.sink.fail = func(md pmetric.Metrics) error {
			part := pmetric.NewMetrics()
			md.ResourceMetrics().At(0).CopyTo(part.ResourceMetrics().AppendEmpty())
			part.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().RemoveIf(func(m pmetric.Metric) bool { return m.Name() != "Fault" })
			return consumererror.NewPermanent(consumererror.NewMetrics(errors.New("never"), part))
		}
		h.send(t, td)
		h.flush(context.Background(), start)
		lost(t, h, "rejected", 1)
	})
	t.Run("retries", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := prepare(t, nil)
			h.sink.fail = func(pmetric.Metrics) error { return errors.New("not now") }
			h.send(t, td)
			h.flush(context.Background(), start)
			lost(t, h, "retries_exhausted", 4)
		})
	})
	t.Run("shutdown", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := begin(t, nil)
			h.sink.fail = func(pmetric.Metrics) error { return errors.New("not now") }
			h.send(t, td)
			require.NoError(t, h.Shutdown(context.Background()))
			lost(t, h, "shutdown", 4)
		})
	})
}

// Spans that stand for others count as many times, and all that are left out
// are counted.
func TestWeightsAndWhatIsLeftOut(t *testing.T) {
	h := prepare(t, nil)
	route := map[string]any{"http.route": "/a", "http.response.status_code": 500}
	again := map[string]any{"http.route": "/a", "archive.replayed": true}
	var specs []spec
	for range 30 {
		specs = append(specs, spec{kind: server, took: ms(10), state: "ot=th:8", attributes: route})          // 1 in 2
		specs = append(specs, spec{kind: server, took: ms(10), state: "a=b,ot=rv:1;th:4", attributes: route}) // 3 in 4
	}
	specs = append(specs,
		spec{kind: server, took: ms(10), state: "ot=th:0", attributes: route},
		spec{kind: server, took: ms(10), state: "ot=th:zz", attributes: route},
		spec{kind: server, took: ms(10), attributes: again},
		spec{kind: server, open: true, attributes: route},
		spec{kind: server, took: ms(10), attributes: route}, // the completed form of that
	)
	h.send(t, traces(map[string]any{"service.name": "shop"}, specs...))
	h.send(t, traces(map[string]any{"service.name": "shop", "archive.replayed": true}, spec{kind: server, took: ms(10), attributes: route}))
	got := h.flushNow(t)
	const key = shop + "Operation=/a Service=shop Telemetry.Source=ServerSpan "
	assert.EqualValues(t, 60+40+3, got["Latency"][key].count)
	assert.EqualValues(t, 10*(60+40+3), got["Latency"][key].sum)
	assert.EqualValues(t, 60+40+3, got["Fault"][key].sum)
	reason := func(name string, n int64) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attribute.String("reason", name))}
	}
	metadatatest.AssertEqualConnectorXrayMetricsNotCounted(t, h.telemetry,
		[]metricdata.DataPoint[int64]{reason("in_progress", 1), reason("replayed", 2)}, metricdatatest.IgnoreTimestamp())
	metadatatest.AssertEqualConnectorXrayMetricsCounted(t, h.telemetry, []metricdata.DataPoint[int64]{
		{Value: 63, Attributes: attribute.NewSet(attribute.String("source", "request"))},
	}, metricdatatest.IgnoreTimestamp())
}

// A span without times, or one that ends before it begins, took no time.
func TestOddTimes(t *testing.T) {
	h := prepare(t, nil)
	td := traces(map[string]any{"service.name": "shop"}, spec{kind: server, name: "a", took: ms(-5)}, spec{kind: server, name: "a"})
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1).SetStartTimestamp(0)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1).SetTraceID(pcommon.TraceID{})
	h.send(t, td)
	p := h.flushNow(t)["Latency"][shop+"Operation=a Service=shop Telemetry.Source=ServerSpan "]
	assert.EqualValues(t, 2, p.count)
	assert.Zero(t, p.sum)
	assert.EqualValues(t, 2, p.exp.ZeroCount())
	h.send(t, ptrace.NewTraces())
	assert.Empty(t, h.flushNow(t))
}
