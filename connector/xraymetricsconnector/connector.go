package xraymetricsconnector

import (
	"context"
	"errors"
	"hash/maphash"
	"runtime"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/connector/xraymetricsconnector/internal/metadata"
	"github.com/tailwater-otel/tailwater/internal/segmentspan"
)

// metricsConnector is the connector. A batch is taken apart without a lock,
// then each shard takes its part of it. One goroutine flushes; while it waits
// for the next component, counting goes on.
type metricsConnector struct {
	cfg       *Config
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	next      consumer.Metrics

	seed      maphash.Seed
	observers sync.Pool
	shards    []*shard
	directory *directory
	windows   *windows
	sets      dimensionSets
	options   options
	groups    *groups // nil without any

	flushed time.Time // the last flush; of the goroutine that flushes
	health  health

	started bool
	stop    context.CancelFunc // of the ticking
	abort   context.CancelFunc // of what is being sent
	running sync.WaitGroup
}

// options are the attributes of the metrics of the connector itself.
type options struct {
	request, call        metric.MeasurementOption
	inProgress, replayed metric.MeasurementOption
	rolled               [numRolled]metric.MeasurementOption
	rejected, retries    metric.MeasurementOption
	shutdown, traceID    metric.MeasurementOption
	causes               [numCauses]metric.MeasurementOption
}

func option(key, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String(key, value)))
}

func newConnector(set connector.Settings, cfg *Config, next consumer.Metrics) (*metricsConnector, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	c := &metricsConnector{
		cfg: cfg, logger: set.Logger, telemetry: telemetry, next: next,
		seed:      maphash.MakeSeed(),
		directory: newDirectory(cfg.Cardinality),
		windows:   newWindows(cfg.Histogram.MaxSize),
		sets:      splitSets(cfg.DimensionSets),
		health:    health{logger: set.Logger},
		options: options{
			request: option("source", "request"), call: option("source", "call"),
			inProgress: option("reason", notCountedInProgress), replayed: option("reason", notCountedReplayed),
			rolled: [numRolled]metric.MeasurementOption{
				rolledOperation: option("kind", "operation"), rolledRemoteOperation: option("kind", "remote_operation"),
				rolledService: option("kind", "service"),
			},
			rejected: option("reason", lostRejected), retries: option("reason", lostRetries), shutdown: option("reason", lostShutdown),
			traceID: option("reason", notCountedTraceID),
		},
	}
	// Twice as many as threads, so that who finds one taken finds another free.
	for range 2 * runtime.GOMAXPROCS(0) {
		c.shards = append(c.shards, &shard{series: map[uint64]*series{}, tenants: map[string]*tenant{}})
	}
	c.observers.New = func() any {
		return &observer{
			seed: c.seed, describer: segmentspan.NewDescriber(), shards: make([][]int32, len(c.shards)),
			requests: len(c.sets.requests) > 0, calls: len(c.sets.calls) > 0,
		}
	}
	for i, name := range causeNames {
		c.options.causes[i] = option("cause", name)
	}
	if len(cfg.Groups) > 0 {
		if c.groups, err = newGroups(cfg, time.Now()); err != nil {
			return nil, err
		}
	}
	return c, c.watch()
}

// watch registers the gauges.
func (c *metricsConnector) watch() error {
	gauge := func(value func() int64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(value())
			return nil
		}
	}
	if err := c.telemetry.RegisterConnectorXrayMetricsSeriesCallback(gauge(c.directory.total.Load)); err != nil || c.groups == nil {
		return err
	}
	return errors.Join(
		c.telemetry.RegisterConnectorXrayMetricsGroupPendingBytesCallback(gauge(c.groups.budget.Used)),
		c.telemetry.RegisterConnectorXrayMetricsGroupPendingTracesCallback(gauge(c.groups.pending)),
	)
}

// Capabilities says that batches are only read.
func (c *metricsConnector) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// Start begins to flush.
func (c *metricsConnector) Start(ctx context.Context, host component.Host) error {
	var running, sending context.Context
	running, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	sending, c.abort = context.WithCancel(context.WithoutCancel(ctx))
	c.health.host = host
	c.flushed = time.Now()
	c.started = true
	if c.groups != nil {
		c.running.Go(func() { c.settle(running) })
	}
	c.running.Go(func() { c.turn(running, sending) })
	return nil
}

// turn flushes at each whole multiple of the interval until running ends, and
// then once more.
func (c *metricsConnector) turn(running, sending context.Context) {
	for {
		now := time.Now()
		due := now.Truncate(c.cfg.MetricsFlushInterval).Add(c.cfg.MetricsFlushInterval)
		timer := time.NewTimer(due.Sub(now))
		select {
		case <-running.Done():
			timer.Stop()
			if c.groups != nil {
				c.groups.empty(time.Now())
			}
			c.flush(sending, time.Now())
			return
		case <-timer.C:
			c.flush(sending, due)
		}
	}
}

// settle counts the traces that are done in groups.
func (c *metricsConnector) settle(ctx context.Context) {
	ticker := time.NewTicker(tickInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			c.groups.due(now)
		}
	}
}

// tickInterval is how often it is looked for traces that are done.
const tickInterval = 250 * time.Millisecond

// Shutdown flushes what was counted.
func (c *metricsConnector) Shutdown(ctx context.Context) error {
	if c.started {
		c.started = false
		deadline := time.AfterFunc(c.cfg.ShutdownTimeout, c.abort)
		defer deadline.Stop()
		defer context.AfterFunc(ctx, c.abort)()
		c.stop()
		c.running.Wait()
		c.abort()
	}
	c.telemetry.Shutdown()
	return nil
}

// ConsumeTraces counts a batch. It never fails and waits for nothing but other
// batches that are being counted.
func (c *metricsConnector) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	o := c.observers.Get().(*observer)
	defer c.observers.Put(o)
	defer o.reset()
	o.observe(td)
	var up [numRolled]int64
	sum := func(key []byte) uint64 { return maphash.Bytes(c.seed, key) }
	later := 0
	for i, s := range c.shards {
		if len(o.shards[i]) == 0 {
			continue
		}
		if !s.mu.TryLock() {
			later++
			continue
		}
		c.count(s, o, i, sum, &up)
	}
	for i := 0; later > 0; i++ {
		if s := c.shards[i]; len(o.shards[i]) > 0 {
			s.mu.Lock()
			c.count(s, o, i, sum, &up)
			later--
		}
	}
	c.report(ctx, o, &up)
	if c.groups != nil {
		if invalid := c.groups.take(td, time.Now()); invalid > 0 {
			c.telemetry.ConnectorXrayMetricsNotCounted.Add(ctx, invalid, c.options.traceID)
		}
	}
	return nil
}

// count puts a batch's part into a shard that is locked, and unlocks it.
func (c *metricsConnector) count(s *shard, o *observer, part int, sum func([]byte) uint64, up *[numRolled]int64) {
	defer s.mu.Unlock()
	for _, i := range o.shards[part] {
		seen := &o.all[i]
		at, rolled := s.take(c.directory, seen.hash, o.keys[seen.from:seen.to], sum, seen.weight, func() []shared {
			return sharedOf(o.resources[seen.resource])
		})
		if rolled != rolledNothing {
			up[rolled]++
		}
		if at.window == nil {
			at.window = c.windows.get()
		}
		at.window.add(seen, whole(seen.weight, &at.left))
	}
	o.shards[part] = o.shards[part][:0]
}
