package awsresourceprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"

	"github.com/tailwater-otel/tailwater/internal/awsidentity"
	"github.com/tailwater-otel/tailwater/processor/awsresourceprocessor/internal/metadata"
)

// NewFactory returns the factory of the aws_resource processor. The pipelines
// that one component stands in share one detection.
func NewFactory() processor.Factory {
	s := &shared{detections: map[*Config]*detection{}}
	return processor.NewFactory(
		metadata.Type,
		createDefaultConfig,
		processor.WithTraces(s.traces, metadata.TracesStability),
		processor.WithMetrics(s.metrics, metadata.MetricsStability),
		processor.WithLogs(s.logs, metadata.LogsStability),
	)
}

func createDefaultConfig() component.Config {
	return &Config{
		Detectors:    awsidentity.Names(),
		Scope:        string(awsidentity.Task),
		StartTimeout: time.Second,
		Timeout:      2 * time.Second,
		RetryFor:     2 * time.Minute,
	}
}

func (s *shared) traces(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Traces) (processor.Traces, error) {
	p, err := s.newStamper(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	return processorhelper.NewTraces(ctx, set, cfg, next, p.stampTraces, p.options()...)
}

func (s *shared) metrics(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Metrics) (processor.Metrics, error) {
	p, err := s.newStamper(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	return processorhelper.NewMetrics(ctx, set, cfg, next, p.stampMetrics, p.options()...)
}

func (s *shared) logs(ctx context.Context, set processor.Settings, cfg component.Config, next consumer.Logs) (processor.Logs, error) {
	p, err := s.newStamper(set, cfg.(*Config))
	if err != nil {
		return nil, err
	}
	return processorhelper.NewLogs(ctx, set, cfg, next, p.stampLogs, p.options()...)
}

func (p *stamper) options() []processorhelper.Option {
	return []processorhelper.Option{
		processorhelper.WithStart(p.start),
		processorhelper.WithShutdown(p.shutdown),
		processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}),
	}
}
