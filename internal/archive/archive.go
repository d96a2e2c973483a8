// Package archive writes spans as rows of Parquet files for SQL engines and
// reads them back without loss. Both directions of the row schema live here.
//
// A row is a span. What SQL asks for often is in flat columns (column.go and
// hot.go); attributes that no flat column holds are in MAP<STRING,STRING>
// columns, and a types column beside each map (attributes.go) says what they
// were, so that the span comes back exactly. What the columns cannot say
// exactly, such as a string that is not UTF-8, rides along in the column raw as
// the span's OTLP bytes; a reader takes the span from there, SQL sees the text
// with U+FFFD in place of the bad bytes.
//
// A span that is read back equals the one that was written: its OTLP bytes are
// the same, those of its resource and scope too.
package archive

import (
	"bytes"
	"cmp"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// SchemaVersion is the version of the row schema that a Writer writes. Columns
// are only ever added, nullable and with new field ids, so that a reader of one
// version reads the files of all others.
const SchemaVersion = 1

// Key is what rows are sorted by.
type Key struct {
	Start   int64 // nanoseconds since 1970
	TraceID [16]byte
	SpanID  [8]byte
}

// KeyOf returns the key of a span. A start after the year 2262, which no clock
// gave, wraps around to a negative one.
func KeyOf(span ptrace.Span) Key {
	return Key{Start: int64(span.StartTimestamp()), TraceID: span.TraceID(), SpanID: span.SpanID()}
}

// Compare returns -1, 0 or 1 as k sorts before, with or after other.
func (k Key) Compare(other Key) int {
	return cmp.Or(
		cmp.Compare(k.Start, other.Start),
		bytes.Compare(k.TraceID[:], other.TraceID[:]),
		bytes.Compare(k.SpanID[:], other.SpanID[:]),
	)
}
