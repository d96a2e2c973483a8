package xraytailsamplingprocessor

import (
	"encoding/binary"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tailwater-otel/tailwater/internal/filterexpr"
	"github.com/tailwater-otel/tailwater/internal/samplingrule"
	"github.com/tailwater-otel/tailwater/internal/tracebuffer"
	"github.com/tailwater-otel/tailwater/internal/tracestate"
	"github.com/tailwater-otel/tailwater/internal/tracesummary"
)

// Why a trace was decided when it was.
const (
	causeComplete  = "complete"
	causeWait      = "wait"
	causeMemory    = "memory"
	causeTraceSize = "trace_size"
	causeShutdown  = "shutdown"
)

// Why a trace was kept or dropped.
const (
	reasonDrop       = "drop"
	reasonKeep       = "keep"
	reasonReservoir  = "reservoir"
	reasonBorrow     = "borrow"
	reasonFixedRate  = "fixed_rate"
	reasonNotSampled = "not_sampled"
)

var ruleReasons = [...]string{
	samplingrule.NotSampled: reasonNotSampled, samplingrule.ByReservoir: reasonReservoir,
	samplingrule.ByBorrow: reasonBorrow, samplingrule.ByRate: reasonFixedRate,
}

// outcome is what was decided for a trace.
type outcome struct {
	kept bool
	// name is that of the policy or rule.
	name, reason string
	// threshold is that of the randomness below which the trace would have
	// been dropped; known is false where a cap had a say.
	threshold uint64
	known     bool
}

// verdict is an outcome as it is shared by all traces that have it.
type verdict struct {
	outcome
	attributes metric.MeasurementOption

	traces, spans int64 // decided and not reported yet; the shard's mutex guards them
}

// maxVerdicts bounds the outcomes that a shard remembers. There are a few for
// each rule and policy.
const maxVerdicts = 4096

func (s *shard) verdict(o outcome) *verdict {
	if v, known := s.verdicts[o]; known {
		return v
	}
	if len(s.verdicts) >= maxVerdicts {
		clear(s.verdicts) // those that traces had are in s.unreported too
	}
	decision := "dropped"
	if o.kept {
		decision = "kept"
	}
	v := &verdict{outcome: o, attributes: metric.WithAttributeSet(attribute.NewSet(
		attribute.String("decision", decision), attribute.String("reason", o.reason), attribute.String("rule", o.name)))}
	s.verdicts[o] = v
	return v
}

// decide decides a trace whose index has been built.
func (p *tailSampler) decide(v *tracesummary.View, t *tracebuffer.Trace, now time.Time) outcome {
	request := request(v, t)
	o, rule := p.choose(v, t, &request, now)
	// X-Ray boosts a rule by the failed requests of all traffic, which the tail
	// sees.
	fault := t.Spans[v.Entry()].Flags&tracebuffer.Fault != 0
	p.rules.Observe(rule, request.ServiceName, fault, o.kept)
	return o
}

// glance is a look at a trace that sees no more than the filters that are
// asked need: that of faults, asked about a trace without any, nothing, and
// that of slow traces no service graph.
type glance struct {
	view     *tracesummary.View
	trace    *tracebuffer.Trace
	fields   *filterexpr.Fields
	now      time.Time
	failures filterexpr.Failures

	seen   *filterexpr.Trace
	inside bool
}

func (g *glance) matches(p *policy) bool {
	if p.filter.Needs()&^g.failures != 0 {
		return false
	}
	if g.seen == nil {
		g.seen = g.view.LookOutside(g.trace, g.fields, g.now)
	}
	if f := p.filter.Fields(); !g.inside && (f.Nodes || f.Edges) {
		g.inside = true
		g.view.LookInside(g.trace, g.fields)
	}
	return p.filter.Match(g.seen)
}

// choose asks the policies and the rules. rule is the one that matches.
func (p *tailSampler) choose(v *tracesummary.View, t *tracebuffer.Trace, request *samplingrule.Request, now time.Time) (_ outcome, rule string) {
	policies := p.policies.Load()
	look := glance{view: v, trace: t, fields: &policies.fields, now: now, failures: v.Failures()}
	for _, d := range policies.drop {
		if look.matches(d) {
			return outcome{name: d.name, reason: reasonDrop}, p.rules.Count(request)
		}
	}
	randomness, capped := randomnessOfTrace(t), false
	for _, k := range policies.keep {
		if randomness < k.threshold || !look.matches(k) {
			continue
		}
		if !k.take(now) {
			capped = true
			continue
		}
		o := outcome{kept: true, name: k.name, reason: reasonKeep}
		if k.perSecond == 0 && !capped {
			o.threshold, o.known = k.threshold, true
		}
		return o, p.rules.Count(request)
	}
	d := p.rules.Decide(request, time.Unix(0, int64(t.Spans[v.Entry()].Start)), now, randomness)
	o := outcome{kept: d.Sampled, name: d.Rule, reason: ruleReasons[d.Reason]}
	if d.Sampled && !capped {
		o.known = true
		if d.Reason == samplingrule.ByRate {
			o.threshold = samplingrule.Threshold(d.Rate)
		}
	}
	return o, d.Rule
}

// randomnessOfTrace is the explicit randomness, else the last 56 bits of the ID.
func randomnessOfTrace(t *tracebuffer.Trace) uint64 {
	if t.HasRandomness {
		return t.Randomness
	}
	return binary.BigEndian.Uint64(t.ID[8:]) & tracestate.Mask
}
