package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// An agent routes by trace ID. Its own queue and retry stand before the choice
// of the gateway: what a gateway that left did not take is routed anew. The
// inner exporter gives up soon, so that it comes to that.
const clusterAgent = `
exporters:
  load_balancing:
    routing_key: traceID
    resolver:
      aws_cloud_map:
        namespace: tailwater
        service_name: gateway
        interval: 250ms
    timeout: 10s
    sending_queue:
      enabled: true
      num_consumers: 10
      queue_size: 10000
    retry_on_failure:
      enabled: true
      initial_interval: 200ms
      max_interval: 2s
      max_elapsed_time: 0
    protocol:
      otlp:
        timeout: 2s
        tls: {insecure: true}
        sending_queue: {enabled: false}
        retry_on_failure: {enabled: true, initial_interval: 100ms, max_interval: 200ms, max_elapsed_time: 500ms}
service:
  pipelines:
    traces:
      exporters: [load_balancing]
`

// A gateway keeps whole traces with a fault. It waits for longer than an agent
// needs to route anew what a gateway that leaves did not take: a failed span
// that comes after its trace was dropped is dropped too.
const clusterGateway = `
processors:
  xray_tail_sampling:
    rules:
      inline: [{rule_name: Default, reservoir_size: 0, fixed_rate: 0}]
    decision_wait: 20s
    decision_idle: 4s
service:
  pipelines:
    traces:
      processors: [xray_tail_sampling]
`

// cluster is agents in front of gateways in front of X-Ray, all of them
// processes, with traffic through them.
type cluster struct {
	t        testing.TB
	discover *cloudMap
	xray     *fakeXRay
	agents   []*collector
	senders  []*otlpSender
	gateways []*collector

	mu     sync.Mutex
	traces []splitTrace
}

// splitTrace is one request through two services whose spans reach different
// agents: the entry, which knows of no fault, and the service behind it, which
// had one. It is kept whole only if both meet in one gateway.
type splitTrace struct {
	front, back string // ids of the spans that become segments
	sent        time.Time
}

func (c *cluster) addGateway() *collector {
	g := start(c.t, setup{configs: base(c.t, clusterGateway), env: c.xray.env()})
	c.gateways = append(c.gateways, g)
	c.discover.register(g.Addresses.OTLPGRPC)
	return g
}

// settle waits until the agents know of as many gateways, and until what they
// held back has been routed.
func (c *cluster) settle(gateways int) {
	c.t.Helper()
	for _, a := range c.agents {
		require.EventuallyWithT(c.t, func(t *assert.CollectT) {
			assert.Equal(t, float64(gateways), a.metric("loadbalancer_num_backends"))
			assert.Zero(t, a.metric("exporter_queue_size"))
		}, wait, tick)
	}
}

// send sends one trace: its parts go to different agents.
func (c *cluster) send(n int) {
	traceID, call := newTraceID(), newID()
	front, back := newID(), newID()
	now := time.Now()
	part := func(service string, fill func(ptrace.SpanSlice)) ptrace.Traces {
		td := ptrace.NewTraces()
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", service)
		spans := rs.ScopeSpans().AppendEmpty().Spans()
		fill(spans)
		for _, s := range spans.All() {
			s.SetTraceID(traceID)
			s.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
			s.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(10 * time.Millisecond)))
		}
		return td
	}
	c.senders[n%2].send(part("front", func(spans ptrace.SpanSlice) {
		s := spans.AppendEmpty()
		s.SetName("GET /")
		s.SetKind(ptrace.SpanKindServer)
		s.SetSpanID(front)
		s = spans.AppendEmpty()
		s.SetName("GET back")
		s.SetKind(ptrace.SpanKindClient)
		s.SetSpanID(call)
		s.SetParentSpanID(front)
	}))
	c.senders[1-n%2].send(part("back", func(spans ptrace.SpanSlice) {
		s := spans.AppendEmpty()
		s.SetName("GET /inner")
		s.SetKind(ptrace.SpanKindServer)
		s.SetSpanID(back)
		s.SetParentSpanID(call)
		s.Attributes().PutInt("http.response.status_code", 503)
		s.Status().SetCode(ptrace.StatusCodeError)
	}))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.traces = append(c.traces, splitTrace{pcommon.SpanID(front).String(), pcommon.SpanID(back).String(), now})
}

// state is what became of traces.
type state struct{ whole, split, missing int }

func (s state) String() string {
	return fmt.Sprintf("%d whole, %d split, %d missing", s.whole, s.split, s.missing)
}

func (c *cluster) look(traces []splitTrace) (s state) {
	for _, tr := range traces {
		_, front := c.xray.document(tr.front)
		_, back := c.xray.document(tr.back)
		switch {
		case front && back:
			s.whole++
		case front || back:
			s.split++
		default:
			s.missing++
		}
	}
	return s
}

// lostFaults counts the traces whose failed part did not arrive.
func (c *cluster) lostFaults(traces []splitTrace) (n int) {
	for _, tr := range traces {
		if _, there := c.xray.document(tr.back); !there {
			n++
		}
	}
	return n
}

func (c *cluster) sent() []splitTrace {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.traces[:len(c.traces):len(c.traces)]
}

// traffic sends traces until the function that it returns is called.
func (c *cluster) traffic() (stop func()) {
	done := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-ticker.C:
				c.send(n)
			}
		}
	})
	return func() {
		close(done)
		sending.Wait()
	}
}

// stableTraces is how many traces go through before and after a change.
const stableTraces = 300

// during applies a change while traces flow. Traces that were not whole in
// X-Ray when it began, or were sent before it had settled, are in flight: their
// spans may have gone to two gateways. All others must come out whole. A change
// that is graceful loses no failed span even of those in flight.
func (c *cluster) during(name string, gateways int, graceful bool, change func()) {
	c.t.Helper()
	begun := len(c.sent())
	stop := c.traffic()
	stopped := false
	defer func() {
		if !stopped {
			stop()
		}
	}()
	require.Eventually(c.t, func() bool { return len(c.sent()) >= begun+stableTraces }, wait, tick)
	before := c.sent()[begun:]
	var inFlight []splitTrace
	for i := range before {
		if c.look(before[i:i+1]).whole == 0 {
			inFlight = append(inFlight, before[i])
		}
	}
	change()
	c.settle(gateways)
	// One more: it may have been on its way when the last agent had settled.
	settled := len(c.sent()) + 1
	inFlight = append(inFlight, c.sent()[begun+len(before):min(settled, len(c.sent()))]...)
	require.Eventually(c.t, func() bool { return len(c.sent()) >= settled+stableTraces }, wait, tick)
	stop()
	stopped = true

	after := c.sent()[settled:]
	require.EventuallyWithT(c.t, func(t *assert.CollectT) {
		assert.Equal(t, state{whole: len(after)}, c.look(after), "%s: traces after it had settled", name)
	}, wait, tick)
	if graceful {
		require.EventuallyWithT(c.t, func(t *assert.CollectT) {
			assert.Zero(t, c.lostFaults(inFlight), "%s: failed spans that were lost", name)
		}, wait, tick)
	}
	for _, g := range c.gateways {
		require.EventuallyWithT(c.t, func(t *assert.CollectT) {
			assert.Zero(t, g.metric("processor_xray_tail_sampling_pending_traces"))
			assert.Zero(t, g.metric("exporter_queue_size"))
		}, wait, tick)
	}
	c.t.Logf("%-28s %4d traces, of them %3d in flight: %v", name, len(c.sent())-begun, len(inFlight), c.look(inFlight))
}

// leave takes a gateway out of the discovery and stops it at the same time, as
// Kubernetes and ECS do.
func (c *cluster) leave(i int) *collector {
	g := c.gateways[i]
	c.gateways = append(c.gateways[:i:i], c.gateways[i+1:]...)
	c.discover.deregister(g.Addresses.OTLPGRPC)
	g.stop()
	return g
}

// Two agents and three gateways, then four, then two; one is started anew and
// one is killed, while traces flow whose spans reach different agents. Traces
// are whole but for those in flight at a change, gateways that leave finish
// their traces, and what a change costs is logged.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := &cluster{t: t, discover: newCloudMap(t), xray: newFakeXRay(t)}
	c.xray.open()
	for range 3 {
		c.addGateway()
	}
	for range 2 {
		a := start(t, setup{configs: base(t, clusterAgent), env: append(c.xray.env(), c.discover.env()...)})
		c.agents = append(c.agents, a)
		c.senders = append(c.senders, newOTLPSender(t, a))
	}
	c.settle(3)

	c.during("three gateways", 3, true, func() {})
	c.during("scale to four", 4, true, func() { c.addGateway() })
	c.during("scale to two", 2, true, func() { c.leave(0); c.leave(0) })
	c.during("restart one", 2, true, func() {
		g := c.leave(0)
		again := start(t, setup{configs: base(t, clusterGateway), env: c.xray.env(), addresses: &g.Addresses})
		c.gateways = append(c.gateways, again)
		c.discover.register(g.Addresses.OTLPGRPC)
	})
	c.during("kill one", 1, false, func() {
		g := c.gateways[0]
		c.gateways = c.gateways[1:]
		require.NoError(t, g.Kill())
		c.discover.deregister(g.Addresses.OTLPGRPC)
	})
	all := c.sent()
	t.Logf("%-28s %4d traces: %v", "in all", len(all), c.look(all))
	for _, a := range c.agents {
		assert.Zero(t, a.metric("exporter_send_failed_spans", `exporter="load_balancing"`))
		assert.Zero(t, a.metric("exporter_enqueue_failed_spans"))
		a.stop()
	}
	for _, g := range c.gateways {
		g.stop()
	}
}
