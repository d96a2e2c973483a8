package xraydaemonprovider

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"go.yaml.in/yaml/v3"

	"github.com/tailwater-otel/tailwater/exporter/awsxrayexporter"
	"github.com/tailwater-otel/tailwater/internal/xraydaemon"
	"github.com/tailwater-otel/tailwater/receiver/awsxrayreceiver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func settings(change func(*xraydaemon.Settings)) xraydaemon.Settings {
	s := xraydaemon.Defaults()
	change(&s)
	return s
}

// Each setting of the daemon has its place in the collector's configuration.
func TestCollectorConfig(t *testing.T) {
	for name, test := range map[string]struct {
		settings  xraydaemon.Settings
		megabytes int
		want      string
	}{
		"defaults": {xraydaemon.Defaults(), 80, `
receivers:
  awsxray:
    endpoint: 127.0.0.1:2000
    queue_bytes: 8388608
    proxy_server: {endpoint: 127.0.0.1:2000}
exporters:
  awsxray:
    num_workers: 8
    sending_queue: {sizer: bytes, queue_size: 75497472}
    telemetry: {enabled: true, include_metadata: true}
service:
  pipelines:
    traces: {receivers: [awsxray], exporters: [awsxray]}
  telemetry:
    logs: {level: info}
    metrics: {level: none}
`},
		"everything": {xraydaemon.Settings{
			Concurrency: 3, Region: "eu-central-1", Endpoint: "https://xray.example.com",
			UDPAddress: "127.0.0.1:3000", TCPAddress: "127.0.0.1:3001", LogLevel: "error", LogPath: "/var/log/x$y.log",
			LocalMode: true, ResourceARN: "arn:aws:ec2:x", RoleARN: "arn:aws:iam::1:role/x", NoVerifySSL: true, ProxyAddress: "10.0.0.1:3128",
			HealthAddress: "127.0.0.1:13133", MetricsAddress: ":8888",
		}, 3, `
receivers:
  awsxray:
    endpoint: 127.0.0.1:3000
    queue_bytes: 1048576
    proxy_server:
      endpoint: 127.0.0.1:3001
      aws_endpoint: https://xray.example.com
      proxy_address: http://10.0.0.1:3128
      region: eu-central-1
      role_arn: arn:aws:iam::1:role/x
      local_mode: true
      tls: {insecure_skip_verify: true}
exporters:
  awsxray:
    num_workers: 3
    sending_queue: {sizer: bytes, queue_size: 2097152}
    telemetry: {enabled: true, include_metadata: true}
    endpoint: https://xray.example.com
    proxy_address: http://10.0.0.1:3128
    resource_arn: arn:aws:ec2:x
    region: eu-central-1
    role_arn: arn:aws:iam::1:role/x
    local_mode: true
    no_verify_ssl: true
extensions:
  health_check: {endpoint: 127.0.0.1:13133}
service:
  extensions: [health_check]
  pipelines:
    traces: {receivers: [awsxray], exporters: [awsxray]}
  telemetry:
    logs: {level: error, output_paths: [/var/log/x$$y.log]}
    metrics:
      readers:
        - pull: {exporter: {prometheus: {host: 0.0.0.0, port: 8888}}}
`},
		"Kubernetes": {settings(func(s *xraydaemon.Settings) {
			s.UDPAddress, s.TCPAddress, s.LogLevel = "0.0.0.0:2000", "0.0.0.0:2000", "dev"
		}), 24, `
receivers:
  awsxray:
    endpoint: 0.0.0.0:2000
    queue_bytes: 6291456
    proxy_server: {endpoint: 0.0.0.0:2000}
exporters:
  awsxray:
    num_workers: 8
    sending_queue: {sizer: bytes, queue_size: 18874368}
    telemetry: {enabled: true, include_metadata: true}
service:
  pipelines:
    traces: {receivers: [awsxray], exporters: [awsxray]}
  telemetry:
    logs: {level: debug}
    metrics: {level: none}
`},
	} {
		t.Run(name, func(t *testing.T) {
			config := CollectorConfig(test.settings, test.megabytes)
			var want map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(test.want), &want))
			assert.Equal(t, want, config)
			requireAccepted(t, config)
		})
	}
}

// requireAccepted checks that the components take their part of a configuration.
func requireAccepted(t *testing.T, config map[string]any) {
	conf := confmap.NewFromStringMap(config)
	for key, into := range map[string]component.Config{
		"receivers::awsxray": awsxrayreceiver.NewFactory().CreateDefaultConfig(),
		"exporters::awsxray": awsxrayexporter.NewFactory().CreateDefaultConfig(),
	} {
		sub, err := conf.Sub(key)
		require.NoError(t, err)
		require.NoError(t, sub.Unmarshal(into))
		require.NoError(t, confmap.Validate(into))
	}
}

func retrieve(t *testing.T, factory confmap.ProviderFactory, uri string) (map[string]any, []string, error) {
	core, lines := observer.New(zap.DebugLevel)
	p := factory.Create(confmap.ProviderSettings{Logger: zap.New(core)})
	require.NoError(t, confmaptest.ValidateProviderScheme(p))
	retrieved, err := p.Retrieve(t.Context(), uri, nil)
	if err != nil {
		return nil, nil, err
	}
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	require.NoError(t, retrieved.Close(context.Background()))
	require.NoError(t, p.Shutdown(context.Background()))
	var said []string
	for _, line := range lines.All() {
		said = append(said, line.Message)
	}
	return conf.ToStringMap(), said, nil
}

func TestRetrieve(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cfg.yaml")
	require.NoError(t, os.WriteFile(path, []byte("TotalBufferSizeMB: 24\nRegion: eu-west-1\nLogging: {LogLevel: loud}\nVersion: 2\n"), 0o600))
	config, said, err := retrieve(t, NewFactory(), "xraydaemon:"+path)
	require.NoError(t, err)
	assert.Equal(t, CollectorConfig(settings(func(s *xraydaemon.Settings) { s.Region = "eu-west-1" }), 24), config)
	require.Len(t, said, 1)
	assert.Contains(t, said[0], `Log level "loud"`)

	t.Chdir(filepath.Dir(path))
	if _, err := os.Stat(xraydaemon.DefaultFiles[0]); os.IsNotExist(err) {
		found, _, err := retrieve(t, NewFactory(), "xraydaemon:")
		require.NoError(t, err)
		assert.Equal(t, config, found)
	}

	require.NoError(t, os.WriteFile(path, []byte("Color: red\nVersion: 2\n"), 0o600))
	_, _, err = retrieve(t, NewFactory(), "xraydaemon:"+path)
	assert.ErrorContains(t, err, "Color flag is invalid")
	require.NoError(t, os.WriteFile(path, []byte("TotalBufferSizeMB: 2\nVersion: 2\n"), 0o600))
	_, _, err = retrieve(t, NewFactory(), "xraydaemon:"+path)
	assert.ErrorIs(t, err, xraydaemon.ErrBufferMemory)
	_, _, err = retrieve(t, NewFactory(), "xraydaemon:/nowhere/cfg.yaml")
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, _, err = retrieve(t, NewFactory(), "file:"+path)
	assert.ErrorContains(t, err, "xraydaemon")
}

func TestFactoryOf(t *testing.T) {
	s := settings(func(s *xraydaemon.Settings) { s.TotalBufferSizeMB, s.Region = 5, "eu-west-1" })
	config, _, err := retrieve(t, FactoryOf(s), "xraydaemon:")
	require.NoError(t, err)
	assert.Equal(t, CollectorConfig(s, 5), config)
	_, _, err = retrieve(t, FactoryOf(s), "xraydaemon:/etc/cfg.yaml")
	assert.ErrorContains(t, err, "/etc/cfg.yaml")
}
