package awsemfexporter

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

func load(t *testing.T, settings map[string]any) (*Config, error) {
	cfg := createDefaultConfig().(*Config)
	if err := confmap.NewFromStringMap(settings).Unmarshal(cfg); err != nil {
		return cfg, err
	}
	return cfg, confmap.Validate(cfg)
}

func TestConfigValidate(t *testing.T) {
	many := map[string]any{}
	for i := range 51 {
		many[strings.Repeat("k", i+1)] = "v"
	}
	for _, test := range []struct {
		settings map[string]any
		want     string
	}{
		{map[string]any{"dimension_rollup_option": "All"}, `dimension_rollup_option: "All" is none of`},
		{map[string]any{"output_destination": "file"}, `output_destination: "file" is none of`},
		{map[string]any{"agent_endpoint": "http://x"}, `agent_endpoint: "http://x" is no agent`},
		{map[string]any{"compression": "zstd"}, `compression: "zstd" is none of`},
		{map[string]any{"version": "2"}, `version: "2" is none of`},
		{map[string]any{"log_group_class": "CHEAP"}, `log_group_class: "CHEAP" is none of`},
		{map[string]any{"log_retention": 2}, `log_retention: 2 days is none of`},
		{map[string]any{"max_event_bytes": 2 << 20}, `max_event_bytes: 2097152 is not from`},
		{map[string]any{"aggregation": "second"}, `aggregation: "second" is none of ["minute" "batch"]`},
		{map[string]any{"aggregation_wait": "-1s"}, `aggregation_wait: -1s is not from 0 to 5m0s`},
		{map[string]any{"aggregation_wait": "6m"}, `aggregation_wait: 6m0s is not from 0 to 5m0s`},
		{map[string]any{"max_cumulative_series": 0}, `max_cumulative_series: 0 is less than 1`},
		{map[string]any{"num_workers": -1}, `num_workers: -1 is negative`},
		{map[string]any{"request_timeout_seconds": -1}, `request_timeout_seconds: -1 is negative`},
		{map[string]any{"timeout": "-1s"}, `timeout: -1s is negative`},
		{map[string]any{"shutdown_timeout": "-1s"}, `shutdown_timeout: -1s is negative`},
		{map[string]any{"tags": map[string]any{}}, `tags: empty`},
		{map[string]any{"tags": many}, `tags: 51 are more than 50`},
		{map[string]any{"tags": map[string]any{"a": ""}}, `tags.a: value ""`},
		{map[string]any{"tags": map[string]any{"a!": "x"}}, `tags: key "a!"`},
		{map[string]any{"endpoint": "ftp://x"}, `endpoint: scheme "ftp"`},
		{map[string]any{"sending_queue": map[string]any{"queue_size": 10, "sizer": "bytes"}}, `sending_queue.queue_size: 10 bytes is less than`},
		{map[string]any{"resource_to_telemetry_conversion": map[string]any{"enabled": true, "included": []any{"*"}}}, `resource_to_telemetry_conversion: enabled`},
		{map[string]any{"metric_declarations": []any{map[string]any{"metric_name_selectors": []any{"ok", "("}}}}, `metric_declarations[0].metric_name_selectors[1]: error parsing regexp`},
		{map[string]any{"metric_declarations": []any{map[string]any{"metric_name_selectors": []any{"x"}, "label_matchers": []any{map[string]any{"label_names": []any{"a"}, "regex": "["}}}}},
			`metric_declarations[0].label_matchers[0].regex: error parsing regexp`},
		{map[string]any{"metric_declarations": []any{map[string]any{"metric_name_selectors": []any{"x"}, "label_matchers": []any{map[string]any{"regex": "x"}}}}},
			`metric_declarations[0].label_matchers[0].label_names: empty`},
		{map[string]any{"metric_declarations": []any{map[string]any{"metric_name_selectors": []any{"x"}, "label_matchers": []any{map[string]any{"label_names": []any{"a"}}}}}},
			`metric_declarations[0].label_matchers[0].regex: empty`},
		{map[string]any{"no_such_key": 1}, `no_such_key`},
	} {
		_, err := load(t, test.settings)
		assert.ErrorContains(t, err, test.want)
	}
}

func TestConfigDefaultsFollowOtherKeys(t *testing.T) {
	c, err := load(t, map[string]any{"num_workers": 3, "request_timeout_seconds": 7, "max_retries": 5, "resource_arn": "arn:x", "log_group_class": "INFREQUENT_ACCESS"})
	require.NoError(t, err)
	assert.Equal(t, 3, c.workers())
	assert.Equal(t, 7*time.Second, c.Timeout)
	warnings := strings.Join(c.allWarnings(), "\n")
	for _, key := range []string{"max_retries", "resource_arn", "log_group_class"} {
		assert.Contains(t, warnings, key)
	}

	c, err = load(t, map[string]any{"sending_queue": map[string]any{"queue_size": 5, "num_consumers": 2}, "num_workers": 0, "request_timeout_seconds": 0})
	require.NoError(t, err)
	assert.Equal(t, exporterhelper.RequestSizerTypeRequests, c.SendingQueue.Get().Sizer)
	assert.Equal(t, exporterhelper.RequestSizerTypeBytes, c.SendingQueue.Get().Batch.Get().Sizer)
	assert.Equal(t, 2, c.workers())
	assert.Equal(t, 30*time.Second, c.Timeout)

	c, err = load(t, map[string]any{"metric_declarations": []any{map[string]any{"dimensions": []any{
		[]any{"b", "a", "b"}, []any{"a", "b"}, make31(), []any{}}, "metric_name_selectors": []any{"x"}}}})
	require.NoError(t, err)
	declarations, skipped, err := compileDeclarations(c.MetricDeclarations)
	require.NoError(t, err)
	assert.Equal(t, [][]string{{"a", "b"}, nil}, declarations[0].sets)
	assert.Len(t, skipped, 1)
	assert.Contains(t, skipped[0], "metric_declarations[0].dimensions[2]")
}

// Where the sender waits for the result nothing can be held.
func TestWhatJoins(t *testing.T) {
	waits := map[string]any{"wait_for_result": true}
	off := map[string]any{"enabled": false}
	for _, test := range []struct {
		settings     map[string]any
		joins, warns bool
	}{
		{map[string]any{}, true, false},
		{map[string]any{"aggregation": "minute"}, true, false},
		{map[string]any{"aggregation": "batch"}, false, false},
		{map[string]any{"sending_queue": waits}, false, false},
		{map[string]any{"sending_queue": waits, "aggregation": "minute"}, false, true},
		{map[string]any{"sending_queue": off, "aggregation": "minute"}, false, true},
		{map[string]any{"sending_queue": off, "aggregation": "batch"}, false, false},
	} {
		c, err := load(t, test.settings)
		require.NoError(t, err)
		assert.Equal(t, test.joins, c.joins(), test.settings)
		assert.Equal(t, test.warns, strings.Contains(strings.Join(c.allWarnings(), "\n"), "aggregation: minute has no effect"), test.settings)
	}
}

func make31() (out []any) {
	for i := range 31 {
		out = append(out, strings.Repeat("d", i+1))
	}
	return out
}

func TestUserAgent(t *testing.T) {
	t.Setenv("AWS_EXECUTION_ENV", "AWS_ECS_FARGATE")
	c := createDefaultConfig().(*Config)
	assert.NotContains(t, userAgent(c, newFixture(t, nil).set.BuildInfo), "AppSignals")
	c.Namespace, c.LogGroupName = "ApplicationSignals", "/aws/application-signals/data"
	assert.Contains(t, userAgent(c, newFixture(t, nil).set.BuildInfo), "exec-env/AWS_ECS_FARGATE")
	assert.Contains(t, userAgent(c, newFixture(t, nil).set.BuildInfo), " AppSignals")
	c.LogGroupName = "/aws/containerinsights/shop/performance"
	assert.Contains(t, userAgent(c, newFixture(t, nil).set.BuildInfo), " ContainerInsights")
}
