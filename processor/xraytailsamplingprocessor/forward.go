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
		q.ready.Signal()
	}
	return lost
}

// pop returns the next parcel and waits for one. It reports false when the
// queue is closed and empty.
func (q *queue) pop() (parcel, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == q.first {
		if q.closed {
			return parcel{}, false
		}
		q.ready.Wait()
	}
	return q.shift(), true
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
	for {
		item, ok := p.queue.pop()
		if !ok {
			return
		}
		size := item.kept.Size()
		td, err := p.marked(item)
		if err != nil {
			p.lost(ctx, int64(item.kept.Spans), lostInternal)
		} else {
			p.send(ctx, td)
		}
		p.budget.Add(-size)
	}
}

// send delivers spans, again and again if need be, until ctx ends.
func (p *tailSampler) send(ctx context.Context, td ptrace.Traces) {
	start, backoff := time.Now(), firstBackoff
	for {
		count := int64(td.SpanCount())
		if ctx.Err() != nil {
			p.lost(ctx, count, lostShutdown)
			return
		}
		err := p.next.ConsumeTraces(ctx, td)
		if err == nil {
			p.health.fine()
			return
		}
		var part consumererror.Traces
		if errors.As(err, &part) {
			td = part.Data()
			count = int64(td.SpanCount())
		}
		if consumererror.IsPermanent(err) {
			p.health.trouble(err)
			p.lost(ctx, count, lostRejected)
			return
		}
		p.health.trouble(err)
		if time.Since(start)+backoff > retryFor {
			p.lost(ctx, count, lostRetries)
			return
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
