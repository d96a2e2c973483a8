package xraymetricsconnector

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

// Why data points were lost.
const (
	lostRejected = "rejected"
	lostRetries  = "retries_exhausted"
	lostShutdown = "shutdown"
)

// How a batch that the next component refuses for now is sent again. What is
// counted meanwhile goes into the next flush.
const (
	firstBackoff = 100 * time.Millisecond
	mostBackoff  = 5 * time.Second
	retryFor     = time.Minute
)

// send delivers a batch, again and again if need be, until ctx ends.
func (c *metricsConnector) send(ctx context.Context, md pmetric.Metrics) {
	start, backoff := time.Now(), firstBackoff
	for {
		if ctx.Err() != nil {
			c.lost(md, c.options.shutdown)
			return
		}
		err := c.next.ConsumeMetrics(ctx, md)
		if err == nil {
			c.health.fine()
			return
		}
		c.health.trouble(err)
		var part consumererror.Metrics
		if errors.As(err, &part) {
			md = part.Data()
		}
		if consumererror.IsPermanent(err) {
			c.lost(md, c.options.rejected)
			return
		}
		if time.Since(start)+backoff > retryFor {
			c.lost(md, c.options.retries)
			return
		}
		c.telemetry.ConnectorXrayMetricsRetries.Add(ctx, 1)
		wait := time.NewTimer(backoff)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
		backoff = min(2*backoff, mostBackoff)
	}
}

func (c *metricsConnector) lost(md pmetric.Metrics, reason metric.MeasurementOption) {
	c.telemetry.ConnectorXrayMetricsPointsLost.Add(context.Background(), int64(md.DataPointCount()), reason)
}

// report counts what became of a batch.
func (c *metricsConnector) report(ctx context.Context, o *observer, up *[numRolled]int64) {
	t, n := c.telemetry, &o.counted
	if n.requests > 0 {
		t.ConnectorXrayMetricsCounted.Add(ctx, n.requests, c.options.request)
	}
	if n.calls > 0 {
		t.ConnectorXrayMetricsCounted.Add(ctx, n.calls, c.options.call)
	}
	if n.inProgress > 0 {
		t.ConnectorXrayMetricsNotCounted.Add(ctx, n.inProgress, c.options.inProgress)
	}
	if n.replayed > 0 {
		t.ConnectorXrayMetricsNotCounted.Add(ctx, n.replayed, c.options.replayed)
	}
	for what, n := range up {
		if n > 0 {
			t.ConnectorXrayMetricsRolledUp.Add(ctx, n, c.options.rolled[what])
		}
	}
}

// health tells the Collector when the next component begins and ends to refuse
// metrics. It is of the goroutine that sends.
type health struct {
	logger *zap.Logger
	host   component.Host
	bad    bool
}

func (h *health) trouble(err error) {
	if h.bad {
		return
	}
	h.bad = true
	h.logger.Warn("the next component does not take metrics now", zap.Error(err))
	componentstatus.ReportStatus(h.host, componentstatus.NewRecoverableErrorEvent(err))
}

func (h *health) fine() {
	if !h.bad {
		return
	}
	h.bad = false
	h.logger.Info("the next component takes metrics again")
	componentstatus.ReportStatus(h.host, componentstatus.NewEvent(componentstatus.StatusOK))
}
