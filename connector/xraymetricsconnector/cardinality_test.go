package xraymetricsconnector

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/tailwater-otel/tailwater/connector/xraymetricsconnector/internal/metadatatest"
)

// named makes requests to operations by number.
func named(service string, from, to int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", service)
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := from; i < to; i++ {
		span := spans.AppendEmpty()
		span.SetKind(server)
		span.SetName("op_" + strconv.Itoa(i))
		span.SetTraceID(pcommon.TraceID{1})
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Millisecond)))
	}
	return td
}

func entry(service, operation string) string {
	return shop + "Operation=" + operation + " Service=" + service + " Telemetry.Source=ServerSpan "
}

// A million operations of one service: 500 series and one for the rest, totals
// exact, memory bounded.
func TestAMillionOperations(t *testing.T) {
	h := prepare(t, nil)
	before := heap()
	const batch = 5_000
	all := 1_000_000
	if raceDetector { // which makes each span ten times as dear, and the whole is run without it
		all = 100_000
	}
	td := named("shop", 0, batch)
	for from := 0; from < all; from += batch {
		for i, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			span.SetName("op_" + strconv.Itoa(from+i))
		}
		h.send(t, td)
	}
	grew := heap() - before
	got := h.flushNow(t)
	assert.Len(t, got["Latency"], 501)
	total := uint64(0)
	for _, p := range got["Latency"] {
		total += p.count
	}
	assert.EqualValues(t, all, total)
	assert.EqualValues(t, all-500, got["Latency"][entry("shop", "AllOtherOperations")].count)
	assert.EqualValues(t, 500, h.directory.total.Load())
	assert.Less(t, grew, int64(8<<20))
	t.Logf("%d KiB", grew>>10)
	metadatatest.AssertEqualConnectorXrayMetricsRolledUp(t, h.telemetry, []metricdata.DataPoint[int64]{
		{Value: int64(all - 500), Attributes: attribute.NewSet(attribute.String("kind", "operation"))},
	}, metricdatatest.IgnoreTimestamp())
	runtime.KeepAlive(h)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Operations with more traffic get the places of those with less, and there
// are never more than the limit.
func TestTrafficDecidesWhoHasAPlace(t *testing.T) {
	h := prepare(t, func(c *Config) { c.Cardinality.PerService = 50 })
	for round := range 6 {
		h.send(t, named("shop", 0, 100)) // the first 50 have the places
		h.send(t, named("shop", 1000*(round+1), 1000*(round+1)+500))
		for range 20 {
			h.send(t, named("shop", 60, 90))
		}
		got := h.flushNow(t)
		assert.LessOrEqual(t, len(got["Latency"]), 51)
		total := uint64(0)
		for _, p := range got["Latency"] {
			total += p.count
		}
		assert.EqualValues(t, 100+500+20*30, total)
		if round < 2 {
			continue
		}
		missing := 0
		for i := 60; i < 90; i++ {
			if p := got["Latency"][entry("shop", fmt.Sprintf("op_%d", i))]; p.count != 21 {
				missing++
			}
		}
		assert.Zero(t, missing, "round %d", round)
	}
	for range 12 { // then nothing comes
		h.flushNow(t)
	}
	assert.Zero(t, h.directory.total.Load())
	assert.Empty(t, h.directory.owners)
	for _, s := range h.shards {
		assert.Empty(t, s.series)
		assert.Empty(t, s.tenants)
	}
	h.send(t, named("shop", 0, 100))
	assert.Len(t, h.flushNow(t)["Latency"], 51)
}

// More services than there is room for, and more series than all may have.
func TestManyServices(t *testing.T) {
	h := prepare(t, func(c *Config) {
		c.Cardinality = CardinalityConfig{PerService: 10, Services: 20, Series: 150}
	})
	for i := range 5000 {
		h.send(t, named(fmt.Sprintf("s%d", i), 0, 12))
	}
	got := h.flushNow(t)
	total := uint64(0)
	own := 0
	for key, p := range got["Latency"] {
		total += p.count
		if !strings.Contains(key, "AllOther") {
			own++
		}
	}
	assert.EqualValues(t, 5000*12, total)
	assert.Equal(t, 150, own)
	assert.EqualValues(t, 4980*12, got["Latency"]["Environment=- Operation=AllOtherOperations Service=AllOtherServices Telemetry.Source=ServerSpan "].count)
	assert.EqualValues(t, 2, got["Latency"][entry("s0", "AllOtherOperations")].count)
	assert.LessOrEqual(t, len(got["Latency"]), 150+20+1)
}

// An operation that has the name of what is rolled up is one series with it.
func TestOperationsNamedLikeTheRest(t *testing.T) {
	h := prepare(t, func(c *Config) { c.Cardinality = CardinalityConfig{PerService: 3, Services: 2, Series: 100} })
	mine := spec{kind: server, took: ms(1), attributes: map[string]any{"aws.local.operation": allOtherOperations}}
	h.send(t, traces(map[string]any{"service.name": "shop"}, mine))
	h.send(t, traces(map[string]any{"service.name": allOtherServices, "deployment.environment": anyValue}, mine))
	h.send(t, named("shop", 0, 100))
	h.send(t, named("other", 0, 100))
	got := h.flushNow(t)["Latency"] // which fails if a series comes twice
	assert.EqualValues(t, 1+98, got[entry("shop", allOtherOperations)].count)
	assert.EqualValues(t, 1+100, got["Environment=- Operation=AllOtherOperations Service=AllOtherServices Telemetry.Source=ServerSpan "].count)
}

// Calls to more remote services and operations than there is room for.
func TestManyRemoteServices(t *testing.T) {
	h := prepare(t, func(c *Config) { c.Cardinality.PerService = 10 })
	for i := range 1000 {
		h.send(t, traces(map[string]any{"service.name": "shop"}, spec{kind: client, child: true, took: ms(1), attributes: map[string]any{
			"peer.service": fmt.Sprintf("remote_%d", i), "aws.remote.operation": "call", "aws.local.operation": "GET /",
		}}))
	}
	got := h.flushNow(t)["Latency"]
	total := uint64(0)
	for _, p := range got {
		total += p.count
	}
	assert.EqualValues(t, 1000, total)
	assert.Len(t, got, 10+maxRolledRemotes+1)
	rolled := func(remote string) string {
		return shop + "Operation=AllOtherOperations RemoteOperation=AllOtherRemoteOperations RemoteService=" + remote + " Service=shop Telemetry.Source=ClientSpan "
	}
	assert.EqualValues(t, 1, got[rolled("remote_10")].count)
	assert.EqualValues(t, 1000-10-maxRolledRemotes, got[rolled("AllOtherRemoteServices")].count)
}

// Values longer than CloudWatch takes are cut between characters.
func TestLongValues(t *testing.T) {
	h := prepare(t, nil)
	h.send(t, traces(map[string]any{"service.name": strings.Repeat("s", 300), "deployment.environment": strings.Repeat("ü", 300)},
		spec{kind: server, attributes: map[string]any{"http.route": "/" + strings.Repeat("日", 1000)}}))
	for key := range h.flushNow(t)["Latency"] {
		assert.Contains(t, key, "Environment="+strings.Repeat("ü", 129)+" ")
		assert.Contains(t, key, "Operation=/"+strings.Repeat("日", 341)+" ")
		assert.Contains(t, key, "Service="+strings.Repeat("s", 200)) // X-Ray's own limit
	}
}
