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

	"github.com/tailwater-otel/tailwater/exporter/awsemfexporter"
)

var emfType = component.MustNewType("awsemf")

// emfDefaults holds, for each key of contrib's awsemf exporter but the lists of
// blocks, the value it has when it is not set. Ours has the same, with the one
// difference that the README gives the reason of.
var emfDefaults = map[string]any{
	"num_workers":             8,
	"endpoint":                "",
	"request_timeout_seconds": 30,
	"max_retries":             2,
	"no_verify_ssl":           false,
	"proxy_address":           "",
	"region":                  "",
	"local_mode":              false,
	"resource_arn":            "",
	"role_arn":                "",
	"external_id":             "",

	"log_group_name":                         "",
	"log_stream_name":                        "",
	"namespace":                              "",
	"retain_initial_value_of_delta_metric":   false,
	"dimension_rollup_option":                "NoDimensionRollup", // contrib: ZeroAndSingleDimensionRollup
	"log_retention":                          0,
	"parse_json_encoded_attr_values":         []any{},
	"output_destination":                     "cloudwatch",
	"eks_fargate_container_insights_enabled": false,
	"detailed_metrics":                       false,
	"version":                                "1",

	"resource_to_telemetry_conversion.included":                   []any{},
	"resource_to_telemetry_conversion.excluded":                   []any{},
	"resource_to_telemetry_conversion.enabled":                    false,
	"resource_to_telemetry_conversion.exclude_service_attributes": false,
}

func TestContribEMFConfigsLoad(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-central-1")
	factories, err := components()
	require.NoError(t, err)
	requireValues(t, emfDefaults, factories.Exporters[emfType].CreateDefaultConfig(), "the exporter")

	text, config := loadCompat(t, filepath.Join("testdata", "compat", "contrib-awsemf.yaml"), factories)
	require.NoError(t, confmap.Validate(config))
	require.Len(t, config.Exporters, 11)
	for id, c := range config.Exporters {
		want := maps.Clone(emfDefaults)
		set := flattenSection(t, text, "exporters", id)
		lists := []string{"metric_declarations", "metric_descriptors", "tags.team"}
		if id.Name() == "every_key" {
			// Each key of contrib but the older form of a block, each with another
			// value than its default, so that each is known to arrive.
			older := []string{"resource_to_telemetry_conversion.enabled", "resource_to_telemetry_conversion.exclude_service_attributes"}
			require.ElementsMatch(t, append(slices.Collect(maps.Keys(emfDefaults)), lists...), append(slices.Collect(maps.Keys(set)), older...))
			for key := range set {
				require.NotEqual(t, settingText(emfDefaults[key]), settingText(set[key]), key)
			}
		}
		maps.Copy(want, set)
		for _, key := range lists {
			delete(want, key)
		}
		requireValues(t, want, c, id.String())
		// What is wrong must show when the pipelines are built, not later.
		_, err := factories.Exporters[emfType].CreateMetrics(t.Context(), exportertest.NewNopSettings(emfType), c)
		require.NoError(t, err, id)
	}

	every := config.Exporters[component.NewIDWithName(emfType, "every_key")].(*awsemfexporter.Config)
	require.Equal(t, map[string]string{"team": "shop"}, every.Tags)
	require.Equal(t, []*awsemfexporter.MetricDeclaration{{
		Dimensions: [][]string{{"a", "b"}}, MetricNameSelectors: []string{"x"},
		LabelMatchers: []*awsemfexporter.LabelMatcher{{LabelNames: []string{"a"}, Separator: "/", Regex: "y"}},
	}}, every.MetricDeclarations)
	require.Equal(t, []awsemfexporter.MetricDescriptor{{MetricName: "x", Unit: "Count", Overwrite: true}}, every.MetricDescriptors)
}
