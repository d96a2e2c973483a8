package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/archive/archivetest"
	"github.com/tailwater-otel/tailwater/internal/s3test"
)

// duckDB runs SQL on files. Each result is its rows, by column.
func duckDB(t *testing.T, setup, queries []string) [][]map[string]any {
	t.Helper()
	input, err := json.Marshal(map[string]any{"setup": setup, "queries": queries})
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "node", "duckdb.js")
	cmd.Dir = "node"
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	require.NoError(t, err, "%s\nif packages are missing, run npm ci in e2e/node", &stderr)
	var results [][]map[string]any
	require.NoError(t, json.Unmarshal(output, &results))
	return results
}

// viewOf is what deploy/athena/README.md says to do for DuckDB.
func viewOf(root string) []string {
	return []string{
		fmt.Sprintf("CREATE VIEW spans AS SELECT * FROM read_parquet('%s/**/*.parquet', hive_partitioning = true, "+
			"hive_types = {'dt': VARCHAR, 'hour': VARCHAR}, union_by_name = true)", root),
		"CREATE MACRO approx_percentile(x, p) AS approx_quantile(x, p)",
		"SET TimeZone = 'UTC'",
	}
}

// archived is an archive of mixed spans, and what SQL must say of it.
type archived struct {
	root                                string
	spans, events, links, status, root0 int64
	duration, first, last               int64
	kinds                               map[string]int64
	sample                              []archivetest.Row
	trace                               string   // of one of them
	segments                            []string // ids of entities that came over UDP
}

// intoBucket archives into a real S3 server, in files of some 100,000 spans.
const intoBucket = `
exporters:
  awss3:
    marshaler: parquet
    s3uploader:
      region: us-east-1
      s3_bucket: ${env:BUCKET}
      s3_prefix: spans
      endpoint: ${env:BUCKET_ENDPOINT}
      s3_force_path_style: true
    parquet:
      spool_directory: ${env:TAILWATER_STATE}/spool
      late_limit: 0s
      max_file_bytes: 16777216
      max_file_age: 5s
      row_group_rows: 20000
service:
  pipelines:
    traces:
      exporters: [awss3]
`

// newArchive sends n spans to the collector, which puts them into a bucket, and
// some segments, and gets its objects.
func newArchive(t *testing.T, n int) *archived {
	t.Helper()
	server := s3test.Start(t)
	c := start(t, setup{configs: base(t, intoBucket), env: append(s3test.Env(),
		"FAKE_XRAY=http://127.0.0.1:9", "BUCKET="+s3test.Bucket, "BUCKET_ENDPOINT="+server.Endpoint)})
	a := &archived{kinds: map[string]int64{}}
	a.segments = newUDPSender(t, c).segments(c, 3*burst)
	sender := newOTLPSender(t, c)
	m := archivetest.NewMixed(42, 1000)
	for a.spans < int64(n) {
		td := m.Next(100)
		for _, r := range archivetest.Rows(td) {
			if a.spans%int64(1+n/300) == 7 {
				r = archivetest.Rows(r.Traces())[0] // a copy, without the rest of td
				a.sample = append(a.sample, r)
			}
			a.count(r.Span)
		}
		sender.send(td)
	}
	all := float64(a.spans) + float64(len(a.segments))
	require.Eventually(t, func() bool { return c.metric("exporter_awss3_spans_archived") >= all }, 5*time.Minute, 100*time.Millisecond)
	c.stop()
	require.Empty(t, c.complaints())
	a.trace = a.sample[len(a.sample)/2].Span.TraceID().String()
	a.root = download(t, server)
	return a
}

// download gets the objects of the bucket through the AWS SDK: DuckDB reads S3
// only with an extension that is not in its npm package.
func download(t *testing.T, server *s3test.Server) (root string) {
	root = t.TempDir()
	client := server.Client(t)
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: aws.String(s3test.Bucket), Prefix: aws.String("spans/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		for _, o := range page.Contents {
			reply, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(s3test.Bucket), Key: o.Key})
			require.NoError(t, err)
			text, err := io.ReadAll(reply.Body)
			require.NoError(t, err)
			require.NoError(t, reply.Body.Close())
			name := filepath.Join(root, filepath.FromSlash(*o.Key))
			require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
			require.NoError(t, os.WriteFile(name, text, 0o600))
		}
	}
	return root
}

func (a *archived) count(span ptrace.Span) {
	start := int64(span.StartTimestamp())
	if a.spans == 0 {
		a.first = start
	}
	a.first, a.last = min(a.first, start), max(a.last, start)
	a.spans++
	a.duration += int64(span.EndTimestamp()) - start
	a.events += int64(span.Events().Len())
	a.links += int64(span.Links().Len())
	a.kinds[strings.ToUpper(span.Kind().String())]++
	if span.ParentSpanID().IsEmpty() {
		a.root0++
	}
	for _, key := range []string{"http.response.status_code", "http.status_code"} {
		if v, found := span.Attributes().Get(key); found {
			a.status += v.Int()
			return
		}
	}
}

// TestArchiveInDuckDB: what a foreign reader of Parquet says of an archive in S3
// is what was sent: counts, sums, and whole rows of a sample.
func TestArchiveInDuckDB(t *testing.T) {
	n := 1_000_000 // some 25 seconds of CPU
	if testing.Short() {
		n = 60_000
	}
	a := newArchive(t, n)
	var keys []string
	for _, r := range a.sample {
		keys = append(keys, "('"+r.Span.TraceID().String()+"','"+r.Span.SpanID().String()+"')")
	}
	results := duckDB(t, viewOf(a.root), []string{
		"SELECT count(*) AS spans, sum(duration_nano)::BIGINT AS duration, min(start_time_unix_nano) AS first, max(start_time_unix_nano) AS last, " +
			"sum(len(events))::BIGINT AS events, sum(len(links))::BIGINT AS links, sum(http_response_status_code)::BIGINT AS status, " +
			"count(*) FILTER (is_root) AS roots, count(*) FILTER (epoch_us(start_time) != start_time_unix_nano // 1000) AS odd FROM spans WHERE " + ofMixed,
		"SELECT kind, count(*) AS n FROM spans WHERE " + ofMixed + " GROUP BY kind",
		"SELECT * FROM spans WHERE (trace_id, span_id) IN (" + strings.Join(keys, ",") + ")",
		fmt.Sprintf("SELECT bool_or(bloom_filter_excludes) AS excludes FROM parquet_bloom_probe('%s/**/*.parquet', 'trace_id', '%032d')", a.root, 1),
		"SELECT span_id FROM spans WHERE NOT " + ofMixed,
		"SELECT count(DISTINCT filename) AS files, count(DISTINCT collector_id) AS collectors FROM read_parquet('" + a.root + "/**/*.parquet', filename = true)",
	})
	text := func(n int64) string { return strconv.FormatInt(n, 10) }
	assert.Equal(t, []map[string]any{{
		"spans": text(a.spans), "duration": text(a.duration), "first": text(a.first), "last": text(a.last),
		"events": text(a.events), "links": text(a.links), "status": text(a.status), "roots": text(a.root0), "odd": "0",
	}}, results[0])
	kinds := map[string]int64{}
	for _, row := range results[1] {
		n, err := strconv.ParseInt(row["n"].(string), 10, 64)
		require.NoError(t, err)
		kinds[row["kind"].(string)] = n
	}
	assert.Equal(t, a.kinds, kinds)
	assert.Equal(t, []map[string]any{{"excludes": true}}, results[3], "no bloom filter rules out a trace that is not there")
	var segments []string
	for _, row := range results[4] {
		segments = append(segments, row["span_id"].(string))
	}
	assert.ElementsMatch(t, a.segments, segments, "segments that came over UDP")
	assert.Equal(t, "1", results[5][0]["collectors"])
	t.Logf("%d spans in %v files", a.spans, results[5][0]["files"])

	bySpan := map[string]map[string]any{}
	for _, row := range results[2] {
		bySpan[row["trace_id"].(string)+row["span_id"].(string)] = row
	}
	require.Len(t, bySpan, len(a.sample))
	for _, r := range a.sample {
		checkRow(t, r, bySpan[r.Span.TraceID().String()+r.Span.SpanID().String()])
	}
}

// ofMixed is true of the spans of archivetest.Mixed.
var ofMixed = "dt = '" + archivetest.Start.Format(time.DateOnly) + "'"

// flatOf names the attributes that columns are made of, for those that the
// sample has.
var flatOf = map[string][]string{
	"http_request_method": {"http.request.method", "http.method"}, "http_route": {"http.route"},
	"http_response_status_code": {"http.response.status_code", "http.status_code"},
	"url_full":                  {"url.full", "http.url"}, "url_path": {"url.path", "http.target"}, "url_scheme": {"url.scheme", "http.scheme"},
	"server_address": {"server.address", "net.host.name", "net.peer.name"}, "server_port": {"server.port", "net.host.port"},
	"client_address": {"client.address", "http.client_ip"}, "user_agent": {"user_agent.original", "http.user_agent"},
	"enduser_id": {"enduser.id"}, "rpc_system": {"rpc.system"}, "rpc_service": {"rpc.service"}, "rpc_method": {"rpc.method"},
	"db_system": {"db.system.name", "db.system"}, "db_namespace": {"db.namespace", "db.name"}, "db_operation": {"db.operation.name"},
	"db_collection": {"db.collection.name"}, "db_query_text": {"db.query.text", "db.statement"},
	"messaging_system": {"messaging.system"}, "messaging_destination": {"messaging.destination.name"},
	"messaging_operation": {"messaging.operation.type"}, "aws_request_id": {"aws.request_id"}, "aws_operation": {"aws.operation"},
	"aws_region": {"aws.region"}, "aws_queue_url": {"aws.queue_url"}, "container_id": {"container.id"}, "aws_table_name": {"aws.table_name", "aws.dynamodb.table_names"}, "peer_service": {"peer.service"},
	"service_name": {"service.name"}, "service_namespace": {"service.namespace"}, "service_version": {"service.version"},
	"service_instance_id": {"service.instance.id"}, "deployment_environment": {"deployment.environment.name"},
	"cloud_provider": {"cloud.provider"}, "cloud_platform": {"cloud.platform"}, "cloud_region": {"cloud.region"},
	"cloud_availability_zone": {"cloud.availability_zone"}, "cloud_account_id": {"cloud.account.id"}, "host_name": {"host.name"},
	"host_id": {"host.id"}, "k8s_namespace_name": {"k8s.namespace.name"}, "k8s_pod_name": {"k8s.pod.name"},
	"k8s_deployment_name": {"k8s.deployment.name"}, "telemetry_sdk_name": {"telemetry.sdk.name"},
	"telemetry_sdk_language": {"telemetry.sdk.language"}, "telemetry_sdk_version": {"telemetry.sdk.version"},
}

// checkRow compares a row with the span: each attribute is in the map or, as
// it is, in its column, and there is nothing else.
func checkRow(t *testing.T, r archivetest.Row, row map[string]any) {
	t.Helper()
	span := r.Span
	parent, duration := any(nil), any(strconv.FormatInt(int64(span.EndTimestamp()-span.StartTimestamp()), 10))
	if !span.ParentSpanID().IsEmpty() {
		parent = span.ParentSpanID().String()
	}
	if span.EndTimestamp() == 0 {
		duration = nil
	}
	id := span.TraceID().String()
	flags, message := any(float64(span.Flags())), any(span.Status().Message())
	if span.Flags() == 0 {
		flags = nil
	}
	if message == "" {
		message = nil
	}
	for column, want := range map[string]any{
		"parent_span_id": parent, "xray_trace_id": "1-" + id[:8] + "-" + id[8:], "name": span.Name(), "duration_nano": duration,
		"start_time_unix_nano": strconv.FormatInt(int64(span.StartTimestamp()), 10), "kind": strings.ToUpper(span.Kind().String()),
		"status_code": strings.ToUpper(span.Status().Code().String()), "status_message": message, "flags": flags,
		"is_root": span.ParentSpanID().IsEmpty(), "dt": "2026-03-14", "hour": "09", "is_late": false, "raw": nil,
	} {
		assert.Equal(t, want, row[column], "%s of span %s", column, span.SpanID())
	}
	checkAttributes(t, span.Attributes(), row["attributes"], row)
	checkAttributes(t, r.Resource.Attributes(), row["resource_attributes"], row)
	events, links := row["events"].([]any), row["links"].([]any)
	require.Len(t, events, span.Events().Len())
	for i, event := range span.Events().All() {
		got := events[i].(map[string]any)
		assert.Equal(t, event.Name(), got["name"])
		assert.Equal(t, strconv.FormatInt(int64(event.Timestamp()), 10), got["time_unix_nano"])
		checkAttributes(t, event.Attributes(), got["attributes"], nil)
	}
	require.Len(t, links, span.Links().Len())
	for i, link := range span.Links().All() {
		got := links[i].(map[string]any)
		assert.Equal(t, link.TraceID().String()+link.SpanID().String(), fmt.Sprint(got["trace_id"], got["span_id"]))
		checkAttributes(t, link.Attributes(), got["attributes"], nil)
	}
}

func checkAttributes(t *testing.T, attributes pcommon.Map, got any, row map[string]any) {
	t.Helper()
	left := map[string]any{}
	for _, entry := range got.([]any) {
		e := entry.(map[string]any)
		left[e["key"].(string)] = e["value"]
	}
	for key, value := range attributes.All() {
		text := value.AsString()
		if in, found := left[key]; found {
			assert.Equal(t, text, in, key)
			delete(left, key)
			continue
		}
		column := columnOf(key)
		if assert.NotEmpty(t, column, "%s is nowhere", key) {
			assert.Equal(t, text, fmt.Sprint(row[column]), key)
		}
	}
	assert.Empty(t, left, "attributes that the span does not have")
}

func columnOf(key string) string {
	for column, keys := range flatOf {
		for _, k := range keys {
			if k == key {
				return column
			}
		}
	}
	return ""
}

// TestAthenaQueries runs the queries that deploy/athena/README.md offers. None
// may be without rows.
func TestAthenaQueries(t *testing.T) {
	a := newArchive(t, 20_000)
	page, err := os.ReadFile("../deploy/athena/README.md")
	require.NoError(t, err)
	var queries, titles []string
	for _, m := range regexp.MustCompile("(?s)### ([^\n]+)\n.*?```sql\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		titles = append(titles, m[1])
		queries = append(queries, strings.ReplaceAll(m[2], "4cc847024d558a167132596acfd4daa9", a.trace))
	}
	require.Equal(t, []string{
		"Find a trace", "Slowest operations", "Error rate by service and hour", "Dependency map", "Cost by service", "Top SQL",
		"What clients sent twice",
	}, titles)
	results := duckDB(t, viewOf(a.root), queries)
	for i, rows := range results {
		assert.NotEmpty(t, rows, titles[i])
	}
	ofTrace := 0
	for _, r := range a.sample {
		if r.Span.TraceID().String() == a.trace {
			ofTrace++
		}
	}
	assert.GreaterOrEqual(t, len(results[0]), ofTrace)
	edges := map[string]string{}
	for _, row := range results[3] {
		edges[fmt.Sprint(row["caller"], "→", row["callee"])] = row["calls"].(string)
	}
	assert.Contains(t, edges, "frontend→checkout")
	assert.Contains(t, edges, "frontend→DynamoDB")
	total := int64(0)
	for _, row := range results[4] {
		n, err := strconv.ParseInt(row["spans"].(string), 10, 64)
		require.NoError(t, err)
		total += n
	}
	assert.Equal(t, a.spans, total, "cost by service counts all spans of its days")
	assert.Len(t, results[5], 5, "the statements of the shop, and the one of the X-Ray segments")
}
