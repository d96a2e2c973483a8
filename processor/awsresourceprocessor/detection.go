package awsresourceprocessor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/awsidentity"
	"github.com/tailwater-otel/tailwater/processor/awsresourceprocessor/internal/metadata"
)

// detection asks all sources at once and keeps what they answered. What is
// found never changes while the process lives.
type detection struct {
	cfg       *Config
	sources   []awsidentity.Source // in order of precedence
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder
	users     int // guarded by shared.mu

	identity  atomic.Pointer[identity] // nil until something is found
	starting  sync.Once
	first     chan struct{} // closed when every source has been asked once
	stop      context.CancelFunc
	running   sync.WaitGroup
	waitUntil time.Time // set by the first start

	mu       sync.Mutex
	answers  []answer // of the sources, by their index
	hosts    []component.Host
	troubled int // sources that should answer and do not
}

// answer is what is known of one source.
type answer struct {
	claimed bool // the process is surely there
	found   bool
	attrs   pcommon.Map
}

func newDetection(cfg *Config, sources []awsidentity.Source, logger *zap.Logger, telemetry *metadata.TelemetryBuilder) *detection {
	return &detection{
		cfg:       cfg,
		sources:   sources,
		logger:    logger,
		telemetry: telemetry,
		first:     make(chan struct{}),
		answers:   make([]answer, len(sources)),
	}
}

// start asks the sources, and waits until each has answered once, until
// start_timeout is over. Later calls, of the processors in other pipelines, wait
// no longer than the first.
func (d *detection) start(ctx context.Context, host component.Host) {
	d.mu.Lock()
	d.hosts = append(d.hosts, host)
	d.mu.Unlock()
	d.starting.Do(func() {
		// The context of the start ends with it.
		background, stop := context.WithCancel(context.Background())
		d.stop = stop
		d.waitUntil = time.Now().Add(d.cfg.StartTimeout)
		for i, source := range d.sources {
			d.answers[i].claimed = source.Claims()
		}
		d.publish()
		var asked sync.WaitGroup
		for i := range d.sources {
			asked.Add(1)
			d.running.Go(func() { d.ask(background, i, sync.OnceFunc(asked.Done)) })
		}
		d.running.Go(func() {
			asked.Wait()
			close(d.first)
		})
	})
	timeout := time.NewTimer(time.Until(d.waitUntil))
	defer timeout.Stop()
	select {
	case <-d.first:
	case <-timeout.C:
		d.logger.Debug("Not every detector has answered yet; they go on while data flows", zap.Duration("start_timeout", d.cfg.StartTimeout))
	case <-ctx.Done():
	}
}

func (d *detection) shutdown() {
	d.starting.Do(func() {}) // never started: must not any more
	if d.stop != nil {
		d.stop()
	}
	d.running.Wait()
	d.telemetry.Shutdown()
}

// ask asks one source until it answers, is known to be absent, or has not
// answered for retry_for. asked is called after the first attempt.
func (d *detection) ask(ctx context.Context, index int, asked func()) {
	defer asked()
	source, claimed := d.sources[index], d.answers[index].claimed
	begun := time.Now()
	troubled := false
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		attempt, cancel := context.WithTimeout(ctx, d.cfg.Timeout)
		attrs, err := source.Detect(attempt)
		cancel()
		if ctx.Err() != nil {
			return
		}
		// Whoever is surely there must answer in the end.
		must := false
		switch {
		case err == nil:
			d.count(source.Name, "found")
			d.take(index, answer{claimed: claimed, found: true, attrs: attrs})
		case errors.Is(err, awsidentity.ErrAbsent):
			d.count(source.Name, "absent")
			d.take(index, answer{})
		case attrs != pcommon.Map{}:
			d.count(source.Name, "error")
			d.take(index, answer{claimed: claimed, found: true, attrs: attrs})
		default:
			d.count(source.Name, "error")
			must = claimed
		}
		if must != troubled {
			troubled = must
			d.trouble(must, fmt.Errorf("detector %s: %w", source.Name, err))
		}
		if err == nil || errors.Is(err, awsidentity.ErrAbsent) {
			return
		}
		asked()
		if !must && time.Since(begun)+wait > d.cfg.RetryFor {
			d.logger.Info("A detector gives up", zap.String("detector", source.Name), zap.Error(err))
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// take takes in what a source answered.
func (d *detection) take(index int, a answer) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers[index] = a
	if a.found {
		d.logger.Info("Detected", zap.String("detector", d.sources[index].Name), zap.Any("attributes", a.attrs.AsRaw()))
	}
	d.publish()
}

// publish makes one identity of the answers. The caller holds mu, or is alone.
func (d *detection) publish() {
	merged := pcommon.NewMap()
	for i, a := range d.answers {
		switch {
		case a.found:
			fill(merged, a.attrs)
		case a.claimed:
			// The most specific platform gives the origin, also before it has
			// told the rest.
			claim := pcommon.NewMap()
			claim.PutStr("cloud.provider", "aws")
			claim.PutStr("cloud.platform", d.sources[i].Platform)
			fill(merged, claim)
		}
	}
	if merged.Len() == 0 {
		d.identity.Store(nil)
		return
	}
	d.identity.Store(newIdentity(merged))
}

// trouble tells the Collector when the first source is in trouble and when
// the last one no longer is.
func (d *detection) trouble(begins bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.troubled
	event := componentstatus.NewEvent(componentstatus.StatusOK)
	if begins {
		d.troubled++
		d.logger.Warn("Cannot find out where the collector runs; trying again", zap.Error(err))
		event = componentstatus.NewRecoverableErrorEvent(err)
	} else {
		d.troubled--
	}
	if was > 0 && d.troubled > 0 {
		return
	}
	for _, host := range d.hosts {
		componentstatus.ReportStatus(host, event)
	}
}

func (d *detection) count(detector, outcome string) {
	d.telemetry.ProcessorAwsResourceDetections.Add(context.Background(), 1, metric.WithAttributeSet(attribute.NewSet(
		attribute.String("detector", detector), attribute.String("outcome", outcome))))
}
