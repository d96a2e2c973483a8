// Package segmentspan maps X-Ray segment documents to OpenTelemetry spans and
// spans to segment documents. docs/mapping.md describes both directions.
//
// A document survives the trip to spans and back member for member, and each
// member has one home: a standard attribute where one gives the member back,
// else an attribute of ours on the span of its own segment or subsegment.
// Where the way back would derive a value that the document did not have, a
// mark on the span corrects it.
package segmentspan

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// ToSpans appends the spans of one document, the segment's own and one for
// each embedded subsegment, to td. They share one new ResourceSpans. The
// spans' strings share memory with the strings of s.
func ToSpans(s *segment.Segment, td ptrace.Traces) {
	rs := td.ResourceSpans().AppendEmpty()
	w := writer{spans: rs.ScopeSpans().AppendEmpty().Spans(), trace: s.TraceID}
	w.spans.EnsureCapacity(countEntities(s))
	if s.Independent {
		w.entity(s, s.ParentID, roleSubsegment, &w.none)
		return
	}
	id := identify(s)
	id.write(rs.Resource().Attributes())
	w.entity(s, s.ParentID, roleSegment, &id)
}

func countEntities(s *segment.Segment) int {
	n := 1
	for _, sub := range s.Subsegments {
		n += countEntities(sub)
	}
	return n
}

// Options are the settings of an Encoder.
type Options struct {
	// IndexedAttributes are the attributes that become annotations. Resource
	// attributes are named with the prefix "otel.resource.".
	IndexedAttributes []string
	// IndexAllAttributes makes every attribute an annotation.
	IndexAllAttributes bool
	// LogGroups are the log groups of segments whose resource names none.
	LogGroups []string
	// ValidateTimestamp refuses trace ids whose time part is more than 28
	// days old or 5 minutes ahead.
	ValidateTimestamp bool
	// MaxDocumentBytes bounds a document; 0 means segment.MaxDocumentBytes.
	MaxDocumentBytes int
}

// Encoded is what FromTraces made of the spans it was given.
type Encoded struct {
	// Parts are the documents. Those of one trace stand together.
	Parts []segment.Part
	// Spans counts the spans that went into Parts.
	Spans int
	// Unsampled counts the spans that were skipped because they carry
	// aws.trace.flag.sampled = 0 (OTLP over UDP, "T1U").
	Unsampled int
	// Invalid counts the spans that cannot be documents, by reason: one of
	// InvalidTraceID, InvalidSpanID, InvalidStart and InvalidTraceTime. It is
	// nil if there are none.
	Invalid map[string]int
	// Superseded counts in-progress spans whose completed form was at hand.
	Superseded int
	// Cut counts the entities that lost content to the size limit.
	Cut int
}
