package archive_test

import (
	"io"
	"testing"

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
