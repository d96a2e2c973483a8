package awsxrayreceiver

import (
	"context"
	"errors"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tailwater-otel/tailwater/internal/datagram"
	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/receiver/awsxrayreceiver/internal/metadata"
)

// Reasons of datagrams that are rejected. Documents that cannot be decoded
// have the kind of the segment.Error instead.
const (
	reasonMissingHeader = "missing_header"
	reasonInvalidHeader = "invalid_header"
	reasonInvalidOTLP   = "invalid_otlp"
	reasonOTLPDisabled  = "otlp_disabled"
	reasonNoPipeline    = "no_pipeline"
	reasonPanic         = "panic"
)

// Reasons of datagrams that are dropped.
const (
	reasonKernel    = "kernel"
	reasonQueueFull = "queue_full"
	reasonConsumer  = "consumer"
	reasonShutdown  = "shutdown"
)

// explain returns the reason to count a decoding error by, and words for the log.
func explain(err error) (reason, words string) {
	var bad *segment.Error
	if errors.As(err, &bad) {
		return bad.Kind, "Invalid segment"
	}
	return reasonInvalidOTLP, "Invalid OTLP datagram"
}

// counters adds to the receiver's metrics without building an attribute set
// for each datagram.
type counters struct {
	telemetry *metadata.TelemetryBuilder
	byKind    [datagram.Metrics + 1]metric.MeasurementOption
	reasons   sync.Map // string → metric.MeasurementOption; bounded by the decoder's kinds
}

func newCounters(telemetry *metadata.TelemetryBuilder) *counters {
	c := &counters{telemetry: telemetry}
	for kind, name := range map[datagram.Kind]string{
		datagram.Spans:          "spans",
		datagram.UnsampledSpans: "unsampled_spans",
		datagram.Metrics:        "metrics",
	} {
		c.byKind[kind] = metric.WithAttributeSet(attribute.NewSet(attribute.String("kind", name)))
	}
	return c
}

func (c *counters) reason(reason string) metric.MeasurementOption {
	if option, ok := c.reasons.Load(reason); ok {
		return option.(metric.MeasurementOption)
	}
	option, _ := c.reasons.LoadOrStore(reason, metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason))))
	return option.(metric.MeasurementOption)
}

func (c *counters) received(n int64) {
	c.telemetry.ReceiverAwsxrayDatagramsReceived.Add(context.Background(), n)
}

func (c *counters) rejected(reason string, n int64) {
	c.telemetry.ReceiverAwsxrayDatagramsRejected.Add(context.Background(), n, c.reason(reason))
}

func (c *counters) dropped(reason string, n int64) {
	if n > 0 {
		c.telemetry.ReceiverAwsxrayDatagramsDropped.Add(context.Background(), n, c.reason(reason))
	}
}

func (c *counters) accepted(byKind [datagram.Metrics + 1]int64) {
	for kind, n := range byKind {
		switch {
		case n == 0:
		case datagram.Kind(kind) == datagram.Segment:
			c.telemetry.ReceiverAwsxrayDocumentsAccepted.Add(context.Background(), n)
		default:
			c.telemetry.ReceiverAwsxrayOtlpDatagramsAccepted.Add(context.Background(), n, c.byKind[kind])
		}
	}
}
