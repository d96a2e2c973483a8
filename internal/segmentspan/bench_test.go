package segmentspan

import (
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

var fixtures = []struct {
	name string
	doc  string
}{
	{"small", string(segmenttest.Small())},
	{"mid", string(segmenttest.Mid())},
	{"large", string(segmenttest.Large())},
}

func BenchmarkToSpans(b *testing.B) {
	for _, f := range fixtures {
		b.Run(f.name, func(b *testing.B) {
			s, err := segment.Decode(f.doc)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				ToSpans(s, ptrace.NewTraces())
			}
		})
	}
}

func BenchmarkFromTraces(b *testing.B) {
	for _, f := range fixtures {
		b.Run(f.name, func(b *testing.B) {
			td := ptrace.NewTraces()
			appendSpans(b, f.doc, td)
			encoder := NewEncoder(Options{})
			b.ReportAllocs()
			for b.Loop() {
				encoder.FromTraces(td)
			}
		})
	}
}

// BenchmarkDocument is the whole way of a document: decoded, to spans, and
// encoded again.
func BenchmarkDocument(b *testing.B) {
	for _, f := range fixtures {
		b.Run(f.name, func(b *testing.B) {
			encoder := NewEncoder(Options{})
			var decoder segment.Decoder
			b.ReportAllocs()
			for b.Loop() {
				s, err := decoder.Decode(f.doc)
				if err != nil {
					b.Fatal(err)
				}
				td := ptrace.NewTraces()
				ToSpans(s, td)
				encoder.FromTraces(td)
			}
		})
	}
}
