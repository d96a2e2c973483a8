package archivetest

import (
	"encoding/binary"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Uniform returns requests of UniformRequest whose traces are all different.
func Uniform(requests int) []ptrace.Traces {
	var batches []ptrace.Traces
	for request := range requests {
		td := UniformRequest(Start)
		for i, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			trace, n := uint64(10*request+i/10+1), i%10
			id := func(n int) (id pcommon.SpanID) {
				binary.BigEndian.PutUint64(id[:], trace<<8+uint64(n))
				return id
			}
			traceID := pcommon.TraceID{0x69, 0x25, 0, 0, 0x7a, 0x11}
			binary.BigEndian.PutUint64(traceID[8:], trace)
			s.SetTraceID(traceID)
			s.SetSpanID(id(n))
			if n > 0 {
				s.SetParentSpanID(id(0))
			}
		}
		batches = append(batches, td)
	}
	return batches
}

// UniformRequest returns ten traces of ten nearly identical spans each, one
// after the other, as load generators send them: a server span, calls and steps,
// of one process, of about 250 bytes a span on the wire. They have no ids.
func UniformRequest(start time.Time) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	rs.Resource().Attributes().PutStr("service.version", "1.4.2")
	rs.Resource().Attributes().PutStr("telemetry.sdk.language", "go")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("example.com/checkout")
	for i := range 100 {
		uniformSpan(ss.Spans().AppendEmpty(), i%10, start)
	}
	return td
}

func uniformSpan(s ptrace.Span, n int, start time.Time) {
	start = start.Add(time.Duration(n) * time.Millisecond)
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(20 * time.Millisecond)))
	a := s.Attributes()
	switch {
	case n == 0:
		s.SetKind(ptrace.SpanKindServer)
		s.SetName("POST /orders/{id}")
		a.PutStr("http.request.method", "POST")
		a.PutStr("url.scheme", "https")
		a.PutStr("url.path", "/orders/4711")
		a.PutStr("server.address", "checkout.example.com")
		a.PutStr("client.address", "203.0.113.24")
		a.PutInt("http.response.status_code", 200)
	case n%2 == 1:
		s.SetKind(ptrace.SpanKindClient)
		s.SetName("GET")
		a.PutStr("http.request.method", "GET")
		a.PutStr("url.full", "https://stock.example.com/items/4711?warehouse=7")
		a.PutStr("server.address", "stock.example.com")
		a.PutInt("server.port", 443)
		a.PutInt("http.response.status_code", 200)
		a.PutStr("network.protocol.version", "1.1")
	default:
		s.SetKind(ptrace.SpanKindInternal)
		s.SetName("price the order")
		a.PutStr("code.function.name", "checkout.(*Pricer).Price")
		a.PutStr("code.file.path", "checkout/pricer.go")
		a.PutInt("code.line.number", 217)
		a.PutStr("shop.tenant", "blue")
		a.PutStr("shop.currency", "EUR")
		a.PutInt("shop.items", 3)
	}
}
