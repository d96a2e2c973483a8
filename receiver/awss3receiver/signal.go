package awss3receiver

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
)

// The signals, as they are called in the names of objects.
const (
	signalTraces  = "traces"
	signalMetrics = "metrics"
	signalLogs    = "logs"
)

// signal is what a replay is of.
type signal struct {
	name  string
	items string // what its items are called
	obs   obs

	traces  consumer.Traces // one of these is set
	metrics consumer.Metrics
	logs    consumer.Logs

	// decoders are the encoding extensions, by id.
	decoders map[component.ID]component.Component
}

// obs counts what goes to the pipeline as all receivers do.
type obs struct {
	report *receiverhelper.ObsReport
	signal string
}

func (o *obs) start(ctx context.Context) context.Context {
	switch o.signal {
	case signalMetrics:
		return o.report.StartMetricsOp(ctx)
	case signalLogs:
		return o.report.StartLogsOp(ctx)
	}
	return o.report.StartTracesOp(ctx)
}

func (o *obs) end(ctx context.Context, items int, err error) {
	switch o.signal {
	case signalMetrics:
		o.report.EndMetricsOp(ctx, "archive", items, err)
	case signalLogs:
		o.report.EndLogsOp(ctx, "archive", items, err)
	default:
		o.report.EndTracesOp(ctx, "archive", items, err)
	}
}

// findDecoders looks up the encoding extensions. Its error names the key.
func (s *signal) findDecoders(encodings []EncodingConfig, host component.Host) error {
	s.decoders = map[component.ID]component.Component{}
	extensions := host.GetExtensions()
	for i, e := range encodings {
		extension, found := extensions[e.Extension]
		if !found {
			return fmt.Errorf("encodings::%d::extension: there is no extension %s; it must be in service::extensions", i, e.Extension)
		}
		ok := false
		switch s.name {
		case signalTraces:
			_, ok = extension.(ptrace.Unmarshaler)
		case signalMetrics:
			_, ok = extension.(pmetric.Unmarshaler)
		case signalLogs:
			_, ok = extension.(plog.Unmarshaler)
		}
		if !ok {
			return fmt.Errorf("encodings::%d::extension: %s cannot read %s", i, e.Extension, s.name)
		}
		s.decoders[e.Extension] = extension
	}
	return nil
}
