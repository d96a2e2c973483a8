package awsxrayexporter

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tailwater-otel/tailwater/exporter/awsxrayexporter/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/segmentspan"
)

// Why documents were dropped.
const (
	reasonQueueFull   = "queue_full"
	reasonQueueError  = "queue_error"
	reasonUnreadable  = "unreadable"
	reasonUnprocessed = "unprocessed"
	reasonRefused     = "refused"
	reasonNotRetried  = "not_retried"
	reasonExhausted   = "retries_exhausted"
	reasonShutdown    = "shutdown"
	reasonPanic       = "panic"
)

// maxCodes bounds the error codes that become attribute values.
const maxCodes = 50

// counters are the exporter's own metrics, and with them the counts of the
// telemetry records.
type counters struct {
	builder *metadata.TelemetryBuilder
	records *recorder

	mu    sync.Mutex
	codes map[string]metric.MeasurementOption
}

func newCounters(builder *metadata.TelemetryBuilder) *counters {
	return &counters{builder: builder, records: &recorder{}, codes: map[string]metric.MeasurementOption{}}
}

func (c *counters) encoded(ctx context.Context, e *segmentspan.Encoded) {
	if n := len(e.Parts); n > 0 {
		c.builder.ExporterAwsxrayDocumentsReceived.Add(ctx, int64(n))
		c.records.received.Add(int64(n))
	}
	if e.Unsampled > 0 {
		c.builder.ExporterAwsxraySpansUnsampled.Add(ctx, int64(e.Unsampled))
	}
	if e.Superseded > 0 {
		c.builder.ExporterAwsxraySpansSuperseded.Add(ctx, int64(e.Superseded))
	}
	if e.Cut > 0 {
		c.builder.ExporterAwsxrayEntitiesCut.Add(ctx, int64(e.Cut))
	}
	for reason, n := range e.Invalid {
		c.builder.ExporterAwsxraySpansDropped.Add(ctx, int64(n), byReason(reason))
	}
}

func (c *counters) sent(n int) {
	c.builder.ExporterAwsxrayDocumentsSent.Add(context.Background(), int64(n))
	c.records.sent.Add(int64(n))
}

func (c *counters) retried(ctx context.Context, n int) {
	c.builder.ExporterAwsxrayDocumentsRetried.Add(ctx, int64(n))
}

func (c *counters) inFlight(ctx context.Context, n int64) {
	c.builder.ExporterAwsxrayRequestsInFlight.Add(ctx, n)
}

// dropped counts documents that nobody has any more.
func (c *counters) dropped(ctx context.Context, reason string, n int) {
	c.builder.ExporterAwsxrayDocumentsDropped.Add(ctx, int64(n), byReason(reason))
	if reason == reasonUnprocessed || reason == reasonRefused {
		c.records.rejected.Add(int64(n))
	} else {
		c.records.spilled.Add(int64(n))
	}
}

func (c *counters) unprocessed(code string) {
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
	c.builder.ExporterAwsxrayDocumentsUnprocessed.Add(context.Background(), 1, option)
}

func (c *counters) deadLetters(ctx context.Context, n int) {
	c.builder.ExporterAwsxrayDeadLetters.Add(ctx, int64(n))
}

func (c *counters) deadLettersLost(ctx context.Context, reason string, n int) {
	c.builder.ExporterAwsxrayDeadLettersLost.Add(ctx, int64(n), byReason(reason))
}

var outcomes = [...]metric.MeasurementOption{
	awsclient.None:      byOutcome("accepted"),
	awsclient.Throttle:  byOutcome("throttled"),
	awsclient.Retryable: byOutcome("failed"),
	awsclient.Denied:    byOutcome("denied"),
	awsclient.Permanent: byOutcome("refused"),
}

func (c *counters) request(ctx context.Context, f awsclient.Failure) {
	c.builder.ExporterAwsxrayRequests.Add(ctx, 1, outcomes[f.Kind])
	c.records.failure(f)
}

func byReason(reason string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", reason)))
}

func byOutcome(outcome string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("outcome", outcome)))
}
