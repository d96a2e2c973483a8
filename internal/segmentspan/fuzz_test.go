package segmentspan

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

// FuzzSpans feeds any OTLP bytes. What comes out must be documents of the
// right size that a decoder takes, and each span must be in one or counted.
func FuzzSpans(f *testing.F) {
	marshal := ptrace.ProtoMarshaler{}
	for _, file := range exampleFiles(f, "testdata/*/*/spans.json") {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(file)
		if err != nil {
			f.Fatal(err)
		}
		text, err := marshal.MarshalTraces(td)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	encoder := NewEncoder(Options{})
	indexing := NewEncoder(Options{IndexAllAttributes: true, MaxDocumentBytes: 4096})
	f.Fuzz(func(t *testing.T, packet []byte) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(packet)
		if err != nil {
			t.Skip()
		}
		checkEncoded(t, td, encoder.FromTraces(td), segment.MaxDocumentBytes)
		checkEncoded(t, td, indexing.FromTraces(td), 0)
	})
}

func checkEncoded(t *testing.T, td ptrace.Traces, got Encoded, limit int) {
	t.Helper()
	var decoder segment.Decoder
	for _, part := range got.Parts {
		if limit > 0 && len(part.JSON) > limit {
			t.Errorf("document of %d bytes", len(part.JSON))
		}
		if _, err := decoder.Decode(string(part.JSON)); err != nil {
			t.Errorf("%v\n%s", err, part.JSON)
		}
	}
	invalid := 0
	for _, n := range got.Invalid {
		invalid += n
	}
	if got.Spans+got.Unsampled+invalid+got.Superseded != td.SpanCount() {
		t.Errorf("%d spans, but %+v", td.SpanCount(), got)
	}
}

// FuzzDocument sends any valid document to spans, through OTLP bytes and back.
func FuzzDocument(f *testing.F) {
	for _, doc := range exampleFiles(f, "testdata/segments/*/segment.json") {
		f.Add(string(doc))
	}
	f.Add(tokens)
	for i := range uint64(20) {
		f.Add(string(segmenttest.Generate(rand.New(rand.NewPCG(i, 1)))))
	}
	encoder := NewEncoder(Options{MaxDocumentBytes: 16 * segment.MaxDecodeBytes})
	f.Fuzz(func(t *testing.T, doc string) {
		s, err := segment.Decode(doc)
		if err != nil || !distinct(s) {
			t.Skip()
		}
		td := ptrace.NewTraces()
		ToSpans(s, td)
		got := encoder.FromTraces(travel(t, td, rand.New(rand.NewPCG(uint64(len(doc)), 1))))
		if len(got.Parts) != 1 {
			t.Fatalf("%d documents", len(got.Parts))
		}
		// Compared in the spelling of our encoder, which has tests of its own.
		if diff := segmenttest.Equal(s.AppendJSON(nil), inOrder(t, s, got.Parts[0].JSON)); diff != "" {
			t.Errorf("%s\nout: %s", diff, got.Parts[0].JSON)
		}
	})
}

// distinct says whether all entities have ids of their own. Of twins only one
// can be the parent that an id names.
func distinct(s *segment.Segment) bool {
	seen := make(map[segment.ID]bool)
	var all func(s *segment.Segment) bool
	all = func(s *segment.Segment) bool {
		if seen[s.ID] {
			return false
		}
		seen[s.ID] = true
		for _, sub := range s.Subsegments {
			if !all(sub) {
				return false
			}
		}
		return true
	}
	return all(s)
}

func exampleFiles(f *testing.F, pattern string) [][]byte {
	f.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		f.Fatal(err, pattern)
	}
	var files [][]byte
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		files = append(files, text)
	}
	return files
}
