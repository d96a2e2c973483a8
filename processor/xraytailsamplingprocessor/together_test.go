package xraytailsamplingprocessor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/tracebuffer"
)

// Traces of which the same was decided travel together, in calls of a bounded
// size, and each of them whole; others do not.
func TestTracesTravelTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, func(c *Config) { c.Rules.Inline = []RuleConfig{{RuleName: "Default", FixedRate: 1}} })
		const traces = 2000
		for i := range uint64(traces) {
			status := int64(200)
			if i%100 == 0 {
				status = 500
			}
			h.send(t, batch(traceID(i), time.Now(),
				s{service: "a", name: fmt.Sprint("a", i), id: 1, kind: server, end: time.Second, status: status},
				s{service: "a", name: fmt.Sprint("b", i), id: 2, parent: 1}))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		seen := map[pcommon.TraceID]bool{}
		for _, td := range h.sink.got {
			require.LessOrEqual(t, td.SpanCount(), mostTogether)
			rules := map[string]bool{}
			for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
				rules[text(span, attributeRule)] = true
			}
			require.Len(t, rules, 1)
			require.Equal(t, 1, td.ResourceSpans().Len(), "one resource")
			require.Equal(t, 1, td.ResourceSpans().At(0).ScopeSpans().Len(), "one scope")
			for id, spans := range byTrace(td) {
				require.False(t, seen[id])
				seen[id] = true
				require.Len(t, spans, 2)
			}
		}
		require.Equal(t, traces, len(seen))
		assert.Less(t, len(h.sink.got), traces/10)
		h.stopped(t)
	})
}

// What the next component refuses for good costs the trace that it is for, not
// those that travel with it.
func TestOneTraceIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, nil)
		bad := traceID(7)
		h.sink.refuse = func(td ptrace.Traces) error {
			if byTrace(td)[bad] != nil {
				return consumererror.NewPermanent(errors.New("never"))
			}
			return nil
		}
		for i := range uint64(20) {
			h.send(t, batch(traceID(i), time.Now(), s{service: "a", name: fmt.Sprint(i), id: 1, kind: server, end: time.Second, status: 500}))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		got := map[pcommon.TraceID]bool{}
		for _, td := range h.sink.got {
			for id := range byTrace(td) {
				require.False(t, got[id], "twice")
				got[id] = true
			}
		}
		assert.Len(t, got, 19)
		assert.NotContains(t, got, bad)
		assert.EqualValues(t, 1, h.sum(t, "processor_xray_tail_sampling_spans_lost", "reason", lostRejected))
		assert.EqualValues(t, 1, h.sum(t, "processor_xray_tail_sampling_spans_lost"))
		h.stopped(t)
	})
}

// Of traces that travel together one that cannot be read is lost alone.
func TestOneTraceCannotBeRead(t *testing.T) {
	h := prepare(t, nil)
	v := &verdict{outcome: outcome{kept: true, name: "faults", reason: reasonKeep}}
	good := func() *tracebuffer.Kept {
		c := newCollector(h.seed)
		all := c.collect(batch(traceID(1), time.Now(), s{service: "a", name: "a", id: 1, kind: server}), h.wanted.Load())
		return tracebuffer.KeepGroup(all[0].group)
	}
	bad := tracebuffer.KeepGroup(tracebuffer.Group{Resource: &tracebuffer.Resource{}, Scopes: "\xff", Spans: make([]tracebuffer.Span, 3)})
	h.forward(context.Background(), []parcel{{good(), v}, {bad, v}, {good(), v}})
	h.queue.close()
	h.work(context.Background())
	assert.Equal(t, 2, h.sink.count())
	assert.EqualValues(t, 3, h.sum(t, "processor_xray_tail_sampling_spans_lost", "reason", lostInternal))
	assert.EqualValues(t, 3, h.sum(t, "processor_xray_tail_sampling_spans_lost"))
	assert.Zero(t, h.budget.Used())
	h.stopped(t)
}
