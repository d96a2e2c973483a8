package xraytailsamplingprocessor

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
)

func load(t *testing.T, text string) (*Config, error) {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	if err := conf.Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, cfg.Validate()
}

func TestConfig(t *testing.T) {
	const inline = "rules: {inline: [{rule_name: Default, fixed_rate: 1}]}\n"
	for name, tc := range map[string]struct{ text, want string }{
		"inline":             {inline, ""},
		"X-Ray, all default": {"rules: {xray: {}}", ""},
		"X-Ray":              {"rules: {xray: {region: eu-west-1, endpoint: \"http://127.0.0.1:2080\", role_arn: r, local_mode: true}}", ""},
		"file":               {"rules: {file: {path: a.json}}\npolicies_file: {path: b.yaml}", ""},
		"no rules":           {"{}", "rules has 0 sources"},
		"two sources":        {"rules: {xray: {}, file: {path: a}}", "rules has 2 sources"},
		"no path":            {"rules: {file: {}}", "rules::file::path is empty"},
		"bad rule":           {"rules: {inline: [{rule_name: a, priority: 1, fixed_rate: 2}]}", `rules::inline: rule "a": fixed_rate is 2, allowed is 0 to 1`},
		"both kinds":         {inline + "policies_file: {path: b}\nkeep: [{name: a, filter: ok}]", "policies_file and keep or drop are both set"},
		"no policies path":   {inline + "policies_file: {}", "policies_file::path is empty"},
		"filter":             {inline + "keep: [{name: a, filter: ok}, {name: b, filter: 'fault AND nonsense'}]", "keep::1::filter: column 11"},
		"groups":             {inline + "keep: [{name: a, filter: 'group.name = \"x\"'}]", "groups are not known"},
		"root causes":        {inline + "drop: [{name: a, filter: 'rootcause.fault.service { name = \"x\" }'}]", "root causes are not known"},
		"same name":          {inline + "drop: [{name: a, filter: ok}]\nkeep: [{name: a, filter: ok}]", `keep::0::name is "a", which another policy has too`},
		"no name":            {inline + "keep: [{filter: ok}]", `keep::0::name is ""`},
		"rate":               {inline + "keep: [{name: a, filter: ok, fixed_rate: 1.5}]", "keep::0::fixed_rate is 1.5"},
		"cap":                {inline + "keep: [{name: a, filter: ok, max_traces_per_second: -1}]", "keep::0::max_traces_per_second is -1"},
		"cap of drop":        {inline + "drop: [{name: a, filter: ok, fixed_rate: 1}]", "fixed_rate"},
		"wait":               {inline + "decision_wait: 10ms", "decision_wait is 10ms, allowed is 1s to 1h"},
		"idle":               {inline + "decision_idle: 1m", "decision_idle is 1m0s"},
		"missing":            {inline + "missing_parent: never", `missing_parent is "never"`},
		"bytes":              {inline + "buffer: {max_bytes: 1000}", "buffer::max_bytes is 1000"},
		"trace bytes":        {inline + "buffer: {max_bytes: 2000000, max_trace_bytes: 3000}", "buffer::max_trace_bytes is 3000, allowed is 4096 to 1073741824"},
		"cache":              {inline + "decision_cache: {sampled_cache_size: 0}", "decision_cache::sampled_cache_size is 0"},
		"shutdown":           {inline + "shutdown_timeout: -1s", "shutdown_timeout is -1s"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, tc.text)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestConfigReplacesTheDefaultPolicies(t *testing.T) {
	cfg, err := load(t, "rules: {inline: [{rule_name: Default}]}\nkeep: [{name: faults, filter: fault, max_traces_per_second: 5}]\ndecision_idle: 5s")
	require.NoError(t, err)
	assert.Equal(t, []KeepConfig{{Name: "faults", Filter: "fault", MaxTracesPerSecond: 5}}, cfg.Keep)
	assert.Equal(t, 5*time.Second, cfg.DecisionIdle)
}

func TestExampleOfTheREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(readme), "```yaml\n")
	text, _, _ := strings.Cut(rest, "```")
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	conf, err = conf.Sub("processors::xray_tail_sampling")
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, conf.Unmarshal(cfg))
	require.NoError(t, cfg.Validate())
	assert.Len(t, cfg.Keep, 2)
	assert.True(t, cfg.Rules.XRay.HasValue())
}
