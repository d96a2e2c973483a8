package awsemfexporter

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// observe registers the metrics that are asked for when somebody reads them.
func (e *metricsExporter) observe() error {
	return errors.Join(
		e.builder.RegisterExporterAwsemfCumulativeSeriesCallback(func(_ context.Context, o metric.Int64Observer) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			o.Observe(int64(len(e.translator.deltas.series)))
			return nil
		}),
		e.builder.RegisterExporterAwsemfEstimatedMetricsCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(e.costs.estimate().metrics))
			return nil
		}),
		e.observeWindow(),
		e.builder.RegisterExporterAwsemfCostCallback(func(_ context.Context, o metric.Float64Observer) error {
			now := e.costs.estimate()
			o.Observe(now.dollars, metric.WithAttributeSet(attribute.NewSet(attribute.String("dimension", now.dimension))))
			return nil
		}),
	)
}

// observeWindow registers the metrics of what is held.
func (e *metricsExporter) observeWindow() error {
	if e.translator.window == nil {
		return nil
	}
	held := func() (size, time.Time) {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.translator.window.held()
	}
	return errors.Join(
		e.builder.RegisterExporterAwsemfHeldValuesCallback(func(_ context.Context, o metric.Int64Observer) error {
			s, _ := held()
			o.Observe(int64(s.values))
			return nil
		}),
		e.builder.RegisterExporterAwsemfHeldBytesCallback(func(_ context.Context, o metric.Int64Observer) error {
			s, _ := held()
			o.Observe(int64(s.bytes))
			return nil
		}),
		e.builder.RegisterExporterAwsemfHeldAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
			_, since := held()
			age := 0.0
			if !since.IsZero() {
				age = max(time.Since(since).Seconds(), 0)
			}
			o.Observe(age)
			return nil
		}),
	)
}
