// Package archive writes spans as rows of Parquet files for SQL engines and
// reads them back without loss. Both directions of the row schema live here.
//
// An Encoder makes rows, which may be kept on disk; a Writer makes a file of
// them.
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
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// SchemaVersion is the version of the row schema that a Writer writes. Columns
// are only ever added, nullable and with new field ids, so that a reader of one
// version reads the files of all others.
const SchemaVersion = 1

// Window is what rows are sorted by first: their start, rounded down to it.
// Within a window the spans of a trace lie together: their ids, which are most of
// a file, take less room and few pages have them. Time prunes the rows of a file
// to the window.
const Window = 10 * time.Second

// Key is what rows are sorted by, within a window: the trace, the start and the
// span.
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

// Compare returns -1, 0 or 1 as k sorts before, with or after other with
// windows of this many nanoseconds.
func (k Key) Compare(other Key, window time.Duration) int {
	if k.Start != other.Start {
		if c := cmp.Compare(k.WindowOf(window), other.WindowOf(window)); c != 0 {
			return c
		}
	}
	if c := bytes.Compare(k.TraceID[:], other.TraceID[:]); c != 0 {
		return c
	}
	if k.Start != other.Start {
		return cmp.Compare(k.Start, other.Start)
	}
	return bytes.Compare(k.SpanID[:], other.SpanID[:])
}

// WindowOf returns how many windows end between 1970 and the start.
func (k Key) WindowOf(window time.Duration) int64 {
	q := k.Start / int64(window)
	if k.Start%int64(window) < 0 {
		q--
	}
	return q
}
