package xraylocalextension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	"github.com/aws/aws-sdk-go-v2/service/xray/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metadata"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metadatatest"
)

// start runs the extension on a free port and returns its address.
func start(t *testing.T, set extension.Settings, change func(*Config)) string {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Endpoint = "127.0.0.1:0"
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	ext, err := NewFactory().Create(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, ext.Shutdown(context.Background())) })
	return "http://" + ext.(*localXRay).listener.Addr().String()
}

func nop() extension.Settings { return extensiontest.NewNopSettings(metadata.Type) }

func httpClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// client returns an AWS SDK client of the extension.
func client(t *testing.T, address string) *xray.Client {
	t.Helper()
	return xray.New(xray.Options{
		Region:       "eu-west-1",
		BaseEndpoint: &address,
		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
		HTTPClient:   httpClient(t),
		Retryer:      aws.NopRetryer{},
	})
}

func shop(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "shop.json"))
	require.NoError(t, err)
	var raw []json.RawMessage
	require.NoError(t, json.Unmarshal(text, &raw))
	docs := make([]string, len(raw))
	for i, r := range raw {
		docs[i] = string(r)
	}
	return docs
}

const (
	traceA = "1-68f3a1c0-00000000000000000000000a"
	traceB = "1-68f3a1c0-00000000000000000000000b"
	none   = "1-68f3a1c0-0000000000000000000000ff"
)

var (
	from = aws.Time(time.Unix(1760797000, 0))
	to   = aws.Time(time.Unix(1760797300, 0))
)

// Each operation through the SDK's own client, which checks the answers' form.
func TestSDK(t *testing.T) {
	c := client(t, start(t, nop(), nil))
	ctx := t.Context()
	put, err := c.PutTraceSegments(ctx, &xray.PutTraceSegmentsInput{TraceSegmentDocuments: append(shop(t), `{"id":"a1b2c3d4e5f60719"}`)})
	require.NoError(t, err)
	require.Len(t, put.UnprocessedTraceSegments, 1)
	require.Equal(t, "a1b2c3d4e5f60719", aws.ToString(put.UnprocessedTraceSegments[0].Id))
	require.Equal(t, "MissingName", aws.ToString(put.UnprocessedTraceSegments[0].ErrorCode))

	t.Run("PutTelemetryRecords", func(t *testing.T) {
		_, err := c.PutTelemetryRecords(ctx, &xray.PutTelemetryRecordsInput{Hostname: aws.String("h"), TelemetryRecords: []types.TelemetryRecord{{
			Timestamp: from, SegmentsReceivedCount: aws.Int32(12), BackendConnectionErrors: &types.BackendConnectionErrors{TimeoutCount: aws.Int32(1)},
		}}})
		require.NoError(t, err)
	})
	t.Run("GetTraceSummaries", func(t *testing.T) {
		var got []types.TraceSummary
		pages := xray.NewGetTraceSummariesPaginator(c, &xray.GetTraceSummariesInput{
			StartTime: from, EndTime: to, Sampling: aws.Bool(true),
			SamplingStrategy: &types.SamplingStrategy{Name: types.SamplingStrategyNameFixedRate, Value: aws.Float64(1)},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			require.NoError(t, err)
			require.EqualValues(t, 5, aws.ToInt64(page.TracesProcessedCount))
			require.Equal(t, int64(1760797124), page.ApproximateTime.Unix())
			got = append(got, page.TraceSummaries...)
		}
		require.Len(t, got, 5)
		b := got[3]
		require.Equal(t, traceB, aws.ToString(b.Id))
		require.True(t, aws.ToBool(b.HasFault))
		require.False(t, aws.ToBool(b.HasError))
		require.True(t, aws.ToBool(b.HasThrottle))
		require.Equal(t, "https://shop.example.com/orders", aws.ToString(b.Http.HttpURL))
		require.EqualValues(t, 500, aws.ToInt32(b.Http.HttpStatus))
		require.Equal(t, "frontend", aws.ToString(b.EntryPoint.Name))
		require.Len(t, b.Annotations["tenant"], 2)
		require.Equal(t, &types.AnnotationValueMemberStringValue{Value: "blue"}, b.Annotations["tenant"][0].AnnotationValue)
		require.Equal(t, &types.AnnotationValueMemberNumberValue{Value: 3}, b.Annotations["items"][0].AnnotationValue)
		require.Equal(t, "user-2", aws.ToString(b.Users[0].UserName))
		require.Len(t, b.FaultRootCauses, 1)
		require.Equal(t, 1760797121.0, float64(b.StartTime.UnixNano())/1e9)
	})
	t.Run("FilterExpression", func(t *testing.T) {
		out, err := c.GetTraceSummaries(ctx, &xray.GetTraceSummariesInput{
			StartTime: from, EndTime: to, FilterExpression: aws.String(`edge("orders", "payment") { fault } AND annotation[tenant] = "green"`),
		})
		require.NoError(t, err)
		require.EqualValues(t, 5, aws.ToInt64(out.TracesProcessedCount))
		require.Len(t, out.TraceSummaries, 1)
		require.Equal(t, traceB, aws.ToString(out.TraceSummaries[0].Id))
	})
	t.Run("BatchGetTraces", func(t *testing.T) {
		out, err := c.BatchGetTraces(ctx, &xray.BatchGetTracesInput{TraceIds: []string{traceA, none, traceA}})
		require.NoError(t, err)
		require.Equal(t, []string{none}, out.UnprocessedTraceIds)
		require.Len(t, out.Traces, 1)
		require.Len(t, out.Traces[0].Segments, 3)
		require.InDelta(t, 0.1, aws.ToFloat64(out.Traces[0].Duration), 1e-9)
		require.Contains(t, aws.ToString(out.Traces[0].Segments[1].Document), `"subsegments":[{"name":"products@db.internal"`)
	})
	t.Run("GetServiceGraph", func(t *testing.T) {
		pages := xray.NewGetServiceGraphPaginator(c, &xray.GetServiceGraphInput{StartTime: from, EndTime: to, GroupName: aws.String("Default")})
		page, err := pages.NextPage(ctx)
		require.NoError(t, err)
		require.False(t, pages.HasMorePages())
		require.Len(t, page.Services, 12)
		frontend := page.Services[1]
		require.True(t, aws.ToBool(frontend.Root))
		require.EqualValues(t, 1, aws.ToInt64(frontend.SummaryStatistics.FaultStatistics.TotalCount))
		require.EqualValues(t, 5, aws.ToInt64(frontend.SummaryStatistics.TotalCount))
		require.InDelta(t, 1.205, aws.ToFloat64(frontend.SummaryStatistics.TotalResponseTime), 1e-9)
	})
	t.Run("GetTraceGraph", func(t *testing.T) {
		out, err := c.GetTraceGraph(ctx, &xray.GetTraceGraphInput{TraceIds: []string{traceA}})
		require.NoError(t, err)
		require.Len(t, out.Services, 4)
	})
	t.Run("GetSamplingRules", func(t *testing.T) {
		out, err := c.GetSamplingRules(ctx, &xray.GetSamplingRulesInput{})
		require.NoError(t, err)
		require.Len(t, out.SamplingRuleRecords, 1)
		rule := out.SamplingRuleRecords[0].SamplingRule
		require.Equal(t, "Default", aws.ToString(rule.RuleName))
		require.EqualValues(t, 10000, aws.ToInt32(rule.Priority))
		require.Equal(t, 0.05, rule.FixedRate)
	})
	t.Run("GetSamplingTargets", func(t *testing.T) {
		out, err := c.GetSamplingTargets(ctx, &xray.GetSamplingTargetsInput{SamplingStatisticsDocuments: []types.SamplingStatisticsDocument{{
			RuleName: aws.String("Default"), ClientID: aws.String("d0b1c2e3f4a5968778695a4b"), Timestamp: aws.Time(time.Now()), RequestCount: 20, SampledCount: 1,
		}}})
		require.NoError(t, err)
		require.Len(t, out.SamplingTargetDocuments, 1)
		require.EqualValues(t, 1, aws.ToInt32(out.SamplingTargetDocuments[0].ReservoirQuota))
		require.True(t, out.SamplingTargetDocuments[0].ReservoirQuotaTTL.After(time.Now()))
		require.NotNil(t, out.LastRuleModification)
	})
	t.Run("GetSamplingStatisticSummaries", func(t *testing.T) {
		out, err := c.GetSamplingStatisticSummaries(ctx, &xray.GetSamplingStatisticSummariesInput{})
		require.NoError(t, err)
		require.EqualValues(t, 20, out.SamplingStatisticSummaries[0].RequestCount)
	})
	t.Run("GetGroups", func(t *testing.T) {
		groups, err := c.GetGroups(ctx, &xray.GetGroupsInput{})
		require.NoError(t, err)
		group, err := c.GetGroup(ctx, &xray.GetGroupInput{GroupARN: groups.Groups[0].GroupARN})
		require.NoError(t, err)
		require.Equal(t, "Default", aws.ToString(group.Group.GroupName))
	})
	t.Run("GetEncryptionConfig", func(t *testing.T) {
		out, err := c.GetEncryptionConfig(ctx, &xray.GetEncryptionConfigInput{})
		require.NoError(t, err)
		require.Equal(t, types.EncryptionTypeNone, out.EncryptionConfig.Type)
	})
	t.Run("InvalidRequestException", func(t *testing.T) {
		_, err := c.PutTraceSegments(ctx, &xray.PutTraceSegmentsInput{TraceSegmentDocuments: make([]string, 51)})
		invalid := (*types.InvalidRequestException)(nil)
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, "Exceeding maximum segment count: 50", invalid.ErrorMessage())
		_, err = c.GetTraceSummaries(ctx, &xray.GetTraceSummariesInput{StartTime: from, EndTime: to, FilterExpression: aws.String("ok AND faults")})
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, "FilterExpression: column 8: unknown keyword faults", invalid.ErrorMessage())
	})
	t.Run("unknown operation", func(t *testing.T) {
		_, err := c.GetInsightSummaries(ctx, &xray.GetInsightSummariesInput{StartTime: from, EndTime: to})
		unknown := smithy.APIError(nil)
		require.ErrorAs(t, err, &unknown)
		require.Equal(t, "UnknownOperationException", unknown.ErrorCode())
	})
}

func TestMetrics(t *testing.T) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	address := start(t, metadatatest.NewSettings(tel), nil)
	c := client(t, address)
	_, err := c.PutTraceSegments(t.Context(), &xray.PutTraceSegmentsInput{TraceSegmentDocuments: append(shop(t), `{}`, `{}`)})
	require.NoError(t, err)
	_, err = c.PutTelemetryRecords(t.Context(), &xray.PutTelemetryRecordsInput{TelemetryRecords: []types.TelemetryRecord{{Timestamp: from}}})
	require.NoError(t, err)
	_, err = c.BatchGetTraces(t.Context(), &xray.BatchGetTracesInput{TraceIds: []string{"x"}})
	require.Error(t, err)
	page, err := httpClient(t).Get(address)
	require.NoError(t, err)
	require.NoError(t, page.Body.Close())

	ignore := []metricdatatest.Option{metricdatatest.IgnoreTimestamp()}
	metadatatest.AssertEqualExtensionXrayLocalDocumentsAccepted(t, tel, []metricdata.DataPoint[int64]{{Value: 13}}, ignore...)
	metadatatest.AssertEqualExtensionXrayLocalDocumentsRejected(t, tel, []metricdata.DataPoint[int64]{
		{Value: 2, Attributes: attribute.NewSet(attribute.String("code", "MissingName"))}}, ignore...)
	metadatatest.AssertEqualExtensionXrayLocalTelemetryRecords(t, tel, []metricdata.DataPoint[int64]{{Value: 1}}, ignore...)
	metadatatest.AssertEqualExtensionXrayLocalStoreTraces(t, tel, []metricdata.DataPoint[int64]{{Value: 5}}, ignore...)
	request := func(operation string, status int) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Value: 1, Attributes: attribute.NewSet(
			attribute.String("operation", operation), attribute.Int("http.response.status_code", status))}
	}
	metadatatest.AssertEqualExtensionXrayLocalRequests(t, tel, []metricdata.DataPoint[int64]{
		request("PutTraceSegments", 200), request("PutTelemetryRecords", 200), request("BatchGetTraces", 400), request("page", 200)}, ignore...)
}

func TestEvictionMetric(t *testing.T) {
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	c := client(t, start(t, metadatatest.NewSettings(tel), func(cfg *Config) { cfg.Store.MaxBytes = minStoreBytes }))
	text := strings.Repeat("x", 60_000)
	for i := range 100 {
		doc := fmt.Sprintf(`{"name":"a","id":"a1b2c3d4e5f60719","trace_id":"1-68f3a1c0-%024x","start_time":1,"end_time":2,"metadata":{"default":{"x":%q}}}`, i+1, text)
		out, err := c.PutTraceSegments(t.Context(), &xray.PutTraceSegmentsInput{TraceSegmentDocuments: []string{doc}})
		require.NoError(t, err)
		require.Empty(t, out.UnprocessedTraceSegments)
	}
	got, err := tel.GetMetric("otelcol_extension_xray_local_traces_evicted")
	require.NoError(t, err)
	points := got.Data.(metricdata.Sum[int64]).DataPoints
	require.Len(t, points, 1)
	reason, _ := points[0].Attributes.Value("reason")
	require.Equal(t, "max_bytes", reason.AsString())
	kept, err := tel.GetMetric("otelcol_extension_xray_local_store_traces")
	require.NoError(t, err)
	require.EqualValues(t, 100, points[0].Value+kept.Data.(metricdata.Gauge[int64]).DataPoints[0].Value)
}

func TestPortTaken(t *testing.T) {
	address := start(t, nop(), nil)
	cfg := createDefaultConfig().(*Config)
	cfg.Endpoint = strings.TrimPrefix(address, "http://")
	ext := newExtension(cfg, componenttest.NewNopTelemetrySettings())
	err := ext.Start(t.Context(), componenttest.NewNopHost())
	require.ErrorContains(t, err, "serve the X-Ray API on "+cfg.Endpoint)
	require.NoError(t, ext.Shutdown(t.Context()))
}

func TestShutdown(t *testing.T) {
	ext := newExtension(createDefaultConfig().(*Config), componenttest.NewNopTelemetrySettings())
	require.NoError(t, ext.Shutdown(t.Context()), "unstarted")

	cfg := createDefaultConfig().(*Config)
	cfg.Endpoint = "127.0.0.1:0"
	ext = newExtension(cfg, componenttest.NewNopTelemetrySettings())
	require.NoError(t, ext.Start(t.Context(), componenttest.NewNopHost()))
	// A request that never ends holds nothing up for longer than the context.
	conn, err := net.Dial("tcp", ext.listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /TraceSegments HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := ext.Shutdown(ctx); err != nil {
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.NoError(t, ext.Shutdown(t.Context()), "twice")
}

// Nothing that a page of another site can make a browser send is answered.
func TestForeignPages(t *testing.T) {
	address := start(t, nop(), nil)
	own := strings.TrimPrefix(address, "http://")
	port := own[strings.LastIndexByte(own, ':'):]
	for name, c := range map[string]struct {
		method, path, host string
		header             map[string]string
		status             int
	}{
		"an SDK":               {"POST", "/GetSamplingRules", own, nil, 200},
		"localhost":            {"POST", "/GetSamplingRules", "localhost" + port, nil, 200},
		"IPv6":                 {"POST", "/GetSamplingRules", "[::1]" + port, nil, 200},
		"below localhost":      {"GET", "/", "xray.localhost" + port, nil, 200},
		"own page":             {"POST", "/GetSamplingRules", own, map[string]string{"Origin": address, "Sec-Fetch-Site": "same-origin"}, 200},
		"rebound name":         {"POST", "/GetSamplingRules", "evil.example" + port, nil, 403},
		"rebound page":         {"GET", "/", "evil.example" + port, nil, 403},
		"loopback as a prefix": {"GET", "/", "127.0.0.1.evil.example" + port, nil, 403},
		"no host":              {"GET", "/", "", nil, 400},
		"another site":         {"POST", "/TraceSegments", own, map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403},
		"another origin":       {"POST", "/TraceSegments", own, map[string]string{"Origin": "http://127.0.0.1:1"}, 403},
		"an opaque origin":     {"POST", "/TraceSegments", own, map[string]string{"Origin": "null"}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", own)
			require.NoError(t, err)
			defer conn.Close()
			req := c.method + " " + c.path + " HTTP/1.1\r\nConnection: close\r\n"
			if c.host != "" {
				req += "Host: " + c.host + "\r\n"
			}
			for k, v := range c.header {
				req += k + ": " + v + "\r\n"
			}
			_, err = io.WriteString(conn, req+"\r\n")
			require.NoError(t, err)
			answer, err := io.ReadAll(conn)
			require.NoError(t, err)
			require.Contains(t, string(answer), "HTTP/1.1 "+map[int]string{200: "200 OK", 400: "400 Bad Request", 403: "403 Forbidden"}[c.status])
		})
	}
}

// An endpoint that is open to others is asked by names that are not ours to know.
func TestOpenEndpointTakesAnyHost(t *testing.T) {
	require.True(t, isLoopback(&net.TCPAddr{IP: net.IPv6loopback}))
	require.False(t, isLoopback(&net.TCPAddr{IP: net.IPv4zero}))
	require.False(t, isLoopback(&net.UnixAddr{}))
}

func TestServerFailureIsReported(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Endpoint = "127.0.0.1:0"
	ext := newExtension(cfg, componenttest.NewNopTelemetrySettings())
	host := &statusHost{events: make(chan error, 1)}
	require.NoError(t, ext.Start(t.Context(), host))
	require.NoError(t, ext.listener.Close())
	require.ErrorContains(t, <-host.events, "serve the X-Ray API on")
	if err := ext.Shutdown(t.Context()); err != nil {
		require.True(t, errors.Is(err, net.ErrClosed), "%v", err)
	}
}
