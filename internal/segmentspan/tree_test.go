package segmentspan

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// spanAt appends a span with the ids id and parent, in a resource of its own.
func spanAt(td ptrace.Traces, service string, kind ptrace.SpanKind, id, parent byte) ptrace.Span {
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", service)
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(testTrace)
	span.SetSpanID(pcommon.SpanID{7: id})
	if parent != 0 {
		span.SetParentSpanID(pcommon.SpanID{7: parent})
	}
	span.SetName(fmt.Sprintf("s%d", id))
	span.SetKind(kind)
	span.SetStartTimestamp(testStart + pcommon.Timestamp(id))
	span.SetEndTimestamp(testEnd)
	return span
}

// outline shows how documents nest: "1(2 3(4)) 5", an id with a ">" before its
// parent for a subsegment that is a document, with "<" for a segment with one.
func outline(t *testing.T, e Encoded) string {
	t.Helper()
	type doc struct {
		ID          string
		Parent_id   string
		Type        string
		Subsegments []doc
	}
	short := func(id string) string { return strings.TrimLeft(id, "0") }
	var show func(d doc) string
	show = func(d doc) string {
		out := short(d.ID)
		switch {
		case d.Type == "subsegment":
			out += ">" + short(d.Parent_id)
		case d.Parent_id != "":
			out += "<" + short(d.Parent_id)
		}
		if len(d.Subsegments) > 0 {
			var subs []string
			for _, sub := range d.Subsegments {
				subs = append(subs, show(sub))
			}
			out += "(" + strings.Join(subs, " ") + ")"
		}
		return out
	}
	var all []string
	for _, part := range e.Parts {
		var d doc
		if err := json.Unmarshal(part.JSON, &d); err != nil {
			t.Fatal(err)
		}
		all = append(all, show(d))
	}
	return strings.Join(all, " ")
}

func TestTrees(t *testing.T) {
	cases := []struct {
		name  string
		build func(td ptrace.Traces)
		want  string
	}{
		{
			name: "one service",
			build: func(td ptrace.Traces) {
				spanAt(td, "a", client, 3, 2)
				spanAt(td, "a", internal, 2, 1)
				spanAt(td, "a", internal, 4, 1)
				spanAt(td, "a", server, 1, 0)
			},
			want: "1(2(3) 4)",
		},
		{
			name: "two services",
			build: func(td ptrace.Traces) {
				spanAt(td, "a", server, 1, 0)
				spanAt(td, "a", client, 2, 1)
				spanAt(td, "b", server, 3, 2)
				spanAt(td, "b", internal, 4, 3)
			},
			want: "1(2) 3<2(4)",
		},
		{
			name: "a child in another service stays alone",
			build: func(td ptrace.Traces) {
				spanAt(td, "a", server, 1, 0)
				spanAt(td, "b", internal, 2, 1)
			},
			want: "1 2>1",
		},
		{
			name:  "the parent is not at hand",
			build: func(td ptrace.Traces) { spanAt(td, "a", client, 2, 1); spanAt(td, "a", internal, 3, 2) },
			want:  "2>1(3)",
		},
		{
			name: "a server below its own service is a segment",
			build: func(td ptrace.Traces) {
				spanAt(td, "a", server, 1, 0)
				spanAt(td, "a", server, 2, 1)
			},
			want: "1 2<1",
		},
		{
			name:  "its own parent",
			build: func(td ptrace.Traces) { spanAt(td, "a", internal, 1, 1) },
			want:  "1>1",
		},
		{
			name: "a circle",
			build: func(td ptrace.Traces) {
				spanAt(td, "a", internal, 1, 3)
				spanAt(td, "a", internal, 2, 1)
				spanAt(td, "a", internal, 3, 2)
				spanAt(td, "a", internal, 4, 3)
			},
			want: "2>1(3(1 4))",
		},
		{
			name: "twins",
			build: func(td ptrace.Traces) {
				spanAt(td, "a", server, 1, 0)
				spanAt(td, "a", internal, 2, 1)
				spanAt(td, "a", internal, 2, 1).SetName("another")
				spanAt(td, "a", internal, 3, 2)
			},
			want: "1(2(3) 2)",
		},
		{
			name: "a subsegment of X-Ray and a span of OpenTelemetry",
			build: func(td ptrace.Traces) {
				spanAt(td, "a", server, 1, 0).Attributes().PutStr("aws.xray.document", "segment")
				spanAt(td, "a", internal, 2, 1).Attributes().PutStr("aws.xray.document", "embedded")
				spanAt(td, "a", internal, 3, 1).Attributes().PutStr("aws.xray.document", "subsegment")
				spanAt(td, "a", internal, 4, 1)
				spanAt(td, "b", internal, 5, 9).Attributes().PutStr("aws.xray.document", "embedded")
			},
			want: "1(2) 3>1 4>1 5>9",
		},
		{
			name: "two traces stand apart",
			build: func(td ptrace.Traces) {
				spanAt(td, "a", server, 1, 0)
				other := spanAt(td, "a", internal, 2, 1)
				other.SetTraceID(pcommon.TraceID{1})
				spanAt(td, "a", internal, 3, 1)
			},
			want: "1(3) 2>1",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			td := ptrace.NewTraces()
			c.build(td)
			got := NewEncoder(Options{}).FromTraces(td)
			if text := outline(t, got); text != c.want {
				t.Errorf("got %s, want %s", text, c.want)
			}
			if got.Spans != td.SpanCount() {
				t.Errorf("%d of %d spans", got.Spans, td.SpanCount())
			}
		})
	}
}

// TestDeepTree checks that a chain of any length becomes documents that a
// decoder takes, with every span in one.
func TestDeepTree(t *testing.T) {
	const depth = 1000
	td := ptrace.NewTraces()
	order := rand.New(rand.NewPCG(3, 4)).Perm(depth)
	for _, i := range order {
		span := spanAt(td, "a", internal, 0, 0)
		span.SetSpanID(pcommon.SpanID{6: byte((i + 1) >> 8), 7: byte(i + 1)})
		span.SetParentSpanID(pcommon.SpanID{6: byte(i >> 8), 7: byte(i)})
	}
	got := NewEncoder(Options{}).FromTraces(td)
	entities := 0
	for _, part := range got.Parts {
		s, err := segment.Decode(string(part.JSON))
		if err != nil {
			t.Fatal(err)
		}
		entities += countEntities(s)
	}
	if entities != depth {
		t.Errorf("%d of %d spans came out", entities, depth)
	}
}

// TestSuperseded checks that the completed form of a document replaces the one
// in progress, in either order, and takes its subsegments.
func TestSuperseded(t *testing.T) {
	const head = `"name":"a","id":"9b1d4e7f2a3c5a0a","trace_id":"1-68f3a1c0-5b2e4d9c81f07a36c4de1b20","start_time":1760797120.1`
	early := `{` + head + `,"in_progress":true,"subsegments":[{"name":"x","id":"1111111111111111","start_time":1,"end_time":2}]}`
	late := `{` + head + `,"end_time":1760797121,"subsegments":[{"name":"y","id":"2222222222222222","start_time":1,"end_time":2}]}`
	for _, docs := range [][]string{{early, late}, {late, early}} {
		td := ptrace.NewTraces()
		for _, doc := range docs {
			appendSpans(t, doc, td)
		}
		got := NewEncoder(Options{}).FromTraces(td)
		if text := outline(t, got); len(got.Parts) != 1 || got.Superseded != 1 || got.Spans != 3 ||
			!strings.Contains(text, "1111111111111111") || !strings.Contains(text, "2222222222222222") {
			t.Errorf("%s, %+v", text, got)
		}
	}
}

// TestSentTwice checks that a document that was sent twice, as X-Ray SDKs and
// clients that retry do, comes out once and whole. The X-Ray SDK for Go has
// each subsegment twice in the second document.
func TestSentTwice(t *testing.T) {
	doc := func(subsegments ...string) string {
		return `{"name":"a","id":"0000000000000001","trace_id":"1-68f3a1c0-5b2e4d9c81f07a36c4de1b20","start_time":1,"end_time":5,"subsegments":[` +
			strings.Join(subsegments, ",") + `]}`
	}
	const (
		x = `{"name":"x","id":"0000000000000002","start_time":2,"end_time":3}`
		y = `{"name":"y","id":"0000000000000003","start_time":3,"end_time":5,"subsegments":[{"name":"z","id":"0000000000000004","start_time":4,"end_time":5}]}`
	)
	for name, docs := range map[string][]string{
		"equal":                   {doc(x, y), doc(x, y)},
		"subsegments twice":       {doc(x, y), doc(x, y, x, y)},
		"all in one":              {doc(x, y, x, y)},
		"more the second time":    {doc(x), doc(x, y)},
		"more the first time":     {doc(x, y), doc(x)},
		"different subsegments":   {doc(x), doc(y)},
		"one in progress, thrice": {strings.Replace(doc(x), `"end_time":5,`, `"in_progress":true,`, 1), doc(x, y), doc(x)},
	} {
		t.Run(name, func(t *testing.T) {
			td := ptrace.NewTraces()
			for _, doc := range docs {
				appendSpans(t, doc, td)
			}
			got := NewEncoder(Options{}).FromTraces(td)
			if text := outline(t, got); text != "1(2 3(4))" {
				t.Errorf("got %s", text)
			}
			if got.Spans != 4 || got.Spans+got.Superseded != td.SpanCount() {
				t.Errorf("%d spans and %d superseded of %d", got.Spans, got.Superseded, td.SpanCount())
			}
		})
	}
}

func TestSkippedAndInvalid(t *testing.T) {
	td := ptrace.NewTraces()
	spanAt(td, "a", server, 1, 0).Attributes().PutInt("aws.trace.flag.sampled", 0)
	spanAt(td, "a", server, 2, 0).Attributes().PutBool("aws.trace.flag.sampled", false)
	kept := spanAt(td, "a", server, 3, 0)
	kept.Attributes().PutInt("aws.trace.flag.sampled", 0)
	kept.Attributes().PutStr("aws.xray.sampling_rule_name", "tail")
	spanAt(td, "a", server, 4, 0).Attributes().PutInt("aws.trace.flag.sampled", 1)
	spanAt(td, "a", server, 5, 0).SetTraceID(pcommon.TraceID{})
	spanAt(td, "a", server, 6, 0).SetSpanID(pcommon.SpanID{})
	timeless := spanAt(td, "a", server, 7, 0)
	timeless.SetStartTimestamp(0)
	timeless.SetEndTimestamp(0)
	got := NewEncoder(Options{}).FromTraces(td)
	if outline(t, got) != "3 4" || got.Spans != 2 || got.Unsampled != 2 ||
		got.Invalid[InvalidTraceID] != 1 || got.Invalid[InvalidSpanID] != 1 || got.Invalid[InvalidStart] != 1 {
		t.Errorf("%s: %+v", outline(t, got), got)
	}

	td = ptrace.NewTraces()
	spanAt(td, "a", server, 1, 0)
	got = NewEncoder(Options{ValidateTimestamp: true}).FromTraces(td)
	if len(got.Parts) != 0 || got.Invalid[InvalidTraceTime] != 1 {
		t.Errorf("%+v", got)
	}
}

// TestRetriesAreEqual checks that the same spans give the same documents.
func TestRetriesAreEqual(t *testing.T) {
	td := ptrace.NewTraces()
	for id := byte(1); id < 20; id++ {
		span := spanAt(td, "a", client, id, 0)
		span.Attributes().PutStr("aws.span.kind", "LOCAL_ROOT")
		event := span.Events().AppendEmpty()
		event.SetName("exception")
		event.Attributes().PutStr("exception.type", "E")
	}
	encoder := NewEncoder(Options{})
	first := string(documents(encoder.FromTraces(td)))
	for _, e := range []*Encoder{encoder, NewEncoder(Options{})} {
		if again := string(documents(e.FromTraces(td))); again != first {
			t.Errorf("first %s\nagain %s", first, again)
		}
	}
}

// TestLocalRootOnAnotherCloud is a span that ends contrib's exporter.
func TestLocalRootOnAnotherCloud(t *testing.T) {
	run(t, []testCase{{
		name: "client", kind: client, resource: map[string]any{"cloud.provider": "gcp"},
		span: map[string]any{"aws.span.kind": "LOCAL_ROOT", "aws.local.service": "front", "aws.remote.service": "pay"},
		want: `{"name":"front","metadata":{"default":{"otel.resource.cloud.provider":"gcp","otel.resource.service.name":"shop"}},
			"subsegments":[{"name":"pay","namespace":"remote"}]}`,
	}})
}

// TestManyLinks checks that the links past X-Ray's limit are not lost.
func TestManyLinks(t *testing.T) {
	td := ptrace.NewTraces()
	span := spanAt(td, "a", consumer, 1, 0)
	for i := range byte(segment.MaxLinks + 2) {
		link := span.Links().AppendEmpty()
		link.SetTraceID(pcommon.TraceID{15: i + 1})
		link.SetSpanID(pcommon.SpanID{7: i + 1})
		link.Attributes().PutInt("n", int64(i))
	}
	var doc struct {
		Links    []any
		Metadata struct {
			OTel struct {
				Links []struct {
					Trace_id, ID string
					Attributes   map[string]int
				}
			}
		}
	}
	got := NewEncoder(Options{}).FromTraces(td)
	if err := json.Unmarshal(got.Parts[0].JSON, &doc); err != nil {
		t.Fatal(err)
	}
	more := doc.Metadata.OTel.Links
	if len(doc.Links) != segment.MaxLinks || len(more) != 2 || more[1].ID != "0000000000000016" ||
		more[1].Trace_id != "1-00000000-000000000000000000000016" || more[1].Attributes["n"] != 21 {
		t.Errorf("%s", got.Parts[0].JSON)
	}
}

// TestConcurrentUse uses one encoder from several goroutines.
func TestConcurrentUse(t *testing.T) {
	encoder := NewEncoder(Options{IndexAllAttributes: true, LogGroups: []string{"a"}})
	td := ptrace.NewTraces()
	appendSpans(t, tokens, td)
	for id := byte(1); id < 50; id++ {
		spanAt(td, "a", internal, id, id/2).Attributes().PutInt("n", int64(id))
	}
	want := string(documents(encoder.FromTraces(td)))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				if got := string(documents(encoder.FromTraces(td))); got != want {
					t.Errorf("got %s", got)
					return
				}
			}
		})
	}
	wg.Wait()
}
