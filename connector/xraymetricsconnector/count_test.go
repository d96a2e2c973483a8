package xraymetricsconnector

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const shop = "Environment=generic:default "

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// What a span counts as: the series, and the outcome.
func TestSeriesOfSpans(t *testing.T) {
	type want struct {
		series                 string
		fault, error, throttle float64
	}
	const (
		entry = shop + "Operation=%s Service=shop Telemetry.Source=ServerSpan "
		call  = shop + "%sService=shop Telemetry.Source=ClientSpan "
	)
	request := func(operation string) string { return strings.Replace(entry, "%s", operation, 1) }
	calls := func(rest string) string { return strings.Replace(call, "%s", rest, 1) }
	for name, c := range map[string]struct {
		spec
		want []want
	}{
		"a route": {
			spec{kind: server, attributes: map[string]any{"http.request.method": "GET", "http.route": "/items/{item}", "url.path": "/items/17", "http.response.status_code": 200}},
			[]want{{request("GET /items/{item}"), 0, 0, 0}},
		},
		"a path": {
			spec{kind: server, attributes: map[string]any{"http.method": "GET", "http.target": "/items/17?x=1", "http.status_code": 404}},
			[]want{{request("GET /items/{id}"), 0, 1, 0}},
		},
		"a throttled request": {
			spec{kind: server, attributes: map[string]any{"http.request.method": "GET", "url.path": "/a", "http.response.status_code": 429}},
			[]want{{request("GET /a"), 0, 1, 1}},
		},
		"a 5xx": {
			spec{kind: server, attributes: map[string]any{"http.request.method": "GET", "url.path": "/a", "http.response.status_code": 503}},
			[]want{{request("GET /a"), 1, 0, 0}},
		},
		"a status of error with a 4xx is an error": {
			spec{kind: server, status: ptrace.StatusCodeError, attributes: map[string]any{"http.request.method": "GET", "url.path": "/a", "http.response.status_code": 400}},
			[]want{{request("GET /a"), 0, 1, 0}},
		},
		"a status of error without a code is a fault": {
			spec{kind: server, name: "work", status: ptrace.StatusCodeError},
			[]want{{request("work"), 1, 0, 0}},
		},
		"a remote procedure": {
			spec{kind: server, attributes: map[string]any{"rpc.system": "grpc", "rpc.service": "shop.Cart", "rpc.method": "Add", "rpc.grpc.status_code": 5}},
			[]want{{request("shop.Cart/Add"), 0, 1, 0}},
		},
		"a remote procedure by newer names": {
			spec{kind: server, attributes: map[string]any{"rpc.system.name": "grpc", "rpc.method": "shop.Cart/Add", "rpc.response.status_code": "RESOURCE_EXHAUSTED"}},
			[]want{{request("shop.Cart/Add"), 0, 1, 1}},
		},
		"a span's name without the ids": {
			spec{kind: server, name: "GET /users/12345"},
			[]want{{request("GET /users/{id}"), 0, 0, 0}},
		},
		"what ADOT says": {
			spec{kind: server, attributes: map[string]any{"aws.local.operation": "GET /op", "aws.local.service": "shop", "http.route": "/other"}},
			[]want{{request("GET /op"), 0, 0, 0}},
		},
		"nothing": {
			spec{kind: server},
			[]want{{request("UnknownOperation"), 0, 0, 0}},
		},
		"a job": {
			spec{kind: internal, name: "nightly"},
			[]want{{shop + "Operation=nightly Service=shop Telemetry.Source=LocalRootSpan ", 0, 0, 0}},
		},
		"work inside": {spec{kind: internal, name: "work", child: true}, nil},
		"in progress": {spec{kind: server, open: true}, nil},
		"a call by HTTP": {
			spec{kind: client, child: true, attributes: map[string]any{"http.request.method": "POST", "url.full": "https://pay.example.com:8443/charge/77", "server.address": "pay.example.com", "http.response.status_code": 502}},
			[]want{{calls("RemoteOperation=POST /charge/{id} RemoteService=pay.example.com "), 1, 0, 0}},
		},
		"a call within an operation": {
			spec{kind: client, child: true, attributes: map[string]any{"aws.local.operation": "GET /op", "aws.remote.service": "pay", "aws.remote.operation": "charge", "aws.remote.environment": "prod"}},
			[]want{{calls("Operation=GET /op RemoteEnvironment=prod RemoteOperation=charge RemoteService=pay "), 0, 0, 0}},
		},
		"a table": {
			spec{kind: client, child: true, attributes: map[string]any{"rpc.system": "aws-api", "rpc.service": "DynamoDB", "rpc.method": "PutItem", "aws.dynamodb.table_names": []any{"orders"}}},
			[]want{{calls("RemoteOperation=PutItem RemoteResourceIdentifier=orders RemoteResourceType=AWS::DynamoDB::Table RemoteService=AWS::DynamoDB "), 0, 0, 0}},
		},
		"a query": {
			spec{kind: client, child: true, attributes: map[string]any{"db.system": "postgresql", "db.name": "shop", "server.address": "db", "db.statement": "select * from items where id=17"}},
			[]want{{calls("RemoteOperation=SELECT RemoteService=shop@db "), 0, 0, 0}},
		},
		"a database's own operation": {
			spec{kind: client, child: true, attributes: map[string]any{"db.system.name": "mongodb", "db.namespace": "shop", "db.operation.name": "findOne"}},
			[]want{{calls("RemoteOperation=findOne RemoteService=shop "), 0, 0, 0}},
		},
		"a call by an unknown way": {
			spec{kind: client, child: true, name: "charge", attributes: map[string]any{"peer.service": "pay"}},
			[]want{{calls("RemoteOperation=charge RemoteService=pay "), 0, 0, 0}},
		},
		"a message sent": {
			spec{kind: producer, child: true, attributes: map[string]any{"messaging.system": "kafka", "messaging.destination.name": "orders", "messaging.operation.name": "send"}},
			[]want{{shop + "RemoteOperation=send orders RemoteService=orders Service=shop Telemetry.Source=ProducerSpan ", 0, 0, 0}},
		},
		"a message received": {
			spec{kind: consumed, child: true, attributes: map[string]any{"messaging.system": "kafka", "messaging.destination.name": "orders"}},
			[]want{
				{shop + "Operation=process orders Service=shop Telemetry.Source=LocalRootSpan ", 0, 0, 0},
				{shop + "RemoteOperation=process orders RemoteService=orders Service=shop Telemetry.Source=ConsumerSpan ", 0, 0, 0},
			},
		},
		"a client without a parent is both": {
			spec{kind: client, name: "probe", attributes: map[string]any{"http.request.method": "GET", "url.full": "https://a.example/health", "server.address": "a.example"}},
			[]want{
				{shop + "Operation=GET /health Service=shop Telemetry.Source=LocalRootSpan ", 0, 0, 0},
				{calls("RemoteOperation=GET /health RemoteService=a.example "), 0, 0, 0},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := prepare(t, nil)
			c.took = ms(20)
			h.send(t, traces(map[string]any{"service.name": "shop"}, c.spec))
			got := h.flushNow(t)
			series := make([]string, 0, len(c.want))
			for _, w := range c.want {
				series = append(series, w.series)
			}
			assert.ElementsMatch(t, series, slices.Collect(maps.Keys(got["Latency"])))
			for _, w := range c.want {
				for metric, sum := range map[string]float64{"Latency": 20, "Fault": w.fault, "Error": w.error, "Throttle": w.throttle} {
					p, ok := got[metric][w.series]
					assert.True(t, ok, "%s of %s", metric, w.series)
					assert.EqualValues(t, 1, p.count, metric)
					assert.Equal(t, sum, p.sum, metric)
				}
			}
		})
	}
}
