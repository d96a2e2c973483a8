package xraymetricsconnector

import (
	"hash/maphash"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segmentspan"
	"github.com/tailwater-otel/tailwater/internal/tracebuffer"
	"github.com/tailwater-otel/tailwater/internal/tracestate"
	"github.com/tailwater-otel/tailwater/internal/tracesummary"
)

// collector makes the summaries of a batch. Its memory is used again for the
// next.
type collector struct {
	seed      maphash.Seed
	describer *segmentspan.Describer
	resources map[segmentspan.ResourceFacts]*tracebuffer.Resource

	runs    []run
	spans   []tracebuffer.Span
	facts   []byte
	invalid int64 // spans without a trace ID
}

// run is spans of one trace and one resource that stand together in a batch.
type run struct {
	id                 tracebuffer.ID
	hash               uint64
	resource           *tracebuffer.Resource
	weight             float64
	from, to           int // its spans
	factsFrom, factsTo int
}

// What a collector remembers of resources, and what its memory may have grown
// to for it to be kept.
const (
	maxKnownResources = 256
	maxKeptSpans      = 8192
	maxKeptFacts      = 1 << 20
)

func newCollector(seed maphash.Seed) *collector {
	return &collector{
		seed: seed, describer: segmentspan.NewDescriber(),
		resources: map[segmentspan.ResourceFacts]*tracebuffer.Resource{},
	}
}

func (c *collector) collect(td ptrace.Traces, want *tracesummary.Wanted) {
	c.release()
	for _, rs := range td.ResourceSpans().All() {
		attributes := rs.Resource().Attributes()
		if replayed(attributes) {
			continue
		}
		res := tracesummary.Resource{ResourceFacts: c.describer.Resource(rs.Resource()), Attributes: attributes}
		shared := c.shared(res.ResourceFacts)
		first := len(c.runs)
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				c.span(span, &res, shared, want, first)
			}
		}
	}
}

func (c *collector) span(span ptrace.Span, res *tracesummary.Resource, shared *tracebuffer.Resource, want *tracesummary.Wanted, first int) {
	id := tracebuffer.ID(span.TraceID())
	if id == (tracebuffer.ID{}) {
		c.invalid++
		return
	}
	if again, ok := span.Attributes().Get(replayedAttribute); ok && again.Type() == pcommon.ValueTypeBool && again.Bool() {
		return
	}
	if n := len(c.runs); n == first || c.runs[n-1].id != id {
		c.runs = append(c.runs, run{
			id: id, hash: maphash.Bytes(c.seed, id[:]), resource: shared, weight: 1,
			from: len(c.spans), to: len(c.spans), factsFrom: len(c.facts),
		})
	}
	r := &c.runs[len(c.runs)-1]
	if state := span.TraceState().AsRaw(); state != "" && r.weight == 1 {
		r.weight = min(tracestate.Weight(state), maxWeight)
	}
	// Facts are counted from the first of the run.
	record, facts := tracesummary.Describe(c.describer, span, res, want, c.facts[r.factsFrom:])
	c.facts = append(c.facts[:r.factsFrom], facts...)
	c.spans = append(c.spans, record)
	r.to, r.factsTo = len(c.spans), len(c.facts)
}

// shared returns the resource with these facts, the same one again if it is
// known.
func (c *collector) shared(f segmentspan.ResourceFacts) *tracebuffer.Resource {
	if r, known := c.resources[f]; known {
		return r
	}
	for _, s := range [...]*string{&f.Service, &f.Type, &f.AccountID, &f.Zone, &f.Instance, &f.ARN} {
		*s = strings.Clone(cut(*s, maxShared)) // it may share memory with the whole batch
	}
	r := &tracebuffer.Resource{Facts: &f}
	if len(c.resources) >= maxKnownResources {
		clear(c.resources)
	}
	c.resources[f] = r
	return r
}

// release drops what the collector refers to and keeps its memory, if that is
// not too much.
func (c *collector) release() {
	c.invalid = 0
	if cap(c.spans) > maxKeptSpans || cap(c.facts) > maxKeptFacts {
		c.runs, c.spans, c.facts = nil, nil, nil
	}
	clear(c.runs)
	c.runs, c.spans, c.facts = c.runs[:0], c.spans[:0], c.facts[:0]
}
