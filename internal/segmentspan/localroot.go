package segmentspan

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// rootKind is what becomes of a span that was born in OpenTelemetry.
type rootKind uint8

const (
	segmentSpan    rootKind = iota // a segment
	subsegmentSpan                 // a subsegment
	splitSpan                      // a segment of the service and a subsegment below it
)

// rootOf decides what becomes of a span. A span that calls or sends is never a
// segment alone: the map would show the callee as a service that called itself.
func (m *mapper) rootOf(e *entity) rootKind {
	calls := e.kind == ptrace.SpanKindClient || e.kind == ptrace.SpanKindProducer
	if m.r.peek(keyAWSSpanKind) == "LOCAL_ROOT" {
		m.r.use(keyAWSSpanKind)
		if calls || e.kind == ptrace.SpanKindConsumer {
			return splitSpan
		}
		return segmentSpan
	}
	switch {
	case e.parent == segment.ID{}:
		if calls {
			return splitSpan
		}
		return segmentSpan
	case e.kind == ptrace.SpanKindServer || e.kind == ptrace.SpanKindConsumer:
		return segmentSpan
	}
	return subsegmentSpan
}

// serviceSegment makes the segment of the service above a span that is also a
// dependency. Its id is derived from the span's, so that a span that is sent
// again gets the same segment.
func (m *mapper) serviceSegment(e *entity, res *resource) {
	top := m.alloc()
	top.span, top.kind, top.traceID, top.parent, top.res = e.span, e.kind, e.traceID, e.parent, e.res
	s, sub := &top.seg, &e.seg
	s.ID = e.derivedID("service", 0)
	s.StartTime, s.EndTime, s.InProgress = sub.StartTime, sub.EndTime, sub.InProgress
	s.Error, s.Throttle, s.Fault = sub.Error, sub.Throttle, sub.Fault
	s.Name = m.segmentName(top, res)
	if e.kind == ptrace.SpanKindConsumer {
		s.Links, sub.Links = sub.Links, nil
	}
	if len(e.exceptions) > 0 {
		top.causeBlock().ID = e.exceptions[0].ID
	}
	m.segmentOf(top, res)
	m.addMetadata(top, namespaceDefault, m.resourceMetadata(top, res))
	m.annotateResource(top, res)
	s.Annotations, s.Metadata = top.annotations, top.metadata
	e.above, e.parent = top, s.ID
	m.chain(top)
}
