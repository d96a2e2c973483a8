package xraylocalextension

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metadata"
)

// start runs the extension on a free port and returns its address.
func start(t *testing.T, change func(*Config)) string {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.Endpoint = "127.0.0.1:0"
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	ext, err := NewFactory().Create(context.Background(), extensiontest.NewNopSettings(metadata.Type), cfg)
	require.NoError(t, err)
	require.NoError(t, ext.Start(context.Background(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, ext.Shutdown(context.Background())) })
	return "http://" + ext.(*localXRay).listener.Addr().String()
}

// client returns an AWS SDK client of the extension.
func client(t *testing.T, address string) *xray.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return xray.New(xray.Options{
		Region:       "eu-west-1",
		BaseEndpoint: &address,
		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
		HTTPClient:   &http.Client{Transport: transport},
		Retryer:      aws.NopRetryer{},
	})
}

// documents returns the documents of a file in testdata, a JSON array of objects.
func documents(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	var raw []json.RawMessage
	require.NoError(t, json.Unmarshal(text, &raw))
	docs := make([]string, len(raw))
	for i, r := range raw {
		docs[i] = string(r)
	}
	return docs
}

func put(t *testing.T, c *xray.Client, docs ...string) *xray.PutTraceSegmentsOutput {
	t.Helper()
	out, err := c.PutTraceSegments(context.Background(), &xray.PutTraceSegmentsInput{TraceSegmentDocuments: docs})
	require.NoError(t, err)
	return out
}

func TestPutAndRead(t *testing.T) {
	c := client(t, start(t, nil))
	out := put(t, c, `{"name":"checkout","id":"a1b2c3d4e5f60718","trace_id":"1-68f3a1c0-9d3f1b7a2c4e6f8091a2b3c4","start_time":1760797120.0,"end_time":1760797120.6,"http":{"request":{"method":"GET","url":"http://checkout/orders/12"},"response":{"status":200}}}`,
		`{"type":"subsegment","name":"DynamoDB","id":"2222222222222222","parent_id":"a1b2c3d4e5f60718","trace_id":"1-68f3a1c0-9d3f1b7a2c4e6f8091a2b3c4","start_time":1760797120.1,"end_time":1760797120.3,"namespace":"aws","aws":{"operation":"GetItem","table_name":"orders","region":"eu-west-1"},"http":{"response":{"status":200}}}`,
		`{"name":"checkout","id":"a1b2c3d4e5f60719","trace_id":"1-xyz","start_time":1.0,"end_time":2.0}`,
		`[]`)
	for _, u := range out.UnprocessedTraceSegments {
		t.Log(aws.ToString(u.Id), aws.ToString(u.ErrorCode), aws.ToString(u.Message))
	}
	sums, err := c.GetTraceSummaries(context.Background(), &xray.GetTraceSummariesInput{StartTime: aws.Time(time.Unix(1760797000, 0)), EndTime: aws.Time(time.Unix(1760797300, 0))})
	require.NoError(t, err)
	require.Len(t, sums.TraceSummaries, 1)
	b, _ := json.MarshalIndent(sums, "", " ")
	t.Log(string(b))
	tr, err := c.BatchGetTraces(context.Background(), &xray.BatchGetTracesInput{TraceIds: []string{"1-68f3a1c0-9d3f1b7a2c4e6f8091a2b3c4"}})
	require.NoError(t, err)
	b, _ = json.MarshalIndent(tr, "", " ")
	t.Log(string(b))
	g, err := c.GetServiceGraph(context.Background(), &xray.GetServiceGraphInput{StartTime: aws.Time(time.Unix(1760797000, 0)), EndTime: aws.Time(time.Unix(1760797300, 0))})
	require.NoError(t, err)
	b, _ = json.MarshalIndent(g, "", " ")
	t.Log(string(b))
}
