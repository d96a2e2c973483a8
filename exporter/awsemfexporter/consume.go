package awsemfexporter

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/emf"
)

// dropped counts a point that is in no event, and logs one a minute.
func (e *metricsExporter) dropped(reason, metric string) {
	e.builder.ExporterAwsemfPointsDropped.Add(context.Background(), 1, byReason(reason))
	if reason != reasonBase && reason != reasonNoValue {
		e.rare.Warn("Data points cannot be sent; this is one example of this minute", zap.String("reason", reason), zap.String("metric", metric))
	}
}

// ConsumeMetrics puts metrics into the window, or makes events of them and hands
// those to the queue. Once it has, trouble is the exporter's own: it returns no
// error for events that find no room, because the caller would send to all
// other exporters again. Only without a queue, or with wait_for_result, it
// returns the result.
func (e *metricsExporter) ConsumeMetrics(ctx context.Context, md pmetric.Metrics) error {
	e.count.points(ctx, md.DataPointCount())
	if e.translator.window != nil {
		e.hold(ctx, md)
		return nil
	}
	events, undo := e.events(ctx, md)
	if len(events) == 0 {
		return nil
	}
	return e.accept(ctx, events, undo)
}

// events makes events of one batch, in the order of the calls. undo takes the
// increments in them back.
func (e *metricsExporter) events(ctx context.Context, md pmetric.Metrics) (events []event, undo []undo) {
	e.mu.Lock()
	defer e.mu.Unlock()
	deltas := e.translator.deltas
	if !e.guard(ctx, md.DataPointCount(), func() { events = e.make(ctx, e.translator.translate(md)) }) {
		deltas.rollBack(deltas.take())
		deltas.undo = nil
		return nil, nil
	}
	e.tellSets(ctx)
	undo = deltas.take()
	deltas.commit(time.Now())
	return events, undo
}

// guard runs what arriving data could lead into an error in the program, which
// must not end the process. It returns false if it did; then the values are
// lost.
func (e *metricsExporter) guard(ctx context.Context, values int, run func()) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			e.rare.Error("Error in the program: metrics could not be made events", zap.Any("panic", r), zap.ByteString("stack", debug.Stack()))
			e.builder.ExporterAwsemfMetricsDropped.Add(ctx, int64(values), byReason("panic"))
		}
	}()
	run()
	return true
}

// make makes events of groups.
func (e *metricsExporter) make(ctx context.Context, groups []*group) (events []event) {
	now := time.Now()
	var all emf.Report
	for _, g := range groups {
		ev := g.event()
		ev.JSON = e.cfg.ParseJSONEncodedAttributeValues
		ev.Version0 = e.cfg.Version == "0"
		if e.cfg.OutputDestination == toAgent {
			ev.LogGroup, ev.LogStream = g.target.group, g.target.stream
		}
		r := e.writer.Documents(ev, func(document []byte) {
			events = append(events, event{g.target.group, g.target.stream, g.timestamp, document})
		})
		if r != (emf.Report{}) {
			all.Add(r)
			e.rare.Warn("An event could not have everything; this is one example of this minute", zap.String("log_group", g.target.group),
				zap.String("metric", g.metrics[0].name), zap.Int("metrics_too_large", r.MetricsTooLarge), zap.Int("metrics_name_taken", r.MetricsClashed),
				zap.Int("fields_too_large", r.FieldsTooLarge), zap.Int("fields_name_taken", r.FieldsClashed))
		}
		e.costs.add(ev, now)
	}
	e.count.events(ctx, len(events), all)
	e.tellCost()
	return events
}

// tellSets counts the dimension sets that were left out and logs one.
func (e *metricsExporter) tellSets(ctx context.Context) {
	rules := e.translator.rules
	if rules.tooLarge == 0 {
		return
	}
	e.count.setsTooLarge(ctx, rules.tooLarge)
	e.rare.Warn("A dimension set has more than 30 dimensions and is left out; this is one example of this minute",
		zap.String("metric", rules.tooLargeOf))
	rules.tooLarge = 0
}

// tellCost logs the estimate once the first metrics are known, and when it has doubled.
func (e *metricsExporter) tellCost() {
	if !e.costs.news() {
		return
	}
	now := e.costs.estimate()
	if now.metrics == 0 || e.told.metrics > 0 && now.metrics < 2*e.told.metrics {
		return
	}
	e.told = now
	e.logger.Info("CloudWatch bills each namespace, metric name and combination of dimensions as a metric",
		zap.Int("metrics", now.metrics), zap.Float64("usd_per_month", now.dollars),
		zap.String("largest_dimension", now.dimension), zap.Int("metrics_fewer_without_it", now.fewer))
}

// accept hands the events of a batch to the queue.
func (e *metricsExporter) accept(ctx context.Context, events []event, undo []undo) error {
	if e.cfg.answers() {
		err := e.offer(ctx, events)
		if err != nil {
			// The caller may send the same metrics again.
			e.rollBack(undo)
		}
		return err
	}
	chunk := e.chunk(len(events))
	for first := true; len(events) > 0; first = false {
		n := chunk.first(events)
		if err := e.offer(ctx, events[:n:n]); err != nil {
			e.health.Full(err)
			if first {
				// The next points of cumulative series carry the increments.
				e.rollBack(undo)
				n = len(events)
			}
			e.count.dropped(ctx, queueReason(err), n)
		}
		events = events[n:]
	}
	return nil
}

// chunk is how much of n events goes into one item of the queue.
func (e *metricsExporter) chunk(n int) limits {
	chunk := limits{events: n, bytes: maxChunkBytes}
	if queue := e.cfg.SendingQueue.Get(); queue.Sizer == exporterhelper.RequestSizerTypeItems {
		chunk.events = int(min(int64(n), queue.QueueSize)) // more never has room
	}
	return chunk
}

// queueReason says why the queue did not take events.
func queueReason(err error) string {
	if errors.Is(err, exporterhelper.ErrQueueIsFull) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return reasonQueueFull
	}
	return reasonQueueError
}

func (e *metricsExporter) rollBack(undo []undo) {
	if len(undo) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.translator.deltas.rollBack(undo)
}

// portionKey is the context key of the events on their way into the queue:
// exporterhelper makes a queue item from metrics, and ours is made already.
type portionKey struct{}

var noMetrics = pmetric.NewMetrics()

func (e *metricsExporter) offer(ctx context.Context, events []event) error {
	return e.queue.ConsumeMetrics(context.WithValue(ctx, portionKey{}, newPortion(events)), noMetrics)
}

func fromContext(ctx context.Context, _ pmetric.Metrics) (xexporterhelper.Request, error) {
	p, ok := ctx.Value(portionKey{}).(*portion)
	if !ok {
		return nil, errors.New("no events in the context")
	}
	return p, nil
}
