package awss3exporter

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/tailwater-otel/tailwater/exporter/awss3exporter/internal/metadata"
)

// NewFactory returns the factory of the awss3 exporter.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(
		metadata.Type,
		createDefaultConfig,
		exporter.WithTraces(createTraces, metadata.TracesStability),
		exporter.WithMetrics(createMetrics, metadata.MetricsStability),
		exporter.WithLogs(createLogs, metadata.LogsStability),
	)
}

func createDefaultConfig() component.Config {
	return &Config{
		S3Uploader: S3UploaderConfig{
			Region:             "us-east-1",
			S3PartitionFormat:  contribPartitionFormat,
			StorageClass:       "STANDARD",
			RetryMode:          "standard",
			RetryMaxAttempts:   3,
			RetryMaxBackoff:    20 * time.Second,
			BucketKeyEnabled:   true,
			Checksum:           checksumSupported,
			MultipartThreshold: 64 << 20,
		},
		Marshaler:      marshalerJSON,
		Timeout:        30 * time.Second,
		SendingQueue:   configoptional.Default(exporterhelper.NewDefaultQueueConfig()),
		RetryOnFailure: configretry.NewDefaultBackOffConfig(),
		Parquet: ParquetConfig{
			MaxSpoolBytes: 2 << 30,
			OnFull:        onFullDrop,
			// 10,000 spans a second fill it in two minutes, 10 in a day: those
			// close by age, so that the last quarter of an hour is the most
			// that a query can miss.
			MaxFileBytes: 128 << 20,
			MaxFileAge:   15 * time.Minute,
			// DuckDB's own default is about that. It is what is in memory: some 25 MB.
			RowGroupRows:    100_000,
			MaxPartitions:   8,
			LateLimit:       72 * time.Hour,
			FutureLimit:     time.Hour,
			ShutdownTimeout: 15 * time.Second,
		},
	}
}

func createTraces(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	if c := cfg.(*Config); c.archive() {
		return newArchive(ctx, set, c)
	}
	return newOTLPTraces(ctx, set, cfg.(*Config))
}

func createMetrics(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
	return newOTLPMetrics(ctx, set, cfg.(*Config))
}

func createLogs(ctx context.Context, set exporter.Settings, cfg component.Config) (exporter.Logs, error) {
	return newOTLPLogs(ctx, set, cfg.(*Config))
}
