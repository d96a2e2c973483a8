package xraymetricsconnector

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
	for text, want := range map[string]string{
		"{}":                                                        "",
		"namespace: Shop/Web":                                       "",
		"application_signals: true":                                 "",
		"metrics_flush_interval: 10s":                               "",
		"dimension_sets: [[Service]]":                               "",
		"cardinality: {per_service: 10}":                            "",
		"histogram: {max_size: 100}":                                "",
		"namespace: ''":                                             `namespace is ""`,
		"namespace: '  '":                                           `namespace is "  "`,
		"namespace: 'a\"b'":                                         "namespace is",
		"metrics_flush_interval: 10ms":                              "metrics_flush_interval is 10ms, allowed is 1s to 1h",
		"dimension_sets: []":                                        "dimension_sets has 0 sets",
		"dimension_sets: [[]]":                                      "dimension_sets::0 is empty",
		"dimension_sets: [[Service], [Host]]":                       `dimension_sets::1 has "Host"`,
		"dimension_sets: [[Service, Service]]":                      `dimension_sets::0 has "Service" twice`,
		"cardinality: {per_service: 0}":                             "cardinality::per_service is 0",
		"cardinality: {services: -1}":                               "cardinality::services is -1",
		"cardinality: {series: 100000000}":                          "cardinality::series is 100000000",
		"histogram: {max_size: 2}":                                  "histogram::max_size is 2",
		"shutdown_timeout: -1s":                                     "shutdown_timeout is -1s",
		"groups: [{name: a-1, filter: fault}]":                      "",
		"groups: [{name: a b, filter: fault}]":                      `groups::0::name is "a b"`,
		"groups: [{name: a, filter: fault}, {name: a, filter: ok}]": `groups::1::name is "a", which another group has too`,
		"groups: [{name: a, filter: 'fault AND'}]":                  "groups::0::filter: ",
		"groups: [{name: a, filter: 'group.name = \"b\"'}]":         "groups::0::filter is",
		"groups: [{name: a, filter: 'rootcause.fault.service { name = \"b\" }'}]": "groups::0::filter",
		"decision_wait: 10ms":           "decision_wait is 10ms",
		"decision_idle: 1m":             "decision_idle is 1m0s, allowed is more than 0 up to decision_wait (30s)",
		"missing_parent: maybe":         `missing_parent is "maybe"`,
		"buffer: {max_bytes: 10}":       "buffer::max_bytes is 10",
		"buffer: {max_trace_bytes: 10}": "buffer::max_trace_bytes is 10",
		"unknown: 1":                    "unknown",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := load(t, text)
			if want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, want)
		})
	}
	cfg, err := load(t, "metrics_flush_interval: 10s\ndimension_sets: [[Service], [RemoteService]]\ncardinality: {per_service: 10}")
	require.NoError(t, err)
	assert.Equal(t, 10*time.Second, cfg.MetricsFlushInterval)
	assert.Equal(t, [][]string{{"Service"}, {"RemoteService"}}, cfg.DimensionSets)
	assert.Equal(t, CardinalityConfig{PerService: 10, Services: 1000, Series: 100_000}, cfg.Cardinality)
}

// Without a set for calls, calls are not counted, and the other way round.
func TestWithoutSetsNothingIsCounted(t *testing.T) {
	both := spec{kind: client, name: "probe", took: ms(1), attributes: map[string]any{"peer.service": "pay"}}
	for set, want := range map[string]string{"Service": "LocalRootSpan", "RemoteService": "ClientSpan"} {
		h := prepare(t, func(c *Config) { c.DimensionSets = [][]string{{set}} })
		h.send(t, traces(nil, both))
		got := h.flushNow(t)["Latency"]
		require.Len(t, got, 1)
		for key := range got {
			assert.Contains(t, key, want)
		}
	}
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
	conf, err = conf.Sub("connectors::xray_metrics")
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, conf.Unmarshal(cfg))
	require.NoError(t, cfg.Validate())
	assert.Equal(t, "Shop", cfg.Namespace)
}

func TestEnvironments(t *testing.T) {
	for want, resource := range map[string]map[string]any{
		"prod":                   {"deployment.environment.name": "prod", "deployment.environment": "old", "k8s.cluster.name": "c"},
		"old":                    {"deployment.environment": "old"},
		"eks:c/web":              {"cloud.platform": "aws_eks", "k8s.cluster.name": "c", "k8s.namespace.name": "web"},
		"k8s:c/UnknownNamespace": {"k8s.cluster.name": "c"},
		"ecs:blue":               {"cloud.platform": "aws_ecs", "aws.ecs.cluster.arn": "arn:aws:ecs:eu-west-1:1:cluster/blue"},
		"ecs:default":            {"cloud.platform": "aws_ecs"},
		"ec2:default":            {"host.id": "i-123"},
		"lambda:default":         {"cloud.platform": "aws_lambda"},
		"elasticbeanstalk:web":   {"cloud.platform": "aws_elastic_beanstalk", "service.namespace": "web"},
		"generic:default":        {"host.id": "laptop", "deployment.environment": 7},
	} {
		h := prepare(t, nil)
		h.send(t, traces(resource, spec{kind: server, name: "a"}))
		for key := range h.flushNow(t)["Latency"] {
			assert.Contains(t, key, "Environment="+want+" ")
		}
	}
}
