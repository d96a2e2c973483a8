package awss3receiver

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/receiver/awss3receiver/internal/metadata"
)

// counters adds to the receiver's metrics.
type counters struct{ telemetry *metadata.TelemetryBuilder }

func with(key, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value)))
}

func outcome(read bool) metric.MeasurementOption {
	if read {
		return with("outcome", "read")
	}
	return with("outcome", "passed_over")
}

func (c *counters) object(read bool) {
	c.telemetry.ReceiverAwss3Objects.Add(context.Background(), 1, outcome(read))
}

func (c *counters) rowGroup(read bool) {
	c.telemetry.ReceiverAwss3RowGroups.Add(context.Background(), 1, outcome(read))
}

func (c *counters) objectFailed(reason string) {
	c.telemetry.ReceiverAwss3ObjectsFailed.Add(context.Background(), 1, with("reason", reason))
}

func (c *counters) bytesRead(n int64) {
	c.telemetry.ReceiverAwss3BytesRead.Add(context.Background(), n)
}

func (c *counters) replayed(items int) {
	c.telemetry.ReceiverAwss3ItemsReplayed.Add(context.Background(), int64(items))
}

func (c *counters) lost(items int) {
	c.telemetry.ReceiverAwss3ItemsLost.Add(context.Background(), int64(items), with("reason", "consumer"))
}

func (c *counters) storeFailed(f awsclient.Failure) {
	c.telemetry.ReceiverAwss3StoreErrors.Add(context.Background(), 1, with("reason", f.Kind.String()))
}
