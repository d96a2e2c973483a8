package xraymetricsconnector

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// traffic makes batches of 100 spans, 10 of each trace, of about 250 bytes a
// span on the wire: one request and nine calls.
func traffic(batches int) []ptrace.Traces {
	random := rand.New(rand.NewPCG(5, 6))
	all := make([]ptrace.Traces, batches)
	for b := range all {
		all[b] = ptrace.NewTraces()
		rs := all[b].ResourceSpans().AppendEmpty()
		res := rs.Resource().Attributes()
		res.PutStr("service.name", "checkout")
		res.PutStr("cloud.provider", "aws")
		res.PutStr("cloud.platform", "aws_ecs")
		res.PutStr("service.version", "1.2.3")
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("io.opentelemetry.http")
		for i := range 10 {
			for j := range 10 {
				span := ss.Spans().AppendEmpty()
				span.SetTraceID(pcommon.TraceID{1, 14: byte(b), 15: byte(i)})
				span.SetSpanID(pcommon.SpanID{1, 7: byte(j + 1)})
				span.SetKind(client)
				span.SetName("GET /api/items/{id}")
				if j > 0 {
					span.SetParentSpanID(pcommon.SpanID{1, 7: 1})
				} else {
					span.SetKind(server)
				}
				start := time.Unix(1_700_000_000, random.Int64N(1e9))
				span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
				span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Duration(random.Int64N(1e8)))))
				a := span.Attributes()
				a.PutStr("http.request.method", "GET")
				a.PutStr("server.address", "items.example.com")
				a.PutStr("url.full", fmt.Sprintf("https://items.example.com/api/items/%d", random.IntN(1000)))
				a.PutInt("http.response.status_code", 200)
				a.PutStr("tenant", "blue")
			}
		}
	}
	return all
}

// BenchmarkSpan counts spans, all of which are requests or calls.
func BenchmarkSpan(b *testing.B) {
	b.Run("one thread", func(b *testing.B) {
		h := prepare(b, nil)
		batches := traffic(100)
		b.ReportAllocs()
		b.ResetTimer()
		for i := 0; b.Loop(); i++ {
			h.send(b, batches[i%len(batches)])
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/span")
	})
	b.Run("all threads", func(b *testing.B) {
		h := prepare(b, nil)
		batches := traffic(100)
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				_ = h.ConsumeTraces(context.Background(), batches[i%len(batches)])
			}
		})
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/span")
	})
}
