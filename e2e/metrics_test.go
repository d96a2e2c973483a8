package e2e

import (
	bigendian "encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Every span is counted, and the metrics go to the collector's own CloudWatch.
const metered = `
connectors:
  xray_metrics:
    metrics_flush_interval: 5s
processors:
  xray_tail_sampling:
    rules:
      inline: [{rule_name: Default, reservoir_size: 0, fixed_rate: 0.05}]
    keep: []
    decision_wait: 10s
    decision_idle: 200ms
exporters:
  awsemf:
    log_group_name: /tailwater/metrics
    aggregation: batch
    endpoint: http://${env:TAILWATER_LOCAL_ENDPOINT}
    region: us-east-1
    local_mode: true
  awsxray:
    endpoint: http://${env:TAILWATER_LOCAL_ENDPOINT}
extensions:
  xray_local:
    endpoint: ${env:TAILWATER_LOCAL_ENDPOINT}
service:
  extensions: [health_check, xray_local]
  pipelines:
    traces:
      exporters: [xray_metrics]
    metrics:
      receivers: [xray_metrics]
      exporters: [awsemf]
`

// sampled sends to X-Ray what the tail sampler keeps.
const sampled = `
service:
  pipelines:
    traces/sampled:
      receivers: [otlp]
      processors: [xray_tail_sampling]
      exporters: [awsxray]
`

// traffic is what was sent: the truth that metrics are held against.
type traffic struct {
	latencies                []float64 // milliseconds
	faults, errors, throttle int
}

// serve makes spans of requests with latencies whose logarithm is normally
// distributed, and statuses by turns: 2 % faults, 5 % errors, of which a fifth
// are throttled. What it makes is the same each time.
func serve(random *rand.Rand, service string, median float64, spans int, now time.Time, count map[string]*traffic) ptrace.Traces {
	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", service)
	list := rs.ScopeSpans().AppendEmpty().Spans()
	list.EnsureCapacity(spans)
	t := count[service]
	if t == nil {
		t = &traffic{}
		count[service] = t
	}
	for i := range spans {
		took := time.Duration(median * math.Exp(random.NormFloat64()*0.8) * float64(time.Millisecond))
		span := list.AppendEmpty()
		var trace [16]byte
		var id [8]byte
		bigendian.BigEndian.PutUint32(trace[:], uint32(now.Unix()))
		bigendian.BigEndian.PutUint64(trace[8:], random.Uint64())
		bigendian.BigEndian.PutUint64(id[:], random.Uint64())
		span.SetTraceID(trace)
		span.SetSpanID(id)
		span.SetKind(ptrace.SpanKindServer)
		span.SetName("GET /orders/{id}")
		start := now.Add(-took)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(took)))
		status := int64(http.StatusOK)
		switch {
		case i%50 == 0:
			status = http.StatusServiceUnavailable
			t.faults++
		case i%100 == 1:
			status = http.StatusTooManyRequests
			t.errors++
			t.throttle++
		case i%25 == 2:
			status = http.StatusNotFound
			t.errors++
		}
		a := span.Attributes()
		a.PutStr("http.request.method", "GET")
		a.PutStr("http.route", "/orders/{id}")
		a.PutStr("url.path", fmt.Sprintf("/orders/%d", random.Uint32()))
		a.PutInt("http.response.status_code", status)
		t.latencies = append(t.latencies, float64(took)/float64(time.Millisecond))
	}
	return traces
}

// cloud is the collector's own CloudWatch, as AWS's SDK sees it.
type cloud struct {
	t       testing.TB
	metrics *cloudwatch.Client
	logs    *cloudwatchlogs.Client
}

func newCloud(t testing.TB, c *collector) *cloud {
	endpoint := aws.String("http://" + c.Addresses.API)
	who := credentials.NewStaticCredentialsProvider("local", "local", "")
	return &cloud{
		t:       t,
		metrics: cloudwatch.New(cloudwatch.Options{Region: "us-east-1", BaseEndpoint: endpoint, Credentials: who, HTTPClient: httpClient}),
		logs:    cloudwatchlogs.New(cloudwatchlogs.Options{Region: "us-east-1", BaseEndpoint: endpoint, Credentials: who, HTTPClient: httpClient}),
	}
}

// long is a period that now is well inside of, so that all of a test is one
// data point.
func long(now time.Time) int32 {
	for _, minutes := range []int32{60, 90, 105} {
		into := now.Unix() % int64(minutes*60)
		if into > 15*60 && into < int64(minutes-15)*60 {
			return minutes * 60
		}
	}
	return 40 * 86400
}

// stat returns one statistic of a metric over the whole test, and whether there
// is one.
func (c *cloud) stat(namespace, name, statistic string, dimensions map[string]string) (float64, bool) {
	now := time.Now()
	period := long(now)
	start := now.Unix() / int64(period) * int64(period)
	m := &cwtypes.Metric{Namespace: &namespace, MetricName: &name}
	for k, v := range dimensions {
		m.Dimensions = append(m.Dimensions, cwtypes.Dimension{Name: &k, Value: &v})
	}
	out, err := c.metrics.GetMetricData(c.t.Context(), &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(time.Unix(start, 0)), EndTime: aws.Time(time.Unix(start+int64(period), 0)),
		MetricDataQueries: []cwtypes.MetricDataQuery{{Id: aws.String("q"), MetricStat: &cwtypes.MetricStat{Metric: m, Period: &period, Stat: &statistic}}},
	})
	require.NoError(c.t, err)
	require.Len(c.t, out.MetricDataResults, 1)
	if values := out.MetricDataResults[0].Values; len(values) == 1 {
		return values[0], true
	}
	return 0, false
}

// events returns all log events of a group.
func (c *cloud) events(group string) []string {
	var messages []string
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(c.logs, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group})
	for pages.HasMorePages() {
		page, err := pages.NextPage(c.t.Context())
		require.NoError(c.t, err)
		for _, e := range page.Events {
			messages = append(messages, aws.ToString(e.Message))
		}
	}
	return messages
}

// Metrics of 100,000 spans are exact in their counts and within 5 % in their
// percentiles, also where 95 % of the traces never reach X-Ray.
func TestMetricsFromEverySpan(t *testing.T) {
	t.Parallel()
	for name, configs := range map[string][]string{"all": {metered}, "sampled": {metered, sampled}} {
		t.Run(name, func(t *testing.T) {
			c := start(t, setup{configs: base(t, configs...), env: []string{"FAKE_XRAY=http://127.0.0.1:1"}})
			sender := newOTLPSender(t, c)
			random := rand.New(rand.NewPCG(7, 11))
			sent := map[string]*traffic{}
			const batches, batch = 50, 1000
			begun := time.Now()
			for range batches {
				sender.send(serve(random, "checkout", 40, batch, time.Now(), sent))
				sender.send(serve(random, "catalog", 5, batch, time.Now(), sent))
			}
			t.Log("sent 100,000 spans in", time.Since(begun))
			cw := newCloud(t, c)
			for service, truth := range sent {
				slices.Sort(truth.latencies)
				for _, dimensions := range []map[string]string{
					{"Environment": "generic:default", "Service": service},
					{"Environment": "generic:default", "Service": service, "Operation": "GET /orders/{id}"},
				} {
					get := func(name, statistic string) float64 {
						v, _ := cw.stat("Tailwater", name, statistic, dimensions)
						return v
					}
					require.EventuallyWithT(t, func(t *assert.CollectT) {
						assert.GreaterOrEqual(t, get("Latency", "SampleCount"), float64(len(truth.latencies)))
						assert.GreaterOrEqual(t, get("Throttle", "SampleCount"), float64(len(truth.latencies)))
					}, wait, 200*time.Millisecond)
					n := float64(len(truth.latencies))
					for name, want := range map[string]int{"Fault": truth.faults, "Error": truth.errors, "Throttle": truth.throttle} {
						assert.Equal(t, n, get(name, "SampleCount"), name)
						assert.Equal(t, float64(want), get(name, "Sum"), name)
						assert.InDelta(t, float64(want)/n, get(name, "Average"), 1e-12, name)
					}
					assert.Equal(t, n, get("Latency", "SampleCount"))
					sum := 0.0
					for _, v := range truth.latencies {
						sum += v
					}
					assert.InEpsilon(t, sum, get("Latency", "Sum"), 1e-6)
					for statistic, share := range map[string]float64{"p50": 0.5, "p90": 0.9, "p99": 0.99} {
						want := truth.latencies[int(math.Ceil(n*share))-1]
						got := get("Latency", statistic)
						assert.InEpsilon(t, want, got, 0.05, statistic)
						t.Logf("%s %s: %.2f ms, is %.2f ms (%+.1f %%)", service, statistic, got, want, 100*(got/want-1))
					}
				}
			}
			_, errors := cw.stat("AWS/Logs", "EMFValidationErrors", "Sum", map[string]string{"LogGroupName": "/tailwater/metrics"})
			assert.False(t, errors, "every document is valid")
			checkOneEventEach(t, cw.events("/tailwater/metrics"))
			if name == "sampled" {
				c.waitMetric(90_000, "processor_xray_tail_sampling_spans", `decision="dropped"`)
				dropped := c.metric("processor_xray_tail_sampling_spans", `decision="dropped"`)
				assert.InDelta(t, 95_000, dropped, 1000)
				t.Logf("the tail sampler dropped %.1f %%", dropped/1000)
			}
			assert.Empty(t, c.complaints())
			c.stop()
		})
	}
}

// checkOneEventEach requires that a histogram of one series and time is whole
// in one event.
func checkOneEventEach(t *testing.T, events []string) {
	t.Helper()
	seen := map[string]int{}
	for _, text := range events {
		var doc struct {
			AWS struct {
				Timestamp         int64
				CloudWatchMetrics []struct{ Dimensions [][]string }
			} `json:"_aws"`
			Latency struct{ Values, Counts []float64 }
		}
		require.NoError(t, json.Unmarshal([]byte(text), &doc), text)
		if doc.Latency.Values == nil {
			continue
		}
		require.LessOrEqual(t, len(doc.Latency.Values), 100)
		var root map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &root))
		values := map[string]any{}
		for _, directive := range doc.AWS.CloudWatchMetrics {
			for _, set := range directive.Dimensions {
				for _, name := range set {
					values[name] = root[name]
				}
			}
		}
		key := fmt.Sprint(doc.AWS.Timestamp)
		for _, name := range slices.Sorted(maps.Keys(values)) {
			key += fmt.Sprintf(" %s=%v", name, values[name])
		}
		seen[key]++
	}
	require.NotEmpty(t, seen)
	for key, n := range seen {
		assert.Equal(t, 1, n, key)
	}
	t.Logf("%d histograms in as many events", len(seen))
}
