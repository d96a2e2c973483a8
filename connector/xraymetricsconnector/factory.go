package xraymetricsconnector

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"

	"github.com/tailwater-otel/tailwater/connector/xraymetricsconnector/internal/metadata"
)

// NewFactory returns the factory of the xray_metrics connector.
func NewFactory() connector.Factory {
	return connector.NewFactory(
		metadata.Type,
		createDefaultConfig,
		connector.WithTracesToMetrics(func(_ context.Context, set connector.Settings, cfg component.Config, next consumer.Metrics) (connector.Traces, error) {
			return newConnector(set, cfg.(*Config), next)
		}, metadata.TracesToMetricsStability),
	)
}

func createDefaultConfig() component.Config {
	return &Config{
		Namespace:            "Tailwater",
		MetricsFlushInterval: time.Minute,
		// Those of Application Signals, so that its queries work here too.
		DimensionSets: [][]string{
			{environment, service, op},
			{environment, service},
			{environment, service, op, remoteService, remoteOperation, remoteEnvironment, resourceID, resourceType},
			{environment, service, op, remoteService, remoteOperation, remoteEnvironment},
			{environment, service, op, remoteService, remoteOperation, resourceID, resourceType},
			{environment, service, op, remoteService, remoteOperation},
			{environment, service, remoteService, remoteEnvironment},
			{environment, service, remoteService},
			{environment, service, remoteService, remoteOperation, remoteEnvironment, resourceID, resourceType},
			{environment, service, remoteService, remoteOperation, remoteEnvironment},
			{environment, service, remoteService, remoteOperation, resourceID, resourceType},
			{environment, service, remoteService, remoteOperation},
			{environment, service, remoteService, resourceID, resourceType},
			{remoteService, resourceID, resourceType},
			{remoteService},
		},
		// As in xray_tail_sampling: SDKs flush every 5 s, and agents batch.
		DecisionWait:    30 * time.Second,
		DecisionIdle:    10 * time.Second,
		MissingParent:   missingWait,
		Buffer:          BufferConfig{MaxTraceBytes: 8 << 20},
		Cardinality:     CardinalityConfig{PerService: 500, Services: 1000, Series: 100_000},
		Histogram:       HistogramConfig{MaxSize: 160},
		ShutdownTimeout: 10 * time.Second,
	}
}
