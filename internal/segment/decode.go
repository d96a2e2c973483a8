package segment

import "errors"

// Limits of the decoder. A document past one of them is refused.
const (
	// MaxDocumentBytes is the largest document that X-Ray takes, and the
	// largest that the encoder writes.
	MaxDocumentBytes = 64 * 1024
	// MaxDecodeBytes bounds what the decoder reads.
	MaxDecodeBytes = 1 << 20
	// MaxDepth bounds how deep subsegments nest.
	MaxDepth = 128
)

// Error says why a document was refused.
type Error struct {
	// Code is the error code X-Ray answers for such a document, as far as it is
	// known: MissingId, MissingName, InvalidId, InvalidTraceId, InvalidName,
	// MissingStartTime, InvalidSegment, …
	Code string
	// Path names the offending member, such as "subsegments[2].name".
	Path string
	// Reason is for people.
	Reason string
}

func (e *Error) Error() string { return e.Path + ": " + e.Reason }

// Decoder decodes documents and reuses its memory. The zero value is ready.
// It is not safe for concurrent use.
type Decoder struct{}

// Decode decodes one document: a segment, or a subsegment sent on its own.
// The result is valid until the next Decode; its strings share memory with
// doc and stay valid. An error is an *Error.
//
// It refuses documents that are no JSON object, that miss name, id or
// start_time at any level or trace_id at the top, that have a malformed id,
// or that are past a limit. Everything else is kept.
func (d *Decoder) Decode(doc string) (*Segment, error) {
	return nil, errors.New("not written yet")
}

// Decode decodes one document into memory of its own. See Decoder.Decode.
func Decode(doc string) (*Segment, error) {
	var d Decoder
	return d.Decode(doc)
}
