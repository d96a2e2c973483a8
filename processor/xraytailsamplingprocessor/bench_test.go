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

// batchOf makes the b-th batch of 100 spans, 10 of each trace, of about 250
// bytes a span on the wire.
func batchOf(random *rand.Rand, b int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
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
	return td
}

func newTraffic() *rand.Rand { return rand.New(rand.NewPCG(5, 6)) }

// BenchmarkSpan takes spans in and decides their traces, of which few are kept.
func BenchmarkSpan(b *testing.B) {
	for name, keep := range measured {
		b.Run(name, func(b *testing.B) {
			h := prepare(b, func(c *Config) { c.Keep = keep })
			random, batches := newTraffic(), make([]ptrace.Traces, 100)
			for i := range batches {
				batches[i] = batchOf(random, i)
			}
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

// BenchmarkKeptSpan takes spans in, keeps all their traces and sends them.
func BenchmarkKeptSpan(b *testing.B) {
	h := prepare(b, func(c *Config) { c.Rules.Inline = []RuleConfig{{RuleName: "Default", FixedRate: 1}} })
	h.sink.took = func(ptrace.Traces) {}
	random, batches := newTraffic(), make([]ptrace.Traces, 100)
	for i := range batches {
		batches[i] = batchOf(random, i)
	}
	ctx := context.Background()
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		if err := h.ConsumeTraces(ctx, batches[i%len(batches)]); err != nil {
			b.Fatal(err)
		}
		if (i+1)%len(batches) != 0 {
			continue
		}
		for _, s := range h.shards {
			for more := true; more; {
				var out []parcel
				out, more = h.empty(ctx, s, time.Now())
				h.forward(ctx, out)
			}
			clear(s.kept.at)
			s.kept.entries, s.kept.head = nil, 0
		}
		h.queue.close()
		h.work(ctx)
		h.queue.closed = false
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/span")
}

// heap is what is in use of the heap.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// measured are the policies that memory and speed are measured with.
var measured = map[string][]KeepConfig{
	"default policies": createDefaultConfig().(*Config).Keep,
	"an annotation":    {{Name: "red", Filter: `annotation.tenant = "red"`}},
}

// A flood of four times max_bytes is decided early, and what the heap grows by
// stays within 10 % of max_bytes, from when it is full to the end.
func TestHeapInAFlood(t *testing.T) {
	for name, keep := range measured {
		t.Run(name, func(t *testing.T) {
			const most = 8 << 20
			h := prepare(t, func(c *Config) {
				c.Keep = keep
				c.Buffer = BufferConfig{MaxBytes: most, MaxTraceBytes: 1 << 20}
				// What is remembered of decided traces is bounded by number.
				c.DecisionCache = CacheConfig{SampledCacheSize: 100, NonSampledCacheSize: 100}
			})
			const batches = 900
			random, before, largest, counted := newTraffic(), heap(), int64(0), int64(0)
			for i := range batches {
				h.send(t, batchOf(random, i)) // if it were not copied, all of it would be held
				counted = max(counted, h.budget.Used())
				if i%150 == 149 {
					largest = max(largest, heap()-before)
				}
			}
			early := h.sum(t, "processor_xray_tail_sampling_decisions", "cause", causeMemory)
			t.Logf("max_bytes %d: counted %d, on the heap %d, %d of %d traces decided early", most, counted, largest, early, 10*batches)
			assert.Greater(t, early, int64(10*batches/2))
			assert.LessOrEqual(t, counted, int64(most))
			assert.LessOrEqual(t, largest, int64(most*11/10))
			assert.GreaterOrEqual(t, largest, int64(most*7/10), "it is used")
			h.emptied(t)
		})
	}
}

// What 200,000 pending spans take, fewer under the race detector: what is
// counted, and what the heap grew by.
func TestMemoryOfPendingSpans(t *testing.T) {
	spans := 200_000
	if raceEnabled {
		spans = 20_000
	}
	for name, keep := range measured {
		t.Run(name, func(t *testing.T) {
			h := prepare(t, func(c *Config) {
				c.Keep = keep
				c.Buffer.MaxBytes = 1 << 30
			})
			random, before := newTraffic(), heap()
			for i := range spans / 100 {
				h.send(t, batchOf(random, i)) // if it were not copied, all of it would be held
			}
			grew, counted := float64(heap()-before)/float64(spans), float64(h.budget.Used())/float64(spans)
			wire := (&ptrace.ProtoMarshaler{}).TracesSize(batchOf(random, 0)) / 100
			t.Logf("%d bytes a span on the wire, %.0f counted, %.0f on the heap", wire, counted, grew)
			assert.Less(t, grew, 600.0)
			assert.InDelta(t, 1, grew/counted, 0.15)
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
