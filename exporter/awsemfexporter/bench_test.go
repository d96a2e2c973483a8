package awsemfexporter

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/tailwater-otel/tailwater/exporter/awsemfexporter/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/awsclient"
)

// takeAll is a CloudWatch that takes everything and costs nothing.
type takeAll struct{ fakeLogs }

var accepts = &awsclient.Response{Status: 200, Body: []byte(`{}`)}

func (*takeAll) Call(context.Context, string, http.Header, []byte) (*awsclient.Response, error) {
	return accepts, nil
}

// benchMetrics makes the points of 100 series: red is what a connector makes of
// traces, a latency and three shares for each series.
func benchMetrics(kind string) (metricsBuilder, int) {
	md := newMetrics("service.name", "shop", "deployment.environment.name", "prod", "host.name", "h1")
	now := time.Now()
	points := 0
	for i := range 100 {
		labels := []string{"Environment", "prod", "Service", "shop", "Operation", fmt.Sprint("GET /cart/", i)}
		switch kind {
		case "gauge":
			md.gauge("g", float64(i), now, labels...)
			points++
		case "cumulative":
			md.sum("c", "{request}", cumulative, float64(i), now, labels...)
			points++
		case "histogram":
			put(md.histogram("h", "ms", delta, now, []float64{5, 10, 25, 50, 100, 250, 500, 1000}, []uint64{1, 5, 9, 4, 3, 2, 1, 0, 1}, 2000).Attributes(), labels)
			points++
		case "red":
			put(md.exponential("Latency", "ms", delta, now, 4, 40, 0, ones(60), 30_000).Attributes(), labels)
			for _, name := range []string{"Fault", "Error", "Throttle"} {
				put(md.histogram(name, "", delta, now, []float64{0}, []uint64{200, 5}, 5).Attributes(), labels)
			}
			points += 4
		}
	}
	return md, points
}

// BenchmarkExporter is the exporter as a whole, from points to compressed
// requests. The figures are for one data point: as they come in batches, and
// where those of a minute join, six batches of each series.
func BenchmarkExporter(b *testing.B) {
	for _, mode := range []string{eachBatch, eachMinute} {
		for _, kind := range []string{"gauge", "cumulative", "histogram", "red"} {
			b.Run(mode+"/"+kind, func(b *testing.B) { benchExporter(b, mode, kind) })
		}
	}
}

func benchExporter(b *testing.B, mode, kind string) {
	cfg := createDefaultConfig().(*Config)
	cfg.Namespace, cfg.Aggregation = "Bench", mode
	cfg.RetainInitialValueOfDeltaMetric = true
	cfg.SendingQueue.Get().BlockOnOverflow = true
	e, err := newMetricsExporter(exportertest.NewNopSettings(metadata.Type), cfg,
		func(context.Context, *Config, component.BuildInfo) (service, error) { return &takeAll{}, nil })
	require.NoError(b, err)
	require.NoError(b, e.Start(context.Background(), componenttest.NewNopHost()))
	md, points := benchMetrics(kind)
	b.ReportAllocs()
	b.ResetTimer()
	for n, batch := 0, 1; n < b.N; n, batch = n+points, batch+1 {
		// Later points: a cumulative series must go on.
		for _, m := range md.scope.Metrics().All() {
			if kind == "cumulative" {
				p := m.Sum().DataPoints().At(0)
				p.SetTimestamp(p.Timestamp() + 1)
				p.SetDoubleValue(p.DoubleValue() + 1)
			}
		}
		if err := e.ConsumeMetrics(context.Background(), md.Metrics); err != nil {
			b.Fatal(err)
		}
		if mode == eachMinute && batch%6 == 0 {
			e.mu.Lock()
			e.translator.window.closeAll()
			e.mu.Unlock()
			if err := e.flush(); err != nil {
				b.Fatal(err)
			}
		}
	}
	require.NoError(b, e.Shutdown(context.Background()))
}
