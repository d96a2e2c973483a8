package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/otelcol"

	"github.com/tailwater-otel/tailwater/provider/xraydaemonprovider"
)

// The file of an X-Ray daemon, alone and with docs/migrate-from-daemon.md's
// more.yaml over it, is a configuration of the distribution.
func TestDaemonFile(t *testing.T) {
	text, err := os.ReadFile("../docs/migrate-from-daemon.md")
	require.NoError(t, err)
	_, more, found := strings.Cut(string(text), "```yaml\n# more.yaml\n")
	require.True(t, found)
	more, _, _ = strings.Cut(more, "```")
	dir := t.TempDir()
	file, overlay := filepath.Join(dir, "cfg.yaml"), filepath.Join(dir, "more.yaml")
	require.NoError(t, os.WriteFile(file, []byte("TotalBufferSizeMB: 24\nRegion: eu-west-1\nVersion: 2\n"), 0o600))
	require.NoError(t, os.WriteFile(overlay, []byte(more), 0o600))

	for name, test := range map[string]struct {
		uris       []string
		receivers  []component.ID
		processors []component.ID
	}{
		"alone":     {[]string{"xraydaemon:" + file}, []component.ID{component.MustNewID("awsxray")}, nil},
		"more.yaml": {[]string{"xraydaemon:" + file, overlay}, []component.ID{component.MustNewID("awsxray"), component.MustNewID("otlp")}, []component.ID{component.MustNewID("xray_tail_sampling")}},
	} {
		t.Run(name, func(t *testing.T) {
			collector, err := otelcol.NewCollector(otelcol.CollectorSettings{
				BuildInfo: component.NewDefaultBuildInfo(), Factories: components,
				ConfigProviderSettings: daemonSettings(test.uris),
			})
			require.NoError(t, err)
			require.NoError(t, collector.DryRun(t.Context()))

			factories, err := components()
			require.NoError(t, err)
			provider, err := otelcol.NewConfigProvider(daemonSettings(test.uris))
			require.NoError(t, err)
			config, err := provider.Get(t.Context(), factories)
			require.NoError(t, err)
			require.NoError(t, provider.Shutdown(t.Context()))
			require.Len(t, config.Service.Pipelines, 1)
			for _, pipeline := range config.Service.Pipelines {
				require.Equal(t, test.receivers, pipeline.Receivers)
				require.Equal(t, test.processors, pipeline.Processors)
				require.Equal(t, []component.ID{component.MustNewID("awsxray")}, pipeline.Exporters)
			}
		})
	}
}

func daemonSettings(uris []string) otelcol.ConfigProviderSettings {
	return otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
		URIs:              uris,
		ProviderFactories: []confmap.ProviderFactory{xraydaemonprovider.NewFactory(), fileprovider.NewFactory()},
	}}
}
