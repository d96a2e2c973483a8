package segmentspan

import (
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestCountAgreesWithTheDescription counts the spans of all golden files and
// compares that with what a Describer says of their documents.
func TestCountAgreesWithTheDescription(t *testing.T) {
	spans, calls := 0, 0
	for _, folder := range []string{"testdata/otlp", "testdata/segments"} {
		eachCase(t, folder, func(t *testing.T, dir string) {
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(readFile(t, filepath.Join(dir, "spans.json")))
			if err != nil {
				t.Fatal(err)
			}
			d := NewDescriber()
			for _, rs := range td.ResourceSpans().All() {
				res := d.Resource(rs.Resource())
				for _, ss := range rs.ScopeSpans().All() {
					for _, span := range ss.Spans().All() {
						f, c := d.Span(span, &res, true), d.Count(span, &res)
						spans++
						if c.InProgress != f.InProgress || c.Error != f.Error || c.Throttle != f.Throttle || c.Fault != f.Fault || c.Entry != f.Segment {
							t.Errorf("%s: counted as %+v, described as %+v", span.Name(), c, f)
						}
						if f.Segment && !strings.HasPrefix(res.Service, "unknown_service") && c.Service != f.Service && c.Service != UnknownService {
							t.Errorf("%s: of %q and of %q", span.Name(), c.Service, f.Service)
						}
						if f.Callee != "" {
							calls++
							want := f.Callee
							if f.Namespace == namespaceAWS {
								want = awsService(want)
							}
							if c.Remote != want && (f.Namespace == namespaceAWS || f.Namespace == namespaceRemote) {
								t.Errorf("%s: calls %q and %q", span.Name(), c.Remote, want)
							}
						}
						if len(d.AppendOperation(nil)) == 0 || len(d.AppendRemoteOperation(nil)) == 0 {
							t.Errorf("%s: an operation without a name", span.Name())
						}
					}
				}
			}
		})
	}
	if spans == 0 || calls == 0 {
		t.Errorf("%d spans and %d calls", spans, calls)
	}
}

func TestAWSServices(t *testing.T) {
	for name, want := range map[string]string{
		"DynamoDB": "AWS::DynamoDB", "dynamodb": "AWS::DynamoDB", "AmazonDynamoDBv2": "AWS::DynamoDB",
		"S3": "AWS::S3", "Secrets Manager": "AWS::SecretsManager", "Athena": "AWS::Athena", "AWS::S3": "AWS::S3",
	} {
		if got := awsService(name); got != want {
			t.Errorf("awsService(%q) = %q, want %q", name, got, want)
		}
	}
}

func BenchmarkCount(b *testing.B) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetKind(ptrace.SpanKindClient)
	span.SetParentSpanID(pcommon.SpanID{1})
	span.SetEndTimestamp(5)
	a := span.Attributes()
	a.PutStr("http.request.method", "GET")
	a.PutStr("server.address", "items.example.com")
	a.PutStr("url.full", "https://items.example.com/api/items/12")
	a.PutInt("http.response.status_code", 200)
	d := NewDescriber()
	f := d.Resource(rs.Resource())
	var name []byte
	b.ReportAllocs()
	for b.Loop() {
		d.Count(span, &f)
		name = d.AppendRemoteOperation(name[:0])
	}
}
