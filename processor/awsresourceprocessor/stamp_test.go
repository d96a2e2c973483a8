package awsresourceprocessor

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segmentspan"
	"github.com/tailwater-otel/tailwater/processor/awsresourceprocessor/internal/metadata"
)

func mapOf(t testing.TB, raw map[string]any) pcommon.Map {
	m := pcommon.NewMap()
	require.NoError(t, m.FromRaw(raw))
	return m
}

var fargate = map[string]any{
	"cloud.provider": "aws", "cloud.platform": "aws_ecs", "cloud.account.id": "111122223333", "cloud.region": "us-west-2",
	"cloud.availability_zone": "us-west-2d", "aws.ecs.launchtype": "fargate", "aws.ecs.task.arn": "arn:task", "container.id": "abc",
}

var onEC2 = map[string]any{
	"cloud.provider": "aws", "cloud.platform": "aws_ec2", "cloud.region": "us-west-2", "cloud.availability_zone": "us-west-2d",
	"host.id": "i-1", "host.type": "t2.micro",
}

func TestStamp(t *testing.T) {
	for name, test := range map[string]struct {
		identity map[string]any
		resource map[string]any
		override bool
		added    map[string]any // nil: the whole identity that is not there
	}{
		"empty":                 {identity: fargate, resource: map[string]any{}},
		"a service":             {identity: fargate, resource: map[string]any{"service.name": "a", "service.version": "2"}},
		"a container's ID":      {identity: fargate, resource: map[string]any{"container.id": "of the SDK"}},
		"the machine's ID":      {identity: onEC2, resource: map[string]any{"host.id": "1f3a9c"}},
		"another cloud":         {identity: fargate, resource: map[string]any{"cloud.provider": "gcp"}, added: map[string]any{}},
		"another platform":      {identity: fargate, resource: map[string]any{"cloud.platform": "aws_ec2"}, added: map[string]any{}},
		"another instance":      {identity: onEC2, resource: map[string]any{"host.id": "i-2"}, added: map[string]any{}},
		"another task":          {identity: fargate, resource: map[string]any{"aws.ecs.task.arn": "arn:other"}, added: map[string]any{}},
		"another account":       {identity: fargate, resource: map[string]any{"cloud.account.id": "444455556666"}, added: map[string]any{}},
		"an X-Ray SDK, no more": {identity: onEC2, resource: map[string]any{"cloud.provider": "aws", "service.name": "a"}},
		"an X-Ray segment's own EC2 block": {
			identity: onEC2, resource: map[string]any{"cloud.provider": "aws", "cloud.platform": "aws_ec2", "host.id": "i-1"},
			added: map[string]any{"cloud.region": "us-west-2"},
		},
		"an X-Ray segment's own ECS block": {
			identity: fargate,
			resource: map[string]any{"cloud.provider": "aws", "cloud.platform": "aws_ecs", "container.name": "host"},
			added:    map[string]any{"cloud.account.id": "111122223333", "cloud.region": "us-west-2"},
		},
		"override": {
			identity: fargate, override: true, resource: map[string]any{"cloud.provider": "gcp", "container.id": "other", "service.name": "a"}, added: fargate,
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := maps.Clone(test.resource)
			switch {
			case test.override:
				maps.Copy(want, test.added)
			case test.added != nil:
				maps.Copy(want, test.added)
			default:
				want = maps.Clone(test.identity)
				maps.Copy(want, test.resource)
			}
			resource := mapOf(t, test.resource)
			newIdentity(mapOf(t, test.identity)).stamp(resource, test.override)
			require.Equal(t, want, resource.AsRaw())
		})
	}
}

// serve runs metadata services of EC2 and ECS, and points the process at them.
func serve(t *testing.T, ecs bool) {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /latest/api/token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
		_, _ = w.Write([]byte("token"))
	})
	answer := func(path, text string) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
	}
	answer("/latest/dynamic/instance-identity/document", `{"accountId": "111122223333", "availabilityZone": "us-west-2b",
		"imageId": "ami-5fb8c835", "instanceId": "i-1234567890abcdef0", "instanceType": "t2.micro", "region": "us-west-2"}`)
	answer("/v4", `{"DockerId": "collector", "Name": "collector"}`)
	answer("/v4/task", `{"Cluster": "default", "TaskARN": "arn:aws:ecs:us-west-2:111122223333:task/default/e9", "Family": "shop",
		"Revision": "26", "LaunchType": "EC2", "Containers": [{"DockerId": "collector", "Name": "collector"},
		{"DockerId": "4711", "Name": "checkout", "ContainerARN": "arn:aws:ecs:us-west-2:111122223333:container/checkout/2"}]}`)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
	t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "")
	t.Setenv("ECS_CONTAINER_METADATA_URI_V4", "")
	if ecs {
		t.Setenv("ECS_CONTAINER_METADATA_URI_V4", server.URL+"/v4")
	}
}

// through sends spans through the processor and gives what X-Ray gets.
func through(t *testing.T, td ptrace.Traces) map[string]any {
	t.Helper()
	sink := new(consumertest.TracesSink)
	cfg := createDefaultConfig().(*Config)
	// These two look at files of the machine that runs the test.
	cfg.Detectors = []string{"ecs", "ec2", "lambda"}
	cfg.StartTimeout = maxStartTimeout
	cfg.Timeout = maxStartTimeout
	p, err := NewFactory().CreateTraces(t.Context(), processortest.NewNopSettings(metadata.Type), cfg, sink)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, p.ConsumeTraces(t.Context(), td))
	require.NoError(t, p.Shutdown(t.Context()))
	encoded := segmentspan.NewEncoder(segmentspan.Options{}).FromTraces(sink.AllTraces()[0])
	require.Len(t, encoded.Parts, 1)
	var document map[string]any
	require.NoError(t, json.Unmarshal(encoded.Parts[0].JSON, &document))
	return document
}

func otelSpan() ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "checkout")
	span := rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{1})
	span.SetSpanID(pcommon.SpanID{1})
	span.SetKind(ptrace.SpanKindServer)
	span.SetStartTimestamp(1)
	span.SetEndTimestamp(2)
	return td
}

func xraySegment(t *testing.T, document string) ptrace.Traces {
	s, err := segment.Decode(document)
	require.NoError(t, err)
	td := ptrace.NewTraces()
	segmentspan.ToSpans(s, td)
	return td
}

var ec2Block = map[string]any{
	"instance_id": "i-1234567890abcdef0", "instance_size": "t2.micro", "ami_id": "ami-5fb8c835", "availability_zone": "us-west-2b",
}

const bare = `{"name": "a", "id": "70de5b6f19ff9a0a", "trace_id": "1-581cf771-a006649127e371903a2de979", "start_time": 1, "end_time": 2`

// What X-Ray gets says where it comes from, and the origin follows.
func TestOrigin(t *testing.T) {
	ecsBlock := map[string]any{
		"container": "checkout", "container_id": "4711", "container_arn": "arn:aws:ecs:us-west-2:111122223333:container/checkout/2",
		"task_arn": "arn:aws:ecs:us-west-2:111122223333:task/default/e9", "task_family": "shop",
		"cluster_arn": "arn:aws:ecs:us-west-2:111122223333:cluster/default", "launch_type": "ec2", "availability_zone": "us-west-2b",
	}
	t.Run("OpenTelemetry on EC2", func(t *testing.T) {
		serve(t, false)
		document := through(t, otelSpan())
		require.Equal(t, "AWS::EC2::Instance", document["origin"])
		require.Equal(t, map[string]any{"account_id": "111122223333", "ec2": ec2Block}, document["aws"])
	})
	t.Run("OpenTelemetry in ECS on EC2", func(t *testing.T) {
		serve(t, true)
		document := through(t, otelSpan())
		require.Equal(t, "AWS::ECS::EC2", document["origin"])
		require.Equal(t, map[string]any{"account_id": "111122223333", "ec2": ec2Block, "ecs": ecsBlock}, document["aws"])
	})
	t.Run("X-Ray SDK without plugins", func(t *testing.T) {
		serve(t, true)
		document := through(t, xraySegment(t, bare+`, "aws": {"xray": {"sdk": "X-Ray for Go"}}}`))
		require.Equal(t, "AWS::ECS::EC2", document["origin"])
		require.Equal(t, map[string]any{"account_id": "111122223333", "ec2": ec2Block, "ecs": ecsBlock,
			"xray": map[string]any{"sdk": "X-Ray for Go"}}, document["aws"])
	})
	t.Run("X-Ray SDK with its own plugin", func(t *testing.T) {
		serve(t, true)
		own := map[string]any{"instance_id": "i-9", "availability_zone": "us-west-2a"}
		document := through(t, xraySegment(t, bare+`, "origin": "AWS::EC2::Instance", "aws": {"ec2": {"instance_id": "i-9", "availability_zone": "us-west-2a"}}}`))
		require.Equal(t, "AWS::EC2::Instance", document["origin"])
		require.Equal(t, map[string]any{"ec2": own}, document["aws"])
	})
	t.Run("X-Ray SDK with the ECS plugin", func(t *testing.T) {
		serve(t, true)
		document := through(t, xraySegment(t, bare+`, "origin": "AWS::ECS::Container", "aws": {"ecs": {"container": "ip-10-0-0-1"}}}`))
		require.Equal(t, "AWS::ECS::Container", document["origin"])
		aws := document["aws"].(map[string]any)
		require.Equal(t, map[string]any{"container": "ip-10-0-0-1"}, aws["ecs"])
	})
}

// The processors of all signals share one detection, which ends with the last.
func TestSignalsShareDetection(t *testing.T) {
	serve(t, false)
	factory, set := NewFactory(), processortest.NewNopSettings(metadata.Type)
	cfg := createDefaultConfig().(*Config)
	cfg.Detectors, cfg.StartTimeout, cfg.Timeout = []string{"ec2"}, maxStartTimeout, maxStartTimeout
	traces, metrics, logs := new(consumertest.TracesSink), new(consumertest.MetricsSink), new(consumertest.LogsSink)
	tp, err := factory.CreateTraces(t.Context(), set, cfg, traces)
	require.NoError(t, err)
	mp, err := factory.CreateMetrics(t.Context(), set, cfg, metrics)
	require.NoError(t, err)
	lp, err := factory.CreateLogs(t.Context(), set, cfg, logs)
	require.NoError(t, err)
	require.NoError(t, tp.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, mp.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, lp.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, tp.Shutdown(t.Context()))

	md := pmetric.NewMetrics()
	md.ResourceMetrics().AppendEmpty().Resource().Attributes().PutStr("service.name", "a")
	md.ResourceMetrics().At(0).ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
	require.NoError(t, mp.ConsumeMetrics(t.Context(), md))
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	require.NoError(t, lp.ConsumeLogs(t.Context(), ld))
	require.NoError(t, mp.Shutdown(t.Context()))
	require.NoError(t, lp.Shutdown(t.Context()))

	for _, attrs := range []pcommon.Map{metrics.AllMetrics()[0].ResourceMetrics().At(0).Resource().Attributes(), logs.AllLogs()[0].ResourceLogs().At(0).Resource().Attributes()} {
		id, ok := attrs.Get("host.id")
		require.True(t, ok)
		require.Equal(t, "i-1234567890abcdef0", id.Str())
	}
}

func BenchmarkStamp(b *testing.B) {
	id := newIdentity(mapOf(b, fargate))
	for _, with := range []struct {
		name string
		raw  map[string]any
	}{
		{"empty", map[string]any{"service.name": "a", "telemetry.sdk.name": "opentelemetry", "telemetry.sdk.language": "java"}},
		{"full", fargate},
	} {
		b.Run(with.name, func(b *testing.B) {
			b.ReportAllocs()
			resource, scratch := mapOf(b, with.raw), pcommon.NewMap()
			for b.Loop() {
				resource.CopyTo(scratch)
				id.stamp(scratch, false)
			}
		})
	}
}
