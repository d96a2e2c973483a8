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

// BenchmarkSpans encodes a trace of ten spans of OpenTelemetry.
func BenchmarkSpans(b *testing.B) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	err := rs.Resource().Attributes().FromRaw(map[string]any{
		"service.name": "checkout", "service.version": "1.4.2", "cloud.provider": "aws", "cloud.platform": "aws_ecs",
		"aws.ecs.launchtype": "fargate", "aws.ecs.task.arn": "arn:aws:ecs:eu-west-1:123456789012:task/shop/0aa5",
		"container.id": "8f2c3d0a5b", "cloud.account.id": "123456789012", "cloud.availability_zone": "eu-west-1b",
		"telemetry.sdk.name": "opentelemetry", "telemetry.sdk.language": "java", "telemetry.sdk.version": "1.45.0",
		"process.pid": 17, "os.type": "linux",
	})
	if err != nil {
		b.Fatal(err)
	}
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("io.opentelemetry.tomcat")
	add := func(id byte, kind ptrace.SpanKind, name string, attributes map[string]any) {
		span := ss.Spans().AppendEmpty()
		span.SetTraceID(testTrace)
		span.SetSpanID([8]byte{7: id})
		if id > 1 {
			span.SetParentSpanID([8]byte{7: 1 + (id-2)/3})
		}
		span.SetKind(kind)
		span.SetName(name)
		span.SetStartTimestamp(testStart)
		span.SetEndTimestamp(testEnd)
		if err := span.Attributes().FromRaw(attributes); err != nil {
			b.Fatal(err)
		}
	}
	add(1, server, "POST /orders", map[string]any{
		"http.request.method": "POST", "url.scheme": "https", "url.path": "/orders", "server.address": "checkout.example.com",
		"client.address": "203.0.113.24", "user_agent.original": "shop-app/3.1", "http.response.status_code": 503, "http.route": "/orders",
	})
	for id := byte(2); id <= 10; id++ {
		switch id % 3 {
		case 0:
			add(id, internal, "render", map[string]any{"code.function": "render", "items": 3})
		case 1:
			add(id, client, "GET", map[string]any{
				"http.request.method": "GET", "url.full": "https://pay.example.net/v2?x=1", "server.address": "pay.example.net",
				"server.port": 443, "http.response.status_code": 200,
			})
		case 2:
			add(id, client, "SELECT orders", map[string]any{
				"db.system.name": "postgresql", "db.namespace": "orders", "db.query.text": "SELECT * FROM orders WHERE id = ?",
				"server.address": "db", "db.operation.name": "SELECT",
			})
		}
	}
	encoder := NewEncoder(Options{})
	b.ReportAllocs()
	for b.Loop() {
		encoder.FromTraces(td)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(td.SpanCount()), "ns/span")
}
