package xraytailsamplingprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"

	"github.com/tailwater-otel/tailwater/processor/xraytailsamplingprocessor/internal/metadata"
)

// NewFactory returns the factory of the xray_tail_sampling processor.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		metadata.Type,
		createDefaultConfig,
		processor.WithTraces(func(_ context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
			return newTailSampler(set, cfg.(*Config), next)
		}, metadata.TracesStability),
	)
}

func createDefaultConfig() component.Config {
	return &Config{
		Keep: []KeepConfig{
			// X-Ray's plain fault reads the root only, and a fault behind a
			// retry matters.
			{Name: "faults", Filter: "service() { fault } OR edge() { fault }"},
			{Name: "slow", Filter: "responsetime > 3"},
		},
		DecisionWait: 30 * time.Second,
		// OpenTelemetry SDKs flush every 5 s, and agents batch.
		DecisionIdle:  10 * time.Second,
		MissingParent: missingWait,
		Buffer:        BufferConfig{MaxTraceBytes: 8 << 20},
		DecisionCache: CacheConfig{SampledCacheSize: 20_000, NonSampledCacheSize: 200_000},
		// Below the 30 s that Kubernetes and ECS give a container to end.
		ShutdownTimeout: 15 * time.Second,
	}
}
