package segmentspan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
)

// tokens is a document in which every text is different.
const tokens = `{
 "name": "t00", "id": "a1b2c3d4e5f60718", "trace_id": "1-68f3a1c0-9d3f1b7a2c4e6f8091a2b3c4",
 "start_time": 1760797120.000125, "end_time": 1760797121.250875, "user": "t01", "origin": "AWS::ECS::Fargate", "resource_arn": "t02",
 "service": {"version": "t03", "runtime": "t04", "compiler": "t05", "name": "t06", "runtime_version": "t07", "compiler_version": "t08", "x": "t09"},
 "http": {"request": {"method": "t10", "url": "t11", "user_agent": "t12", "client_ip": "t13", "x": "t14"}, "response": {"status": 502, "x": "t15"}, "x": "t16"},
 "fault": true,
 "aws": {"account_id": "t17", "x": "t18",
  "ec2": {"instance_id": "t19", "instance_size": "t20", "ami_id": "t21", "availability_zone": "t22", "x": "t23"},
  "ecs": {"container": "t24", "container_id": "t25", "container_arn": "t26", "cluster_arn": "t27", "task_arn": "t28", "task_family": "t29",
   "launch_type": "fargate", "availability_zone": "t30", "x": "t31"},
  "eks": {"cluster_name": "t32", "pod": "t33", "container_id": "t34", "x": "t35"},
  "elastic_beanstalk": {"environment_name": "t36", "version_label": "t37", "deployment_id": 1, "x": "t38"},
  "cloudwatch_logs": [{"log_group": "t39"}],
  "xray": {"sdk": "t40 for t41", "sdk_version": "t42", "sampling_rule_name": "t43", "x": "t44"}},
 "annotations": {"one": "t45", "enduser.id": "t46", "two": ["t47"]},
 "metadata": {"default": {"a": "t48"}, "other": "t49"},
 "links": [{"trace_id": "1-68f3a1b0-000102030405060708090a0b", "id": "0123456789abcde7", "attributes": {"a": "t50", "b": ["t51"]}, "x": "t52"}],
 "cause": {"working_directory": "t53", "paths": ["t54"], "x": "t55", "exceptions": [
  {"id": "aaaaaaaaaaaaaaa1", "type": "t56", "message": "t57", "x": "t58", "stack": [{"path": "t59", "line": 88, "label": "t60"}]},
  {"id": "aaaaaaaaaaaaaaa2", "type": "t61", "stack": [{"path": "t62(", "line": "8", "label": "t63", "x": "t64"}]}]},
 "x": {"y": "t65"},
 "subsegments": [
  {"name": "t66", "id": "2222222222222222", "start_time": 1760797120.03, "end_time": 1760797120.09, "namespace": "aws",
   "aws": {"operation": "t67", "region": "t68", "account_id": "t69", "request_id": "t70", "queue_url": "t71", "table_name": "t72", "resource_names": ["t73"],
    "ec2": {"instance_id": "t74"}}},
  {"name": "t75", "id": "2222222222222223", "start_time": 1760797120.1, "end_time": 1760797120.4, "namespace": "t76", "user": "t77",
   "sql": {"url": "t78", "connection_string": "t79", "preparation": "t80", "database_type": "t81", "database_version": "t82",
    "driver_version": "t83", "user": "t84", "sanitized_query": "t85", "x": "t86"},
   "aws": {"table_names": ["t87", "t88"]}, "service": {"version": "t89"}, "annotations": {"three": "t90"}}]}`

var token = regexp.MustCompile(`t\d\d`)

// everyAttribute calls f for each map of attributes of td.
func everyAttribute(td ptrace.Traces, f func(where string, attrs pcommon.Map)) {
	for _, rs := range td.ResourceSpans().All() {
		f("resource", rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				f("span", span.Attributes())
				for i, event := range span.Events().All() {
					f(fmt.Sprint("event ", i), event.Attributes())
				}
				for _, link := range span.Links().All() {
					f("link", link.Attributes())
				}
			}
		}
	}
}

// TestOneHome checks that each text of a document has one home in its spans,
// and that a processor that deletes the home deletes the text.
func TestOneHome(t *testing.T) {
	td := ptrace.NewTraces()
	appendSpans(t, tokens, td)
	encoder := NewEncoder(Options{})
	checkDocuments(t, [][]byte{[]byte(tokens)}, encoder.FromTraces(td))

	homes := make(map[string][]string)
	everyAttribute(td, func(where string, attrs pcommon.Map) {
		for name, value := range attrs.All() {
			for _, text := range token.FindAllString(value.AsString(), -1) {
				homes[text] = append(homes[text], where+" "+name)
			}
		}
	})
	names := []string{"t66", "t75"} // of subsegments, which are names of spans
	for _, text := range token.FindAllString(tokens, -1) {
		if n := len(homes[text]); n != 1 && !slices.Contains(names, text) {
			t.Errorf("%s has %d homes: %s", text, n, homes[text])
		}
	}
	for text, places := range homes {
		where, name, _ := strings.Cut(places[0], " ")
		if where == "event" {
			_, name, _ = strings.Cut(name, " ")
		}
		redacted := ptrace.NewTraces()
		td.CopyTo(redacted)
		everyAttribute(redacted, func(_ string, attrs pcommon.Map) {
			attrs.RemoveIf(func(n string, v pcommon.Value) bool { return n == name && strings.Contains(v.AsString(), text) })
		})
		out := string(documents(encoder.FromTraces(redacted)))
		if text == "t00" {
			continue // the service's name; without it the span's is left
		}
		if strings.Contains(out, text) {
			t.Errorf("%s is still there without %s: %s", text, name, out)
		}
	}
}

// TestProcessors checks what changes of processors do to a document.
func TestProcessors(t *testing.T) {
	const doc = `{"name":"web","id":"a1b2c3d4e5f60718","trace_id":"1-68f3a1c0-9d3f1b7a2c4e6f8091a2b3c4","start_time":1,"end_time":2,
		"user":"u","annotations":{"tenant":"blue","items":3},"metadata":{"otel":{"a":1}},
		"sql":{"sanitized_query":"SELECT 1","database_type":"mysql"},"http":{"response":{"status":500}},"fault":true,
		"cause":{"exceptions":[{"id":"aaaaaaaaaaaaaaa1","message":"secret","stack":[{"path":"a.go","line":1,"label":"f"}]}]}}`
	cases := []struct {
		name   string
		change func(resource pcommon.Map, span ptrace.Span)
		old    string // what of the document
		new    string // becomes this
	}{
		{
			"delete db.statement", func(_ pcommon.Map, span ptrace.Span) { span.Attributes().Remove("db.statement") },
			`"sanitized_query":"SELECT 1",`, ``,
		},
		{
			"delete enduser.id", func(_ pcommon.Map, span ptrace.Span) { span.Attributes().Remove("enduser.id") },
			`"user":"u",`, ``,
		},
		{
			"delete an annotation", func(_ pcommon.Map, span ptrace.Span) { span.Attributes().Remove("tenant") },
			`"tenant":"blue",`, ``,
		},
		{
			"change an annotation", func(_ pcommon.Map, span ptrace.Span) { span.Attributes().PutStr("items", "many") },
			`"items":3`, `"items":"many"`,
		},
		{
			"delete a namespace", func(_ pcommon.Map, span ptrace.Span) { span.Attributes().Remove("aws.xray.metadata.otel") },
			`"metadata":{"otel":{"a":1}},`, ``,
		},
		{
			"break a namespace", func(_ pcommon.Map, span ptrace.Span) { span.Attributes().PutStr("aws.xray.metadata.otel", "{***") },
			`{"otel":{"a":1}}`, `{"otel":"{***"}`,
		},
		{
			"redact a message", func(_ pcommon.Map, span ptrace.Span) {
				span.Events().At(0).Attributes().PutStr("exception.message", "****")
			},
			`"secret"`, `"****"`,
		},
		{
			"redact a stack", func(_ pcommon.Map, span ptrace.Span) {
				span.Events().At(0).Attributes().PutStr("exception.stacktrace", "****")
			},
			`{"path":"a.go","line":1,"label":"f"}`, `{"label":"****"}`,
		},
		{
			"correct a status", func(_ pcommon.Map, span ptrace.Span) {
				span.Attributes().PutInt("http.response.status_code", 404)
			},
			`500}},"fault":true`, `404}},"error":true`,
		},
		{
			"rename the service", func(resource pcommon.Map, _ ptrace.Span) { resource.PutStr("service.name", "shop") },
			`"web"`, `"shop"`,
		},
		{
			"add a host", func(resource pcommon.Map, _ ptrace.Span) { resource.PutStr("host.id", "i-1") },
			`"user":"u"`, `"user":"u","aws":{"ec2":{"instance_id":"i-1"}}`,
		},
		{
			"detect Lambda", func(resource pcommon.Map, _ ptrace.Span) { resource.PutStr("cloud.platform", "aws_lambda") },
			`"user":"u"`, `"user":"u","origin":"AWS::Lambda::Function"`,
		},
		{
			"add attributes", func(resource pcommon.Map, span ptrace.Span) {
				resource.PutStr("team", "t")
				span.Attributes().PutStr("region", "r")
			},
			`{"otel":{"a":1}}`, `{"otel":{"a":1,"region":"r","otel.resource.team":"t"}}`,
		},
		{
			"add an attribute whose name is taken", func(_ pcommon.Map, span ptrace.Span) { span.Attributes().PutStr("a", "b") },
			`{"otel":{"a":1}}`, `{"otel":{"a":1},"otel.":{"a":"b"}}`,
		},
		{
			"weigh a kept trace", func(_ pcommon.Map, span ptrace.Span) { span.TraceState().FromRaw("ot=th:8") },
			`{"otel":{"a":1}}`, `{"otel":{"a":1,"trace_state":"ot=th:8"}}`,
		},
		{
			"keep by a rule", func(_ pcommon.Map, span ptrace.Span) {
				span.Attributes().PutStr("aws.xray.sampling_rule_name", "slow")
			},
			`"user":"u"`, `"user":"u","aws":{"xray":{"sampling_rule_name":"slow"}}`,
		},
		{
			"delete the mark", func(resource pcommon.Map, span ptrace.Span) {
				for _, name := range []string{"aws.xray.document", "enduser.id", "aws.xray.metadata.otel", "db.statement", "tenant"} {
					span.Attributes().Remove(name)
				}
				span.Events().RemoveIf(func(ptrace.SpanEvent) bool { return true })
			},
			doc, `{"name":"web","id":"a1b2c3d4e5f60718","trace_id":"1-68f3a1c0-9d3f1b7a2c4e6f8091a2b3c4","start_time":1,"end_time":2,
				"annotations":{"items":3},"sql":{"database_type":"mysql"},"http":{"response":{"status":500}},"fault":true}`,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			td := ptrace.NewTraces()
			appendSpans(t, doc, td)
			rs := td.ResourceSpans().At(0)
			c.change(rs.Resource().Attributes(), rs.ScopeSpans().At(0).Spans().At(0))
			if !strings.Contains(doc, c.old) {
				t.Fatalf("no %s in the document", c.old)
			}
			checkDocuments(t, [][]byte{[]byte(strings.Replace(doc, c.old, c.new, 1))}, NewEncoder(Options{}).FromTraces(td))
		})
	}
}

// TestMany checks documents with more members than have homes of their own.
func TestMany(t *testing.T) {
	many := func(prefix string) string {
		var b strings.Builder
		for i := range 3 * maxHomes {
			fmt.Fprintf(&b, `,"%s%d/~":[%d]`, prefix, i, i)
		}
		return b.String()[1:]
	}
	doc := `{"name":"web","id":"a1b2c3d4e5f60718","trace_id":"1-68f3a1c0-9d3f1b7a2c4e6f8091a2b3c4","start_time":1,"end_time":2,` +
		many("x") + `,"annotations":{` + many("a") + `},"metadata":{` + many("m") + `},"aws":{"ec2":{` + many("e") + `}},
		"links":[{"trace_id":"1-68f3a1c0-9d3f1b7a2c4e6f8091a2b3c4","id":"a1b2c3d4e5f60718","attributes":{` + many("l") + `},` + many("k") + `}],
		"cause":{"exceptions":[{"id":"a1b2c3d4e5f60718",` + many("c") + `}]}}`
	td := ptrace.NewTraces()
	appendSpans(t, doc, td)
	everyAttribute(td, func(where string, attrs pcommon.Map) {
		if attrs.Len() > maxHomes {
			t.Errorf("%d attributes of a %s", attrs.Len(), where)
		}
	})
	checkDocuments(t, [][]byte{[]byte(doc)}, NewEncoder(Options{MaxDocumentBytes: segment.MaxDecodeBytes}).FromTraces(td))
}
