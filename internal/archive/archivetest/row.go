package archivetest

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/archive"
)

// Row is a span with what a Writer takes beside it.
type Row struct {
	Resource       pcommon.Resource
	ResourceSchema string
	Scope          pcommon.InstrumentationScope
	ScopeSchema    string
	Span           ptrace.Span
}

// Rows returns the spans in the order of their keys.
func Rows(batches ...ptrace.Traces) []Row {
	var rows []Row
	for _, td := range batches {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					rows = append(rows, Row{rs.Resource(), rs.SchemaUrl(), ss.Scope(), ss.SchemaUrl(), span})
				}
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int { return archive.KeyOf(a.Span).Compare(archive.KeyOf(b.Span), archive.Window) })
	return rows
}

// MixedRows returns at least n rows of Mixed.
func MixedRows(seed uint64, n int) []Row {
	m := NewMixed(seed, 1000)
	var batches []ptrace.Traces
	for spans := 0; spans < n; {
		td := m.Next(100)
		spans += td.SpanCount()
		batches = append(batches, td)
	}
	return Rows(batches...)
}

// Write writes rows to a Writer.
func Write(w *archive.Writer, rows []Row, ingest time.Time) error {
	encoded, err := Encode(rows)
	if err != nil {
		return err
	}
	return WriteEncoded(w, encoded, ingest)
}

// Encode encodes rows, each in a group of its own.
func Encode(rows []Row) ([]byte, error) {
	td := ptrace.NewTraces()
	for i := range rows {
		rows[i].Traces().ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	}
	return archive.NewEncoder().AppendRows(nil, td)
}

// WriteEncoded writes encoded rows to a Writer.
func WriteEncoded(w *archive.Writer, encoded []byte, ingest time.Time) error {
	origins := map[string]*archive.Origin{}
	return archive.VisitRows(encoded, func(r *archive.Row) error {
		o := origins[string(r.Origin)]
		if o == nil {
			var err error
			if o, err = archive.NewOrigin(r.Origin); err != nil {
				return err
			}
			origins[string(r.Origin)] = o
		}
		return w.Write(o, r, ingest, false)
	})
}

// Traces returns the span alone.
func (r *Row) Traces() ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	r.Resource.CopyTo(rs.Resource())
	rs.SetSchemaUrl(r.ResourceSchema)
	ss := rs.ScopeSpans().AppendEmpty()
	r.Scope.CopyTo(ss.Scope())
	ss.SetSchemaUrl(r.ScopeSchema)
	r.Span.CopyTo(ss.Spans().AppendEmpty())
	return td
}
