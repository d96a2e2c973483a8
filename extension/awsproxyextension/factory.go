package awsproxyextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/tailwater-otel/tailwater/extension/awsproxyextension/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/samplingapi/samplingserver"
)

// NewFactory returns the factory of the awsproxy extension.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func createDefaultConfig() component.Config {
	return &Config{Server: samplingserver.Config{
		Endpoint:    "localhost:2000",
		ServiceName: "xray",
		Sampling:    samplingserver.Forward,
	}}
}

func create(_ context.Context, set extension.Settings, cfg component.Config) (extension.Extension, error) {
	return newExtension(cfg.(*Config), set)
}
