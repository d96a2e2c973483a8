package xraymetricsconnector

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segmentspan"
)

// counts is what is counted of each series, without the field that says which
// kind of span it was.
func counts(t *testing.T, td ptrace.Traces) map[string][5]float64 {
	t.Helper()
	h := prepare(t, nil)
	h.send(t, td)
	h.flush(t.Context(), start)
	all := map[string][5]float64{}
	for _, md := range h.sink.got {
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				metrics := sm.Metrics()
				for i, p := range metrics.At(0).ExponentialHistogram().DataPoints().All() {
					share := func(m int) float64 { return metrics.At(m).Histogram().DataPoints().At(i).Sum() }
					p.Attributes().Remove(sourceField)
					all[label(p.Attributes())] = [5]float64{float64(p.Count()), p.Sum(), share(1), share(2), share(3)}
				}
			}
		}
	}
	return all
}

// documents makes spans of segment documents, as the awsxray receiver does.
func documents(t *testing.T, docs ...string) ptrace.Traces {
	t.Helper()
	td := ptrace.NewTraces()
	for _, doc := range docs {
		s, err := segment.Decode(doc)
		require.NoError(t, err)
		segmentspan.ToSpans(s, td)
	}
	return td
}

// An X-Ray segment and an OpenTelemetry span of the same call count in the same
// series, with the same outcome.
func TestSegmentsAndSpansCountTheSame(t *testing.T) {
	const head = `"trace_id":"1-581cf771-a006649127e371903a2de979","id":"70de5b6f19ff9a0a","start_time":1478293361.0,"end_time":1478293361.25,"name":"shop"`
	const sub = `{` + head + `,"subsegments":[{"id":"53995c3f42cd8ad8","start_time":1478293361.1,"end_time":1478293361.2,`
	request := func(attributes map[string]any) spec {
		return spec{kind: server, name: "GET", took: ms(250), attributes: attributes}
	}
	none := request(nil)
	for name, c := range map[string]struct {
		document string
		spans    []spec
	}{
		"a request": {
			`{` + head + `,"http":{"request":{"method":"GET","url":"https://shop.example/items/17?x=1"},"response":{"status":200}}}`,
			[]spec{request(map[string]any{"http.request.method": "GET", "url.scheme": "https", "server.address": "shop.example", "url.path": "/items/17", "url.query": "x=1", "http.response.status_code": 200})},
		},
		"a request by older names": {
			`{` + head + `,"fault":true,"http":{"request":{"method":"POST","url":"http://shop.example/orders"},"response":{"status":502}}}`,
			[]spec{request(map[string]any{"http.method": "POST", "http.scheme": "http", "http.host": "shop.example", "http.target": "/orders", "http.status_code": 502})},
		},
		"a throttled request": {
			`{` + head + `,"error":true,"throttle":true,"http":{"request":{"method":"GET","url":"http://shop.example/"},"response":{"status":429}}}`,
			[]spec{request(map[string]any{"http.request.method": "GET", "url.full": "http://shop.example/", "http.response.status_code": 429})},
		},
		"a call by HTTP": {
			sub + `"name":"pay.example","namespace":"remote","error":true,"http":{"request":{"method":"POST","url":"https://pay.example/charge/8"},"response":{"status":404}}}]}`,
			[]spec{none, {kind: client, child: true, took: ms(100), attributes: map[string]any{
				"http.request.method": "POST", "url.full": "https://pay.example/charge/8", "server.address": "pay.example", "http.response.status_code": 404}}},
		},
		"a table": {
			sub + `"name":"DynamoDB","namespace":"aws","aws":{"operation":"PutItem","table_name":"orders","region":"eu-west-1"},"http":{"response":{"status":200}}}]}`,
			[]spec{none, {kind: client, child: true, took: ms(100), attributes: map[string]any{
				"rpc.system": "aws-api", "rpc.service": "DynamoDB", "rpc.method": "PutItem", "aws.dynamodb.table_names": []any{"orders"}, "http.response.status_code": 200}}},
		},
		"a bucket": {
			sub + `"name":"s3","namespace":"aws","fault":true,"aws":{"operation":"GetObject","bucket_name":"books"},"http":{"response":{"status":503}}}]}`,
			[]spec{none, {kind: client, child: true, took: ms(100), attributes: map[string]any{
				"rpc.system": "aws-api", "rpc.service": "S3", "rpc.method": "GetObject", "aws.s3.bucket": "books", "http.response.status_code": 503}}},
		},
		"a queue": {
			sub + `"name":"SQS","namespace":"aws","aws":{"operation":"SendMessage","queue_url":"https://sqs.eu-west-1.amazonaws.com/1/mail"}}]}`,
			[]spec{none, {kind: producer, child: true, took: ms(100), attributes: map[string]any{
				"rpc.system": "aws-api", "rpc.service": "AmazonSQS", "rpc.method": "SendMessage", "messaging.system": "aws_sqs", "messaging.url": "https://sqs.eu-west-1.amazonaws.com/1/mail"}}},
		},
		"a query": {
			sub + `"name":"shop@db","namespace":"remote","fault":true,"sql":{"sanitized_query":"SELECT * FROM items","database_type":"PostgreSQL","url":"postgresql://db/shop"}}]}`,
			[]spec{none, {kind: client, child: true, took: ms(100), status: ptrace.StatusCodeError, attributes: map[string]any{
				"db.system": "postgresql", "db.name": "shop", "server.address": "db", "db.operation": "select", "db.statement": "SELECT * FROM items"}}},
		},
		"work inside": {
			sub + `"name":"parse"}]}`,
			[]spec{none, {kind: internal, child: true, name: "parse", took: ms(100)}},
		},
		"in progress": {
			`{"trace_id":"1-581cf771-a006649127e371903a2de979","id":"70de5b6f19ff9a0a","start_time":1478293361.0,"name":"shop","in_progress":true}`,
			[]spec{{kind: server, open: true}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			segments := counts(t, documents(t, c.document))
			spans := counts(t, traces(map[string]any{"service.name": "shop"}, c.spans...))
			if len(c.spans) > 1 { // what a request without any attribute is called is not the point
				for _, all := range []map[string][5]float64{segments, spans} {
					maps.DeleteFunc(all, func(series string, _ [5]float64) bool { return !isCall(series) })
				}
			}
			for series, want := range spans {
				got := segments[series]
				assert.InDelta(t, want[1], got[1], 0.001, "latency of %s", series)
				want[1], got[1] = 0, 0
				assert.Equal(t, want, got, series)
			}
			assert.Len(t, segments, len(spans))
			if name != "work inside" && name != "in progress" {
				assert.NotEmpty(t, spans)
			}
		})
	}
}

func isCall(series string) bool { return strings.Contains(series, "RemoteService=") }

// What comes back after a trip through X-Ray's documents counts as before.
func TestATripThroughDocumentsChangesNoCount(t *testing.T) {
	td := traces(map[string]any{"service.name": "shop", "cloud.provider": "aws", "cloud.platform": "aws_ec2", "host.id": "i-1"},
		spec{kind: server, name: "GET", took: ms(250), attributes: map[string]any{"http.request.method": "GET", "url.full": "http://shop.example/items/17", "http.response.status_code": 500}},
		spec{kind: client, child: true, name: "POST", took: ms(100), attributes: map[string]any{"http.request.method": "POST", "url.full": "http://pay.example/charge/8", "server.address": "pay.example", "http.response.status_code": 429}},
		spec{kind: client, child: true, name: "PutItem", took: ms(50), attributes: map[string]any{"rpc.system": "aws-api", "rpc.service": "DynamoDB", "rpc.method": "PutItem", "aws.dynamodb.table_names": []any{"orders"}}},
		spec{kind: client, child: true, name: "q", took: ms(20), attributes: map[string]any{"db.system": "mysql", "db.name": "shop", "server.address": "db", "db.statement": "insert into t values (?)"}},
	)
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i := range spans.Len() {
		spans.At(i).SetTraceID(pcommon.TraceID{0x5f, 15: 1})
		if i > 0 {
			spans.At(i).SetParentSpanID(spans.At(0).SpanID())
		}
	}
	encoded := segmentspan.NewEncoder(segmentspan.Options{}).FromTraces(td)
	var docs []string
	for _, part := range encoded.Parts {
		docs = append(docs, string(part.JSON))
	}
	require.Len(t, docs, 1)
	want := counts(t, td)
	assert.Len(t, want, 4)
	got := counts(t, documents(t, docs...))
	for series, w := range want {
		g := got[series]
		assert.InDelta(t, w[1], g[1], 0.001)
		w[1], g[1] = 0, 0
		assert.Equal(t, w, g, series)
	}
	assert.Len(t, got, len(want))
}
