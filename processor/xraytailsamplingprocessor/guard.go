package xraytailsamplingprocessor

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/tailwater-otel/tailwater/internal/tracebuffer"
	"github.com/tailwater-otel/tailwater/internal/tracesummary"
)

// Spans come from outside. Should one of them hit an error in the program,
// that costs the spans it came with, which are counted, and not the process
// with all that is pending in it.

// panics says when the last one was logged, Unix nanoseconds.
type panics struct{ logged atomic.Int64 }

// panicInterval is how often a panic is logged: what one span brings about, the
// next one of its kind does too.
const panicInterval = time.Minute

func (p *tailSampler) panicked(what string, r any) {
	now, last := time.Now().UnixNano(), p.panics.logged.Load()
	if last != 0 && now-last < int64(panicInterval) || !p.panics.logged.CompareAndSwap(last, now) {
		return
	}
	p.logger.Error("Error in the program: "+what+"; please report it", zap.Any("panic", r), zap.ByteString("stack", debug.Stack()))
}

// read collects a batch.
func (p *tailSampler) read(c *collector, td ptrace.Traces) (all []incoming, err error) {
	defer func() {
		if r := recover(); r != nil {
			p.panicked("a batch of spans could not be read, and is lost", r)
			err = fmt.Errorf("the batch cannot be read: %v", r)
		}
	}()
	return c.collect(td, p.wanted.Load()), nil
}

// undecided takes the trace out of a shard of which the decision panicked, and
// reports whether there was one. The caller holds the shard's mutex.
func (p *tailSampler) undecided(ctx context.Context, s *shard, r any) bool {
	p.panicked("a trace could not be decided, and is lost", r)
	s.view = tracesummary.View{} // it may be half of a trace
	t := s.at
	if t == nil {
		return false
	}
	s.at = nil
	if s.buffer.Get(t.ID) == t {
		s.buffer.Remove(t)
	}
	p.lost(ctx, int64(len(t.Spans)), lostInternal)
	return true
}

// marked is what is sent of parcels, of all of which the same was decided.
func (p *tailSampler) marked(all []parcel) (td ptrace.Traces, err error) {
	defer func() {
		if r := recover(); r != nil {
			p.panicked("kept traces cannot be read", r)
			err = fmt.Errorf("decode a kept trace: %v", r)
		}
	}()
	kept := all[0].kept
	if len(all) > 1 {
		together := make([]*tracebuffer.Kept, len(all))
		for i := range all {
			together[i] = all[i].kept
		}
		kept = tracebuffer.Join(together)
	}
	return mark(kept, &all[0].verdict.outcome, p.cfg.DryRun)
}
