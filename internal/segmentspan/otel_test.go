package segmentspan

import (
	"encoding/json"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segment/segmenttest"
)

// The ids and times of spans in tests.
var (
	testTrace  = pcommon.TraceID{0x68, 0xf3, 0xa1, 0xc0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	testSpan   = pcommon.SpanID{0xa1, 2, 3, 4, 5, 6, 7, 8}
	testParent = pcommon.SpanID{0xb1, 2, 3, 4, 5, 6, 7, 8}
	testStart  = pcommon.Timestamp(1760797120_100000000)
	testEnd    = pcommon.Timestamp(1760797120_350000000)
)

// testCase is a span of OpenTelemetry and what it becomes.
type testCase struct {
	name     string
	kind     ptrace.SpanKind
	root     bool // without a parent
	spanName string
	resource map[string]any // service.name is "shop" unless this says otherwise
	span     map[string]any
	status   ptrace.StatusCode
	message  string
	options  Options
	more     func(ptrace.Span)
	want     string // the document without ids, times and type
}

func (c *testCase) traces(t *testing.T) ptrace.Traces {
	t.Helper()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	resource := map[string]any{"service.name": "shop"}
	for k, v := range c.resource {
		resource[k] = v
	}
	if err := rs.Resource().Attributes().FromRaw(resource); err != nil {
		t.Fatal(err)
	}
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(testTrace)
	span.SetSpanID(testSpan)
	if !c.root {
		span.SetParentSpanID(testParent)
	}
	span.SetName("name")
	if c.spanName != "" {
		span.SetName(c.spanName)
	}
	span.SetKind(c.kind)
	span.SetStartTimestamp(testStart)
	span.SetEndTimestamp(testEnd)
	span.Status().SetCode(c.status)
	span.Status().SetMessage(c.message)
	if err := span.Attributes().FromRaw(c.span); err != nil {
		t.Fatal(err)
	}
	if c.more != nil {
		c.more(span)
	}
	return td
}

// check compares the only document with what is wanted.
func (c *testCase) check(t *testing.T) {
	t.Helper()
	got := NewEncoder(c.options).FromTraces(c.traces(t))
	if len(got.Parts) != 1 {
		t.Fatalf("%d documents: %s", len(got.Parts), documents(got))
	}
	if _, err := segment.Decode(string(got.Parts[0].JSON)); err != nil {
		t.Fatalf("%v: %s", err, got.Parts[0].JSON)
	}
	var doc map[string]any
	if err := json.Unmarshal(got.Parts[0].JSON, &doc); err != nil {
		t.Fatal(err)
	}
	strip(doc)
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	if diff := segmenttest.Equal([]byte(c.want), text); diff != "" {
		t.Errorf("%s\ngot %s", diff, text)
	}
}

// strip takes away what is the same in all cases.
func strip(doc map[string]any) {
	for _, name := range []string{"id", "trace_id", "parent_id", "start_time", "end_time", "type"} {
		delete(doc, name)
	}
	if metadata, ok := doc["metadata"].(map[string]any); ok {
		if otel, ok := metadata[namespaceOTel].(map[string]any); ok {
			delete(otel, "span.name")
			delete(otel, "span.kind")
			if len(otel) == 0 {
				delete(metadata, namespaceOTel)
			}
		}
		if len(metadata) == 0 {
			delete(doc, "metadata")
		}
	}
	if subs, ok := doc["subsegments"].([]any); ok {
		for _, sub := range subs {
			strip(sub.(map[string]any))
		}
	}
}

func run(t *testing.T, cases []testCase) {
	t.Helper()
	for i := range cases {
		t.Run(cases[i].name, func(t *testing.T) { cases[i].check(t) })
	}
}

const (
	server   = ptrace.SpanKindServer
	client   = ptrace.SpanKindClient
	internal = ptrace.SpanKindInternal
	producer = ptrace.SpanKindProducer
	consumer = ptrace.SpanKindConsumer
	failed   = ptrace.StatusCodeError
)

func TestNames(t *testing.T) {
	run(t, []testCase{
		{name: "server by service", kind: server, want: `{"name":"shop"}`},
		{
			name: "server by local service", kind: server,
			span: map[string]any{"aws.local.service": "front"},
			want: `{"name":"front","metadata":{"default":{"otel.resource.service.name":"shop"}}}`,
		},
		{
			name: "server without a service by its span", kind: internal, root: true, spanName: "tick",
			resource: map[string]any{"service.name": "unknown_service:node"},
			want:     `{"name":"tick","metadata":{"default":{"otel.resource.service.name":"unknown_service:node"}}}`,
		},
		{name: "root job by service", kind: internal, root: true, want: `{"name":"shop"}`},
		{name: "consumer by service", kind: consumer, want: `{"name":"shop"}`},
		{name: "internal by its span", kind: internal, spanName: "render(x)!", want: `{"name":"renderx"}`},
		{
			name: "client by remote service", kind: client,
			span: map[string]any{"aws.remote.service": "pay", "peer.service": "other"},
			want: `{"name":"pay","namespace":"remote","metadata":{"default":{"peer.service":"other"}}}`,
		},
		{
			name: "AWS client by remote service", kind: client,
			span: map[string]any{"aws.remote.service": "AWS::S3", "rpc.system": "aws-api", "rpc.method": "GetObject"},
			want: `{"name":"S3","namespace":"aws","aws":{"operation":"GetObject"}}`,
		},
		{
			name: "client by peer service", kind: client, span: map[string]any{"peer.service": "pay"},
			want: `{"name":"pay","namespace":"remote"}`,
		},
		{
			name: "client of an AWS service", kind: client, span: map[string]any{"aws.service": "SNS"},
			want: `{"name":"SNS","namespace":"aws"}`,
		},
		{
			name: "AWS client in the newest conventions", kind: client,
			span: map[string]any{"rpc.system.name": "aws-api", "rpc.method": "DynamoDB/PutItem"},
			want: `{"name":"DynamoDB","namespace":"aws","aws":{"operation":"PutItem"}}`,
		},
		{
			name: "gRPC client by service", kind: client,
			span: map[string]any{"rpc.system": "grpc", "rpc.service": "shop.Pay", "rpc.method": "Charge"},
			want: `{"name":"shop.Pay","namespace":"remote","metadata":{"default":{"rpc.method":"Charge","rpc.system":"grpc"}}}`,
		},
		{
			name: "gRPC client in the newest conventions", kind: client,
			span: map[string]any{"rpc.system.name": "grpc", "rpc.method": "shop.Pay/Charge"},
			want: `{"name":"shop.Pay","namespace":"remote","metadata":{"default":{"rpc.method":"shop.Pay/Charge","rpc.system.name":"grpc"}}}`,
		},
		{
			name: "HTTP client by old host", kind: client, span: map[string]any{"http.method": "GET", "http.host": "pay:81"},
			want: `{"name":"pay:81","namespace":"remote","http":{"request":{"method":"GET","url":"http://pay:81/"}}}`,
		},
		{
			name: "HTTP client by server.address", kind: client,
			span: map[string]any{"http.request.method": "GET", "url.full": "http://10.0.0.1/", "server.address": "pay"},
			want: `{"name":"pay","namespace":"remote","http":{"request":{"method":"GET","url":"http://10.0.0.1/"}},
				"metadata":{"default":{"server.address":"pay"}}}`,
		},
		{
			name: "HTTP client by url.full", kind: client, span: map[string]any{"url.full": "https://u:p@pay.example:8443/x?y"},
			want: `{"name":"pay.example","namespace":"remote","http":{"request":{"url":"https://u:p@pay.example:8443/x?y"}}}`,
		},
		{
			name: "HTTP client by http.url with an IPv6 host", kind: client, span: map[string]any{"http.url": "http://[::1]:80/"},
			want: `{"name":"::1","namespace":"remote","http":{"request":{"url":"http://[::1]:80/"}}}`,
		},
		{
			name: "producer by destination", kind: producer,
			span: map[string]any{"messaging.system": "kafka", "messaging.destination.name": "orders"},
			want: `{"name":"orders","namespace":"remote","metadata":{"default":{"messaging.system":"kafka"}}}`,
		},
		{
			name: "producer to SQS", kind: producer,
			span: map[string]any{"messaging.system": "aws_sqs", "aws.sqs.queue.url": "https://sqs/q"},
			want: `{"name":"SQS","namespace":"aws","aws":{"queue_url":"https://sqs/q"}}`,
		},
		{
			name: "long names are cut by characters", kind: internal, spanName: repeat("ß", 300),
			want: `{"name":"` + repeat("ß", 200) + `"}`,
		},
		{name: "nothing left of a name", kind: internal, spanName: "(!)", want: `{"name":"span"}`},
	})
}

func repeat(s string, n int) string {
	out := ""
	for range n {
		out += s
	}
	return out
}

func TestOrigin(t *testing.T) {
	origin := func(platform, launchType, want string) testCase {
		c := testCase{name: platform + " " + launchType, kind: server, resource: map[string]any{"cloud.platform": platform}}
		if launchType != "" {
			c.resource["aws.ecs.launchtype"] = launchType
		}
		c.want = want
		return c
	}
	run(t, []testCase{
		origin("aws_ec2", "", `{"name":"shop","origin":"AWS::EC2::Instance"}`),
		origin("AWS_EC2", "", `{"name":"shop","origin":"AWS::EC2::Instance"}`),
		origin("aws_eks", "", `{"name":"shop","origin":"AWS::EKS::Container"}`),
		origin("aws_elastic_beanstalk", "", `{"name":"shop","origin":"AWS::ElasticBeanstalk::Environment"}`),
		origin("aws_app_runner", "", `{"name":"shop","origin":"AWS::AppRunner::Service"}`),
		origin("aws_lambda", "", `{"name":"shop","origin":"AWS::Lambda::Function"}`),
		origin("aws_ecs", "", `{"name":"shop","origin":"AWS::ECS::Container"}`),
		origin("aws_ecs", "ec2", `{"name":"shop","origin":"AWS::ECS::EC2","aws":{"ecs":{"launch_type":"ec2"}}}`),
		origin("aws_ecs", "FARGATE", `{"name":"shop","origin":"AWS::ECS::Fargate","aws":{"ecs":{"launch_type":"FARGATE"}}}`),
		origin("gcp_cloud_run", "", `{"name":"shop","metadata":{"default":{"otel.resource.cloud.platform":"gcp_cloud_run"}}}`),
		{
			name: "another cloud", kind: server,
			resource: map[string]any{"cloud.provider": "gcp", "cloud.platform": "aws_ec2", "cloud.account.id": "p", "host.id": "h"},
			want: `{"name":"shop","metadata":{"default":{"otel.resource.cloud.provider":"gcp",
				"otel.resource.cloud.platform":"aws_ec2","otel.resource.cloud.account.id":"p","otel.resource.host.id":"h"}}}`,
		},
		{
			name: "a function's ARN", kind: server,
			resource: map[string]any{"cloud.platform": "aws_lambda", "cloud.resource_id": "arn:aws:lambda:r:1:function:f", "faas.name": "f"},
			want: `{"name":"shop","origin":"AWS::Lambda::Function","resource_arn":"arn:aws:lambda:r:1:function:f",
				"metadata":{"default":{"otel.resource.faas.name":"f"}}}`,
		},
	})
}

func TestResourceBlocks(t *testing.T) {
	run(t, []testCase{
		{
			name: "EC2", kind: server,
			resource: map[string]any{
				"cloud.platform": "aws_ec2", "host.id": "i-1", "host.type": "t3", "host.image.id": "ami-1",
				"cloud.availability_zone": "eu-west-1a", "cloud.account.id": "1", "host.name": "box",
			},
			want: `{"name":"shop","origin":"AWS::EC2::Instance","aws":{"account_id":"1","ec2":{"instance_id":"i-1","instance_size":"t3",
				"ami_id":"ami-1","availability_zone":"eu-west-1a"}},"metadata":{"default":{"otel.resource.host.name":"box"}}}`,
		},
		{
			name: "EKS", kind: server,
			resource: map[string]any{"cloud.platform": "aws_eks", "k8s.cluster.name": "c", "k8s.pod.name": "p", "container.id": "x"},
			want:     `{"name":"shop","origin":"AWS::EKS::Container","aws":{"eks":{"cluster_name":"c","pod":"p","container_id":"x"}}}`,
		},
		{
			name: "Elastic Beanstalk", kind: server,
			resource: map[string]any{
				"cloud.platform": "aws_elastic_beanstalk", "service.namespace": "env", "service.instance.id": "7", "service.version": "v1",
			},
			want: `{"name":"shop","origin":"AWS::ElasticBeanstalk::Environment","service":{"version":"v1"},
				"aws":{"elastic_beanstalk":{"environment_name":"env","version_label":"v1","deployment_id":7}}}`,
		},
		{
			name: "Elastic Beanstalk with an instance that is no deployment", kind: server,
			resource: map[string]any{"cloud.platform": "aws_elastic_beanstalk", "service.instance.id": "uuid"},
			want: `{"name":"shop","origin":"AWS::ElasticBeanstalk::Environment",
				"metadata":{"default":{"otel.resource.service.instance.id":"uuid"}}}`,
		},
		{
			name: "SDK and service", kind: server,
			resource: map[string]any{
				"telemetry.sdk.name": "opentelemetry", "telemetry.sdk.language": "go", "telemetry.sdk.version": "1.46",
				"telemetry.distro.version": "2", "container.image.tags": []any{"v9", "latest"},
				"process.runtime.name": "go", "process.runtime.version": "1.26",
			},
			want: `{"name":"shop","service":{"version":"v9","runtime":"go","runtime_version":"1.26"},
				"aws":{"xray":{"sdk":"opentelemetry for go","sdk_version":"1.46","auto_instrumentation":true}},
				"metadata":{"default":{"otel.resource.telemetry.distro.version":"2"}}}`,
		},
		{
			name: "log groups by ARN before names", kind: server,
			resource: map[string]any{
				"aws.log.group.arns": []any{"arn:aws:logs:r:1:log-group:/a:*"}, "aws.log.group.names": "/b&/c",
			},
			want: `{"name":"shop","aws":{"cloudwatch_logs":[{"log_group":"/a","arn":"arn:aws:logs:r:1:log-group:/a:*"}]}}`,
		},
		{
			name: "log groups in one string", kind: server, resource: map[string]any{"aws.log.group.names": "/b&/c"},
			want: `{"name":"shop","aws":{"cloudwatch_logs":[{"log_group":"/b"},{"log_group":"/c"}]}}`,
		},
		{
			name: "log groups of the settings", kind: server, options: Options{LogGroups: []string{"/d"}},
			want: `{"name":"shop","aws":{"cloudwatch_logs":[{"log_group":"/d"}]}}`,
		},
		{
			name: "other attributes", kind: server, resource: map[string]any{"team": "a", "zones": []any{"x", int64(1)}},
			want: `{"name":"shop","metadata":{"default":{"otel.resource.team":"a","otel.resource.zones":["x",1]}}}`,
		},
		{
			name: "those of a subsegment stay with its segment", kind: internal, resource: map[string]any{"team": "a"},
			want: `{"name":"name"}`,
		},
	})
}

func TestHTTP(t *testing.T) {
	run(t, []testCase{
		{
			name: "old server", kind: server,
			span: map[string]any{
				"http.method": "GET", "http.scheme": "https", "http.host": "shop.example", "http.target": "/a?b=c",
				"http.status_code": int64(200), "http.user_agent": "ua", "http.client_ip": "203.0.113.1", "net.peer.ip": "10.0.0.1",
				"http.response_content_length": int64(7), "http.route": "/a",
			},
			want: `{"name":"shop","http":{"request":{"method":"GET","url":"https://shop.example/a?b=c","user_agent":"ua",
				"client_ip":"203.0.113.1","x_forwarded_for":true},"response":{"status":200,"content_length":7}},
				"metadata":{"default":{"http.route":"/a","net.peer.ip":"10.0.0.1"}}}`,
		},
		{
			name: "new server", kind: server,
			span: map[string]any{
				"http.request.method": "GET", "url.scheme": "http", "url.path": "/a", "url.query": "b=c", "server.address": "shop",
				"server.port": int64(80), "client.address": "10.0.0.1", "network.peer.address": "10.0.0.1",
				"http.response.status_code": int64(404), "http.response.body.size": int64(9),
			},
			want: `{"name":"shop","error":true,"http":{"request":{"method":"GET","url":"http://shop/a?b=c","client_ip":"10.0.0.1"},
				"response":{"status":404,"content_length":9}}}`,
		},
		{
			name: "a peer is the client if nothing says otherwise", kind: server,
			span: map[string]any{"http.request.method": "GET", "network.peer.address": "10.0.0.1"},
			want: `{"name":"shop","http":{"request":{"method":"GET","client_ip":"10.0.0.1"}}}`,
		},
		{
			name: "a peer is not the client of a client", kind: client, spanName: "GET",
			span: map[string]any{"http.request.method": "GET", "network.peer.address": "10.0.0.1"},
			want: `{"name":"GET","namespace":"remote","http":{"request":{"method":"GET"}},"metadata":{"default":{"network.peer.address":"10.0.0.1"}}}`,
		},
		{
			name: "without a host there is no URL", kind: server,
			span: map[string]any{"http.request.method": "GET", "url.path": "/a"},
			want: `{"name":"shop","http":{"request":{"method":"GET"}},"metadata":{"default":{"url.path":"/a"}}}`,
		},
		{
			name: "network attributes alone are no HTTP", kind: server,
			span: map[string]any{"server.address": "a", "client.address": "10.0.0.1", "network.peer.address": "10.0.0.2"},
			want: `{"name":"shop","metadata":{"default":{"server.address":"a","client.address":"10.0.0.1","network.peer.address":"10.0.0.2"}}}`,
		},
		{
			name: "status as text", kind: server, span: map[string]any{"http.status_code": "503"},
			want: `{"name":"shop","fault":true,"http":{"response":{"status":503}}}`,
		},
		{
			name: "status of another type", kind: server, span: map[string]any{"http.status_code": []any{int64(1)}},
			want: `{"name":"shop","metadata":{"default":{"http.status_code":[1]}}}`,
		},
		{
			name: "the URL says the address", kind: client,
			span: map[string]any{"url.full": "https://a:444/x", "url.scheme": "https", "server.address": "a", "server.port": int64(444)},
			want: `{"name":"a","namespace":"remote","http":{"request":{"url":"https://a:444/x"}}}`,
		},
		{
			name: "received payload", kind: server,
			span: map[string]any{"http.method": "GET", "message.type": "RECEIVED", "messaging.message_payload_size_bytes": int64(5)},
			want: `{"name":"shop","http":{"request":{"method":"GET"},"response":{"content_length":5}}}`,
		},
	})
}

func TestFlags(t *testing.T) {
	http := func(name string, status int64, code ptrace.StatusCode, want string) testCase {
		return testCase{
			name: name, kind: server, status: code, span: map[string]any{"http.response.status_code": status},
			want: `{"name":"shop",` + want + `"http":{"response":{"status":` + jsonInt(status) + `}}}`,
		}
	}
	rpc := func(key string, code any, status ptrace.StatusCode, want string) testCase {
		text, _ := json.Marshal(code)
		return testCase{
			name: key + " " + string(text), kind: server, status: status, span: map[string]any{key: code},
			want: `{"name":"shop",` + want + `"metadata":{"default":{"` + key + `":` + string(text) + `}}}`,
		}
	}
	run(t, []testCase{
		http("200", 200, 0, ""),
		http("200 with an error", 200, failed, `"fault":true,`),
		http("399", 399, 0, ""),
		http("400 with an error", 400, failed, `"error":true,`),
		http("429", 429, failed, `"error":true,"throttle":true,`),
		http("500", 500, 0, `"fault":true,`),
		{name: "error without a status", kind: internal, status: failed, want: `{"name":"name","fault":true}`},
		rpc("rpc.grpc.status_code", int64(0), 0, ""),
		rpc("rpc.grpc.status_code", int64(5), failed, `"error":true,`),
		rpc("rpc.grpc.status_code", int64(8), failed, `"error":true,"throttle":true,`),
		rpc("rpc.grpc.status_code", int64(13), failed, `"fault":true,`),
		rpc("rpc.grpc.status_code", int64(99), failed, `"fault":true,`),
		rpc("rpc.response.status_code", "NOT_FOUND", 0, `"error":true,`),
		rpc("rpc.response.status_code", "UNAVAILABLE", failed, `"fault":true,`),
		rpc("rpc.response.status_code", "RESOURCE_EXHAUSTED", failed, `"error":true,"throttle":true,`),
		rpc("rpc.connect_rpc.error_code", "canceled", failed, `"error":true,`),
	})
}

func jsonInt(n int64) string {
	text, _ := json.Marshal(n)
	return string(text)
}

func TestSQL(t *testing.T) {
	run(t, []testCase{
		{
			name: "old conventions", kind: client,
			span: map[string]any{
				"db.system": "mysql", "db.name": "orders", "db.user": "app", "db.statement": "SELECT ?",
				"db.connection_string": "jdbc:mysql://db:3306", "net.peer.name": "db", "net.peer.port": int64(3306),
			},
			want: `{"name":"orders@db","namespace":"remote","sql":{"database_type":"mysql","user":"app","sanitized_query":"SELECT ?",
				"connection_string":"jdbc:mysql://db:3306/orders","url":"mysql://db:3306/orders"}}`,
		},
		{
			name: "new conventions", kind: client,
			span: map[string]any{
				"db.system.name": "microsoft.sql_server", "db.namespace": "orders", "db.query.text": "SELECT ?",
				"server.address": "db", "db.operation.name": "SELECT",
			},
			want: `{"name":"orders@db","namespace":"remote","sql":{"database_type":"microsoft.sql_server","sanitized_query":"SELECT ?",
				"url":"microsoft.sql_server://db/orders"},"metadata":{"default":{"db.operation.name":"SELECT"}}}`,
		},
		{
			name: "no address is made up", kind: client, span: map[string]any{"db.system": "sqlite", "db.name": "f"},
			want: `{"name":"f","namespace":"remote","sql":{"database_type":"sqlite"},"metadata":{"default":{"db.name":"f"}}}`,
		},
		{
			name: "not SQL", kind: client, span: map[string]any{"db.system": "redis", "db.statement": "GET a", "server.address": "cache"},
			want: `{"name":"cache","namespace":"remote","metadata":{"default":{"db.system":"redis","db.statement":"GET a","server.address":"cache"}}}`,
		},
	})
}

func TestAWS(t *testing.T) {
	run(t, []testCase{
		{
			name: "a call", kind: client,
			span: map[string]any{
				"rpc.system": "aws-api", "rpc.service": "DynamoDB", "rpc.method": "BatchGetItem", "aws.region": "r",
				"aws.requestId": "id", "aws.dynamodb.table_names": []any{"a", "b"}, "aws.account_id": "2",
			},
			want: `{"name":"DynamoDB","namespace":"aws","aws":{"operation":"BatchGetItem","region":"r","request_id":"id",
				"table_names":["a","b"],"account_id":"2"}}`,
		},
		{
			name: "a call as the instrumentation for Node describes it", kind: client,
			span: map[string]any{
				"rpc.system": "aws-api", "rpc.service": "DynamoDB", "rpc.method": "GetItem", "cloud.region": "r", "aws.request.id": "id",
				"db.system.name": "dynamodb", "db.namespace": "products", "aws.dynamodb.table_names": []any{"products"},
			},
			want: `{"name":"DynamoDB","namespace":"aws","aws":{"operation":"GetItem","region":"r","request_id":"id","table_name":"products"},
				"metadata":{"default":{"db.system.name":"dynamodb","db.namespace":"products"}}}`,
		},
		{
			name: "cloud.region of another call", kind: client,
			span: map[string]any{"peer.service": "x", "cloud.region": "r"},
			want: `{"name":"x","namespace":"remote","metadata":{"default":{"cloud.region":"r"}}}`,
		},
		{
			name: "one table", kind: client,
			span: map[string]any{"aws.service": "DynamoDB", "aws.operation": "GetItem", "aws.dynamodb.table_names": []any{"a"}},
			want: `{"name":"DynamoDB","namespace":"aws","aws":{"operation":"GetItem","table_name":"a"}}`,
		},
		{
			name: "an attempt that failed", kind: client, status: failed,
			span: map[string]any{"rpc.system": "aws-api", "rpc.service": "S3"},
			more: func(span ptrace.Span) {
				event := span.Events().AppendEmpty()
				event.SetName("HTTP request failure")
				event.SetTimestamp(testStart)
				event.Attributes().PutInt("http.response.status_code", 503)
				event.Attributes().PutStr("aws.http.error_message", "slow down")
			},
			want: `{"name":"S3","namespace":"aws","fault":true,"cause":{"exceptions":[{"id":"6769f8de0256fa5a",
				"type":"aws.http.error.event","message":"503@1760797120.100000@slow down","remote":true}]},
				"metadata":{"otel":{"events":[{"name":"HTTP request failure","time":1760797120.1}]}}}`,
		},
	})
}

func TestEC2(t *testing.T) {
	run(t, []testCase{
		{
			name: "any host has an id", kind: server, resource: map[string]any{"host.id": "3d1219c7c4c5404aaa1f6d2a48adfda4"},
			want: `{"name":"shop","metadata":{"default":{"otel.resource.host.id":"3d1219c7c4c5404aaa1f6d2a48adfda4"}}}`,
		},
		{
			name: "an instance's id", kind: server, resource: map[string]any{"host.id": "i-0123456789abcdef0"},
			want: `{"name":"shop","aws":{"ec2":{"instance_id":"i-0123456789abcdef0"}}}`,
		},
		{
			name: "on AWS", kind: server, resource: map[string]any{"host.id": "mi-1", "cloud.provider": "aws"},
			want: `{"name":"shop","aws":{"ec2":{"instance_id":"mi-1"}}}`,
		},
	})
}

func TestIndexing(t *testing.T) {
	attributes := map[string]any{
		"a-b": "1", "a b": "2", "n": int64(3), "f": 0.5, "ok": true, "list": []any{"x"}, "long": repeat("x", 1001),
		"http.request.method": "GET",
	}
	run(t, []testCase{
		{
			name: "none", kind: internal, span: map[string]any{"a": "b"},
			want: `{"name":"name","metadata":{"default":{"a":"b"}}}`,
		},
		{
			name: "listed by the span", kind: internal,
			span: map[string]any{"a": "b", "c": "d", "aws.xray.annotations": []any{"a"}},
			want: `{"name":"name","annotations":{"a":"b"},"metadata":{"default":{"c":"d"}}}`,
		},
		{
			name: "of the resource, listed by the span", kind: server, resource: map[string]any{"team": "t"},
			span: map[string]any{"aws.xray.annotations": []any{"otel.resource.service.name", "otel.resource.none"}},
			want: `{"name":"shop","annotations":{"otel.resource.service.name":"shop"},"metadata":{"default":{"otel.resource.team":"t"}}}`,
		},
		{
			name: "listed by the settings", kind: server, span: attributes, resource: map[string]any{"team": "t"},
			options: Options{IndexedAttributes: []string{"n", "http.request.method", "list", "otel.resource.team", "otel.resource.service.name"}},
			want: `{"name":"shop","http":{"request":{"method":"GET"}},
				"annotations":{"n":3,"http.request.method":"GET","otel.resource.team":"t","otel.resource.service.name":"shop"},
				"metadata":{"default":{"a-b":"1","a b":"2","f":0.5,"ok":true,"list":["x"],"long":"` + repeat("x", 1001) + `"}}}`,
		},
	})

	c := testCase{kind: server, span: attributes, resource: map[string]any{"team": "t"}, options: Options{IndexAllAttributes: true}}
	got := NewEncoder(c.options).FromTraces(c.traces(t))
	var doc struct {
		Annotations map[string]any
		Metadata    struct{ Default map[string]any }
	}
	if err := json.Unmarshal(got.Parts[0].JSON, &doc); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"n": 3.0, "f": 0.5, "ok": true, "otel.resource.team": "t"} {
		if doc.Annotations[name] != want {
			t.Errorf("annotation %s is %v", name, doc.Annotations[name])
		}
	}
	// Two attributes have one key. One is the annotation, the other stays.
	if _, ok := doc.Annotations["a_b"]; !ok || len(doc.Annotations) != 5 {
		t.Errorf("annotations %v", doc.Annotations)
	}
	if len(doc.Metadata.Default) != 3 { // a-b or a b, list and long
		t.Errorf("metadata %v", doc.Metadata.Default)
	}
}

func TestAnnotationLimit(t *testing.T) {
	attributes := map[string]any{}
	for i := range 80 {
		attributes["key"+jsonInt(int64(i))] = int64(i)
	}
	c := testCase{kind: internal, span: attributes, options: Options{IndexAllAttributes: true}}
	got := NewEncoder(c.options).FromTraces(c.traces(t))
	var doc struct {
		Annotations map[string]any
		Metadata    struct{ Default map[string]any }
	}
	if err := json.Unmarshal(got.Parts[0].JSON, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Annotations) != 50 || len(doc.Metadata.Default) != 30 {
		t.Errorf("%d annotations, %d in metadata", len(doc.Annotations), len(doc.Metadata.Default))
	}
}

// TestFacts checks what no member of a document shows.
func TestFacts(t *testing.T) {
	run(t, []testCase{{
		name: "all", kind: internal, status: ptrace.StatusCodeOk,
		span: map[string]any{"bytes": []byte{1, 2}, "map": map[string]any{"a": nil}},
		more: func(span ptrace.Span) {
			span.TraceState().FromRaw("ot=th:c")
			span.SetFlags(0x301)
			span.SetDroppedAttributesCount(1)
			span.SetDroppedEventsCount(2)
			span.SetDroppedLinksCount(3)
			event := span.Events().AppendEmpty()
			event.SetName("cache miss")
			event.SetTimestamp(testStart)
			event.Attributes().PutStr("key", "k")
			event = span.Events().AppendEmpty()
			event.SetName("plain")
			link := span.Links().AppendEmpty()
			link.SetTraceID(testTrace)
			link.SetSpanID(testParent)
			link.TraceState().FromRaw("a=b")
			link.Attributes().PutInt("n", 1)
		},
		want: `{"name":"name","links":[{"trace_id":"1-68f3a1c0-0102030405060708090a0b0c","id":"b102030405060708",
			"attributes":{"n":1,"otel.trace_state":"a=b"}}],
			"metadata":{"default":{"bytes":"AQI=","map":{"a":null}},
			"otel":{"status.code":"OK","trace_state":"ot=th:c","span.dropped_attributes":1,"span.dropped_events":2,
			"span.dropped_links":3,"events":[{"name":"cache miss","time":1760797120.1,"attributes":{"key":"k"}},{"name":"plain"}]}}}`,
	}})
}

func TestExceptions(t *testing.T) {
	exception := func(attributes map[string]any) func(ptrace.Span) {
		return func(span ptrace.Span) {
			event := span.Events().AppendEmpty()
			event.SetName("exception")
			if err := event.Attributes().FromRaw(attributes); err != nil {
				t.Fatal(err)
			}
		}
	}
	run(t, []testCase{
		{
			name: "a message alone", kind: client, status: failed, message: "boom", spanName: "call",
			want: `{"name":"call","namespace":"remote","fault":true,"cause":{"exceptions":[{"id":"44047b716b47a8f9","message":"boom","remote":true}]}}`,
		},
		{
			name: "a stack of a language that we read", kind: internal, resource: map[string]any{"telemetry.sdk.language": "java"},
			more: exception(map[string]any{
				"exception.type": "E", "exception.message": "m", "exception.stacktrace": "E: m\n\tat a.B.c(B.java:1)", "exception.escaped": true,
			}),
			want: `{"name":"name","cause":{"exceptions":[{"id":"6769f8de0256fa5a","type":"E","message":"m",
				"stack":[{"path":"B.java","line":1,"label":"a.B.c"}]}]},
				"metadata":{"otel":{"events":[{"name":"exception","attributes":{"exception.escaped":true}}]}}}`,
		},
		{
			name: "a stack of a language that we do not read", kind: internal,
			more: exception(map[string]any{"exception.type": "E", "exception.stacktrace": "deep inside"}),
			want: `{"name":"name","cause":{"exceptions":[{"id":"6769f8de0256fa5a","type":"E"}]},
				"metadata":{"otel":{"events":[{"name":"exception","attributes":{"exception.stacktrace":"deep inside"}}]}}}`,
		},
	})
}
