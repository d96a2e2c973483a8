package xraytailsamplingprocessor

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tailwater-otel/tailwater/internal/tracebuffer"
	"github.com/tailwater-otel/tailwater/internal/tracesummary"
)

// shard holds the traces whose ID hashes to it, and what was decided of those
// before them. mu guards all of it.
type shard struct {
	mu         sync.Mutex
	buffer     *tracebuffer.Buffer
	kept       *cache[*verdict]
	dropped    *cache[*verdict]
	verdicts   map[outcome]*verdict
	view       tracesummary.View
	at         *tracebuffer.Trace // that is being decided
	unreported unreported
}

// unreported is what was decided since it was reported last: a counter of the
// collector takes longer than many a decision.
type unreported struct {
	verdicts []*verdict
	causes   map[string]int64
}

func (y *unreported) add(v *verdict, cause string, spans int) {
	if v.traces == 0 {
		y.verdicts = append(y.verdicts, v)
	}
	v.traces++
	v.spans += int64(spans)
	y.causes[cause]++
}

// report counts what a shard has decided. The caller holds its mutex.
func (p *tailSampler) report(ctx context.Context, s *shard) {
	for _, v := range s.unreported.verdicts {
		p.telemetry.ProcessorXrayTailSamplingTraces.Add(ctx, v.traces, v.attributes)
		p.telemetry.ProcessorXrayTailSamplingSpans.Add(ctx, v.spans, v.attributes)
		v.traces, v.spans = 0, 0
	}
	for cause, n := range s.unreported.causes {
		p.telemetry.ProcessorXrayTailSamplingDecisions.Add(ctx, n, p.causes[cause])
	}
	clear(s.unreported.verdicts)
	s.unreported.verdicts = s.unreported.verdicts[:0]
	clear(s.unreported.causes)
}

// parcel is spans on their way out.
type parcel struct {
	kept    *tracebuffer.Kept
	verdict *verdict
}

// batchOfDue is how many traces a shard looks at before it lets others in.
const batchOfDue = 64

// take puts the spans of a batch that are of this shard into it, and appends
// what they make ready to be sent.
func (p *tailSampler) take(ctx context.Context, s *shard, all []incoming, mine []int32, now time.Time, out []parcel) []parcel {
	for len(mine) > 0 {
		out, mine = p.takeUntil(ctx, s, all, mine, now, out)
	}
	return out
}

// takeUntil takes groups until one fails, and returns those behind it.
func (p *tailSampler) takeUntil(ctx context.Context, s *shard, all []incoming, mine []int32, now time.Time, sofar []parcel) (out []parcel, rest []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer p.report(ctx, s)
	out = sofar
	defer func() {
		if r := recover(); r != nil && !p.undecided(ctx, s, r) {
			p.lost(ctx, int64(all[mine[len(mine)-len(rest)-1]].spans), lostInternal)
		}
	}()
	for n, i := range mine {
		in := &all[i]
		rest = mine[n+1:]
		if v, known := s.kept.get(in.hash); known {
			p.late(ctx, v, in)
			out = append(out, parcel{tracebuffer.KeepGroup(in.group), v})
			continue
		}
		if v, known := s.dropped.get(in.hash); known {
			p.late(ctx, v, in)
			if p.cfg.DryRun {
				out = append(out, parcel{tracebuffer.KeepGroup(in.group), v})
			}
			continue
		}
		t := s.buffer.Add(in.id, in.group, now)
		if in.hasRandomness && !t.HasRandomness {
			t.Randomness, t.HasRandomness = in.randomness, true
		}
		if t.Size() > p.maxTraceBytes {
			s.build(t, p.ignoreMissing)
			out = p.settle(ctx, s, t, in.hash, causeTraceSize, now, out)
		}
		for p.budget.Used() > p.maxBytes {
			oldest := s.buffer.Oldest()
			if oldest == nil {
				break
			}
			s.build(oldest, p.ignoreMissing)
			out = p.settle(ctx, s, oldest, p.hash(oldest.ID), causeMemory, now, out)
		}
	}
	return out, nil
}

// build indexes the trace that is decided next.
func (s *shard) build(t *tracebuffer.Trace, ignoreMissing bool) {
	s.at = t
	s.view.Index.Build(t, ignoreMissing)
}

// late counts spans that came after their trace was decided.
func (p *tailSampler) late(ctx context.Context, v *verdict, in *incoming) {
	p.telemetry.ProcessorXrayTailSamplingSpans.Add(ctx, int64(in.spans), v.attributes)
	decision := "dropped"
	if v.kept {
		decision = "kept"
	} else if in.faults > 0 {
		p.telemetry.ProcessorXrayTailSamplingLateFaults.Add(ctx, in.faults)
	}
	p.telemetry.ProcessorXrayTailSamplingLateSpans.Add(ctx, int64(in.spans),
		metric.WithAttributes(attribute.String("decision", decision)))
}

// due decides the traces of a shard whose time has come, a few at a time. more
// says that there may be others.
func (p *tailSampler) due(ctx context.Context, s *shard, now time.Time) (out []parcel, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer p.report(ctx, s)
	defer func() {
		if r := recover(); r != nil {
			p.undecided(ctx, s, r)
			more = true
		}
	}()
	for range batchOfDue {
		t := s.buffer.Next(now)
		if t == nil {
			return out, false
		}
		s.build(t, p.ignoreMissing)
		cause := causeWait
		if s.view.Index.Complete(p.ignoreMissing) {
			cause = causeComplete
		} else if !s.buffer.Expired(t, now) {
			s.at = nil
			s.buffer.Wait(t)
			continue
		}
		out = p.settle(ctx, s, t, p.hash(t.ID), cause, now, out)
	}
	return out, true
}

// empty decides what is pending, oldest first, a few at a time.
func (p *tailSampler) empty(ctx context.Context, s *shard, now time.Time) (out []parcel, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer p.report(ctx, s)
	defer func() {
		if r := recover(); r != nil {
			p.undecided(ctx, s, r)
			more = true
		}
	}()
	for range batchOfDue {
		t := s.buffer.Oldest()
		if t == nil {
			return out, false
		}
		s.build(t, p.ignoreMissing)
		out = p.settle(ctx, s, t, p.hash(t.ID), causeShutdown, now, out)
	}
	return out, true
}

// settle decides a trace whose index has been built, takes it out of the
// buffer and remembers what was decided.
func (p *tailSampler) settle(ctx context.Context, s *shard, t *tracebuffer.Trace, hash uint64, cause string, now time.Time, out []parcel) []parcel {
	v := s.verdict(p.decide(&s.view, t, now))
	s.buffer.Remove(t)
	if v.kept {
		s.kept.put(hash, v)
	} else {
		s.dropped.put(hash, v)
	}
	s.unreported.add(v, cause, len(t.Spans))
	p.telemetry.ProcessorXrayTailSamplingDecisionDelay.Record(ctx, now.Sub(t.First).Seconds())
	if v.kept || p.cfg.DryRun {
		k := t.Take()
		if n := len(k.Superseded); n > 0 {
			p.telemetry.ProcessorXrayTailSamplingSupersededSpans.Add(ctx, int64(n))
		}
		out = append(out, parcel{k, v})
	}
	s.at = nil
	return out
}
