package api

import (
	"errors"
	"fmt"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// check decodes a document and makes X-Ray's own checks.
func check(doc string) (*segment.Segment, *segment.Error) {
	if len(doc) > segment.MaxDocumentBytes {
		return nil, &segment.Error{Code: "InvalidSegment", Reason: fmt.Sprintf("the document has %d bytes, X-Ray takes %d", len(doc), segment.MaxDocumentBytes)}
	}
	s, err := segment.Decode(doc)
	if e := (*segment.Error)(nil); errors.As(err, &e) {
		return nil, e
	} else if err != nil {
		return nil, &segment.Error{Code: "InvalidSegment", Reason: err.Error()}
	}
	return s, nil
}
