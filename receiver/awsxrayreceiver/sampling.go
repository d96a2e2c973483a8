package awsxrayreceiver

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tailwater-otel/tailwater/receiver/awsxrayreceiver/internal/metadata"
)

// samplingObserver turns what the sampling API does into the receiver's
// metrics and status. UDP does not wait for it: a machine without a region
// still receives segments.
type samplingObserver struct {
	telemetry *metadata.TelemetryBuilder
	status    *status
}

// Answered implements samplingserver.Observer.
func (o samplingObserver) Answered(operation string, status int, stale bool) {
	o.telemetry.ReceiverAwsxraySamplingRequests.Add(context.Background(), 1, metric.WithAttributeSet(attribute.NewSet(
		attribute.String("path", operation), attribute.Int("http.response.status_code", status))))
	if stale {
		o.telemetry.ReceiverAwsxraySamplingStaleAnswers.Add(context.Background(), 1, metric.WithAttributeSet(attribute.NewSet(
			attribute.String("path", operation))))
	}
}

// Asked implements samplingserver.Observer.
func (o samplingObserver) Asked(operation, outcome string) {
	o.telemetry.ReceiverAwsxraySamplingUpstreamRequests.Add(context.Background(), 1, metric.WithAttributeSet(attribute.NewSet(
		attribute.String("path", operation), attribute.String("outcome", outcome))))
}

// Dropped implements samplingserver.Observer.
func (o samplingObserver) Dropped(reason string, documents int) {
	o.telemetry.ReceiverAwsxraySamplingStatisticsDropped.Add(context.Background(), int64(documents),
		metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason))))
}

// Trouble implements samplingserver.Observer.
func (o samplingObserver) Trouble(err error) { o.status.trouble(troubleSampling, err) }

// Healthy implements samplingserver.Observer.
func (o samplingObserver) Healthy() { o.status.clear(troubleSampling) }

// Fatal implements samplingserver.Observer.
func (o samplingObserver) Fatal(err error) { o.status.fatal(err) }
