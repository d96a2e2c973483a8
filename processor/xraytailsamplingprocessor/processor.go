package xraytailsamplingprocessor

import (
	"context"
	"hash/maphash"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/samplingrule"
	"github.com/tailwater-otel/tailwater/internal/tracebuffer"
	"github.com/tailwater-otel/tailwater/internal/tracesummary"
	"github.com/tailwater-otel/tailwater/processor/xraytailsamplingprocessor/internal/metadata"
)

// tailSampler is the processor. A batch is sorted by trace, each trace goes to
// the shard that its ID hashes to, and what is kept goes through the queue to
// the workers, so that whoever sends spans never waits for whoever takes them.
type tailSampler struct {
	cfg           *Config
	ignoreMissing bool
	maxBytes      int64
	maxTraceBytes int64
	logger        *zap.Logger
	telemetry     *metadata.TelemetryBuilder
	causes        map[string]metric.MeasurementOption
	next          consumer.Traces

	rules    *samplingrule.Set
	source   source
	policies atomic.Pointer[policies]
	wanted   atomic.Pointer[tracesummary.Wanted]
	wantedMu sync.Mutex   // of who changes wanted
	fresh    atomic.Int64 // when rules were last read well, Unix nanoseconds

	seed       maphash.Seed
	collectors sync.Pool
	shards     []*shard
	budget     tracebuffer.Budget
	queue      *queue
	troubles   troubles
	health     *health // of the next component
	panics     panics

	sources []source
	started bool
	stop    context.CancelFunc // of everything but the workers
	abort   context.CancelFunc // of the workers
	running sync.WaitGroup
	workers sync.WaitGroup
}

// source is where rules come from.
type source interface {
	// open reads the first rules.
	open(context.Context) error
	// run keeps the rules up to date until the context ends.
	run(context.Context)
	// close is called once run has returned and everything is decided.
	close(context.Context)
}

// tickInterval is how often it is looked for traces that are due.
const tickInterval = 250 * time.Millisecond

// fallbackBytes is max_bytes where the process has no memory limit.
const fallbackBytes = 256 << 20

func newTailSampler(set processor.Settings, cfg *Config, next consumer.Traces) (*tailSampler, error) {
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	rules, err := samplingrule.NewSet(cfg.Rules.rules(), cfg.Rules.XRay.HasValue())
	if err != nil {
		return nil, err
	}
	p := &tailSampler{
		cfg:           cfg,
		ignoreMissing: cfg.MissingParent == missingIgnore,
		maxBytes:      maxBytes(cfg.Buffer.MaxBytes),
		logger:        set.Logger,
		telemetry:     telemetry,
		causes:        map[string]metric.MeasurementOption{},
		next:          next,
		rules:         rules,
		seed:          maphash.MakeSeed(),
	}
	p.maxTraceBytes = min(cfg.Buffer.MaxTraceBytes, p.maxBytes/2)
	for _, cause := range []string{causeComplete, causeWait, causeMemory, causeTraceSize, causeShutdown} {
		p.causes[cause] = metric.WithAttributeSet(attribute.NewSet(attribute.String("cause", cause)))
	}
	p.queue = newQueue(p.maxBytes / 2)
	p.health = &health{
		logger: set.Logger, all: &p.troubles,
		begins: "the next component does not take traces now", ends: "the next component takes traces again",
	}
	p.collectors.New = func() any { return newCollector(p.seed) }
	now, count := time.Now(), runtime.GOMAXPROCS(0)
	for range count {
		p.shards = append(p.shards, &shard{
			buffer:     tracebuffer.New(&p.budget, cfg.DecisionWait, cfg.DecisionIdle, now),
			kept:       newCache[*verdict](cfg.DecisionCache.SampledCacheSize / count),
			dropped:    newCache[*verdict](cfg.DecisionCache.NonSampledCacheSize / count),
			verdicts:   map[outcome]*verdict{},
			unreported: unreported{causes: map[string]int64{}},
		})
	}
	first := &policies{}
	if !cfg.PoliciesFile.HasValue() {
		if first, err = compilePolicies(cfg.Drop, cfg.Keep); err != nil {
			return nil, err
		}
	}
	p.setPolicies(first)
	p.source = p.newSource(set)
	return p, p.observe()
}

// maxBytes is buffer::max_bytes as it is used.
func maxBytes(configured int64) int64 {
	if configured > 0 {
		return configured
	}
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		return max(minBufferBytes, limit/4)
	}
	return fallbackBytes
}

// observe registers the gauges.
func (p *tailSampler) observe() error {
	t := p.telemetry
	for _, err := range []error{
		t.RegisterProcessorXrayTailSamplingPendingBytesCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(p.budget.Used())
			return nil
		}),
		t.RegisterProcessorXrayTailSamplingPendingTracesCallback(func(_ context.Context, o metric.Int64Observer) error {
			n := 0
			for _, s := range p.shards {
				s.mu.Lock()
				n += s.buffer.Len()
				s.mu.Unlock()
			}
			o.Observe(int64(n))
			return nil
		}),
		t.RegisterProcessorXrayTailSamplingPendingAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
			age, now := time.Duration(0), time.Now()
			for _, s := range p.shards {
				s.mu.Lock()
				if oldest := s.buffer.Oldest(); oldest != nil {
					age = max(age, now.Sub(oldest.First))
				}
				s.mu.Unlock()
			}
			o.Observe(age.Seconds())
			return nil
		}),
		t.RegisterProcessorXrayTailSamplingRulesAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
			if fresh := p.fresh.Load(); fresh != 0 {
				o.Observe(time.Since(time.Unix(0, fresh)).Seconds())
			}
			return nil
		}),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// setPolicies puts policies in force.
func (p *tailSampler) setPolicies(next *policies) {
	p.wantedMu.Lock()
	defer p.wantedMu.Unlock()
	p.policies.Store(next)
	p.want()
}

// setRules puts rules in force. After an error the old ones stay.
func (p *tailSampler) setRules(rules []samplingrule.Rule) error {
	p.wantedMu.Lock()
	defer p.wantedMu.Unlock()
	if err := p.rules.Replace(rules); err != nil {
		return err
	}
	p.want()
	return nil
}

// want sets what is read of spans from now on. The caller holds wantedMu.
func (p *tailSampler) want() {
	w := &tracesummary.Wanted{Fields: p.policies.Load().fields}
	seen := map[string]bool{}
	for _, rule := range p.rules.Rules() {
		for key := range rule.Attributes {
			if !seen[key] {
				seen[key] = true
				w.Attributes = append(w.Attributes, key)
			}
		}
	}
	p.wanted.Store(w)
}

func (p *tailSampler) newSource(set processor.Settings) source {
	switch rules := &p.cfg.Rules; {
	case rules.File.HasValue():
		return p.watchRules(rules.File.Get().Path)
	case rules.XRay.HasValue():
		return p.askXRay(rules.XRay.Get().connect(set.Logger, set.BuildInfo.Command+"/"+set.BuildInfo.Version))
	default:
		return inline{}
	}
}

// inline is the source of rules that never change.
type inline struct{}

func (inline) open(context.Context) error { return nil }
func (inline) run(context.Context)        {}
func (inline) close(context.Context)      {}

// Capabilities says that batches are only read: what is sent is decoded anew.
func (p *tailSampler) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// Start reads the rules and begins to work.
func (p *tailSampler) Start(ctx context.Context, host component.Host) error {
	p.troubles.mu.Lock()
	p.troubles.host = host
	p.troubles.mu.Unlock()
	p.sources = []source{p.source}
	if p.cfg.PoliciesFile.HasValue() {
		p.sources = append(p.sources, p.watchPolicies(p.cfg.PoliciesFile.Get().Path))
	}
	for _, s := range p.sources {
		if err := s.open(ctx); err != nil {
			return err
		}
	}
	p.fresh.CompareAndSwap(0, time.Now().UnixNano())

	var running, working context.Context
	running, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	working, p.abort = context.WithCancel(context.WithoutCancel(ctx))
	for _, s := range p.sources {
		p.running.Go(func() { s.run(running) })
	}
	p.running.Go(func() { p.turn(running) })
	for range p.shards {
		p.workers.Go(func() { p.work(working) })
	}
	p.started = true
	return nil
}

// turn decides the traces whose time has come.
func (p *tailSampler) turn(ctx context.Context) {
	ticker := time.NewTicker(tickInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			for _, s := range p.shards {
				for more := true; more && ctx.Err() == nil; {
					var out []parcel
					out, more = p.due(ctx, s, now)
					p.forward(ctx, out)
				}
			}
		}
	}
}

func (p *tailSampler) hash(id tracebuffer.ID) uint64 { return maphash.Bytes(p.seed, id[:]) }

// ConsumeTraces takes a batch. It refuses only what cannot be read because of
// an error in the program, and for good: what goes wrong later is retried, and
// counted in the end.
func (p *tailSampler) ConsumeTraces(ctx context.Context, td ptrace.Traces) error {
	c := p.collectors.Get().(*collector)
	all, err := p.read(c, td)
	if err != nil {
		// What the collector holds may be half of a batch: another takes the next.
		p.lost(ctx, int64(td.SpanCount()), lostInternal)
		return consumererror.NewPermanent(err)
	}
	defer p.collectors.Put(c)
	defer c.release()
	if c.invalid > 0 {
		p.lost(ctx, c.invalid, lostTraceID)
	}
	now := time.Now()
	var out []parcel
	count := uint64(len(p.shards))
	for i, s := range p.shards {
		c.mine = c.mine[:0]
		for g := range all {
			// The low bits choose the shard; its map and caches use all.
			if all[g].hash%count == uint64(i) {
				c.mine = append(c.mine, int32(g))
			}
		}
		if len(c.mine) > 0 {
			out = p.take(ctx, s, all, c.mine, now, out)
		}
	}
	p.forward(ctx, out)
	return nil
}

// Shutdown decides and sends what is pending, and reports what was decided.
func (p *tailSampler) Shutdown(ctx context.Context) error {
	if !p.started {
		p.telemetry.Shutdown()
		return nil
	}
	p.started = false
	within, cancel := context.WithTimeout(ctx, p.cfg.ShutdownTimeout)
	defer cancel()
	defer context.AfterFunc(within, p.abort)()
	p.stop()
	p.running.Wait()
	for _, s := range p.shards {
		for more := true; more; {
			var out []parcel
			out, more = p.empty(ctx, s, time.Now())
			p.forward(ctx, out)
		}
	}
	p.queue.close() // the workers send, while the sources report
	for _, s := range p.sources {
		s.close(within)
	}
	p.workers.Wait()
	p.abort()
	p.telemetry.Shutdown()
	return nil
}
