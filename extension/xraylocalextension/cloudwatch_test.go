package xraylocalextension

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	cwltypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metadatatest"
)

func logsClient(t *testing.T, address string) *cloudwatchlogs.Client {
	t.Helper()
	return cloudwatchlogs.New(cloudwatchlogs.Options{
		Region: "eu-west-1", BaseEndpoint: &address, Retryer: aws.NopRetryer{}, HTTPClient: httpClient(t),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
}

func metricsClient(t *testing.T, address string) *cloudwatch.Client {
	t.Helper()
	return cloudwatch.New(cloudwatch.Options{
		Region: "eu-west-1", BaseEndpoint: &address, Retryer: aws.NopRetryer{}, HTTPClient: httpClient(t),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
}

// gzipBody compresses the body of a request as CloudWatch's own agent does.
func gzipBody(o *cloudwatchlogs.Options) {
	o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
		return s.Build.Add(middleware.BuildMiddlewareFunc("gzip", func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
			r := in.Request.(*smithyhttp.Request)
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			if _, err := io.Copy(w, r.GetStream()); err != nil {
				return middleware.BuildOutput{}, middleware.Metadata{}, err
			}
			if err := w.Close(); err != nil {
				return middleware.BuildOutput{}, middleware.Metadata{}, err
			}
			r, err := r.SetStream(bytes.NewReader(b.Bytes()))
			if err != nil {
				return middleware.BuildOutput{}, middleware.Metadata{}, err
			}
			r.Header.Set("Content-Encoding", "gzip")
			r.ContentLength = int64(b.Len())
			in.Request = r
			return next.HandleBuild(ctx, in)
		}), middleware.After)
	})
}

// group makes a log group with a stream "s".
func group(t *testing.T, c *cloudwatchlogs.Client, name string) {
	t.Helper()
	_, err := c.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name})
	require.NoError(t, err)
	_, err = c.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &name, LogStreamName: aws.String("s")})
	require.NoError(t, err)
}

func put(t *testing.T, c *cloudwatchlogs.Client, name string, at time.Time, messages ...string) *cloudwatchlogs.PutLogEventsOutput {
	t.Helper()
	out, err := c.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: &name, LogStreamName: aws.String("s"), LogEvents: events(at, messages...)})
	require.NoError(t, err)
	return out
}

func events(at time.Time, messages ...string) []cwltypes.InputLogEvent {
	var list []cwltypes.InputLogEvent
	for _, m := range messages {
		list = append(list, cwltypes.InputLogEvent{Timestamp: aws.Int64(at.UnixMilli()), Message: &m})
	}
	return list
}

// Groups and streams are made, described, tagged and read through the SDK's own
// client, which checks the answers' form.
func TestSDKLogs(t *testing.T) {
	c := logsClient(t, start(t, nop(), nil))
	ctx := t.Context()
	name, stream := aws.String("/metrics/shop"), aws.String("host/1")
	key := "arn:aws:kms:eu-west-1:123456789012:key/1"
	_, err := c.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{
		LogGroupName: name, KmsKeyId: &key, LogGroupClass: cwltypes.LogGroupClassInfrequentAccess, Tags: map[string]string{"team": "shop"},
	})
	require.NoError(t, err)
	_, err = c.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: name})
	exists := (*cwltypes.ResourceAlreadyExistsException)(nil)
	require.ErrorAs(t, err, &exists)
	invalid := (*cwltypes.InvalidParameterException)(nil)
	_, err = c.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("a b")})
	require.ErrorAs(t, err, &invalid)

	_, err = c.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: name, RetentionInDays: aws.Int32(1096)})
	require.NoError(t, err)
	_, err = c.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: name, RetentionInDays: aws.Int32(2)})
	require.ErrorAs(t, err, &invalid)

	missing := (*cwltypes.ResourceNotFoundException)(nil)
	_, err = c.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: name, LogStreamName: stream, LogEvents: events(time.Now(), "x")})
	require.ErrorAs(t, err, &missing)
	require.Contains(t, missing.ErrorMessage(), "log stream")
	_, err = c.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: name, LogStreamName: stream})
	require.NoError(t, err)
	_, err = c.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: name, LogStreamName: stream})
	require.ErrorAs(t, err, &exists)

	at := time.Now().Truncate(time.Millisecond)
	for i, options := range [][]func(*cloudwatchlogs.Options){nil, {gzipBody}} {
		out, err := c.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{
			LogGroupName: name, LogStreamName: stream, LogEvents: events(at, fmt.Sprint("first ", i), fmt.Sprint("second ", i)),
		}, options...)
		require.NoError(t, err)
		require.NotEmpty(t, aws.ToString(out.NextSequenceToken), "old clients send again without one")
		require.Nil(t, out.RejectedLogEventsInfo)
	}

	groups, err := c.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/metrics/")})
	require.NoError(t, err)
	require.Len(t, groups.LogGroups, 1)
	g := groups.LogGroups[0]
	require.Equal(t, cwltypes.LogGroupClassInfrequentAccess, g.LogGroupClass)
	require.Equal(t, key, aws.ToString(g.KmsKeyId))
	require.EqualValues(t, 1096, aws.ToInt32(g.RetentionInDays))
	require.EqualValues(t, 2*len("first 0")+2*len("second 0"), aws.ToInt64(g.StoredBytes))

	streams, err := c.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: name})
	require.NoError(t, err)
	require.Len(t, streams.LogStreams, 1)
	require.Equal(t, at.UnixMilli(), aws.ToInt64(streams.LogStreams[0].LastEventTimestamp))

	_, err = c.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: g.LogGroupArn, Tags: map[string]string{"env": "test"}})
	require.NoError(t, err)
	tags, err := c.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: g.LogGroupArn})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"team": "shop", "env": "test"}, tags.Tags)

	var read []string
	pages := cloudwatchlogs.NewGetLogEventsPaginator(c, &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: name, LogStreamName: stream, StartFromHead: aws.Bool(true), Limit: aws.Int32(3),
	}, func(o *cloudwatchlogs.GetLogEventsPaginatorOptions) { o.StopOnDuplicateToken = true })
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		require.NoError(t, err)
		for _, e := range page.Events {
			require.Equal(t, at.UnixMilli(), aws.ToInt64(e.Timestamp))
			read = append(read, aws.ToString(e.Message))
		}
	}
	require.Equal(t, []string{"first 0", "second 0", "first 1", "second 1"}, read)

	found, err := c.FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: name, FilterPattern: aws.String(`second "1"`)})
	require.NoError(t, err)
	require.Len(t, found.Events, 1)
	require.Equal(t, "second 1", aws.ToString(found.Events[0].Message))
}

// What CloudWatch would not keep is named in the answer and counted.
func TestSDKRejectedEvents(t *testing.T) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	set := nop()
	set.TelemetrySettings = tel.NewTelemetrySettings()
	c := logsClient(t, start(t, set, nil))
	group(t, c, "g")
	_, err := c.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String("g"), RetentionInDays: aws.Int32(3)})
	require.NoError(t, err)
	now := time.Now()
	var list []cwltypes.InputLogEvent
	for _, age := range []time.Duration{15 * 24 * time.Hour, 15 * 24 * time.Hour, 5 * 24 * time.Hour, time.Minute, 0, -3 * time.Hour} {
		list = append(list, events(now.Add(-age), "x")...)
	}
	out, err := c.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String("g"), LogStreamName: aws.String("s"), LogEvents: list})
	require.NoError(t, err)
	require.Equal(t, &cwltypes.RejectedLogEventsInfo{
		TooOldLogEventEndIndex: aws.Int32(2), ExpiredLogEventEndIndex: aws.Int32(3), TooNewLogEventStartIndex: aws.Int32(5),
	}, out.RejectedLogEventsInfo)
	metadatatest.AssertEqualExtensionXrayLocalLogEventsAccepted(t, tel, []metricdata.DataPoint[int64]{{Value: 2}}, metricdatatest.IgnoreTimestamp())
	reason := func(s string, n int64) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: n, Attributes: attribute.NewSet(attribute.String("reason", s))}
	}
	metadatatest.AssertEqualExtensionXrayLocalLogEventsRejected(t, tel,
		[]metricdata.DataPoint[int64]{reason("too_old", 2), reason("expired", 1), reason("too_new", 1)}, metricdatatest.IgnoreTimestamp())
}

// Metrics in the embedded metric format are read back by today's client; what
// breaks a rule is counted where CloudWatch counts it, and stays as a log event.
func TestSDKEmbeddedMetrics(t *testing.T) {
	address := start(t, nop(), nil)
	logs, c := logsClient(t, address), metricsClient(t, address)
	ctx := t.Context()
	group(t, logs, "/metrics/shop")
	minute := time.Now().Add(-10 * time.Minute).Truncate(time.Minute)
	doc := func(at time.Time, unit, target string) string {
		return fmt.Sprintf(`{"_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"Shop","Dimensions":[["Service","Operation"],["Service"]],"Metrics":[{"Name":"Latency","Unit":%q}]}]},"Service":"checkout","Operation":"GET /cart","Latency":%s}`, at.UnixMilli(), unit, target)
	}
	put(t, logs, "/metrics/shop", time.Now(),
		doc(minute.Add(time.Second), "Milliseconds", `{"Values":[10,20,30],"Counts":[1,8,1],"Min":10,"Max":30,"Sum":200,"Count":10}`),
		doc(minute.Add(61*time.Second), "Milliseconds", `[5,15]`),
		doc(minute.Add(62*time.Second), "Milliseconds", `40`),
		doc(minute.Add(62*time.Second), "", `40`),
		`{"_aws":{"Timestamp":1,"CloudWatchMetrics":[`)

	dimensions := []cwtypes.Dimension{{Name: aws.String("Service"), Value: aws.String("checkout")}}
	query := func(id, stat string, period int32) cwtypes.MetricDataQuery {
		return cwtypes.MetricDataQuery{Id: &id, MetricStat: &cwtypes.MetricStat{
			Metric: &cwtypes.Metric{Namespace: aws.String("Shop"), MetricName: aws.String("Latency"), Dimensions: dimensions}, Period: &period, Stat: &stat,
		}}
	}
	out, err := c.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(minute.Add(-time.Minute)), EndTime: aws.Time(minute.Add(5 * time.Minute)), ScanBy: cwtypes.ScanByTimestampAscending,
		MetricDataQueries: []cwtypes.MetricDataQuery{
			query("n", "SampleCount", 60), query("sum", "Sum", 60), query("p90", "p90", 60), query("p99", "p99", 60), query("max", "Maximum", 3600),
		},
	})
	require.NoError(t, err)
	got := map[string][]float64{}
	for _, r := range out.MetricDataResults {
		require.Equal(t, cwtypes.StatusCodeComplete, r.StatusCode)
		require.Equal(t, "Latency", aws.ToString(r.Label))
		require.Len(t, r.Timestamps, len(r.Values))
		got[*r.Id] = r.Values
	}
	require.Equal(t, map[string][]float64{"n": {10, 3}, "sum": {200, 60}, "p90": {20, 40}, "p99": {30, 40}, "max": {40}}, got)
	require.True(t, minute.Equal(out.MetricDataResults[0].Timestamps[0]))

	stats, err := c.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("Shop"), MetricName: aws.String("Latency"), Dimensions: dimensions, Period: aws.Int32(60),
		StartTime: aws.Time(minute), EndTime: aws.Time(minute.Add(time.Minute)), Statistics: []cwtypes.Statistic{cwtypes.StatisticAverage},
	})
	require.NoError(t, err)
	require.Len(t, stats.Datapoints, 1)
	require.Equal(t, 20.0, aws.ToFloat64(stats.Datapoints[0].Average))
	require.Equal(t, cwtypes.StandardUnitMilliseconds, stats.Datapoints[0].Unit)

	list, err := c.ListMetrics(ctx, &cloudwatch.ListMetricsInput{Namespace: aws.String("Shop"), Dimensions: []cwtypes.DimensionFilter{{Name: aws.String("Operation")}}})
	require.NoError(t, err)
	require.Len(t, list.Metrics, 1)
	require.Len(t, list.Metrics[0].Dimensions, 2)

	for name, want := range map[string]float64{"EMFValidationErrors": 1, "EMFParsingErrors": 1} {
		stats, err := c.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
			Namespace: aws.String("AWS/Logs"), MetricName: &name, Period: aws.Int32(3600),
			Dimensions: []cwtypes.Dimension{{Name: aws.String("LogGroupName"), Value: aws.String("/metrics/shop")}},
			StartTime:  aws.Time(minute.Add(-time.Hour)), EndTime: aws.Time(minute.Add(2 * time.Hour)), Statistics: []cwtypes.Statistic{cwtypes.StatisticSum},
		})
		require.NoError(t, err)
		require.Len(t, stats.Datapoints, 1, name)
		require.Equal(t, want, aws.ToFloat64(stats.Datapoints[0].Sum), name)
	}
	read, err := logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String("/metrics/shop"), LogStreamName: aws.String("s")})
	require.NoError(t, err)
	require.Len(t, read.Events, 5)
}

// Data points are written without logs, too, and errors have the names that the
// client knows.
func TestSDKPutMetricData(t *testing.T) {
	c := metricsClient(t, start(t, nop(), nil))
	ctx := t.Context()
	at := time.Now().Truncate(time.Minute)
	_, err := c.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String("Shop"), MetricData: []cwtypes.MetricDatum{
		{MetricName: aws.String("Orders"), Timestamp: &at, Value: aws.Float64(3), Unit: cwtypes.StandardUnitCount},
		{MetricName: aws.String("Orders"), Timestamp: &at, Values: []float64{1, 2}, Counts: []float64{4, 5}, Unit: cwtypes.StandardUnitCount},
		{MetricName: aws.String("Orders"), Timestamp: &at, StatisticValues: &cwtypes.StatisticSet{
			SampleCount: aws.Float64(10), Sum: aws.Float64(50), Minimum: aws.Float64(1), Maximum: aws.Float64(9),
		}},
	}})
	require.NoError(t, err)
	stat := func(name string) []float64 {
		out, err := c.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
			StartTime: &at, EndTime: aws.Time(at.Add(time.Minute)), MetricDataQueries: []cwtypes.MetricDataQuery{{Id: aws.String("q"), MetricStat: &cwtypes.MetricStat{
				Metric: &cwtypes.Metric{Namespace: aws.String("Shop"), MetricName: aws.String("Orders")}, Period: aws.Int32(60), Stat: &name,
			}}},
		})
		require.NoError(t, err)
		require.Len(t, out.MetricDataResults, 1)
		return out.MetricDataResults[0].Values
	}
	require.Equal(t, []float64{20}, stat("SampleCount"))
	require.Equal(t, []float64{3 + 14 + 50}, stat("Sum"))
	require.Empty(t, stat("p50"), "a statistic set does not say where its values are")

	invalid := (*cwtypes.InvalidParameterValueException)(nil)
	_, err = c.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String("AWS/Mine"), MetricData: []cwtypes.MetricDatum{{MetricName: aws.String("a"), Value: aws.Float64(1)}}})
	require.ErrorAs(t, err, &invalid)
	_, err = c.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{StartTime: &at, EndTime: aws.Time(at.Add(time.Minute)), MetricDataQueries: []cwtypes.MetricDataQuery{
		{Id: aws.String("e"), Expression: aws.String("m1/m2")},
	}})
	require.ErrorAs(t, err, &invalid)
	require.Contains(t, invalid.ErrorMessage(), "MetricDataQueries[0].Expression")
	combination := (*cwtypes.InvalidParameterCombinationException)(nil)
	_, err = c.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String("Shop"), MetricData: []cwtypes.MetricDatum{{MetricName: aws.String("a")}}})
	require.ErrorAs(t, err, &combination)
}

// Both stores keep their bound and count what left.
func TestEvictedLogsAndMetrics(t *testing.T) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	set := nop()
	set.TelemetrySettings = tel.NewTelemetrySettings()
	const bound = 4 << 20
	address := start(t, set, func(c *Config) { c.Store.LogMaxBytes, c.Store.MetricMaxBytes = bound, bound })
	logs := logsClient(t, address)
	group(t, logs, "g")
	const requests = 7
	for range requests {
		put(t, logs, "g", time.Now(), strings.Repeat("x", 1_000_000))
	}
	metrics := metricsClient(t, address)
	const data = 1000
	values := make([]float64, 150)
	for i := range values {
		values[i] = float64(i)
	}
	for batch := range 3 {
		var list []cwtypes.MetricDatum
		for i := range data {
			list = append(list, cwtypes.MetricDatum{MetricName: aws.String(fmt.Sprint(batch, " ", i)), Values: values})
		}
		_, err := metrics.PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("Shop"), MetricData: list})
		require.NoError(t, err)
	}
	value := func(name string) int64 {
		m, err := tel.GetMetric("otelcol_extension_xray_local_" + name)
		require.NoError(t, err)
		switch d := m.Data.(type) {
		case metricdata.Sum[int64]:
			require.Len(t, d.DataPoints, 1)
			reason, _ := d.DataPoints[0].Attributes.Value("reason")
			require.Equal(t, "max_bytes", reason.AsString())
			return d.DataPoints[0].Value
		case metricdata.Gauge[int64]:
			return d.DataPoints[0].Value
		}
		return -1
	}
	require.EqualValues(t, requests-4, value("log_events_evicted"))
	require.LessOrEqual(t, value("log_store_size"), int64(bound))
	kept := value("metric_series")
	require.Positive(t, kept)
	require.EqualValues(t, 3*data-kept, value("metric_datapoints_evicted"))
	require.LessOrEqual(t, value("metric_store_size"), int64(bound))
}

// Another page in a browser cannot write, and X-Ray's paths stay X-Ray's.
func TestRouteByTarget(t *testing.T) {
	address := start(t, nop(), nil)
	send := func(path, target, contentType, origin, body string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", contentType)
		if target != "" {
			req.Header.Set("X-Amz-Target", target)
		}
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		reply, err := httpClient(t).Do(req)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, reply.Body)
		require.NoError(t, err)
		require.NoError(t, reply.Body.Close())
		return reply
	}
	const json = "application/x-amz-json-1.1"
	for name, c := range map[string]struct {
		path, target, contentType, origin, body string
		want                                    int
	}{
		"logs":                   {"/", "Logs_20140328.DescribeLogGroups", json, "", "{}", 200},
		"metrics in JSON":        {"/", "GraniteServiceVersion20100801.ListMetrics", "application/x-amz-json-1.0", "", "{}", 200},
		"metrics in CBOR":        {"/service/GraniteServiceVersion20100801/operation/ListMetrics", "", "application/cbor", "", "\xa0", 200},
		"X-Ray":                  {"/GetGroup", "", "application/json", "", "{}", 400},
		"no operation":           {"/", "Logs_20140328.StartQuery", json, "", "{}", 404},
		"no service":             {"/", "Sqs.Send", json, "", "{}", 404},
		"another site":           {"/", "Logs_20140328.DescribeLogGroups", json, "https://example.com", "{}", 403},
		"a form":                 {"/", "Logs_20140328.DescribeLogGroups", "text/plain", "", "{}", 415},
		"JSON for CBOR":          {"/service/GraniteServiceVersion20100801/operation/ListMetrics", "", json, "", "{}", 415},
		"not CBOR":               {"/service/GraniteServiceVersion20100801/operation/ListMetrics", "", "application/cbor", "", "\xff", 400},
		"not JSON":               {"/", "Logs_20140328.DescribeLogGroups", json, "", "{", 400},
		"the wrong kind":         {"/", "Logs_20140328.DescribeLogGroups", json, "", `{"limit":"x"}`, 400},
		"the wrong kind, CBOR":   {"/service/GraniteServiceVersion20100801/operation/ListMetrics", "", "application/cbor", "", "\xa1\x69Namespace\x01", 400},
		"another operation, GET": {"/service/GraniteServiceVersion20100801/operation/x", "", "application/cbor", "", "", 404},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, send(c.path, c.target, c.contentType, c.origin, c.body).StatusCode)
		})
	}
}
