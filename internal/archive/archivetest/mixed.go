// Package archivetest makes spans for tests and benchmarks of the archive.
package archivetest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
	"github.com/tailwater-otel/tailwater/internal/segmentspan"
)

// Start is when the first span of Mixed starts.
var Start = time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)

// Mixed generates what a shop of ten services sends: traces of some fifteen
// spans from OpenTelemetry SDKs of several languages, of the present and of
// older semantic conventions, and segments of X-Ray SDKs. The same seed gives
// the same spans.
type Mixed struct {
	rng   *rand.Rand
	now   time.Time
	every time.Duration // between two traces
	hosts [][]string
	xray  []*segment.Segment
}

// NewMixed returns a generator of tracesPerSecond.
func NewMixed(seed uint64, tracesPerSecond int) *Mixed {
	m := &Mixed{rng: rand.New(rand.NewPCG(seed, 1)), now: Start, every: time.Second / time.Duration(tracesPerSecond)}
	for range services {
		var pods []string
		for range 4 {
			pods = append(pods, fmt.Sprintf("%08x", m.rng.Uint32()))
		}
		m.hosts = append(m.hosts, pods)
	}
	for _, doc := range [][]byte{segmenttest.Small(), segmenttest.Mid()} {
		s, err := segment.Decode(string(doc))
		if err != nil {
			panic(err)
		}
		m.xray = append(m.xray, s)
	}
	return m
}

var services = []struct{ name, language, convention string }{
	{"frontend", "nodejs", "new"}, {"checkout", "go", "new"}, {"cart", "dotnet", "old"}, {"payment", "java", "new"},
	{"catalog", "go", "old"}, {"shipping", "rust", "new"}, {"email", "ruby", "old"}, {"recommendation", "python", "new"},
	{"fraud", "java", "old"}, {"inventory", "python", "old"},
}

// Next returns a batch of traces, the spans of one process together as SDKs
// send them. One in five is a few segments of X-Ray.
func (m *Mixed) Next(traces int) ptrace.Traces {
	td := ptrace.NewTraces()
	t := &trace{Mixed: m, td: td, at: map[int]ptrace.SpanSlice{}}
	for range traces {
		m.now = m.now.Add(time.Duration(m.rng.ExpFloat64() * float64(m.every)))
		if m.rng.IntN(5) == 0 {
			m.segments(td)
			continue
		}
		binary.BigEndian.PutUint64(t.id[:8], m.rng.Uint64())
		binary.BigEndian.PutUint64(t.id[8:], m.rng.Uint64())
		t.server(0, pcommon.SpanID{}, m.now, 0)
	}
	return td
}

// segments appends documents of X-Ray SDKs, as spans.
func (m *Mixed) segments(td ptrace.Traces) {
	var trace segment.TraceID
	binary.BigEndian.PutUint32(trace[:4], uint32(m.now.Unix()))
	binary.BigEndian.PutUint64(trace[8:], m.rng.Uint64())
	for _, s := range m.xray {
		doc := td.ResourceSpans().Len()
		segmentspan.ToSpans(s, td)
		ids := map[pcommon.SpanID]pcommon.SpanID{}
		spans := td.ResourceSpans().At(doc).ScopeSpans().At(0).Spans()
		first := spans.At(0).StartTimestamp()
		for _, span := range spans.All() {
			fresh := m.spanID()
			ids[span.SpanID()] = fresh
			span.SetSpanID(fresh)
			span.SetTraceID(pcommon.TraceID(trace))
			if parent, found := ids[span.ParentSpanID()]; found {
				span.SetParentSpanID(parent)
			}
			shift := pcommon.NewTimestampFromTime(m.now) - first + pcommon.Timestamp(m.rng.IntN(1e6))
			span.SetStartTimestamp(span.StartTimestamp() + shift)
			span.SetEndTimestamp(span.EndTimestamp() + shift)
		}
	}
}

func (m *Mixed) spanID() (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], m.rng.Uint64())
	return id
}

func pick[T any](m *Mixed, from ...T) T { return from[m.rng.IntN(len(from))] }

// trace is one that is being made.
type trace struct {
	*Mixed
	td ptrace.Traces
	id pcommon.TraceID
	at map[int]ptrace.SpanSlice
}

// spans returns where the spans of a service go.
func (t *trace) spans(service int) ptrace.SpanSlice {
	if spans, found := t.at[service]; found {
		return spans
	}
	s := services[service]
	rs := t.td.ResourceSpans().AppendEmpty()
	rs.SetSchemaUrl("https://opentelemetry.io/schemas/1.26.0")
	pod := pick(t.Mixed, t.hosts[service]...)
	a := rs.Resource().Attributes()
	a.PutStr("service.name", s.name)
	a.PutStr("service.namespace", "shop")
	a.PutStr("service.version", "1.4."+fmt.Sprint(service))
	a.PutStr("service.instance.id", pod+"-4f6d-11ee-be56-0242ac120002")
	a.PutStr("deployment.environment.name", "production")
	a.PutStr("cloud.provider", "aws")
	a.PutStr("cloud.platform", "aws_eks")
	a.PutStr("cloud.region", "eu-west-1")
	a.PutStr("cloud.availability_zone", "eu-west-1"+string("abc"[pod[0]%3]))
	a.PutStr("cloud.account.id", "123456789012")
	a.PutStr("host.name", "ip-10-0-"+fmt.Sprint(pod[1]%8)+"-17.eu-west-1.compute.internal")
	a.PutStr("k8s.namespace.name", "shop")
	a.PutStr("k8s.pod.name", s.name+"-7d9c-"+pod[:5])
	a.PutStr("k8s.deployment.name", s.name)
	a.PutStr("telemetry.sdk.name", "opentelemetry")
	a.PutStr("telemetry.sdk.language", s.language)
	a.PutStr("telemetry.sdk.version", "1.46.0")
	a.PutInt("process.pid", int64(pod[2])+7)
	a.PutEmptySlice("process.command_args").FromRaw([]any{"/app/" + s.name, "--port", "8080"})
	a.PutStr("os.type", "linux")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("io.opentelemetry." + s.language + ".http")
	ss.Scope().SetVersion("2.1.0")
	t.at[service] = ss.Spans()
	return ss.Spans()
}

func (t *trace) span(service int, parent pcommon.SpanID, kind ptrace.SpanKind, name string, start time.Time, long time.Duration) ptrace.Span {
	span := t.spans(service).AppendEmpty()
	span.SetTraceID(t.id)
	span.SetSpanID(t.spanID())
	span.SetParentSpanID(parent)
	span.SetKind(kind)
	span.SetName(name)
	span.SetFlags(0x101)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(long)))
	return span
}

func (m *Mixed) lasting() time.Duration {
	return time.Duration(1e6 * (0.2 + m.rng.ExpFloat64()*12))
}

// server is a request that a service serves, and what it calls for it.
func (t *trace) server(service int, parent pcommon.SpanID, start time.Time, depth int) time.Duration {
	route := pick(t.Mixed, "/", "/cart", "/cart/{id}", "/orders", "/orders/{id}", "/products/{id}", "/login")
	method := pick(t.Mixed, "GET", "GET", "GET", "POST", "PUT")
	status := int64(pick(t.Mixed, 200, 200, 200, 200, 200, 200, 201, 204, 302, 404, 429, 500, 503))
	path := route
	if n := len(path); path[n-1] == '}' {
		path = path[:n-4] + fmt.Sprint(t.rng.IntN(100000))
	}
	span := t.span(service, parent, ptrace.SpanKindServer, method+" "+route, start, 0)
	a := span.Attributes()
	host := services[service].name + ".shop.svc"
	if services[service].convention == "new" {
		a.PutStr("http.request.method", method)
		a.PutStr("url.scheme", "http")
		a.PutStr("url.path", path)
		a.PutStr("http.route", route)
		a.PutInt("http.response.status_code", status)
		a.PutStr("server.address", host)
		a.PutInt("server.port", 8080)
		a.PutStr("client.address", fmt.Sprintf("203.0.113.%d", t.rng.IntN(250)))
		a.PutStr("user_agent.original", pick(t.Mixed, agents...))
		a.PutStr("network.protocol.version", "1.1")
	} else {
		a.PutStr("http.method", method)
		a.PutStr("http.scheme", "http")
		a.PutStr("http.target", path+"?page="+fmt.Sprint(t.rng.IntN(9)))
		a.PutStr("http.route", route)
		a.PutInt("http.status_code", status)
		a.PutStr("net.host.name", host)
		a.PutInt("net.host.port", 8080)
		a.PutStr("http.user_agent", pick(t.Mixed, agents...))
		a.PutStr("net.sock.peer.addr", fmt.Sprintf("10.0.3.%d", t.rng.IntN(250)))
	}
	a.PutInt("thread.id", int64(t.rng.IntN(64)))
	if t.rng.IntN(3) == 0 {
		a.PutStr("enduser.id", fmt.Sprintf("user-%d", t.rng.IntN(5000)))
		a.PutDouble("cart.total", float64(t.rng.IntN(50000))/100)
		a.PutBool("feature.new_checkout", t.rng.IntN(2) == 0)
	}
	used := time.Duration(0)
	for range t.rng.IntN(4) {
		used += t.client(service, span.SpanID(), start.Add(used), depth)
	}
	used += t.lasting()
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(used)))
	if status >= 500 {
		span.Status().SetCode(ptrace.StatusCodeError)
		e := span.Events().AppendEmpty()
		e.SetName("exception")
		e.SetTimestamp(span.EndTimestamp())
		e.Attributes().PutStr("exception.type", "java.lang.IllegalStateException")
		e.Attributes().PutStr("exception.message", fmt.Sprintf("order %d is closed", t.rng.IntN(1e6)))
		e.Attributes().PutStr("exception.stacktrace", stack)
	}
	return used
}

// client is a call: to another service, a database, an AWS API or a queue.
func (t *trace) client(service int, parent pcommon.SpanID, start time.Time, depth int) time.Duration {
	long := t.lasting()
	switch t.rng.IntN(6) {
	case 0, 1:
		if depth > 3 {
			break
		}
		callee := t.rng.IntN(len(services))
		span := t.span(service, parent, ptrace.SpanKindClient, "GET", start, 0)
		a := span.Attributes()
		a.PutStr("http.request.method", "GET")
		a.PutStr("url.full", fmt.Sprintf("http://%s.shop.svc:8080/v1/items/%d", services[callee].name, t.rng.IntN(100000)))
		a.PutStr("server.address", services[callee].name+".shop.svc")
		a.PutInt("server.port", 8080)
		a.PutInt("http.response.status_code", 200)
		long = t.server(callee, span.SpanID(), start.Add(300*time.Microsecond), depth+1) + time.Millisecond
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(long)))
		return long
	case 2:
		span := t.span(service, parent, ptrace.SpanKindClient, "SELECT shop.orders", start, long)
		a := span.Attributes()
		a.PutStr("db.system.name", "postgresql")
		a.PutStr("db.namespace", "shop")
		a.PutStr("db.operation.name", "SELECT")
		a.PutStr("db.collection.name", "orders")
		a.PutStr("db.query.text", pick(t.Mixed, queries...))
		a.PutStr("server.address", "orders.cluster-cx1.eu-west-1.rds.amazonaws.com")
		a.PutInt("server.port", 5432)
		return long
	case 3:
		span := t.span(service, parent, ptrace.SpanKindClient, "DynamoDB.GetItem", start, long)
		a := span.Attributes()
		a.PutStr("rpc.system", "aws-api")
		a.PutStr("rpc.service", "DynamoDB")
		a.PutStr("rpc.method", "GetItem")
		a.PutStr("aws.request_id", fmt.Sprintf("%016X%016X", t.rng.Uint64(), t.rng.Uint64()))
		a.PutEmptySlice("aws.dynamodb.table_names").AppendEmpty().SetStr("shop-carts")
		a.PutInt("http.response.status_code", 200)
		return long
	case 4:
		span := t.span(service, parent, ptrace.SpanKindProducer, "orders publish", start, long)
		a := span.Attributes()
		a.PutStr("messaging.system", "aws_sqs")
		a.PutStr("messaging.destination.name", "orders")
		a.PutStr("messaging.operation.type", "send")
		a.PutStr("messaging.message.id", fmt.Sprintf("%08x-88c7-4d5e-9d6c-%012x", t.rng.Uint32(), t.rng.Uint64()>>16))
		link := span.Links().AppendEmpty()
		link.SetTraceID(t.id)
		link.SetSpanID(parent)
		link.Attributes().PutStr("reason", "batch")
		return long
	}
	span := t.span(service, parent, ptrace.SpanKindInternal, pick(t.Mixed, "render", "validate", "price"), start, long)
	span.Attributes().PutStr("code.function.name", "com.example.shop.Pricing.apply")
	span.Attributes().PutInt("code.line.number", 217)
	span.Attributes().PutInt("items", int64(t.rng.IntN(30)))
	return long
}

var agents = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
	"shop-app/3.1 (Android 16)", "curl/8.14.1",
}

var queries = []string{
	"SELECT id, total, status FROM orders WHERE customer_id = $1 ORDER BY created DESC LIMIT 20",
	"SELECT * FROM orders WHERE id = $1",
	"UPDATE orders SET status = $1 WHERE id = $2",
	"INSERT INTO order_lines (order_id, sku, quantity, price) VALUES ($1, $2, $3, $4)",
}

const stack = `java.lang.IllegalStateException: order is closed
	at com.example.shop.Order.add(Order.java:88)
	at com.example.shop.Checkout.place(Checkout.java:41)
	at com.example.shop.Api.post(Api.java:19)`
