package xraylocalextension

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

func TestConfig(t *testing.T) {
	cfg := createDefaultConfig()
	conf := confmap.NewFromStringMap(map[string]any{
		"endpoint":     "localhost:4080",
		"store":        map[string]any{"directory": "traces", "max_bytes": 8 << 20, "log_max_bytes": 9 << 20, "metric_max_bytes": 10 << 20, "retention": "72h"},
		"default_rule": map[string]any{"fixed_rate": 1},
	})
	require.NoError(t, conf.Unmarshal(cfg))
	require.Equal(t, &Config{
		Endpoint:    "localhost:4080",
		Store:       StoreConfig{Directory: "traces", MaxBytes: 8 << 20, LogMaxBytes: 9 << 20, MetricMaxBytes: 10 << 20, Retention: 72 * time.Hour},
		DefaultRule: RuleConfig{1, 1},
	}, cfg)

	conf = confmap.NewFromStringMap(map[string]any{"store": map[string]any{"folder": "/tmp"}})
	require.ErrorContains(t, conf.Unmarshal(createDefaultConfig()), "folder")
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"default":      {func(*Config) {}, ""},
		"any port":     {func(c *Config) { c.Endpoint = "localhost:0" }, ""},
		"IPv6":         {func(c *Config) { c.Endpoint = "[::1]:2080" }, ""},
		"all":          {func(c *Config) { c.Endpoint = ":2080" }, ""},
		"for ever":     {func(c *Config) { c.Store.Retention = 0 }, ""},
		"no port":      {func(c *Config) { c.Endpoint = "localhost" }, `endpoint is "localhost", it must be host:port`},
		"a URL":        {func(c *Config) { c.Endpoint = "http://localhost:2080" }, `endpoint is "http://localhost:2080"`},
		"no number":    {func(c *Config) { c.Endpoint = "localhost:http" }, `endpoint is "localhost:http", its port must be a number from 0 to 65535`},
		"large number": {func(c *Config) { c.Endpoint = "localhost:65536" }, "from 0 to 65535"},
		"too small":    {func(c *Config) { c.Store.MaxBytes = 1 << 20 }, "store::max_bytes is 1048576, it must be at least 4194304"},
		"few logs":     {func(c *Config) { c.Store.LogMaxBytes = 1 << 20 }, "store::log_max_bytes is 1048576, it must be at least 4194304"},
		"few metrics":  {func(c *Config) { c.Store.MetricMaxBytes = 0 }, "store::metric_max_bytes is 0, it must be at least 4194304"},
		"rate over 1":  {func(c *Config) { c.DefaultRule.FixedRate = 5 }, "default_rule: "},
		"no reservoir": {func(c *Config) { c.DefaultRule.ReservoirSize = -1 }, "default_rule: "},
		"backwards":    {func(c *Config) { c.Store.Retention = -time.Second }, "store::retention is -1s, it must be 0 or more"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			c.change(cfg)
			err := cfg.Validate()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}
