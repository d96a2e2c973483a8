package segmentspan

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// role is how an entity travelled: the attribute aws.xray.document of spans
// that were born as X-Ray entities.
type role uint8

const (
	roleNone       role = iota // a span that no X-Ray document was
	roleSegment                // a segment document
	roleSubsegment             // a subsegment that was a document of its own
	roleEmbedded               // a subsegment inside of another entity
)

var roleNames = [...]string{roleSegment: "segment", roleSubsegment: "subsegment", roleEmbedded: "embedded"}

func roleOf(name string) role {
	for r := roleSegment; r <= roleEmbedded; r++ {
		if roleNames[r] == name {
			return r
		}
	}
	return roleNone
}

// The words of aws.xray.spelled: members that an entity had though its place
// in the document, or another member, made them redundant or contradicted them.
const (
	spelledType     = "type"
	spelledTraceID  = "trace_id"
	spelledParentID = "parent_id"
	spelledEndTime  = "end_time"    // beside in_progress: true
	spelledNoEnd    = "no_end_time" // without in_progress: true
)

// entity writes the span of a segment or subsegment, and those below it.
func (w *writer) entity(s *segment.Segment, parent segment.ID, as role, id *identity) {
	span := w.spans.AppendEmpty()
	span.SetTraceID(pcommon.TraceID(w.trace))
	span.SetSpanID(pcommon.SpanID(s.ID))
	span.SetParentSpanID(pcommon.SpanID(parent))
	span.SetName(s.Name)

	w.attrs = span.Attributes()
	w.attrs.EnsureCapacity(expectedAttributes(s))
	w.spelled, w.absent, w.quoted = "", "", ""

	w.str(keyDocument, roleNames[as])
	if as == roleEmbedded {
		w.redundant(s, parent)
	}
	w.times(span, s)
	w.kind(span, s, as)
	w.flags(span, s)
	if derived := id.origin(); derived != s.Origin {
		w.str(keyOrigin, s.Origin)
	}
	w.str(keyEnduserID, s.User)
	w.str(keyResourceARN, s.ResourceARN)
	w.bool(keyTraced, s.Traced)
	w.bool(keyInferred, s.Inferred)
	w.http(s.HTTP)
	w.blocks(s, id)
	w.aws(s.AWS, id)
	w.sql(s.SQL)
	w.cause(span, s)
	w.links(span, s.Links)
	w.annotations(s.Annotations)
	w.metadata(s.Metadata)
	w.precursors(s.PrecursorIDs)
	w.extra("", s.Extra)

	w.str(keySpelled, w.spelled)
	w.str(keyAbsent, w.absent)
	w.str(keyQuoted, w.quoted)
	for _, sub := range s.Subsegments {
		w.entity(sub, s.ID, roleEmbedded, &w.none)
	}
}

// expectedAttributes is about how many attributes an entity gets.
func expectedAttributes(s *segment.Segment) int {
	n := 3 + min(len(s.Annotations)+len(s.Metadata)+len(s.Extra), 3*maxHomes)
	if s.HTTP != nil {
		n += 5
	}
	if s.SQL != nil {
		n += 6
	}
	if s.AWS != nil {
		n += 5
	}
	return n
}

// redundant keeps what some SDKs write on embedded subsegments too.
func (w *writer) redundant(s *segment.Segment, parent segment.ID) {
	if s.Independent {
		mark(&w.spelled, spelledType)
	}
	switch s.TraceID {
	case segment.TraceID{}:
	case w.trace:
		mark(&w.spelled, spelledTraceID)
	default:
		w.text("/trace_id", s.TraceID.String())
	}
	switch s.ParentID {
	case segment.ID{}:
	case parent:
		mark(&w.spelled, spelledParentID)
	default:
		w.text("/parent_id", s.ParentID.String())
	}
}

// precursors writes precursor_ids.
func (w *writer) precursors(ids []segment.ID) {
	if len(ids) == 0 {
		return
	}
	list := w.attrs.PutEmptySlice(keyNames[keyPrecursorIDs])
	list.EnsureCapacity(len(ids))
	for _, id := range ids {
		list.AppendEmpty().SetStr(id.String())
	}
}

// times writes when the entity started and ended. A span needs an end, so
// that of an entity in progress is its start.
func (w *writer) times(span ptrace.Span, s *segment.Segment) {
	span.SetStartTimestamp(pcommon.Timestamp(s.StartTime))
	span.SetEndTimestamp(pcommon.Timestamp(s.EndTime))
	w.bool(keyInProgress, s.InProgress)
	switch {
	case s.EndTime == 0:
		span.SetEndTimestamp(pcommon.Timestamp(s.StartTime))
		if s.InProgress != segment.True {
			mark(&w.spelled, spelledNoEnd)
		}
	case s.InProgress == segment.True:
		mark(&w.spelled, spelledEndTime)
	}
}
