package awsxrayreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/tailwater-otel/tailwater/internal/samplingapi/samplingserver"
	"github.com/tailwater-otel/tailwater/receiver/awsxrayreceiver/internal/metadata"
)

// NewFactory returns the factory of the awsxray receiver.
func NewFactory() receiver.Factory {
	shared := &instances{byConfig: map[*Config]*xrayReceiver{}}
	return receiver.NewFactory(
		metadata.Type,
		createDefaultConfig,
		receiver.WithTraces(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Traces) (receiver.Traces, error) {
			r, err := shared.get(cfg.(*Config), set)
			if err != nil {
				return nil, err
			}
			r.nextTraces = next
			return r, nil
		}, metadata.TracesStability),
		receiver.WithMetrics(func(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
			r, err := shared.get(cfg.(*Config), set)
			if err != nil {
				return nil, err
			}
			r.nextMetrics = next
			return r, nil
		}, metadata.MetricsStability),
	)
}

func createDefaultConfig() component.Config {
	return &Config{
		Endpoint:  "localhost:2000",
		Transport: "udp",
		// At 16,000 small segments a second the usual default of 208 KiB loses
		// 2 %, and 4 MiB none.
		ReceiveBufferBytes: 4 << 20,
		Sockets:            1,
		// Half a second of 16,000 small segments a second, and an eighth of a
		// 64 MiB container.
		QueueBytes:      8 << 20,
		OTLPDatagrams:   true,
		ShutdownTimeout: 5 * time.Second,
		ProxyServer: samplingserver.Config{
			Endpoint:    "localhost:2000",
			ServiceName: "xray",
			Sampling:    samplingserver.Forward,
		},
	}
}
