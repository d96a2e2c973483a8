package xraymetricsconnector

import (
	"hash/maphash"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segmentspan"
	"github.com/tailwater-otel/tailwater/internal/tracestate"
)

// observer takes a batch apart into what it counts. Its memory is used again
// for the next.
type observer struct {
	seed      maphash.Seed
	describer *segmentspan.Describer
	requests  bool // what is counted
	calls     bool

	all       []observation
	keys      []byte
	resources []pcommon.Map
	shards    [][]int32 // the observations of each
	counted   struct{ requests, calls, inProgress, replayed int64 }
}

// What an observer's memory may have grown to for it to be kept.
const (
	maxKeptObservations = 8192
	maxKeptKeys         = 1 << 20
)

// Why spans are not counted.
const (
	notCountedInProgress = "in_progress"
	notCountedReplayed   = "replayed"
	notCountedTraceID    = "missing_trace_id"
)

// replayed says that a resource came from the archive.
func replayed(resource pcommon.Map) bool {
	value, ok := resource.Get(replayedAttribute)
	return ok && value.Type() == pcommon.ValueTypeBool && value.Bool()
}

const replayedAttribute = "archive.replayed"

// observe takes a batch apart. What it returns is valid until the next call.
func (o *observer) observe(td ptrace.Traces) {
	o.reset()
	for _, rs := range td.ResourceSpans().All() {
		attributes := rs.Resource().Attributes()
		again := replayed(attributes)
		facts := o.describer.Resource(rs.Resource())
		where := environmentOf(attributes)
		o.resources = append(o.resources, attributes)
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				c := o.describer.Count(span, &facts)
				switch {
				case again || c.Replayed:
					o.counted.replayed++
					continue
				case c.InProgress:
					o.counted.inProgress++
					continue
				}
				if c.Environment == "" {
					c.Environment = where
				}
				o.span(span, &c)
			}
		}
	}
}

// span adds the request and the call that a span is.
func (o *observer) span(span ptrace.Span, c *segmentspan.Count) {
	request, call := c.Entry && o.requests, c.Remote != "" && o.calls
	if !request && !call {
		return
	}
	start, end := span.StartTimestamp(), span.EndTimestamp()
	seen := observation{
		example:  example{trace: span.TraceID(), end: end},
		weight:   1,
		resource: int32(len(o.resources) - 1),
	}
	if end > start && start != 0 {
		seen.value = float64(end-start) / 1e6
	}
	if state := span.TraceState().AsRaw(); state != "" {
		seen.weight = min(tracestate.Weight(state), maxWeight)
	}
	for _, f := range [...]struct {
		set bool
		bit uint8
	}{{c.Error, isError}, {c.Throttle, isThrottle}, {c.Fault, isFault}} {
		if f.set {
			seen.flags |= f.bit
		}
	}
	if request {
		from := localRootSpan
		if span.Kind() == ptrace.SpanKindServer {
			from = serverSpan
		}
		o.counted.requests++
		o.add(&seen, from, c, true)
	}
	if call {
		from := clientSpan
		switch span.Kind() {
		case ptrace.SpanKindProducer:
			from = producerSpan
		case ptrace.SpanKindConsumer:
			from = consumerSpan
		}
		o.counted.calls++
		o.add(&seen, from, c, false)
	}
}

// add adds a request or a call with its key.
func (o *observer) add(seen *observation, from source, c *segmentspan.Count, request bool) {
	n := observation(*seen)
	n.from = uint32(len(o.keys))
	k := append(o.keys, byte(from))
	k = appendValue(k, inEnvironment, c.Environment)
	k = appendValue(k, inService, c.Service)
	at := len(k)
	if request {
		k = closeValue(o.describer.AppendOperation(append(k, 0, 0)), inOperation, at)
		k = append(k, absent...)
	} else {
		k = appendValue(k, inOperation, o.describer.LocalOperation())
		k = appendValue(k, inRemote, c.Remote)
		at = len(k)
		k = closeValue(o.describer.AppendRemoteOperation(append(k, 0, 0)), inRemoteOperation, at)
		k = appendValue(k, inRemoteEnvironment, c.RemoteEnvironment)
		k = appendValue(k, inResourceID, c.Resource)
		k = appendValue(k, inResourceType, c.ResourceType)
	}
	o.keys = k
	n.to = uint32(len(k))
	n.hash = maphash.Bytes(o.seed, k[n.from:])
	shard := n.hash >> 32 % uint64(len(o.shards))
	o.shards[shard] = append(o.shards[shard], int32(len(o.all)))
	o.all = append(o.all, n)
}

// absent is the rest of a request's key: five dimensions without a value.
const absent = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// reset drops what the observer refers to and keeps its memory, if that is not
// too much.
func (o *observer) reset() {
	if cap(o.all) > maxKeptObservations || cap(o.keys) > maxKeptKeys {
		o.all, o.keys, o.resources = nil, nil, nil
		for i := range o.shards {
			o.shards[i] = nil
		}
	}
	clear(o.resources)
	o.all, o.keys, o.resources = o.all[:0], o.keys[:0], o.resources[:0]
	for i := range o.shards {
		o.shards[i] = o.shards[i][:0]
	}
	o.counted.requests, o.counted.calls, o.counted.inProgress, o.counted.replayed = 0, 0, 0, 0
}
