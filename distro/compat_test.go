package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// Configurations of the components that ours take the place of load unchanged.
// The keys and defaults here are those of contrib v0.161.0.

var xrayType = component.MustNewType("awsxray")

// contribDefaults holds, for each key of contrib's awsxray receiver and
// exporter, the value it has when it is not set. Ours has the same.
var contribDefaults = map[string]map[string]any{
	"receiver": {
		"endpoint":       "localhost:2000",
		"transport":      "udp",
		"dialer.timeout": "0s",

		"proxy_server.endpoint":       "localhost:2000",
		"proxy_server.dialer.timeout": "0s",
		"proxy_server.proxy_address":  "",
		"proxy_server.region":         "",
		"proxy_server.role_arn":       "",
		"proxy_server.aws_endpoint":   "",
		"proxy_server.local_mode":     false,
		"proxy_server.service_name":   "xray",

		"proxy_server.tls.insecure":                     false,
		"proxy_server.tls.insecure_skip_verify":         false,
		"proxy_server.tls.server_name_override":         "",
		"proxy_server.tls.ca_file":                      "",
		"proxy_server.tls.cert_file":                    "",
		"proxy_server.tls.key_file":                     "",
		"proxy_server.tls.include_system_ca_certs_pool": false,
		"proxy_server.tls.min_version":                  "",
		"proxy_server.tls.max_version":                  "",
		"proxy_server.tls.reload_interval":              "0s",
	},
	"exporter": {
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
		"indexed_attributes":      []any{},
		"index_all_attributes":    false,
		"aws_log_groups":          []any{},

		"telemetry.enabled":          false,
		"telemetry.include_metadata": false,
		"telemetry.contributors":     []any{},
		"telemetry.hostname":         "",
		"telemetry.instance_id":      "",
		"telemetry.resource_arn":     "",
	},
}

func TestContribConfigsLoad(t *testing.T) {
	t.Setenv("LISTEN", "127.0.0.1")
	t.Setenv("AWS_REGION", "eu-central-1")
	files, err := filepath.Glob(filepath.Join("testdata", "compat", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	factories, err := components()
	require.NoError(t, err)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, config := loadCompat(t, file, factories)
			require.NoError(t, confmap.Validate(config))
			// What is wrong must show when the pipelines are built, not later.
			for id, c := range config.Receivers {
				if id.Type() != xrayType {
					continue
				}
				requireSettings(t, text, "receivers", "receiver", id, c)
				_, err := factories.Receivers[xrayType].CreateTraces(t.Context(), receivertest.NewNopSettings(xrayType), c, consumertest.NewNop())
				require.NoError(t, err, id)
			}
			for id, c := range config.Exporters {
				if id.Type() != xrayType {
					continue
				}
				requireSettings(t, text, "exporters", "exporter", id, c)
				_, err := factories.Exporters[xrayType].CreateTraces(t.Context(), exportertest.NewNopSettings(xrayType), c)
				require.NoError(t, err, id)
			}
		})
	}
}

// The examples named every_key set each key of contrib and no other, each to
// another value than its default, so that each is known to arrive.
func TestContribExamplesHaveEveryKey(t *testing.T) {
	factories, err := components()
	require.NoError(t, err)
	for kind, section := range map[string]string{"receiver": "receivers", "exporter": "exporters"} {
		t.Run(kind, func(t *testing.T) {
			text, _ := loadCompat(t, filepath.Join("testdata", "compat", "contrib-"+kind+".yaml"), factories)
			set := flattenSection(t, text, section, component.NewIDWithName(xrayType, "every_key"))
			defaults := contribDefaults[kind]
			require.ElementsMatch(t, slices.Collect(maps.Keys(defaults)), slices.Collect(maps.Keys(set)))
			for key, value := range set {
				if key != "transport" { // udp is the only one
					require.NotEqual(t, settingText(defaults[key]), settingText(value), key)
				}
			}
		})
	}
}

func TestContribDefaults(t *testing.T) {
	factories, err := components()
	require.NoError(t, err)
	requireValues(t, contribDefaults["receiver"], factories.Receivers[xrayType].CreateDefaultConfig(), "the receiver")
	requireValues(t, contribDefaults["exporter"], factories.Exporters[xrayType].CreateDefaultConfig(), "the exporter")
}

// loadCompat loads a configuration as the program does. text is what the file
// says after the environment is filled in.
func loadCompat(t *testing.T, file string, factories otelcol.Factories) (text *confmap.Conf, config *otelcol.Config) {
	settings := confmap.ResolverSettings{
		URIs:              []string{file},
		ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory(), envprovider.NewFactory()},
		DefaultScheme:     "env",
	}
	resolver, err := confmap.NewResolver(settings)
	require.NoError(t, err)
	text, err = resolver.Resolve(t.Context())
	require.NoError(t, err)
	require.NoError(t, resolver.Shutdown(t.Context()))

	provider, err := otelcol.NewConfigProvider(otelcol.ConfigProviderSettings{ResolverSettings: settings})
	require.NoError(t, err)
	config, err = provider.Get(t.Context(), factories)
	require.NoError(t, err)
	require.NoError(t, provider.Shutdown(t.Context()))
	return text, config
}

// requireSettings checks that the component has the value of each key that the
// file sets, and contrib's default of every other key of contrib.
func requireSettings(t *testing.T, text *confmap.Conf, section, kind string, id component.ID, config component.Config) {
	t.Helper()
	want := maps.Clone(contribDefaults[kind])
	maps.Copy(want, flattenSection(t, text, section, id))
	requireValues(t, want, config, id.String())
}

func requireValues(t *testing.T, want map[string]any, config component.Config, of string) {
	t.Helper()
	conf := confmap.New()
	require.NoError(t, conf.Marshal(config))
	have := map[string]any{}
	flatten(conf.ToStringMap(), "", have)
	for key := range want {
		require.Equal(t, settingText(want[key]), settingText(have[key]), "%s of %s", key, of)
	}
}

// flattenSection returns the keys that the file sets for one component.
func flattenSection(t *testing.T, text *confmap.Conf, section string, id component.ID) map[string]any {
	t.Helper()
	components, ok := text.Get(section).(map[string]any)
	require.True(t, ok, section)
	set := map[string]any{}
	if config, ok := components[id.String()].(map[string]any); ok {
		flatten(config, "", set)
	}
	return set
}

// flatten joins the keys of nested maps by points.
func flatten(nested map[string]any, prefix string, flat map[string]any) {
	for key, value := range nested {
		switch value := value.(type) {
		case map[string]any:
			flatten(value, prefix+key+".", flat)
		default:
			flat[prefix+key] = value
		}
	}
}

// settingText makes values comparable: those of YAML and those of Go, and all
// ways to say nothing.
func settingText(value any) string {
	switch s := fmt.Sprint(value); s {
	case "<nil>", "false", "0", "0s", "[]":
		return ""
	default:
		return s
	}
}
