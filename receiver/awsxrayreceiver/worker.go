package awsxrayreceiver

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/datagram"
	"github.com/tailwater-otel/tailwater/internal/segment"
	"github.com/tailwater-otel/tailwater/receiver/awsxrayreceiver/internal/metadata"
)

// Bounds of what a worker takes at once. It takes what is there and never
// waits for more, so batches are as large as the load makes them. Spans take
// several times the memory of their datagram, and up to 100 times if somebody
// means harm, so a batch holds no more than two datagrams of the largest size.
const (
	maxBatchDatagrams = 128
	maxBatchBytes     = 128 << 10
)

// Retries of a batch that the pipeline refused. The memory limiter refuses for
// some seconds at a time; meanwhile the queue fills.
const (
	firstRetryWait = 20 * time.Millisecond
	maxRetryWait   = time.Second
	maxRetryTime   = 30 * time.Second
)

// item is the body of one datagram. A kind of 0 marks one that was rejected.
type item struct {
	kind     datagram.Kind
	body     string
	datagram string
}

// worker decodes datagrams and hands them on. Each runs on its own goroutine.
type worker struct {
	r *xrayReceiver

	datagrams []string
	items     []item
	segments  segment.Decoder
	otlp      datagram.Decoder
	current   int // the item that is being decoded
}

// run works until the queue is closed and empty.
func (w *worker) run(ctx context.Context) {
	for {
		var ok bool
		if w.datagrams, ok = w.r.queue.pop(w.datagrams[:0], maxBatchDatagrams, maxBatchBytes); !ok {
			return
		}
		w.handle(ctx)
		clear(w.datagrams) // an idle worker keeps no datagram alive
		clear(w.items)
	}
}

func (w *worker) handle(ctx context.Context) {
	var traces, metrics bool
	w.items = w.items[:0]
	for _, d := range w.datagrams {
		kind, body, err := datagram.Parse(d)
		switch {
		case errors.Is(err, datagram.ErrMissing):
			w.r.reject(reasonMissingHeader, "Missing header or segment", d, nil)
			continue
		case err != nil:
			header, _, _ := strings.Cut(d, "\n")
			w.r.reject(reasonInvalidHeader, "Invalid header", header, nil)
			continue
		case kind != datagram.Segment && !w.r.cfg.OTLPDatagrams:
			w.r.reject(reasonOTLPDisabled, "OTLP datagram refused, as otlp_datagrams is off", d, nil)
			continue
		case kind == datagram.Metrics && w.r.nextMetrics == nil:
			w.r.reject(reasonNoPipeline, "OTLP metrics refused, as the receiver is in no metrics pipeline", d, nil)
			continue
		case kind != datagram.Metrics && w.r.nextTraces == nil:
			w.r.reject(reasonNoPipeline, "Segment refused, as the receiver is in no traces pipeline", d, nil)
			continue
		case kind == datagram.Metrics:
			metrics = true
		default:
			traces = true
		}
		w.items = append(w.items, item{kind: kind, body: body, datagram: d})
	}
	if traces {
		w.deliverTraces(ctx)
	}
	if metrics {
		w.deliverMetrics(ctx)
	}
}

// deliverTraces decodes the items that are spans and hands them on, again and
// again while the pipeline refuses them with an error that may pass.
//
// What was given to the pipeline may not be touched again, so that each try
// decodes the datagrams anew, unless the error gives back what is left.
func (w *worker) deliverTraces(ctx context.Context) {
	td := w.decodeTraces()
	spans := td.SpanCount()
	if spans == 0 {
		w.count(ctx, nil, isTraces)
		return
	}
	var rest *ptrace.Traces
	opCtx := w.r.obsTraces.StartTracesOp(ctx)
	err := w.retry(ctx, func(again bool) error {
		switch {
		case rest != nil:
			td = ptrace.NewTraces()
			rest.CopyTo(td)
		case again:
			td = w.decodeTraces()
		}
		err := w.r.nextTraces.ConsumeTraces(opCtx, td)
		if partial := (consumererror.Traces{}); errors.As(err, &partial) {
			left := partial.Data()
			rest = &left
		}
		return err
	})
	w.r.obsTraces.EndTracesOp(opCtx, metadata.Type.String(), spans, err)
	w.count(ctx, err, isTraces)
}

// deliverMetrics is deliverTraces for the items that are metrics.
func (w *worker) deliverMetrics(ctx context.Context) {
	md := w.decodeMetrics()
	points := md.DataPointCount()
	if points == 0 {
		w.count(ctx, nil, isMetrics)
		return
	}
	var rest *pmetric.Metrics
	opCtx := w.r.obsMetrics.StartMetricsOp(ctx)
	err := w.retry(ctx, func(again bool) error {
		switch {
		case rest != nil:
			md = pmetric.NewMetrics()
			rest.CopyTo(md)
		case again:
			md = w.decodeMetrics()
		}
		err := w.r.nextMetrics.ConsumeMetrics(opCtx, md)
		if partial := (consumererror.Metrics{}); errors.As(err, &partial) {
			left := partial.Data()
			rest = &left
		}
		return err
	})
	w.r.obsMetrics.EndMetricsOp(opCtx, metadata.Type.String(), points, err)
	w.count(ctx, err, isMetrics)
}

func isTraces(k datagram.Kind) bool  { return k != datagram.Metrics }
func isMetrics(k datagram.Kind) bool { return k == datagram.Metrics }

// retry calls send until it succeeds, fails for good, has failed for
// maxRetryTime, or ctx ends. The first call has again = false.
func (w *worker) retry(ctx context.Context, send func(again bool) error) error {
	err := send(false)
	if err == nil {
		return nil
	}
	wait := firstRetryWait
	for started := time.Now(); !consumererror.IsPermanent(err) && time.Since(started) < maxRetryTime; wait = min(2*wait, maxRetryWait) {
		w.r.logRefused(err)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait/2 + rand.N(wait)):
		}
		if err = send(true); err == nil {
			return nil
		}
	}
	w.r.logLost(err)
	return err
}

// count adds up what became of the items of the given kinds.
func (w *worker) count(ctx context.Context, err error, mine func(datagram.Kind) bool) {
	var byKind [datagram.Metrics + 1]int64
	for _, it := range w.items {
		if it.kind != 0 && mine(it.kind) {
			byKind[it.kind]++
		}
	}
	if err == nil {
		w.r.counters.accepted(byKind)
		return
	}
	reason := reasonConsumer
	if ctx.Err() != nil {
		reason = reasonShutdown
	}
	var lost int64
	for _, n := range byKind {
		lost += n
	}
	w.r.counters.dropped(reason, lost)
}

// decodeTraces decodes all items that are spans. Items that cannot be decoded
// are rejected, and so are not met again by the next call.
func (w *worker) decodeTraces() ptrace.Traces {
	for {
		td := ptrace.NewTraces()
		if w.decoded(func(it *item) error {
			switch it.kind {
			case datagram.Segment:
				return w.decodeSegment(it.body, td)
			case datagram.Spans, datagram.UnsampledSpans:
				return w.otlp.AppendSpans(it.kind, it.body, td)
			}
			return nil
		}) {
			return td
		}
	}
}

func (w *worker) decodeMetrics() pmetric.Metrics {
	for {
		md := pmetric.NewMetrics()
		if w.decoded(func(it *item) error {
			if it.kind == datagram.Metrics {
				return w.otlp.AppendMetrics(it.body, md)
			}
			return nil
		}) {
			return md
		}
	}
}

func (w *worker) decodeSegment(document string, td ptrace.Traces) error {
	s, err := w.segments.Decode(document)
	if err != nil {
		return err
	}
	w.r.toSpans(s, td)
	return nil
}

// decoded calls decode for each item. If that panics, the item is rejected and
// decoded returns false: what was decoded so far may hold half of it, and the
// caller starts anew without it.
func (w *worker) decoded(decode func(*item) error) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			it := &w.items[w.current]
			w.r.logger.Error("Panic while decoding a datagram, which is dropped; please report it",
				zap.Any("panic", p), zap.String("datagram", excerpt(it.datagram)), zap.ByteString("stack", debug.Stack()))
			w.r.counters.rejected(reasonPanic, 1)
			it.kind = 0
			w.segments, w.otlp = segment.Decoder{}, datagram.Decoder{}
		}
	}()
	for w.current = range w.items {
		it := &w.items[w.current]
		if it.kind == 0 {
			continue
		}
		if err := decode(it); err != nil {
			reason, words := explain(err)
			w.r.reject(reason, words, it.body, err)
			it.kind = 0
		}
	}
	return true
}
