package awsxrayexporter

import (
	"sync"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// bodies are the request bodies of earlier calls. There are as many as there
// are workers, each as large as the largest request it held.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// appendBody appends the body of a PutTraceSegments request: the documents as
// JSON strings. It is the only copy of a document on its way out.
func appendBody(dst []byte, parts []segment.Part) []byte {
	dst = append(dst, `{"TraceSegmentDocuments":[`...)
	for i := range parts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = segment.AppendJSONString(dst, parts[i].JSON)
	}
	return append(dst, `]}`...)
}
