package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// check decodes a document and makes X-Ray's own checks. Its error has one of
// the codes of package segment.
func check(doc string) (*segment.Segment, *segment.Error) {
	if len(doc) > segment.MaxDocumentBytes {
		return nil, &segment.Error{Code: segment.CodeInvalidSegment,
			Reason: fmt.Sprintf("has %d bytes, at most %d are allowed", len(doc), segment.MaxDocumentBytes)}
	}
	s, err := segment.Decode(doc)
	if err != nil {
		e := (*segment.Error)(nil)
		if !errors.As(err, &e) {
			e = &segment.Error{Code: segment.CodeInvalidSegment, Reason: err.Error()}
		}
		if t := strings.TrimSpace(doc); t != "" && t[0] != '{' && json.Valid([]byte(t)) {
			// X-Ray looks for the id first, also in what is no object.
			e = &segment.Error{Code: segment.CodeMissingID, Path: "id", Reason: "is missing: the document is no object"}
		}
		return nil, e
	}
	if problems := s.Check(); len(problems) > 0 {
		return nil, problems[0]
	}
	return s, nil
}
