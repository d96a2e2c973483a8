package awsemfexporter

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/emf"
)

const (
	// flushBytes is how much of the window becomes events at a time.
	flushBytes = 4 << 20
	// queuePause is between two tries of a queue that had no room, and how long
	// one try waits where block_on_overflow has it wait.
	queuePause = time.Second
	// queueTries is how often a queue may fail, other than for lack of room,
	// before events are dropped.
	queueTries = 60
)

// flusher takes from the window what is due and hands it to the queue.
type flusher struct {
	wake    chan struct{} // something is due earlier than it was
	stop    context.CancelFunc
	running sync.WaitGroup

	// mu is held while events go to the queue. It is taken before the exporter's.
	mu     sync.Mutex
	unsent []event // that the queue had no room for
	failed int     // how often the queue has failed with them
	closed bool    // the queue has shut down, or will at once: it takes nothing
}

// hold puts metrics into the window. It waits for the queue only if the window
// is full.
func (e *metricsExporter) hold(ctx context.Context, md pmetric.Metrics) {
	if wake, full := e.gather(ctx, md); full {
		e.flush()
	} else if wake {
		select {
		case e.flusher.wake <- struct{}{}:
		default: // it will look anyway
		}
	}
}

// gather translates metrics into the window. wake is true if something is due
// earlier than before, and full if more is on its way to the queue than may be.
func (e *metricsExporter) gather(ctx context.Context, md pmetric.Metrics) (wake, full bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.translator.window
	e.guard(ctx, md.DataPointCount(), func() { e.translator.translate(md) })
	e.tellSets(ctx)
	now := time.Now()
	e.translator.deltas.commit(now)
	if e.stopped {
		w.closeAll()
	}
	w.closeDue(now)
	early, reason := w.closeOver()
	if early > 0 {
		e.builder.ExporterAwsemfEventsEarly.Add(ctx, int64(early), byReason(reason))
	}
	return w.opened() || len(w.closed) > 0, w.size.over(w.most) || e.stopped
}

// flushes flushes what is due until ctx ends.
func (e *metricsExporter) flushes(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		e.flush()
		timer.Reset(e.untilFlush())
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-e.flusher.wake:
		}
	}
}

// untilFlush returns when there is something to flush next. What the queue had
// no room for is tried again after a pause.
func (e *metricsExporter) untilFlush() time.Duration {
	f := &e.flusher
	f.mu.Lock()
	unsent := len(f.unsent) > 0
	f.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.translator.window
	if unsent || len(w.closed) > 0 {
		return queuePause
	}
	if at, ok := w.next(); ok {
		return max(time.Until(at), 0)
	}
	return time.Hour
}

// flush makes events of what is due and hands them to the queue, until it has
// no room. Then it keeps as much as the window may hold. It returns what the
// queue said.
func (e *metricsExporter) flush() error {
	f := &e.flusher
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		e.loseAll()
		return nil
	}
	w := e.translator.window
	for {
		if len(f.unsent) == 0 {
			e.mu.Lock()
			w.closeDue(time.Now())
			groups := w.take(flushBytes)
			e.mu.Unlock()
			if len(groups) == 0 {
				return nil
			}
			values := 0
			for _, g := range groups {
				values += len(g.metrics)
			}
			e.guard(context.Background(), values, func() { f.unsent = e.make(context.Background(), groups) })
		}
		if err := e.offerUnsent(); err != nil {
			return err
		}
	}
}

// offerUnsent offers events to the queue. The caller holds the flusher's mu.
func (e *metricsExporter) offerUnsent() error {
	f := &e.flusher
	chunk := e.chunk(len(f.unsent))
	for len(f.unsent) > 0 {
		n := chunk.first(f.unsent)
		err := e.offerBriefly(f.unsent[:n:n])
		if err == nil {
			f.unsent, f.failed = f.unsent[n:], 0
			continue
		}
		reason := queueReason(err)
		if reason == reasonQueueError {
			f.failed++
		}
		if f.failed >= queueTries {
			e.lose(reason, n, err)
			f.unsent, f.failed = f.unsent[n:], 0
		}
		e.mu.Lock()
		lost := e.translator.window.trim(false)
		e.mu.Unlock()
		if lost > 0 {
			e.count.events(context.Background(), lost, emf.Report{})
			e.lose(reason, lost, err)
		}
		return err
	}
	f.unsent = nil
	return nil
}

// offerBriefly offers events to the queue. A queue that waits for room
// (block_on_overflow) does so for a moment only: meanwhile they are held here.
func (e *metricsExporter) offerBriefly(events []event) error {
	if !e.cfg.SendingQueue.Get().BlockOnOverflow {
		return e.offer(context.Background(), events)
	}
	ctx, cancel := context.WithTimeout(e.patience.Over, queuePause)
	defer cancel()
	return e.offer(ctx, events)
}

// lose counts events that neither the queue nor the window has room for.
func (e *metricsExporter) lose(reason string, n int, err error) {
	e.health.Full(err)
	e.count.dropped(context.Background(), reason, n)
	e.rare.Warn("Events were lost because the queue takes none and the window is full", zap.String("reason", reason), zap.Int("events", n), zap.Error(err))
}

// loseAll gives up what is held because the exporter shuts down. The caller
// holds the flusher's mu.
func (e *metricsExporter) loseAll() {
	f := &e.flusher
	n := len(f.unsent)
	f.unsent = nil
	e.mu.Lock()
	lost := e.translator.window.trim(true)
	e.translator.window.take(0)
	e.mu.Unlock()
	e.count.events(context.Background(), lost, emf.Report{})
	if n+lost > 0 {
		e.count.dropped(context.Background(), reasonShutdown, n+lost)
	}
}

// drain hands everything to the queue. It tries until the time of the shutdown
// is over.
func (e *metricsExporter) drain() {
	f := &e.flusher
	if f.stop != nil {
		f.stop()
	}
	f.running.Wait()
	e.mu.Lock()
	e.stopped = true
	e.translator.window.closeAll()
	e.mu.Unlock()
	for e.flush() != nil && e.patience.Over.Err() == nil {
		timer := time.NewTimer(queuePause / 10)
		select {
		case <-timer.C:
		case <-e.patience.Over.Done():
			timer.Stop()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	e.loseAll()
}
