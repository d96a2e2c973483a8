package awsxrayreceiver

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tailwater-otel/tailwater/receiver/awsxrayreceiver/internal/metadatatest"
)

const (
	header = `{"format":"json","version":1}` + "\n"
	// patience is how long a test waits for what must happen.
	patience = 30 * time.Second
	soon     = 5 * time.Millisecond
)

// document returns a valid segment document.
func document(name string) string {
	return `{"name":"` + name + `","id":"a1b2c3d4e5f60718","trace_id":"1-68f3a1c0-9d3f1b7a2c4e6f8091a2b3c4",` +
		`"start_time":1760797120.0,"end_time":1760797120.6}`
}

// fixture is a receiver with everything a test looks at.
type fixture struct {
	*xrayReceiver
	tel    *componenttest.Telemetry
	logs   *observer.ObservedLogs
	traces *consumertest.TracesSink
	host   *statusHost
}

// statusHost records what a component reports.
type statusHost struct {
	component.Host
	mu     sync.Mutex
	events []*componentstatus.Event
}

func (h *statusHost) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *statusHost) statuses() []componentstatus.Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []componentstatus.Status
	for _, e := range h.events {
		all = append(all, e.Status())
	}
	return all
}

func (h *statusHost) err(i int) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events[i].Err()
}

// testConfig listens on free ports of the loopback address, without the sampling API.
func testConfig(change func(*Config)) *Config {
	return changed(func(c *Config) {
		c.Endpoint = "127.0.0.1:0"
		c.ProxyServer.Endpoint = ""
		c.ShutdownTimeout = patience
		if change != nil {
			change(c)
		}
	})
}

func testSettings(t testing.TB) (receiver.Settings, *componenttest.Telemetry, *observer.ObservedLogs) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	set := metadatatest.NewSettings(tel)
	core, logs := observer.New(zapcore.InfoLevel)
	set.Logger = zap.New(core)
	return set, tel, logs
}

// newFixture returns a receiver that is not started. A nil next is a sink.
func newFixture(t testing.TB, cfg *Config, next consumer.Traces) *fixture {
	set, tel, logs := testSettings(t)
	f := &fixture{tel: tel, logs: logs, traces: new(consumertest.TracesSink), host: &statusHost{Host: componenttest.NewNopHost()}}
	if next == nil {
		next = f.traces
	}
	c, err := NewFactory().CreateTraces(t.Context(), set, cfg, next)
	require.NoError(t, err)
	f.xrayReceiver = c.(*xrayReceiver)
	return f
}

// started returns a receiver that runs until the test ends.
func started(t testing.TB, cfg *Config, next consumer.Traces) *fixture {
	f := newFixture(t, cfg, next)
	require.NoError(t, f.Start(t.Context(), f.host))
	t.Cleanup(func() { require.NoError(t, f.Shutdown(context.Background())) })
	return f
}

func (f *fixture) udp() *net.UDPAddr { return f.readers[0].socket.LocalAddr() }

// send sends datagrams as they are.
func (f *fixture) send(t testing.TB, datagrams ...string) {
	conn, err := net.DialUDP("udp", nil, f.udp())
	require.NoError(t, err)
	defer conn.Close()
	for _, d := range datagrams {
		_, err := conn.Write([]byte(d))
		require.NoError(t, err)
	}
}

// sum returns the value of a metric for each value of its attribute, which is
// "" where it has none.
func (f *fixture) sum(t testing.TB, metric string) map[string]int64 {
	got, err := f.tel.GetMetric("otelcol_receiver_awsxray_" + metric)
	if err != nil {
		return map[string]int64{}
	}
	all := map[string]int64{}
	for _, dp := range got.Data.(metricdata.Sum[int64]).DataPoints {
		var values []string
		for _, kv := range dp.Attributes.ToSlice() {
			values = append(values, kv.Value.String())
		}
		all[strings.Join(values, " ")] += dp.Value
	}
	return all
}

// eventually waits until a metric has the given values.
func (f *fixture) eventually(t testing.TB, metric string, want map[string]int64) {
	t.Helper()
	if !assert.Eventually(t, func() bool { return assert.ObjectsAreEqual(want, f.sum(t, metric)) }, patience, soon) {
		require.Equal(t, want, f.sum(t, metric), metric)
	}
}

// spanNames returns the names of all spans in the sink, with how often they came.
func (f *fixture) spanNames() map[string]int {
	names := map[string]int{}
	for _, td := range f.traces.AllTraces() {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					names[span.Name()]++
				}
			}
		}
	}
	return names
}

func numbered(n int) (datagrams []string, names map[string]int) {
	names = map[string]int{}
	for i := range n {
		name := fmt.Sprintf("service-%d", i)
		datagrams = append(datagrams, header+document(name))
		names[name] = 1
	}
	return datagrams, names
}
