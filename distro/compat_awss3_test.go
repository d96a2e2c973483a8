package main

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exportertest"
)

var s3Type = component.MustNewType("awss3")

// contribS3Defaults are the keys and defaults of contrib's awss3 exporter
// v0.158.0. Ours has the same but for timeout, which is 5s there: an upload
// that takes longer would never succeed.
var contribS3Defaults = map[string]any{
	"marshaler":               "otlp_json",
	"encoding":                "",
	"encoding_file_extension": "",
	"timeout":                 "30s",

	"resource_attrs_to_s3.s3_bucket": "",
	"resource_attrs_to_s3.s3_prefix": "",

	"retry_on_failure.enabled":              true,
	"retry_on_failure.initial_interval":     "5s",
	"retry_on_failure.max_interval":         "30s",
	"retry_on_failure.max_elapsed_time":     "5m0s",
	"retry_on_failure.multiplier":           1.5,
	"retry_on_failure.randomization_factor": 0.5,

	"s3uploader.region":                "us-east-1",
	"s3uploader.s3_bucket":             "",
	"s3uploader.s3_base_prefix":        "",
	"s3uploader.s3_prefix":             "",
	"s3uploader.s3_partition_format":   "year=%Y/month=%m/day=%d/hour=%H/minute=%M",
	"s3uploader.s3_partition_timezone": "",
	"s3uploader.file_prefix":           "",
	"s3uploader.endpoint":              "",
	"s3uploader.role_arn":              "",
	"s3uploader.s3_force_path_style":   false,
	"s3uploader.disable_ssl":           false,
	"s3uploader.acl":                   "",
	"s3uploader.storage_class":         "STANDARD",
	"s3uploader.compression":           "",
	"s3uploader.retry_mode":            "standard",
	"s3uploader.retry_max_attempts":    3,
	"s3uploader.retry_max_backoff":     "20s",
	"s3uploader.unique_key_func_name":  "",
}

func TestContribS3ConfigsLoad(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "compat-awss3", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	factories, err := components()
	require.NoError(t, err)
	for _, file := range files {
		text, config := loadCompat(t, file, factories)
		for id, c := range config.Exporters {
			t.Run(id.String(), func(t *testing.T) {
				require.NoError(t, confmap.Validate(c))
				set := flattenSection(t, text, "exporters", id)
				want := maps.Clone(contribS3Defaults)
				maps.Copy(want, set)
				if set["sending_queue.enabled"] == true && set["retry_on_failure.max_elapsed_time"] == nil {
					want["retry_on_failure.max_elapsed_time"] = "0s" // the queue bounds what waits
				}
				delete(want, "sending_queue.enabled") // an Optional says it by being there
				for _, key := range slices.Collect(maps.Keys(want)) {
					if want[key] == "99s" {
						want[key] = "1m39s"
					}
				}
				requireValues(t, want, c, id.String())
				factory := factories.Exporters[s3Type]
				_, err := factory.CreateTraces(t.Context(), exportertest.NewNopSettings(s3Type), c)
				require.NoError(t, err)
				_, err = factory.CreateMetrics(t.Context(), exportertest.NewNopSettings(s3Type), c)
				require.NoError(t, err)
				_, err = factory.CreateLogs(t.Context(), exportertest.NewNopSettings(s3Type), c)
				require.NoError(t, err)
			})
		}
	}
}

// The example named every_key sets each key of contrib to another value than
// its default, so that each is known to arrive.
func TestContribS3ExampleHasEveryKey(t *testing.T) {
	factories, err := components()
	require.NoError(t, err)
	text, _ := loadCompat(t, filepath.Join("testdata", "compat-awss3", "contrib-every-key.yaml"), factories)
	set := flattenSection(t, text, "exporters", component.NewIDWithName(s3Type, "every_key"))
	for key, value := range contribS3Defaults {
		require.Contains(t, set, key)
		if key != "retry_on_failure.enabled" {
			require.NotEqual(t, settingText(value), settingText(set[key]), key)
		}
	}
	for key := range set {
		if _, known := contribS3Defaults[key]; !known {
			require.Contains(t, key, "sending_queue.")
		}
	}
}

func TestContribS3Defaults(t *testing.T) {
	factories, err := components()
	require.NoError(t, err)
	requireValues(t, contribS3Defaults, factories.Exporters[s3Type].CreateDefaultConfig(), "the exporter")
}
