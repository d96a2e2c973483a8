package awsresourceprocessor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

func TestConfigRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no detector":        {func(c *Config) { c.Detectors = nil }, "detectors is empty; name at least one of elastic_beanstalk, eks, ecs, ec2, lambda"},
		"unknown detector":   {func(c *Config) { c.Detectors = []string{"ec2", "gcp"} }, `detectors[1] is "gcp"; there are elastic_beanstalk`},
		"twice":              {func(c *Config) { c.Detectors = []string{"ec2", "ec2"} }, `detectors[1] is "ec2" again`},
		"scope":              {func(c *Config) { c.Scope = "pod" }, `scope is "pod"; it is task, node or container`},
		"no time":            {func(c *Config) { c.Timeout = 0 }, "timeout is 0s"},
		"negative start":     {func(c *Config) { c.StartTimeout = -1 }, "start_timeout is -1ns"},
		"long start":         {func(c *Config) { c.StartTimeout = time.Minute }, "start_timeout is 1m0s; it is 0s to 10s"},
		"negative retry_for": {func(c *Config) { c.RetryFor = -1 }, "retry_for is -1ns"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			require.NoError(t, confmap.Validate(cfg))
			test.change(cfg)
			require.ErrorContains(t, confmap.Validate(cfg), test.want)
		})
	}
}
