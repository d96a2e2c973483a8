package e2e

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// joining sends metrics to another process's CloudWatch, a value a minute.
const joining = `
exporters:
  awsemf:
    namespace: Shop
    log_group_name: /shop
    endpoint: http://${env:CLOUD}
    region: us-east-1
    local_mode: true
    aggregation_wait: ${env:WAIT}
service:
  pipelines:
    metrics:
      receivers: [otlp]
      exporters: [awsemf]
`

// order is a point of each kind of one series.
func order(id string, at time.Time) pmetric.Metrics {
	md := pmetric.NewMetrics()
	list := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	stamp := pcommon.NewTimestampFromTime(at)
	orders := list.AppendEmpty()
	orders.SetName("orders")
	sum := orders.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	p := sum.DataPoints().AppendEmpty()
	p.SetTimestamp(stamp)
	p.SetIntValue(2)
	p.Attributes().PutStr("id", id)
	took := list.AppendEmpty()
	took.SetName("took")
	took.SetUnit("ms")
	h := took.SetEmptyHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	q := h.DataPoints().AppendEmpty()
	q.SetTimestamp(stamp)
	q.ExplicitBounds().FromRaw([]float64{10, 20})
	q.BucketCounts().FromRaw([]uint64{1, 2, 0})
	q.SetCount(3)
	q.SetSum(35)
	q.Attributes().PutStr("id", id)
	return md
}

type joinedEvent struct {
	ID     string
	Orders float64
	Took   struct {
		Sum, Count float64
		Counts     []float64
	}
}

// ofSeries returns the events of one series.
func (c *cloud) ofSeries(id string) (out []joinedEvent) {
	for _, text := range c.events("/shop") {
		var e joinedEvent
		require.NoError(c.t, json.Unmarshal([]byte(text), &e), text)
		if e.ID == id {
			out = append(out, e)
		}
	}
	return out
}

// Points of one series and minute that come in several batches are one event,
// and SIGTERM loses none of those that wait for their minute.
func TestOneValueAMinute(t *testing.T) {
	t.Parallel()
	there := start(t, setup{configs: base(t, metered), env: []string{"FAKE_XRAY=http://127.0.0.1:1"}})
	cw := newCloud(t, there)
	const batches, joinWait = 6, 2 * time.Second
	env := func(wait string) []string {
		return []string{"FAKE_XRAY=http://127.0.0.1:1", "CLOUD=" + there.Addresses.API, "WAIT=" + wait,
			"AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local"}
	}

	c := start(t, setup{configs: base(t, joining), env: env(joinWait.String())})
	send := newMetricsSender(t, c)
	id := ""
	for attempt := range 100 {
		// A minute that is over waits from its first point on. A machine that is too
		// slow to send all of them meanwhile tries again with another series.
		id = fmt.Sprint("over-", attempt)
		begun := time.Now()
		over := begun.Truncate(time.Minute).Add(-time.Duration(5+attempt) * time.Minute)
		for i := range batches {
			send(order(id, over.Add(time.Duration(5*i)*time.Second)))
		}
		if time.Since(begun) < joinWait {
			break
		}
	}
	// The group is there once something came.
	require.Eventually(t, func() bool {
		_, ok := cw.stat("Shop", "orders", "Sum", map[string]string{"id": id})
		return ok
	}, wait, tick)
	events := cw.ofSeries(id)
	require.Len(t, events, 1)
	assert.EqualValues(t, 2*batches, events[0].Orders)
	c.stop()

	// These wait for the end of their minute and five more.
	c = start(t, setup{configs: base(t, joining), env: env("5m")})
	send = newMetricsSender(t, c)
	for i := range 10 {
		send(order(fmt.Sprint("waiting-", i%2), time.Now()))
	}
	c.waitMetric(1, "exporter_awsemf_held_values")
	require.Empty(t, cw.ofSeries("waiting-0"))
	c.stop()
	for _, id := range []string{"waiting-0", "waiting-1"} {
		orders, count := 0.0, 0.0
		for _, e := range cw.ofSeries(id) {
			orders += e.Orders
			for _, n := range e.Took.Counts {
				count += n
			}
		}
		assert.EqualValues(t, 10, orders, id)
		assert.EqualValues(t, 15, count, id)
	}
	there.stop()
}
