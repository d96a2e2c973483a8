//go:build linux

package main

import (
	"bytes"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
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

func newSpanRequest(now time.Time) *spanRequest {
	return &spanRequest{traces: archivetest.UniformRequest(now.Add(-time.Second)), time: uint32(now.Unix())}
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
