package archive_test

import (
	"compress/gzip"
	"io"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/archive"
	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
)

type counter int64

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }

// BenchmarkWrite writes mixed spans; an operation is one span.
func BenchmarkWrite(b *testing.B) {
	rows := archivetest.MixedRows(1, 50_000)
	b.ReportAllocs()
	var out counter
	spans := 0
	for b.Loop() {
		w := archive.NewWriter(&out, archive.Options{})
		if err := archivetest.Write(w, rows, archivetest.Start); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Close(); err != nil {
			b.Fatal(err)
		}
		spans += len(rows)
	}
	b.ReportMetric(float64(out)/float64(spans), "B/span")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(spans), "ns/span")
}

var _ io.Writer = (*counter)(nil)

// BenchmarkOTLPJSONGzip is what the same spans cost as contrib writes them, in
// requests of some 1,500 spans; beside BenchmarkWrite it gives a ratio.
func BenchmarkOTLPJSONGzip(b *testing.B) {
	m := archivetest.NewMixed(1, 1000)
	var batches []ptrace.Traces
	spans := 0
	for spans < 50_000 {
		td := m.Next(100)
		spans += td.SpanCount()
		batches = append(batches, td)
	}
	b.ReportAllocs()
	var out counter
	total := 0
	for b.Loop() {
		for _, td := range batches {
			text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
			if err != nil {
				b.Fatal(err)
			}
			z := gzip.NewWriter(&out)
			if _, err := z.Write(text); err != nil {
				b.Fatal(err)
			}
			if err := z.Close(); err != nil {
				b.Fatal(err)
			}
		}
		total += spans
	}
	b.ReportMetric(float64(out)/float64(total), "B/span")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(total), "ns/span")
}
