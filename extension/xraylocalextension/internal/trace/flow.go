package trace

import "github.com/tailwater-otel/tailwater/internal/segment"

// Span is when something ran and how it ended.
type Span struct {
	Start, End segment.Time // End is 0 while it runs
	State      State
}

// Visit is one request that a service worked on.
type Visit struct {
	Service  Service
	Span     Span
	Root     bool // it came from outside the trace
	Inferred bool // the service sent no segment
}

// Call is one request from one service to another. From is of the type
// "client" for requests from outside the trace.
type Call struct {
	From, To Service
	Alias    string // what the caller called it, if that is another name
	Span     Span
}

// Flow is what one trace adds to a service graph.
type Flow struct {
	Visits []Visit
	Calls  []Call
}

// ClientOf returns the service that stands for the callers of root.
func ClientOf(root Service) Service {
	return Service{Name: root.Name, Type: "client"}
}

// Flow works out the visits and calls of t. The figures of a visit are those
// of the service's segment, the figures of a call those of the caller's
// subsegment; where a segment itself is the caller, of the called segment.
func (t *Trace) Flow() Flow {
	var f Flow
	for _, s := range t.Segments {
		if s.Independent {
			continue
		}
		svc := ServiceOf(s)
		v := Visit{Service: svc, Span: spanOf(s), Root: t.fromOutside(s), Inferred: s.Inferred == segment.True}
		if v.Root {
			f.Calls = append(f.Calls, Call{From: ClientOf(svc), To: svc, Span: v.Span})
		}
		f.Visits = append(f.Visits, v)
		t.calls(s, func(from, to, seen *segment.Segment) {
			call := Call{From: ServiceOf(from), To: ServiceOf(to), Span: spanOf(seen)}
			if to.Inferred != segment.True && isCall(seen) && seen.Name != call.To.Name {
				call.Alias = seen.Name
			}
			f.Calls = append(f.Calls, call)
		})
	}
	return f
}

// fromOutside reports whether nothing in the trace called the segment s.
func (t *Trace) fromOutside(s *segment.Segment) bool {
	return s.ParentID == (segment.ID{}) || t.owners[s.ParentID] == nil
}

// calls tells of each call between services that the segment s shows: the one
// of another segment to s, then those of its subsegments to others. seen is
// whose figures the call has: the caller's subsegment, or the called segment
// if the caller is a segment itself. Where the caller's segment has not come,
// its service is not known and there is no call.
func (t *Trace) calls(s *segment.Segment, f func(from, to, seen *segment.Segment)) {
	if s.Independent {
		return
	}
	if owner := t.owners[s.ParentID]; owner != nil && !t.fromOutside(s) && !owner.Independent && owner.ID == s.ParentID {
		f(owner, s, s)
	}
	if s.Inferred == segment.True {
		return
	}
	for _, n := range s.Subsegments {
		walk(n, func(e *segment.Segment) {
			for _, c := range t.callees[e.ID] {
				f(s, c, e)
			}
		})
	}
}

func spanOf(s *segment.Segment) Span {
	span := Span{Start: s.StartTime, End: s.EndTime, State: StateOf(s)}
	if s.InProgress == segment.True {
		span.End = 0
	}
	return span
}
