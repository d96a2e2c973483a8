package awss3exporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/exporter/awss3exporter/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/archive"
	"github.com/tailwater-otel/tailwater/internal/spool"
)

// archiver puts spans into the spool, and what the spool has collected into
// objects.
type archiver struct {
	exporter.Traces // exporterhelper's, around push

	cfg    *Config
	set    exporter.Settings
	count  *counters
	health *health
	build  *builder

	spool  *spool.Spool // nil until Start
	store  store
	opened func(context.Context, *Config, component.BuildInfo) (store, error)
	fs     spool.FS // for tests

	delivery sync.WaitGroup
	abandon  context.CancelFunc // ends the delivery
	shutdown sync.Once
}

func newArchive(ctx context.Context, set exporter.Settings, cfg *Config) (*archiver, error) {
	partitions, err := cfg.S3Uploader.partitions()
	if err != nil {
		return nil, fmt.Errorf("s3uploader.%w", err)
	}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	a := &archiver{
		cfg:    cfg,
		set:    set,
		count:  &counters{telemetry},
		health: &health{logger: set.Logger},
		build: &builder{config: cfg, partitions: partitions, runBytes: runBytes,
			tool: set.BuildInfo.Command + " " + set.BuildInfo.Version},
		opened: openStore,
	}
	a.Traces, err = exporterhelper.NewTraces(ctx, set, cfg, a.push,
		exporterhelper.WithStart(a.start),
		exporterhelper.WithShutdown(a.stop),
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}))
	if err != nil {
		telemetry.Shutdown()
		return nil, err
	}
	return a, nil
}

// start opens the spool and begins to deliver what is in it.
func (a *archiver) start(ctx context.Context, host component.Host) error {
	for _, w := range a.cfg.warnings {
		a.set.Logger.Warn(w)
	}
	a.health.start(host)
	var err error
	if a.store, err = a.opened(ctx, a.cfg, a.set.BuildInfo); err != nil {
		return err
	}
	p := &a.cfg.Parquet
	s, found, err := spool.Open(spool.Options{
		Directory:    a.cfg.spoolDirectory(),
		SegmentBytes: p.MaxFileBytes,
		Deadline:     a.deadline,
		MaxBytes:     p.MaxSpoolBytes,
		Reserve:      3 * p.MaxFileBytes, // sorted runs and the files themselves
		RetryMin:     a.cfg.RetryOnFailure.InitialInterval,
		RetryMax:     a.cfg.RetryOnFailure.MaxInterval,
		FS:           a.fs,
		Report:       func(err error) { a.set.Logger.Warn("Trouble with the spool", zap.Error(err)) },
	})
	if err != nil {
		return err
	}
	a.spool = s
	a.count.telemetry.ExporterAwss3SpoolCutBytes.Add(ctx, found.CutBytes)
	a.set.Logger.Info("Archiving spans", zap.String("to", a.store.describe()), zap.String("spool", a.cfg.spoolDirectory()),
		zap.Int64("spans waiting", found.Items), zap.Int64("bytes cut", found.CutBytes))
	if len(found.Skipped) > 0 {
		a.set.Logger.Error("Files in the spool are of a newer version: they wait for the program that wrote them", zap.Strings("files", found.Skipped))
	}
	if err := a.observe(); err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.Background())
	a.abandon = cancel
	a.delivery.Go(func() { _ = s.Deliver(running, a) }) // ends with running or with the spool
	return nil
}

func (a *archiver) observe() error {
	t := a.count.telemetry
	return errors.Join(
		t.RegisterExporterAwss3SpoolBytesCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(a.spool.State().Bytes)
			return nil
		}),
		t.RegisterExporterAwss3SpoolSegmentsCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(a.spool.State().Segments))
			return nil
		}),
		t.RegisterExporterAwss3SpoolAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
			age := 0.0
			if oldest := a.spool.State().Oldest; !oldest.IsZero() {
				age = time.Since(oldest).Seconds()
			}
			o.Observe(age)
			return nil
		}))
}

// partitionGrace is how long after the end of a partition its last spans may
// still come.
const partitionGrace = time.Minute

// deadline says when a log that begins at first is closed: by age, or when its
// partition is over.
func (a *archiver) deadline(first time.Time) time.Time {
	age := first.Add(a.cfg.Parquet.MaxFileAge)
	if end := a.build.partitions.end(first).Add(partitionGrace); end.Before(age) {
		return end
	}
	return age
}

// Attribute of spans that came out of an archive.
const replayedAttribute = "archive.replayed"

var packers = sync.Pool{New: func() any { return &packer{encoder: archive.NewEncoder()} }}

// push puts spans into the spool. It returns once they are on disk. With
// on_full drop, trouble is the exporter's own and counted: an error would make
// the sender send again to all that get the same spans.
func (a *archiver) push(ctx context.Context, td ptrace.Traces) error {
	td = a.withoutReplayed(ctx, td)
	spans := td.SpanCount()
	if spans == 0 {
		return nil
	}
	p := packers.Get().(*packer)
	payload, codec, err := p.encode(td)
	if err == nil {
		err = a.spool.Append(payload, spans, codec) // which copies
		packers.Put(p)
	}
	if err == nil {
		a.count.spooled(ctx, spans)
		a.health.ok(troubleSpool)
		return nil
	}
	reason := "spool_error"
	switch {
	case errors.Is(err, spool.ErrTooLarge):
		a.count.dropped(ctx, "too_large", int64(spans))
		return nil // it never fits, so the sender must not try again
	case errors.Is(err, spool.ErrFull):
		reason = "spool_full"
	case errors.Is(err, spool.ErrClosed):
		reason = "shutdown"
	}
	a.health.fail(troubleSpool, err)
	if a.cfg.Parquet.OnFull == onFullRefuse {
		a.count.refused(ctx, reason, spans)
		return err
	}
	a.count.dropped(ctx, reason, int64(spans))
	return nil
}

// withoutReplayed leaves out spans that the archive has: those that a receiver
// stamped. It copies only if there are some.
func (a *archiver) withoutReplayed(ctx context.Context, td ptrace.Traces) ptrace.Traces {
	found := false
	for _, rs := range td.ResourceSpans().All() {
		found = found || replayed(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				found = found || replayed(span.Attributes())
			}
		}
	}
	if !found {
		return td
	}
	before := td.SpanCount()
	kept := ptrace.NewTraces()
	td.CopyTo(kept)
	kept.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		all := replayed(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			ss.Spans().RemoveIf(func(s ptrace.Span) bool { return all || replayed(s.Attributes()) })
		}
		return all
	})
	a.count.skipped(ctx, "replayed", before-kept.SpanCount())
	return kept
}

func replayed(attributes pcommon.Map) bool {
	v, ok := attributes.Get(replayedAttribute)
	return ok && (v.Type() == pcommon.ValueTypeBool && v.Bool() || v.Type() == pcommon.ValueTypeStr && v.Str() == "true")
}

// stop takes no more spans and stores what the spool has, within
// shutdown_timeout.
func (a *archiver) stop(ctx context.Context) error {
	var err error
	a.shutdown.Do(func() {
		if a.spool != nil {
			a.spool.Close()
			if a.cfg.Parquet.ShutdownTimeout == 0 {
				a.abandon()
			}
			timer := time.AfterFunc(a.cfg.Parquet.ShutdownTimeout, a.abandon)
			given := context.AfterFunc(ctx, a.abandon)
			a.delivery.Wait()
			timer.Stop()
			given()
			a.abandon()
			if left := a.spool.State(); left.Segments > 0 {
				a.set.Logger.Info("Spans stay in the spool until the next start", zap.Int("segments", left.Segments), zap.Int64("bytes", left.Bytes))
			}
			err = a.spool.Unlock()
		}
		if a.store != nil {
			a.store.close()
		}
		a.count.telemetry.Shutdown()
	})
	return err
}
