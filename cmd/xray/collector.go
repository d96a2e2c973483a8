package main

import (
	"context"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/healthcheckextension"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tailwater-otel/tailwater/exporter/awsxrayexporter"
	"github.com/tailwater-otel/tailwater/internal/version"
	"github.com/tailwater-otel/tailwater/internal/xraydaemon"
	"github.com/tailwater-otel/tailwater/provider/xraydaemonprovider"
	"github.com/tailwater-otel/tailwater/receiver/awsxrayreceiver"
)

// components are all that the daemon's configuration can name.
func components() (factories otelcol.Factories, err error) {
	factories.Telemetry = otelconftelemetry.NewFactory()
	if factories.Receivers, err = otelcol.MakeFactoryMap[receiver.Factory](awsxrayreceiver.NewFactory()); err != nil {
		return otelcol.Factories{}, err
	}
	if factories.Exporters, err = otelcol.MakeFactoryMap[exporter.Factory](awsxrayexporter.NewFactory()); err != nil {
		return otelcol.Factories{}, err
	}
	if factories.Extensions, err = otelcol.MakeFactoryMap[extension.Factory](healthcheckextension.NewFactory()); err != nil {
		return otelcol.Factories{}, err
	}
	return factories, nil
}

// runCollector runs a collector with the settings until a signal or the end of ctx.
func runCollector(ctx context.Context, s xraydaemon.Settings, log *daemonLog) error {
	s.LogPath = "" // the log is ours
	collector, err := otelcol.NewCollector(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "xray", Description: "AWS X-Ray daemon", Version: version.Version},
		Factories: components,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs:              []string{xraydaemonprovider.Scheme + ":"},
			ProviderFactories: []confmap.ProviderFactory{xraydaemonprovider.FactoryOf(s)},
		}},
		LoggingOptions:        []zap.Option{zap.WrapCore(func(zapcore.Core) zapcore.Core { return daemonCore{log: log} })},
		SkipSettingGRPCLogger: true,
	})
	if err != nil {
		return err
	}
	return collector.Run(ctx)
}
