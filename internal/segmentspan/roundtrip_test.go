package segmentspan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

// generated is how many documents the property test sends.
const generated = 10_000

// TestRoundTripGenerated sends documents as between an agent and a gateway:
// to spans, through OTLP bytes, in batches of one span, shuffled and merged
// again, and back to documents.
func TestRoundTripGenerated(t *testing.T) {
	const together, workers = 20, 4
	generated := generated
	if testing.Short() {
		generated = 1000
	}
	encoder := NewEncoder(Options{MaxDocumentBytes: segment.MaxDecodeBytes})
	for worker := range workers {
		t.Run(fmt.Sprint(worker), func(t *testing.T) {
			t.Parallel()
			for batch := range generated / together / workers {
				rng := rand.New(rand.NewPCG(uint64(batch), uint64(worker)))
				docs := make([][]byte, together)
				td := ptrace.NewTraces()
				for i := range docs {
					docs[i] = segmenttest.Generate(rng)
					appendSpans(t, string(docs[i]), td)
				}
				checkDocuments(t, docs, encoder.FromTraces(travel(t, td, rng)))
				if t.Failed() {
					t.Fatalf("batch %d", batch)
				}
			}
		})
	}
}

// TestRoundTripExamples sends the example documents one by one and together.
func TestRoundTripExamples(t *testing.T) {
	files, err := filepath.Glob("testdata/segments/*/segment.json")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	encoder := NewEncoder(Options{})
	rng := rand.New(rand.NewPCG(1, 2))
	var docs [][]byte
	for _, file := range files {
		doc, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, doc)
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			td := ptrace.NewTraces()
			appendSpans(t, string(doc), td)
			checkDocuments(t, [][]byte{doc}, encoder.FromTraces(td))
			checkDocuments(t, [][]byte{doc}, encoder.FromTraces(travel(t, td, rng)))
		})
	}
	for _, f := range fixtures {
		t.Run(f.name, func(t *testing.T) {
			td := ptrace.NewTraces()
			appendSpans(t, f.doc, td)
			checkDocuments(t, [][]byte{[]byte(f.doc)}, encoder.FromTraces(travel(t, td, rng)))
		})
	}
	all := ptrace.NewTraces()
	for _, doc := range docs {
		appendSpans(t, string(doc), all)
	}
	checkDocuments(t, docs, encoder.FromTraces(travel(t, all, rng)))
}

func appendSpans(t testing.TB, doc string, td ptrace.Traces) {
	t.Helper()
	s, err := segment.Decode(doc)
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	ToSpans(s, td)
}

// travel sends spans through OTLP bytes, one by one, in another order.
func travel(t testing.TB, td ptrace.Traces, rng *rand.Rand) ptrace.Traces {
	t.Helper()
	marshal, unmarshal := ptrace.ProtoMarshaler{}, ptrace.ProtoUnmarshaler{}
	var packets [][]byte
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				one := ptrace.NewTraces()
				to := one.ResourceSpans().AppendEmpty()
				rs.Resource().CopyTo(to.Resource())
				scope := to.ScopeSpans().AppendEmpty()
				ss.Scope().CopyTo(scope.Scope())
				span.CopyTo(scope.Spans().AppendEmpty())
				packet, err := marshal.MarshalTraces(one)
				if err != nil {
					t.Fatal(err)
				}
				packets = append(packets, packet)
			}
		}
	}
	rng.Shuffle(len(packets), func(i, j int) { packets[i], packets[j] = packets[j], packets[i] })
	merged := ptrace.NewTraces()
	for _, packet := range packets {
		one, err := unmarshal.UnmarshalTraces(packet)
		if err != nil {
			t.Fatal(err)
		}
		one.ResourceSpans().MoveAndAppendTo(merged.ResourceSpans())
	}
	return merged
}

// checkDocuments checks that each document came back, once and the same.
func checkDocuments(t testing.TB, docs [][]byte, got Encoded) {
	t.Helper()
	if len(got.Parts) != len(docs) {
		t.Errorf("%d documents became %d", len(docs), len(got.Parts))
	}
	if got.Cut != 0 || got.Unsampled != 0 || got.Superseded != 0 || len(got.Invalid) != 0 {
		t.Errorf("lost something: %+v", got)
	}
	back := make(map[string][]byte)
	for _, part := range got.Parts {
		back[part.TraceID.String()+part.ID.String()] = part.JSON
	}
	for _, doc := range docs {
		want, err := segment.Decode(string(doc))
		if err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		out, ok := back[want.TraceID.String()+want.ID.String()]
		if !ok {
			t.Errorf("no document %s:\n%s", want.ID, doc)
			continue
		}
		if diff := segmenttest.Equal(doc, inOrder(t, want, out)); diff != "" {
			t.Errorf("document %s: %s", want.ID, diff)
			t.Logf("in:  %.500s\nout: %.500s", compact(doc), out)
		}
	}
}

// inOrder is the document out with its subsegments in the order of the wanted
// ones. The order in a document means nothing, and spans have none.
func inOrder(t testing.TB, want *segment.Segment, out []byte) []byte {
	t.Helper()
	got, err := segment.Decode(string(out))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	order(want, got)
	return got.AppendJSON(nil)
}

func order(want, got *segment.Segment) {
	place := make(map[segment.ID]int, len(want.Subsegments))
	for i, sub := range want.Subsegments {
		place[sub.ID] = i
	}
	slices.SortStableFunc(got.Subsegments, func(a, b *segment.Segment) int { return place[a.ID] - place[b.ID] })
	for i := range min(len(want.Subsegments), len(got.Subsegments)) {
		order(want.Subsegments[i], got.Subsegments[i])
	}
}

func compact(doc []byte) string {
	var b bytes.Buffer
	if err := json.Compact(&b, doc); err != nil {
		return fmt.Sprint(err, string(doc))
	}
	return b.String()
}

// TestRoundTripDeep sends a document that is as deep as they may be.
func TestRoundTripDeep(t *testing.T) {
	doc := `{"name":"a","id":"ffffffffffffffff","trace_id":"1-68f3a1c0-9d3f1b7a2c4e6f8091a2b3c4","start_time":1,"end_time":2`
	for i := range segment.MaxDepth {
		doc += fmt.Sprintf(`,"subsegments":[{"name":"a","id":"%016x","start_time":1,"end_time":2`, i+1)
	}
	doc += strings.Repeat("}]", segment.MaxDepth) + "}"
	td := ptrace.NewTraces()
	appendSpans(t, doc, td)
	checkDocuments(t, [][]byte{[]byte(doc)}, NewEncoder(Options{}).FromTraces(travel(t, td, rand.New(rand.NewPCG(1, 2)))))
}
