package xraytailsamplingprocessor

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Why spans were lost.
const (
	lostQueueFull = "queue_full"
	lostRejected  = "rejected"
	lostRetries   = "retries_exhausted"
	lostShutdown  = "shutdown"
	lostTraceID   = "missing_trace_id"
	lostInternal  = "internal"
)

// How a trace that the next component refuses for now is sent again.
const (
	firstBackoff = 100 * time.Millisecond
	mostBackoff  = 5 * time.Second
	retryFor     = time.Minute
)

// queue holds parcels until a worker sends them. It never blocks who pushes:
// over its limit the oldest parcel is lost, and returned to be counted.
type queue struct {
	limit int64

	mu     sync.Mutex
	ready  sync.Cond
	items  []parcel // from first on
	first  int
	bytes  int64
	closed bool
}

func newQueue(limit int64) *queue {
	q := &queue{limit: limit}
	q.ready.L = &q.mu
	return q
}

// push adds parcels and returns those that there is no room for.
func (q *queue) push(all []parcel) (lost []parcel) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, item := range all {
		q.items = append(q.items, item)
		q.bytes += item.kept.Size()
		for q.bytes > q.limit && len(q.items)-q.first > 1 {
			lost = append(lost, q.shift())
		}
	}
	q.ready.Signal()
	return lost
}

// How much is sent together: what a call costs is then spread over many traces.
const (
	mostTogether      = 1000 // spans
	mostBytesTogether = 1 << 20
)

// pop appends the next parcel, and those behind it that can be sent with it,
// and waits for one. It reports false when the queue is closed and empty.
func (q *queue) pop(to []parcel) ([]parcel, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == q.first {
		if q.closed {
			return to, false
		}
		q.ready.Wait()
	}
	to = append(to, q.shift())
	first, spans, bytes := to[0], to[0].kept.Spans, to[0].kept.Size()
	for q.first < len(q.items) {
		next := &q.items[q.first]
		spans, bytes = spans+next.kept.Spans, bytes+next.kept.Size()
		if spans > mostTogether || bytes > mostBytesTogether || !next.with(first) {
			break
		}
		to = append(to, q.shift())
	}
	if q.first < len(q.items) {
		q.ready.Signal() // another worker
	}
	return to, true
}

// with says whether two parcels can be sent together: the same was decided of
// both, and no span of them is to be left out.
func (p parcel) with(other parcel) bool {
	return p.verdict == other.verdict && len(p.kept.Superseded)+len(other.kept.Superseded) == 0
}

func (q *queue) shift() parcel {
	item := q.items[q.first]
	q.items[q.first] = parcel{}
	q.first++
	q.bytes -= item.kept.Size()
	if q.first == len(q.items) {
		q.items, q.first = q.items[:0], 0
	} else if q.first > 1024 && q.first > len(q.items)/2 {
		n := copy(q.items, q.items[q.first:])
		clear(q.items[n:])
		q.items, q.first = q.items[:n], 0
	}
	return item
}

// close lets the workers end when the queue is empty.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.ready.Broadcast()
}

// forward hands parcels to the workers.
func (p *tailSampler) forward(ctx context.Context, all []parcel) {
	if len(all) == 0 {
		return
	}
	for _, item := range all {
		p.budget.Add(item.kept.Size())
	}
	for _, item := range p.queue.push(all) {
		p.budget.Add(-item.kept.Size())
		p.lost(ctx, int64(item.kept.Spans), lostQueueFull)
		p.health.trouble(errQueueFull)
	}
}

var errQueueFull = errors.New("the next component is slower than traces are kept: the oldest are lost")

func (p *tailSampler) lost(ctx context.Context, spans int64, reason string) {
	p.telemetry.ProcessorXrayTailSamplingSpansLost.Add(ctx, spans, metric.WithAttributes(attribute.String("reason", reason)))
}

// work sends parcels until the queue is closed and empty.
func (p *tailSampler) work(ctx context.Context) {
	var all []parcel
	for {
		clear(all)
		var ok bool
		if all, ok = p.queue.pop(all[:0]); !ok {
			return
		}
		size := int64(0)
		for _, item := range all {
			size += item.kept.Size()
		}
		p.deliver(ctx, all)
		p.budget.Add(-size)
	}
}

// deliver sends parcels together. If they are refused for good, or cannot be
// read, each is sent alone, because it may be for one of them.
func (p *tailSampler) deliver(ctx context.Context, all []parcel) {
	td, err := p.marked(all)
	switch {
	case err == nil && p.send(ctx, td, len(all) == 1):
	case len(all) > 1:
		for i := range all {
			p.deliver(ctx, all[i:i+1])
		}
	case err != nil:
		p.lost(ctx, int64(all[0].kept.Spans), lostInternal)
	}
}

// send delivers spans, again and again if need be, until ctx ends. It reports
// false, and has counted nothing, if they are not the last try and were refused
// for good.
func (p *tailSampler) send(ctx context.Context, td ptrace.Traces, last bool) bool {
	start, backoff := time.Now(), firstBackoff
	for {
		count := int64(td.SpanCount())
		if ctx.Err() != nil {
			p.lost(ctx, count, lostShutdown)
			return true
		}
		err := p.next.ConsumeTraces(ctx, td)
		if err == nil {
			p.health.fine()
			return true
		}
		var part consumererror.Traces
		if errors.As(err, &part) {
			td, last = part.Data(), true // the others were taken
			count = int64(td.SpanCount())
		}
		if consumererror.IsPermanent(err) {
			if !last {
				return false
			}
			p.health.trouble(err)
			p.lost(ctx, count, lostRejected)
			return true
		}
		p.health.trouble(err)
		if time.Since(start)+backoff > retryFor {
			p.lost(ctx, count, lostRetries)
			return true
		}
		p.telemetry.ProcessorXrayTailSamplingRetries.Add(ctx, 1)
		wait := time.NewTimer(backoff)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
		backoff = min(2*backoff, mostBackoff)
	}
}
