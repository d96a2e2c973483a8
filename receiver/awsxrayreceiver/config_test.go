package awsxrayreceiver

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/tailwater-otel/tailwater/internal/samplingapi/samplingserver"
	"github.com/tailwater-otel/tailwater/receiver/awsxrayreceiver/internal/metadata"
)

func changed(change func(*Config)) *Config {
	cfg := createDefaultConfig().(*Config)
	if change != nil {
		change(cfg)
	}
	return cfg
}

func TestLoadConfig(t *testing.T) {
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for _, tc := range []struct {
		name    string
		want    *Config
		ignored []string
	}{
		{"", changed(nil), nil},
		{"empty_sections", changed(nil), nil},
		{"contrib", changed(func(c *Config) {
			c.Endpoint = "0.0.0.0:5678"
			c.Dialer = confignet.DialerConfig{Timeout: time.Second}
			c.ProxyServer = samplingserver.Config{
				Endpoint:     "0.0.0.0:1234",
				ProxyAddress: "https://proxy.example.com",
				TLS:          configtls.ClientConfig{Insecure: true, ServerName: "something"},
				Region:       "us-west-1",
				RoleARN:      "arn:aws:iam::123456789012:role/tracing",
				AWSEndpoint:  "https://xray.example.com",
				LocalMode:    true,
				ServiceName:  "xray",
				Sampling:     samplingserver.Forward,
			}
		}), []string{"dialer", "proxy_server::tls::server_name_override"}},
		{"own", changed(func(c *Config) {
			c.Endpoint = "[::1]:2000"
			c.ReceiveBufferBytes = 0
			c.QueueBytes = 1 << 20
			c.OTLPDatagrams = false
			c.ShutdownTimeout = 0
			c.ProxyServer.Endpoint = ""
		}), nil},
		{"record_all", changed(func(c *Config) {
			most := 500
			c.ProxyServer.Sampling, c.ProxyServer.RecordAllMaxPerSecond = samplingserver.RecordAll, &most
		}), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			part, err := all.Sub(component.NewIDWithName(metadata.Type, tc.name).String())
			require.NoError(t, err)
			cfg := createDefaultConfig().(*Config)
			require.NoError(t, part.Unmarshal(cfg))
			assert.Equal(t, tc.want, cfg)
			require.NoError(t, confmap.Validate(cfg))
			assert.Equal(t, tc.ignored, cfg.ignoredKeys())
		})
	}
}

func TestValidate(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no port":           {func(c *Config) { c.Endpoint = "localhost" }, `endpoint is "localhost"; it must be host:port with a port of 0 to 65535`},
		"port out of range": {func(c *Config) { c.Endpoint = ":70000" }, `endpoint is ":70000"; it must be host:port with a port of 0 to 65535`},
		"tcp":               {func(c *Config) { c.Transport = "tcp" }, `transport is "tcp"; X-Ray SDKs send segments over udp only`},
		"no transport":      {func(c *Config) { c.Transport = "" }, `transport is ""; X-Ray SDKs send segments over udp only`},
		"negative buffer":   {func(c *Config) { c.ReceiveBufferBytes = -1 }, `receive_buffer_bytes is -1; it must be 0 to 1073741824`},
		"no socket":         {func(c *Config) { c.Sockets = 0 }, `sockets is 0; it must be 1 to 64`},
		"many sockets":      {func(c *Config) { c.Sockets = 65 }, `sockets is 65; it must be 1 to 64`},
		"small queue":       {func(c *Config) { c.QueueBytes = 1000 }, `queue_bytes is 1000; it must be at least 1048576`},
		"negative timeout":  {func(c *Config) { c.ShutdownTimeout = -time.Second }, `shutdown_timeout is -1s; it must not be negative`},
		"proxy endpoint":    {func(c *Config) { c.ProxyServer.Endpoint = "x" }, `proxy_server: endpoint is "x"; it must be host:port with a port of 0 to 65535`},
		"proxy address": {
			func(c *Config) { c.ProxyServer.ProxyAddress = "proxy:3128" },
			`proxy_server: proxy_address is "proxy:3128"; it must be a URL such as http://proxy.example.com:3128`,
		},
		"tls": {
			func(c *Config) { c.ProxyServer.TLS.MinVersion = "7" },
			"proxy_server::tls: invalid TLS min_version",
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorContains(t, confmap.Validate(changed(tc.change)), tc.want)
		})
	}
}

func TestIgnoredKeys(t *testing.T) {
	cfg := changed(func(c *Config) {
		c.ProxyServer.Dialer.Timeout = time.Second
		c.ProxyServer.TLS.CAFile = "ca.pem"
		c.ProxyServer.TLS.CertPem = "cert"
	})
	assert.Equal(t, []string{
		"proxy_server::dialer", "proxy_server::tls::ca_file and ca_pem", "proxy_server::tls::cert_file and cert_pem",
	}, cfg.ignoredKeys())
}
