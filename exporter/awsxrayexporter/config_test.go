package awsxrayexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

func load(t *testing.T, settings map[string]any) *Config {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(settings).Unmarshal(cfg))
	return cfg
}

func TestDefaultConfig(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	cfg := load(t, nil)
	require.NoError(t, confmap.Validate(cfg))
	assert.Equal(t, createDefaultConfig(), cfg)
	queue := cfg.SendingQueue.Get()
	assert.EqualValues(t, 32<<20, queue.QueueSize)
	assert.Equal(t, exporterhelper.RequestSizerTypeBytes, queue.Sizer)
	assert.Equal(t, 8, queue.NumConsumers)
	assert.Equal(t, 30*time.Second, cfg.Timeout)
	assert.Zero(t, cfg.RetryOnFailure.MaxElapsedTime)
}

// Every key of contrib's exporter loads.
func TestContribKeys(t *testing.T) {
	cfg := load(t, map[string]any{
		"num_workers": 3, "endpoint": "https://xray.eu-west-1.amazonaws.com", "request_timeout_seconds": 120, "max_retries": 5,
		"no_verify_ssl": true, "proxy_address": "http://proxy:3128", "region": "eu-west-1", "local_mode": true,
		"resource_arn": "arn:aws:ec2:us-east1:123456789:instance/i-293hiuhe0u", "role_arn": "arn:aws:iam::123456789:role/r", "external_id": "x",
		"indexed_attributes": []any{"a", "b"}, "index_all_attributes": true, "aws_log_groups": []any{"g"},
		"telemetry": map[string]any{"enabled": true, "include_metadata": true, "contributors": []any{"awsxray/1"}, "hostname": "h", "instance_id": "i", "resource_arn": "r"},
	})
	require.NoError(t, confmap.Validate(cfg))
	assert.Equal(t, 3, cfg.SendingQueue.Get().NumConsumers, "workers follow num_workers")
	assert.Equal(t, 2*time.Minute, cfg.Timeout, "timeout follows request_timeout_seconds")
	assert.Equal(t, TelemetryConfig{Enabled: true, IncludeMetadata: true, Contributors: []component.ID{component.MustNewIDWithName("awsxray", "1")},
		Hostname: "h", InstanceID: "i", ResourceARN: "r"}, cfg.Telemetry)
	assert.Len(t, cfg.warnings, 2, "max_retries and contributors")
}

func TestLinkedKeys(t *testing.T) {
	cfg := load(t, map[string]any{"num_workers": 3, "request_timeout_seconds": 5, "timeout": "7s",
		"sending_queue": map[string]any{"num_consumers": 12, "queue_size": 500}})
	assert.Equal(t, 12, cfg.workers())
	assert.Equal(t, 7*time.Second, cfg.Timeout)
	assert.Equal(t, exporterhelper.RequestSizerTypeRequests, cfg.SendingQueue.Get().Sizer, "queue_size alone means requests, as elsewhere")

	cfg = load(t, map[string]any{"num_workers": 0, "request_timeout_seconds": 0, "sending_queue": map[string]any{"queue_size": 1 << 20, "sizer": "bytes"}})
	assert.Equal(t, 8, cfg.workers())
	assert.Equal(t, 30*time.Second, cfg.Timeout)
	assert.Equal(t, exporterhelper.RequestSizerTypeBytes, cfg.SendingQueue.Get().Sizer)
	require.NoError(t, confmap.Validate(cfg))

	cfg = load(t, map[string]any{"sending_queue": map[string]any{"sizer": "bytes", "queue_size": 64 << 20, "batch": map[string]any{"flush_timeout": "1s"}}})
	assert.Equal(t, exporterhelper.RequestSizerTypeItems, cfg.SendingQueue.Get().Batch.Get().Sizer, "50 documents, not 50 bytes")
	assert.Equal(t, time.Second, cfg.SendingQueue.Get().Batch.Get().FlushTimeout)
	require.NoError(t, confmap.Validate(cfg))

	cfg = load(t, map[string]any{"sending_queue": map[string]any{"enabled": false}, "num_workers": 2})
	assert.True(t, cfg.answers())
	assert.Equal(t, 2, cfg.workers())
	require.NoError(t, confmap.Validate(cfg))
}

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		settings map[string]any
		want     string
	}{
		{map[string]any{"num_workers": -1}, "num_workers: -1"},
		{map[string]any{"request_timeout_seconds": -5}, "request_timeout_seconds: -5"},
		{map[string]any{"timeout": "-1s"}, "timeout: -1s"},
		{map[string]any{"endpoint": "ftp://x"}, `endpoint: scheme "ftp"`},
		{map[string]any{"proxy_address": "http://"}, `proxy_address: "http://"`},
		{map[string]any{"max_segments_per_second": -2}, "max_segments_per_second: -2"},
		{map[string]any{"dead_letter_directory": "relative"}, `dead_letter_directory: "relative" is not an absolute path`},
		{map[string]any{"dead_letter_directory": "/tmp/x", "dead_letter_max_bytes": 5}, "dead_letter_max_bytes: 5 is less than 1048576"},
		{map[string]any{"shutdown_timeout": "-1s"}, "shutdown_timeout: -1s"},
		{map[string]any{"sending_queue": map[string]any{"queue_size": 1000, "sizer": "bytes"}}, "sending_queue.queue_size: 1000 bytes"},
		{map[string]any{"sending_queue": map[string]any{"queue_size": 10, "sizer": "items"}}, "sending_queue.queue_size: 10 items"},
		{map[string]any{"sending_queue": map[string]any{"num_consumers": 0}}, "num_consumers"},
		{map[string]any{"retry_on_failure": map[string]any{"randomization_factor": 3}}, "randomization_factor"},
	} {
		assert.ErrorContains(t, confmap.Validate(load(t, test.settings)), test.want, test.want)
	}
	cfg := createDefaultConfig().(*Config)
	assert.Error(t, confmap.NewFromStringMap(map[string]any{"no_such_key": 1}).Unmarshal(cfg))
}

func TestWarningsAreLoggedOnce(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		require.NoError(t, confmap.NewFromStringMap(map[string]any{"max_retries": 2}).Unmarshal(c))
	}).start(t)
	require.NoError(t, f.Shutdown(t.Context()))
	assert.Equal(t, 1, f.log.FilterMessageSnippet("max_retries has no effect").Len())
}
