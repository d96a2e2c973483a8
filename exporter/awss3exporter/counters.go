package awss3exporter

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tailwater-otel/tailwater/exporter/awss3exporter/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/spool"
)

// counters are the exporter's own metrics.
type counters struct{ telemetry *metadata.TelemetryBuilder }

func (c *counters) spooled(ctx context.Context, spans int) {
	c.telemetry.ExporterAwss3SpansSpooled.Add(ctx, int64(spans))
}

func (c *counters) dropped(ctx context.Context, reason string, spans int64) {
	c.telemetry.ExporterAwss3SpansDropped.Add(ctx, spans, byReason(reason))
}

func (c *counters) refused(ctx context.Context, reason string, spans int) {
	c.telemetry.ExporterAwss3SpansRefused.Add(ctx, int64(spans), byReason(reason))
}

func (c *counters) skipped(ctx context.Context, reason string, spans int) {
	c.telemetry.ExporterAwss3SpansSkipped.Add(ctx, int64(spans), byReason(reason))
}

func (c *counters) built(b *built, d *spool.Damage) {
	ctx := context.Background()
	for why, n := range b.diverted {
		if why != notDiverted && n > 0 {
			c.telemetry.ExporterAwss3SpansDiverted.Add(ctx, n, byReason(diversions[why]))
		}
	}
	if b.duplicates > 0 {
		c.telemetry.ExporterAwss3SpansDuplicate.Add(ctx, b.duplicates)
	}
	if d.Items > 0 {
		c.dropped(ctx, "damaged", d.Items)
	}
	if b.unreadable > 0 {
		c.dropped(ctx, "unreadable", b.unreadable)
	}
}

func (c *counters) archived(rows int64) {
	c.telemetry.ExporterAwss3SpansArchived.Add(context.Background(), rows)
}

func (c *counters) quarantined(rows int64) {
	c.telemetry.ExporterAwss3SpansQuarantined.Add(context.Background(), rows)
}

func (c *counters) object(ctx context.Context, how outcome, bytes int64) {
	c.telemetry.ExporterAwss3Objects.Add(ctx, 1, metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", string(how)))))
	if how == stored {
		c.telemetry.ExporterAwss3ObjectBytes.Add(ctx, bytes)
	}
}

func (c *counters) itemsDropped(ctx context.Context, reason string, items int) {
	c.telemetry.ExporterAwss3ItemsDropped.Add(ctx, int64(items), byReason(reason))
}

func byReason(reason string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason)))
}
