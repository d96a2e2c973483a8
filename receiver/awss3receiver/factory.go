package awss3receiver

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/tailwater-otel/tailwater/receiver/awss3receiver/internal/metadata"
)

// defaultPartitionID is contrib's default of a key that has no effect here.
const defaultPartitionID = "aws"

// NewFactory returns the factory of the awss3 receiver.
func NewFactory() receiver.Factory {
	return receiver.NewFactory(
		metadata.Type,
		createDefaultConfig,
		receiver.WithTraces(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Traces) (receiver.Traces, error) {
			return newReceiver(cfg.(*Config), set, signal{name: signalTraces, items: "spans", traces: next})
		}, metadata.TracesStability),
		receiver.WithMetrics(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
			return newReceiver(cfg.(*Config), set, signal{name: signalMetrics, items: "data_points", metrics: next})
		}, metadata.MetricsStability),
		receiver.WithLogs(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
			return newReceiver(cfg.(*Config), set, signal{name: signalLogs, items: "log_records", logs: next})
		}, metadata.LogsStability),
	)
}

func createDefaultConfig() component.Config {
	return &Config{
		S3Downloader: S3DownloaderConfig{
			Region:                         "us-east-1",
			S3PartitionTimezone:            "UTC",
			FilePrefixIncludeTelemetryType: true,
			EndpointPartitionID:            defaultPartitionID,
		},
	}
}
