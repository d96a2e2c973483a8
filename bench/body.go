//go:build linux

package main

import (
	"bytes"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// traceTag is the middle of every trace id that the generator makes: after the
// time and before the trace's number.
const traceTag = "7a11a7e57ed0"

const (
	spansPerTrace    = 10
	spansPerRequest  = 100
	tracesPerRequest = spansPerRequest / spansPerTrace
)

// datagram is one X-Ray SDK datagram whose trace and segment id can be changed
// in place.
type datagram struct {
	bytes    []byte
	entities int
	trace    int // where the number in the trace id stands
	id       int // where the segment id stands
}

// newDatagram makes one of a document. The trace id gets the time and the tag.
func newDatagram(document []byte, now time.Time) (*datagram, error) {
	b := append([]byte(`{"format":"json","version":1}`+"\n"), document...)
	d := &datagram{bytes: b, entities: bytes.Count(b, []byte(`"start_time":`))}
	var ok bool
	if d.trace, ok = memberAt(b, `"trace_id":"1-`); !ok {
		return nil, fmt.Errorf("the document has no trace_id")
	}
	if d.id, ok = memberAt(b, `"id":"`); !ok {
		return nil, fmt.Errorf("the document has no id")
	}
	copy(b[d.trace:], fmt.Sprintf("%08x-%s", now.Unix(), traceTag))
	d.trace += 8 + 1 + len(traceTag)
	return d, nil
}

// memberAt returns where the value behind the first occurrence of mark begins.
func memberAt(b []byte, mark string) (int, bool) {
	i := bytes.Index(b, []byte(mark))
	return i + len(mark), i >= 0
}

// number makes the datagram the n-th trace and returns its bytes, which are
// valid until the next call.
func (d *datagram) number(n uint64) []byte {
	putHex(d.bytes[d.trace:][:12], n)
	putHex(d.bytes[d.id:][:16], n+1)
	return d.bytes
}

func putHex(dst []byte, n uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = "0123456789abcdef"[n&15]
		n >>= 4
	}
}

// spanRequest is one OTLP request of ten traces of ten spans.
type spanRequest struct {
	traces ptrace.Traces
	time   uint32
}

// newSpanRequest makes spans of about 250 bytes on the wire: in each trace a
// server span, calls that it makes and steps inside it.
func newSpanRequest(now time.Time) *spanRequest {
	r := &spanRequest{traces: ptrace.NewTraces(), time: uint32(now.Unix())}
	rs := r.traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	rs.Resource().Attributes().PutStr("service.version", "1.4.2")
	rs.Resource().Attributes().PutStr("telemetry.sdk.language", "go")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("example.com/checkout")
	start := now.Add(-time.Second)
	for i := range spansPerRequest {
		s := ss.Spans().AppendEmpty()
		n := i % spansPerTrace
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(n) * time.Millisecond)))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(n+20) * time.Millisecond)))
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
	return r
}

// number makes the request's traces the n-th and the nine after it.
func (r *spanRequest) number(n uint64) ptrace.Traces {
	var id [16]byte
	for i, c := range []byte{byte(r.time >> 24), byte(r.time >> 16), byte(r.time >> 8), byte(r.time), 0x7a, 0x11, 0xa7, 0xe5, 0x7e, 0xd0} {
		id[i] = c
	}
	spans := r.traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i := range spansPerRequest {
		trace := n + uint64(i/spansPerTrace)
		for b := range 6 {
			id[15-b] = byte(trace >> (8 * b))
		}
		s := spans.At(i)
		s.SetTraceID(id)
		s.SetSpanID(spanID(trace, i%spansPerTrace))
		if i%spansPerTrace > 0 {
			s.SetParentSpanID(spanID(trace, 0))
		}
	}
	return r.traces
}

func spanID(trace uint64, n int) pcommon.SpanID {
	id := pcommon.SpanID{byte(n + 1)}
	for b := range 6 {
		id[7-b] = byte(trace >> (8 * b))
	}
	return id
}
