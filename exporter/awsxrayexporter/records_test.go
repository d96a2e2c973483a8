package awsxrayexporter

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/segment"
)

type sentRecords struct {
	EC2InstanceId, Hostname, ResourceARN *string //nolint // X-Ray spells it so
	TelemetryRecords                     []record
}

func TestTelemetryRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(c *Config) {
			c.Telemetry.Enabled = true
			c.SendingQueue.Get().QueueSize = 100 << 10
		}).start(t)
		time.Sleep(5 * time.Minute)
		assert.Empty(t, f.xray.reports(), "nothing to say")

		parts := documents(0, 100)
		f.xray.set(func(_ context.Context, n int, c call) ([]unprocessed, error) {
			switch n {
			case 0:
				return nil, httpError{500, ""}
			case 1:
				return nil, httpError{429, "ThrottledException"}
			case 2:
				return nil, context.DeadlineExceeded
			case 3:
				return []unprocessed{{ID: c.ids[0], Code: "InvalidTraceId"}}, nil
			}
			return nil, nil
		})
		require.NoError(t, f.accept(t.Context(), parts))
		time.Sleep(66 * time.Second)
		require.Len(t, f.xray.reports(), 1)
		require.NoError(t, f.accept(t.Context(), documents(500, 1)))
		require.NoError(t, f.Shutdown(context.Background()))
		require.Len(t, f.xray.reports(), 2, "the last report comes at shutdown")

		var got sentRecords
		require.NoError(t, json.Unmarshal(f.xray.reports()[0], &got))
		require.NotNil(t, got.Hostname)
		assert.Empty(t, *got.Hostname+*got.EC2InstanceId+*got.ResourceARN)
		require.Len(t, got.TelemetryRecords, 1)
		assert.NotZero(t, got.TelemetryRecords[0].Timestamp)
		got.TelemetryRecords[0].Timestamp = 0
		assert.Equal(t, record{
			SegmentsReceivedCount: 100, SegmentsSentCount: 99, SegmentsRejectedCount: 1,
			BackendConnectionErrors: connectionErrors{TimeoutCount: 1, HTTPCode4XXCount: 1, HTTPCode5XXCount: 1},
		}, got.TelemetryRecords[0])
	})
}

// The documents that accept gets are counted before it, where spans become
// documents. These tests have none, so they count here.
func (f *fixture) accept(ctx context.Context, parts []segment.Part) error {
	f.count.records.received.Add(int64(len(parts)))
	return f.tracesExporter.accept(ctx, parts)
}

func TestTelemetryRecordsWaitWhileTheyFail(t *testing.T) {
	posts := &postLog{fail: true}
	var counts recorder
	r := &reporter{client: posts, recorder: &counts}
	r.logger = newFixture(t, nil).logger
	for range 45 {
		counts.sent.Add(1)
		r.report(t.Context())
	}
	assert.Len(t, r.waiting, recordsKept)
	posts.fail = false
	r.report(t.Context())
	assert.Empty(t, r.waiting)
	require.Len(t, posts.bodies, 45+3)
	for _, body := range posts.bodies[45:] {
		var got sentRecords
		require.NoError(t, json.Unmarshal([]byte(body), &got))
		assert.Len(t, got.TelemetryRecords, recordsPerRequest)
	}
}

type postLog struct {
	fail   bool
	bodies []string
}

func (p *postLog) Post(_ context.Context, path string, body []byte) (*awsclient.Response, error) {
	p.bodies = append(p.bodies, string(body))
	if p.fail {
		return nil, os.ErrDeadlineExceeded
	}
	return &awsclient.Response{Status: 200, Body: []byte(`{}`)}, nil
}

func TestAbout(t *testing.T) {
	asked := 0
	ask := func() (string, string) { asked++; return "imds-host", "i-imds" }
	cfg := createDefaultConfig().(*Config)
	cfg.ResourceARN = "arn:of:the:exporter"
	assert.Equal(t, about{}, newAbout(cfg, ask), "without include_metadata")
	assert.Zero(t, asked)

	cfg.Telemetry.IncludeMetadata = true
	assert.Equal(t, about{"i-imds", "imds-host", "arn:of:the:exporter"}, newAbout(cfg, ask))
	t.Setenv("AWS_HOSTNAME", "env-host")
	assert.Equal(t, about{"i-imds", "env-host", "arn:of:the:exporter"}, newAbout(cfg, ask))
	t.Setenv("AWS_INSTANCE_ID", "i-env")
	asked = 0
	cfg.Telemetry.ResourceARN = "arn:of:telemetry"
	assert.Equal(t, about{"i-env", "env-host", "arn:of:telemetry"}, newAbout(cfg, ask))
	cfg.Telemetry.Hostname, cfg.Telemetry.InstanceID = strings.Repeat("h", 300), "i-0123456789abcdef0123456789"
	got := newAbout(cfg, ask)
	assert.Len(t, got.Hostname, 255)
	assert.Len(t, got.EC2InstanceId, 20)
	assert.Zero(t, asked, "nothing is missing")
}

func TestFailureCounts(t *testing.T) {
	var r recorder
	for _, f := range []awsclient.Failure{
		{},
		{Kind: awsclient.Denied, Status: 403},
		{Kind: awsclient.Retryable, Status: 503},
		{Kind: awsclient.Retryable, Code: awsclient.CodeTimeout},
		{Kind: awsclient.Retryable, Code: awsclient.CodeConnectionRefused},
		{Kind: awsclient.Retryable, Code: awsclient.CodeUnknownHost},
		{Kind: awsclient.Retryable, Code: awsclient.CodeConnection},
	} {
		r.failure(f)
	}
	got, ok := r.rotate(time.Unix(1760797180, 0))
	assert.True(t, ok)
	assert.Equal(t, record{Timestamp: 1760797180, BackendConnectionErrors: connectionErrors{1, 1, 1, 1, 1, 1}}, got)
	_, ok = r.rotate(time.Now())
	assert.False(t, ok)
}
