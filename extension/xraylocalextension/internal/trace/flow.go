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
		v := Visit{Service: svc, Span: spanOf(s), Inferred: s.Inferred == segment.True}
		owner := t.owners[s.ParentID]
		switch {
		case s.ParentID == (segment.ID{}) || owner == nil:
			v.Root = true
			f.Calls = append(f.Calls, Call{From: ClientOf(svc), To: svc, Span: v.Span})
		case owner.Independent:
			// The caller's service is not known until its segment comes.
		case owner.ID == s.ParentID:
			f.Calls = append(f.Calls, Call{From: ServiceOf(owner), To: svc, Span: v.Span})
		}
		f.Visits = append(f.Visits, v)
		if v.Inferred {
			continue
		}
		for _, n := range s.Subsegments {
			walk(n, func(e *segment.Segment) {
				for _, c := range t.callees[e.ID] {
					to := ServiceOf(c)
					call := Call{From: svc, To: to, Span: spanOf(e)}
					if c.Inferred != segment.True && e.Name != to.Name && isCall(e) {
						call.Alias = e.Name
					}
					f.Calls = append(f.Calls, call)
				}
			})
		}
	}
	return f
}

func spanOf(s *segment.Segment) Span {
	span := Span{Start: s.StartTime, End: s.EndTime, State: StateOf(s)}
	if s.InProgress == segment.True {
		span.End = 0
	}
	return span
}
