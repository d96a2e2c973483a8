package awsxrayexporter

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/tailwater-otel/tailwater/exporter/awsxrayexporter/internal/metadata"
)

// NewFactory returns the factory of the awsxray exporter.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(
		metadata.Type,
		createDefaultConfig,
		exporter.WithTraces(createTraces, metadata.TracesStability),
	)
}

func createDefaultConfig() component.Config {
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.Sizer = exporterhelper.RequestSizerTypeBytes
	queue.QueueSize = 32 << 20
	queue.NumConsumers = defaultWorkers
	// Small inputs join: a request to X-Ray costs the same with 1 document and with 50.
	queue.Batch = configoptional.Some(exporterhelper.BatchConfig{
		FlushTimeout: 200 * time.Millisecond,
		Sizer:        exporterhelper.RequestSizerTypeItems,
		MinSize:      maxDocuments,
		MaxSize:      maxDocuments,
	})
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval = time.Second
	retry.MaxElapsedTime = 0
	return &Config{
		NumWorkers:            defaultWorkers,
		RequestTimeoutSeconds: defaultTimeoutSeconds,
		MaxRetries:            2,
		Timeout:               defaultTimeoutSeconds * time.Second,
		SendingQueue:          configoptional.Some(queue),
		RetryOnFailure:        retry,
		DeadLetterMaxBytes:    64 << 20,
		ShutdownTimeout:       10 * time.Second,
	}
}

func createTraces(_ context.Context, set exporter.Settings, cfg component.Config) (exporter.Traces, error) {
	return newTracesExporter(set, cfg.(*Config), connect)
}
