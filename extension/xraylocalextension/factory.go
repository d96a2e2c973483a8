package xraylocalextension

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/samplingrule"
)

// NewFactory returns the factory of the xray_local extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config {
	rule := samplingrule.Default()
	return &Config{
		Endpoint: "127.0.0.1:2080",
		Store: StoreConfig{
			MaxBytes:       128 << 20,
			LogMaxBytes:    64 << 20,
			MetricMaxBytes: 64 << 20,
			Retention:      24 * time.Hour,
		},
		DefaultRule: RuleConfig{ReservoirSize: rule.ReservoirSize, FixedRate: rule.FixedRate},
	}
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newExtension(cfg.(*Config), set.TelemetrySettings), nil
}
