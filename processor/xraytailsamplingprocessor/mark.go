package xraytailsamplingprocessor

import (
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tailwater-otel/tailwater/internal/tracebuffer"
	"github.com/tailwater-otel/tailwater/internal/tracestate"
	"github.com/tailwater-otel/tailwater/internal/tracesummary"
)

// The attributes of spans that went through here.
const (
	attributeRule   = "aws.xray.sampling_rule_name" // X-Ray's own
	attributeReason = "tailwater.sampling.reason"
	// Under dry_run.
	attributeKept    = "tailwater.sampling.kept"
	attributeDryRule = "tailwater.sampling.rule"
)

const attributeInProgress = "aws.xray.inprogress"

// mark decodes the spans of a trace, without those in progress that are there
// completed, and writes the outcome on each.
func mark(k *tracebuffer.Kept, o *outcome, dryRun bool) (ptrace.Traces, error) {
	marks := 2
	if dryRun {
		marks = 3
	}
	td, err := k.Traces(marks)
	if err != nil {
		return td, err
	}
	superseded := map[uint64]int{}
	for _, id := range k.Superseded {
		superseded[id]++
	}
	if len(superseded) > 0 {
		td.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
			rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
				ss.Spans().RemoveIf(func(span ptrace.Span) bool {
					id := tracesummary.ID64(span.SpanID())
					if superseded[id] == 0 || !inProgress(span) {
						return false
					}
					superseded[id]--
					return true
				})
				return ss.Spans().Len() == 0
			})
			return rs.ScopeSpans().Len() == 0
		})
	}
	states := thresholds{of: o}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if dryRun {
					span.Attributes().PutBool(attributeKept, o.kept)
					span.Attributes().PutStr(attributeDryRule, o.name)
					span.Attributes().PutStr(attributeReason, o.reason)
					continue
				}
				span.Attributes().PutStr(attributeRule, o.name)
				span.Attributes().PutStr(attributeReason, o.reason)
				span.TraceState().FromRaw(states.with(span.TraceState().AsRaw()))
			}
		}
	}
	return td, nil
}

func inProgress(span ptrace.Span) bool {
	if span.EndTimestamp() == 0 {
		return true
	}
	open, found := span.Attributes().Get(attributeInProgress)
	return found && open.Bool()
}

// thresholds writes an outcome's threshold into tracestates. It remembers the
// last one, because most spans of a trace have the same.
type thresholds struct {
	of         *outcome
	known      bool
	state, put string
}

func (t *thresholds) with(state string) string {
	if !t.known || t.state != state {
		t.known, t.state = true, state
		t.put = tracestate.WithThreshold(state, t.of.threshold, t.of.known)
	}
	return t.put
}
