package awss3exporter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/exporter/awss3exporter/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/spool"
)

// otlpExporter makes an object of each request.
type otlpExporter struct {
	cfg        *Config
	set        exporter.Settings
	signal     *signal
	partitions *partitions
	count      *counters
	health     *health
	opened     func(context.Context, *Config, component.BuildInfo) (store, error)

	store    store   // nil until Start
	format   *format // the same
	shutdown sync.Once
}

func newOTLP(set exporter.Settings, cfg *Config, s *signal) (*otlpExporter, error) {
	partitions, err := cfg.S3Uploader.partitions()
	if err != nil {
		return nil, fmt.Errorf("s3uploader.%w", err)
	}
	if cfg.archive() {
		return nil, fmt.Errorf("marshaler: parquet is for traces; use otlp_json or otlp_proto for %s, in another awss3 exporter", s.name)
	}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	return &otlpExporter{cfg: cfg, set: set, signal: s, partitions: partitions, count: &counters{telemetry},
		health: &health{logger: set.Logger}, opened: openStore}, nil
}

func (e *otlpExporter) options() []exporterhelper.Option {
	return []exporterhelper.Option{
		exporterhelper.WithStart(e.start),
		exporterhelper.WithShutdown(e.stop),
		exporterhelper.WithRetry(e.cfg.RetryOnFailure),
		// Each object has its own time: a request may become several.
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}),
		xexporterhelper.WithQueueBatch(e.cfg.SendingQueue, xexporterhelper.QueueBatchSettings{
			Encoding: queueEncoding{signal: e.signal, damaged: func() {
				e.count.itemsDropped(context.Background(), "unreadable", 1)
			}},
		}),
	}
}

func newOTLPTraces(ctx context.Context, set exporter.Settings, cfg *Config) (exporter.Traces, error) {
	e, err := newOTLP(set, cfg, traces)
	if err != nil {
		return nil, err
	}
	return xexporterhelper.NewTracesRequest(ctx, set, e.fromTraces, e.send, e.options()...)
}

func newOTLPMetrics(ctx context.Context, set exporter.Settings, cfg *Config) (exporter.Metrics, error) {
	e, err := newOTLP(set, cfg, metrics)
	if err != nil {
		return nil, err
	}
	return xexporterhelper.NewMetricsRequest(ctx, set, e.fromMetrics, e.send, e.options()...)
}

func newOTLPLogs(ctx context.Context, set exporter.Settings, cfg *Config) (exporter.Logs, error) {
	e, err := newOTLP(set, cfg, logs)
	if err != nil {
		return nil, err
	}
	return xexporterhelper.NewLogsRequest(ctx, set, e.fromLogs, e.send, e.options()...)
}

func (e *otlpExporter) start(ctx context.Context, host component.Host) error {
	e.health.start(host)
	var err error
	if e.format, err = newFormat(e.cfg, e.signal, host); err != nil {
		return err
	}
	if e.store, err = e.opened(ctx, e.cfg, e.set.BuildInfo); err != nil {
		return err
	}
	e.set.Logger.Info("Storing objects", zap.String("to", e.store.describe()))
	return nil
}

func (e *otlpExporter) stop(context.Context) error {
	e.shutdown.Do(func() {
		if e.store != nil {
			e.store.close()
		}
		e.count.telemetry.Shutdown()
	})
	return nil
}

// place is where the data of a resource goes.
type place struct{ bucket, prefix string }

func (e *otlpExporter) placeOf(resource pcommon.Resource) (p place) {
	by := &e.cfg.ResourceAttrsToS3
	if v, ok := resource.Attributes().Get(by.S3Bucket); ok && by.S3Bucket != "" {
		p.bucket = v.AsString()
	}
	if v, ok := resource.Attributes().Get(by.S3Prefix); ok && by.S3Prefix != "" {
		p.prefix = v.AsString()
	}
	return p
}

// placed groups the resources of a request by where they go, in the order in
// which the places come up. It says whether there is more than one place.
func (e *otlpExporter) placed(n int, resource func(i int) pcommon.Resource) (places []place, members map[place][]int) {
	members = map[place][]int{}
	for i := range n {
		p := e.placeOf(resource(i))
		if _, known := members[p]; !known {
			places = append(places, p)
		}
		members[p] = append(members[p], i)
	}
	return places, members
}

func (e *otlpExporter) draft(r *request, p place, now time.Time, items int, data []byte) error {
	if items == 0 {
		return nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("name an object: %w", err)
	}
	r.drafts = append(r.drafts, draft{bucket: p.bucket, prefix: p.prefix, id: id, time: now, items: items, data: data})
	return nil
}

func (e *otlpExporter) fromTraces(_ context.Context, td ptrace.Traces) (xexporterhelper.Request, error) {
	r, now := &request{signal: e.signal}, time.Now()
	all := td.ResourceSpans()
	places, members := e.placed(all.Len(), func(i int) pcommon.Resource { return all.At(i).Resource() })
	for _, p := range places {
		part := td
		if len(places) > 1 {
			part = ptrace.NewTraces()
			for _, i := range members[p] {
				all.At(i).CopyTo(part.ResourceSpans().AppendEmpty())
			}
		}
		data, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(part)
		if err == nil {
			err = e.draft(r, p, now, part.SpanCount(), data)
		}
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (e *otlpExporter) fromMetrics(_ context.Context, md pmetric.Metrics) (xexporterhelper.Request, error) {
	r, now := &request{signal: e.signal}, time.Now()
	all := md.ResourceMetrics()
	places, members := e.placed(all.Len(), func(i int) pcommon.Resource { return all.At(i).Resource() })
	for _, p := range places {
		part := md
		if len(places) > 1 {
			part = pmetric.NewMetrics()
			for _, i := range members[p] {
				all.At(i).CopyTo(part.ResourceMetrics().AppendEmpty())
			}
		}
		data, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(part)
		if err == nil {
			err = e.draft(r, p, now, part.DataPointCount(), data)
		}
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (e *otlpExporter) fromLogs(_ context.Context, ld plog.Logs) (xexporterhelper.Request, error) {
	r, now := &request{signal: e.signal}, time.Now()
	all := ld.ResourceLogs()
	places, members := e.placed(all.Len(), func(i int) pcommon.Resource { return all.At(i).Resource() })
	for _, p := range places {
		part := ld
		if len(places) > 1 {
			part = plog.NewLogs()
			for _, i := range members[p] {
				all.At(i).CopyTo(part.ResourceLogs().AppendEmpty())
			}
		}
		data, err := (&plog.ProtoMarshaler{}).MarshalLogs(part)
		if err == nil {
			err = e.draft(r, p, now, part.LogRecordCount(), data)
		}
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

// send stores the objects of a request, all that it can. It returns an error
// that is not permanent if another attempt may help some of them.
func (e *otlpExporter) send(ctx context.Context, r xexporterhelper.Request) error {
	q, ok := r.(*request)
	if !ok {
		return consumererror.NewPermanent(fmt.Errorf("send a %T", r))
	}
	var again, never error
	for i := range q.drafts {
		d := &q.drafts[i]
		if d.done {
			continue
		}
		reason, err := e.sendOne(ctx, d)
		switch {
		case err == nil:
			d.done = true
		case reason == "":
			again = errors.Join(again, err)
		default:
			d.done = true
			e.count.itemsDropped(ctx, reason, d.items)
			never = errors.Join(never, err)
		}
	}
	switch {
	case again != nil:
		e.health.fail(troubleStore, again)
		return again
	case never != nil:
		e.health.fail(troubleStore, never)
		return consumererror.NewPermanent(never)
	}
	e.health.ok(troubleStore)
	return nil
}

// sendOne stores an object. With an error, it returns the reason why no other
// attempt helps, or "".
func (e *otlpExporter) sendOne(ctx context.Context, d *draft) (string, error) {
	body, err := e.format.content(d.data)
	if err != nil {
		return "marshal", fmt.Errorf("encode an object: %w", err)
	}
	u := &e.cfg.S3Uploader
	sum := sha256.Sum256(d.data) // of what goes in: encoders change with their versions
	o := &object{
		bucket: d.bucket,
		key:    u.key(d.prefix, e.partitions.of(d.time), e.signal.name+"_"+d.id.String()+e.format.suffix),
		kind:   e.format.kind,
		size:   int64(len(body)),
		body:   body,
		about:  aboutOf(map[string]string{"otlp-sha256": hex.EncodeToString(sum[:])}),
	}
	if o.bucket == "" {
		o.bucket = u.bucket()
	}
	if e.cfg.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.cfg.Timeout)
		defer cancel()
	}
	how, err := e.store.put(ctx, o)
	e.count.object(ctx, how, o.size)
	var never *spool.Unacceptable
	switch {
	case err == nil:
		return "", nil
	case how == conflict:
		return "conflict", err
	case how == refused, errors.As(err, &never):
		return "refused", err
	}
	return "", err
}
