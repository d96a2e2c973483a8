package awsxrayexporter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/tailwater-otel/tailwater/exporter/awsxrayexporter/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/delivery"
	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/internal/segmentspan"
)

// maxReply is more than a reply that lists 50 documents ever has.
const maxReply = 1 << 20

// tracesExporter makes documents of spans and offers them to the sending
// queue, whose workers give them to the sender.
type tracesExporter struct {
	cfg     *Config
	set     exporter.Settings
	logger  *zap.Logger
	encode  func(ptrace.Traces) segmentspan.Encoded
	queue   exporter.Traces // exporterhelper's: queue, batcher and workers
	sender  *sender
	count   *counters
	health  *delivery.Health
	builder *metadata.TelemetryBuilder

	stop, end context.CancelFunc // of the sender's Stopping and Over
	connect   connector
	client    service // nil until Start

	reporting     sync.WaitGroup
	stopReporting context.CancelFunc
	shutdown      sync.Once
}

// service is X-Ray as the exporter needs it.
type service interface {
	poster
	Instance(ctx context.Context) (hostname, id string)
	Describe() string
	Region() string
	Close()
}

// connector opens the service at Start.
type connector func(ctx context.Context, cfg *Config, info component.BuildInfo) (service, error)

// connect resolves region, credentials and endpoint.
func connect(ctx context.Context, cfg *Config, info component.BuildInfo) (service, error) {
	return awsclient.New(ctx, awsclient.Options{
		Service:      "xray",
		Region:       cfg.Region,
		Endpoint:     cfg.Endpoint,
		RoleARN:      cfg.RoleARN,
		ExternalID:   cfg.ExternalID,
		ProxyAddress: cfg.ProxyAddress,
		NoVerifySSL:  cfg.NoVerifySSL,
		LocalMode:    cfg.LocalMode,
		MaxConns:     cfg.workers(),
		MaxReply:     maxReply,
		UserAgent:    userAgent(info),
	})
}

func newTracesExporter(set exporter.Settings, cfg *Config, connect connector) (*tracesExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	rare := delivery.RareLogger(set.Logger)
	count := newCounters(builder)
	health := &delivery.Health{Service: "X-Ray", Items: "documents", Logger: rare}
	s := &sender{
		timeout:    cfg.Timeout,
		patience:   delivery.Patience{Retry: cfg.RetryOnFailure, Kept: cfg.persistent() || cfg.answers()},
		answers:    cfg.answers(),
		persistent: cfg.persistent(),
		limiter:    delivery.NewLimiter(cfg.workers()),
		health:     health,
		count:      count,
		logger:     rare,
		each:       set.Logger,
	}
	if n := cfg.MaxSegmentsPerSecond; n > 0 {
		s.rate = rate.NewLimiter(rate.Limit(n), max(n, maxDocuments))
	}
	e := &tracesExporter{
		cfg:    cfg,
		set:    set,
		logger: set.Logger,
		encode: segmentspan.NewEncoder(segmentspan.Options{
			IndexedAttributes:  cfg.IndexedAttributes,
			IndexAllAttributes: cfg.IndexAllAttributes,
			LogGroups:          cfg.LogGroupNames,
			ValidateTimestamp:  !metadata.ExporterAwsxraySkiptimestampvalidationFeatureGate.IsEnabled(),
		}).FromTraces,
		sender:  s,
		count:   count,
		health:  health,
		builder: builder,
		connect: connect,
	}
	s.patience.Stopping, e.stop = context.WithCancel(context.Background())
	s.patience.Over, e.end = context.WithCancel(context.Background())

	quiet := set
	if !s.answers {
		// The sender says what happened to documents. exporterhelper would call
		// those dropped that a shutdown leaves in the storage.
		quiet.Logger = delivery.Without(quiet.Logger, "Exporting failed.")
	}
	e.queue, err = xexporterhelper.NewTracesRequest(context.Background(), quiet, fromContext, e.send, e.queueOptions()...)
	if err != nil {
		builder.Shutdown()
		return nil, err
	}
	return e, nil
}

func (e *tracesExporter) queueOptions() []exporterhelper.Option {
	options := []exporterhelper.Option{
		// The time limit is on each request to X-Ray, not on a delivery with its waits.
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}),
	}
	if e.cfg.SendingQueue.HasValue() {
		options = append(options, xexporterhelper.WithQueueBatch(e.cfg.SendingQueue, xexporterhelper.QueueBatchSettings{
			Encoding: encoding{damaged: func() { e.count.dropped(context.Background(), reasonUnreadable, 1) }},
		}))
	}
	if e.cfg.persistent() && !e.cfg.answers() {
		// The sender retries. This one only turns what the sender gives back
		// during shutdown into the error that keeps an item in the storage.
		retry := e.cfg.RetryOnFailure
		retry.Enabled = true
		retry.InitialInterval, retry.MaxInterval, retry.MaxElapsedTime = time.Second, time.Second, 0
		options = append(options, exporterhelper.WithRetry(retry))
	}
	return options
}

// Capabilities says that spans are only read, whatever the batcher does to documents.
func (e *tracesExporter) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: false}
}

// Start finds region and credentials and starts the queue.
func (e *tracesExporter) Start(ctx context.Context, host component.Host) error {
	for _, w := range e.cfg.warnings {
		e.logger.Warn(w)
	}
	e.health.Start(host)
	client, err := e.connect(ctx, e.cfg, e.set.BuildInfo)
	if err != nil {
		return err
	}
	e.client, e.sender.client = client, client
	e.logger.Info("Sending documents to X-Ray", zap.String("target", client.Describe()), zap.String("region", client.Region()))
	if e.cfg.DeadLetterDirectory != "" {
		e.sender.dead, err = openDeadLetters(e.cfg.DeadLetterDirectory, e.set.ID.String(), e.cfg.DeadLetterMaxBytes, e.count, e.sender.logger)
		if err != nil {
			return err
		}
	}
	if err := e.builder.RegisterExporterAwsxrayRequestsLimitCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(e.sender.limiter.Now()))
		return nil
	}); err != nil {
		return err
	}
	if err := e.queue.Start(ctx, host); err != nil {
		return err
	}
	if e.cfg.Telemetry.Enabled {
		e.startReporting()
	}
	return nil
}

func (e *tracesExporter) startReporting() {
	ctx, cancel := context.WithCancel(context.Background())
	e.stopReporting = cancel
	r := &reporter{client: e.sender.client, recorder: e.count.records, logger: e.sender.logger}
	e.reporting.Go(func() {
		r.about = newAbout(e.cfg, func() (string, string) { return e.client.Instance(ctx) })
		r.run(ctx)
	})
}

func userAgent(info component.BuildInfo) string {
	agent := fmt.Sprintf("%s/%s", info.Command, info.Version)
	if env := os.Getenv("AWS_EXECUTION_ENV"); env != "" {
		agent += " exec-env/" + env
	}
	return agent + " OS/" + runtime.GOOS + "-" + runtime.GOARCH
}

// ConsumeTraces makes documents of spans and hands them to the queue. Once it
// has, trouble is the exporter's own: it returns no error for documents that
// find no room, because the caller would send to all other exporters again.
// Only without a queue, or with wait_for_result, it returns the result.
func (e *tracesExporter) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	encoded, ok := e.translate(td)
	if !ok {
		encoded = e.translateApart(td)
	}
	e.count.encoded(ctx, &encoded)
	return e.accept(ctx, encoded.Parts)
}

// translate makes documents of spans. It is the one place where what arrives
// could hit an error in the program, and that must not end the process.
func (e *tracesExporter) translate(td ptrace.Traces) (encoded segmentspan.Encoded, ok bool) {
	defer func() {
		if r := recover(); r != nil {
			// The logger passes one of these a minute.
			e.sender.logger.Error("Error in the program: spans could not be made documents",
				zap.Any("panic", r), zap.ByteString("stack", debug.Stack()))
		}
	}()
	return e.encode(td), true
}

// translateApart goes through the resources one by one, so that only the spans
// of those that cannot be translated are lost.
func (e *tracesExporter) translateApart(td ptrace.Traces) segmentspan.Encoded {
	all := segmentspan.Encoded{Invalid: map[string]int{}}
	for _, rs := range td.ResourceSpans().All() {
		one := ptrace.NewTraces()
		rs.CopyTo(one.ResourceSpans().AppendEmpty())
		encoded, ok := e.translate(one)
		if !ok {
			all.Invalid[reasonPanic] += one.SpanCount()
			continue
		}
		all.Parts = append(all.Parts, encoded.Parts...)
		all.Spans += encoded.Spans
		all.Unsampled += encoded.Unsampled
		all.Superseded += encoded.Superseded
		all.Cut += encoded.Cut
		for reason, n := range encoded.Invalid {
			all.Invalid[reason] += n
		}
	}
	return all
}

// accept hands finished documents to the queue.
func (e *tracesExporter) accept(ctx context.Context, parts []segment.Part) error {
	if len(parts) > 0 && e.cfg.answers() {
		return e.offer(ctx, parts)
	}
	for len(parts) > 0 {
		n := requestLimits.first(parts, 0)
		if err := e.offer(ctx, parts[:n:n]); err != nil {
			reason := reasonQueueError
			if errors.Is(err, exporterhelper.ErrQueueIsFull) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
				reason = reasonQueueFull
			}
			e.count.dropped(ctx, reason, n)
			e.logger.Debug("No room for documents in the queue", zap.Int("documents", n), zap.String("reason", reason))
			e.health.Full(err)
		}
		parts = parts[n:]
	}
	return nil
}

// partsKey is the context key of the documents on their way into the queue:
// exporterhelper makes a queue item from spans, and ours is made already.
type partsKey struct{}

var noSpans = ptrace.NewTraces()

func (e *tracesExporter) offer(ctx context.Context, parts []segment.Part) error {
	return e.queue.ConsumeTraces(context.WithValue(ctx, partsKey{}, newPortion(parts)), noSpans)
}

func fromContext(ctx context.Context, _ ptrace.Traces) (xexporterhelper.Request, error) {
	p, ok := ctx.Value(partsKey{}).(*portion)
	if !ok {
		return nil, errors.New("no documents in the context")
	}
	return p, nil
}

// send delivers what leaves the queue.
func (e *tracesExporter) send(ctx context.Context, r xexporterhelper.Request) error {
	p, ok := r.(*portion)
	if !ok {
		return fmt.Errorf("send a %T", r)
	}
	return e.sender.deliver(ctx, p.parts)
}

// Shutdown delivers what is in a memory queue, within shutdown_timeout. A
// queue on disk keeps what is not on its way.
func (e *tracesExporter) Shutdown(ctx context.Context) error {
	var err error
	e.shutdown.Do(func() {
		e.stop()
		if e.cfg.ShutdownTimeout == 0 {
			e.end()
		}
		timer := time.AfterFunc(e.cfg.ShutdownTimeout, e.end)
		given := context.AfterFunc(ctx, e.end)
		err = e.queue.Shutdown(ctx)
		timer.Stop()
		given()
		e.end()
		if e.stopReporting != nil {
			e.stopReporting()
			e.reporting.Wait()
		}
		if e.sender.dead != nil {
			e.sender.dead.close()
		}
		if e.client != nil {
			e.client.Close()
		}
		e.builder.Shutdown()
	})
	return err
}
