package awsemfexporter

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/tailwater-otel/tailwater/exporter/awsemfexporter/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/emf"
)

// NewFactory returns the factory of the awsemf exporter.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(
		metadata.Type,
		createDefaultConfig,
		exporter.WithMetrics(createMetrics, metadata.MetricsStability),
	)
}

func createDefaultConfig() component.Config {
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.Sizer = exporterhelper.RequestSizerTypeBytes
	queue.QueueSize = 32 << 20
	queue.NumConsumers = defaultWorkers
	// Small inputs join: a request costs the same with 1 event and with 1 MiB.
	queue.Batch = configoptional.Some(exporterhelper.BatchConfig{
		FlushTimeout: 200 * time.Millisecond,
		Sizer:        exporterhelper.RequestSizerTypeBytes,
		MinSize:      emf.MaxRequest,
		MaxSize:      emf.MaxRequest,
	})
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval = time.Second
	retry.MaxElapsedTime = 0
	return &Config{
		NumWorkers:            defaultWorkers,
		RequestTimeoutSeconds: defaultTimeoutSeconds,
		MaxRetries:            2,
		LogGroupClass:         "STANDARD",
		DimensionRollupOption: noRollup,
		Version:               "1",
		Aggregation:           eachMinute,
		AggregationWait:       5 * time.Second,
		MaxCumulativeSeries:   200_000,
		OutputDestination:     toCloudWatch,
		Compression:           "gzip",
		MaxEventBytes:         emf.MaxMessage,
		Timeout:               defaultTimeoutSeconds * time.Second,
		SendingQueue:          configoptional.Some(queue),
		RetryOnFailure:        retry,
		ShutdownTimeout:       10 * time.Second,
	}
}

func createMetrics(_ context.Context, set exporter.Settings, cfg component.Config) (exporter.Metrics, error) {
	return newMetricsExporter(set, cfg.(*Config), connect)
}
