package xraytailsamplingprocessor

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segmentspan"
)

// pieces are what a trace consists of: spans, each in a ptrace.Traces of its
// own, and the spans that must come out, by id and name, with their number.
type pieces struct {
	id    pcommon.TraceID
	spans []ptrace.Traces
	want  map[string]int
}

func (p *pieces) add(td ptrace.Traces, comesOut bool) {
	p.spans = append(p.spans, td)
	if comesOut {
		count(p.want, td)
	}
}

// count adds the spans of a batch to counts by id and name.
func count(counts map[string]int, td ptrace.Traces) {
	for _, of := range byTrace(td) {
		for name, n := range of {
			counts[name] += n
		}
	}
}

// byTrace counts the spans of each trace by ID and name.
func byTrace(td ptrace.Traces) map[pcommon.TraceID]map[string]int {
	all := map[pcommon.TraceID]map[string]int{}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if all[span.TraceID()] == nil {
					all[span.TraceID()] = map[string]int{}
				}
				all[span.TraceID()][span.SpanID().String()+" "+span.Name()]++
			}
		}
	}
	return all
}

// tree is a trace of n spans of OpenTelemetry, of which something is odd.
func tree(random *rand.Rand, id pcommon.TraceID, n int, base time.Time, skew, duplicates, open, missing bool) *pieces {
	p := &pieces{id: id, want: map[string]int{}}
	for i := range n {
		if missing && i%7 == 0 {
			continue // the root is one of them
		}
		at := base.Add(time.Duration(i) * time.Microsecond)
		if skew {
			at = at.Add(time.Duration(random.IntN(7200)-3600) * time.Second)
		}
		span := func(name string, open bool) ptrace.Traces {
			td := batch(id, at, s{service: fmt.Sprint("service ", i%7), name: name, kind: server, end: time.Millisecond, open: open})
			only := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
			only.SetSpanID(pcommon.SpanID{1, 5: byte(i >> 16), 6: byte(i >> 8), 7: byte(i)})
			if i > 0 {
				parent := (i - 1) / 3
				only.SetParentSpanID(pcommon.SpanID{1, 5: byte(parent >> 16), 6: byte(parent >> 8), 7: byte(parent)})
			}
			return td
		}
		name := fmt.Sprint("span ", i)
		p.add(span(name, false), true)
		if duplicates && i%5 == 0 {
			p.add(span(name, false), true)
		}
		if open && i%3 == 0 {
			p.add(span(name, true), false)
			p.add(span(name, true), false)
		}
	}
	return p
}

// streamed is a trace of segments as X-Ray SDKs send them when they stream:
// first in progress, then each subsegment as a document of its own, some of
// them in progress too, then the segment itself.
func streamed(t *testing.T, id pcommon.TraceID, segments int, base time.Time) *pieces {
	p := &pieces{id: id, want: map[string]int{}}
	document := func(text string, comesOut bool) {
		decoded, err := segment.Decode(text)
		require.NoError(t, err, text)
		td := ptrace.NewTraces()
		segmentspan.ToSpans(decoded, td)
		p.add(td, comesOut)
	}
	hex := id.String()
	traceID, start := "1-"+hex[:8]+"-"+hex[8:], float64(base.UnixMilli())/1000
	parent := ""
	for i := range segments {
		segmentID := fmt.Sprintf("%016x", 0x5000+i)
		head := fmt.Sprintf(`"id":%q,"trace_id":%q,"start_time":%.3f%s`, segmentID, traceID, start, parent)
		document(fmt.Sprintf(`{"name":"checkout-%d",%s,"in_progress":true}`, i, head), false)
		for j := range 10 {
			call := fmt.Sprintf(`"name":"call-%d","id":"%016x","trace_id":%q,"parent_id":%q,"type":"subsegment","namespace":"remote","start_time":%.3f`,
				j, 0x90000+i*100+j, traceID, segmentID, start)
			if j%3 == 0 {
				document("{"+call+`,"in_progress":true}`, false)
			}
			document(fmt.Sprintf(`{%s,"end_time":%.3f}`, call, start+0.1), true)
		}
		document(fmt.Sprintf(`{"name":"checkout-%d",%s,"end_time":%.3f}`, i, head, start+0.2), true)
		parent = fmt.Sprintf(`,"parent_id":"%016x"`, 0x90000+i*100+9)
	}
	return p
}

// Whatever is odd about a trace, it is decided once and forwarded whole, in one
// piece, alone or with others: each of its spans is in one of 20 batches, in any order.
func TestEveryTraceIsDecidedOnceAndForwardedWhole(t *testing.T) {
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			h := start(t, func(c *Config) { c.Rules.Inline = []RuleConfig{{RuleName: "Default", FixedRate: 1}} })
			random := rand.New(rand.NewPCG(seed, 2))
			base := time.Now()
			size := 10_000
			if seed > 0 {
				size = 500
			}
			all := []*pieces{
				tree(random, traceID(1), size, base, true, true, true, true),
				tree(random, traceID(2), 300, base, true, false, false, false),
				tree(random, traceID(3), 300, base, false, true, false, false),
				tree(random, traceID(4), 300, base, false, false, true, false),
				tree(random, traceID(5), 300, base, false, false, false, true),
				tree(random, traceID(6), 1, base, false, false, false, false),
				streamed(t, traceID(7), 1, base),
				streamed(t, traceID(8), 20, base),
			}
			batches := make([]ptrace.Traces, 20)
			for i := range batches {
				batches[i] = ptrace.NewTraces()
			}
			for _, p := range all {
				random.Shuffle(len(p.spans), func(i, j int) { p.spans[i], p.spans[j] = p.spans[j], p.spans[i] })
				for _, td := range p.spans {
					td.ResourceSpans().MoveAndAppendTo(batches[random.IntN(len(batches))].ResourceSpans())
				}
			}
			for _, td := range batches {
				h.send(t, td)
				time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond)
			}
			time.Sleep(time.Minute)
			synctest.Wait()

			got := map[pcommon.TraceID]map[string]int{}
			for _, td := range h.sink.got {
				for id, spans := range byTrace(td) {
					_, known := got[id]
					require.False(t, known, "trace %s in two pieces", id)
					got[id] = spans
				}
			}
			require.Equal(t, len(all), len(got))
			for _, p := range all {
				assert.Equal(t, p.want, got[p.id], "trace %s", p.id)
			}
			assert.EqualValues(t, len(all), h.sum(t, "processor_xray_tail_sampling_traces"))
			assert.EqualValues(t, len(all), h.sum(t, "processor_xray_tail_sampling_decisions"))
			assert.Zero(t, h.sum(t, "processor_xray_tail_sampling_late_spans"))
			assert.Zero(t, h.sum(t, "processor_xray_tail_sampling_spans_lost"))
			h.stopped(t)
		})
	}
}
