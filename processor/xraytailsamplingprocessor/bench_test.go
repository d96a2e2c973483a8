package xraytailsamplingprocessor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// traffic makes batches of 100 spans, 10 of each trace, of about 250 bytes a
// span on the wire.
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
			id := traceID(uint64(b*10+i) * 0x9e3779b97f4a7c15)
			for j := range 10 {
				span := ss.Spans().AppendEmpty()
				span.SetTraceID(id)
				span.SetSpanID(pcommon.SpanID{1, 7: byte(j + 1)})
				span.SetKind(client)
				if j > 0 {
					span.SetParentSpanID(pcommon.SpanID{1, 7: 1})
				} else {
					span.SetKind(server)
				}
				span.SetName("GET /api/items/{id}")
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

// BenchmarkSpan takes spans in and decides their traces, of which few are kept.
func BenchmarkSpan(b *testing.B) {
	for name, keep := range map[string][]KeepConfig{
		"default policies": createDefaultConfig().(*Config).Keep,
		"an annotation":    {{Name: "red", Filter: `annotation.tenant = "red"`}},
	} {
		b.Run(name, func(b *testing.B) {
			h := prepare(b, func(c *Config) { c.Keep = keep })
			batches := traffic(100)
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; b.Loop(); i++ {
				if i%len(batches) == 0 && i > 0 {
					for _, s := range h.shards {
						for more := true; more; {
							_, more = h.empty(context.Background(), s, time.Now())
						}
						clear(s.dropped.at)
						s.dropped.entries, s.dropped.head = nil, 0
					}
				}
				if err := h.ConsumeTraces(context.Background(), batches[i%len(batches)]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/span")
		})
	}
}

// What 200,000 pending spans take: what is counted, and what the heap grew by.
func TestMemoryOfPendingSpans(t *testing.T) {
	for name, keep := range map[string][]KeepConfig{
		"default policies": createDefaultConfig().(*Config).Keep,
		"an annotation":    {{Name: "red", Filter: `annotation.tenant = "red"`}},
	} {
		t.Run(name, func(t *testing.T) {
			h := prepare(t, func(c *Config) {
				c.Keep = keep
				c.Buffer.MaxBytes = 1 << 30
			})
			batches := traffic(2000)
			heap := func() int64 {
				var m runtime.MemStats
				runtime.GC()
				runtime.GC()
				runtime.ReadMemStats(&m)
				return int64(m.HeapAlloc)
			}
			before := heap()
			for _, td := range batches {
				h.send(t, td)
			}
			const spans = 200_000
			grew, counted := float64(heap()-before)/spans, float64(h.budget.Used())/spans
			wire := (&ptrace.ProtoMarshaler{}).TracesSize(batches[0]) / 100
			t.Logf("%d bytes a span on the wire, %.0f counted, %.0f on the heap", wire, counted, grew)
			assert.Less(t, grew, 600.0)
			assert.InDelta(t, 1, grew/counted, 0.15)
			runtime.KeepAlive(batches)
			h.emptied(t)
		})
	}
}

// emptied empties a processor that was not started.
func (h *harness) emptied(t testing.TB) {
	t.Helper()
	for _, s := range h.shards {
		for more := true; more; {
			_, more = h.empty(context.Background(), s, time.Now())
		}
	}
	require.Zero(t, h.budget.Used())
}
