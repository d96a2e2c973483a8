package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pipeline"
)

// statusGate makes the health check follow the status of components.
const statusGate = "extension.healthcheck.useComponentStatus"

// dryRunEnv is what configurations need of their surroundings.
var dryRunEnv = map[string]string{
	"AWS_REGION":                    "eu-west-1",
	"AWS_ACCESS_KEY_ID":             "AKIDEXAMPLE",
	"AWS_SECRET_ACCESS_KEY":         "secret",
	"AWS_EC2_METADATA_DISABLED":     "true",
	"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/x",
	"TAILWATER_BUCKET":              "example-archive",
}

// dryRun checks a configuration as `tailwater validate` does: it is read,
// validated, and its pipelines are built and not started.
func dryRun(t *testing.T, uris ...string) {
	t.Helper()
	t.Setenv("TAILWATER_STATE", t.TempDir())
	for key, value := range dryRunEnv {
		t.Setenv(key, value)
	}
	was := false
	featuregate.GlobalRegistry().VisitAll(func(g *featuregate.Gate) { was = was || g.ID() == statusGate && g.IsEnabled() })
	require.NoError(t, featuregate.GlobalRegistry().Set(statusGate, true))
	t.Cleanup(func() { require.NoError(t, featuregate.GlobalRegistry().Set(statusGate, was)) })
	collector, err := otelcol.NewCollector(otelcol.CollectorSettings{
		BuildInfo: component.NewDefaultBuildInfo(),
		Factories: components,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs: uris,
			ProviderFactories: []confmap.ProviderFactory{
				fileprovider.NewFactory(), envprovider.NewFactory(), yamlprovider.NewFactory(),
			},
			DefaultScheme: "env",
		}},
	})
	require.NoError(t, err)
	require.NoError(t, collector.DryRun(t.Context()))
}

func configFiles(t *testing.T) []string {
	files, err := filepath.Glob("../configs/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func TestConfigsRunDry(t *testing.T) {
	for _, file := range configFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) { dryRun(t, file) })
	}
}

// configs/README.md describes every file, and no other.
func TestConfigsAreDescribed(t *testing.T) {
	page, err := os.ReadFile("../configs/README.md")
	require.NoError(t, err)
	var described, there []string
	for _, match := range regexp.MustCompile(`(?m)^\| \[([^\]]+)\]\(([^)]+)\) \|`).FindAllStringSubmatch(string(page), -1) {
		require.Equal(t, match[1], match[2])
		described = append(described, match[1])
	}
	for _, file := range configFiles(t) {
		there = append(there, filepath.Base(file))
	}
	require.ElementsMatch(t, there, described)
}

// What listens is on loopback, until the environment says otherwise.
func TestConfigsListenOnLoopback(t *testing.T) {
	for _, file := range configFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for i, line := range strings.Split(string(text), "\n") {
				code, _, _ := strings.Cut(line, "#")
				require.NotContains(t, code, "0.0.0.0", "line %d", i+1)
				if key, value, ok := strings.Cut(strings.TrimSpace(code), ":"); ok && key == "endpoint" && !strings.Contains(value, "http") {
					require.Regexp(t, `127\.0\.0\.1`, value, "line %d", i+1)
				}
			}
		})
	}
}

// Zero-code agents send all three signals to the address that they are given,
// and complain if one is refused.
func TestConfigsTakeAllSignals(t *testing.T) {
	for key, value := range dryRunEnv {
		t.Setenv(key, value)
	}
	factories, err := components()
	require.NoError(t, err)
	require.NoError(t, featuregate.GlobalRegistry().Set(statusGate, true))
	t.Cleanup(func() { require.NoError(t, featuregate.GlobalRegistry().Set(statusGate, false)) })
	for _, file := range configFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, config := loadCompat(t, file, factories)
			taken := map[pipeline.Signal]bool{}
			for id, p := range config.Service.Pipelines {
				if slices.Contains(p.Receivers, component.MustNewID("otlp")) {
					taken[id.Signal()] = true
				}
			}
			if config.Receivers[component.MustNewID("otlp")] == nil {
				require.Empty(t, taken)
				return
			}
			require.Equal(t, map[pipeline.Signal]bool{pipeline.SignalTraces: true, pipeline.SignalMetrics: true, pipeline.SignalLogs: true}, taken)
		})
	}
}

// configs/daemon.yaml is what the drop-in makes of a file that says no more
// than the memory.
func TestDaemonConfigIsTheDropIns(t *testing.T) {
	for key, value := range dryRunEnv {
		t.Setenv(key, value)
	}
	file := filepath.Join(t.TempDir(), "cfg.yaml")
	require.NoError(t, os.WriteFile(file, []byte("TotalBufferSizeMB: 16\nVersion: 2\n"), 0o600))
	factories, err := components()
	require.NoError(t, err)
	load := func(uri string) *otelcol.Config {
		settings := daemonSettings([]string{uri})
		settings.ResolverSettings.ProviderFactories = append(settings.ResolverSettings.ProviderFactories, envprovider.NewFactory())
		settings.ResolverSettings.DefaultScheme = "env"
		provider, err := otelcol.NewConfigProvider(settings)
		require.NoError(t, err)
		config, err := provider.Get(t.Context(), factories)
		require.NoError(t, err)
		require.NoError(t, provider.Shutdown(t.Context()))
		return config
	}
	want, have := load("xraydaemon:"+file), load("../configs/daemon.yaml")
	require.Equal(t, want.Receivers, have.Receivers)
	require.Equal(t, want.Exporters, have.Exporters)
	require.Equal(t, want.Processors, have.Processors)
	require.Equal(t, want.Extensions, have.Extensions)
	require.Equal(t, want.Service.Pipelines, have.Service.Pipelines)
}
