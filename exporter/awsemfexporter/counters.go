package awsemfexporter

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/exporter/awsemfexporter/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/emf"
)

// Why events were dropped.
const (
	reasonQueueFull       = "queue_full"
	reasonQueueError      = "queue_error"
	reasonUnreadable      = "unreadable"
	reasonRefused         = "refused"
	reasonNotRetried      = "not_retried"
	reasonExhausted       = "retries_exhausted"
	reasonShutdown        = "shutdown"
	reasonRejectedOld     = "rejected_too_old"
	reasonRejectedExpired = "rejected_expired"
	reasonRejectedNew     = "rejected_too_new"
)

// maxCodes bounds the error codes that become attribute values.
const maxCodes = 50

// counters are the exporter's own metrics.
type counters struct {
	builder *metadata.TelemetryBuilder

	mu    sync.Mutex
	codes map[string]metric.MeasurementOption
}

func newCounters(builder *metadata.TelemetryBuilder) *counters {
	return &counters{builder: builder, codes: map[string]metric.MeasurementOption{}}
}

func (c *counters) points(ctx context.Context, n int) {
	c.builder.ExporterAwsemfPointsReceived.Add(ctx, int64(n))
}

// events counts finished events and what they could not have.
func (c *counters) events(ctx context.Context, n int, r emf.Report) {
	b := c.builder
	b.ExporterAwsemfEventsMade.Add(ctx, int64(n))
	for _, lost := range []struct {
		counter metric.Int64Counter
		reason  string
		n       int
	}{
		{b.ExporterAwsemfFieldsDropped, "event_full", r.FieldsTooLarge},
		{b.ExporterAwsemfFieldsDropped, "name_taken", r.FieldsClashed},
		{b.ExporterAwsemfMetricsDropped, "event_full", r.MetricsTooLarge},
		{b.ExporterAwsemfMetricsDropped, "name_taken", r.MetricsClashed},
	} {
		if lost.n > 0 {
			lost.counter.Add(ctx, int64(lost.n), byReason(lost.reason))
		}
	}
}

func (c *counters) setsTooLarge(ctx context.Context, n int) {
	c.builder.ExporterAwsemfDimensionSetsDropped.Add(ctx, int64(n), byReason("too_many_dimensions"))
}

func (c *counters) sent(ctx context.Context, n int) {
	if n > 0 {
		c.builder.ExporterAwsemfEventsSent.Add(context.WithoutCancel(ctx), int64(n))
	}
}

func (c *counters) retried(ctx context.Context, n int) {
	c.builder.ExporterAwsemfEventsRetried.Add(ctx, int64(n))
}

func (c *counters) inFlight(ctx context.Context, n int64) {
	c.builder.ExporterAwsemfRequestsInFlight.Add(ctx, n)
}

// dropped counts events that nobody has any more.
func (c *counters) dropped(ctx context.Context, reason string, n int) {
	c.builder.ExporterAwsemfEventsDropped.Add(ctx, int64(n), byReason(reason))
}

// lost counts events that the destination does not have, and logs one of them.
func (c *counters) lost(ctx context.Context, logger *zap.Logger, reason string, r request, f awsclient.Failure) {
	if len(r.events) == 0 {
		return
	}
	c.dropped(ctx, reason, len(r.events))
	example := r.events[0].message
	logger.Warn("Events were lost; this is one example of this minute", zap.String("reason", reason),
		zap.String("code", f.Code), zap.String("message", f.Message), zap.String("log_group", r.group),
		zap.String("log_stream", r.stream), zap.ByteString("event", example[:min(len(example), 500)]))
}

func (c *counters) groupCreated(ctx context.Context) {
	c.builder.ExporterAwsemfLogGroupsCreated.Add(ctx, 1)
}

func (c *counters) retentionFailed(ctx context.Context) {
	c.builder.ExporterAwsemfRetentionsFailed.Add(ctx, 1)
}

func (c *counters) entityRejected(ctx context.Context, code string) {
	c.mu.Lock()
	option, ok := c.codes[code]
	if !ok {
		if len(c.codes) >= maxCodes {
			code = "other"
		}
		option = metric.WithAttributeSet(attribute.NewSet(attribute.String("code", code)))
		c.codes[code] = option
	}
	c.mu.Unlock()
	c.builder.ExporterAwsemfEntitiesRejected.Add(ctx, 1, option)
}

var outcomes = [...]metric.MeasurementOption{
	awsclient.None:      byOutcome("accepted"),
	awsclient.Throttle:  byOutcome("throttled"),
	awsclient.Retryable: byOutcome("failed"),
	awsclient.Denied:    byOutcome("denied"),
	awsclient.Permanent: byOutcome("refused"),
}

func (c *counters) request(ctx context.Context, f awsclient.Failure) {
	c.builder.ExporterAwsemfRequests.Add(ctx, 1, outcomes[f.Kind])
}

func byReason(reason string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason)))
}

func byOutcome(outcome string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", outcome)))
}
