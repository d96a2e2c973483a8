package archivetest

import (
	"encoding/binary"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Uniform returns requests of ten traces of ten nearly identical spans each, as
// load generators send them: a server span, calls and steps, of one process.
func Uniform(requests int) []ptrace.Traces {
	var batches []ptrace.Traces
	trace := uint64(0)
	for range requests {
		td := ptrace.NewTraces()
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", "checkout")
		rs.Resource().Attributes().PutStr("service.version", "1.4.2")
		rs.Resource().Attributes().PutStr("telemetry.sdk.language", "go")
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("example.com/checkout")
		for range 10 {
			trace++
			for n := range 10 {
				uniformSpan(ss.Spans().AppendEmpty(), trace, n)
			}
		}
		batches = append(batches, td)
	}
	return batches
}

func uniformSpan(s ptrace.Span, trace uint64, n int) {
	id := func(n int) (id pcommon.SpanID) {
		binary.BigEndian.PutUint64(id[:], trace<<8+uint64(n))
		return id
	}
	traceID := pcommon.TraceID{0x69, 0x25, 0, 0, 0x7a, 0x11}
	binary.BigEndian.PutUint64(traceID[8:], trace)
	s.SetTraceID(traceID)
	s.SetSpanID(id(n))
	start := Start.Add(time.Duration(n) * time.Millisecond)
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(20 * time.Millisecond)))
	a := s.Attributes()
	if n > 0 {
		s.SetParentSpanID(id(0))
	}
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
