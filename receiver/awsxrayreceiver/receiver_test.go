package awsxrayreceiver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap/zapcore"

	"github.com/tailwater-otel/tailwater/internal/udpsocket"
	"github.com/tailwater-otel/tailwater/receiver/awsxrayreceiver/internal/metadatatest"
)

func TestReceive(t *testing.T) {
	for _, endpoint := range []string{"127.0.0.1:0", "localhost:0", "[::1]:0", "0.0.0.0:0"} {
		t.Run(endpoint, func(t *testing.T) {
			if strings.HasPrefix(endpoint, "[") {
				c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv6loopback})
				if err != nil {
					t.Skipf("no IPv6 here: %v", err)
				}
				require.NoError(t, c.Close())
			}
			f := started(t, testConfig(func(c *Config) { c.Endpoint = endpoint }), nil)
			assert.Equal(t, endpoint != "0.0.0.0:0", f.udp().IP.IsLoopback())
			datagrams, names := numbered(200)
			f.send(t, datagrams...)
			f.eventually(t, "documents_accepted", map[string]int64{"": 200})
			assert.Equal(t, names, f.spanNames())
			metadatatest.AssertEqualReceiverAwsxrayDatagramsReceived(t, f.tel,
				[]metricdata.DataPoint[int64]{{Value: 200}}, metricdatatest.IgnoreTimestamp())
			metadatatest.AssertEqualReceiverAwsxrayQueueSize(t, f.tel,
				[]metricdata.DataPoint[int64]{{Value: 0}}, metricdatatest.IgnoreTimestamp())
			assert.Equal(t, 1, f.logs.FilterMessageSnippet("Segments are received").Len())
			assert.Empty(t, f.sum(t, "datagrams_dropped"))
		})
	}
}

func TestSeveralSockets(t *testing.T) {
	if !udpsocket.ReusePortSupported {
		t.Skip("not supported here")
	}
	f := started(t, testConfig(func(c *Config) { c.Sockets = 4 }), nil)
	require.Len(t, f.readers, 4)
	want := map[string]int{}
	for range 50 { // each from a port of its own, so that the kernel spreads them
		datagrams, names := numbered(4)
		f.send(t, datagrams...)
		for name := range names {
			want[name]++
		}
	}
	f.eventually(t, "documents_accepted", map[string]int64{"": 200})
	assert.Equal(t, want, f.spanNames())
}

// TestStaysServing sends everything that is wrong, and the largest datagram
// there is, and then a good one.
func TestStaysServing(t *testing.T) {
	text, err := os.ReadFile("../../internal/segment/testdata/invalid.json")
	require.NoError(t, err)
	var invalid []struct {
		Why      string
		Document json.RawMessage
	}
	require.NoError(t, json.Unmarshal(text, &invalid))
	require.Len(t, invalid, 17)

	f := started(t, testConfig(nil), nil)
	for _, c := range invalid {
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, c.Document))
		f.send(t, header+compact.String(), header+string(c.Document))
	}
	sent := int64(2 * len(invalid))
	size := 65_507
	if runtime.GOOS == "darwin" {
		size = 9000
	}
	filler := `{"name":"largest","id":"a1b2c3d4e5f60718","trace_id":"1-68f3a1c0-9d3f1b7a2c4e6f8091a2b3c4",` +
		`"start_time":1760797120.0,"end_time":1760797120.6,"metadata":{"a":{"b":"`
	largest := header + filler + strings.Repeat("x", size-len(header)-len(filler)-4) + `"}}}`
	require.Len(t, largest, size)
	f.send(t, largest, strings.Repeat("x", size), header+strings.Repeat("[", size-len(header)))
	sent += 3
	f.send(t, "", header, "\n", header+"null", header+"T1S", header+"M1AAAA", header+"T1U=", "\x00", "{}\n{}")
	sent += 9
	f.send(t, header+document("good"))
	sent++
	require.Eventually(t, func() bool { return f.spanNames()["good"] == 1 }, patience, soon)
	f.eventually(t, "datagrams_received", map[string]int64{"": sent})
	assert.Equal(t, 1, f.spanNames()["largest"])

	require.Eventually(t, func() bool {
		var total int64
		for _, metric := range []string{"documents_accepted", "otlp_datagrams_accepted", "datagrams_rejected"} {
			for _, n := range f.sum(t, metric) {
				total += n
			}
		}
		return total == sent
	}, patience, soon, "each datagram ends up in exactly one counter")
	assert.NotContains(t, f.sum(t, "datagrams_rejected"), "panic")
}

// gate is a consumer that waits until it is opened, or its context ends.
type gate struct {
	consumertest.TracesSink
	entered chan struct{}
	open    chan struct{}
}

func newGate() *gate {
	return &gate{entered: make(chan struct{}, 1000), open: make(chan struct{})}
}

func (g *gate) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	g.entered <- struct{}{}
	select {
	case <-g.open:
		return g.TracesSink.ConsumeTraces(ctx, td)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestSlowPipelineNeverBlocksTheReader: the pipeline stands still, everything
// is read all the same, and the oldest makes room for the newest.
func TestSlowPipelineNeverBlocksTheReader(t *testing.T) {
	next := newGate()
	f := started(t, testConfig(func(c *Config) { c.QueueBytes = minQueueBytes }), next)
	f.traces = &next.TracesSink
	filler := `,"metadata":{"a":{"b":"` + strings.Repeat("x", 50_000) + `"}}}`
	padded := func(name string) string { return header + strings.TrimSuffix(document(name), "}") + filler }
	const sent = 200 // 10 MB, ten times the queue
	for i := range sent {
		f.send(t, padded("old"))
		f.eventually(t, "datagrams_received", map[string]int64{"": int64(i + 1)})
	}
	f.send(t, padded("newest"))
	f.eventually(t, "datagrams_received", map[string]int64{"": sent + 1})
	assert.LessOrEqual(t, f.queue.size(), minQueueBytes)
	close(next.open)
	require.Eventually(t, func() bool {
		return f.sum(t, "documents_accepted")[""]+f.sum(t, "datagrams_dropped")["queue_full"] == sent+1
	}, patience, soon)
	assert.Equal(t, 1, f.spanNames()["newest"])
	assert.Greater(t, f.sum(t, "datagrams_dropped")["queue_full"], int64(100))
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError}, f.host.statuses())
	assert.Positive(t, f.logs.FilterMessage("Segment buffer is full. Dropping oldest segment document.").Len())
}

// TestKernelDropsAreCounted: nobody reads, so the receive buffer overflows.
func TestKernelDropsAreCounted(t *testing.T) {
	f := newFixture(t, testConfig(func(c *Config) { c.ReceiveBufferBytes = 0 }), nil)
	require.NoError(t, f.listen(t.Context()))
	t.Cleanup(f.closeSockets)
	rd := f.readers[0]
	if _, ok := rd.socket.Drops(); !ok {
		t.Skip("this system does not tell")
	}
	datagram := header + strings.Repeat("x", 8000)
	var sent int64
	for ; sent < int64(4*rd.socket.ReceiveBuffer()/len(datagram)); sent++ {
		f.send(t, datagram)
	}
	rd.countDrops()
	rd.countDrops()
	dropped := f.sum(t, "datagrams_dropped")["kernel"]
	assert.Positive(t, dropped)
	require.NoError(t, rd.socket.Interrupt())
	rd.run()
	assert.Equal(t, sent, dropped+f.sum(t, "datagrams_received")[""])
	assert.Equal(t, 1, f.logs.FilterMessageSnippet("The kernel dropped").Len())
}

// TestShutdownDeliversWhatWasSent: everything that had reached the socket
// before the shutdown began comes out.
func TestShutdownDeliversWhatWasSent(t *testing.T) {
	for range 5 {
		f := newFixture(t, testConfig(nil), nil)
		require.NoError(t, f.Start(t.Context(), f.host))
		datagrams, names := numbered(500)
		f.send(t, datagrams...)
		require.NoError(t, f.Shutdown(t.Context()))
		assert.Equal(t, names, f.spanNames())
		assert.Empty(t, f.sum(t, "datagrams_dropped"))
	}
}

// TestShutdownTimeout: a pipeline that does not move costs what is left, counted.
func TestShutdownTimeout(t *testing.T) {
	next := newGate()
	f := newFixture(t, testConfig(func(c *Config) { c.ShutdownTimeout = 0 }), next)
	require.NoError(t, f.Start(t.Context(), f.host))
	datagrams, _ := numbered(1000)
	f.send(t, datagrams[0])
	<-next.entered
	f.send(t, datagrams[1:]...)
	require.NoError(t, f.Shutdown(t.Context()))
	assert.Equal(t, map[string]int64{"shutdown": 1000}, f.sum(t, "datagrams_dropped"))
	assert.Equal(t, 1, f.logs.FilterMessageSnippet("Shutdown timeout").Len())
}

func TestShutdownUnstartedAndTwice(t *testing.T) {
	f := newFixture(t, testConfig(nil), nil)
	require.NoError(t, f.Shutdown(t.Context()))
	require.NoError(t, f.Shutdown(t.Context()))

	f = newFixture(t, testConfig(nil), nil)
	require.NoError(t, f.Start(t.Context(), f.host))
	require.NoError(t, f.Start(t.Context(), f.host), "a second pipeline starts it again")
	require.NoError(t, f.Shutdown(t.Context()))
	require.NoError(t, f.Shutdown(t.Context()))
}

// TestRestart: the port is free again right after a shutdown.
func TestRestart(t *testing.T) {
	cfg := testConfig(nil)
	for i := range 3 {
		f := newFixture(t, cfg, nil)
		require.NoError(t, f.Start(t.Context(), f.host))
		cfg.Endpoint = f.udp().String()
		f.send(t, header+document("a"))
		require.NoError(t, f.Shutdown(t.Context()))
		assert.Equal(t, map[string]int{"a": 1}, f.spanNames(), i)
	}
}

func TestTakenPort(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer udp.Close()
	_, port, err := net.SplitHostPort(udp.LocalAddr().String())
	require.NoError(t, err)
	f := newFixture(t, testConfig(func(c *Config) { c.Endpoint = "127.0.0.1:" + port }), nil)
	err = f.Start(t.Context(), f.host)
	require.ErrorContains(t, err, "udp port "+port+" is taken, most likely by an X-Ray daemon or another collector")
	require.ErrorContains(t, err, "set endpoint to another port and AWS_XRAY_DAEMON_ADDRESS in the applications")
	require.NoError(t, f.Shutdown(t.Context()))

	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer tcp.Close()
	_, port, err = net.SplitHostPort(tcp.Addr().String())
	require.NoError(t, err)
	f = newFixture(t, testConfig(func(c *Config) { c.ProxyServer.Endpoint = "127.0.0.1:" + port }), nil)
	err = f.Start(t.Context(), f.host)
	require.ErrorContains(t, err, "tcp port "+port+" is taken")
	require.ErrorContains(t, err, "set proxy_server::endpoint to another port")
	require.NoError(t, f.Shutdown(t.Context()))

	f = newFixture(t, testConfig(func(c *Config) { c.Endpoint = "192.0.2.1:0" }), nil)
	require.ErrorContains(t, f.Start(t.Context(), f.host), "listen on udp 192.0.2.1:0")
	require.NoError(t, f.Shutdown(t.Context()))
}

func TestSaysWhatTheKernelGranted(t *testing.T) {
	f := newFixture(t, testConfig(nil), nil)
	f.logListening("127.0.0.1:2000", 4<<20)
	f.logListening("127.0.0.1:2000", 0) // the system does not tell
	f.logListening("127.0.0.1:2000", 212_992)
	lines := f.logs.All()
	require.Len(t, lines, 3)
	assert.Equal(t, zapcore.InfoLevel, lines[0].Level)
	assert.Equal(t, zapcore.InfoLevel, lines[1].Level)
	assert.Equal(t, zapcore.WarnLevel, lines[2].Level)
	fields := lines[2].ContextMap()
	assert.Equal(t, int64(212_992), fields["receive_buffer_bytes"])
	assert.Equal(t, int64(4<<20), fields["asked_for"])
	if runtime.GOOS == "linux" {
		assert.Equal(t, "sysctl -w net.core.rmem_max=4194304", fields["raise_it_with"])
	}
}

func TestWarnsOfKeysWithoutEffect(t *testing.T) {
	f := started(t, testConfig(func(c *Config) { c.ProxyServer.TLS.ServerName = "x" }), nil)
	lines := f.logs.FilterMessageSnippet("Settings without effect").All()
	require.Len(t, lines, 1)
	assert.Equal(t, []any{"proxy_server::tls::server_name_override"}, lines[0].ContextMap()["keys"])
}

// TestRefusedThenTaken is TestRetry through the socket: nothing is lost when
// the pipeline refuses for a while.
func TestRefusedThenTaken(t *testing.T) {
	refuse := errors.New("data refused due to high memory usage")
	next := &refusing{errs: []error{refuse, refuse, refuse}}
	f := started(t, testConfig(nil), next)
	f.traces = &next.TracesSink
	datagrams, names := numbered(300)
	f.send(t, datagrams...)
	f.eventually(t, "documents_accepted", map[string]int64{"": 300})
	assert.Equal(t, names, f.spanNames())
	assert.Empty(t, f.sum(t, "datagrams_dropped"))
}

// TestConsumersMayChangeSpans: what a consumer was given belongs to it.
func TestConsumersMayChangeSpans(t *testing.T) {
	next, err := consumer.NewTraces(func(_ context.Context, td ptrace.Traces) error {
		td.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { return true })
		return nil
	}, consumer.WithCapabilities(consumer.Capabilities{MutatesData: true}))
	require.NoError(t, err)
	f := started(t, testConfig(nil), next)
	datagrams, _ := numbered(50)
	f.send(t, datagrams...)
	f.eventually(t, "documents_accepted", map[string]int64{"": 50})
}

func TestLinger(t *testing.T) {
	const ms = time.Millisecond
	for name, tc := range map[string]struct {
		elapsed       time.Duration
		bytes, buffer int
		want          time.Duration
	}{
		"alone":                             {time.Second, 2300, 4 << 20, 0},
		"200 large a second":                {20 * ms, 4 * 20_600, 4 << 20, 20 * ms},
		"16,000 small a second":             {10 * ms, 160 * 2300, 4 << 20, 14247 * time.Microsecond},
		"30,000 small a second":             {8 * ms, 240 * 2300, 4 << 20, 7598 * time.Microsecond},
		"16,000 small, the default buffer":  {1 * ms, 16 * 2300, 208 << 10, 723 * time.Microsecond},
		"as fast as one sender can, small":  {100 * time.Microsecond, 20 * 2300, 4 << 20, 1139 * time.Microsecond},
		"as fast as one sender can, large":  {100 * time.Microsecond, 20 * 20_600, 4 << 20, 0},
		"the system tells of no buffer":     {1 * ms, 2300, 0, 0},
		"nothing but empty datagrams count": {1 * ms, 0, 4 << 20, 20 * ms},
	} {
		t.Run(name, func(t *testing.T) {
			assert.InDelta(t, tc.want, lingerFor(tc.elapsed, tc.bytes, tc.buffer), float64(time.Microsecond))
		})
	}
}
