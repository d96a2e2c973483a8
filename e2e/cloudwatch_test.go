package e2e

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	cwltypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tailwater-otel/tailwater/demo/proc"
)

const alarms = "../deploy/cloudwatch/alarms.yaml"

// lossy loses something of each kind that alarms.yaml has an alarm for, beside
// what arrives.
const lossy = `
connectors:
  xray_metrics/lost:
    metrics_flush_interval: 1s
exporters:
  awsemf/self:
    endpoint: http://${env:TAILWATER_LOCAL_ENDPOINT}
    region: us-east-1
    local_mode: true
  awsxray/lost:
    endpoint: http://127.0.0.1:1
    region: us-east-1
    local_mode: true
    retry_on_failure: {enabled: false}
  awsemf/lost:
    aggregation: batch
    endpoint: http://127.0.0.1:1
    region: us-east-1
    local_mode: true
    retry_on_failure: {enabled: false}
  awss3/lost:
    marshaler: parquet
    s3uploader: {region: us-east-1, s3_bucket: lost, endpoint: "http://127.0.0.1:1", s3_force_path_style: true}
    parquet:
      spool_directory: ${env:SPOOL}
      max_file_bytes: 1048576
      max_spool_bytes: 4194304
      shutdown_timeout: 0s
  # There is no such path, so it refuses for good.
  otlp_http/refuses:
    endpoint: http://${env:TAILWATER_LOCAL_ENDPOINT}
    sending_queue: {enabled: false}
    retry_on_failure: {enabled: false}
service:
  pipelines:
    traces/lost:
      receivers: [otlp]
      exporters: [awsxray/lost, awss3/lost, xray_metrics/lost]
    traces/refused:
      receivers: [awsxray]
      exporters: [otlp_http/refuses]
    metrics:
      receivers: [otlp, xray_metrics]
      exporters: [awsemf, awsemf/lost]
    metrics/refused:
      receivers: [xray_metrics/lost]
      exporters: [otlp_http/refuses]
`

func TestAlarmsWithoutRun(t *testing.T) {
	for parameters, want := range map[string]int{"": 3, "catalog": 6} {
		c := readTemplate(t, alarms, map[string]string{"Service1": "checkout", "Service4": parameters, "Topic": "arn:aws:sns:x"})
		c.metrics()
		services := 0
		for name, r := range c.make() {
			if r.Type == "AWS::CloudWatch::Alarm" && strings.ContainsAny(name, "12345") {
				services++
			}
		}
		assert.Equal(t, want, services)
		assert.Equal(t, []any{"arn:aws:sns:x"}, c.make()["Trouble"].Properties["AlarmActions"])
	}
	none := readTemplate(t, alarms, map[string]string{"Service1": "checkout"})
	assert.NotContains(t, none.make()["Trouble"].Properties, "AlarmActions")
}

// Each metric that an alarm or a widget names is one that a run emits, by its
// namespace, name and dimensions: traffic of two services, and a loss of every
// kind.
func TestAlarmsNameWhatIsEmitted(t *testing.T) {
	t.Parallel()
	self, err := os.ReadFile("../deploy/cloudwatch/collector.yaml")
	require.NoError(t, err)
	own, err := proc.FreeAddress()
	require.NoError(t, err)
	c := start(t, setup{
		configs: base(t, metered, sampled, string(self), lossy),
		env:     []string{"FAKE_XRAY=http://127.0.0.1:1", "TAILWATER_SELF_ENDPOINT=" + own, "TAILWATER_SELF_INTERVAL=500", "SPOOL=" + t.TempDir()},
	})
	sender := newOTLPSender(t, c)
	random := rand.New(rand.NewPCG(1, 1))
	for _, service := range []string{"checkout", "catalog"} {
		sender.send(serve(random, service, 20, 100, time.Now(), map[string]*traffic{}))
	}
	// A span without a trace, which no sampler can hold.
	orphan := serve(random, "checkout", 20, 1, time.Now(), map[string]*traffic{})
	orphan.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).SetTraceID(pcommon.TraceID{})
	sender.send(orphan)
	sendNaN(t, c)
	udp := newUDPSender(t, c)
	document, _ := newSegment()
	udp.send(header + document)
	udp.send("no segment")
	cw := newCloud(t, c)
	cw.invalid("/tailwater/metrics")
	cw.invalid("/tailwater/collector")

	wanted := readTemplate(t, alarms, map[string]string{"Service1": "checkout", "Service3": "catalog"}).metrics()
	require.Greater(t, len(wanted), 30)
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		// Until the archive, which cannot deliver, is full.
		sender.send(serve(random, "checkout", 20, 2000, time.Now(), map[string]*traffic{}))
		there := cw.list()
		for where, m := range wanted {
			assert.True(t, slices.ContainsFunc(there, m.is), "%s: there is no %+v", where, m)
		}
	}, wait, 200*time.Millisecond)
	t.Logf("%d metrics that are named are among the %d that were emitted", len(wanted), len(cw.list()))

	// The own counters are few, and say in the log what they were about.
	for _, m := range cw.list() {
		if m.Namespace == "Tailwater/Collector" {
			assert.Empty(t, m.Dimensions, m.Name)
		}
	}
	assert.True(t, slices.ContainsFunc(cw.events("/tailwater/collector"), func(e string) bool {
		return strings.Contains(e, "otelcol_processor_xray_tail_sampling_spans_lost") && strings.Contains(e, "missing_trace_id") && strings.Contains(e, "service.instance.id")
	}), "the log event of a loss names its reason and the instance")
}

// is reports whether m, which a template names, is a metric that there is.
func (m named) is(there named) bool {
	if m.Namespace != there.Namespace || m.Name != there.Name || !slices.Equal(m.Keys, there.Keys) {
		return false
	}
	for k, v := range m.Dimensions {
		if there.Dimensions[k] != v {
			return false
		}
	}
	return true
}

// list returns all metrics.
func (c *cloud) list() []named {
	var all []named
	pages := cloudwatch.NewListMetricsPaginator(c.metrics, &cloudwatch.ListMetricsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(c.t.Context())
		require.NoError(c.t, err)
		for _, m := range page.Metrics {
			all = append(all, namedOf(m))
		}
	}
	return all
}

func namedOf(m cwtypes.Metric) named {
	n := named{Namespace: aws.ToString(m.Namespace), Name: aws.ToString(m.MetricName), Dimensions: map[string]string{}}
	for _, d := range m.Dimensions {
		n.Dimensions[aws.ToString(d.Name)] = aws.ToString(d.Value)
		n.Keys = append(n.Keys, aws.ToString(d.Name))
	}
	slices.Sort(n.Keys)
	return n
}

// invalid writes log events from which CloudWatch takes no metrics, once the
// group is there.
func (c *cloud) invalid(group string) {
	stream := aws.String("by-hand")
	require.EventuallyWithT(c.t, func(t *assert.CollectT) {
		_, err := c.logs.CreateLogStream(c.t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: stream})
		assert.NoError(t, err)
	}, wait, 100*time.Millisecond)
	var events []cwltypes.InputLogEvent
	for _, text := range []string{
		fmt.Sprintf(`{"_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"Tailwater","Dimensions":[["gone"]],"Metrics":[]}]}}`, time.Now().UnixMilli()),
		`{"_aws":{"CloudWatchMetrics":[`,
	} {
		events = append(events, cwltypes.InputLogEvent{Timestamp: aws.Int64(time.Now().UnixMilli()), Message: &text})
	}
	_, err := c.logs.PutLogEvents(c.t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: stream, LogEvents: events})
	require.NoError(c.t, err)
}

// sendNaN exports a gauge that has no number.
func sendNaN(t testing.TB, c *collector) {
	metrics := pmetric.NewMetrics()
	m := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("temperature")
	point := m.SetEmptyGauge().DataPoints().AppendEmpty()
	point.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	point.SetDoubleValue(math.NaN())
	newMetricsSender(t, c)(metrics)
}

// newMetricsSender returns a function that sends metrics over OTLP and waits
// until the collector has them.
func newMetricsSender(t testing.TB, c *collector) func(pmetric.Metrics) {
	conn, err := grpc.NewClient(c.Addresses.OTLPGRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	client := pmetricotlp.NewGRPCClient(conn)
	return func(metrics pmetric.Metrics) {
		_, err := client.Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(metrics))
		require.NoError(t, err)
	}
}
