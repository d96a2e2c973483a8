package xraytailsamplingprocessor

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/tailwater-otel/tailwater/internal/tracebuffer"
	"github.com/tailwater-otel/tailwater/internal/tracesummary"
)

const lostSpans = "processor_xray_tail_sampling_spans_lost"

// failed is a span that has its trace kept.
func failed(name string) s {
	return s{service: "a", name: name, id: 1, kind: server, end: time.Second, status: 500}
}

// broken has facts that end in the middle of one: reading them panics.
func (h *harness) broken(n uint64) {
	id := tracebuffer.ID(traceID(n))
	for i, shard := range h.shards {
		if h.hash(id)%uint64(len(h.shards)) != uint64(i) {
			continue
		}
		shard.mu.Lock()
		shard.buffer.Add(id, tracebuffer.Group{
			Resource: &tracebuffer.Resource{}, Spans: []tracebuffer.Span{{ID: 1, Flags: tracebuffer.Segment, Facts: 1}, {ID: 2, Parent: 1}},
			Facts: []byte{byte(tracesummary.TagHost), 200},
		}, time.Now())
		shard.mu.Unlock()
	}
}

// What cannot be read is counted, refused for good, and costs nothing else.
func TestPanicWhileReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, nil)
		sound := h.collectors.New
		h.collectors.New = func() any {
			c := newCollector(h.seed)
			c.describer = nil
			return c
		}
		err := h.ConsumeTraces(t.Context(), batch(traceID(1), time.Now(), failed("a"), failed("b")))
		require.ErrorContains(t, err, "the batch cannot be read")
		assert.True(t, consumererror.IsPermanent(err))
		assert.EqualValues(t, 2, h.sum(t, lostSpans, "reason", lostInternal))

		h.collectors.New = sound
		h.send(t, batch(traceID(2), time.Now(), failed("c")))
		time.Sleep(11 * time.Second)
		synctest.Wait()
		assert.Equal(t, 1, h.sink.count())
		h.stopped(t)
	})
}

// A trace whose decision panics is taken out and counted, and those beside it
// are decided: when its time comes, when it grows too large, when memory is
// short, and at the stop.
func TestPanicWhileDeciding(t *testing.T) {
	for name, decide := range map[string]func(*testing.T, *harness){
		"due":      func(*testing.T, *harness) { time.Sleep(12 * time.Second) },
		"shutdown": func(t *testing.T, h *harness) { require.NoError(t, h.Shutdown(t.Context())) },
		"memory": func(t *testing.T, h *harness) {
			h.maxBytes = 1
			other, count := uint64(3), uint64(len(h.shards))
			for h.hash(tracebuffer.ID(traceID(other)))%count != h.hash(tracebuffer.ID(traceID(1)))%count {
				other++ // until it is one of the same shard
			}
			h.send(t, batch(traceID(other), time.Now(), failed("d")))
			time.Sleep(12 * time.Second)
		},
		"trace size": func(t *testing.T, h *harness) {
			h.maxTraceBytes = 1
			h.send(t, batch(traceID(1), time.Now(), failed("more of it")))
			time.Sleep(12 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := start(t, nil)
				h.broken(1)
				h.send(t, batch(traceID(2), time.Now(), failed("c")))
				decide(t, h)
				synctest.Wait()
				spans := int64(2)
				if name == "trace size" {
					spans = 3
				}
				assert.EqualValues(t, spans, h.sum(t, lostSpans, "reason", lostInternal))
				assert.EqualValues(t, spans, h.sum(t, lostSpans))
				assert.Contains(t, h.sink.all(), "c")
				h.stopped(t)
			})
		})
	}
}

func TestPanicWhileSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, nil)
		v := &verdict{outcome: outcome{kept: true, name: "x"}}
		h.forward(t.Context(), []parcel{{tracebuffer.KeepGroup(tracebuffer.Group{
			Resource: &tracebuffer.Resource{}, Scopes: "\xff", Spans: make([]tracebuffer.Span, 3),
		}), v}, {tracebuffer.KeepGroup(tracebuffer.Group{Resource: &tracebuffer.Resource{}, Spans: make([]tracebuffer.Span, 1)}), nil}})
		h.send(t, batch(traceID(2), time.Now(), failed("c")))
		time.Sleep(12 * time.Second)
		synctest.Wait()
		assert.EqualValues(t, 4, h.sum(t, lostSpans, "reason", lostInternal))
		assert.Contains(t, h.sink.all(), "c")
		h.stopped(t)
	})
}
