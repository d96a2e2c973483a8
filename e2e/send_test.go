package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const header = `{"format":"json","version":1}` + "\n"

func newID() (id [8]byte) {
	// crypto/rand.Read never fails.
	_, _ = rand.Read(id[:])
	return id
}

func newTraceID() (id [16]byte) {
	_, _ = rand.Read(id[:])
	now := uint32(time.Now().Unix())
	id[0], id[1], id[2], id[3] = byte(now>>24), byte(now>>16), byte(now>>8), byte(now)
	return id
}

func xrayTraceID(id [16]byte) string {
	text := hex.EncodeToString(id[:])
	return "1-" + text[:8] + "-" + text[8:]
}

// newSegment returns a document with two subsegments, and the ids in it.
func newSegment() (document string, ids []string) {
	for range 3 {
		id := newID()
		ids = append(ids, hex.EncodeToString(id[:]))
	}
	start := float64(time.Now().UnixMilli()) / 1000
	return fmt.Sprintf(`{"name":"sender","id":"%s","trace_id":"%s","start_time":%.3f,"end_time":%.3f,`+
		`"http":{"request":{"method":"GET","url":"http://sender/"},"response":{"status":200}},`+
		`"subsegments":[{"name":"work","id":"%s","start_time":%.3f,"end_time":%.3f,`+
		`"subsegments":[{"name":"other.example","id":"%s","start_time":%.3f,"end_time":%.3f,"namespace":"remote"}]}]}`,
		ids[0], xrayTraceID(newTraceID()), start, start+0.1, ids[1], start, start+0.09, ids[2], start, start+0.08), ids
}

// udpSender sends datagrams to the collector.
type udpSender struct {
	t    testing.TB
	conn net.Conn
}

func newUDPSender(t testing.TB, c *collector) *udpSender {
	return &udpSender{t, dial(t, "udp", c.Addresses.XRay)}
}

// dial connects until the end of the test.
func dial(t testing.TB, network, address string) net.Conn {
	conn, err := net.Dial(network, address)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	return conn
}

func (s *udpSender) send(datagram string) {
	s.t.Helper()
	_, err := s.conn.Write([]byte(datagram))
	require.NoError(s.t, err)
}

// burst is how many of our small datagrams any kernel's receive buffer holds.
const burst = 50

// segments sends n documents and returns the ids in them. After each burst it
// waits until the collector has read it, so that the kernel, which may grant
// little, drops nothing; the last burst is left to itself.
func (s *udpSender) segments(c *collector, n int) (ids []string) {
	before := int(c.metric("receiver_awsxray_datagrams_received"))
	for i := range n {
		if i > 0 && i%burst == 0 {
			c.waitMetric(before+i, "receiver_awsxray_datagrams_received")
		}
		document, its := newSegment()
		s.send(header + document)
		ids = append(ids, its...)
	}
	return ids
}

// otlpSender exports spans to the collector.
type otlpSender struct {
	t      testing.TB
	client ptraceotlp.GRPCClient
}

func newOTLPSender(t testing.TB, c *collector) *otlpSender {
	conn, err := grpc.NewClient(c.Addresses.OTLPGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	return &otlpSender{t, ptraceotlp.NewGRPCClient(conn)}
}

// traces exports n traces, each in a call of its own and with three spans, and
// returns the ids of the spans. All of them were accepted by the collector.
func (s *otlpSender) traces(n int) (ids []string) {
	s.t.Helper()
	for range n {
		traces, its := newTrace()
		s.send(traces)
		ids = append(ids, its...)
	}
	return ids
}

func (s *otlpSender) send(traces ptrace.Traces) {
	s.t.Helper()
	_, err := s.client.Export(s.t.Context(), ptraceotlp.NewExportRequestFromTraces(traces))
	require.NoError(s.t, err)
}

func newTrace() (traces ptrace.Traces, ids []string) {
	traces = ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "otel-sender")
	spans := resource.ScopeSpans().AppendEmpty().Spans()
	traceID, parent := newTraceID(), pcommon.SpanID{}
	now := time.Now()
	for _, kind := range []ptrace.SpanKind{ptrace.SpanKindServer, ptrace.SpanKindInternal, ptrace.SpanKindClient} {
		span := spans.AppendEmpty()
		span.SetTraceID(traceID)
		span.SetSpanID(newID())
		span.SetParentSpanID(parent)
		span.SetName(kind.String())
		span.SetKind(kind)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(time.Millisecond)))
		parent = span.SpanID()
		ids = append(ids, span.SpanID().String())
	}
	return traces, ids
}
