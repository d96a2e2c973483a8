package xraylocalextension

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/cwlogs"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/cwmetrics"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/logs"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metadata"
	metricstore "github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/metric"
	"github.com/tailwater-otel/tailwater/extension/xraylocalextension/internal/rpc"
)

// cloudWatch is CloudWatch and CloudWatch Logs over their stores.
type cloudWatch struct {
	logs       *logs.Store
	metrics    *metricstore.Store
	logsAPI    *rpc.Handler
	metricsAPI *rpc.Handler
}

func newCloudWatch(cfg StoreConfig, o *observer) *cloudWatch {
	c := &cloudWatch{
		logs: &logs.Store{
			MaxBytes: cfg.LogMaxBytes, Retention: cfg.Retention,
			Evicted: func(reason logs.Eviction, events int) {
				o.telemetry.ExtensionXrayLocalLogEventsEvicted.Add(context.Background(), int64(events),
					metric.WithAttributes(attribute.String("reason", string(reason))))
			},
		},
		metrics: &metricstore.Store{
			MaxBytes: cfg.MetricMaxBytes, Retention: cfg.Retention,
			Evicted: func(reason metricstore.Eviction, points int) {
				o.telemetry.ExtensionXrayLocalMetricDatapointsEvicted.Add(context.Background(), int64(points),
					metric.WithAttributes(attribute.String("reason", string(reason))))
			},
		},
	}
	c.logsAPI = (&cwlogs.API{Logs: c.logs, Metrics: c.metrics, Observer: o, Now: time.Now}).Handler()
	c.metricsAPI = (&cwmetrics.API{Metrics: c.metrics, Observer: o, Now: time.Now}).Handler()
	return c
}

// register reports the sizes of the stores.
func (c *cloudWatch) register(t *metadata.TelemetryBuilder) error {
	return errors.Join(
		t.RegisterExtensionXrayLocalLogStoreSizeCallback(func(_ context.Context, o metric.Int64Observer) error {
			bytes, _, _ := c.logs.Size(time.Now())
			o.Observe(bytes)
			return nil
		}),
		t.RegisterExtensionXrayLocalMetricStoreSizeCallback(func(_ context.Context, o metric.Int64Observer) error {
			bytes, _, _ := c.metrics.Size(time.Now())
			o.Observe(bytes)
			return nil
		}),
		t.RegisterExtensionXrayLocalMetricSeriesCallback(func(_ context.Context, o metric.Int64Observer) error {
			_, series, _ := c.metrics.Size(time.Now())
			o.Observe(int64(series))
			return nil
		}))
}

// serve answers a request if its headers or its path are those of CloudWatch or
// CloudWatch Logs.
func (c *cloudWatch) serve(w http.ResponseWriter, r *http.Request) bool {
	target := r.Header.Get("X-Amz-Target")
	if operation, ok := strings.CutPrefix(target, cwlogs.TargetPrefix); ok {
		c.logsAPI.Serve(w, r, rpc.JSON, operation)
		return true
	}
	if operation, ok := strings.CutPrefix(target, cwmetrics.TargetPrefix); ok {
		c.metricsAPI.Serve(w, r, rpc.JSON, operation)
		return true
	}
	if operation, ok := strings.CutPrefix(r.URL.Path, cwmetrics.PathPrefix); ok {
		c.metricsAPI.Serve(w, r, rpc.CBOR, operation)
		return true
	}
	return false
}

func (o *observer) LogEventsAccepted(events int) {
	if events > 0 {
		o.telemetry.ExtensionXrayLocalLogEventsAccepted.Add(context.Background(), int64(events))
	}
}

func (o *observer) LogEventsRejected(reason string, events int) {
	o.telemetry.ExtensionXrayLocalLogEventsRejected.Add(context.Background(), int64(events),
		metric.WithAttributes(attribute.String("reason", reason)))
}

func (o *observer) EMF(outcome string, documents int) {
	o.telemetry.ExtensionXrayLocalEmfDocuments.Add(context.Background(), int64(documents),
		metric.WithAttributes(attribute.String("outcome", outcome)))
}
