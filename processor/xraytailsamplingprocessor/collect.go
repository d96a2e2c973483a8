package xraytailsamplingprocessor

import (
	"hash/maphash"
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/otlpspan"
	"github.com/tailwater-otel/tailwater/internal/segmentspan"
	"github.com/tailwater-otel/tailwater/internal/tracebuffer"
	"github.com/tailwater-otel/tailwater/internal/tracestate"
	"github.com/tailwater-otel/tailwater/internal/tracesummary"
)

// incoming is the spans of one trace and one resource in a batch.
type incoming struct {
	id    tracebuffer.ID
	hash  uint64
	group tracebuffer.Group

	randomness    uint64
	hasRandomness bool
	faults        int64

	first, last int32 // of its entries
	spans       int   // their number
}

// entry is a span in a batch.
type entry struct {
	next     int32 // of the same group; -1 for the last
	scope    int32
	wire     part
	span     tracebuffer.Span
	from, to int32 // its facts
}

// part is a part of what a collector has encoded.
type part struct{ from, to int }

func (p part) size() int { return p.to - p.from }

// collector sorts a batch by trace. Its memory is used again for the next.
type collector struct {
	seed      maphash.Seed
	describer *segmentspan.Describer
	resources map[string]*tracebuffer.Resource // by header

	at      map[tracebuffer.ID]int32 // in groups, of the present resource
	groups  []incoming
	entries []entry
	wire    []byte // the headers of scopes and the spans, of the present resource
	scopes  []part // the headers in it
	head    []byte // of a scope of a group
	facts   []byte
	spans   []tracebuffer.Span
	moved   []byte  // facts in the order of groups
	invalid int64   // spans without a trace ID
	mine    []int32 // groups of one shard
}

// What a collector remembers of resources, so that spans that come one by one
// share theirs.
const (
	maxKnownResources = 256
	maxKnownHeader    = 4096
)

// What a collector's memory may have grown to for it to be kept.
const (
	maxKeptEntries = 8192
	maxKeptBytes   = 4 << 20
)

func newCollector(seed maphash.Seed) *collector {
	return &collector{
		seed: seed, describer: segmentspan.NewDescriber(),
		resources: map[string]*tracebuffer.Resource{}, at: map[tracebuffer.ID]int32{},
	}
}

// collect returns the spans of a batch by trace and resource. They are valid
// until the next call, except the bytes of the spans.
func (c *collector) collect(td ptrace.Traces, want *tracesummary.Wanted) []incoming {
	c.release()
	for _, rs := range td.ResourceSpans().All() {
		c.resource(rs, want)
	}
	c.finish()
	return c.groups
}

// resource collects the spans of one resource.
func (c *collector) resource(rs ptrace.ResourceSpans, want *tracesummary.Wanted) {
	clear(c.at)
	firstGroup := len(c.groups)
	shared := c.shared(rs)
	res := tracesummary.Resource{ResourceFacts: *shared.Facts.(*segmentspan.ResourceFacts), Attributes: rs.Resource().Attributes()}
	c.wire, c.scopes = c.wire[:0], c.scopes[:0]
	for j, ss := range rs.ScopeSpans().All() {
		from := len(c.wire)
		c.wire = otlpspan.AppendScopeHeader(c.wire, ss)
		c.scopes = append(c.scopes, part{from, len(c.wire)})
		for _, span := range ss.Spans().All() {
			id := tracebuffer.ID(span.TraceID())
			if id == (tracebuffer.ID{}) {
				c.invalid++
				continue
			}
			from := len(c.wire)
			c.wire = otlpspan.Append(c.wire, span)
			e := entry{next: -1, scope: int32(j), wire: part{from, len(c.wire)}, from: int32(len(c.facts))}
			e.span, c.facts = tracesummary.Describe(c.describer, span, &res, want, c.facts)
			e.to = int32(len(c.facts))
			at := int32(len(c.entries))
			c.entries = append(c.entries, e)

			g, known := c.at[id]
			if !known {
				g = int32(len(c.groups))
				c.at[id] = g
				c.groups = append(c.groups, incoming{
					id: id, hash: maphash.Bytes(c.seed, id[:]), group: tracebuffer.Group{Resource: shared}, first: at, last: at,
				})
			}
			in := &c.groups[g]
			if known {
				c.entries[in.last].next = at
				in.last = at
			}
			in.spans++
			if e.span.Flags&tracebuffer.Fault != 0 {
				in.faults++
			}
			if !in.hasRandomness {
				in.randomness, in.hasRandomness = tracestate.Randomness(span.TraceState().AsRaw())
			}
		}
	}
	for g := firstGroup; g < len(c.groups); g++ {
		c.groups[g].group.Scopes = c.encode(&c.groups[g])
	}
}

// shared returns a resource, the same one again if it is known.
func (c *collector) shared(rs ptrace.ResourceSpans) *tracebuffer.Resource {
	c.wire = otlpspan.AppendResourceHeader(c.wire[:0], rs)
	header := c.wire
	if r, known := c.resources[string(header)]; known {
		return r
	}
	f := c.describer.Resource(rs.Resource())
	for _, s := range [...]*string{&f.Service, &f.Type, &f.AccountID, &f.Zone, &f.Instance, &f.ARN} {
		*s = strings.Clone(*s) // it may share memory with the whole batch
	}
	r := &tracebuffer.Resource{Header: append([]byte(nil), header...), Facts: &f}
	if len(header) <= maxKnownHeader {
		if len(c.resources) >= maxKnownResources {
			clear(c.resources)
		}
		c.resources[string(header)] = r
	}
	return r
}

// encode returns the ScopeSpans of a group.
func (c *collector) encode(in *incoming) string {
	total := 0
	c.runs(in, func(_ int32, scope int32, size int) {
		total += otlpspan.ScopeSize(c.scopes[scope].size(), size)
	})
	var out strings.Builder
	out.Grow(total)
	c.runs(in, func(from int32, scope int32, size int) {
		header := c.scopes[scope]
		c.head = otlpspan.AppendScope(c.head[:0], c.wire[header.from:header.to], size)
		out.Write(c.head)
		for at := from; at >= 0 && c.entries[at].scope == scope; at = c.entries[at].next {
			span := c.entries[at].wire
			out.Write(c.wire[span.from:span.to])
		}
	})
	return out.String()
}

// runs calls f for each run of spans of one scope, with its first entry and
// the size of its spans.
func (c *collector) runs(in *incoming, f func(from, scope int32, size int)) {
	for at := in.first; at >= 0; {
		from, scope, size := at, c.entries[at].scope, 0
		for ; at >= 0 && c.entries[at].scope == scope; at = c.entries[at].next {
			size += c.entries[at].wire.size()
		}
		f(from, scope, size)
	}
}

// finish puts the records and facts of each group together.
func (c *collector) finish() {
	for g := range c.groups {
		in := &c.groups[g]
		spans, facts := len(c.spans), len(c.moved)
		for at := in.first; at >= 0; at = c.entries[at].next {
			e := &c.entries[at]
			if e.span.Facts != 0 {
				e.span.Facts = uint32(len(c.moved)-facts) + 1
				c.moved = append(c.moved, c.facts[e.from:e.to]...)
			}
			c.spans = append(c.spans, e.span)
		}
		// The memory may still move; only the lengths count until all is there.
		in.group.Spans, in.group.Facts = c.spans[spans:], c.moved[facts:]
	}
	spans, facts := 0, 0
	for g := range c.groups {
		in := &c.groups[g]
		n, m := len(in.group.Spans), len(in.group.Facts)
		in.group.Spans, in.group.Facts = c.spans[spans:spans+n:spans+n], c.moved[facts:facts+m:facts+m]
		spans, facts = spans+n, facts+m
	}
}

// release drops what the collector refers to and keeps its memory, if that is
// not too much.
func (c *collector) release() {
	c.invalid = 0
	if cap(c.wire) > maxKeptBytes {
		c.wire = nil
	}
	if cap(c.entries) > maxKeptEntries {
		c.at, c.groups, c.entries, c.facts, c.spans, c.moved = map[tracebuffer.ID]int32{}, nil, nil, nil, nil, nil
		return
	}
	clear(c.groups)
	c.groups, c.entries = c.groups[:0], c.entries[:0]
	c.facts, c.spans, c.moved = c.facts[:0], c.spans[:0], c.moved[:0]
}
