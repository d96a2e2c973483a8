// Package segmentspan maps X-Ray segment documents to OpenTelemetry spans and
// spans to segment documents. docs/mapping.md describes both directions.
package segmentspan

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// ToSpans appends the spans of one document, the segment's own and one for
// each embedded subsegment, to td.
func ToSpans(s *segment.Segment, td ptrace.Traces) {}

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

// Encoder turns spans into segment documents. Create one with NewEncoder.
// It is safe for concurrent use.
type Encoder struct{}

// NewEncoder returns an encoder with these settings.
func NewEncoder(o Options) *Encoder { return &Encoder{} }

// Encoded is what FromTraces made of the spans it was given.
type Encoded struct {
	// Parts are the documents. Those of one trace stand together.
	Parts []segment.Part
	// Spans counts the spans that went into Parts.
	Spans int
	// Unsampled counts the spans that were skipped because they carry
	// aws.trace.flag.sampled = 0 (OTLP over UDP, "T1U").
	Unsampled int
	// Invalid counts the spans that cannot be documents, by reason.
	Invalid map[string]int
	// Superseded counts in-progress spans whose completed form was at hand.
	Superseded int
	// Cut counts the entities that lost content to the size limit.
	Cut int
}

// FromTraces encodes all spans of td. It does not modify td.
func (e *Encoder) FromTraces(td ptrace.Traces) Encoded { return Encoded{} }
