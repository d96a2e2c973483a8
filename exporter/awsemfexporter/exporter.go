package awsemfexporter

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/exporter/awsemfexporter/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/awsclient"
	"github.com/tailwater-otel/tailwater/internal/delivery"
	"github.com/tailwater-otel/tailwater/internal/emf"
)

// maxReply is more than a reply to PutLogEvents ever has.
const maxReply = 1 << 20

// metricsExporter makes events of metrics and offers them to the sending
// queue, whose workers give them to the destination.
type metricsExporter struct {
	cfg     *Config
	set     exporter.Settings
	logger  *zap.Logger
	rare    *zap.Logger
	queue   exporter.Metrics // exporterhelper's: queue, batcher and workers
	count   *counters
	health  *delivery.Health
	builder *metadata.TelemetryBuilder
	connect connector
	costs   *costs

	destination destination // nil until Start
	sender      *sender     // the destination, if it is CloudWatch
	patience    delivery.Patience
	close       []func()

	// mu keeps batches in order: increments depend on it.
	mu         sync.Mutex
	translator *translator
	stopped    bool // nothing waits in the window any more

	// of whoever makes events: a batch under mu, or the flusher
	writer  emf.Writer
	told    estimate // that the log has
	flusher flusher

	stop, end context.CancelFunc // of patience
	shutdown  sync.Once
}

// service is CloudWatch Logs as the exporter needs it.
type service interface {
	caller
	Describe() string
	Close()
}

// connector opens the service at Start.
type connector func(ctx context.Context, cfg *Config, info component.BuildInfo) (service, error)

// connect resolves region, credentials and endpoint. Requests go through
// internal/awsclient and not the SDK's client: the body is one JSON object that
// is written anyway, the SDK knows no compression for it, and retries, limits
// and what an error means are this exporter's own.
func connect(ctx context.Context, cfg *Config, info component.BuildInfo) (service, error) {
	return awsclient.New(ctx, awsclient.Options{
		Service:      "logs",
		Region:       cfg.Region,
		Endpoint:     cfg.Endpoint,
		RoleARN:      cfg.RoleARN,
		ExternalID:   cfg.ExternalID,
		ProxyAddress: cfg.ProxyAddress,
		NoVerifySSL:  cfg.NoVerifySSL,
		LocalMode:    cfg.LocalMode,
		MaxConns:     cfg.workers(),
		MaxReply:     maxReply,
		UserAgent:    userAgent(cfg, info),
	})
}

func newMetricsExporter(set exporter.Settings, cfg *Config, connect connector) (*metricsExporter, error) {
	builder, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	rare := delivery.RareLogger(set.Logger)
	e := &metricsExporter{
		cfg:     cfg,
		set:     set,
		logger:  set.Logger,
		rare:    rare,
		count:   newCounters(builder),
		health:  &delivery.Health{Service: "CloudWatch", Items: "events", Logger: rare},
		builder: builder,
		connect: connect,
		costs:   newCosts(time.Now()),
		writer:  emf.Writer{MaxMessage: cfg.MaxEventBytes},
	}
	e.patience = delivery.Patience{Retry: cfg.RetryOnFailure, Kept: cfg.persistent() || cfg.answers()}
	e.patience.Stopping, e.stop = context.WithCancel(context.Background())
	e.patience.Over, e.end = context.WithCancel(context.Background())
	if e.translator, err = newTranslator(cfg, defaultStream(set), time.Now, e.dropped); err != nil {
		builder.Shutdown()
		return nil, err
	}
	if cfg.joins() {
		e.translator.window = newWindow(e.translator.rules, cfg.AggregationWait)
		e.translator.deltas.final = true
		e.flusher.wake = make(chan struct{}, 1)
	}

	quiet := set
	if !cfg.answers() {
		// The destination says what happened to events. exporterhelper would call
		// those dropped that a shutdown leaves in the storage.
		quiet.Logger = delivery.Without(quiet.Logger, "Exporting failed.")
	}
	e.queue, err = xexporterhelper.NewMetricsRequest(context.Background(), quiet, fromContext, e.send, e.queueOptions()...)
	if err != nil {
		builder.Shutdown()
		return nil, err
	}
	return e, nil
}

// defaultStream names the log stream after this host, which in Kubernetes is
// the pod, and this instance of the collector: two replicas never share it.
func defaultStream(set exporter.Settings) string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "unknown-host"
	}
	if pod := os.Getenv("POD_NAME"); pod != "" {
		host = pod
	}
	id := rand.Text()
	if instance, ok := set.Resource.Attributes().Get("service.instance.id"); ok && instance.AsString() != "" {
		id = instance.AsString()
	}
	return emf.LogStream("otel-stream-" + host + "-" + id)
}

func (e *metricsExporter) queueOptions() []exporterhelper.Option {
	options := []exporterhelper.Option{
		// The time limit is on each request, not on a delivery with its waits.
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}),
	}
	if e.cfg.SendingQueue.HasValue() {
		options = append(options, xexporterhelper.WithQueueBatch(e.cfg.SendingQueue, xexporterhelper.QueueBatchSettings{
			Encoding: encoding{damaged: func() { e.count.dropped(context.Background(), reasonUnreadable, 1) }},
		}))
	}
	if e.cfg.persistent() && !e.cfg.answers() {
		// The destination retries. This one only turns what it gives back during
		// shutdown into the error that keeps an item in the storage.
		retry := e.cfg.RetryOnFailure
		retry.Enabled = true
		retry.InitialInterval, retry.MaxInterval, retry.MaxElapsedTime = time.Second, time.Second, 0
		options = append(options, exporterhelper.WithRetry(retry))
	}
	return options
}

// Capabilities says that metrics are only read.
func (e *metricsExporter) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: false}
}

// Start opens the destination and starts the queue.
func (e *metricsExporter) Start(ctx context.Context, host component.Host) error {
	for _, w := range e.cfg.allWarnings() {
		e.logger.Warn(w)
	}
	e.health.Start(host)
	if err := e.open(ctx); err != nil {
		return err
	}
	if err := e.observe(); err != nil {
		return err
	}
	if err := e.queue.Start(ctx, host); err != nil || e.translator.window == nil {
		return err
	}
	var running context.Context
	running, e.flusher.stop = context.WithCancel(context.WithoutCancel(ctx))
	e.flusher.running.Go(func() { e.flushes(running) })
	return nil
}

// open makes the destination.
func (e *metricsExporter) open(ctx context.Context) error {
	switch e.cfg.OutputDestination {
	case toStdout:
		e.destination = &writer{out: os.Stdout, answers: e.cfg.answers(), count: e.count, logger: e.rare}
	case toAgent:
		network, address, err := agentAddress(e.cfg.AgentEndpoint)
		if err != nil {
			return err
		}
		if network == "udp" {
			e.writer.MaxMessage = min(e.cfg.MaxEventBytes, maxDatagram)
		}
		a := &agent{
			network: network, address: address, timeout: e.cfg.Timeout, dial: (&net.Dialer{Timeout: e.cfg.Timeout}).DialContext,
			patience: e.patience, answers: e.cfg.answers(), health: e.health, count: e.count, logger: e.rare,
		}
		e.destination = a
		e.close = append(e.close, a.close)
		e.logger.Info("Sending events to a CloudWatch agent", zap.String("network", network), zap.String("address", address))
	default:
		client, err := e.connect(ctx, e.cfg, e.set.BuildInfo)
		if err != nil {
			return err
		}
		e.close = append(e.close, client.Close)
		e.logger.Info("Sending events to CloudWatch Logs", zap.String("target", client.Describe()))
		e.sender = &sender{
			client: client,
			groups: &logGroups{
				client: client, retention: e.cfg.LogRetention, tags: e.cfg.Tags, class: e.cfg.LogGroupClass,
				kmsKey: e.cfg.KMSKeyID, timeout: e.cfg.Timeout, count: e.count, logger: e.rare,
			},
			timeout:  e.cfg.Timeout,
			compress: e.cfg.Compression == "gzip",
			patience: e.patience,
			answers:  e.cfg.answers(),
			limiter:  delivery.NewLimiter(e.cfg.workers()),
			health:   e.health,
			count:    e.count,
			logger:   e.rare,
		}
		e.destination = e.sender
		return e.builder.RegisterExporterAwsemfRequestsLimitCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(e.sender.limiter.Now()))
			return nil
		})
	}
	return nil
}

var containerInsights = regexp.MustCompile(`^/aws/(ecs/)?containerinsights/.*/performance$`)

// userAgent tells AWS which of its consoles the metrics are for, as contrib's exporter does.
func userAgent(cfg *Config, info component.BuildInfo) string {
	agent := fmt.Sprintf("%s/%s", info.Command, info.Version)
	if env := os.Getenv("AWS_EXECUTION_ENV"); env != "" {
		agent += " exec-env/" + env
	}
	agent += " OS/" + runtime.GOOS + "-" + runtime.GOARCH
	if containerInsights.MatchString(cfg.LogGroupName) {
		agent += " ContainerInsights"
	}
	if cfg.Namespace == "ApplicationSignals" && strings.HasPrefix(cfg.LogGroupName, "/aws/application-signals/") {
		agent += " AppSignals"
	}
	return agent
}

// send delivers what leaves the queue.
func (e *metricsExporter) send(ctx context.Context, r xexporterhelper.Request) error {
	p, ok := r.(*portion)
	if !ok {
		return fmt.Errorf("send a %T", r)
	}
	return e.destination.deliver(ctx, p)
}

// Shutdown hands what is in the window to the queue, and delivers what is in a
// memory queue, within shutdown_timeout. A queue on disk keeps what is not on its
// way.
func (e *metricsExporter) Shutdown(ctx context.Context) error {
	var err error
	e.shutdown.Do(func() {
		if e.cfg.ShutdownTimeout == 0 {
			e.end()
		}
		timer := time.AfterFunc(e.cfg.ShutdownTimeout, e.end)
		given := context.AfterFunc(ctx, e.end)
		if e.translator.window != nil {
			e.drain()
		}
		e.stop()
		err = e.queue.Shutdown(ctx)
		timer.Stop()
		given()
		e.end()
		for _, f := range e.close {
			f()
		}
		e.builder.Shutdown()
	})
	return err
}
